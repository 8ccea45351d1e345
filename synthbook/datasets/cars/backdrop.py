"""What is behind the cars: white, a ground in two pastel tones, or an empty room."""

import numpy as np

from synthbook.datasets.cars.scene import FLOORS, PASTELS, PATTERNS, WALLS, Backdrop

KINDS = ("white", "ground", "room")
DISC = 1.9  # radius of the ground
HALF, CEILING = 2.3, 2.6  # of the room: half its breadth, and its height
BEYOND, GROUND = 0, 1  # classes


def rgb(code: str) -> np.ndarray:
    """A hexadecimal colour as (3,) in [0, 255]."""
    return np.array([int(code[k:k + 2], 16) for k in (0, 2, 4)], np.float32)


def two(table: tuple[str, ...], drawn: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Two different colours of a table from two numbers in [0, 1)."""
    n = len(table)
    first = int(drawn[0] * n)
    return rgb(table[first]), rgb(table[(first + 1 + int(drawn[1] * (n - 1))) % n])


def tones(kind: str, backdrop: Backdrop) -> tuple[np.ndarray, np.ndarray]:
    """The two colours of a backdrop: of the ground's halves, or of floor and walls."""
    if kind == "ground":
        return two(PASTELS, backdrop.colours)
    if kind == "room":
        return (rgb(FLOORS[int(backdrop.colours[0] * len(FLOORS))]),
                rgb(WALLS[int(backdrop.colours[1] * len(WALLS))]))
    return np.full(3, 255, np.float32), np.full(3, 255, np.float32)


def along(backdrop: Backdrop, x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates on the ground across and along the backdrop's direction."""
    c, s = np.float32(np.cos(backdrop.direction)), np.float32(np.sin(backdrop.direction))
    return c * x + s * z, c * z - s * x


def behind(kind: str, backdrop: Backdrop, o: np.ndarray,
           d: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colour (3, n) in [0, 255], class (n,) and depth (n,) of what rays o + d tau meet.

    o : (3,) in the world; d : (3, n). The depth is infinite where there is nothing.
    """
    if kind == "room":
        return room(backdrop, o, d)
    n = d.shape[1]
    colour = np.full((3, n), 255, np.float32)
    label, depth = np.zeros(n, np.uint8), np.full(n, np.inf, np.float32)
    if kind == "ground":
        down = np.flatnonzero(d[1] > 1e-6)
        tau = -o[1] / d[1, down]
        x, z = o[0] + d[0, down] * tau, o[2] + d[2, down] * tau
        on = x**2 + z**2 < DISC**2
        first, second = tones(kind, backdrop)
        across, _ = along(backdrop, x[on], z[on])
        colour[:, down[on]] = np.where(across < backdrop.offset, first[:, None], second[:, None])
        label[down[on]], depth[down[on]] = GROUND, tau[on]
    return colour, label, depth


def room(backdrop: Backdrop, o: np.ndarray,
         d: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same inside a room: a patterned floor and plain walls with a skirting board."""
    low = np.array([-HALF, -CEILING, -HALF], np.float32)
    high = np.array([HALF, 0, HALF], np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        wall = np.where(d > 0, high[:, None], low[:, None])
        exits = np.where(d == 0, np.inf, (wall - o[:, None]) / d)
    side = exits.argmin(0)
    depth = np.take_along_axis(exits, side[None], 0)[0]
    x, y, z = o[:, None] + d * depth
    floor_tone, wall_tone = tones("room", backdrop)
    brightness = np.where(side == 0, 0.93 + 0.05 * np.sign(d[0]), 0.96 - 0.05 * np.sign(d[2]))
    skirting = (side != 1) & (y > -0.12)
    colour = wall_tone[:, None] * brightness * np.where(skirting, 0.86, 1)
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
    board = np.floor(across / 0.28 + backdrop.offset)
    shift = (board * 0.618) % 1
    piece = np.floor(down / 1.4 + shift)
    return np.float32(0.94) + np.float32(0.2) * ((board * 0.37 + piece * 0.59) % 1)
