"""How the 3D controllable model and its relatives are trained at small scale.

Each step draws scenes and asks three things: that the critic takes their pictures, and their
backgrounds alone, for real ones; that primitives stay small; that the 2D generator paints a
primitive that turns as one and the same thing. :mod:`.deviations` lists what differs from the
paper or its code.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import torch
from accelerate.utils import extract_model_from_parallel
from torch import Tensor, nn
from torch.utils.data import Dataset

from synthbook import losses
from synthbook.controllable_3d.config import VARIANTS, Config, config
from synthbook.controllable_3d.discriminator import Discriminator, flags
from synthbook.controllable_3d.looks import probe, snapshot
from synthbook.controllable_3d.losses import compactness, geometric_consistency
from synthbook.controllable_3d.network import Turn, build
from synthbook.datasets import dataset
from synthbook.datasets.cache import cached
from synthbook.files import BookError
from synthbook.training import Batch, Networks, Player, Recipe, exactly, lazy

LOOKS = 64  # held-out pictures of a probe
OTHER_SEED = 1  # of the backgrounds alone: none is behind a picture of the training set


@dataclass(frozen=True)
class Weights:
    """Weights of the terms, learning rates, and whether the flag c is known.

    Parameters
    ----------
    r1          : gamma; the penalty weighs gamma / 2, and is computed once in `r1_every` steps.
    compactness : of L_com, the sum over primitives.
    consistency : of L_geo; 0 leaves it out.
    colour      : of colour within L_geo, where depth weighs 1.
    degrees     : L_geo turns primitives by up to so much.
    condition   : whether backgrounds alone are judged, by a score of their own.
    """

    r1: float = 0.3
    r1_every: int = 8
    compactness: float = 0.01
    consistency: float = 2.0
    colour: float = 5.0
    degrees: float = 60.0
    condition: bool = True
    rate_g: float = 3e-4
    rate_d: float = 2e-3


@dataclass(frozen=True)
class Setting:
    """Model, data and objective of one run."""

    model: Config
    dataset: str = "cars"
    knobs: dict = field(default_factory=dict)
    weights: Weights = Weights()

    @property
    def judged(self) -> bool:
        """Whether backgrounds alone are judged too."""
        return self.weights.condition and self.model.background == "sphere"


class Pictures(Dataset):
    """The images of a dataset and, where given, images of another one that go with none of them.

    Items hold `image` and `background`, (3, H, W) in [-1, 1].
    """

    def __init__(self, scenes: Dataset, backgrounds: Dataset | None = None):
        self.scenes, self.backgrounds = scenes, backgrounds

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        item = {"image": self.scenes[i]["image"]}
        if self.backgrounds is not None:
            item["background"] = self.backgrounds[i % len(self.backgrounds)]["image"]
        return item


# ----------------------------------------------------------------------------- the losses


def generator_loss(setting: Setting, nets: Networks, batch: Batch, scratch: dict):
    """The generator's loss; leaves its pictures for the discriminator.

    L_com reaches poses and sizes alone, L_geo the 2D generator alone.
    """
    w, count, device = setting.weights, len(batch["image"]), batch["image"].device
    draws = extract_model_from_parallel(nets["generator"]).draw(count).to(device)
    turn = draw_turn(setting, count).to(device) if w.consistency else None
    made = nets["generator"](draws, turn)
    picture, pair = made if turn else (made, None)
    fake = [picture.image, picture.background] if setting.judged else [picture.image]
    scratch["fake"] = torch.cat(fake).detach()
    terms = {"logistic": losses.logistic_g(
        nets["discriminator"](torch.cat(fake), flag_of(setting, batch)).float())}
    loss = terms["logistic"]
    if w.compactness:
        terms["compactness"] = compactness(picture.rendered.alpha)
        loss = loss + w.compactness * terms["compactness"]
    if pair:
        found = geometric_consistency(*pair)
        terms |= {"depth": found.depth, "colour": found.colour}
        loss = loss + w.consistency * found.total(w.colour)
    return loss, {f"g_{name}": value for name, value in terms.items()}


def draw_turn(setting: Setting, count: int) -> Turn:
    """One primitive of every scene at random, and how far L_geo turns it."""
    which = torch.randint(setting.model.primitives, (count,))
    return Turn(which, math.radians(setting.weights.degrees) * torch.rand(count))


def flag_of(setting: Setting, batch: Batch) -> Tensor:
    """The flag c of a batch's pictures followed by its backgrounds, where they are judged."""
    image = batch["image"]
    return flags(len(image), len(image) if setting.judged else 0, image.device)


def discriminator_loss(setting: Setting, nets: Networks, batch: Batch, scratch: dict):
    """The discriminator's loss on real pictures and backgrounds and as many generated ones."""
    w, flag = setting.weights, flag_of(setting, batch)
    real = torch.cat([batch["image"], batch["background"]]) if setting.judged else batch["image"]
    both = torch.cat([real, scratch["fake"].to(real.dtype)])
    score, fake = nets["discriminator"](both, flag.repeat(2)).float().chunk(2)
    loss = losses.logistic_d(score, fake)
    terms = {"d_logistic": loss, "d_real": score.mean(), "d_fake": fake.mean()}
    if factor := lazy(scratch["step"], w.r1_every):
        x = real.detach().requires_grad_()
        terms["d_r1"] = losses.r1(exactly(nets["discriminator"], x, flag), x)
        loss = loss + factor * w.r1 / 2 * terms["d_r1"]
    return loss, terms


# ----------------------------------------------------------------------------- the recipe


def discriminator(setting: Setting) -> Discriminator:
    """The discriminator of a setting, with a score more where backgrounds are judged."""
    return Discriminator(setting.model, 2 if setting.judged else 1)


def setting_of(variant: str, data: str, size: int, weights: Weights = Weights(),
               **knobs: Any) -> Setting:
    """Model, data and objective of a variant; BookError where they do not go together."""
    knobs.setdefault("background", "white")
    behind = "white" if knobs["background"] == "white" else "sphere"
    footprint = dataset(data, size=size, **knobs).footprint
    model = config(variant, size, behind, footprint=footprint)
    changed = VARIANTS[variant].get("weights", {})
    if variant == "no-condition" and behind == "white":
        raise BookError("no-condition differs where backgrounds do: train no-condition-ground")
    return Setting(model, data, knobs, replace(weights, **changed))


def recipe(variant: str, data: str, size: int, *, images: int, batch: int = 16,
           count: int | None = None, weights: Weights = Weights(), **knobs: Any) -> Recipe:
    """The training recipe of a variant on a ray-cast dataset.

    images : length of the run; `count` limits the number of training images.
    knobs  : of the dataset; `background` is `white` unless given.
    """
    setting = setting_of(variant, data, size, weights, **knobs)

    def draw(split: str, count: int | None = None, **more: Any) -> Dataset:
        return dataset(data, split, size=size, count=count, **{**setting.knobs, **more})

    def training() -> Dataset:
        bare = draw("train", count, fewest=0, most=0, seed=OTHER_SEED) if setting.judged else None
        return Pictures(cached(draw("train", count)), bare and cached(bare))

    @cache
    def held() -> Tensor:
        source = draw("val", LOOKS)
        return torch.stack([source[i]["image"] for i in range(LOOKS)])

    return assembled(setting, training, held, images=images, batch=batch)


def assembled(setting: Setting, data: Callable[[], Dataset], held: Callable[[], Tensor], *,
              images: int, batch: int) -> Recipe:
    """The recipe of a setting on any data whose items have `image` and, if judged, `background`.

    held : real pictures (P, 3, H, W) of the probe.
    """
    w = setting.weights

    def bound(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda nets, batch, scratch: function(setting, nets, batch, scratch)

    def networks() -> dict[str, nn.Module]:
        return {"generator": build(setting.model), "discriminator": discriminator(setting)}

    def look(nets: Networks) -> dict[str, float | str]:
        device = next(nets["generator"].parameters()).device
        return probe(nets["generator"], nets["discriminator"], held().to(device))

    return Recipe(
        config=setting, data=data, build=networks,
        players={
            "generator": Player(("generator",), bound(generator_loss), w.rate_g, (0.0, 0.99)),
            "discriminator": Player(("discriminator",), bound(discriminator_loss), w.rate_d,
                                    (0.0, 0.99))},
        images=images, batch=batch, ema={"generator": 0.999}, decay_to=0.1,
        sample=lambda nets: snapshot(nets["generator"]), probe=look)
