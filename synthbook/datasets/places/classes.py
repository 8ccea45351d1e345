"""The classes of `places`: 40 fine ones, merged into 16, merged into 8."""

import numpy as np

# name, palette colour, and the class of the list below it that it merges into
EIGHT = (
    ("sky", "#8ec5f0"), ("mountain", "#8d7fb5"), ("ground", "#b5cf6a"), ("water", "#2b7fc4"),
    ("building", "#d9694f"), ("plant", "#2f8f4e"), ("vehicle", "#f2b134"), ("animal", "#6b4a3a"),
)
SIXTEEN = (
    ("sky", "#9fd0f5", "sky"), ("cloud", "#f4f1e4", "sky"),
    ("mountain", "#8d7fb5", "mountain"), ("hill", "#7fa39a", "mountain"),
    ("grass", "#b5d66b", "ground"), ("sand", "#f0dba4", "ground"), ("road", "#8b8d99", "ground"),
    ("water", "#2b7fc4", "water"),
    ("house", "#d9694f", "building"), ("tower", "#b04a86", "building"),
    ("conifer", "#17603f", "plant"), ("tree", "#3fa34d", "plant"), ("plant", "#f08ab0", "plant"),
    ("car", "#f2b134", "vehicle"), ("boat", "#f07f2e", "vehicle"),
    ("animal", "#6b4a3a", "animal"),
)
FORTY = (
    ("sky", "#9fd0f5", "sky"),
    ("cloud", "#f4f1e4", "cloud"), ("sun", "#ffd54a", "cloud"), ("moon", "#d8d4f5", "cloud"),
    ("mountain", "#8d7fb5", "mountain"), ("snowcap", "#cfc8ea", "mountain"),
    ("hill", "#7fa39a", "hill"), ("woods", "#4f7f78", "hill"),
    ("grass", "#b5d66b", "grass"), ("field", "#d0c94f", "grass"), ("bloom", "#9fe0a0", "grass"),
    ("beach", "#f0dba4", "sand"), ("dune", "#e0b070", "sand"), ("snow", "#f7fbff", "sand"),
    ("road", "#6f7280", "road"), ("paving", "#a9a8b3", "road"), ("path", "#c9b294", "road"),
    ("sea", "#2b7fc4", "water"), ("lake", "#48b0cf", "water"),
    ("house", "#d9694f", "house"), ("church", "#f0a58c", "house"), ("hut", "#a8442f", "house"),
    ("office", "#b04a86", "tower"), ("hotel", "#d98abf", "tower"), ("store", "#7d2f63", "tower"),
    ("pine", "#17603f", "conifer"),
    ("leaf tree", "#3fa34d", "tree"), ("palm", "#7cc24a", "tree"),
    ("bush", "#f08ab0", "plant"), ("flower", "#e0407f", "plant"), ("cactus", "#5a9c86", "plant"),
    ("car", "#f2b134", "car"), ("truck", "#c98a10", "car"), ("bus", "#ffd98a", "car"),
    ("sailboat", "#f07f2e", "boat"), ("motorboat", "#ffb380", "boat"), ("ship", "#b3510c", "boat"),
    ("sheep", "#a98a78", "animal"), ("deer", "#6b4a3a", "animal"), ("camel", "#3d2820", "animal"),
)
LISTS = {8: EIGHT, 16: SIXTEEN, 40: FORTY}
FINE = {row[0]: i for i, row in enumerate(FORTY)}
STYLE_NAMES = ("hue", "tone", "saturation", "texture", "accent")


def names(classes: int) -> tuple[str, ...]:
    """Names of the 8, 16 or 40 classes."""
    return tuple(row[0] for row in LISTS[classes])


def palette(classes: int) -> np.ndarray:
    """(classes, 3) bytes: the colour in which each class of a label map is drawn."""
    rows = [[int(row[1][k:k + 2], 16) for k in (1, 3, 5)] for row in LISTS[classes]]
    return np.array(rows, np.uint8)


def merge(classes: int) -> np.ndarray:
    """(40,) bytes: for each fine class, its class among 8, 16 or 40."""
    if classes == 40:
        return np.arange(40, dtype=np.uint8)
    sixteen = np.array([names(16).index(row[2]) for row in FORTY], np.uint8)
    if classes == 16:
        return sixteen
    eight = np.array([names(8).index(row[2]) for row in SIXTEEN], np.uint8)
    return eight[sixteen]
