"""Kinds of fruit, each made of ellipsoids.

A fruit's own frame has y down; it lies on y = 0. Sizes are in scene units.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from synthbook.datasets.raycast.solids import Met

KINDS = ("apple", "orange", "lemon", "banana", "mangosteen")
SKIN, STALK, LEAF = 0, 1, 2  # surfaces
BEND, HALF_TURN = 0.25, 0.92  # of a banana: radius of its arc, and half the angle of it, radians


@dataclass(frozen=True)
class Ellipsoid:
    """One part of a fruit.

    Parameters
    ----------
    centre  : (3,).
    radii   : (3,), along the columns of `axes`.
    surface : SKIN, STALK or LEAF.
    axes    : (3, 3), a rotation.
    """

    centre: np.ndarray
    radii: np.ndarray
    surface: int
    axes: np.ndarray

    @cached_property
    def to_ball(self) -> np.ndarray:
        """(3, 3): directions in the fruit's frame to those in which the part is a unit ball."""
        return (self.axes.T / self.radii[:, None]).astype(np.float32)

    def in_ball(self, points: np.ndarray) -> np.ndarray:
        """Points (3, m) in the frame in which the part is a unit ball."""
        return self.to_ball @ (points - self.centre[:, None].astype(np.float32))

    def normals(self, ball: np.ndarray) -> np.ndarray:
        """Unit normals (3, m) in the fruit's frame at points of the unit ball's surface."""
        normal = self.to_ball.T @ ball
        return normal / np.linalg.norm(normal, axis=0)

    @property
    def half(self) -> np.ndarray:
        """Half sizes of the box around it, (3,)."""
        return np.sqrt(((self.axes * self.radii) ** 2).sum(1))


@dataclass(frozen=True)
class Shape:
    """A kind of fruit: its name, and its parts."""

    name: str
    parts: tuple[Ellipsoid, ...]

    @cached_property
    def extent(self) -> np.ndarray:
        """Half length, half height and half width of the box around it, (3,) scene units."""
        low = np.min([part.centre - part.half for part in self.parts], 0)
        high = np.max([part.centre + part.half for part in self.parts], 0)
        return np.maximum(high, -low) / (1, 2, 1)


def meet_ellipsoid(part: Ellipsoid, o: np.ndarray, d: np.ndarray) -> Met:
    """The first point of every ray o + d tau in an ellipsoid; it has one plane, 0."""
    start, along = part.in_ball(o[:, None]), part.to_ball @ d
    a, b = (along**2).sum(0), (along * start).sum(0)
    root = b**2 - a * ((start**2).sum() - 1)
    depth = (-b - np.sqrt(np.maximum(root, 0))) / a
    met = (root > 0) & (depth > 0)
    return Met(np.where(met, depth, np.inf).astype(np.float32), np.zeros(len(depth), np.uint8))


def turned(yaw: float, tilt: float = 0.0) -> np.ndarray:
    """Axes turned by `yaw` about y after the first of them was tilted down by `tilt`, (3, 3)."""
    c, s, ct, st = np.cos(yaw), np.sin(yaw), np.cos(tilt), np.sin(tilt)
    about_y = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return about_y @ np.array([[ct, -st, 0], [st, ct, 0], [0, 0, 1.0]])


def part(centre: tuple[float, float, float], radii: tuple[float, float, float],
         surface: int = SKIN, yaw: float = 0.0, tilt: float = 0.0) -> Ellipsoid:
    """An ellipsoid; its first axis is turned by `yaw` and tilted down by `tilt`, radians."""
    return Ellipsoid(np.array(centre), np.array(radii), surface, turned(yaw, tilt))


def apple() -> Shape:
    """A little flat, with a stalk and a leaf."""
    return Shape("apple", (
        part((0, -0.185, 0), (0.2, 0.185, 0.2)),
        part((0.008, -0.385, 0), (0.015, 0.055, 0.015), STALK, tilt=0.25),
        part((0.085, -0.405, 0.02), (0.075, 0.010, 0.036), LEAF, yaw=-0.3, tilt=-0.3)))


def orange() -> Shape:
    """A ball, with what is left of its stalk."""
    return Shape("orange", (part((0, -0.195, 0), (0.2, 0.195, 0.2)),
                            part((0, -0.387, 0), (0.026, 0.012, 0.026), LEAF)))


def lemon() -> Shape:
    """Longer than wide, 1.35 to 1, on its side, with a nipple at both ends."""
    tips = (part((x, -0.152, 0), (0.06, 0.052, 0.052)) for x in (-0.205, 0.205))
    return Shape("lemon", (part((0, -0.16, 0), (0.216, 0.16, 0.16)), *tips))


def on_bend(angle: float) -> tuple[float, float, float]:
    """A point of a banana's middle line."""
    return BEND * (np.cos(angle) - 0.8), -0.078, BEND * np.sin(angle)


def banana() -> Shape:
    """Four ellipsoids on an arc, a stalk at one end and the flower's rest at the other."""
    chain = [part(on_bend(share * HALF_TURN), (long, wide, wide), SKIN,
                  yaw=-share * HALF_TURN - np.pi / 2)
             for share, long, wide in ((-0.70, 0.125, 0.062), (-0.25, 0.135, 0.078),
                                       (0.25, 0.135, 0.078), (0.70, 0.125, 0.062))]
    ends = [part(on_bend(share * HALF_TURN), (long, wide, wide), STALK,
                 yaw=-share * HALF_TURN - np.pi / 2)
            for share, long, wide in ((-1.33, 0.055, 0.022), (1.18, 0.03, 0.026))]
    return Shape("banana", (*chain, *ends))


def mangosteen() -> Shape:
    """A dark ball under a cap of four leaves and a stalk."""
    cap = [part((0.075 * np.cos(turn), -0.338, -0.075 * np.sin(turn)), (0.078, 0.016, 0.058), LEAF,
                yaw=turn, tilt=0.32) for turn in np.pi / 2 * np.arange(4) + 0.4]
    return Shape("mangosteen", (part((0, -0.172, 0), (0.185, 0.172, 0.185)), *cap,
                                part((0, -0.365, 0), (0.026, 0.04, 0.026), STALK)))


SHAPES = (apple(), orange(), lemon(), banana(), mangosteen())
