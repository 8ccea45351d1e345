"""Kinds of furniture, three shapes each."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from synthbook.datasets.furniture.parts import (CLOTH, DARK, METAL, WOOD, Mark, Part, box, disc,
                                                leaning, legs)

KINDS = ("table", "round table", "chair", "sofa", "cabinet")


@dataclass(frozen=True)
class Shape:
    """One shape of a kind: its name as readers see it, and its parts."""

    name: str
    kind: str
    parts: tuple[Part, ...]

    @cached_property
    def extent(self) -> np.ndarray:
        """Half length, half height and half width of the box around it, (3,) scene units."""
        low = np.min([part.low for part in self.parts], 0)
        high = np.max([part.high for part in self.parts], 0)
        return np.maximum(high, -low) / (1, 2, 1)


def table(x: float, z: float, height: float, *, slab: float = 0.035,
          width: float = 0.036) -> list[Part]:
    """A slab on four legs; x and z are half sizes."""
    inset = 0.02
    under = height - slab
    apron = [box((-x + 0.035, x - 0.035), (under - 0.035, under), (-z + 0.035, z - 0.035), DARK)]
    return [box((-x, x), (under, height), (-z, z), bevel=0.008), *apron,
            *legs((inset - x, x - inset), under, (inset - z, z - inset), width)]


def desk() -> list[Part]:
    """A table with drawers at one side, towards the front."""
    x, z, height = 0.17, 0.32, 0.34
    drawers = fronts((z - 0.19, z - 0.035), (0.10, height - 0.05), 1, 2)
    return [box((-x, x), (height - 0.03, height), (-z, z), bevel=0.006),
            box((-x + 0.02, x - 0.012), (0.08, height - 0.03), (z - 0.205, z - 0.02),
                marks=drawers),
            *legs((0.02 - x, x - 0.02), height - 0.03, (0.02 - z, z - 0.02))]


def pedestal(radius: float, height: float, foot: float) -> list[Part]:
    """A round board on one post and a round foot."""
    return [disc(radius, (height - 0.03, height)), disc(0.7 * foot, (0.0, 0.025), foot=foot),
            disc(0.04, (0.02, height - 0.03), foot=0.028)]


def tripod() -> list[Part]:
    """A small round board with a rim of cloth's colour on three straight legs."""
    turns = 2 * np.pi * np.arange(3) / 3
    posts = [disc(0.02, (0.0, 0.27), at=(float(0.13 * np.cos(t)), float(0.13 * np.sin(t))))
             for t in turns]
    return [disc(0.20, (0.27, 0.30), CLOTH), disc(0.13, (0.08, 0.095)), *posts]


def drum() -> list[Part]:
    """A low round table with a tapering body."""
    return [disc(0.25, (0.19, 0.225)), disc(0.13, (0.0, 0.19), CLOTH, foot=0.19)]


def slatted() -> list[Part]:
    """A chair with a padded seat and a back of slats."""
    x, z, seat, top, lean = 0.145, 0.15, 0.25, 0.56, 0.05
    back = -x + lean + 0.034
    posts = [leaning((back - 0.034, back), (seat - 0.03, top), side, lean)
             for side in ((-z, -z + 0.034), (z - 0.034, z))]
    rails = [leaning((back - 0.028 - lean * low, back - 0.006 - lean * low),
                     (seat + low * (top - seat), seat + high * (top - seat)),
                     (-z + 0.03, z - 0.03), lean * (high - low))
             for low, high in ((0.30, 0.44), (0.55, 0.69), (0.80, 0.99))]
    return [box((-x + lean, x), (seat - 0.03, seat), (-z, z)),
            box((-x + lean + 0.034, x - 0.01), (seat, seat + 0.022), (-z + 0.01, z - 0.01), CLOTH,
                bevel=0.012),
            *posts, *rails, *legs((-x + lean, x), seat - 0.03, (-z, z))]


def padded() -> list[Part]:
    """A chair with a padded seat and a padded back."""
    x, z, seat, top, lean = 0.15, 0.145, 0.25, 0.55, 0.04
    return [box((-x + lean, x), (seat - 0.05, seat + 0.02), (-z, z), CLOTH, bevel=0.016),
            leaning((-x + lean, -x + lean + 0.05), (seat, top), (-z, z), lean, CLOTH),
            *legs((-x + lean + 0.012, x - 0.012), seat - 0.05, (0.012 - z, z - 0.012), 0.03)]


def armed() -> list[Part]:
    """A wooden chair with arms and a low back."""
    x, z, seat, top = 0.16, 0.18, 0.23, 0.47
    arms = [part for side in ((-z, -z + 0.034), (z - 0.034, z)) for part in (
        box((-x, x), (0.36, 0.388), side), box((x - 0.036, x), (seat, 0.36), side))]
    return [box((-x, x), (seat - 0.03, seat), (-z, z)),
            box((-x + 0.035, x - 0.012), (seat, seat + 0.03), (-z + 0.036, z - 0.036), CLOTH,
                bevel=0.014),
            box((-x, -x + 0.034), (seat, top), (-z, z), bevel=0.01),
            box((-x + 0.034, -x + 0.06), (seat + 0.03, top - 0.03), (-z + 0.036, z - 0.036), CLOTH,
                bevel=0.012),
            *arms, *legs((-x, x), seat - 0.03, (-z, z), 0.036)]


def sofa(z: float, seats: int, *, arm: float = 0.065, height: float = 0.37) -> list[Part]:
    """A sofa of so many cushions; z is half its width."""
    x, seat = 0.17, 0.17
    inner = z - arm
    edges = np.linspace(-inner, inner, seats + 1).tolist()
    cushions = [part for a, b in zip(edges, edges[1:]) for part in (
        box((-x + 0.10, x - 0.005), (seat - 0.03, seat + 0.035), (a + 0.005, b - 0.005), CLOTH,
            bevel=0.018),
        box((-x + 0.07, -x + 0.135), (seat + 0.03, height + 0.02), (a + 0.005, b - 0.005), CLOTH,
            bevel=0.025))]
    return [box((-x, x - 0.02), (0.045, seat - 0.03), (-z + 0.01, z - 0.01), CLOTH),
            box((-x, -x + 0.085), (0.045, height), (-z, z), CLOTH, bevel=0.02),
            *(box((-x, x - 0.01), (0.045, 0.265), side, CLOTH, bevel=0.022)
              for side in ((-z, -inner), (inner, z))),
            *cushions, *legs((-x + 0.015, x - 0.035), 0.046, (-z + 0.02, z - 0.02))]


def fronts(z: tuple[float, float], height: tuple[float, float], columns: int,
           rows: int) -> tuple[Mark, ...]:
    """Doors or drawers in rows and columns of a front, each with a handle."""
    across = np.linspace(*z, columns + 1).tolist()
    up = np.linspace(*height, rows + 1).tolist()
    gap, marks = 0.007, []
    for left, right in zip(across, across[1:]):
        for low, high in zip(up, up[1:]):
            marks.append(Mark((left, right), (low, high), DARK))
            marks.append(Mark((left + gap, right - gap), (low + gap, high - gap), CLOTH))
            middle, level = (left + right) / 2, (low + high) / 2
            if rows > 1:
                marks.append(Mark((middle - 0.04, middle + 0.04), (level - 0.009, level + 0.009),
                                  METAL))
            else:  # of doors, by their opening edge
                edge = right - 0.035 if left < 0 else left + 0.035
                marks.append(Mark((edge - 0.009, edge + 0.009), (level - 0.04, level + 0.04),
                                  METAL))
    return tuple(marks)


def cabinet(x: float, z: float, height: float, columns: int, rows: int, *,
            foot: float = 0.05) -> list[Part]:
    """A box on short legs with doors or drawers; x and z are half sizes."""
    edge = 0.02
    marks = fronts((-z + edge, z - edge), (foot + edge, height - 0.035), columns, rows)
    return [box((-x, x - 0.012), (foot, height - 0.02), (-z + 0.008, z - 0.008), marks=marks),
            box((-x, x), (height - 0.022, height), (-z, z)),
            *legs((-x + 0.02, x - 0.035), foot, (-z + 0.025, z - 0.025))]


def bookcase() -> list[Part]:
    """Open shelves with books, which are painted."""
    x, z, height, rows = 0.105, 0.20, 0.62, 3
    marks, up = [], np.linspace(0.05, height - 0.02, rows + 1)
    rng = np.random.default_rng(5)
    for low, high in zip(up + 0.012, up[1:] - 0.012):
        marks.append(Mark((-z + 0.025, z - 0.025), (low, high), DARK))
        left, end = -z + 0.03, z - rng.uniform(0.04, 0.14)
        while left < end:
            width, tall = rng.uniform(0.024, 0.042), rng.uniform(0.7, 0.92)
            marks.append(Mark((left, left + width), (low, low + tall * (high - low)),
                              int(rng.choice([CLOTH, METAL, WOOD]))))
            left += width + 0.006
    return [box((-x, x), (0.0, height), (-z, z), marks=tuple(marks))]


def shape(name: str, kind: str, parts: list[Part]) -> Shape:
    """A shape of these parts."""
    return Shape(name, kind, tuple(parts))


SHAPES = (
    shape("dining table", "table", table(0.19, 0.31, 0.34)),
    shape("coffee table", "table", table(0.19, 0.28, 0.20, slab=0.045, width=0.05)),
    shape("desk", "table", desk()),
    shape("pedestal table", "round table", pedestal(0.26, 0.34, 0.15)),
    shape("side table", "round table", tripod()),
    shape("drum table", "round table", drum()),
    shape("slatted chair", "chair", slatted()),
    shape("padded chair", "chair", padded()),
    shape("armchair", "chair", armed()),
    shape("sofa for two", "sofa", sofa(0.30, 2)),
    shape("sofa for three", "sofa", sofa(0.38, 3, arm=0.055, height=0.34)),
    shape("easy chair", "sofa", sofa(0.21, 1, arm=0.07, height=0.40)),
    shape("sideboard", "cabinet", cabinet(0.13, 0.30, 0.30, 2, 1, foot=0.06)),
    shape("chest of drawers", "cabinet", cabinet(0.13, 0.21, 0.46, 1, 4)),
    shape("bookcase", "cabinet", bookcase()),
)
