"""How the skins of fruits are coloured; a smooth random field stands for all that is irregular."""

from collections.abc import Callable

import numpy as np

from synthbook.datasets.fruit.shapes import BEND, HALF_TURN
from synthbook.datasets.raycast.solids import rgb

TINTS = {  # of the skin, by kind: early, ripe, late
    "apple": ("d9573f", "c9302f", "a3242f"), "orange": ("f5a742", "f18f2a", "e67722"),
    "lemon": ("e4dc5a", "f5d83f", "f1c534"), "banana": ("d8d25c", "f4d64f", "eec33c"),
    "mangosteen": ("6d3350", "572844", "46213b")}
ACCENTS = {"apple": "f0c95a", "orange": "ffbe62", "lemon": "b9c24e", "banana": "9fae4a",
           "mangosteen": "8a4a5c"}
STALKS = {"apple": "6b4a30", "banana": "6d5a34", "mangosteen": "8a9a5c"}
LEAVES = {"apple": "6da04b", "orange": "6f8a4a", "mangosteen": "86ab68"}
BROWN = rgb("7d5528")
WAVES = np.random.default_rng(11).normal(size=(12, 3)).astype(np.float32)
PHASES = np.random.default_rng(12).uniform(0, 2 * np.pi, 12).astype(np.float32)


def field(points: np.ndarray, fineness: float) -> np.ndarray:
    """A smooth random field at points (3, m), about [-1, 1]; `fineness` radians a unit."""
    return np.sin(np.float32(fineness) * (WAVES @ points) + PHASES[:, None]).sum(0) / 5


def mix(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Between two colours, (3,) or (3, m), by a share (m,) that is clipped to [0, 1]."""
    share = np.clip(share, 0, 1)
    first, second = (c[:, None] if c.ndim == 1 else c for c in (first, second))
    return first + (second - first) * share


def apple(tone: np.ndarray, accent: np.ndarray, ball: np.ndarray,
          point: np.ndarray) -> np.ndarray:
    """Red, with yellow patches and streaks from the hollow at its top."""
    x, y, z = ball
    around = np.arctan2(z, x)
    streaks = 0.25 * np.sin(17 * around + 2 * np.sin(5 * around)) * (0.6 - 0.4 * y)
    patches = 0.55 * field(ball, 1.5) + streaks - 0.1 + 0.25 * field(ball, 7)
    colour = mix(tone, accent, patches)
    colour = mix(colour, accent * np.float32(0.92), (-y - 0.86) * 6)
    return mix(colour, colour * np.float32(0.55), (-y - 0.955) * 22)


def orange(tone: np.ndarray, accent: np.ndarray, ball: np.ndarray,
           point: np.ndarray) -> np.ndarray:
    """Orange, dimpled all over."""
    return mix(tone, accent, 0.25 + 0.3 * field(ball, 1.3)) * (1 + 0.09 * field(ball, 16))


def lemon(tone: np.ndarray, accent: np.ndarray, ball: np.ndarray,
          point: np.ndarray) -> np.ndarray:
    """Yellow, greener towards its ends, dimpled."""
    ends = (np.abs(point[0]) - 0.15) * 9 + 0.25 * field(ball, 2)
    return mix(tone, accent, ends) * (1 + 0.05 * field(ball, 12))


def banana(tone: np.ndarray, accent: np.ndarray, ball: np.ndarray,
           point: np.ndarray) -> np.ndarray:
    """Yellow, greener towards its ends, with brown freckles and long edges."""
    along, around = on_arc(point)
    colour = mix(tone, accent, (np.abs(along) - 0.78) * 2.2)
    colour = mix(colour, BROWN, (field(point, 26) - 0.62) * 3)
    colour = mix(colour, BROWN, (np.abs(along) - 1.13) * 9)
    return colour * (1 + 0.05 * np.cos(5 * around))


def mangosteen(tone: np.ndarray, accent: np.ndarray, ball: np.ndarray,
               point: np.ndarray) -> np.ndarray:
    """Dark purple with paler patches."""
    return mix(tone, accent, 0.15 + 0.5 * field(ball, 2.4)) * (1 + 0.06 * field(ball, 9))


def on_arc(point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where points (3, m) are on a banana: along it, -1 to 1 and a little beyond, and around it."""
    x, y, z = point
    from_middle = x + 0.8 * BEND
    return (np.arctan2(z, from_middle) / HALF_TURN,
            np.arctan2(-0.078 - y, np.hypot(from_middle, z) - BEND))


def tube_normals(point: np.ndarray) -> np.ndarray:
    """Unit normals (3, m) of a smooth banana at points of its chain of ellipsoids."""
    x, y, z = point
    angle = np.clip(np.arctan2(z, x + 0.8 * BEND), -HALF_TURN, HALF_TURN)
    out = point - np.stack([BEND * (np.cos(angle) - 0.8), np.full_like(x, -0.078),
                            BEND * np.sin(angle)])
    return (out / np.linalg.norm(out, axis=0)).astype(np.float32)


SKINS: dict[str, Callable[..., np.ndarray]] = {
    "apple": apple, "orange": orange, "lemon": lemon, "banana": banana, "mangosteen": mangosteen}
