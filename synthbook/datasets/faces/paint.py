"""From a class's style to its colours: ramps in OKLab (Ottosson 2020), natural where it matters.

A style is five numbers in [0, 1], the same names for every class:

| | hue | lightness, saturation | texture | accent |
| --- | --- | --- | --- | --- |
| background | hue circle | of both tones | contrast of the second tone | where the shape lies |
| skin | tone, light to deep | around the tone | how many freckles | blush of the cheeks |
| hair, beard | ramp of hair colours | around it | strength of strands | where the sheen lies |
| eyes | ramp of iris colours | around it | strength of the sheen | direction of the sheen |
| mouth | ramp of lip colours | around it | strength of the sheen | direction of the sheen |
| accessory | hue circle | of the colour | strength of the sheen | direction of the sheen |
| clothes | hue circle | of the colour | contrast of pattern and weave | phase of the pattern |
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

CLASSES = ("background", "skin", "hair", "beard", "eyes", "mouth", "accessory", "clothes")
STYLES = ("hue", "lightness", "saturation", "texture", "accent")

SKINS = {"porcelain": "fce3d4", "fair": "f6cfb4", "light": "eabb98", "beige": "dca47c",
         "tan": "c88b61", "bronze": "ad7049", "brown": "8c5536", "deep": "6d3f29",
         "ebony": "51301f"}
HAIRS = {"black": "221e25", "espresso": "3a2822", "brown": "5d3d2b", "chestnut": "80492d",
         "auburn": "9a432c", "copper": "c4662f", "golden": "d9a152", "blond": "ecc880",
         "platinum": "f0e4ca", "silver": "b4b5c0", "rose": "e788a6", "violet": "9270c8",
         "blue": "4d80d2", "teal": "3aa69b"}
BEARDS = {name: HAIRS[name] for name in list(HAIRS)[:10]}
EYES = {"black": "241a1c", "brown": "4d2d1b", "hazel": "6f4d1c", "green": "38602f",
        "teal": "22696a", "blue": "2c5f9e", "grey": "4b5a70", "violet": "513b85"}
MOUTHS = {"wine": "701c31", "red": "b02a3c", "rose": "cb4f66", "coral": "d96a5a",
          "berry": "97336a", "plum": "5f2550"}
HUES = ("red", "orange", "yellow", "lime", "green", "teal", "sky", "blue", "violet", "pink")

_RAMPS = {1: SKINS, 2: HAIRS, 3: BEARDS, 4: EYES, 5: MOUTHS}
_AROUND = {1: (0.035, 0.2), 2: (0.06, 0.3), 3: (0.05, 0.3), 4: (0.05, 0.35), 5: (0.05, 0.3)}
_WHEELS = {  # lightness and chroma at style 0 and 1
    0: ((0.64, 0.94), (0.02, 0.125)),
    6: ((0.32, 0.74), (0.03, 0.19)),
    7: ((0.36, 0.90), (0.02, 0.165)),
}
_TO_LMS = np.array([[0.4122214708, 0.5363325363, 0.0514459929],
                    [0.2119034982, 0.6806995451, 0.1073969566],
                    [0.0883024619, 0.2817188376, 0.6299787005]])
_TO_LAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468],
                    [1.9779984951, -2.4285922050, 0.4505937099],
                    [0.0259040371, 0.7827717662, -0.8086757660]])
_FROM_LMS, _FROM_LAB = np.linalg.inv(_TO_LMS), np.linalg.inv(_TO_LAB)


@dataclass(frozen=True)
class Paint:
    """The colours of one class, each (3,) sRGB in [0, 255]."""

    dark: np.ndarray
    base: np.ndarray
    light: np.ndarray
    second: np.ndarray


def oklab(rgb: np.ndarray) -> np.ndarray:
    """(..., 3) sRGB in [0, 255] to OKLab."""
    x = np.asarray(rgb) / 255
    linear = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T


def srgb(lab: np.ndarray) -> np.ndarray:
    """(N, 3) OKLab to sRGB in [0, 255]; colours out of reach lose chroma."""
    keep = np.linspace(1, 0, 11)[None, :, None]
    tries = lab[:, None] * np.concatenate([np.ones_like(keep), keep, keep], 2)
    linear = ((tries @ _FROM_LAB.T) ** 3) @ _FROM_LMS.T
    inside = ((linear > -1e-4) & (linear < 1.0001)).all(2)
    linear = np.clip(linear[np.arange(len(lab)), inside.argmax(1)], 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@lru_cache(maxsize=None)
def _stops(c: int) -> np.ndarray:
    colours = [[int(code[i:i + 2], 16) for i in (0, 2, 4)] for code in _RAMPS[c].values()]
    return oklab(np.array(colours, float))


def _ramp(c: int, position: float) -> np.ndarray:
    stops = _stops(c)
    place = position * (len(stops) - 1)
    first = min(int(place), len(stops) - 2)
    return stops[first] + (place - first) * (stops[first + 1] - stops[first])


def _turned(lab: np.ndarray, degrees: float) -> np.ndarray:
    turn = np.deg2rad(degrees)
    cos, sin = np.cos(turn), np.sin(turn)
    return np.array([lab[0], lab[1] * cos - lab[2] * sin, lab[1] * sin + lab[2] * cos])


def _mixed(c: int, style: tuple[float, ...]) -> list[np.ndarray]:
    """Dark, base, light and second colour of class `c`, in OKLab."""
    hue, lightness, saturation, texture, _ = style
    if c in _RAMPS:
        lab = _ramp(c, hue)
        around, stretch = _AROUND[c]
        chroma = 1 + stretch * (2 * saturation - 1)
        lab = lab * [1, chroma, chroma] + [around * (2 * lightness - 1), 0, 0]
    else:
        (l0, l1), (c0, c1) = _WHEELS[c]
        chroma, turn = c0 + (c1 - c0) * saturation, 2 * np.pi * hue
        lab = np.array([l0 + (l1 - l0) * lightness, chroma * np.cos(turn), chroma * np.sin(turn)])
    dark = lab * [0.45, 0.7, 0.7]
    light = lab * [1, 0.35, 0.35] + [0.9 * (1 - lab[0]), 0, 0]
    second = lab
    if c == 0:
        way = -1 if lab[0] > 0.74 else 1
        second = _turned(lab, 28) * [1, 1.15, 1.15] + [way * (0.04 + 0.13 * texture), 0, 0]
    elif c == 1:
        dark = _turned(lab * [0.66, 1.05, 1.05], -8) + [0, 0.012, 0.02]
        second = lab + [-0.03, 0.015 + 0.06 * lab[0] ** 2, 0.012]
    elif c in (2, 3):
        light = lab * [1, 0.8, 0.8] + [0.14 + 0.5 * (1 - lab[0]) * lab[0], 0, 0]
        light[0] = min(light[0], 0.98)
    elif c in (4, 5, 6):
        second = lab + [0.2 - 0.08 * (c == 5), 0, 0]
        light = np.array([0.985, 0, 0.004]) if c != 6 else light
    elif c == 7:
        way = -1 if lab[0] > 0.62 else 1
        second = _turned(lab, -30) + [way * (0.04 + 0.2 * texture), 0, 0]
    return [dark, lab, light, second]


def paint(styles: tuple[tuple[float, ...], ...]) -> list[Paint]:
    """The colours of every class from the styles (K, S), numbers in [0, 1]."""
    labs = [lab for c, style in enumerate(styles) for lab in _mixed(c, style)]
    rgb = srgb(np.array(labs)).astype(np.float32)
    return [Paint(*rgb[4 * c:4 * c + 4]) for c in range(len(styles))]


def colour_name(c: int, hue: float) -> str:
    """The name of the nearest stop of the class's ramp, or of the sector of the hue circle."""
    if c in _RAMPS:
        names = list(_RAMPS[c])
        return names[int(np.floor(hue * (len(names) - 1) + 0.5))]
    return HUES[int(hue * len(HUES)) % len(HUES)]


def colour_names(c: int) -> tuple[str, ...]:
    """Every name that `colour_name` gives for class `c`."""
    return tuple(_RAMPS[c]) if c in _RAMPS else HUES
