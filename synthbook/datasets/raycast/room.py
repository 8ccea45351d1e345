"""What is behind objects: nothing but white, or an empty room; the camera is always inside it."""

import numpy as np

from synthbook.datasets.raycast.scene import Backdrop
from synthbook.datasets.raycast.solids import rgb

HALF, CEILING = 2.3, 2.6  # of the room: half its breadth, and its height
BEYOND, GROUND = 0, 1  # classes
WALLS = ("e8dccb", "cfdcd6", "d9d3e4", "f0dcd2", "cddbe8", "e6e3d3")
FLOORS = ("c9a27c", "b08968", "a8adb0", "8fa39b", "d8c3a5", "9c8f97")
PATTERNS = ("planks", "tiles", "plain")

Behind = tuple[np.ndarray, np.ndarray, np.ndarray]  # colour (3, n), class (n,), depth (n,)


def white(d: np.ndarray) -> Behind:
    """What rays with directions d (3, n) meet where there is nothing."""
    n = d.shape[1]
    return (np.full((3, n), 255, np.float32), np.full(n, BEYOND, np.uint8),
            np.full(n, np.inf, np.float32))


def chosen(table: tuple, drawn: float):
    """The entry of a table that a number in [0, 1) names."""
    return table[int(drawn * len(table))]


def tones(backdrop: Backdrop) -> tuple[np.ndarray, np.ndarray]:
    """The colours of floor and walls, (3,) each in [0, 255]."""
    return rgb(chosen(FLOORS, backdrop.colours[0])), rgb(chosen(WALLS, backdrop.colours[1]))


def along(backdrop: Backdrop, x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates on the ground across and along the backdrop's direction."""
    c, s = np.float32(np.cos(backdrop.direction)), np.float32(np.sin(backdrop.direction))
    return c * x + s * z, c * z - s * x


def enclosed(o: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where rays o + d tau leave the room: the axis of that side (n,), depth (n,), point (3, n)."""
    low = np.array([-HALF, -CEILING, -HALF], np.float32)
    high = np.array([HALF, 0, HALF], np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        wall = np.where(d > 0, high[:, None], low[:, None])
        exits = np.where(d == 0, np.inf, (wall - o[:, None]) / d)
    side = exits.argmin(0)
    depth = np.take_along_axis(exits, side[None], 0)[0]
    return side, depth, o[:, None] + d * depth


def room(backdrop: Backdrop, o: np.ndarray, d: np.ndarray) -> Behind:
    """A patterned floor and plain walls with a skirting board, met by rays o + d tau."""
    side, depth, (x, y, z) = enclosed(o, d)
    floor_tone, wall_tone = tones(backdrop)
    lit = np.where(side == 0, 0.93 + 0.05 * np.sign(d[0]), 0.96 - 0.05 * np.sign(d[2]))
    skirting = (side != 1) & (y > -0.12)
    colour = wall_tone[:, None] * lit * np.where(skirting, 0.86, 1)
    on_floor = (side == 1) & (d[1] > 0)
    pattern = floor_pattern(backdrop, x[on_floor], z[on_floor])
    colour[:, on_floor] = floor_tone[:, None] * pattern
    return colour, on_floor.astype(np.uint8) * GROUND, depth.astype(np.float32)


def floor_pattern(backdrop: Backdrop, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Brightness of the floor at points of it, (n,), about 1."""
    across, down = along(backdrop, x, z)
    kind = PATTERNS[backdrop.pattern]
    if kind == "plain":
        return np.full(len(x), 1.08, np.float32)
    if kind == "tiles":
        cell = np.floor(across / 0.5 + backdrop.offset) + np.floor(down / 0.5)
        return np.where(cell % 2 == 0, np.float32(1.12), np.float32(0.94))
    return boards(across, down, backdrop.offset)


def boards(across: np.ndarray, down: np.ndarray, offset: float) -> np.ndarray:
    """Brightness of wooden boards at points across and along them, (n,), about 1."""
    board = np.floor(across / 0.28 + offset)
    shift = (board * 0.618) % 1
    piece = np.floor(down / 1.4 + shift)
    return np.float32(0.94) + np.float32(0.2) * ((board * 0.37 + piece * 0.59) % 1)
