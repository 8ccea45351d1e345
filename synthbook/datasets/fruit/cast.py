"""Rays against a fruit: where each one meets it, and how bright that is."""

import numpy as np

from synthbook.datasets.fruit.scene import Fruit
from synthbook.datasets.fruit.shapes import SKIN, STALK, Ellipsoid, meet_ellipsoid
from synthbook.datasets.fruit.skins import (ACCENTS, LEAVES, SKINS, STALKS, field, tube_normals)
from synthbook.datasets.raycast.scene import PARTS
from synthbook.datasets.raycast.solids import GAIN, Hits, brightness, column, nearest, rgb

BUMPS = {"orange": (0.10, 18), "lemon": (0.06, 14)}  # height and fineness of what dimples a skin


def meet_fruit(fruit: Fruit, o: np.ndarray, d: np.ndarray, light: np.ndarray) -> Hits:
    """The rays that meet a fruit, all in its own frame."""
    parts = fruit.form.parts
    at, depth, which = nearest(np.stack([meet_ellipsoid(part, o, d).depth for part in parts]))
    point = o[:, None] + d[:, at] * depth
    colour = np.empty((3, len(at)), np.float32)
    for number, part in enumerate(parts):
        on = np.flatnonzero(which == number)
        if len(on):
            colour[:, on] = part_paint(fruit, part, point[:, on], light)
    kind = np.full(len(at), fruit.kind - PARTS, np.uint8)
    return Hits(at, depth, kind, np.minimum(colour * GAIN, 255))


def part_paint(fruit: Fruit, part: Ellipsoid, point: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Shaded colours (3, m) at points of a part of a fruit."""
    name = fruit.form.name
    ball = part.in_ball(point)
    normal = part.normals(ball)
    if part.surface != SKIN:
        tone = rgb((STALKS if part.surface == STALK else LEAVES)[name])
        return column(tone, point.shape[1]) * brightness(normal, light)
    if name == "banana":
        normal = tube_normals(point)
    if name in BUMPS:
        height, fineness = BUMPS[name]
        normal = normal + height * np.stack([field(ball[list(order)], fineness) for order in
                                             ((0, 1, 2), (1, 2, 0), (2, 0, 1))])
        normal = normal / np.linalg.norm(normal, axis=0)
    colour = SKINS[name](fruit.colour, rgb(ACCENTS[name]), ball, point)
    ground = np.float32(0.86) + np.float32(0.14) * np.minimum(-point[1] / 0.1, 1)
    return colour * brightness(normal, light) * ground
