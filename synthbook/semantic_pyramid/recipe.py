"""How Semantic Pyramid and its variants are trained at small scale.

Each step draws a level for every sample, generates from that level of the sample's own picture,
and asks three things: that the critic takes the image for a real one of its category, that the
classifier finds the level's features in it, and that another latent gives another image.
:data:`DEVIATIONS` lists all that is done otherwise than in the paper or its re-implementations.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import torch
from accelerate.utils import extract_model_from_parallel
from torch import Tensor, nn
from torch.utils.data import default_collate

from synthbook.datasets import dataset
from synthbook.datasets.cache import Cached, cached
from synthbook.files import BookError
from synthbook.semantic_pyramid import losses
from synthbook.semantic_pyramid.classifier import (
    Classifier,
    ClassifierConfig,
    agreement,
    classifier_config,
    first_images,
    stored_config,
    trained,
    untrained,
    weights_path,
)
from synthbook.semantic_pyramid.discriminator import Discriminator
from synthbook.semantic_pyramid.levels import LEVELS
from synthbook.semantic_pyramid.masks import Sampling, only, sample
from synthbook.semantic_pyramid.network import Config, Generator, SemanticPyramid
from synthbook.semantic_pyramid.vgg import VGG16
from synthbook.training import Batch, Networks, Player, Recipe

LOOKS = 32  # held-out pictures of a probe
SHOWN = 8  # of them in a snapshot


@dataclass(frozen=True)
class Weights:
    """Weights of the generator's terms beside the adversarial one, and rates.

    Parameters
    ----------
    reconstruction : alpha.
    emphasis       : a_l, of each level within the features' term.
    diversity      : beta; 0 leaves the second image out.
    limit, hard    : of the diversity term; see :func:`losses.diversity`.
    pairs          : share of the batch that gets a second image.
    pool           : whether features are compared after a max-pool.
    """

    reconstruction: float = 1.0
    emphasis: tuple[float, ...] = (3, 3, 3, 1, 1, 1, 1)
    diversity: float = 0.1
    limit: float = 5.0
    hard: bool = False
    pairs: float = 0.5
    pool: bool = False
    rate_g: float = 1e-3
    rate_d: float = 1e-3


@dataclass(frozen=True)
class Setting:
    """Model, classifier, data and objective of one run.

    source : whose features: `trained`, the book's classifier; `random`, the control of untrained
             weights.
    """

    model: Config
    classifier: ClassifierConfig
    source: str = "trained"
    sampling: Sampling = Sampling()
    weights: Weights = Weights()
    dataset: str = "places"
    knobs: dict = field(default_factory=dict)


def specialist(which: str) -> dict[str, Any]:
    """What makes a variant that is only ever given one level."""
    frequency = tuple(float(name == which) for name in LEVELS)
    return {"sampling": Sampling(frequency, regions=0.0)}


VARIANTS: dict[str, dict[str, Any]] = {
    "semantic-pyramid": {},
    **{f"only-{name}": specialist(name) for name in ("conv3", "conv5", "fc8")},
    "even": {"sampling": Sampling((1,) * len(LEVELS))},
    "no-regions": {"sampling": Sampling(regions=0.0)},
    "no-diversity": {"weights": {"diversity": 0.0}},
    "pool": {"weights": {"pool": True}},
    "random": {"source": "random"},
}
WIDTHS = {32: ((48, 72, 96, 96, 128), (32, 64, 96, 128)),
          64: ((48, 80, 112, 128, 160), (32, 64, 96, 128, 128))}
FINE = 32  # channels before the colours


def config(classifier: ClassifierConfig) -> Config:
    """The small generator and discriminator for a classifier's levels."""
    channels, critic = WIDTHS[classifier.size]
    return Config(classifier.shapes, classifier.categories, classifier.size, channels=channels,
                  critic=critic, fine=FINE)


def model(stored: dict) -> SemanticPyramid:
    """The module of a stored setting, its weights still to be filled in."""
    sizes = {k: tuple(v) if isinstance(v, list) else v for k, v in stored["model"].items()}
    sizes["shapes"] = tuple(map(tuple, sizes["shapes"]))
    shape = Config(**sizes)
    if "classifier" not in stored:  # the published one has no setting of its own
        return SemanticPyramid(shape, VGG16(shape.categories, shape.size))
    often = stored["sampling"]["frequency"]
    return SemanticPyramid(shape, Classifier(stored_config(stored["classifier"])),
                           [name for name, share in zip(LEVELS, often) if share])


# ----------------------------------------------------------------------------- the losses


def generator_loss(setting: Any, nets: Networks, batch: Batch, scratch: dict):
    """L_G = L_adv + alpha L_rec + beta L_div; leaves the images for the discriminator."""
    w, image, category = setting.weights, batch["image"], batch["category"]
    classifier = extract_model_from_parallel(nets["classifier"])  # frozen: nothing to share
    with torch.no_grad():
        features = classifier.pyramid(image)
    _, drawn = sample(setting.model.shapes, setting.model.size, len(image), setting.sampling)
    masks = [mask.to(image.device) for mask in drawn]
    z = torch.randn(len(image), setting.model.latent, device=image.device)
    fake = nets["generator"](z, features, masks, category)
    terms = {
        "adversarial": losses.least_squares_g(nets["discriminator"](fake, category).float()),
        "reconstruction": losses.reconstruction(features, classifier.pyramid(fake), masks, w.pool,
                                                w.emphasis)}
    loss = terms["adversarial"] + w.reconstruction * terms["reconstruction"]
    if w.diversity:
        n = max(1, round(w.pairs * len(z)))
        other = torch.randn_like(z[:n])
        again = nets["generator"](other, [f[:n] for f in features], [m[:n] for m in masks],
                                  category[:n])
        terms["diversity"] = losses.diversity(z[:n], other, fake[:n], again, w.limit, w.hard)
        loss = loss + w.diversity * terms["diversity"]
    scratch["fake"] = fake.detach()
    return loss, {f"g_{name}": value for name, value in terms.items()}


def discriminator_loss(setting: Any, nets: Networks, batch: Batch, scratch: dict):
    """L_D on real images and the generator's of the same categories."""
    category = batch["category"]
    both = torch.cat([batch["image"], scratch["fake"].to(batch["image"].dtype)])
    real, fake = nets["discriminator"](both, category.repeat(2)).float().chunk(2)
    loss = losses.least_squares_d(real, fake)
    return loss, {"d_least_squares": loss, "d_real": real.mean(), "d_fake": fake.mean()}


# ---------------------------------------------------------------------- looks on the way


def latents(setting: Any, count: int, image: Tensor) -> Tensor:
    """Two latents for each of `count` images, (2, count, Z), always the same."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, count, setting.model.latent, generator=generator).to(image)


@torch.no_grad()
def probe(setting: Any, nets: Networks, held: Batch) -> dict[str, float]:
    """For each level alone: feature error there, what a latent moves, and category agreement.

    `error_L` is the mean distance of the level's features over their joint spread; `moved_L` the
    mean absolute difference of two images of one reference, on the scale [0, 1]; `agrees_L` how
    often the classifier names for the image what it names for the reference.
    """
    image, found = held["image"], {}
    classifier = extract_model_from_parallel(nets["classifier"])
    features = classifier.pyramid(image)
    z, other = latents(setting, len(image), image)
    for k, name in enumerate(LEVELS):
        masks = [m.to(image) for m in only(setting.model.shapes, len(image), k)]
        fake, again = (nets["generator"](one, features, masks, held["category"])
                       for one in (z, other))
        seen = classifier.pyramid(fake)
        found |= {f"error_{name}": float(losses.reconstruction(features, seen, masks, pool=False)),
                  f"moved_{name}": float((fake - again).abs().mean() / 2),
                  f"agrees_{name}": agreement(features, seen)}
    return found


@torch.no_grad()
def snapshot(setting: Any, nets: Networks, held: Batch) -> Tensor:
    """For each of N references: the picture, and one image from each level; (8N, 3, H, W)."""
    image, category = held["image"][:SHOWN], held["category"][:SHOWN]
    features = extract_model_from_parallel(nets["classifier"]).pyramid(image)
    z, rows = latents(setting, len(image), image)[0], [image]
    for k in range(len(LEVELS)):
        masks = [m.to(image) for m in only(setting.model.shapes, len(image), k)]
        rows.append(nets["generator"](z, features, masks, category))
    return torch.stack(rows, 1).flatten(0, 1)


# ----------------------------------------------------------------------------- the recipe


def recipe(variant: str, data: str, size: int, *, images: int, batch: int = 16,
           count: int | None = None, weights: Weights = Weights(), lenient: bool = False,
           **knobs: Any) -> Recipe:
    """The training recipe of a variant on a generated dataset with categories.

    images  : length of the run; `count` limits the number of training images.
    lenient : whether the control stands in where the book has no trained classifier yet, which
              the stored setting then says; else that is a BookError.
    """
    if variant not in VARIANTS:
        raise BookError(f"unknown variant {variant!r}: choose one of {', '.join(VARIANTS)}")
    changed = VARIANTS[variant]
    known = classifier_config(data, size, **knobs)
    source = changed.get("source", "trained")
    if lenient and not weights_path(data, size).is_file():
        source = "random"
    setting = Setting(config(known), known, source, changed.get("sampling", Sampling()),
                      replace(weights, **changed.get("weights", {})), data, known.knobs)

    @cache
    def training() -> Cached:
        return cached(dataset(data, "train", size=size, count=count, **known.knobs))

    def classifier() -> nn.Module:
        return (trained(known) if source == "trained"
                else untrained(known, first_images(training())))

    return assembled(setting, training, classifier, images=images, batch=batch,
                     held=lambda: held_out(data, size, known.knobs))


@cache
def _looks(data: str, size: int, knobs: tuple) -> Batch:
    held = dataset(data, "val", size=size, count=LOOKS, **dict(knobs))
    return {k: v for k, v in default_collate([held[i] for i in range(LOOKS)]).items()
            if k in ("image", "category")}


def held_out(data: str, size: int, knobs: dict) -> Batch:
    """The pictures and categories of a probe."""
    return _looks(data, size, tuple(sorted(knobs.items())))


def assembled(setting: Any, data: Callable[[], Any], classifier: Callable[[], nn.Module], *,
              images: int, batch: int, held: Callable[[], Batch], decay_to: float = 0.1,
              **more: Any) -> Recipe:
    """The recipe of a setting, on any data whose items have `image` and `category`.

    classifier : makes the frozen network whose features are the pyramid.
    """
    w, model = setting.weights, setting.model

    def bound(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda nets, batch, scratch: function(setting, nets, batch, scratch)

    def at(nets: Networks) -> Batch:
        device = next(nets["generator"].parameters()).device
        return {key: value.to(device) for key, value in held().items()}

    return Recipe(
        config=setting, data=data,
        build=lambda: {"generator": Generator(model), "discriminator": Discriminator(model),
                       "classifier": classifier()},
        players={
            "generator": Player(("generator",), bound(generator_loss), w.rate_g),
            "discriminator": Player(("discriminator",), bound(discriminator_loss), w.rate_d)},
        images=images, batch=batch, ema={"generator": 0.999}, decay_to=decay_to,
        sample=lambda nets: snapshot(setting, nets, at(nets)),
        probe=lambda nets: probe(setting, nets, at(nets)), **more)
