"""How BachGAN and what it is compared with are trained at small scale.

The game is :mod:`synthbook.game`'s; the variants differ in nothing but what their generator is
conditioned on. The discriminator knows the boxes and no more: it labels every pixel as in a box
of one of the things, as in no box, or as generated. :data:`DEVIATIONS` lists all that is done
otherwise than in the paper or its code.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import default_collate

from synthbook import game
from synthbook.bachgan.layout import rasterise, target
from synthbook.bachgan.memory import NOTHING, Remembering
from synthbook.bachgan.network import Config, Network, config
from synthbook.datasets import dataset
from synthbook.datasets.cache import Cached, cached
from synthbook.datasets.things import things
from synthbook.discriminators import SegmentationDiscriminator
from synthbook.game import Setting
from synthbook.training import Batch, Networks, Player, Recipe

# Of `places`, unless others are given: the foreground calls for its background, boxes name one of
# many things, and colours, of which boxes tell nothing, are not drawn.
KNOBS = {"background": 1.0, "classes": 40, "styles": "plain"}


@dataclass(frozen=True)
class Weights(game.AtOnce):
    """The game's weights and that of the segmentation head's cross-entropy."""

    l1: float = 6.0
    labels: float = 1.0


def generator_loss(setting: Setting, nets: Networks, batch: Batch, scratch: dict):
    """The generator's loss; every image has its truth, whatever memory says of its background."""
    model = setting.model
    layout = rasterise(batch["boxes"], model.classes, model.size)
    scratch["target"] = target(batch["boxes"], model.things, model.size)
    if model.segment:
        fake, logits = nets["generator"](layout, batch["maps"], segment=True)
    else:
        fake = nets["generator"](layout, batch["maps"])
    terms = game.image_terms(nets, fake, scratch["target"], batch["image"])
    if model.segment:
        terms["labels"] = F.cross_entropy(logits, batch["label"], ignore_index=NOTHING)
    scratch["fake"] = fake.detach()
    return game.total(setting.weights, terms)


def discriminator_loss(setting: Setting, nets: Networks, batch: Batch, scratch: dict):
    """The game's, with the boxes in the place of the label map."""
    return game.discriminator_loss(setting, nets, {**batch, "label": scratch["target"]}, scratch)


def discriminator(model: Config) -> SegmentationDiscriminator:
    """The discriminator of boxes: things, no box, generated; as wide as the game's."""
    return SegmentationDiscriminator(len(model.things) + 1, 20 if model.size[0] >= 64 else 32)


# ---------------------------------------------------------------------- looks on the way


@torch.no_grad()
def probe(setting: Setting, nets: Networks, held: Batch) -> dict[str, float]:
    """Errors in and outside the boxes, and how much another scene's memory moves pixels there.

    All are mean absolute differences on the scale [0, 1].
    """
    model, image = setting.model, held["image"]
    layout = rasterise(held["boxes"], model.classes, model.size)
    made = nets["generator"](layout, held["maps"])
    moved = nets["generator"](layout, held["maps"].roll(1, 0))
    inside = layout.amax(1, keepdim=True)
    found = {}
    for name, mask in {"inside": inside, "outside": 1 - inside}.items():
        for what, other in {"error": image, "memory": moved}.items():
            change = (made - other).abs().mean(1, keepdim=True) / 2
            found[f"{what}_{name}"] = float((change * mask).sum() / mask.sum().clamp_min(1))
    return found


@torch.no_grad()
def sample(setting: Any, nets: Networks, held: Batch, memories: int = 7) -> Tensor:
    """For each of N layouts: the real image, the generated one, and ones from others' memory.

    ((1 + memories) N, 3, H, W); layouts stay, so that a column shows what memory alone changes.
    """
    model = setting.model
    layout = rasterise(held["boxes"], model.classes, model.size)
    rows = [held["image"]]
    rows += [nets["generator"](layout, held["maps"].roll(k, 0)) for k in range(memories)]
    return torch.stack(rows, 1).flatten(0, 1)


# ----------------------------------------------------------------------------- the recipe


def remembering(data: Cached, bank: Cached, model: Config) -> Remembering:
    """A dataset with the maps that `model` is to be given."""
    return Remembering(data, bank, model.source, model.maps, model.bank)


def recipe(variant: str, data: str, size: int, *, images: int, batch: int = 16,
           count: int | None = None, weights: game.Weights = Weights(), bank: int | None = None,
           **knobs: Any) -> Recipe:
    """The training recipe of a variant on a generated dataset.

    bank : length of the memory bank, the first so many training images; all where None.
    """
    knobs = {**(KNOBS if data == "places" else {}), **knobs}
    classes = game.classes_of(data, size, knobs)
    named = things(dataset(data, size=size, **knobs))
    model = config(variant, size, classes, named, bank)
    setting = Setting(model, data, knobs, weights)

    def draw(split: str, count: int | None) -> Cached:
        return cached(dataset(data, split, size=size, count=count, **knobs))

    def bound(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda nets, batch, scratch: function(setting, nets, batch, scratch)

    def training() -> Remembering:
        train = draw("train", count)
        return remembering(train, train, model)

    @cache
    def held() -> Batch:
        items = remembering(draw("val", 8), draw("train", count), model)
        return default_collate([items[i] for i in range(len(items))])

    def at(nets: Networks) -> Batch:
        device = next(nets["generator"].parameters()).device
        return {key: value.to(device) for key, value in held().items()}

    base = game.play(setting, {"generator": lambda: Network(model)}, images=images, batch=batch,
                     count=count, loss=generator_loss)
    rival: Player = replace(base.players["discriminator"], loss=bound(discriminator_loss))
    return replace(
        base, data=training, players={**base.players, "discriminator": rival},
        build=lambda: {"generator": Network(model), "discriminator": discriminator(model)},
        sample=lambda nets: sample(setting, nets, at(nets)),
        probe=lambda nets: probe(setting, nets, at(nets)))


def deviations(w: game.Weights = Weights()) -> tuple[tuple[str, str, str, str], ...]:
    """What this setting does otherwise than the paper or its code: part, paper, here, why."""
    return (
        ("data", "photographs: Cityscapes, ADE20K", "drawn scenes",
         "the renderer knows the right background, and how far boxes call for it"),
        ("image size", "256 × 512 or 256 × 256", "64 × 64 or 32 × 32",
         "trains on a laptop, runs in the page"),
        ("boxes", "code: channel 0 is 1 outside the first box painted",
         "no channel for the background", "an accident of painting order"),
        ("query and bank", "bank: whole training set, or parts of it; scores at full size",
         "whole training set, at full size; exact by integral images", "fast enough on a laptop"),
        ("queries without boxes", "no map (ADE20K) or one fixed image's (Cityscapes)",
         "no map", "one rule"),
        ("classes in scores", "code: by parts of the number's digits (ADE20K)", "by the number",
         "a slip of the code"),
        ("fusion's first weights", "Xavier, gain 0.02",
         "PyTorch's own plus the identity; of f, half of that",
         "the condition begins as the layout, and no larger than a label map"),
        ("generator", "seven SPADE blocks, 1024 to 64 channels, spectral norm",
         "four or three blocks, at most 96 channels, no spectral norm", "cost"),
        ("label maps in SPADE", "nearest pixel", "area average",
         "thin regions survive at the coarsest size"),
        ("discriminator", "two patch discriminators, given the boxes",
         "one U-Net that tells things' boxes, no box and generated apart, with a patch head",
         "it still knows the boxes alone; the game is that of the other chapters"),
        ("overlapping boxes in the discriminator", "both given", "the smallest counts",
         "a pixel has one label"),
        ("discriminator of SPADE on segmentation", "given the label map", "given the boxes",
         "only the generator's condition differs between variants"),
        ("retrieval without fusion", "code: a second real pair with the retrieved photograph",
         "none", "the discriminator's task stays the same in all variants"),
        ("adversarial loss", "hinge",
         f"class-balanced cross-entropy, and hinge at weight {w.patch:g}",
         "follows the discriminator"),
        ("perceptual loss", "VGG-19, weight 10", f"L1, weight {w.l1:g}",
         "no ImageNet weights needed"),
        ("feature matching", "weight 10, summed over layers",
         f"weight {w.feature_matching:g}, averaged over layers", "as in the other chapters"),
        ("optimiser", "Adam, betas 0 and 0.9",
         "Adam, betas 0.5 (generator) or 0 (discriminator), and 0.999",
         "short runs, small batches"),
        ("learning rates", "0.0001 and 0.0004", f"{w.rate_g:g} and {w.rate_d:g}",
         "short runs of small networks"),
        ("averaged weights", "none", "exponential average, decay 0.999", "steadier samples"),
        ("mirrored images", "half of them", "none", "more scenes are drawn instead"),
    )


DEVIATIONS = deviations()
