"""Every `slug/variant` of the book: what trains it, what assembles it, on which data.

A variant's name is a network's, with a suffix where its data differ: `groupdnet-light` is
GroupDNet where all classes share an illumination, `groupdnet-8` and `groupdnet-40` know another
number of classes. Suffixes go with `places`, whose knobs they turn. `bachgan-bank4` is BachGAN
with a quarter of the memory bank. `controllable-3d` is trained on cars on white, with `-ground` on
cars on a ground of two tones, with `-marked` on cars whose front nobody takes for the back, with
`-room` on furniture in rooms and with `-table` on fruit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn
from torch.utils.data import Dataset

from synthbook import bachgan, controllable_3d, headings, judges, smis, stylegan2
from synthbook.bachgan import layout2im as boxed_layout2im
from synthbook.bachgan import published as bachgan_published
from synthbook.bachgan import recipe as bachgan_recipes
from synthbook.bachgan.network import VARIANTS as BACHGAN
from synthbook.baselines import bicyclegan, decoders, dscgan, layout2im, pix2pixhd, spade
from synthbook.controllable_3d import recipe as controllable_3d_recipes
from synthbook.datasets.generated import SPLITS
from synthbook.game import LayoutModel, Weights
from synthbook.perceptual import vgg19
from synthbook.semantic_pyramid import classifier as classifiers
from synthbook.semantic_pyramid import recipe as pyramid_recipes
from synthbook.semantic_pyramid.published import published_recipe as pyramid_published
from synthbook.smis import recipe as smis_recipes
from synthbook.smis.prior import fit_prior
from synthbook.smis.published import published_recipe
from synthbook.stylegan2 import recipe as stylegan2_recipes
from synthbook.training import Recipe

DATASETS = ("places", "faces")
# published heights; read from the user's folder
REAL = {"deepfashion": 256, "cityscapes": 256, "ade20k": 256, "places365": 224}
SMALL = {"smoke": {"count": 64}, "laptop": {"count": 400}}
SMIS_SHORT = Weights(rate_g=2e-3, warm=0.75, ramp=0.1)  # a minute: mostly learning to rebuild
SMIS_SMALL = {scale: {**small, "batch": 8, "weights": SMIS_SHORT} for scale, small in SMALL.items()}
SMIS_IMAGES = {"smoke": 64, "laptop": 1_600, "ablation": 24_000, "ship": 400_000}
STYLEGAN2_IMAGES = {"smoke": 64, "laptop": 2_000, "ablation": 150_000, "ship": 800_000}
STYLEGAN2_SMALL = {"smoke": {"count": 64, "batch": 4}, "laptop": {"count": 400, "batch": 8}}
PYRAMID_IMAGES = {"smoke": 64, "laptop": 2_000, "ablation": 80_000, "ship": 400_000}
PYRAMID_SMALL = {"smoke": {"count": 64, "batch": 8, "lenient": True},
                 "laptop": {"count": 400, "batch": 8}}
CONTROLLABLE_IMAGES = {"smoke": 64, "laptop": 1_600, "ablation": 60_000, "ship": 400_000}
BOXED_CARS = layout2im.Weights(l1=40.0, kl=0.002, warm=0.5)  # cars cover a fifteenth of a picture
CLASSIFIER_IMAGES = {"smoke": 64, "laptop": 4_000, "ablation": 80_000, "ship": 160_000}
FINE_JUDGE = "judges/segmenter-40"  # of the forty classes that BachGAN's boxes name
JUDGE_IMAGES = {"smoke": 64, "laptop": 2_000, "ablation": 16_000, "ship": 48_000}
HEADING_IMAGES = {"smoke": 64, "laptop": 2_000, "ablation": 64_000, "ship": 96_000}
READER_IMAGES = {"smoke": 64, "laptop": 2_000, "ablation": 16_000, "ship": 24_000}
STANDING: dict[str, tuple[str, dict[str, Any]]] = {  # suffix, dataset, and the knobs that it sets
    "": ("cars", {"background": "white"}), "-ground": ("cars", {"background": "ground"}),
    "-marked": ("cars", {"background": "white", "mark": 1.0}),
    "-room": ("furniture", {"background": "room"}), "-table": ("fruit", {"background": "table"})}
VSPADE = {"vspade": "smis/vspade"}
BANKS = {"bachgan-bank4": 2_500, "bachgan-bank16": 625}  # of 10,000 training scenes
COMPARED = {  # rivals of BachGAN's variants; of all others SPADE from boxes
    "bachgan": ("spade-boxes", "random-3", "kin-3", "bachgan-r", "bachgan-1", "bachgan-5",
                *BANKS, "layout2im"),
    "bachgan-r": ("spade-boxes", "spade-seg"), "segmentation": ("bachgan",), "spade-boxes": ()}


@dataclass(frozen=True)
class Model:
    """What the book knows of one `slug/variant`.

    Parameters
    ----------
    recipe   : (dataset, size, images, **settings) to the training recipe.
    assemble : a stored config to the module that :func:`synthbook.load` returns.
    images   : length of a run at each scale.
    parts    : names of the run's networks that ship.
    sizes    : image sizes that exist.
    datasets : generated datasets that it can be trained on.
    paper    : (dataset, root) to the published recipe, where there is one.
    real     : real datasets that it was published on.
    finish   : what is set on the trained module from the training data.
    settings : further arguments of `recipe` at a scale: fewer items, other loss weights.
    judge    : the judge of the data that it is trained on.
    rivals   : models that its distance to real images is compared with, layout by layout, by
               the names of their variants without a suffix.
    built_on : the model whose weights it uses, where nothing is trained for it.
    borrowed : a stored config to `{part: weights}`, of parts of the module that have a file of
               their own and are not kept twice.
    """

    recipe: Callable[..., Recipe]
    assemble: Callable[[dict], nn.Module]
    images: dict[str, int]
    parts: tuple[str, ...]
    sizes: tuple[int, ...] = (32, 64)
    datasets: tuple[str, ...] = DATASETS
    paper: Callable[..., Recipe] | None = None
    real: tuple[str, ...] = ()
    finish: Callable[[nn.Module, Dataset], None] | None = None
    settings: dict[str, dict] = field(default_factory=lambda: SMALL)
    judge: str = "judges/segmenter"
    rivals: dict[str, str] = field(default_factory=dict)
    built_on: str = ""
    borrowed: Callable[[dict], dict[str, Path]] = lambda stored: {}


def tuples(stored: dict) -> dict:
    """JSON's lists as the tuples that frozen configs hold."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()}


def smis_model(variant: str) -> Model:
    """GroupDNet or one of its relatives."""
    def assemble(stored: dict) -> LayoutModel:
        return smis_recipes.model(variant, smis.Config(**tuples(stored["model"])))

    return Model(partial(smis_recipes.recipe, variant), assemble, SMIS_IMAGES,
                 ("generator", "encoder"), finish=fit_prior, settings=SMIS_SMALL,
                 rivals=VSPADE)


def compared(variant: str) -> dict[str, str]:
    """The rivals of one of BachGAN's variants."""
    return {name: f"bachgan/{name}" for name in COMPARED.get(variant, ("spade-boxes",))}


def bachgan_model(name: str) -> Model:
    """BachGAN, with its bank or a smaller one, or one of the models that it is compared with."""
    variant, bank = ("bachgan", BANKS[name]) if name in BANKS else (name, None)

    def assemble(stored: dict) -> nn.Module:
        return bachgan.BachGAN(bachgan.Config(**tuples(stored["model"])))

    small = {scale: {**small, "batch": 8} for scale, small in SMALL.items()}
    return Model(partial(bachgan_recipes.recipe, variant, bank=bank), assemble, SMIS_IMAGES,
                 ("generator",), datasets=("places",), settings=small, judge=FINE_JUDGE,
                 rivals=compared(name))


def layout2im_model() -> Model:
    """Layout2Im, which is given boxes one by one where BachGAN is given their layout."""
    def assemble(stored: dict) -> nn.Module:
        return layout2im.model(layout2im.Config(**tuples(stored["model"])))

    small = {scale: {**small, "batch": 8} for scale, small in SMALL.items()}
    return Model(boxed_layout2im.recipe, assemble, SMIS_IMAGES, ("generator", "encoder"),
                 datasets=("places",), settings=small, judge=FINE_JUDGE,
                 rivals=compared("layout2im"))


def stylegan2_model() -> Model:
    """StyleGAN2, which is given latents alone."""
    def assemble(stored: dict) -> nn.Module:
        return stylegan2.StyleGAN2(stylegan2.Config(**tuples(stored["model"])))

    return Model(stylegan2_recipes.recipe, assemble, STYLEGAN2_IMAGES, ("mapping", "synthesis"),
                 datasets=("faces",), settings=STYLEGAN2_SMALL, judge="judges/reader")


def pyramid_model(variant: str) -> Model:
    """Semantic Pyramid, one of its variants, or decoders, with the classifier that they mirror."""
    room = decoders if variant in decoders.VARIANTS else pyramid_recipes
    rivals = {} if variant == "semantic-pyramid" else {
        "semantic-pyramid": "semantic-pyramid/semantic-pyramid"}
    return Model(partial(room.recipe, variant), room.model, PYRAMID_IMAGES,
                 ("decoders" if room is decoders else "generator", "classifier"),
                 datasets=("places",), borrowed=classifiers.borrowed,
                 settings=PYRAMID_SMALL, judge="judges/classifier-residual",
                 rivals=rivals)


def controllable_3d_model(variant: str, suffix: str = "") -> Model:
    """The 3D controllable model or one of its relatives, on the data of a suffix."""
    def assemble(stored: dict) -> nn.Module:
        return controllable_3d.build(controllable_3d.Config(**tuples(stored["model"])))

    data, knobs = STANDING[suffix]
    small = {scale: {**small, "batch": 8} for scale, small in SMALL.items()}
    return Model(partial(controllable_3d_recipes.recipe, variant, **knobs), assemble,
                 CONTROLLABLE_IMAGES, ("generator",), datasets=(data,), settings=small,
                 judge="judges/pose" + suffix,
                 rivals={} if variant == "controllable-3d" else {
                     "controllable-3d": "controllable-3d/controllable-3d" + suffix})


def classifier_model(architecture: str) -> Model:
    """A classifier of categories: the pyramid, or the judge that stands beside it."""
    def assemble(stored: dict) -> nn.Module:
        return classifiers.ARCHITECTURES[architecture](classifiers.stored_config(stored))

    return Model(partial(classifiers.classifier_recipe, architecture), assemble,
                 CLASSIFIER_IMAGES, ("classifier",), datasets=("places",))


def baseline(module: Any, *parts: str) -> Model:
    """A model of `synthbook.baselines`, from the module that defines it."""
    def assemble(stored: dict) -> LayoutModel:
        return module.model(module.Config(**tuples(stored["model"])))

    small = {scale: {**small, "batch": 8} for scale, small in SMALL.items()}
    return Model(module.recipe, assemble, SMIS_IMAGES, parts, settings=small,
                 finish=fit_prior if "encoder" in parts else None, rivals=VSPADE)


def segmenter_module(stored: dict) -> nn.Module:
    """A segmenter judge from its stored config."""
    return judges.Segmenter(judges.SegmenterConfig(**tuples(stored)))


def reader_module(stored: dict) -> nn.Module:
    """A reader of traits from its stored config."""
    return judges.Reader(judges.ReaderConfig(**tuples(stored)))


def pose_model(suffix: str = "") -> Model:
    """The judge of the data of a suffix; it learns from as many pictures of each.

    Fruit are a small set for what is judged, not for the judge.
    """
    data, knobs = STANDING[suffix]
    return Model(partial(headings.heading_recipe, **knobs), heading_module, HEADING_IMAGES,
                 ("judge",), datasets=(data,),
                 settings={scale: {"count": SPLITS["train"]} for scale in HEADING_IMAGES} | SMALL)


def heading_module(stored: dict) -> nn.Module:
    """The judge of ray-cast objects from its stored config."""
    return headings.HeadingJudge(headings.HeadingConfig(**tuples(stored)))


def smis_paper(data: str, root: Path) -> Recipe:
    """GroupDNet as published."""
    return published_recipe(data, root, perceptual=vgg19)


def bachgan_paper(data: str, root: Path) -> Recipe:
    """BachGAN as published."""
    return bachgan_published.published_recipe(data, root, perceptual=vgg19)


def pyramid_paper(data: str, root: Path) -> Recipe:
    """Semantic Pyramid as published, as far as that is known."""
    return pyramid_published(root)


def turned(model: Model, suffix: str, knobs: dict, kept: Sequence[str]) -> Model:
    """The same model where the knobs of `places` are set otherwise.

    kept : the models that exist with this suffix, among them its rivals.
    """
    judge = model.judge + suffix if suffix in JUDGED else model.judge
    return replace(model, recipe=partial(model.recipe, **knobs), datasets=("places",), paper=None,
                   real=(), judge=judge,
                   rivals={called: rival + suffix for called, rival in model.rivals.items()
                           if rival in kept})


SMIS = ("groupdnet", "vspade", "groupnet", "groupenc", "mulnet", "groupdnet-map",
        "groupdnet-norm", "groupdnet-unsplit")
BASELINES = {
    "spade": baseline(spade, "generator"),
    "pix2pixhd": baseline(pix2pixhd, "generator"),
    "bicyclegan": baseline(bicyclegan, "generator", "encoder"),
    "dscgan": baseline(dscgan, "generator"),
}
KNOBS: dict[str, dict[str, Any]] = {  # suffix, and the knobs of `places` that it sets
    "-light": {"light": 1.0}, "-8": {"classes": 8}, "-40": {"classes": 40}}
TURNED = ("smis/groupdnet", "smis/vspade", "smis/groupnet", "smis/mulnet")
JUDGED = ("-8", "-40")  # other labels need another judge
STRENGTHS = {"-b0": {"background": 0.0}, "-b50": {"background": 0.5}}  # else 1
GROUNDED = ("no-condition",)  # differs only where backgrounds differ
WEAKENED = ("bachgan", "spade-boxes", "random-3", "kin-3")

MODELS: dict[str, Model] = {
    **{f"smis/{name}": smis_model(name) for name in SMIS},
    **{f"smis/{name}": model for name, model in BASELINES.items()},
    **{f"bachgan/{name}": bachgan_model(name) for name in (*BACHGAN, *BANKS)},
    "bachgan/layout2im": layout2im_model(),
    "controllable-3d/layout2im": replace(
        layout2im_model(), recipe=partial(boxed_layout2im.recipe, background="white",
                                          weights=BOXED_CARS),
        images=CONTROLLABLE_IMAGES, datasets=("cars",), judge="judges/pose",
        rivals={"controllable-3d": "controllable-3d/controllable-3d"}),
    "stylegan2/stylegan2": stylegan2_model(),
    "image2stylegan-pp/embedding": replace(stylegan2_model(), built_on="stylegan2/stylegan2"),
    **{f"semantic-pyramid/{name}": pyramid_model(name)
       for name in (*pyramid_recipes.VARIANTS, *decoders.VARIANTS)},
    **{f"controllable-3d/{name}": controllable_3d_model(name)
       for name in controllable_3d.VARIANTS if name not in GROUNDED},
    **{f"controllable-3d/{name}-ground": controllable_3d_model(name, "-ground")
       for name in ("controllable-3d", "gan", *GROUNDED)},
    **{f"controllable-3d/controllable-3d{suffix}": controllable_3d_model("controllable-3d", suffix)
       for suffix in ("-marked", "-room", "-table")},
    **{f"controllable-3d/{name}-marked": controllable_3d_model(name, "-marked")
       for name in ("anchored", "held")},
    **{f"judges/{name}": classifier_model(name) for name in classifiers.ARCHITECTURES},
    "judges/segmenter": Model(judges.segmenter_recipe, segmenter_module, JUDGE_IMAGES,
                              ("segmenter",), datasets=(*DATASETS, "cars")),
    "judges/segmenter-ground": Model(partial(judges.segmenter_recipe, background="ground"),
                                     segmenter_module, JUDGE_IMAGES, ("segmenter",),
                                     datasets=("cars",)),
    **{f"judges/pose{suffix}": pose_model(suffix) for suffix in STANDING},
    "judges/reader": Model(judges.reader_recipe, reader_module, READER_IMAGES, ("reader",),
                           datasets=("faces",)),
}
MODELS["smis/groupdnet"] = replace(MODELS["smis/groupdnet"], paper=smis_paper,
                                   real=("deepfashion", "cityscapes"))
MODELS["bachgan/bachgan"] = replace(MODELS["bachgan/bachgan"], paper=bachgan_paper,
                                    real=("cityscapes", "ade20k"))
MODELS["semantic-pyramid/semantic-pyramid"] = replace(
    MODELS["semantic-pyramid/semantic-pyramid"], paper=pyramid_paper, real=("places365",))
MODELS |= {name + suffix: turned(MODELS[name], suffix, knobs, TURNED)
           for suffix, knobs in KNOBS.items()
           for name in (*TURNED, *(("judges/segmenter",) if suffix in JUDGED else ()))}
MODELS |= {f"bachgan/{name}{suffix}": turned(
               MODELS[f"bachgan/{name}"], suffix, knobs, [f"bachgan/{n}" for n in WEAKENED])
           for suffix, knobs in STRENGTHS.items() for name in WEAKENED}
DEFAULTS = {"smis": "smis/groupdnet", "bachgan": "bachgan/bachgan",
            "stylegan2": "stylegan2/stylegan2",
            "image2stylegan-pp": "image2stylegan-pp/embedding",
            "semantic-pyramid": "semantic-pyramid/semantic-pyramid",
            "controllable-3d": "controllable-3d/controllable-3d", "judges": "judges/segmenter"}
