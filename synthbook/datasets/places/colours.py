"""The palette: one ramp of colours for each of the 16 classes, read at a style's hue."""

from typing import NamedTuple

import numpy as np

from synthbook.datasets.places.classes import SIXTEEN, merge, names

# `main` is read at the style's hue, `accent` at its accent; stops are equally spaced.
# Sky and water have two rows of stops: top and horizon, deep and shallow.
RAMPS = {
    "sky": ("#ffcc78 #ffae80 #f78f94 #e58abb #bd92e2 #8fa4ec #6fb2f4 #3f97ea #43b4d4 #58c4b6 "
            "#3f9cc0 #3f66b8 #2b3378 #4a3c96 #8459bc",
            "#fff3bd #ffeab8 #ffe0ba #ffd6c6 #ffd2d8 #ffd8cc #def2ff #c9ecff #cdf5f2 #e4f8da "
            "#c4f0e0 #a0caf2 #6d72c0 #a878cc #f9a5b0"),
    "cloud": ("#ffffff #fff3dc #ffe0d2 #fbd3e2 #e6dcfb #d8ebfb #ffeeb4",
              "#ffd35c #ffb46b #ff8f7a #fff1c4 #f7f0ff"),
    "mountain": ("#6f8fc9 #5fa3b5 #6fae9c #a9a06f #cf9a72 #c98390 #a27fc0 #7a7fc4",
                 "#ffffff #fff0dc #ffe0e6 #e3ecff"),
    "hill": ("#6fb37a #57a58c #8fbf62 #c9b95a #d99a5e #d08a94 #a48fd0 #5f93b8",
             "#4f9a6c #b8a04a #c87a5a #8a78c0 #4a86a8"),
    "grass": ("#6fc46a #93d165 #bfdb66 #e6d067 #e8b465 #dba3b8 #b5a6e0 #7fcdb4 #e3eef5",
              "#ff7f8f #ffd84f #ffffff #c98cf0 #ff9f4f #6fa8f5"),
    "sand": ("#f6e4b0 #f2cf90 #ecb078 #dd8a68 #e8b3b8 #d9c8ee #e6f0fa #f6f8fc",
             "#e9a86a #d98a8a #b79ae0 #8fb8e8 #f2e0a8"),
    "road": ("#6d7488 #8b93a6 #a8a3b8 #c9b7a4 #d6a188 #b98a90 #8a80b0 #5f7f90",
             "#ffffff #ffe08a #ffc0a8 #c9e6ff"),
    "water": ("#2f8fe0 #2ba3cf #35b3b3 #5cc0a0 #5f8fe8 #7f80dc #b58ad8 #ee9fa6 #2f5fae",
              "#8fd4f7 #8fe3e6 #a6ecd4 #c9f0c0 #bcd6fb #ccc6f8 #f2cdea #ffdcc4 #79a3e0"),
    "house": ("#fff0cf #ffd98f #ffb98a #f79a92 #f2b3d0 #c9b8f0 #a3cdf5 #a5e0cf #cfe69a",
              "#d94f4a #e8833a #8a5a44 #3f9a7a #2f86b8 #5a5fc0 #a24f9a"),
    "tower": ("#f28f7a #f7b870 #f2dc8f #9fd49a #6fc4bb #6fa8e0 #8a86d8 #c986cf #e8839f",
              "#ffe58a #ffffff #a6e8ff #4f6fb8 #ff9f8f"),
    "conifer": ("#b8604f #c9934f #8ab54a #4fa84f #2f8a55 #2a8f80 #2f7fa0 #4a6fb0 #8aa5d8 #e4eef5",
                "#8a5a3c #6a4a58 #b07848"),
    "tree": ("#4fb04e #86c440 #c9cc3f #f5b83a #f08a3c #e05a4f #f08fb8 #c08ae0 #3fa59a",
             "#f5d04f #e8604f #fff0f5 #f08fb8"),
    "plant": ("#f2558a #f57f5a #f7b53f #ffe36a #fff2ec #d59af2 #8a78e8 #5f9ff0 #4fb88a",
              "#4fae4a #86c43f #2f9a78 #3f8aa0"),
    "car": ("#e8483f #f58a33 #f7c53a #8ac44a #35b095 #3f9fe8 #4f62d0 #9a5fd0 #f283b0 #f4f2ee",
            "#fff6e0 #ffd98a #dfe8f2 #ffc6cf"),
    "boat": ("#e0484a #f2813a #f5c040 #5fba6a #2fa8a8 #3a86d8 #5560b8 #8f5ab0 #f5f2ea",
             "#ffffff #fff0c0 #ffd05a #ff9f7f #ffb3cf #a6dcff"),
    "animal": ("#fff6e6 #f2d9b0 #e0aa6a #b87a4a #8a5a48 #8f8a98 #c9c4d4 #e8b0a0",
               "#fff0d8 #6a4a40 #d98f6a #e85f5a #4f8fc8 #f2b84a"),
}

_TO_LMS = np.array([[0.4122214708, 0.5363325363, 0.0514459929],
                    [0.2119034982, 0.6806995451, 0.1073969566],
                    [0.0883024619, 0.2817188376, 0.6299787005]])
_TO_LAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468],
                    [1.9779984951, -2.4285922050, 0.4505937099],
                    [0.0259040371, 0.7827717662, -0.8086757660]])
_FROM_LAB, _FROM_LMS = np.linalg.inv(_TO_LAB), np.linalg.inv(_TO_LMS)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """(..., 3) sRGB in [0, 1] to OKLab (B. Ottosson, 2020)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T


def srgb(lab: np.ndarray) -> np.ndarray:
    """(..., 3) OKLab to sRGB, clipped to [0, 1]."""
    linear = np.clip((lab @ _FROM_LAB.T) ** 3 @ _FROM_LMS.T, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def _table(stops: str) -> np.ndarray:
    """(257, 3) OKLab along a row of hexadecimal stops."""
    rgb = np.array([[int(s[k:k + 2], 16) for k in (1, 3, 5)] for s in stops.split()]) / 255
    lab, at = oklab(rgb), np.linspace(0, 1, 257)
    return np.stack([np.interp(at, np.linspace(0, 1, len(lab)), lab[:, k]) for k in range(3)], 1)


_MAIN = np.stack([_table(RAMPS[row[0]][0]) for row in SIXTEEN])
_ACCENT = np.stack([_table(RAMPS[row[0]][1]) for row in SIXTEEN])
_RAMP = merge(16)
_PAIRED = np.isin(names(16), ("sky", "water"))[_RAMP]
# main, light, dark, accent, deep: shades lean to violet and lights to warm, as in gouache
_SHIFT = np.array([(0, 0, 0), (0.06, 0.002, 0.012), (-0.085, 0.006, -0.022), (0, 0, 0),
                   (-0.16, 0.008, -0.03)])


class Colours(NamedTuple):
    """A class's colours under one style, each (3,) float32 sRGB in [0, 1]."""

    main: np.ndarray
    light: np.ndarray
    dark: np.ndarray
    accent: np.ndarray
    deep: np.ndarray


def colours(styles: np.ndarray) -> list[Colours]:
    """The colours of the 40 fine classes, each under its row of styles (40, 5).

    Tone moves lightness, saturation scales chroma. For sky and water `accent` is the colour at
    the horizon, read near the style's hue and shifted along the ramp by its accent.
    """
    hue, tone, saturation, _, accent = np.asarray(styles, np.float64).T
    at = np.clip(np.where(_PAIRED, hue + 0.24 * (accent - 0.5), accent), 0, 1)
    main = _MAIN[_RAMP, np.rint(256 * hue).astype(int)]
    side = _ACCENT[_RAMP, np.rint(256 * at).astype(int)]
    lift = 0.12 * (tone - 0.5)
    lab = np.stack([main, main, main, side, main], 1)
    lab[..., 0] += lift[:, None] * (1, 1, 1, 0.5, 1)
    lab[..., 1:] *= (0.84 + 0.44 * saturation)[:, None, None]
    return [Colours(*row) for row in srgb(lab + _SHIFT).astype(np.float32)]
