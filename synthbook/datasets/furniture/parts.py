"""What furniture is made of: boxes with bevelled edges, round boards and posts, leaning backs.

A piece's own frame has x towards its front, y down and z to its side; it stands on y = 0. Sizes are
in scene units; heights are -y.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from synthbook.datasets.raycast.solids import Points, Solid, between, solid

WOOD, CLOTH, DARK, METAL = 0, 1, 2, 3  # tones; the first two are the paint's
FRONT = 0  # plane of a box
SIDES = 20  # of what is round

Range = tuple[float, float]


class Mark(NamedTuple):
    """A rectangle painted on the front of a box."""

    z: Range
    height: Range
    tone: int


@dataclass(frozen=True)
class Part:
    """One convex part of a piece.

    Parameters
    ----------
    solid : its planes.
    low, high : corners of the box around it, (3,) each.
    tone  : WOOD, CLOTH, DARK or METAL.
    marks : painted on its front, the later ones over the earlier.
    axis  : x and z of the upright axis that its sides are round about; None where they are flat.
    """

    solid: Solid
    low: np.ndarray
    high: np.ndarray
    tone: int = WOOD
    marks: tuple[Mark, ...] = ()
    axis: tuple[float, float] | None = None


def box(x: Range, height: Range, z: Range, tone: int = WOOD, *, bevel: float = 0.0,
        marks: tuple[Mark, ...] = ()) -> Part:
    """A box between two x, two heights and two z, its edges cut off by `bevel`."""
    low, high = np.array([x[0], -height[1], z[0]]), np.array([x[1], -height[0], z[1]])
    eye = np.eye(3)
    planes = [(eye[0], high[0]), (-eye[0], -low[0]), (-eye[1], -low[1]), (eye[1], high[1]),
              (eye[2], high[2]), (-eye[2], -low[2])]
    if bevel:
        planes += [(a + b, m + n - bevel) for i, (a, m) in enumerate(planes)
                   for b, n in planes[i + 1:] if a @ b == 0]
    return Part(between(planes), low, high, tone, marks)


def disc(radius: float, height: Range, tone: int = WOOD, *, at: tuple[float, float] = (0.0, 0.0),
         foot: float | None = None) -> Part:
    """An upright cylinder about `at` (x, z), or a cone's part with radius `foot` at its bottom."""
    foot = radius if foot is None else foot
    lean = (radius - foot) / (height[1] - height[0])
    widest = max(radius, foot)
    x, z = at
    turns = 2 * np.pi * np.arange(SIDES) / SIDES
    planes = [((0.0, 1.0, 0.0), -height[0]), ((0.0, -1.0, 0.0), height[1])]
    for c, s in zip(np.cos(turns), np.sin(turns)):
        planes.append(((c, lean, s), c * x + s * z + radius - lean * height[1]))
    low = np.array([x - widest, -height[1], z - widest])
    high = np.array([x + widest, -height[0], z + widest])
    return Part(between(planes), low, high, tone, axis=at)


def leaning(x: Range, height: Range, z: Range, lean: float, tone: int = WOOD) -> Part:
    """A box whose top is `lean` further back than its foot."""
    outline: Points = ((x[1], height[0]), (x[1] - lean, height[1]), (x[0] - lean, height[1]),
                       (x[0], height[0]))
    middle, half = (z[0] + z[1]) / 2, (z[1] - z[0]) / 2
    flat = solid(outline, half, [])
    moved = Solid(flat.normals, flat.offsets + flat.normals[:, 2] * np.float32(middle))
    return Part(moved, np.array([x[0] - lean, -height[1], z[0]]),
                np.array([x[1], -height[0], z[1]]), tone)


def legs(x: Range, top: float, z: Range, width: float = 0.034, tone: int = WOOD) -> list[Part]:
    """Four legs in the corners of a rectangle."""
    return [box(along, (0.0, top), across, tone)
            for along in ((x[0], x[0] + width), (x[1] - width, x[1]))
            for across in ((z[0], z[0] + width), (z[1] - width, z[1]))]
