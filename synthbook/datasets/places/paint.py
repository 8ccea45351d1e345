"""From a scene to pixels: sky, ridges, ground, water, things, in the painter's order."""

import numpy as np

from synthbook.datasets.places import ground, land, sprites
from synthbook.datasets.places.canvas import SURFACES, Canvas, Stamp, grid
from synthbook.datasets.places.classes import FINE, merge
from synthbook.datasets.places.colours import Colours, colours
from synthbook.datasets.places.kinds import KINDS, MOODS
from synthbook.datasets.places.scenes import RIDGES, Puff, Scene, split_prototype

_STARS = np.random.Generator(np.random.PCG64(5)).uniform(size=(34, 3))
_NIGHT = MOODS.index("night")


class Look:
    """Colours and texture of every fine class under a scene's styles."""

    def __init__(self, scene: Scene, classes: int):
        styles = np.array(scene.styles)[merge(classes)]
        self.colours, self.textures = colours(styles), styles[:, 3].tolist()

    def __call__(self, name: str) -> tuple[Colours, float]:
        """Colours and texture strength of a fine class."""
        return self.colours[FINE[name]], self.textures[FINE[name]]


def supersampling(size: int) -> int:
    """Samples per pixel side: finer for small pictures."""
    return max(2, -(-192 // size))


def paint(scene: Scene, classes: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image (size, size, 3), fine labels and instances (size, size), all bytes."""
    canvas, look = Canvas(size * supersampling(size)), Look(scene, classes)
    ridge, level, course = split_prototype(scene.prototype)
    h = land.horizon(level, scene.jitter[2])
    kind = KINDS[scene.kind]
    _sky(canvas, look, scene, h)
    _disc(canvas, look, scene)
    for puff in sorted(scene.clouds, key=lambda p: p.y):
        _cloud(canvas, look, puff)
    for depth, name in enumerate(kind.ridges):
        _ridge(canvas, look, scene, name, (ridge + 3 * depth) % RIDGES, h, (1.0, 0.62)[depth],
               depth == len(kind.ridges) - 1)
    ground.lay(canvas, look, scene, h, course)
    _things(canvas, look, scene)
    warmth, brightness = scene.light
    if warmth or brightness:
        gain = 1 + 0.28 * brightness + warmth * np.array([0.16, 0.02, -0.2], np.float32)
        canvas.rgb *= gain.astype(np.float32)
    image, code = canvas.reduce(size)
    return image, (code % SURFACES).astype(np.uint8), (code // SURFACES).astype(np.uint8)


def _sky(canvas: Canvas, look: Look, scene: Scene, h: float) -> None:
    rows = canvas.rows(0, h + 0.03)
    x, y = grid(canvas.n), grid(canvas.n)[rows]
    sky, texture = look("sky")
    t = np.clip(y / h, 0, 1)[:, None]
    phase = 6.28 * scene.jitter[3]
    wisps = np.sin(26 * y[:, None] + 2.2 * np.sin(5 * x + phase) + phase)
    t = np.clip(t ** 1.15 + (0.02 + 0.13 * texture) * np.maximum(wisps, 0) * (1 - t), 0, 1)
    rgb = sky.main + t[..., None] * (sky.accent - sky.main)
    if scene.disc:
        cx, cy, r = scene.disc
        far = ((x - cx) ** 2 + (y[:, None] - cy) ** 2) / (2.1 * r) ** 2
        rgb += (0.5 * np.exp(-far) * (1 - t))[..., None] * (sky.accent - sky.main)
    dark = float(np.clip((0.42 - sky.main.mean()) / 0.12, 0, 1))
    if dark:
        stamp = Stamp(canvas.n)
        for u, v, size in _STARS:
            stamp.ellipse(u, 0.95 * h * v, 0.004 + 0.005 * size, 0.004 + 0.005 * size)
        rgb += dark * (0.35 + 0.5 * texture) * stamp.array(rows) * (np.float32(0.96) - rgb)
    canvas.fill(rows, np.ones(rgb.shape[:2], bool), rgb, FINE["sky"])


def _disc(canvas: Canvas, look: Look, scene: Scene) -> None:
    if scene.disc is None:
        return
    cx, cy, r = scene.disc
    rows = canvas.rows(cy - r, cy + r)
    x, y = grid(canvas.n), grid(canvas.n)[rows][:, None]
    inside = (x - cx) ** 2 + (y - cy) ** 2 < r * r
    if scene.mood == _NIGHT:
        moon, texture = look("moon")
        rgb = np.broadcast_to(moon.light, (*inside.shape, 3)).copy()
        for dx, dy, part in ((-0.3, -0.25, 0.3), (0.35, 0.15, 0.22), (-0.1, 0.45, 0.2)):
            crater = (x - cx - dx * r) ** 2 + (y - cy - dy * r) ** 2 < (part * r) ** 2
            rgb[crater] = moon.light + (0.5 + 0.5 * texture) * (moon.dark - moon.light)
        canvas.fill(rows, inside, rgb, FINE["moon"])
        return
    sun, texture = look("sun")
    core = (x - cx) ** 2 + (y - cy) ** 2 < (0.72 * r) ** 2
    rim = sun.accent + (0.25 + 0.4 * texture) * (1 - sun.accent)
    canvas.fill(rows, inside, np.where(core[..., None], sun.accent, rim), FINE["sun"])


def _cloud(canvas: Canvas, look: Look, puff: Puff) -> None:
    cloud, texture = look("cloud")
    w, s = puff.width / 2, puff.shape
    balls = ((-0.62, 0.30 + 0.1 * s), (-0.22 - 0.1 * s, 0.48), (0.22, 0.40 + 0.18 * s),
             (0.62, 0.34 - 0.08 * s))
    rows = canvas.rows(puff.y - 0.9 * w, puff.y + 0.01)
    x, y = grid(canvas.n), grid(canvas.n)[rows][:, None]
    mask = np.zeros((y.shape[0], canvas.n), bool)
    lit = mask.copy()
    for dx, r in balls:
        cy = puff.y - 0.62 * r * w
        near = (x - puff.x - dx * w) ** 2
        mask |= near + (y - cy) ** 2 < (r * w) ** 2
        lit |= near + (y - cy + 0.3 * r * w) ** 2 < (0.8 * r * w) ** 2
    mask &= y < puff.y
    shade = 0.75 * cloud.main + 0.25 * cloud.accent
    under = shade + 0.25 * (cloud.dark - cloud.main)
    base = cloud.main + (0.2 + 0.8 * texture) * (under - cloud.main)
    canvas.fill(rows, mask, np.where(lit[..., None], cloud.main, base), FINE["cloud"])


def _ridge(canvas: Canvas, look: Look, scene: Scene, name: str, index: int, h: float,
           gain: float, last: bool) -> None:
    shift, swell, _, phase = scene.jitter
    x = grid(canvas.n) * 0.92 + 0.04 + 0.04 * shift
    rocky = name == "mountain"
    mesa = KINDS[scene.kind].name == "desert"
    height = land.profile(index, x, not rocky)
    height = (0.29 if rocky else 0.2 if last and gain == 1 else 0.18) * gain * height
    height = height * (1 + 0.12 * swell) + (0.02 if rocky else 0.025)
    if mesa:
        height = np.minimum(height * 1.5, 0.075 + 0.055 * (height > 0.12))
    if name == "woods":
        height = 0.75 * height + 0.03 + 0.018 * np.abs(np.sin(44 * x + 9 * phase))
    crest = (h - height).astype(np.float32)
    rows = canvas.rows(float(crest.min()), h + 0.04)
    y = grid(canvas.n)[rows][:, None]
    mask = y >= crest
    rock, texture = look(name)
    down = np.clip((y - crest) / 0.2, 0, 1)[..., None]
    rgb = rock.main + down * 0.55 * (rock.light - rock.main)
    if rocky:
        slope = np.gradient(crest, x)
        reach = ((y - crest) * 0.55).astype(np.float32)
        facet = np.interp(grid(canvas.n) + reach, grid(canvas.n), np.sign(slope)) > 0
        side = (0.35 + 0.75 * texture) * (rock.dark - rock.main)
        rgb = rgb + np.where(facet[..., None], side, np.float32(0))
        if mesa:
            bands = np.sin(85 * y + 2 * np.sin(9 * x)) > 0.2
            rgb = rgb + np.where(bands[..., None], 0.4 * (rock.accent - rgb), np.float32(0))
        canvas.fill(rows, mask, rgb, FINE[name])
        if not mesa:
            snow, _ = look("snowcap")
            zigzag = 0.014 * np.abs(((x * 15) % 2) - 1)
            cap = mask & (y < np.maximum(h - 0.135, crest + 0.02) + zigzag) & (height > 0.15)
            white = np.where(facet[..., None], snow.accent + 0.5 * (snow.main - snow.accent),
                             snow.accent)
            canvas.fill(rows, cap, white, FINE["snowcap"])
        return
    stamp = Stamp(canvas.n)
    for k in range(16):
        u = (k + 0.5 + 0.6 * np.sin(7.3 * k)) / 16
        v = 0.03 + 0.75 * ((k * 0.618 + phase) % 1)
        i = min(int(u * canvas.n), canvas.n - 1)
        top = float(crest[i] + v * (h - crest[i]))
        if name == "woods":
            stamp.polygon([(u - 0.022, top + 0.05), (u, top), (u + 0.022, top + 0.05)])
        else:
            stamp.ellipse(u, top + 0.012, 0.026, 0.014)
    tint = rock.dark if name == "woods" else 0.5 * rock.dark + 0.5 * rock.accent
    rgb = rgb + (0.25 + 0.75 * texture) * stamp.array(rows) * (tint - rgb)
    canvas.fill(rows, mask, rgb, FINE[name])


def _things(canvas: Canvas, look: Look, scene: Scene) -> None:
    n = canvas.n
    shade = Stamp(n)
    for thing in scene.things:
        x0, y0, x1, y1 = thing.box
        shade.ellipse((x0 + x1) / 2, y1 - 0.004, 0.49 * (x1 - x0), 0.018 + 0.01 * thing.height)
    top = min((t.y for t in scene.things), default=1) - 0.06
    rows = canvas.rows(top)
    canvas.rgb[rows] *= 1 - np.array([0.25, 0.23, 0.15], np.float32) * shade.array(rows)
    for number, thing in enumerate(scene.things, 1):
        x0, y0, _, _ = thing.box
        rgba = sprites.draw(thing.fine, look.colours[thing.fine], look.textures[thing.fine],
                            max(1, round(thing.height * n)), thing.flip)
        canvas.paste(rgba, round(x0 * n), round(y0 * n), thing.fine + SURFACES * number)
