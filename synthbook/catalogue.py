"""Every `slug/variant` of the book: what trains it, what assembles it, on which data.

A variant's name is a network's, with a suffix where its data differ: `groupdnet-light` is
GroupDNet where all classes share an illumination, `groupdnet-8` and `groupdnet-40` know another
number of classes. Suffixes go with `places`, whose knobs they turn.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn
from torch.utils.data import Dataset

from synthbook import bachgan, judges, smis
from synthbook.bachgan import layout2im as boxed_layout2im
from synthbook.bachgan import recipe as bachgan_recipes
from synthbook.bachgan.network import VARIANTS as BACHGAN
from synthbook.baselines import bicyclegan, dscgan, layout2im, pix2pixhd, spade
from synthbook.game import LayoutModel, Weights
from synthbook.smis import recipe as smis_recipes
from synthbook.smis.perceptual import vgg19
from synthbook.smis.prior import fit_prior
from synthbook.smis.published import published_recipe
from synthbook.training import Recipe

DATASETS = ("places", "faces")
REAL = {"deepfashion": 256, "cityscapes": 256}  # published heights; read from the user's folder
SMALL = {"smoke": {"count": 64}, "laptop": {"count": 400}}
SMIS_SHORT = Weights(rate_g=2e-3, warm=0.75, ramp=0.1)  # a minute: mostly learning to rebuild
SMIS_SMALL = {scale: {**small, "batch": 8, "weights": SMIS_SHORT} for scale, small in SMALL.items()}
SMIS_IMAGES = {"smoke": 64, "laptop": 1_600, "ablation": 24_000, "ship": 400_000}
JUDGE_IMAGES = {"smoke": 64, "laptop": 2_000, "ablation": 16_000, "ship": 48_000}


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
    finish   : what is set on the trained module from the training data.
    settings : further arguments of `recipe` at a scale: fewer items, other loss weights.
    judge    : the judge of the data that it is trained on.
    rival    : the model that its distance to real images is compared with, layout by layout.
    """

    recipe: Callable[..., Recipe]
    assemble: Callable[[dict], nn.Module]
    images: dict[str, int]
    parts: tuple[str, ...]
    sizes: tuple[int, ...] = (32, 64)
    datasets: tuple[str, ...] = DATASETS
    paper: Callable[..., Recipe] | None = None
    finish: Callable[[nn.Module, Dataset], None] | None = None
    settings: dict[str, dict] = field(default_factory=lambda: SMALL)
    judge: str = "judges/segmenter"
    rival: str = ""


def tuples(stored: dict) -> dict:
    """JSON's lists as the tuples that frozen configs hold."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()}


def smis_model(variant: str) -> Model:
    """GroupDNet or one of its relatives."""
    def assemble(stored: dict) -> LayoutModel:
        return smis_recipes.model(variant, smis.Config(**tuples(stored["model"])))

    return Model(partial(smis_recipes.recipe, variant), assemble, SMIS_IMAGES,
                 ("generator", "encoder"), finish=fit_prior, settings=SMIS_SMALL,
                 rival="smis/vspade")


def bachgan_model(variant: str) -> Model:
    """BachGAN or one of the models that it is compared with."""
    def assemble(stored: dict) -> nn.Module:
        return bachgan.BachGAN(bachgan.Config(**tuples(stored["model"])))

    small = {scale: {**small, "batch": 8} for scale, small in SMALL.items()}
    return Model(partial(bachgan_recipes.recipe, variant), assemble, SMIS_IMAGES, ("generator",),
                 datasets=("places",), settings=small, rival="bachgan/spade-boxes")


def layout2im_model() -> Model:
    """Layout2Im, which is given boxes one by one where BachGAN is given their layout."""
    def assemble(stored: dict) -> nn.Module:
        return layout2im.model(layout2im.Config(**tuples(stored["model"])))

    small = {scale: {**small, "batch": 8} for scale, small in SMALL.items()}
    return Model(boxed_layout2im.recipe, assemble, SMIS_IMAGES, ("generator", "encoder"),
                 datasets=("places",), settings=small, rival="bachgan/spade-boxes")


def baseline(module: Any, *parts: str) -> Model:
    """A model of `synthbook.baselines`, from the module that defines it."""
    def assemble(stored: dict) -> LayoutModel:
        return module.model(module.Config(**tuples(stored["model"])))

    small = {scale: {**small, "batch": 8} for scale, small in SMALL.items()}
    return Model(module.recipe, assemble, SMIS_IMAGES, parts, settings=small,
                 finish=fit_prior if "encoder" in parts else None, rival="smis/vspade")


def segmenter_module(stored: dict) -> nn.Module:
    """A segmenter judge from its stored config."""
    return judges.Segmenter(judges.SegmenterConfig(**tuples(stored)))


def smis_paper(data: str, root: Path) -> Recipe:
    """GroupDNet as published."""
    return published_recipe(data, root, perceptual=vgg19)


def turned(model: Model, suffix: str, knobs: dict) -> Model:
    """The same model where the knobs of `places` are set otherwise."""
    judge = model.judge + suffix if suffix in JUDGED else model.judge
    return replace(model, recipe=partial(model.recipe, **knobs), datasets=("places",), paper=None,
                   judge=judge, rival=model.rival and model.rival + suffix)


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
WEAKENED = ("bachgan", "spade-boxes", "random-3", "kin-3")

MODELS: dict[str, Model] = {
    **{f"smis/{name}": smis_model(name) for name in SMIS},
    **{f"smis/{name}": model for name, model in BASELINES.items()},
    **{f"bachgan/{name}": bachgan_model(name) for name in BACHGAN},
    "bachgan/layout2im": layout2im_model(),
    "judges/segmenter": Model(judges.segmenter_recipe, segmenter_module, JUDGE_IMAGES,
                              ("segmenter",)),
}
MODELS["smis/groupdnet"] = replace(MODELS["smis/groupdnet"], paper=smis_paper)
MODELS |= {name + suffix: turned(MODELS[name], suffix, knobs)
           for suffix, knobs in KNOBS.items()
           for name in (*TURNED, *(("judges/segmenter",) if suffix in JUDGED else ()))}
MODELS |= {f"bachgan/{name}{suffix}": turned(MODELS[f"bachgan/{name}"], suffix, knobs)
           for suffix, knobs in STRENGTHS.items() for name in WEAKENED}
DEFAULTS = {"smis": "smis/groupdnet", "bachgan": "bachgan/bachgan",
            "judges": "judges/segmenter"}
