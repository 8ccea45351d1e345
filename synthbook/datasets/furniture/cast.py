"""Rays against a piece of furniture: where each one meets it, and how bright that is."""

import numpy as np

from synthbook.datasets.furniture.parts import CLOTH, FRONT, WOOD, Part
from synthbook.datasets.furniture.scene import Piece
from synthbook.datasets.raycast.scene import PARTS
from synthbook.datasets.raycast.solids import (
    GAIN,
    Hits,
    brightness,
    column,
    meet_solid,
    nearest,
    rgb,
)

METAL_TONE, SHADE = rgb("e9d9a8"), 0.55  # of handles; of what is DARK beside the wood


def meet_piece(piece: Piece, o: np.ndarray, d: np.ndarray, light: np.ndarray) -> Hits:
    """The rays that meet a piece, all in its own frame."""
    wood, cloth = piece.tones
    tones = wood, cloth, SHADE * wood, METAL_TONE
    parts = piece.form.parts
    met = [meet_solid(part.solid, o, d) for part in parts]
    at, depth, which = nearest(np.stack([one.depth for one in met]))
    point = o[:, None] + d[:, at] * depth
    colour = np.empty((3, len(at)), np.float32)
    for number, part in enumerate(parts):
        on = np.flatnonzero(which == number)
        if len(on):
            plane = met[number].plane[at[on]]
            painted = part_paint(part, tones, piece.striped, point[:, on], plane)
            colour[:, on] = painted * brightness(normals(part, point[:, on], plane), light)
    kind = np.full(len(at), piece.kind - PARTS, np.uint8)
    return Hits(at, depth, kind, np.minimum(colour * GAIN, 255))


def normals(part: Part, point: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """Unit normals (3, m) at points of a part; round where the part is."""
    normal = part.solid.normals[plane].T.copy()
    if part.axis is not None:
        side = np.flatnonzero(plane >= 2)
        out = point[::2, side] - np.array(part.axis, np.float32)[:, None]
        level = np.hypot(normal[0, side], normal[2, side])
        normal[::2, side] = out / np.hypot(*out) * level
    return normal


def part_paint(part: Part, tones: tuple[np.ndarray, ...], striped: bool, point: np.ndarray,
               plane: np.ndarray) -> np.ndarray:
    """Colours (3, m) at points of a part before light: its tone, its marks, grain or stripes."""
    colour = column(tones[part.tone], point.shape[1])
    x, y, z = point
    if part.tone == WOOD:
        colour *= 1 + np.float32(0.03) * np.sin(170 * x + 3 * np.sin(9 * z + 5 * y) + 30 * y)
    elif part.tone == CLOTH and striped:
        colour *= np.where(np.floor(z / 0.045) % 2 == 0, np.float32(1.12), np.float32(0.84))
    for mark in part.marks:
        inside = ((plane == FRONT) & (z > mark.z[0]) & (z < mark.z[1])
                  & (-y > mark.height[0]) & (-y < mark.height[1]))
        colour[:, inside] = tones[mark.tone][:, None]
    return colour * (np.float32(0.84) + np.float32(0.16) * np.minimum(-y / 0.12, 1))
