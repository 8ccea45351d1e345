"""Squares of a picture around primitives: cut out for the 2D generator, and put back.

A primitive covers a small part of the picture. What is empty around it costs as much to paint as
the rest and weighs in the statistics of every norm. Cutting and putting are products with matrices
of zeros and ones, which are exact, have gradients and can be exported.

Axes: M pictures, C channels, H W pixels of a picture, h w of a window.
"""

import torch
from torch import Tensor

from synthbook.layers import check_shape


def corners(centre: Tensor, size: int, side: int) -> Tensor:
    """The upper left pixels (M, 2), x then y, of windows around places; whole numbers.

    centre : (M, 2), pixels. A window that would leave the picture is moved to its border.
    """
    return (centre.detach() - side / 2).round().clamp(0, size - side)


def chosen(first: Tensor, size: int, side: int) -> Tensor:
    """Matrices (M, side, size) that take `side` entries from number `first` (M,) on."""
    here = torch.arange(size, dtype=first.dtype, device=first.device)
    wanted = torch.arange(side, dtype=first.dtype, device=first.device) + first[:, None]
    return (here == wanted[..., None]).to(first.dtype)


def cut(picture: Tensor, corner: Tensor, side: int) -> Tensor:
    """Pictures (M, C, H, W) to what their windows show, (M, C, h, w)."""
    check_shape(corner, M=len(picture), axes=2)
    across, down = (chosen(corner[:, k], picture.shape[-1], side)[:, None] for k in (0, 1))
    return down @ picture @ across.transpose(-1, -2)


def put(window: Tensor, corner: Tensor, size: int) -> Tensor:
    """Windows (M, C, h, w) to pictures (M, C, H, W) that are zero outside of them."""
    check_shape(corner, M=len(window), axes=2)
    across, down = (chosen(corner[:, k], size, window.shape[-1])[:, None] for k in (0, 1))
    return down.transpose(-1, -2) @ window @ across
