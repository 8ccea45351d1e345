"""A scene of `furniture` before it is drawn."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from synthbook.datasets.furniture.shapes import KINDS, SHAPES
from synthbook.datasets.raycast import scene as scenes
from synthbook.datasets.raycast.scene import PARTS
from synthbook.datasets.raycast.solids import rgb

PAINTS = {  # of wood and of cloth; whether the cloth is striped
    "oak and teal": ("d2a56d", "2f8f8b", False), "walnut and mustard": ("80533a", "e0a544", False),
    "ivory and coral": ("e9dfcd", "dd6a5c", False), "black and sky": ("53535e", "86aeda", False),
    "pine and fern": ("e3bf8a", "5f8f5c", True), "cherry and cream": ("a4553c", "efe1c6", False),
    "teak and navy": ("b97f4c", "3c5a8c", True), "grey and rose": ("9aa1ab", "eaa6ac", False),
    "mint and linen": ("94c9b4", "f0e4cf", False), "plum and gold": ("6d4a63", "d9a94e", True),
}


class Piece(scenes.Placed):
    """One piece of furniture; `shape` and `paint` are indices in `SHAPES` and `PAINTS`."""

    noun = "piece"
    shapes = SHAPES
    paints = PAINTS

    @property
    def kind(self) -> int:
        return PARTS + KINDS.index(self.form.kind)

    @property
    def tones(self) -> tuple[np.ndarray, np.ndarray]:
        """The colours of wood and cloth, (3,) each in [0, 255]."""
        wood, cloth, _ = PAINTS[list(PAINTS)[self.paint]]
        return rgb(wood), rgb(cloth)

    @property
    def striped(self) -> bool:
        """Whether its cloth has stripes."""
        return PAINTS[list(PAINTS)[self.paint]][2]

    @property
    def colour(self) -> np.ndarray:
        """The cloth's of a sofa, of all others the wood's."""
        return self.tones[self.form.kind == "sofa"]


@dataclass(frozen=True)
class Scene(scenes.Scene):
    """Every random draw of one picture."""

    pieces: tuple[Piece, ...]

    holds: ClassVar = Piece
