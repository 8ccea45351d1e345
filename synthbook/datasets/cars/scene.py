"""A scene of `cars` before it is drawn."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from synthbook.datasets.cars.shapes import SHAPES
from synthbook.datasets.raycast import scene as scenes
from synthbook.datasets.raycast.scene import GAP, SPREAD, Backdrop, apart, draw_backdrop
from synthbook.datasets.raycast.solids import rgb

__all__ = ["GAP", "PAINTS", "SPREAD", "Backdrop", "Car", "Scene", "apart", "draw_backdrop"]

PAINTS = {  # of the body, and of the roof where it has another
    "yellow": ("f6c83c",), "cyan": ("3fb6d3",), "red": ("d8403c",), "navy": ("31508f",),
    "silver": ("b9c0c8",), "black": ("3b3d46",), "two-tone": ("3b3d46", "d8403c"),
    "orange": ("ee8434",), "white": ("f1efe8",), "green": ("4c9f63",),
}


class Car(scenes.Placed):
    """One car on the ground; `shape` and `paint` are indices in `SHAPES` and `PAINTS`."""

    noun = "car"
    shapes = SHAPES
    paints = PAINTS

    @property
    def tones(self) -> tuple[np.ndarray, np.ndarray]:
        """The colours of body and roof, (3,) each in [0, 255]."""
        body, *roof = (rgb(code) for code in PAINTS[list(PAINTS)[self.paint]])
        return body, (roof or [body])[0]

    @property
    def colour(self) -> np.ndarray:
        """The body's."""
        return self.tones[0]


@dataclass(frozen=True)
class Scene(scenes.Scene):
    """Every random draw of one picture."""

    cars: tuple[Car, ...]

    holds: ClassVar = Car
