"""Masks of an edit, and the rows of W+ that it may move.

A mask is (B, 1, H, W), or (1, 1, H, W) for all images alike, with values in [0, 1]: 1 where
something is asked for, 0 where nothing is. Its complement is 1 - mask.

Axes: B batch, H W pixels, L rows of W+.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbook.files import BookError
from synthbook.stylegan2 import Config

PAPER_ROWS = 18  # of W+ at 1024 pixels
# Free rows of those 18, as intervals [first, last) counted from 0. Inpainting: rows 1-9, 17 and 18
# (fact sheet: code of one re-implementation). Scribbles: the first 6 (another one). The halves are
# those of style transfer by rows: first 9 from the content, last 9 from the style.
FREE = {
    "all": ((0, 18),),
    "none": (),
    "inpainting": ((0, 9), (16, 18)),
    "scribble": ((0, 6),),
    "coarse": ((0, 9),),
    "fine": ((9, 18),),
}


def fits(mask: Tensor, count: int, size: int, name: str = "mask") -> Tensor:
    """`mask` itself, if its shape is one for `count` images of `size` pixels; else BookError."""
    want = f"({f'{count} or 1' if count > 1 else '1'}, 1, {size}, {size}) with values in [0, 1]"
    if not isinstance(mask, Tensor) or not mask.is_floating_point():
        got = f"{mask.dtype}: call .float()" if isinstance(mask, Tensor) else type(mask).__name__
        raise BookError(f"{name} is a tensor {want}; got {got}")
    if mask.dim() != 4 or len(mask) not in (1, count) or mask.shape[1:] != (1, size, size):
        raise BookError(f"{name} is {want}; got {tuple(mask.shape)}")
    return mask


def checked(mask: Tensor, count: int, size: int, name: str = "mask") -> Tensor:
    """`mask` itself, if its shape and its values fit `count` images; else BookError."""
    low, high = (bound.item() for bound in fits(mask, count, size, name).detach().aminmax())
    if not (low >= 0 and high <= 1):
        raise BookError(f"{name} has values in [0, 1]; its values lie in [{low:.3g}, {high:.3g}]")
    return mask


def everywhere(size: int) -> Tensor:
    """The mask that is 1 at every pixel, (1, 1, size, size)."""
    return torch.ones(1, 1, size, size)


def box(size: int, x0: int, y0: int, x1: int, y1: int) -> Tensor:
    """1 in the columns x0 to x1 and rows y0 to y1, ends exclusive; (1, 1, size, size)."""
    if not (0 <= x0 < x1 <= size and 0 <= y0 < y1 <= size):
        raise BookError(f"a box (x0, y0, x1, y1) has 0 <= x0 < x1 <= {size} and "
                        f"0 <= y0 < y1 <= {size}; got ({x0}, {y0}, {x1}, {y1})")
    mask = torch.zeros(1, 1, size, size)
    mask[..., y0:y1, x0:x1] = 1
    return mask


def halves(size: int) -> Tensor:
    """1 in the left half; (1, 1, size, size)."""
    return box(size, 0, 0, size // 2, size)


def centre(size: int, side: int) -> Tensor:
    """1 in a square of `side` pixels in the middle; (1, 1, size, size)."""
    first = (size - side) // 2
    return box(size, first, first, first + side, first + side)


def blurred(mask: Tensor, sigma: float) -> Tensor:
    """A mask (B, 1, H, W) under a Gaussian window of `sigma` pixels; 0 leaves it.

    Borders are repeated, so that a mask that is 1 everywhere stays so. The paper's width is not
    known to us; 1.5 to 3 pixels suit images of 64.
    """
    if sigma < 0:
        raise BookError(f"sigma is 0 or more pixels; got {sigma:g}")
    if sigma == 0:
        return mask
    radius = math.ceil(3 * sigma)
    offsets = torch.arange(-radius, radius + 1, dtype=mask.dtype, device=mask.device)
    window = torch.exp(-0.5 * (offsets / sigma).square())
    window = window / window.sum()
    padded = F.pad(mask, (radius,) * 4, mode="replicate")
    down = F.conv2d(padded, window.view(1, 1, -1, 1))
    return F.conv2d(down, window.view(1, 1, 1, -1)).clamp(0, 1)


def resized(mask: Tensor, size: int) -> Tensor:
    """A mask (B, 1, H, W) averaged over areas to (B, 1, size, size)."""
    return mask if mask.shape[-1] == size else F.interpolate(mask, (size, size), mode="area")


def grown(mask: Tensor, pixels: int) -> Tensor:
    """Where a mask (B, 1, H, W) is above 0 within so many pixels, along axes and diagonals."""
    found = (mask > 0).to(mask.dtype)
    return F.max_pool2d(found, 2 * pixels + 1, stride=1, padding=pixels)


def free_rows(config: Config, kind: str) -> Tensor:
    """Which rows of W+ an application may move, (L,) bool.

    The lists are of 18 rows. Row i of L stands for the interval [18 i / L, 18 (i + 1) / L) of
    them, and is free if at least half of it is: at 18 rows the lists themselves, at 10 rows 1 to 5
    and 10 for inpainting, 1 to 3 for scribbles. Kinds: :data:`FREE`.
    """
    if kind not in FREE:
        raise BookError(f"no list of rows is called {kind!r}: choose {', '.join(FREE)}")
    width = PAPER_ROWS / config.rows
    edges = [(i * width, (i + 1) * width) for i in range(config.rows)]
    shares = [sum(max(0.0, min(b, end) - max(a, begin)) for begin, end in FREE[kind]) / width
              for a, b in edges]
    return torch.tensor([share >= 0.5 - 1e-9 for share in shares])


def checked_rows(rows: Tensor | None, config: Config) -> Tensor:
    """The free rows, (L,) bool, all where None is given; BookError where they do not fit."""
    if rows is None:
        return torch.ones(config.rows, dtype=torch.bool)
    if not isinstance(rows, Tensor) or rows.dtype != torch.bool or rows.shape != (config.rows,):
        got = f"{tuple(rows.shape)} of {rows.dtype}" if isinstance(rows, Tensor) else rows
        raise BookError(f"rows is ({config.rows},) bool, one for each row of W+; got {got}")
    return rows.cpu()
