"""What answers to the exercises on BachGAN are tried on; their words are in bachgan.yml."""

import functools
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbook.bachgan import Fusion, rasterise, substitute
from synthbook.bachgan.memory import NOTHING
from synthbook.bachgan.relevance import agreement
from synthbook.exercises import Check
from synthbook.layers import one_hot
from synthbook.metrics import layout_similarity

THINGS, CLASSES, SIDE = (2, 3, 4), 5, 8
BOXES = ((2, 1, 1, 5, 4), (2, 3, 2, 7, 6), (3, 4, 3, 8, 7))  # two of one class overlap
FEW = ((4, 0, 0, 3, 2),)
NONE = ()


def boxed(boxes: Sequence[Sequence[int]]) -> Tensor:
    """Boxes as rows (N, 5)."""
    return torch.tensor(boxes, dtype=torch.long).reshape(-1, 5)


def layout(boxes: Tensor, classes: int, height: int, width: int) -> Tensor:
    """The layout L (C, H, W) of boxes (N, 5)."""
    return rasterise(boxes[None], classes, (height, width))[0]


def asked(boxes: Sequence[Sequence[int]]) -> Tensor:
    """The layout of the exercises' own size, (5, 8, 8)."""
    return layout(boxed(boxes), CLASSES, SIDE, SIDE)


@functools.cache
def scene(seed: int = 0) -> Tensor:
    """A label map (8, 8) in which every class stands, things in clumps of 2 x 2 pixels."""
    drawn = torch.randint(0, CLASSES, (4, 4), generator=torch.Generator().manual_seed(seed))
    drawn[0, :2] = torch.tensor([2, 3])
    return drawn.repeat_interleave(2, 0).repeat_interleave(2, 1)


# ------------------------------------------------------------------------- boxes to layouts


def filled(boxes: Tensor, classes: int, height: int, width: int, last: int = 0) -> Tensor:
    """The number of boxes of each class over each pixel; ends are moved by `last`."""
    times = torch.zeros(classes, height, width)
    for c, x0, y0, x1, y1 in boxes.tolist():
        times[c, y0:y1 + last, x0:x1 + last] += 1
    return times


def one_canvas(boxes: Tensor, classes: int, height: int, width: int) -> Tensor:
    """A layout in which a later box hides the earlier ones."""
    canvas = torch.full((height, width), classes)
    for c, x0, y0, x1, y1 in boxes.tolist():
        canvas[y0:y1, x0:x1] = c
    return one_hot(canvas[None], classes + 1)[0, :classes]


LAYOUT = Check(
    layout, lambda: [(boxed(BOXES), CLASSES, SIDE, SIDE), (boxed(FEW), CLASSES, SIDE, SIDE)],
    {
        "canvas": one_canvas,
        "counted": filled,
        "inclusive": lambda *a: filled(*a, last=1).clamp(max=1),
        "exchanged": lambda *a: layout(*a).transpose(1, 2),
    })


# ------------------------------------------------------------------------------- retrieval


def share(shared: Tensor, union: Tensor) -> Tensor:
    """shared / union, 0 where there is nothing."""
    return torch.where(union > 0, shared / union.clamp_min(1), 0.0)


def areas(layout: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels that boxes and masks share and cover together, (C,) each."""
    return (layout * masks).sum((1, 2)), torch.maximum(layout, masks).sum((1, 2))


def parts(layout: Tensor, label: Tensor,
          things: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Shared and covered areas of the things, (T,) each, and which of them the layout names."""
    masks = one_hot(label[None], layout.shape[0])[0]
    shared, union = (one[list(things)] for one in areas(layout, masks))
    return shared, union, layout[list(things)].amax((1, 2)) > 0


def similarity(layout: Tensor, label: Tensor, things: Sequence[int]) -> Tensor:
    """The package's score of one scene."""
    return layout_similarity(layout[None], label[None], things)[0]


def mean_of_classes(layout: Tensor, label: Tensor, things: Sequence[int]) -> Tensor:
    """The mean of the IoUs of the classes that are asked for."""
    shared, union, named = parts(layout, label, things)
    return share(shared, union)[named].mean() if named.any() else torch.tensor(0.0)


def punished(layout: Tensor, label: Tensor, things: Sequence[int]) -> Tensor:
    """Things that only the scene holds count in the union."""
    shared, union, named = parts(layout, label, things)
    return share(shared.sum(), union.sum()) * named.any()


def boxes_of_masks(layout: Tensor, label: Tensor, things: Sequence[int]) -> Tensor:
    """The score against the box around each mask."""
    masks = one_hot(label[None], layout.shape[0])[0]
    rows, columns = masks.amax(2), masks.amax(1)
    span = lambda held: ((held.cumsum(1) > 0) & (held.flip(1).cumsum(1).flip(1) > 0)).float()
    shared, union = areas(layout, span(rows)[:, :, None] * span(columns)[:, None])
    named = torch.zeros(len(layout))
    named[list(things)] = (layout[list(things)].amax((1, 2)) > 0).float()
    return share((shared * named).sum(), (union * named).sum())


def of_boxes(layout: Tensor, label: Tensor, things: Sequence[int]) -> Tensor:
    """The share of the boxes' area that has its class."""
    shared, _, _ = parts(layout, label, things)
    return share(shared.sum(), layout[list(things)].sum())


SIMILARITY = Check(
    similarity,
    lambda: [(asked(BOXES), scene(), THINGS), (asked(FEW), scene(3), THINGS),
             (asked(BOXES), scene(1), THINGS), (asked(NONE), scene(), THINGS)],
    {
        "classes": mean_of_classes,
        "punished": punished,
        "boxes": boxes_of_masks,
        "asked": of_boxes,
        "empty": lambda a, label, things: similarity(a, label, things) if a.any() else 1.0,
    })


def table(mask: Tensor) -> Tensor:
    """The integral image (H + 1, W + 1) of a mask."""
    return F.pad(mask.long().cumsum(0).cumsum(1), (1, 0, 1, 0))


def counted(total: Tensor, box: Sequence[int]) -> Tensor:
    """Pixels of the mask in a box."""
    x0, y0, x1, y1 = box
    return total[y1, x1] - total[y0, x1] - total[y1, x0] + total[y0, x0]


COUNT = Check(
    counted,
    lambda: [(table(scene() == 2), (1, 2, 6, 7)), (table(scene(1) == 3), (2, 1, 7, 5)),
             (table(scene() > 1), (0, 0, 8, 8)), (table(scene(2) > 2), (1, 1, 5, 4))],
    {
        "corner": lambda total, box: counted(total, box) - total[box[1], box[0]],
        "doubled": lambda total, box: counted(total, box) - 2 * total[box[1], box[0]],
        "exchanged": lambda total, box: counted(total.T, box),
        "last": lambda total, box: counted(total, (*box[:2], box[2] - 1, box[3] - 1)),
        "corner only": lambda total, box: total[box[3], box[2]],
    })


def ranked(scores: Tensor, m: int, own: int) -> Tensor:
    """Indices of the best m but `own`, the lower index first among equals."""
    order = torch.argsort(scores, descending=True, stable=True)
    return order[order != own][:m]


def without_shift(scores: Tensor, m: int, own: int) -> Tensor:
    """Indices in the list from which the own one was deleted."""
    kept = torch.cat([scores[:own], scores[own + 1:]])
    return torch.argsort(kept, descending=True, stable=True)[:m]


def late(scores: Tensor, m: int, own: int) -> Tensor:
    """Among equals the higher index first."""
    order = len(scores) - 1 - torch.argsort(scores.flip(0), descending=True, stable=True)
    return order[order != own][:m]


def lowest(scores: Tensor, m: int, own: int) -> Tensor:
    """The worst m."""
    order = torch.argsort(scores, stable=True)
    return order[order != own][:m]


BEST = Check(
    ranked,
    lambda: [(torch.tensor([0.2, 0.5, 0.9, 0.5, 0.1, 0.5, 0.7]), 3, 2),
             (torch.tensor([1.0, 0.0, 0.4, 0.4, 0.0, 0.4]), 4, 0),
             (torch.tensor([0.3, 0.3, 0.8, 0.6]), 2, 3)],
    {
        "own": lambda scores, m, own: ranked(scores, m, -1),
        "shifted": without_shift,
        "late": late,
        "lowest": lowest,
    })


# ------------------------------------------------------------------- memory to a condition


def replaced(memory: Tensor, layout: Tensor, things: Sequence[int]) -> Tensor:
    """The things' channels overwritten, nothing erased."""
    result = memory.clone()
    result[list(things)] = layout[list(things)]
    return result


def erased(memory: Tensor, layout: Tensor) -> Tensor:
    """Memory with nothing in any box."""
    return memory * (1 - layout.amax(0))


SUBSTITUTE = Check(
    lambda memory, layout, things: substitute(memory[None, None], layout[None], things)[0, 0],
    lambda: [(one_hot(scene(seed)[None], CLASSES)[0], asked(boxes), THINGS)
             for seed, boxes in ((0, BOXES), (1, FEW), (2, NONE))],
    {
        "order": lambda memory, layout, things: erased(replaced(memory, layout, things), layout),
        "kept": replaced,
        "added": lambda memory, layout, things: torch.maximum(erased(memory, layout), layout),
        "erased": lambda memory, layout, things: replaced(
            memory, layout, things) * (1 - memory[list(things)].amax(0)),
    })


@functools.cache
def module() -> Fusion:
    """A fusion module with weights that are far from the identity."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Fusion(CLASSES).requires_grad_(False)


def first(x: Tensor) -> Tensor:
    """f: (B, C, H, W) to (B, C, H, W), a convolution and its ReLU."""
    return F.relu(module().first(x))


def second(x: Tensor) -> Tensor:
    """g, of the same form as f."""
    return F.relu(module().second(x))


def fused(layout: Tensor, memory: Tensor, f: Callable, g: Callable) -> Tensor:
    """The condition (C, H, W) by the equations."""
    asked = f(layout[None])[0]
    return g((asked + f(memory).mean(0))[None])[0] + asked


FUSE = Check(
    fused,
    lambda: [(asked(BOXES), one_hot(torch.stack([scene(k) for k in range(3)]), CLASSES),
              first, second),
             (asked(FEW), one_hot(torch.stack([scene(4), scene(5)]), CLASSES), first, second)],
    {
        "sum": lambda a, r, f, g: fused(a, r, lambda x: f(x) * (len(r) if len(x) > 1 else 1), g),
        "no skip": lambda a, r, f, g: fused(a, r, f, g) - f(a[None])[0],
        "mean first": lambda a, r, f, g: fused(a, r.mean(0, keepdim=True), f, g),
        "layout": lambda a, r, f, g: fused(a, r, f, g) - f(a[None])[0] + a,
        "all": lambda a, r, f, g: g(f(torch.cat([a[None], r])).mean(0, keepdim=True))[0]
        + f(a[None])[0],
    })


# ------------------------------------------------------------------------------ measuring


def counted_right(guess: Tensor, label: Tensor, where: Tensor) -> Tensor:
    """The share of the pixels in a mask that are guessed."""
    return ((guess == label) & where).sum() / where.sum()


def doubted(seed: int) -> Tensor:
    """A guess (8, 8) that often agrees with the scene 0, and in places says nothing."""
    guess = torch.where(scene(seed) > 1, scene(), scene(seed)).clone()
    guess[:, 0] = NOTHING
    return guess


def is_thing(label: Tensor, things: Sequence[int]) -> Tensor:
    """Which pixels have a thing."""
    return torch.isin(label, torch.tensor(list(things)))


RIGHT = Check(
    lambda guess, label, layout, things: agreement(
        guess[None], label[None], layout[None], things)[0],
    lambda: [(doubted(6), scene(), asked(BOXES), THINGS),
             (doubted(7), scene(), asked(FEW), THINGS)],
    {
        "all": lambda guess, label, layout, things: (guess == label).float().mean(),
        "unknown": lambda guess, label, layout, things: counted_right(
            guess, label, (layout.amax(0) == 0) & ~is_thing(label, things)),
        "things": lambda guess, label, layout, things: counted_right(
            guess, label, (layout.amax(0) == 0) & (guess != NOTHING)),
        "in boxes": lambda guess, label, layout, things: counted_right(
            guess, label, ~is_thing(label, things) & (guess != NOTHING)),
    })

EFFECTS = Check(
    lambda boxes, random, kin, top: (boxes - random, kin - top),
    lambda: [(30.0, 22.0, 20.5, 19.0), (12.5, 14.0, 11.0, 11.5)],
    {
        "signs": lambda boxes, random, kin, top: (random - boxes, top - kin),
        "exchanged": lambda boxes, random, kin, top: (kin - top, boxes - random),
        "classes": lambda boxes, random, kin, top: (boxes - random, random - top),
        "whole": lambda boxes, random, kin, top: (boxes - random, boxes - top),
        "kin": lambda boxes, random, kin, top: (boxes - kin, kin - top),
    })

CHECKS = {"layout": LAYOUT, "similarity": SIMILARITY, "count": COUNT, "best": BEST,
          "right": RIGHT, "substitute": SUBSTITUTE, "fuse": FUSE, "effects": EFFECTS}
