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
    table = styles16(rng, kind, mood)
    if classes == 16:
        return table
    if classes == 8:
        return table[[next(i for i, row in enumerate(SIXTEEN) if row[2] == name)
                      for name, *_ in EIGHT]]
    spread = rng.uniform(-0.04, 0.04, (40, len(STYLE_NAMES)))
    return np.clip(table[merge(16)] + spread, 0, 1)


def styles16(rng: np.random.Generator, kind: int, mood: int) -> np.ndarray:
    """(16, 5) styles given kind and mood."""
    name = MOODS[mood]
    table = rng.uniform(size=(len(SIXTEEN), len(STYLE_NAMES)))
    for c, what in enumerate(names(16)):
        low, high = _HUES[name].get(what, (0.0, 1.0))
        if what == "sand":
            low, high = _SAND.get(KINDS[kind].name, (0.0, 1.0))
        table[c, 0] = low + (high - low) * table[c, 0]
        low, high = _TONES[name]
        table[c, 1] = low + (high - low) * table[c, 1]
    return table
