"""The atlas of parts, and how one part is laid onto a canvas.

A part is a list of layers. A layer is the coverage of one slot (0 to 1) and its tone (-1 dark,
0 plain, 1 light), both grey rectangles of `data/art/faces/atlas.png`, drawn at 8 pixels per unit
of the original 64 x 64 drawing. Coordinates are that drawing's, in units, y down.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, cos, floor, radians, sin, sqrt

import numpy as np
from PIL import Image

from synthbook.files import BookError, data_dir, read_json

Matrix = np.ndarray  # (2, 3): units to units, or units to pixels

SLOTS = ("background", "skin", "hair", "beard", "eye_left", "eye_right", "mouth", "glasses",
         "headwear", "clothes")
_LEVELS = (1, 2, 4)  # how much the stored rectangles are reduced


@dataclass(frozen=True)
class Layer:
    """One slot's share of a part: grey images at full, half and quarter resolution."""

    slot: int
    origin: tuple[float, float]
    density: int
    cover: tuple[Image.Image, ...]
    tone: tuple[Image.Image, ...] | None


@dataclass(frozen=True)
class Placed:
    """A layer on the canvas: its window, coverage (h, w) and tone (h, w) there."""

    slot: int
    window: tuple[slice, slice]
    cover: np.ndarray
    tone: np.ndarray | None


@lru_cache(maxsize=1)
def parts() -> dict[str, tuple[Layer, ...]]:
    """Every part of the atlas, by name (`hair/long`).

    Raises BookError when the atlas is missing or damaged.
    """
    folder = data_dir() / "art" / "faces"
    try:
        index = read_json(folder / "atlas.json")
        atlas = Image.open(folder / "atlas.png").convert("L")
        density = index["pixels_per_unit"]
        return {name: tuple(_layer(atlas, density, entry) for entry in entries)
                for name, entries in index["parts"].items()}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BookError(f"the art of the dataset faces in {folder} is missing or damaged "
                        f"({error}); restore it from the repository") from error


def _layer(atlas: Image.Image, density: int, entry: dict) -> Layer:
    w, h = entry["size"]

    def levels(key: str) -> tuple[Image.Image, ...] | None:
        if key not in entry:
            return None
        x, y = entry[key]
        full = atlas.crop((x, y, x + w, y + h))
        return tuple(full if n == 1 else full.reduce(n) for n in _LEVELS)

    return Layer(SLOTS.index(entry["role"]), tuple(entry["units"]), density,
                 levels("cover"), levels("tone"))


def place(layer: Layer, matrix: Matrix, canvas: int) -> Placed | None:
    """Lay a layer onto a square canvas by a map of units to pixels; None when out of sight."""
    level = max((n for n, by in enumerate(_LEVELS) if layer.density / by >= 0.9 * size_of(matrix)),
                default=0)
    density = layer.density / _LEVELS[level]
    cover = layer.cover[level]
    x0, y0 = layer.origin
    x1, y1 = x0 + cover.width / density, y0 + cover.height / density
    (a, b, e), (c, d, f) = matrix.tolist()
    across = [a * x + b * y + e for x in (x0, x1) for y in (y0, y1)]
    down = [c * x + d * y + f for x in (x0, x1) for y in (y0, y1)]
    left, top = max(0, floor(min(across))), max(0, floor(min(down)))
    right, bottom = min(canvas, ceil(max(across))), min(canvas, ceil(max(down)))
    if right <= left or bottom <= top:
        return None
    (a, b, e), (c, d, f) = inverse(matrix).tolist()
    affine = (density * a, density * b, density * (a * left + b * top + e - x0),
              density * c, density * d, density * (c * left + d * top + f - y0))

    def warp(source: Image.Image) -> np.ndarray:
        warped = source.transform((right - left, bottom - top), Image.Transform.AFFINE, affine,
                                  Image.Resampling.BILINEAR)
        return np.asarray(warped, np.float32)

    tone = None if layer.tone is None else (warp(layer.tone[level]) - 128) / 127
    return Placed(layer.slot, (slice(top, bottom), slice(left, right)), warp(cover) / 255, tone)


def about(x: float, y: float, sx: float = 1, sy: float = 1, degrees: float = 0,
          dx: float = 0, dy: float = 0) -> Matrix:
    """Scale, then turn about (x, y), then shift: a map of units to units, (2, 3)."""
    turn = radians(degrees)
    linear = np.array([[sx * cos(turn), -sy * sin(turn)], [sx * sin(turn), sy * cos(turn)]])
    return np.column_stack([linear, np.array([x + dx, y + dy]) - linear @ [x, y]])


def size_of(matrix: Matrix) -> float:
    """How much a map enlarges lengths, on average."""
    (a, b, _), (c, d, _) = matrix.tolist()
    return sqrt(abs(a * d - b * c))


def inverse(matrix: Matrix) -> Matrix:
    """The map that undoes `matrix`, (2, 3)."""
    (a, b, e), (c, d, f) = matrix.tolist()
    det = a * d - b * c
    return np.array([[d, -b, b * f - d * e], [-c, a, c * e - a * f]]) / det


def after(outer: Matrix, inner: Matrix) -> Matrix:
    """The map that applies `inner`, then `outer`, (2, 3)."""
    linear = outer[:, :2] @ inner[:, :2]
    return np.column_stack([linear, outer[:, :2] @ inner[:, 2] + outer[:, 2]])
