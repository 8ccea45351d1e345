"""Boxes and what is made of them: the layout, the discriminator's target, boxes from truth.

A box is a row of five integers: class, x0, y0, x1, y1, ends exclusive, as `data.boxes` gives it.
A layout L (C, H, W) has one channel for each class of the label maps; L_c is 1 inside every box
of class c and 0 elsewhere. There is no channel for the background: a pixel that is in no box is 0
in all channels, and the channels of background classes stay free for what memory fills in. (The
released code marks channel 0 outside the first box that it paints, which is left out here.)

====================  =======================================================================
boxes                 result
====================  =======================================================================
none                  a layout of zeros
partly outside        clipped to the picture
outside, or no area   nothing, as if not given
twice the same        the same as once
overlapping           the union in a class; several ones where classes differ
class unknown, or a   BookError
background class
x1 < x0, not whole    BookError
====================  =======================================================================
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from synthbook.files import BookError

NOBODY = -1  # the class of a row that holds no box


def checked(boxes: np.ndarray | Sequence, things: Sequence[int],
            size: tuple[int, int]) -> np.ndarray:
    """Boxes (N, 5), clipped to a picture of `size` (H, W); those without area are gone.

    things : the classes that a box may name. Raises BookError as the module's table says.
    """
    rows = np.asarray(boxes)
    if rows.size == 0:
        return np.zeros((0, 5), np.int64)
    if rows.ndim != 2 or rows.shape[1] != 5 or not np.issubdtype(rows.dtype, np.number):
        raise BookError(f"boxes of shape {rows.shape} cannot be read: give rows of class, x0, y0, "
                        "x1, y1")
    if not np.isfinite(rows).all() or (rows != np.trunc(rows)).any():
        raise BookError("a box holds a number that is not whole: give whole classes and pixels")
    rows = rows.astype(np.int64)
    for c, x0, y0, x1, y1 in rows.tolist():
        if c not in things:
            raise BookError(f"a box of class {c} cannot be placed: boxes name things, classes "
                            f"{', '.join(map(str, things))}")
        if x1 < x0 or y1 < y0:
            raise BookError(f"box {x0}, {y0}, {x1}, {y1} ends before it begins: give x0 <= x1 "
                            "and y0 <= y1")
    rows[:, 1::2] = rows[:, 1::2].clip(0, size[1])
    rows[:, 2::2] = rows[:, 2::2].clip(0, size[0])
    return rows[(rows[:, 1] < rows[:, 3]) & (rows[:, 2] < rows[:, 4])]


def pack(pictures: Sequence[np.ndarray], most: int = 0) -> Tensor:
    """Boxes of B pictures, each (N, 5), in one tensor (B, M, 5), M >= `most`.

    Rows that hold no box have class -1.
    """
    longest = max([most, 1, *(len(rows) for rows in pictures)])
    packed = torch.zeros(len(pictures), longest, 5, dtype=torch.long)
    packed[..., 0] = NOBODY
    for one, rows in zip(packed, pictures):
        one[:len(rows)] = torch.from_numpy(np.asarray(rows, np.int64).reshape(-1, 5))
    return packed


def spans(boxes: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Rows (B, M, H) and columns (B, M, W), bool, that packed boxes (B, M, 5) reach."""
    held = boxes[..., 0, None] != NOBODY
    y, x = (torch.arange(n, device=boxes.device) for n in size)
    down = (y >= boxes[..., 2, None]) & (y < boxes[..., 4, None]) & held
    return down, (x >= boxes[..., 1, None]) & (x < boxes[..., 3, None])


def rasterise(boxes: Tensor, classes: int, size: tuple[int, int]) -> Tensor:
    """Packed boxes (B, M, 5) to layouts L (B, C, H, W): for each class the union of its boxes."""
    down, across = spans(boxes, size)
    named = F.one_hot(boxes[..., 0] + 1, classes + 1)[..., 1:]
    times = torch.einsum("bmc,bmh,bmw->bchw", named.float(), down.float(), across.float())
    return times.clamp(max=1)


def layout_of(boxes: np.ndarray | Sequence, things: Sequence[int], classes: int,
           size: tuple[int, int]) -> Tensor:
    """The layout L (C, H, W) of one picture's boxes (N, 5), after checking them."""
    return rasterise(pack([checked(boxes, things, size)]), classes, size)[0]


def target(boxes: Tensor, things: Sequence[int], size: tuple[int, int]) -> Tensor:
    """What a discriminator that knows packed boxes (B, M, 5) alone expects, (B, H, W).

    t for a pixel in a box of class things[t], and len(things) for one in no box. Where boxes
    overlap the smallest counts, as it is likely to stand in front; among equals the lower class.
    """
    down, across = spans(boxes, size)
    area = (boxes[..., 3] - boxes[..., 1]) * (boxes[..., 4] - boxes[..., 2])
    highest = max(things)
    key = area * (highest + 1) + boxes[..., 0]
    outside = (size[0] * size[1] + 1) * (highest + 1)
    covered = down[..., :, None] & across[..., None, :]
    nearest = torch.where(covered, key[..., None, None], outside).amin(1)
    number = torch.full((highest + 1,), len(things), device=boxes.device)
    number[list(things)] = torch.arange(len(things), device=boxes.device)
    return torch.where(nearest < outside, number[nearest % (highest + 1)], len(things))


def boxes_of(label: np.ndarray, instance: np.ndarray, things: Sequence[int]) -> np.ndarray:
    """The boxes (N, 5) of a picture's instances, in the order of their ids.

    label, instance : (H, W) integers, 0 where there is no instance. Instances whose class is not
    in `things` are left out.
    """
    from scipy.ndimage import find_objects

    rows = []
    for k, place in enumerate(find_objects(instance.astype(np.int64)), 1):
        if place is None:
            continue
        down, across = place
        c = int(label[place][instance[place] == k][0])
        if c in things:
            rows.append((c, across.start, down.start, across.stop, down.stop))
    return np.array(rows, np.int64).reshape(-1, 5)
