"""What is behind the fruits: a table top, and walls of two tones that meet behind it."""

import numpy as np

from synthbook.datasets.raycast.room import GROUND, Behind, along, boards, chosen, enclosed
from synthbook.datasets.raycast.scene import Backdrop
from synthbook.datasets.raycast.solids import column, rgb

TOPS = (  # pattern and two tones of the table
    ("boards", "c79d70", "b98a5b"), ("gingham", "e6e0d5", "7896bd"), ("plain", "cdc9c0", "cdc9c0"),
    ("marble", "dcd9d4", "b2adac"), ("stripes", "e2d5c5", "cf9a80"),
)
WALLS = (("a3bda8", "bccdb4"), ("db9873", "e3b48f"), ("93b5d0", "b0c9da"), ("e3c470", "e3cb8d"),
         ("c7a3b8", "d6bac7"))


def tones(backdrop: Backdrop) -> tuple[np.ndarray, np.ndarray]:
    """The mean colours of table and walls, (3,) each in [0, 255]."""
    _, *top = chosen(TOPS, backdrop.colours[0])
    walls = chosen(WALLS, backdrop.colours[1])
    return tuple(np.mean([rgb(code) for code in pair], 0) for pair in (top, walls))


def table(backdrop: Backdrop, o: np.ndarray, d: np.ndarray) -> Behind:
    """A table top and the walls behind it, met by rays o + d tau."""
    side, depth, (x, _, z) = enclosed(o, d)
    first, second = (rgb(code) for code in chosen(WALLS, backdrop.colours[1]))
    colour = np.where(side == 0, first[:, None], second[:, None])
    on = (side == 1) & (d[1] > 0)
    colour[:, on] = top(backdrop, x[on], z[on])
    return colour, on.astype(np.uint8) * GROUND, depth.astype(np.float32)


def top(backdrop: Backdrop, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Colours (3, n) of the table at points of it."""
    across, down = along(backdrop, x, z)
    pattern, *codes = chosen(TOPS, backdrop.colours[0])
    first, second = (rgb(code) for code in codes)
    if pattern == "plain":
        return column(first, len(x))
    if pattern == "boards":
        grain = 1 + 0.02 * np.sin(90 * across + 3 * np.sin(4 * down))
        return first[:, None] * boards(across, down, backdrop.offset) * grain
    if pattern == "gingham":
        share = (np.floor(across / 0.13) % 2 + np.floor(down / 0.13) % 2) / 2
    elif pattern == "stripes":
        share = (np.floor(across / 0.06 + backdrop.offset) % 5 == 0).astype(np.float32)
    else:
        wave = across + 0.25 * np.sin(3 * down) + 0.1 * np.sin(9 * down + 4 * across)
        share = np.maximum(1 - 5 * np.abs(np.sin(2.6 * wave + backdrop.offset)), 0)
        share = 0.7 * share + 0.15 * (1 + np.sin(5 * across - 4 * down))
    return first[:, None] + (second - first)[:, None] * share
