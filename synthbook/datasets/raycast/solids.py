"""Rays against convex solids, and how bright what they meet is.

Rays are o + d tau with one origin o (3,) and directions d (3, n). Directions have length one along
the camera's forward axis, so tau is the depth.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

LIGHT = np.array([0.4, -1.0, 0.3]) / np.linalg.norm([0.4, -1.0, 0.3])  # towards it, in the world
AMBIENT = 0.55
GAIN = 1.06  # of all colours, so that a lit top has its own

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Solid:
    """The points p with normals @ p <= offsets: normals (M, 3) of unit length, offsets (M,)."""

    normals: np.ndarray
    offsets: np.ndarray


class Hits(NamedTuple):
    """The rays that meet an object."""

    at: np.ndarray  # (m,) their indices
    depth: np.ndarray  # (m,)
    part: np.ndarray  # (m,) which part of the object, as its dataset numbers them
    colour: np.ndarray  # (3, m) in [0, 255], shaded


class Met(NamedTuple):
    """Where rays meet a solid: depth, infinite where they miss, and which plane."""

    depth: np.ndarray  # (n,)
    plane: np.ndarray  # (n,)


def rgb(code: str) -> np.ndarray:
    """A hexadecimal colour as (3,) in [0, 255]."""
    return np.array([int(code[k:k + 2], 16) for k in (0, 2, 4)], np.float32)


def column(colour: np.ndarray, m: int) -> np.ndarray:
    """One colour (3,) for m points, (3, m)."""
    return np.repeat(colour.astype(np.float32)[:, None], m, 1)


def brightness(normal: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Lambert's shade of points with unit normals (3, m) under a light, a unit vector (3,)."""
    return AMBIENT + (1 - AMBIENT) * np.maximum(light.astype(np.float32) @ normal, 0)


def solid(outline: Points, width: float | None, more: list) -> Solid:
    """A convex side view (x, height), counter-clockwise from the front, drawn out sideways.

    width : half of it, or None where `more` bounds it.
    more  : further planes, (normal, offset) of any length.
    """
    planes = []
    for (x0, h0), (x1, h1) in zip(outline, (*outline[1:], outline[0])):
        normal = (h1 - h0, x1 - x0, 0.0)  # to the outside; y is minus the height
        planes.append((normal, normal[0] * x0 - normal[1] * h0))
    if width is not None:
        planes += [((0.0, 0.0, side), width) for side in (1.0, -1.0)]
    return between(planes + more)


def between(planes: list) -> Solid:
    """The solid between planes, (normal, offset) of any length."""
    normals = np.array([normal for normal, _ in planes], float)
    lengths = np.linalg.norm(normals, axis=1)
    offsets = np.array([offset for _, offset in planes], float)
    return Solid((normals / lengths[:, None]).astype(np.float32),
                 (offsets / lengths).astype(np.float32))


def nearest(depths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rays that meet one of P solids, of the depths (P, n) at which they meet each.

    Their indices (m,), depths (m,) and which solid comes first (m,).
    """
    which = depths.argmin(0)
    depth = np.take_along_axis(depths, which[None], 0)[0]
    at = np.flatnonzero(depth < np.inf)
    return at, depth[at], which[at]


def meet_solid(shape: Solid, o: np.ndarray, d: np.ndarray) -> Met:
    """The first point of every ray in a convex solid.

    A ray is inside a half-space from or until one depth; it is inside the solid from the last of
    the entries until the first of the exits.
    """
    toward = shape.normals @ d  # (M, n)
    room = (shape.offsets - shape.normals @ o)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = room / toward
    enter = np.where(toward < 0, depth, np.where((toward == 0) & (room < 0), np.inf, -np.inf))
    plane = enter.argmax(0)
    first = np.take_along_axis(enter, plane[None], 0)[0]
    last = np.where(toward > 0, depth, np.inf).min(0)
    return Met(np.where((first < last) & (first > 0), first, np.inf), plane)
