"""Curves of the background: ridges, shores and ways, as functions of position."""

import numpy as np

# Heights of the eight ridge profiles at equally spaced places from left to right.
_PROFILES = np.array([
    [0.15, 0.35, 0.95, 0.45, 0.25, 0.40, 0.70, 0.35, 0.15, 0.10, 0.20],
    [0.20, 0.10, 0.15, 0.30, 0.55, 1.00, 0.55, 0.30, 0.15, 0.10, 0.20],
    [0.90, 0.60, 0.30, 0.15, 0.10, 0.12, 0.20, 0.35, 0.30, 0.20, 0.10],
    [0.10, 0.20, 0.30, 0.28, 0.15, 0.10, 0.15, 0.30, 0.65, 0.95, 0.70],
    [0.45, 0.75, 0.40, 0.80, 0.45, 0.85, 0.40, 0.75, 0.45, 0.80, 0.40],
    [0.80, 0.95, 0.70, 0.35, 0.12, 0.08, 0.12, 0.35, 0.72, 0.95, 0.75],
    [0.25, 0.30, 0.28, 0.34, 0.30, 0.26, 0.32, 0.30, 0.35, 0.28, 0.30],
    [0.15, 0.25, 0.20, 0.60, 0.85, 0.55, 0.95, 0.60, 0.25, 0.20, 0.10],
])
_HORIZON = (0.44, 0.55)
# where a way meets the horizon, where it leaves the picture, how far it bends
_WAYS = ((0.78, 0.40, 0.16), (0.22, 0.60, -0.16), (0.14, 0.46, 0.22), (0.86, 0.54, -0.22))


def horizon(index: int, shift: float) -> float:
    """Height of the horizon, as a fraction from the top; shift in [-1, 1]."""
    return _HORIZON[index] + 0.012 * shift


def profile(index: int, x: np.ndarray, smooth: bool) -> np.ndarray:
    """Ridge height in [0, 1] at x; smooth for hills, straight edges for rock."""
    knots = _PROFILES[index]
    t = np.clip(x, 0, 1) * (len(knots) - 1)
    i = np.minimum(t.astype(int), len(knots) - 2)
    f = t - i
    if smooth:
        f = f * f * (3 - 2 * f)
    return knots[i] * (1 - f) + knots[i + 1] * f


def shore(course: int, x: np.ndarray) -> np.ndarray:
    """Deviation in [-1, 1] of a shore, a quay or a street from its mean line."""
    if course < 2:
        return (2 * x - 1) * (1 if course == 0 else -1)
    return np.cos(2 * np.pi * (x - 0.5)) * (1 if course == 2 else -1)


def way(course: int, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middle and half width of a path at depth 0 (horizon) to 1 (bottom edge)."""
    far, near, bend = _WAYS[course]
    middle = far + (near - far) * depth ** 0.7 + bend * np.sin(np.pi * depth ** 0.8)
    return middle, 0.012 + 0.125 * depth ** 1.3
