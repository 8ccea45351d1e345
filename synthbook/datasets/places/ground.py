"""Ground, ways and water: flat shapes with a drawn texture each."""

import numpy as np

from synthbook.datasets.places import land
from synthbook.datasets.places.canvas import Canvas, Stamp, grid
from synthbook.datasets.places.classes import FINE
from synthbook.datasets.places.kinds import KINDS

_SPOTS = np.random.Generator(np.random.PCG64(8)).uniform(size=(72, 3))
_DEEP, _SHORE, _QUAY, _STREET = 0.03, 0.69, 0.665, 0.855


def lay(canvas: Canvas, look, scene, h: float, course: int) -> None:
    """Paint everything below the horizon h, following the plan of the scene's kind."""
    kind, phase = KINDS[scene.kind], scene.jitter[3]
    bend = land.shore(course, grid(canvas.n))
    if kind.plan == "land":
        _earth(canvas, look, kind.ground, h, 1, phase)
        _way(canvas, look, kind.way, h, course)
    elif kind.plan == "lake":
        _earth(canvas, look, "grass", h, 1, phase)
        _water(canvas, look, "lake", 0.61 - 0.012 * bend, 0.865 + 0.035 * bend, phase)
    elif kind.plan == "shore":
        line = _SHORE + _DEEP * bend
        _water(canvas, look, "sea", h + 0 * bend, line, phase)
        _earth(canvas, look, "beach", line, 1, phase)
    elif kind.plan == "quay":
        _paving(canvas, look, h, 0.74)
        _water(canvas, look, "sea", _QUAY + 0.025 * bend, 1 + 0 * bend, phase)
    else:
        _paving(canvas, look, h, 1)
        if kind.name == "street":
            _earth(canvas, look, "grass", h, 0.70 + 0 * bend, phase)
        _street(canvas, look, _STREET + 0.03 * bend)


def _spots(top: float, bottom: float, count: int, phase: float):
    """Places (x, y, depth, chance), far to near, denser and smaller towards the horizon."""
    for u, v, chance in _SPOTS[:count]:
        depth = v ** 1.4
        yield (u + phase) % 1, top + (bottom - top) * depth, depth, chance


def _between(canvas: Canvas, top, bottom):
    """Rows that two curves span, their heights (h, 1), and the mask between the curves."""
    rows = canvas.rows(float(np.min(top)), float(np.max(bottom)))
    y = grid(canvas.n)[rows][:, None]
    return rows, y, (y >= top) & (y < bottom) & np.ones((1, canvas.n), bool)


def _earth(canvas: Canvas, look, name: str, top, bottom, phase: float) -> None:
    """Grass, bloom, field, beach, dune or snow."""
    rows, y, mask = _between(canvas, top, bottom)
    x, first, last = grid(canvas.n), float(np.min(top)), float(np.max(bottom))
    soil, texture = look(name)
    t = np.clip((y - first) / (1 - first), 0, 1)[..., None]
    rgb = soil.light + t * (soil.main - soil.light) * 1.5
    rgb = np.broadcast_to(rgb, (*mask.shape, 3))
    strength = 0.15 + 0.85 * texture
    if name in ("grass", "bloom"):
        wave = np.sin(2.2 * np.log(np.maximum(y - first, 0) + 0.03) * 4 + 3 * x + 6.28 * phase)
        rgb = rgb + (0.32 * strength * (wave > 0.2))[..., None] * (soil.dark - rgb)
        blades, dots = Stamp(canvas.n), Stamp(canvas.n)
        for u, v, depth, chance in _spots(first + 0.02, last, 46, phase):
            size = 0.013 + 0.028 * depth
            if chance > (0.3 if name == "bloom" else 0.8):
                dots.ellipse(u, v, 0.55 * size, 0.45 * size)
            else:
                blades.polygon([(u - 0.7 * size, v - size), (u, v + 0.3 * size),
                                (u + 0.7 * size, v - size), (u, v - 0.2 * size)])
        rgb = rgb + strength * blades.array(rows) * (soil.deep - rgb)
        rgb = rgb + dots.array(rows) * (soil.accent - rgb)
    elif name == "field":
        furrows = Stamp(canvas.n)
        for k in range(-13, 14):
            a, b = 0.5 + 0.045 * (k - 0.27), 0.5 + 0.045 * (k + 0.27)
            spread = 5.2
            furrows.polygon([(a, first), (b, first), (0.5 + spread * (b - 0.5), 1.02),
                             (0.5 + spread * (a - 0.5), 1.02)])
        crop = soil.dark + 0.28 * (soil.accent - soil.dark)
        rgb = rgb + (0.4 + 0.6 * texture) * furrows.array(rows) * (crop - rgb)
    elif name == "beach":
        wet = y < top + 0.035
        rgb = np.where(wet[..., None], soil.dark + 0.3 * (soil.accent - soil.dark), rgb)
        rgb = _dots(canvas, rgb, rows, soil.accent, soil.dark, strength, first + 0.06, last, phase)
    else:
        steep = 0.06 if name == "dune" else 0.035
        for k in range(4):
            s = (k + 0.4) / 4
            line = first + (1 - first) * s ** 1.3 + steep * np.sin(
                (5.5 - k) * x + 2.4 * k + 6.28 * phase)
            below = np.clip((y - line) / (0.05 + 0.13 * s), 0, 1)
            fade = ((y >= line) * (1 - below))[..., None]
            tint = soil.dark + 0.25 * (soil.accent - soil.dark)
            rgb = rgb + (0.25 + 0.75 * texture) * fade * (tint - rgb)
    canvas.fill(rows, mask, rgb, FINE[name])


def _dots(canvas, rgb, rows, accent, dark, strength, top, bottom, phase):
    """Shells and ripples of a beach."""
    shells, ripples = Stamp(canvas.n), Stamp(canvas.n)
    for u, v, depth, chance in _spots(top, bottom, 40, phase):
        size = 0.012 + 0.014 * depth
        if chance > 0.6:
            shells.ellipse(u, v, size, 0.7 * size)
        else:
            ripples.ellipse(u, v, 3.2 * size, 0.4 * size)
    rgb = rgb + 0.8 * strength * ripples.array(rows) * (dark - rgb)
    return rgb + (0.4 + 0.6 * strength) * shells.array(rows) * (accent - rgb)


def _way(canvas: Canvas, look, name: str, h: float, course: int) -> None:
    """A path or a road that winds to the horizon."""
    rows = canvas.rows(h, 1)
    y, x = grid(canvas.n)[rows][:, None], grid(canvas.n)
    depth = np.clip((y - h) / (1 - h), 0, 1)
    middle, half = land.way(course, depth)
    off = np.abs(x - middle) / half
    stone, texture = look(name)
    edge = stone.main + (0.3 + 0.7 * texture) * (stone.dark - stone.main)
    rgb = np.where((off > 0.8)[..., None], edge, stone.main)
    if name == "road":
        dash = (off < 0.09) & (np.sin(16 * np.log(depth + 0.12) * 2.2) > 0)
        rgb = np.where(dash[..., None], stone.accent, rgb)
    else:
        warm = stone.light + 0.35 * (stone.accent - stone.light)
        rgb = np.where((off < 0.45)[..., None], stone.main + 0.55 * (warm - stone.main), rgb)
    canvas.fill(rows, (off < 1) & (y >= h), rgb, FINE[name])


def _paving(canvas: Canvas, look, h: float, bottom: float) -> None:
    rows = canvas.rows(h, bottom)
    y, x = grid(canvas.n)[rows][:, None], grid(canvas.n)
    stone, texture = look("paving")
    far = np.maximum(y - h, 0) + 0.10
    row = np.floor(4.8 * np.log(far))
    across = (x - 0.5) / far * 0.62 + 0.5 * row
    joint = (np.abs(across % 1 - 0.5) > 0.45) | ((4.8 * np.log(far)) % 1 < 0.12)
    pale = stone.light + 0.3 * (1 - stone.light)
    line = (0.2 + 0.6 * texture) * (stone.dark - pale)
    rgb = pale + np.where(joint[..., None], line, np.float32(0))
    tiles = (np.floor(across) * 2 + row * 3) % 5 == 0
    rgb = rgb + np.where((tiles & ~joint)[..., None], 0.5 * (stone.accent - pale), np.float32(0))
    canvas.fill(rows, (y >= h) & np.ones((1, canvas.n), bool), rgb.astype(np.float32),
                FINE["paving"])


def _street(canvas: Canvas, look, middle: np.ndarray) -> None:
    """A road across the picture, with kerbs and a dashed line."""
    rows = canvas.rows(float(middle.min()) - 0.1, float(middle.max()) + 0.1)
    y, x = grid(canvas.n)[rows][:, None], grid(canvas.n)
    off = (y - middle) / 0.088
    stone, texture = look("road")
    kerb = stone.light + 0.5 * (stone.accent - stone.light)
    tar = stone.main + (0.2 + 0.8 * texture) * (stone.dark - stone.main)
    rgb = np.where((np.abs(off) > 0.86)[..., None], kerb, tar)
    dash = (np.abs(off - 0.12) < 0.10) & ((x * 5.5) % 1 < 0.55)
    rgb = np.where(dash[..., None], stone.accent, rgb)
    canvas.fill(rows, np.abs(off) < 1, rgb, FINE["road"])


def _water(canvas: Canvas, look, name: str, top, bottom, phase: float) -> None:
    """Sea or lake between two curves, with waves and glints."""
    rows, y, mask = _between(canvas, top, bottom)
    first, last = float(np.min(top)), float(np.max(bottom))
    water, texture = look(name)
    t = np.clip((y - first) / (last - first), 0, 1)[..., None]
    rgb = water.main + t * 0.75 * (water.accent - water.main)
    rgb = np.broadcast_to(rgb, (*mask.shape, 3))
    waves, glints = Stamp(canvas.n), Stamp(canvas.n)
    for u, v, depth, chance in _spots(first + 0.02, last, 30 if last > 0.8 else 22, phase):
        half = 0.035 + 0.06 * depth * (1 if last > 0.8 else 0.5)
        thick = 0.007 + 0.007 * depth
        mark = glints if chance > 0.7 else waves
        mark.polygon([(u - half, v), (u, v - thick), (u + half, v), (u, v + thick)])
    rgb = rgb + (0.15 + 0.85 * texture) * waves.array(rows) * (
        0.5 * water.dark + 0.5 * water.main - rgb)
    foam = water.accent + 0.6 * (1 - water.accent)
    rgb = rgb + (0.3 + 0.7 * texture) * glints.array(rows) * (foam - rgb)
    if name == "lake":
        rim = (y < top + 0.014) | (y > bottom - 0.014)
    else:
        rim = (y > bottom - 0.02) if last < 0.9 else (y < top + 0.016)
    rgb = np.where(rim[..., None], foam if last < 0.9 else water.dark, rgb)
    canvas.fill(rows, mask, rgb, FINE[name])
