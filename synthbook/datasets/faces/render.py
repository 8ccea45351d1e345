"""From a scene to pixels: parts are laid top down, coloured, reduced, then given their detail."""

from dataclasses import astuple
from typing import NamedTuple

import numpy as np

from synthbook.datasets.faces import detail
from synthbook.datasets.faces.backdrop import VIEW, cloth, grid, weight
from synthbook.datasets.faces.paint import Paint, paint
from synthbook.datasets.faces.parts import (SLOTS, Layer, Matrix, Placed, about, after, inverse,
                                            parts, place)
from synthbook.datasets.faces.scene import Scene

SLOT_CLASS = np.array([0, 1, 2, 3, 4, 4, 5, 6, 6, 7])
CURLS = {"curly": 1.0, "curlyHighTop": 1.0, "curlyBun": 1.0, "buzzcut": 0.75, "fade": 0.4}
_LIT = (1, 2, 3, 6, 7)


class Amounts(NamedTuple):
    """How much stochastic detail, each in [0, 1]."""

    grain: float
    strands: float
    freckles: float
    weave: float


class Frames(NamedTuple):
    """Maps of the drawing's units to view units, (2, 3) each."""

    body: Matrix
    head: Matrix


def frames(scene: Scene) -> Frames:
    """Where pose and proportions put the body and the head."""
    pose, shape = scene.pose, scene.shape
    sitter = about(32, 36, pose.scale, pose.scale, 0, pose.dx, pose.dy)
    head = about(32, 52, shape.face_width, shape.face_height, pose.degrees)
    return Frames(after(sitter, about(32, 52, shape.shoulders, 1)), after(sitter, head))


def to_pixels(matrix: Matrix, size: int) -> Matrix:
    """The same map, ending in pixels of an image of `size`."""
    left, top, side = VIEW
    return (matrix - [[0, 0, left], [0, 0, top]]) * (size / side)


def layers(scene: Scene) -> list[tuple[Layer, Matrix]]:
    """The parts of a scene, bottom first, each with its map of units to view units."""
    art, shape = parts(), scene.shape
    body, head = frames(scene)
    found: list[tuple[Layer, Matrix]] = []

    def add(name: str, matrix: Matrix) -> None:
        found.extend((layer, matrix) for layer in art.get(name, ()))

    add(f"head/collar_{scene.clothing}", body)
    add("head/plain", head)
    add(f"nose/{scene.nose}", head)
    if scene.glasses != "sun":
        for layer, x, way in zip(art[f"eyes/{scene.eyes}"], (25.5, 38.5), (-1, 1), strict=True):
            local = about(x, 28.5, shape.eye_size, shape.eye_size, 0,
                          way * shape.eye_gap, shape.eye_dy)
            found.append((layer, after(head, local)))
    if scene.glasses != "none":
        fit = about(32, 28.5, 1.04 + shape.eye_gap / 6.5, 1.04, 0, 0, shape.eye_dy)
        add(f"glasses/{scene.glasses}", after(head, fit))
    add(f"hair/{scene.hair}", head)
    add(f"clothes/{scene.clothing}", body)
    add(f"beard/{scene.beard}", head)
    size = shape.mouth_size
    add(f"mouth/{scene.mouth}", after(head, about(32, 41, size, size, 0, 0, shape.mouth_dy)))
    if scene.headwear != "none":
        add(f"hair/{scene.headwear}", after(head, about(32, 26, 1.09, 1.09)))
    return found


def supersampling(size: int) -> int:
    """Work pixels per image pixel, each way."""
    return 4 if size < 48 else 2


def reduce(values: np.ndarray, n: int) -> np.ndarray:
    """Mean over n x n blocks of the last two axes."""
    total = sum(values[..., i::n, j::n] for i in range(n) for j in range(n))
    return total / np.float32(n * n)


class Flat(NamedTuple):
    """A portrait without stochastic detail: image (3, H, W) in [0, 255], the slots' cover
    (N, H, W), class and slot of every pixel (H, W) uint8, and the colours of every class."""

    image: np.ndarray
    cover: np.ndarray
    label: np.ndarray
    slot: np.ndarray
    paints: list[Paint]


def flat(scene: Scene, size: int) -> Flat:
    """Draw the portrait without its stochastic detail.

    Where two parts share an outline, both cover it only in part and what lies below would shine
    through as a hair line. So a class colours a pixel only when it owns it or a neighbour: its
    style reaches no further than one pixel beyond its region.
    """
    n = supersampling(size)
    canvas = size * n
    paints = paint(scene.styles)
    both = frames(scene)
    colour = np.zeros((len(paints), 3, size, size), np.float32)
    cover = np.zeros((len(SLOTS), size, size), np.float32)
    left = np.ones((canvas, canvas), np.float32)
    for layer, matrix in reversed(layers(scene)):
        placed = place(layer, to_pixels(matrix, canvas), canvas)
        if placed is None:
            continue
        rest = left[placed.window]
        seen = placed.cover * rest
        rest -= seen
        window, share = _reduced(seen, _coloured(scene, placed, paints, both, canvas),
                                 placed.window, n)
        colour[SLOT_CLASS[placed.slot], :, *window] += share[:3]
        cover[placed.slot, *window] += share[3]
    base, second = _columns(paints[0].base, paints[0].second)
    w = weight(scene.backdrop, scene.styles[0][4], canvas).astype(np.float32)
    colour[0] = reduce(left * (base + w * (second - base)), n)
    cover[0] = reduce(left, n)
    label, slot = labelled(cover)
    near = nearby(label, len(paints)).astype(np.float32)
    cover *= near[SLOT_CLASS]
    total = cover.sum(0)
    return Flat((colour * near[:, None]).sum(0) / total, cover / total, label, slot, paints)


def nearby(label: np.ndarray, classes: int) -> np.ndarray:
    """Where each class owns the pixel or one of its eight neighbours, (K, H, W) bool."""
    owned = np.pad(label == np.arange(classes)[:, None, None], ((0, 0), (1, 1), (1, 1)))
    rows = owned[:, :-2] | owned[:, 1:-1] | owned[:, 2:]
    return rows[..., :-2] | rows[..., 1:-1] | rows[..., 2:]


def _reduced(seen: np.ndarray, colours: np.ndarray, window: tuple[slice, slice],
             n: int) -> tuple[tuple[slice, slice], np.ndarray]:
    """The window at image size, and there colour times cover and cover, (4, h, w)."""
    (top, bottom), (first, last) = ((s.start, s.stop) for s in window)
    y0, y1, x0, x1 = top // n, -(-bottom // n), first // n, -(-last // n)
    padded = np.zeros((4, (y1 - y0) * n, (x1 - x0) * n), np.float32)
    inside = padded[:, top - y0 * n:bottom - y0 * n, first - x0 * n:last - x0 * n]
    np.multiply(seen, colours, out=inside[:3])
    inside[3] = seen
    return (slice(y0, y1), slice(x0, x1)), reduce(padded, n)


def _undone(matrix: Matrix, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    (a, b, e), (c, d, f) = np.float32(inverse(matrix))
    return a * x + (b * y + e), c * x + (d * y + f)


def _coloured(scene: Scene, placed: Placed, paints: list[Paint], both: Frames,
              canvas: int) -> np.ndarray:
    """The colours of a placed layer, (3, h, w); they depend on its own class's style alone."""
    c = int(SLOT_CLASS[placed.slot])
    colours, (_, _, _, texture, accent) = paints[c], scene.styles[c]
    gx, gy = grid(canvas)
    x, y = gx[:, placed.window[1]], gy[placed.window[0]]
    tone = 0 if placed.tone is None else placed.tone
    second = None
    if c in _LIT:
        tone = tone + np.clip((32 - x) * 0.0035 + (30 - y) * 0.005, -0.16, 0.16)
    if c == 1:
        hx, hy = _undone(both.head, x, y)
        cheeks = ((np.abs(hx - 32) - 8.6) ** 2 + (hy - 35.6) ** 2) / (2 * 2.1**2)
        second = np.float32(0.85 * accent) * np.exp(-cheeks)
    elif c in (2, 3):
        hx, hy = _undone(both.head, x, y)
        centre, spread = ((15, 5 + 22 * accent), 2.4) if c == 2 else ((28, 8 + 14 * accent), 2)
        ring = np.hypot(hx - 32, hy - centre[0]) - centre[1]
        tone = tone + np.float32(0.26) * np.exp(-((ring / spread) ** 2)) - np.float32(0.05)
    elif c in (4, 5, 6):
        turn, reach = 2 * np.pi * accent, y[-1, 0] - y[0, 0]
        sheen = ((x - x.mean()) * np.cos(turn) + (y - y.mean()) * np.sin(turn)) / reach + 0.35
        second = np.clip(sheen, 0, 1) * (0.2 + 0.8 * texture)
    elif c == 7:
        bx, by = _undone(both.body, x, y)
        second = cloth(scene.pattern, accent, bx, by, VIEW[2] / canvas)
        if placed.tone is not None:
            tone = tone + placed.tone * np.float32(texture * 0.8)
    return _mixed(colours, tone, second)


def _mixed(colours: Paint, tone: np.ndarray | int, second: np.ndarray | None) -> np.ndarray:
    dark, mixed, light, other = _columns(*astuple(colours))
    if second is not None:
        mixed = mixed + np.float32(second) * (other - mixed)
    if isinstance(tone, np.ndarray):
        tone = np.float32(tone)
        up = np.maximum(tone, 0)
        if up.any():
            mixed = mixed + up * (light - mixed)
        mixed = mixed + np.minimum(tone, 0) * (mixed - dark)
    return mixed


def _columns(*colours: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(colour[:, None, None] for colour in colours)


def detailed(scene: Scene, drawn: Flat, amounts: Amounts) -> np.ndarray:
    """The image with its stochastic detail, (3, H, W) in [0, 255]; `drawn` is `flat(scene)`."""
    image, cover, paints = drawn.image.copy(), drawn.cover, drawn.paints
    size = image.shape[-1]
    head = to_pixels(frames(scene).head, size)
    if amounts.strands and (scene.hair != "bald" or scene.beard != "none"):
        x, y = head @ [32, 11, 1]
        field = detail.strands(scene.noise, size, (x, y), CURLS.get(scene.hair, 0.0),
                               cover[2] + cover[3] > 0)
        for c in (2, 3):
            gain = amounts.strands * detail.STRANDS * (0.35 + 0.65 * scene.styles[c][3])
            image += np.float32(cover[c] * field * gain) * _swing(paints[c])
    if amounts.weave:
        gain = amounts.weave * detail.WEAVE * (0.35 + 0.65 * scene.styles[7][3])
        image += np.float32(cover[9] * detail.weave(scene.noise, size) * gain) * _swing(paints[7])
    if amounts.freckles:
        field = detail.freckles(scene.noise, size, amounts.freckles * scene.styles[1][3], head)
        base, dark = _columns(paints[1].base, paints[1].dark)
        image += np.float32(cover[1] * field * detail.FRECKLES) * (dark - base)
    if amounts.grain:
        image += np.float32(amounts.grain * detail.GRAIN * detail.grain(scene.noise, size))
    return image


def _swing(colours: Paint) -> np.ndarray:
    """Half the way from dark to light, at most 48 grey levels, (3, 1, 1)."""
    half = (colours.light - colours.dark) / 2
    return _columns(half * min(1, 48 / float(half.mean())))[0]


def labelled(cover: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Class and slot of every pixel, (H, W) uint8 each, from the slots' cover (N, H, W).

    The class with most cover wins; below 96 pixels thin parts (eyes, mouth, accessories) count
    more, lest they vanish.
    """
    size = cover.shape[-1]
    thin = float(np.clip(96 / size, 1, 3))
    weights = np.ones(len(SLOTS), np.float32)
    weights[4:9] = thin
    weighted = cover * weights[:, None, None]
    by_class = np.add.reduceat(weighted, np.searchsorted(SLOT_CLASS, range(SLOT_CLASS[-1] + 1)))
    label = by_class.argmax(0).astype(np.uint8)
    own = SLOT_CLASS[:, None, None] == label
    return label, np.where(own, cover, -1).argmax(0).astype(np.uint8)
