"""Samples of a picture: several in every pixel, those an object can reach, and their summary."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from synthbook.datasets.raycast.camera import Camera

NEAR = 0.05  # scene units before the camera, below which a corner has no place in the picture


class Window(NamedTuple):
    """Rows and columns of samples, ends exclusive."""

    top: int
    bottom: int
    left: int
    right: int


def supersampling(size: int) -> int:
    """Samples of every pixel, each way."""
    return 3 if size < 96 else 2


@lru_cache(maxsize=8)
def grid(size: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions (3, S, S) of all rays, S = size * n, 1 along the camera's axis; indices (S, S)."""
    side = size * n
    line = ((np.arange(side) + 0.5) / side - 0.5).astype(np.float32)
    x, y = np.meshgrid(line, line)
    return np.stack([x, y, np.ones_like(x)]), np.arange(side * side).reshape(side, side)


def rays(size: int, n: int, window: Window | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Directions (3, m) of the samples in a window, or of all, and their flat indices (m,)."""
    directions, index = grid(size, n)
    if window is None:
        return directions.reshape(3, -1), index.ravel()
    rows, columns = slice(*window[:2]), slice(*window[2:])
    return directions[:, rows, columns].reshape(3, -1), index[rows, columns].ravel()


def reach(camera: Camera, corners: np.ndarray, size: int, n: int) -> Window | None:
    """The samples that a box with these corners (8, 3) can cover; None where it is out of sight."""
    side = size * n
    seen = corners @ camera.extrinsics[:, :3].T + camera.extrinsics[:, 3]
    if seen[:, 2].max() <= 0:
        return None
    if seen[:, 2].min() < NEAR:
        return Window(0, side, 0, side)
    x, y = (seen[:, :2] / seen[:, 2:] + 0.5).T * side
    left, top = max(int(x.min()), 0), max(int(y.min()), 0)
    right, bottom = min(int(x.max()) + 1, side), min(int(y.max()) + 1, side)
    return Window(top, bottom, left, right) if left < right and top < bottom else None


def blocks(values: np.ndarray, n: int) -> np.ndarray:
    """Samples (S * S,) gathered by pixel: (n * n, H, W)."""
    side = int(len(values) ** 0.5)
    split = values.reshape(side // n, n, side // n, n)
    return split.transpose(1, 3, 0, 2).reshape(n * n, side // n, side // n)


def means(colour: np.ndarray, n: int) -> np.ndarray:
    """Samples (3, S * S) averaged over every pixel, (3, H, W)."""
    side = int(colour.shape[1] ** 0.5)
    rows = colour.reshape(3, side, side)
    down = sum(rows[:, i::n] for i in range(n))
    return sum(down[:, :, j::n] for j in range(n)) / np.float32(n * n)


def most_common(values: np.ndarray, kinds: int) -> np.ndarray:
    """The value, 0 to kinds - 1, that most of the first axis has, (H, W) uint8.

    The lowest of those that are as frequent; values of `kinds` or more do not count.
    """
    best = np.zeros(values.shape[1:], np.uint8)
    most = (values == 0).sum(0, dtype=np.uint8)
    for kind in range(1, kinds):
        count = (values == kind).sum(0, dtype=np.uint8)
        more = count > most
        best[more], most[more] = kind, count[more]
    return best
