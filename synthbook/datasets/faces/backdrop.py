"""Studio backdrops in two tones, drawn from formulas at any size."""

from functools import lru_cache

import numpy as np

VIEW = (5.5, 4.2, 53.0)  # left, top and side of what is seen, in units of the drawing


@lru_cache(maxsize=8)
def grid(canvas: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of pixel centres in units: x (1, canvas), y (canvas, 1), float32."""
    left, top, side = VIEW
    line = (np.arange(canvas, dtype=np.float32) + np.float32(0.5)) * np.float32(side / canvas)
    return left + line[None], top + line[:, None]


def edge(distance: np.ndarray, width: float) -> np.ndarray:
    """0 below zero, 1 above, a ramp of `width` units between: an antialiased border."""
    return np.clip(distance / width + 0.5, 0, 1)


def weight(kind: str, accent: float, canvas: int) -> np.ndarray:
    """How much of the second tone is where, (canvas, canvas) in [0, 1]."""
    x, y = grid(canvas)
    pixel = VIEW[2] / canvas
    turn = 2 * np.pi * accent
    if kind == "gradient":
        w = ((x - 32) * np.cos(turn) + (y - 31.5) * np.sin(turn)) / 60 + 0.5
    elif kind == "disc":
        w = edge(np.hypot(x - 32, y - 29) - (18 + 7 * accent), pixel)
    elif kind == "split":
        w = edge((x - 32) * np.cos(turn) + (y - 31.5) * np.sin(turn), pixel)
    elif kind == "arch":
        half = 17 + 6 * accent
        w = edge(np.hypot(x - 32, np.minimum(y - 28, 0)) - half, pixel)
    elif kind == "rays":
        angle = np.arctan2(y - 33, x - 32) * (12 / (2 * np.pi)) + accent
        w = edge((np.abs(angle % 1 - 0.5) - 0.25) * np.hypot(x - 32, y - 33) / 2, pixel)
    elif kind == "dots":
        row = np.floor(y / 7 + accent)
        u = (x / 7 + row % 2 / 2 + accent) % 1 - 0.5
        v = (y / 7 + accent) % 1 - 0.5
        w = edge(1.6 - 7 * np.hypot(u, v), pixel)
    elif kind == "waves":
        w = edge(y - 26 - 10 * accent - 3.2 * np.sin(x / 6 + turn), pixel)
        w = (w + edge(y - 40 - 10 * accent - 3 * np.sin(x / 5 - turn), pixel)) / 2
    else:
        cx, cy = 32 + 14 * np.cos(turn), 26 + 10 * np.sin(turn)
        w = np.hypot(x - cx, y - cy) / 48
    return np.clip(np.broadcast_to(w, (canvas, canvas)), 0, 1)


def cloth(kind: str, accent: float, x: np.ndarray, y: np.ndarray,
          pixel: float) -> np.ndarray | None:
    """How much of the second tone a garment shows at x, y (units); None when it is plain."""
    if kind == "stripes":
        return edge(np.abs((y / 5.2 + accent) % 1 - 0.5) * 5.2 - 1.4, pixel) + 0 * x
    if kind == "dots":
        row = np.floor(y / 4.4 + accent)
        u = ((x - 32) / 5 + row % 2 / 2) % 1 - 0.5
        v = (y / 4.4 + accent) % 1 - 0.5
        return edge(1.15 - np.hypot(5 * u, 4.4 * v), pixel)
    return None
