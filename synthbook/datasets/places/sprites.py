"""Sprites: the coverage of six colour roles, recoloured and scaled."""

import functools
from typing import NamedTuple

import numpy as np
from PIL import Image

from synthbook.datasets.places.classes import FINE, FORTY, merge, names
from synthbook.datasets.places.colours import Colours
from synthbook.files import BookError, data_dir, read_json

_PARENT = [names(16)[k] for k in merge(16)]
_GLASS = np.array([0.72, 0.9, 0.98], np.float32)
_NIGHT = np.array([0.22, 0.18, 0.3], np.float32)
_WOOD = np.array([0.48, 0.33, 0.27], np.float32)


class Sprite(NamedTuple):
    """One sprite at several sizes, cropped to what is drawn."""

    aspect: float  # width / height
    mips: tuple[np.ndarray, ...]  # (h, w, 6) float32 in [0, 255]: roles' coverage; small first


@functools.cache
def atlas() -> dict[str, Sprite]:
    """All sprites by name. A missing or damaged atlas raises BookError."""
    folder = data_dir() / "art" / "places"
    index = read_json(folder / "atlas.json")
    try:
        with Image.open(folder / "atlas.png") as picture:
            pixels = np.asarray(picture.convert("L"))
    except OSError as error:
        raise BookError(f"{folder / 'atlas.png'} is missing or damaged: restore it from the "
                        "repository, or run `npm run build` in data/make/places") from error
    tile, roles = index["tile"], len(index["roles"])
    if pixels.shape != (tile * len(index["sprites"]), tile * roles):
        raise BookError(f"{folder / 'atlas.png'} does not fit atlas.json: restore both")
    grid = pixels.reshape(len(index["sprites"]), tile, roles, tile).transpose(0, 1, 3, 2)
    return {name: _sprite(grid[i]) for i, name in enumerate(index["sprites"])}


def _sprite(cover: np.ndarray) -> Sprite:
    total = cover.sum(2, dtype=np.int64) > 127
    rows, columns = np.flatnonzero(total.any(1)), np.flatnonzero(total.any(0))
    cover = cover[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
    height, width = cover.shape[:2]
    mips = []
    for scale in (0.2, 0.35, 0.5, 0.7, 1):
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        layers = [Image.fromarray(np.ascontiguousarray(cover[..., r])).resize(size, Image.BOX)
                  for r in range(cover.shape[2])]
        mip = np.stack([np.asarray(layer) for layer in layers], 2).astype(np.float32)
        mips.append(mip / np.maximum(mip.sum(2, keepdims=True) / 255, 1))
    return Sprite(width / height, tuple(mips))


def roles(fine: int, look: Colours, contrast: float) -> np.ndarray:
    """(6, 3) float32: the colour of each role of a fine class.

    Contrast, in [0, 1], is that of the shaded side, of windows and of markings.
    """
    family = _PARENT[fine]
    shade = look.main + (0.35 + 1.1 * contrast) * (look.dark - look.main)
    dark, glass, second = _NIGHT, _GLASS, look.accent
    if family == "house":
        second = 0.55 * look.accent + 0.45 * _WOOD
        glass = 0.45 * _GLASS + 0.55 * (1 - contrast) * _NIGHT + 0.55 * contrast * _GLASS
        dark = 0.35 * look.accent + 0.65 * _NIGHT
    elif family == "tower":
        glass = look.accent + 0.35 * (0.5 - contrast) * (look.accent - look.deep)
        dark = 0.5 * look.deep + 0.5 * _NIGHT
    elif family in ("conifer", "tree"):
        second = look.accent if family == "conifer" else _WOOD
    elif family == "car":
        glass = _GLASS + 0.4 * (contrast - 0.3) * (_NIGHT - _GLASS)
    elif family == "boat":
        second = _WOOD
        glass = 0.5 * _GLASS + 0.5 * _NIGHT * contrast + 0.5 * (1 - contrast) * _GLASS
    elif family == "animal":
        second = 0.5 * look.deep + 0.5 * _WOOD
        worn = look.main + (0.35 + 0.65 * contrast) * (look.accent - look.main)
        look = look._replace(accent=worn)
    if fine == FINE["bush"]:
        berries, leaves = look.main, look.accent
        look = look._replace(main=leaves, accent=berries)
        shade = leaves * (0.9 - 0.2 * contrast)
    if fine == FINE["cactus"]:
        green = look.accent
        look = look._replace(main=green, accent=look.main)
        shade = green * (0.88 - 0.22 * contrast)
    return np.clip(np.stack([look.main, shade, look.accent, second, glass, dark]), 0, 1)


def draw(fine: int, look: Colours, contrast: float, height: int, flip: bool) -> np.ndarray:
    """(height, w, 4) bytes: the recoloured sprite of a fine class, straight alpha."""
    sprite = atlas()[FORTY[fine][0]]
    mip = next((m for m in sprite.mips if m.shape[0] >= height), sprite.mips[-1])
    paints = np.ones((mip.shape[2], 4), np.float32)
    paints[:, :3] = roles(fine, look, contrast)
    rgba = (mip.reshape(-1, mip.shape[2]) @ paints + np.float32(0.5)).astype(np.uint8)
    picture = Image.frombytes("RGBa", (mip.shape[1], mip.shape[0]), rgba.tobytes())
    width = max(1, round(height * sprite.aspect))
    picture = np.asarray(picture.resize((width, height), Image.BILINEAR).convert("RGBA"))
    return picture[:, ::-1] if flip else picture
