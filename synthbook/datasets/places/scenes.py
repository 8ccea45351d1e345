"""What a scene is, and how one is drawn."""

from dataclasses import dataclass

import numpy as np

from synthbook.datasets.places import natural
from synthbook.datasets.places.classes import FINE, FORTY, STYLE_NAMES
from synthbook.datasets.places.kinds import HEIGHTS, KINDS, MOODS
from synthbook.datasets.places.sprites import atlas

RIDGES, HORIZONS, COURSES = 8, 2, 4
PROTOTYPES = RIDGES * HORIZONS * COURSES
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Thing:
    """A sprite that stands at (x, y), the middle of its base; lengths in fractions."""

    fine: int
    x: float
    y: float
    height: float
    flip: bool

    @property
    def box(self) -> Box:
        """x0, y0, x1, y1 in fractions of the picture; may reach outside."""
        half = self.height * atlas()[FORTY[self.fine][0]].aspect / 2
        return self.x - half, self.y - self.height, self.x + half, self.y


@dataclass(frozen=True)
class Puff:
    """A cloud: centre of its flat base, width, and shape in [0, 1]."""

    x: float
    y: float
    width: float
    shape: float


@dataclass(frozen=True)
class Scene:
    """Every random draw of a place, and no pixels.

    things are ordered from far to near; `disc` is x, y, radius of the sun or moon or None;
    `jitter` holds ridge shift, ridge gain, horizon shift (fractions) and texture phase in [0, 1];
    `light` is warmth and brightness in [-1, 1], already scaled by the knob; `styles` is (K, 5).
    """

    kind: int
    mood: int
    prototype: int
    things: tuple[Thing, ...]
    clouds: tuple[Puff, ...]
    disc: tuple[float, float, float] | None
    jitter: tuple[float, float, float, float]
    light: tuple[float, float]
    styles: tuple[tuple[float, ...], ...]


def split_prototype(p: int) -> tuple[int, int, int]:
    """Ridge profile (0..7), horizon (0..1) and course of way or shore (0..3) of prototype p."""
    return p // (HORIZONS * COURSES), p // COURSES % HORIZONS, p % COURSES


def matching_prototype(kind: int, things: tuple[Thing, ...]) -> int:
    """The background that a foreground calls for: a fixed function of its boxes and classes.

    The place of the largest thing decides the course and half of the ridge, the place of the
    next one the other half, what the nearest thing is the horizon; every kind permutes them.
    """
    if not things:
        return kind
    size = [(HEIGHTS[FORTY[t.fine][0]], -t.x) for t in things]
    order = sorted(range(len(things)), key=lambda i: size[i], reverse=True)
    first = things[order[0]]
    second = things[order[1]] if len(things) > 1 else first
    course = min(int(4 * first.x), 3)
    ridge = 2 * min(int(4 * second.x), 3) + int(second.x > first.x)
    horizon = max(things, key=lambda t: t.y).fine % 2
    return ((ridge + 3 * kind) % RIDGES * HORIZONS + horizon) * COURSES + (course + kind) % COURSES


def _overlap(a: Box, b: Box) -> float:
    """Shared area over the smaller area."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return max(width, 0) * max(height, 0) / smaller


def _things(rng: np.random.Generator, kind: int) -> tuple[Thing, ...]:
    placed: list[Thing] = []
    for stand in KINDS[kind].stands:
        for _ in range(int(rng.integers(stand.least, stand.most + 1))):
            for _ in range(24):
                y = float(rng.uniform(stand.top, stand.bottom))
                height = HEIGHTS[stand.what] * (0.85 + 0.8 * (y - 0.66)) * rng.uniform(0.93, 1.1)
                thing = Thing(FINE[stand.what], float(rng.uniform(0.1, 0.9)), y, float(height),
                              bool(rng.integers(2)))
                x0, _, x1, _ = thing.box
                if x0 < -0.03 or x1 > 1.03:
                    continue
                if all(_overlap(thing.box, o.box) < (0.05 if o.fine == thing.fine else 0.26)
                       for o in placed):
                    placed.append(thing)
                    break
    return tuple(sorted(placed, key=lambda t: t.y))


def _clouds(rng: np.random.Generator) -> tuple[Puff, ...]:
    slots = rng.permutation(3)[:int(rng.choice(4, p=(0.12, 0.3, 0.38, 0.2)))]
    return tuple(Puff(float((s + rng.uniform(0.25, 0.75)) / 3), float(rng.uniform(0.10, 0.27)),
                      float(rng.uniform(0.24, 0.42)), float(rng.uniform())) for s in slots)


def independent_styles(rng: np.random.Generator, classes: int) -> np.ndarray:
    """(classes, 5): every component uniform in [0, 1], nothing shared."""
    return rng.uniform(size=(classes, len(STYLE_NAMES)))


def frozen(styles: np.ndarray) -> tuple[tuple[float, ...], ...]:
    """A (K, 5) array as nested tuples of float32 values."""
    return tuple(tuple(float(v) for v in row) for row in np.float32(styles))


def draw(rng: np.random.Generator, classes: int, styles: str, light: float,
         background: float) -> Scene:
    """A scene. Knobs do not move each other: each group of draws has a stream of its own."""
    layout, backdrop, style, lamp = rng.spawn(4)
    kind, mood = (int(layout.integers(len(s))) for s in (KINDS, MOODS))
    things = _things(layout, kind)
    clouds = _clouds(layout)
    disc = None
    if layout.uniform() < 0.65:
        disc = (float(layout.uniform(0.12, 0.88)), float(layout.uniform(0.10, 0.2)),
                float(layout.uniform(0.06, 0.085)))
    jitter = (*(float(v) for v in layout.uniform(-1, 1, 3)), float(layout.uniform()))
    bound, free = backdrop.uniform() < background, int(backdrop.integers(PROTOTYPES))
    prototype = matching_prototype(kind, things) if bound else free
    if styles == "natural":
        drawn = natural.styles(style, classes, kind, mood)
    elif styles == "plain":
        drawn = natural.plain(classes, kind)
    else:
        drawn = independent_styles(style, classes)
    warmth, brightness = (float(light * v) for v in lamp.uniform(-1, 1, 2))
    return Scene(kind, mood, prototype, things, clouds, disc, jitter, (warmth, brightness),
                 frozen(drawn))


