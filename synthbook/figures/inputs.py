"""What a reader can set: each kind of input described once, for the kernel and for the page.

Every input has a `name`, that of the model's argument it feeds; a visible `label`; and `value`,
the float32 tensor (1, ...) that it starts with. `random(count, generator)` draws examples
(count, ...) such as readers make, and `describe()` is the JSON that the page's script reads.
Wrong settings raise BookError.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from synthbook.figures.encode import data_url, packed, small_numbers
from synthbook.figures.input import (
    Described,
    Input,
    painted,
    rectangles,
    require,
    uniform,
    whole,
)


@dataclass(frozen=True, eq=False)
class Canvas(Input):
    """A label map to paint.

    value   : (1, H, W) class numbers.
    classes : names of the K classes.
    palette : (K, 3) colours, 0..255.
    layouts : maps (H, W) to start from, by name.
    """

    classes: Sequence[str] = ()
    palette: Any = ()
    layouts: Mapping[str, Tensor] = field(default_factory=dict)
    kind: ClassVar[str] = "canvas"

    def __post_init__(self):
        super().__post_init__()
        require(self.value.ndim == 3, self.name, "its value is a map (1, H, W)")
        self.require_classes(self.classes, self.palette)
        self.require_whole(self.value, len(self.classes))
        for name, layout in self.layouts.items():
            require(layout.shape == self.value.shape[1:], self.name,
                    f"layout {name!r} is {list(layout.shape)}, not of the canvas's size")
            self.require_whole(layout, len(self.classes))

    def random(self, count: int, generator: torch.Generator) -> Tensor:
        """Maps of overlapping rectangles, (count, H, W)."""
        return painted(count, self.value.shape[1:], len(self.classes), generator)

    def settings(self) -> Described:
        """Classes, colours and layouts."""
        told: Described = {"classes": list(self.classes),
                           "palette": self.require_classes(self.classes, self.palette)}
        if self.layouts:
            told["layouts"] = [{"name": name, "data": small_numbers(layout)}
                               for name, layout in self.layouts.items()]
        return told


@dataclass(frozen=True, eq=False)
class Styles(Input):
    """A style for every class, chosen on a wheel (dimensions 0, 1) and sliders (the others).

    value    : (1, K, D) positions, each number in [-range, range].
    swatches : (K, n, n, 3) colours 0..255 that a class takes over the wheel; row 0 is the top,
               where dimension 1 is +range, and column 0 the left, where dimension 0 is -range.
    axes     : names of the D - 2 further dimensions.
    """

    swatches: Any = ()
    range: float = 2.5
    axes: Sequence[str] = ()
    kind: ClassVar[str] = "styles"

    def __post_init__(self):
        super().__post_init__()
        shape, swatches = self.value.shape, np.asarray(self.swatches)
        require(len(shape) == 3 and shape[2] >= 2, self.name, "its value is (1, K, D), D >= 2")
        require(self.range > 0 and bool((self.value.abs() <= self.range).all()), self.name,
                f"positions are from -{self.range} to {self.range}")
        require(swatches.ndim == 4 and swatches.shape == (shape[1], *swatches.shape[1:2] * 2, 3),
                self.name, "swatches are (K, n, n, 3), one square of colours a class")
        require(len(self.axes) == shape[2] - 2, self.name,
                f"it needs {shape[2] - 2} names of axes, one for each dimension beyond the wheel")

    def random(self, count: int, generator: torch.Generator) -> Tensor:
        """N(0, 1) within the range, (count, K, D)."""
        drawn = torch.randn(count, *self.value.shape[1:], generator=generator)
        return drawn.clamp(-self.range, self.range)

    def settings(self) -> Described:
        """Range, axes and the wheel's colours."""
        swatches = np.asarray(self.swatches)
        return {"range": self.range, "axes": list(self.axes), "n": swatches.shape[1],
                "swatches": small_numbers(swatches)}


@dataclass(frozen=True, eq=False)
class Sliders(Input):
    """Numbers on sliders.

    value : (1, n), each in [low, high].
    names : what each slider is called.
    step  : distance of neighbouring positions.
    ticks : names of the positions, from low to high, where they have names.
    """

    names: Sequence[str] = ()
    low: float = 0.0
    high: float = 1.0
    step: float = 0.01
    ticks: Sequence[str] = ()
    kind: ClassVar[str] = "sliders"

    def __post_init__(self):
        super().__post_init__()
        require(self.value.shape == (1, len(self.names)), self.name,
                f"{len(self.names)} names do not fit a value {list(self.value.shape)}")
        require(self.low < self.high and 0 < self.step <= self.high - self.low, self.name,
                "low must be below high, and the step must fit between them")
        require(bool(((self.value >= self.low) & (self.value <= self.high)).all()), self.name,
                f"its value is not between {self.low} and {self.high}")
        require(len(self.ticks) in (0, self.positions), self.name,
                f"{len(self.ticks)} ticks do not fit {self.positions} positions")

    @property
    def positions(self) -> int:
        """How many positions a slider has."""
        return int((self.high - self.low) / self.step + 1e-6) + 1

    def random(self, count: int, generator: torch.Generator) -> Tensor:
        """Positions drawn evenly, (count, n)."""
        steps = whole((count, len(self.names)), self.positions, generator)
        return self.low + self.step * steps

    def settings(self) -> Described:
        """Names, limits, step and ticks."""
        told = {"names": list(self.names), "low": self.low, "high": self.high, "step": self.step}
        return told | ({"ticks": list(self.ticks)} if self.ticks else {})


@dataclass(frozen=True, eq=False)
class Pictures(Input):
    """Pictures to choose from: one, or one for each class.

    value     : (1, 1) index of the picture; with `per_class` (1, K), where 0 is none and picture
                p is p + 1.
    pictures  : (P, 3, h, w) in [-1, 1].
    names     : what each picture is called.
    present   : (P, K), whether a picture holds a class.
    """

    pictures: Tensor | Sequence[Tensor] = ()
    names: Sequence[str] = ()
    per_class: bool = False
    present: Tensor | None = None
    kind: ClassVar[str] = "pictures"

    def __post_init__(self):
        super().__post_init__()
        count = len(self.pictures)
        require(count > 0 and len(self.names) == count, self.name, "every picture needs a name")
        require(all(p.ndim == 3 and len(p) == 3 for p in self.pictures), self.name,
                "pictures are (3, h, w) in [-1, 1]")
        require(self.value.ndim == 2 and (self.per_class or self.value.shape[1] == 1), self.name,
                "its value is (1, 1), or (1, K) where every class has its own")
        self.require_whole(self.value, count + self.per_class)
        if self.present is not None:
            require(self.per_class and self.present.shape == (count, self.value.shape[1]),
                    self.name, "present is (pictures, classes) of a choice for every class")

    def random(self, count: int, generator: torch.Generator) -> Tensor:
        """Choices (count, 1) or (count, K), never of a picture that lacks the class."""
        chosen = whole((count, self.value.shape[1]), len(self.pictures) + self.per_class, generator)
        if self.present is None:
            return chosen
        held = torch.cat([torch.ones(1, self.value.shape[1], dtype=torch.bool),
                          torch.as_tensor(self.present).bool()])
        return chosen * held.gather(0, chosen.long())

    def settings(self) -> Described:
        """Thumbnails, names and which class each picture holds."""
        told: Described = {"thumbnails": [data_url(p) for p in self.pictures],
                           "names": list(self.names), "perClass": self.per_class}
        return told | ({} if self.present is None else {"present": small_numbers(self.present)})


@dataclass(frozen=True, eq=False)
class Mask(Input):
    """A region to mark with a brush.

    value : (1, H, W) zeros and ones.
    over  : name of the output or of the pictures that it is painted over; none where empty.
    """

    over: str = ""
    kind: ClassVar[str] = "mask"

    def __post_init__(self):
        super().__post_init__()
        require(self.value.ndim == 3, self.name, "its value is a map (1, H, W)")
        self.require_whole(self.value, 2)

    def random(self, count: int, generator: torch.Generator) -> Tensor:
        """Rectangles, (count, H, W)."""
        return rectangles(count, self.value.shape[1:], generator)

    def settings(self) -> Described:
        """What it is painted over."""
        return {"over": self.over} if self.over else {}


@dataclass(frozen=True, eq=False)
class Boxes(Input):
    """Boxes of classes, to draw, move and resize.

    value   : (1, M, 6): present 0 or 1, class number, x0, y0, x1, y1 in [0, 1], x to the right
              and y down, x0 <= x1, y0 <= y1; an absent box is zeros. M is the most there may be.
    classes : names of the K classes.
    palette : (K, 3) colours, 0..255.
    cells   : readers move corners in steps of 1 / cells; a box may come to have no area.
    layouts : boxes (M, 6) to start from, by name.
    """

    classes: Sequence[str] = ()
    palette: Any = ()
    cells: int = 100
    layouts: Mapping[str, Tensor] = field(default_factory=dict)
    kind: ClassVar[str] = "boxes"

    def __post_init__(self):
        super().__post_init__()
        require(self.value.ndim == 3 and self.value.shape[2] == 6, self.name,
                "its value is (1, M, 6)")
        require(self.cells >= 1, self.name, "a side has at least one cell")
        self.require_classes(self.classes, self.palette)
        for boxes in (self.value[0], *self.layouts.values()):
            require(boxes.shape == self.value.shape[1:], self.name,
                    f"a layout is {list(boxes.shape)}, not {list(self.value.shape[1:])}")
            self.require_whole(boxes[:, 0], 2)
            self.require_whole(boxes[:, 1], len(self.classes))
            corners = boxes[:, 2:]
            require(bool(((corners >= 0) & (corners <= 1)).all())
                    and bool((corners[:, :2] <= corners[:, 2:]).all()), self.name,
                    "corners are x0, y0, x1, y1 in [0, 1] with x0 <= x1 and y0 <= y1")

    def random(self, count: int, generator: torch.Generator) -> Tensor:
        """Boxes of any class and extent, half of them absent, (count, M, 6)."""
        shape = (count, self.value.shape[1], 1)
        x, y = (whole((*shape[:2], 2), self.cells + 1, generator).sort(-1).values / self.cells
                for _ in range(2))
        corners = torch.stack([x, y], -1).flatten(-2)
        boxes = torch.cat([whole(shape, len(self.classes), generator), corners], -1)
        present = whole(shape, 2, generator)
        return torch.cat([present, boxes * present], -1)

    def settings(self) -> Described:
        """Classes, colours, the most boxes, cells and layouts."""
        told: Described = {"classes": list(self.classes),
                           "palette": self.require_classes(self.classes, self.palette),
                           "most": self.value.shape[1], "cells": self.cells}
        if self.layouts:
            told["layouts"] = [{"name": name, "value": packed(layout.float())}
                               for name, layout in self.layouts.items()]
        return told


@dataclass(frozen=True, eq=False)
class Ground(Input):
    """Things on the ground seen from above, to move and to turn.

    value : (1, n, 3): x and z in [-1, 1], yaw in degrees [-180, 180].
    names : what each thing is called.
    """

    names: Sequence[str] = ()
    kind: ClassVar[str] = "ground"

    def __post_init__(self):
        super().__post_init__()
        require(self.value.shape == (1, len(self.names), 3), self.name,
                f"{len(self.names)} names do not fit a value {list(self.value.shape)}; it is "
                "(1, n, 3): x, z, yaw")
        require(bool((self.value.abs() <= torch.tensor([1.0, 1, 180])).all()), self.name,
                "x and z are from -1 to 1, yaw from -180 to 180 degrees")

    def random(self, count: int, generator: torch.Generator) -> Tensor:
        """Places and directions drawn evenly, (count, n, 3)."""
        drawn = uniform((count, len(self.names), 3), -1, 1, generator)
        return drawn * torch.tensor([1.0, 1, 180])

    def settings(self) -> Described:
        """The names."""
        return {"names": list(self.names)}


@dataclass(frozen=True, eq=False)
class Choice(Input):
    """One of some words.

    value : (1, 1), the number of the word.
    names : the words.
    """

    names: Sequence[str] = ()
    kind: ClassVar[str] = "choice"

    def __post_init__(self):
        super().__post_init__()
        require(len(self.names) > 1 and self.value.shape == (1, 1), self.name,
                "it needs two words or more, and one number (1, 1)")
        self.require_whole(self.value, len(self.names))

    def random(self, count: int, generator: torch.Generator) -> Tensor:
        """Numbers of words, (count, 1)."""
        return whole((count, 1), len(self.names), generator)

    def settings(self) -> Described:
        """The words."""
        return {"names": list(self.names)}


@dataclass(frozen=True, eq=False)
class Draw(Input):
    """Noise from N(0, 1), (1, ...), with a button that draws it anew."""

    kind: ClassVar[str] = "draw"

    def random(self, count: int, generator: torch.Generator) -> Tensor:
        """Noise from N(0, 1), (count, ...)."""
        return torch.randn(count, *self.value.shape[1:], generator=generator)
