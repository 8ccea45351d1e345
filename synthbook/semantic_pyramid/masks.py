"""Which levels a generator is given, and where: masks that are drawn in training, or chosen.

A mask is 1 where a level is supplied and 0 where it is not: (B, 1, h, w) for a level of maps,
(B, 1) for a vector. In training each sample has one level s of its own:

* mode A: level s everywhere, no other;
* mode B: level s everywhere, and the finer levels outside one rectangle, the same at all of them.

Mode B is what re-painting asks of the generator: inside the rectangle only s is known. It is for
levels of maps that have a finer one. (Section 3.2 of the paper; second-hand, see DEVIATIONS.)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbook.files import BookError
from synthbook.semantic_pyramid.levels import LEVELS, MAPS, Shapes, level

Masks = list[Tensor]


@dataclass(frozen=True)
class Sampling:
    """How masks are drawn.

    Parameters
    ----------
    frequency : how often each level is drawn, relative to the others; 0: never.
    regions   : share of the samples of conv2 to conv5 that are of mode B.
    least, most : sides of the rectangle, as fractions of the picture's.
    """

    frequency: tuple[float, ...] = (1, 2, 2, 1, 1, 1, 3)
    regions: float = 0.3
    least: float = 0.25
    most: float = 0.75

    def __post_init__(self):
        if len(self.frequency) != len(LEVELS) or min(self.frequency) < 0 or not any(
                self.frequency):
            raise ValueError(f"{len(LEVELS)} frequencies, none below 0 and not all 0: "
                             f"{self.frequency}")
        if not 0 <= self.regions <= 1 or not 0 < self.least <= self.most <= 1:
            raise ValueError("regions is in [0, 1], and 0 < least <= most <= 1")


def at_size(mask: Tensor, side: int) -> Tensor:
    """A mask (B, 1, H, W) at (side, side): each place takes the value at its centre."""
    return F.interpolate(mask.float(), (side, side), mode="nearest-exact")


def rectangles(count: int, side: int, sampling: Sampling,
               generator: torch.Generator | None = None) -> Tensor:
    """Random rectangles, (count, 1, side, side): 1 inside, 0 outside.

    Sides are uniform in [least, most] of the picture's, places uniform among those inside it.
    """
    draw = torch.rand(count, 4, generator=generator)
    length = sampling.least + (sampling.most - sampling.least) * draw[:, :2]
    start = draw[:, 2:] * (1 - length)
    centre = (torch.arange(side) + 0.5) / side
    inside = (centre >= start[..., None]) & (centre < (start + length)[..., None])
    return (inside[:, 1, :, None] & inside[:, 0, None, :])[:, None].float()


def sample(shapes: Shapes, side: int, count: int, sampling: Sampling = Sampling(),
           generator: torch.Generator | None = None) -> tuple[Tensor, Masks]:
    """The level (count,) and the masks of each sample.

    shapes : of the levels' features; side : of the picture, in pixels.
    generator : on the CPU, where all is drawn; PyTorch's own where None.
    """
    weights = torch.tensor(sampling.frequency, dtype=torch.float)
    drawn = torch.multinomial(weights, count, replacement=True, generator=generator)
    hole = rectangles(count, side, sampling, generator)
    in_parts = torch.rand(count, generator=generator) < sampling.regions
    in_parts &= (drawn > 0) & (drawn < MAPS)
    masks = []
    for k, shape in enumerate(shapes):
        whole = (drawn == k).float()
        if k < MAPS:
            part = (1 - at_size(hole, shape[1])) * (in_parts & (drawn > k)).view(-1, 1, 1, 1)
            masks.append(whole.view(-1, 1, 1, 1).expand(-1, 1, *shape[1:]).maximum(part))
        else:
            masks.append(whole[:, None])
    return drawn, masks


def nothing(shapes: Shapes, count: int) -> Masks:
    """Masks that supply no level."""
    return [torch.zeros(count, 1, *shape[1:]) for shape in shapes]


def only(shapes: Shapes, count: int, *which: str | int) -> Masks:
    """Masks that supply some levels everywhere, by name or number, and no others."""
    masks = nothing(shapes, count)
    for one in which:
        masks[level(one)].fill_(1)
    return masks


def repaint(shapes: Shapes, hole: Tensor, which: str | int) -> Masks:
    """Masks of mode B: one level everywhere, the finer ones outside the hole.

    hole : (B, 1, H, W), 1 where the picture is to be painted anew; else 0.
    """
    k = level(which)
    if not 0 < k < MAPS:
        raise BookError(f"nothing is repainted at {LEVELS[k]}: choose one of "
                        f"{', '.join(LEVELS[1:MAPS])}, which have places and a finer level")
    if hole.dim() != 4 or hole.shape[1] != 1 or not ((hole == 0) | (hole == 1)).all():
        raise BookError(f"a hole is (B, 1, H, W) of 0 and 1, got {tuple(hole.shape)} from "
                        f"{hole.min():.3g} to {hole.max():.3g}")
    masks = [m.to(hole.device) for m in only(shapes, len(hole), k)]
    for fine in range(k):
        masks[fine] = 1 - at_size(hole, shapes[fine][1])
    return masks


def check_masks(masks: Sequence[Tensor | None], shapes: Shapes, count: int) -> None:
    """Raise BookError unless every mask fits its level, for `count` samples or for all alike."""
    if len(masks) != len(shapes):
        raise BookError(f"one mask a level, {len(shapes)} of them; got {len(masks)}")
    for name, shape, mask in zip(LEVELS, shapes, masks):
        if mask is not None and (mask.shape[0] not in (1, count)
                                 or tuple(mask.shape[1:]) != (1, *shape[1:])):
            raise BookError(f"the mask of {name} is {(count, 1, *shape[1:])}, got "
                            f"{tuple(mask.shape)}")


def masked(x: Tensor, mask: Tensor) -> Tensor:
    """x times its mask; exactly 0 where the mask is, whatever x holds there, nan and inf too."""
    return torch.where(mask != 0, x * mask.to(x.dtype), 0)
