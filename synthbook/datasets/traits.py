"""Traits of a portrait: what a scene of `faces` says of it in numbers, and how to set one alone.

A trait is had or not (glasses: 1 or 0), or graded (how dark the skin is). :attr:`Trait.low` and
:attr:`Trait.high` answer what every edit of a portrait is held against: the same portrait with
one trait changed and all else kept.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import nan

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from synthbook.datasets.cache import Cached
from synthbook.datasets.faces.paint import oklab, paint
from synthbook.datasets.faces.scene import UNDER_HATS, Scene, restyled

SMILES = ("smile", "bigSmile", "grin")
LONG = ("bobCut", "bobBangs", "long", "extraLong")
BELOW, ABOVE = 0.21, 0.79  # one deviation off the mean of a number drawn from [0, 1]


@dataclass(frozen=True)
class Trait:
    """One trait of a portrait.

    Parameters
    ----------
    name      : as readers see it.
    graded    : whether it is a number of any size; else it is 0 or 1.
    read      : a scene to its value; nan where there is none, as of the hair of a bald head.
    low, high : a scene to the same one without and with the trait; where it is graded, about one
                deviation below and above its mean.
    """

    name: str
    graded: bool
    read: Callable[[Scene], float]
    low: Callable[[Scene], Scene]
    high: Callable[[Scene], Scene]


def part(name: str, slot: str, given: str) -> Trait:
    """Whether a part that may be missing is there; `given` is what :attr:`Trait.high` adds."""
    def high(scene: Scene) -> Scene:
        return scene if getattr(scene, slot) != "none" else replace(scene, **{slot: given})

    return Trait(name, False, lambda scene: float(getattr(scene, slot) != "none"),
                 lambda scene: replace(scene, **{slot: "none"}), high)


def number(name: str, c: int, s: int) -> Trait:
    """The number `s` of the style of class `c`, in [0, 1]."""
    def at(value: float) -> Callable[[Scene], Scene]:
        return lambda scene: restyled(
            scene, c, (*scene.styles[c][:s], value, *scene.styles[c][s + 1:]))

    return Trait(name, True, lambda scene: scene.styles[c][s], at(BELOW), at(ABOVE))


def kind(name: str, slot: str, having: tuple[str, ...], without: str, given: str) -> Trait:
    """Whether a part is one of several kinds; `without` and `given` are kinds of either sort."""
    def high(scene: Scene) -> Scene:
        return scene if getattr(scene, slot) in having else replace(scene, **{slot: given})

    def low(scene: Scene) -> Scene:
        return replace(scene, **{slot: without}) if getattr(scene, slot) in having else scene

    return Trait(name, False, lambda scene: float(getattr(scene, slot) in having), low, high)


def hair_lightness(scene: Scene) -> float:
    """OKLab lightness of the hair's own colour; nan of a bald head."""
    return nan if scene.hair == "bald" else float(oklab(paint(scene.styles)[2].base)[0])


def coloured_hair(hue: float) -> Callable[[Scene], Scene]:
    """A scene to the same one with another place on the ramp of hair colours."""
    return lambda scene: restyled(scene, 2, (hue, *scene.styles[2][1:]))


def hat(headwear: str) -> Callable[[Scene], Scene]:
    """A scene to the same one with this headwear, its hair such as goes below a hat."""
    return lambda scene: replace(
        scene, headwear=headwear, hair=scene.hair if scene.hair in UNDER_HATS else "buzzcut")


def turned(degrees: float) -> Callable[[Scene], Scene]:
    """A scene to the same one with its head turned that far."""
    return lambda scene: replace(scene, pose=replace(scene.pose, degrees=degrees))


TRAITS = (
    part("glasses", "glasses", "round"),
    part("beard", "beard", "beardMustache"),
    Trait("hat", False, lambda scene: float(scene.headwear != "none"), hat("none"), hat("cap")),
    kind("smile", "mouth", SMILES, "frown", "bigSmile"),
    kind("long hair", "hair", LONG, "buzzcut", "long"),
    Trait("light hair", True, hair_lightness, coloured_hair(2 / 13), coloured_hair(6.4 / 13)),
    number("dark skin", 1, 0),
    number("light background", 0, 1),
    number("light clothes", 7, 1),
    Trait("turn", True, lambda scene: scene.pose.degrees, turned(-2.4), turned(2.4)),
)
NAMES = tuple(trait.name for trait in TRAITS)


def trait_values(scene: Scene) -> np.ndarray:
    """The value of every trait, (T,) float32; nan where a portrait has none."""
    return np.array([trait.read(scene) for trait in TRAITS], np.float32)


def trait_table(portraits: Dataset, count: int) -> Tensor:
    """The traits of the first `count` scenes of `faces`, (count, T)."""
    return torch.from_numpy(np.stack([trait_values(portraits.scene(i)) for i in range(count)]))


class WithTraits(Dataset):
    """Portraits from a cache; the items also hold `traits`, (T,)."""

    def __init__(self, portraits: Cached):
        self.portraits = portraits
        self.traits = trait_table(portraits.source, len(portraits))

    def __len__(self) -> int:
        return len(self.portraits)

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        return {**self.portraits[i], "traits": self.traits[i]}
