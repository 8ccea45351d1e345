"""What all inputs of a figure share, and how their random examples are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from synthbook.figures.encode import packed
from synthbook.files import BookError

Described = dict[str, Any]


def require(condition: bool, who: str, words: str) -> None:
    """Raise BookError about input `who` unless `condition`."""
    if not condition:
        raise BookError(f"input {who!r}: {words}")


def uniform(shape: Sequence[int], low: float, high: float, generator: torch.Generator) -> Tensor:
    """Numbers drawn evenly from [low, high)."""
    return low + (high - low) * torch.rand(tuple(shape), generator=generator)


def whole(shape: Sequence[int], below: int, generator: torch.Generator) -> Tensor:
    """Whole numbers 0..below-1 drawn evenly, as float32."""
    return torch.randint(below, tuple(shape), generator=generator).float()


def rectangles(count: int, size: Sequence[int], generator: torch.Generator) -> Tensor:
    """Rectangles of any place and extent, as zeros and ones (count, H, W)."""
    spans = []
    for length in size:
        ends = torch.randint(length + 1, (count, 2), generator=generator).sort(1).values
        at = torch.arange(length)
        spans.append((at >= ends[:, :1]) & (at <= ends[:, 1:]))
    return (spans[0][:, :, None] & spans[1][:, None, :]).float()


def painted(count: int, size: Sequence[int], classes: int, generator: torch.Generator) -> Tensor:
    """Class numbers (count, H, W) such as readers paint: overlapping rectangles."""
    label = whole((count, 1, 1), classes, generator).expand(count, *size)
    for _ in range(8):
        over = rectangles(count, size, generator)
        label = torch.where(over > 0, whole((count, 1, 1), classes, generator), label)
    return label


@dataclass(frozen=True, eq=False)
class Input:
    """What all kinds share; `value` is (1, ...)."""

    name: str
    label: str
    value: Tensor
    kind: ClassVar[str] = ""

    def __post_init__(self):
        require(self.name.isidentifier(), self.name, "its name must be that of a model's argument")
        require(bool(self.label.strip()), self.name, "it needs a visible label")
        value = torch.as_tensor(self.value).detach().cpu().float()
        require(value.ndim >= 2 and len(value) == 1, self.name,
                f"its value is {list(value.shape)}, not one example (1, ...)")
        require(bool(value.isfinite().all()), self.name, "its value is not finite")
        object.__setattr__(self, "value", value)

    def random(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` examples (count, ...) such as readers make."""
        raise NotImplementedError

    def settings(self) -> Described:
        """What the page needs to know beyond name, label and value."""
        return {}

    def describe(self) -> Described:
        """The input as JSON."""
        return {"kind": self.kind, "name": self.name, "label": self.label,
                "value": packed(self.value), **self.settings()}

    def require_classes(self, classes: Sequence[str], palette: Any) -> list[list[int]]:
        """The palette as lists, after checking that it has a colour for each named class."""
        colours = np.asarray(palette)
        require(len(classes) > 0 and colours.shape == (len(classes), 3)
                and bool((colours >= 0).all() and (colours <= 255).all()), self.name,
                "every class needs a name and a colour of three numbers 0..255")
        return colours.astype(int).tolist()

    def require_whole(self, values: Tensor, below: int) -> None:
        """Raise unless `values` are whole numbers 0..below-1."""
        fits = bool(((values == values.round()) & (values >= 0) & (values < below)).all())
        require(fits, self.name, f"it holds whole numbers from 0 to {below - 1}")
