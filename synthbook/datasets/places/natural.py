"""Styles that follow season, time of day and kind of place."""

import numpy as np

from synthbook.datasets.places.classes import EIGHT, SIXTEEN, STYLE_NAMES, merge, names
from synthbook.datasets.places.kinds import KINDS, MOODS

# For each mood, hue range of a class; classes not named keep the whole range.
_HUES = {
    "spring morning": {
        "sky": (0.20, 0.38), "mountain": (0.7, 1.0), "hill": (0.0, 0.3), "grass": (0.0, 0.22),
        "water": (0.1, 0.35), "conifer": (0.2, 0.45), "tree": (0.70, 0.88), "plant": (0.0, 0.3)},
    "summer noon": {
        "sky": (0.43, 0.55), "mountain": (0.0, 0.25), "hill": (0.0, 0.3), "grass": (0.05, 0.3),
        "water": (0.0, 0.22), "conifer": (0.3, 0.5), "tree": (0.0, 0.15), "plant": (0.0, 0.5)},
    "autumn evening": {
        "sky": (0.00, 0.14), "mountain": (0.5, 0.8), "hill": (0.42, 0.65), "grass": (0.3, 0.55),
        "water": (0.75, 0.9), "conifer": (0.0, 0.25), "tree": (0.35, 0.6), "plant": (0.1, 0.35)},
    "winter day": {
        "sky": (0.57, 0.70), "mountain": (0.0, 0.15), "hill": (0.85, 1.0), "grass": (0.94, 1.0),
        "water": (0.45, 0.6), "conifer": (0.95, 1.0), "tree": (0.95, 1.0), "plant": (0.45, 0.7)},
    "night": {
        "sky": (0.84, 0.94), "mountain": (0.85, 1.0), "hill": (0.75, 1.0), "grass": (0.68, 0.85),
        "water": (0.94, 1.0), "conifer": (0.6, 0.8), "tree": (0.85, 1.0), "plant": (0.6, 0.85)},
}
_TONES = {"spring morning": (0.55, 0.95), "summer noon": (0.45, 0.85),
          "autumn evening": (0.3, 0.7), "winter day": (0.6, 1.0), "night": (0.0, 0.22)}
# The sand class is several materials: the kind of place decides before the mood does.
_SAND = {"snow": (0.88, 1.0), "desert": (0.1, 0.45), "beach": (0.0, 0.18)}


def styles(rng: np.random.Generator, classes: int, kind: int, mood: int) -> np.ndarray:
    """(classes, 5) styles given kind and mood; a merged class follows its first member."""
    low, high = ranges(kind, mood)
    table = merged(low + (high - low) * rng.uniform(size=low.shape), classes)
    if classes != 40:
        return table
    return np.clip(table + rng.uniform(-0.04, 0.04, table.shape), 0, 1)


def plain(classes: int, kind: int) -> np.ndarray:
    """(classes, 5) styles of a summer noon, each in the middle of its range; nothing is drawn."""
    low, high = ranges(kind, MOODS.index("summer noon"))
    return merged((low + high) / 2, classes)


def merged(table: np.ndarray, classes: int) -> np.ndarray:
    """(classes, 5) of (16, 5): of merged classes the first counts, parts of a class are alike."""
    if classes == 8:
        return table[[next(i for i, row in enumerate(SIXTEEN) if row[2] == name)
                      for name, *_ in EIGHT]]
    return table[merge(16)] if classes == 40 else table


def ranges(kind: int, mood: int) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest (16, 5) of the styles given kind and mood."""
    name = MOODS[mood]
    low, high = np.zeros((2, len(SIXTEEN), len(STYLE_NAMES)))
    high += 1
    for c, what in enumerate(names(16)):
        low[c, 0], high[c, 0] = _HUES[name].get(what, (0.0, 1.0))
        if what == "sand":
            low[c, 0], high[c, 0] = _SAND.get(KINDS[kind].name, (0.0, 1.0))
    low[:, 1], high[:, 1] = _TONES[name]
    return low, high
