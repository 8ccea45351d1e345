"""A scene of `fruit` before it is photographed."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from synthbook.datasets.fruit.shapes import KINDS, SHAPES
from synthbook.datasets.fruit.skins import TINTS
from synthbook.datasets.raycast import scene as scenes
from synthbook.datasets.raycast.scene import PARTS
from synthbook.datasets.raycast.solids import rgb

EXPOSURE, BALANCE = 0.15, 0.07  # largest share that brightness and colours are off by


class Fruit(scenes.Placed):
    """One fruit; `shape` is an index in `SHAPES`, `paint` says how ripe it is."""

    noun = "fruit"
    shapes = SHAPES
    paints = {name: k for k, name in enumerate(("early", "ripe", "late"))}
    scales = (0.85, 1.2)

    @property
    def kind(self) -> int:
        return PARTS + KINDS.index(self.form.name)

    @property
    def colour(self) -> np.ndarray:
        """Its skin's."""
        return rgb(TINTS[self.form.name][self.paint])


@dataclass(frozen=True)
class Photograph:
    """What a camera adds to a picture.

    Parameters
    ----------
    exposure : factor of all colours.
    balance  : further factors of red, green and blue.
    grain    : seed of the noise.
    """

    exposure: float
    balance: tuple[float, float, float]
    grain: int

    @property
    def gains(self) -> np.ndarray:
        """Factors of red, green and blue, (3,)."""
        return self.exposure * np.array(self.balance)


@dataclass(frozen=True)
class Scene(scenes.Scene):
    """Every random draw of one picture."""

    fruits: tuple[Fruit, ...]
    photograph: Photograph

    holds: ClassVar = Fruit


def draw_photograph(rng: np.random.Generator) -> Photograph:
    """What a camera adds, drawn anew: warm or cold light, more or less of it."""
    exposure, warm, green = rng.uniform(-1, 1, 3).tolist()
    return Photograph(1 + EXPOSURE * exposure,
                      (1 + BALANCE * warm, 1 + 0.3 * BALANCE * green, 1 - BALANCE * warm),
                      int(rng.integers(2**32)))
