"""What is behind the cars: white, a ground in two pastel tones, or an empty room."""

import numpy as np

from synthbook.datasets.raycast import room as rooms
from synthbook.datasets.raycast.room import CEILING, GROUND, HALF, Behind, along, room, white
from synthbook.datasets.raycast.scene import Backdrop
from synthbook.datasets.raycast.solids import rgb

__all__ = ["CEILING", "DISC", "HALF", "KINDS", "behind", "rgb", "tones"]

KINDS = ("white", "ground", "room")
DISC = 1.9  # radius of the ground
PASTELS = ("d4daec", "ffdbf3", "c4ffe0", "cbdce0", "ecd0db")  # of the ground


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
        return rooms.tones(backdrop)
    return np.full(3, 255, np.float32), np.full(3, 255, np.float32)


def behind(kind: str, backdrop: Backdrop, o: np.ndarray, d: np.ndarray) -> Behind:
    """Colour (3, n) in [0, 255], class (n,) and depth (n,) of what rays o + d tau meet.

    o : (3,) in the world; d : (3, n). The depth is infinite where there is nothing.
    """
    if kind == "room":
        return room(backdrop, o, d)
    colour, label, depth = white(d)
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
