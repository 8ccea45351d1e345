"""Primitives over the background, nearest first at every pixel (Liao et al. 2020).

Axes: B batch, N primitives of a scene, H W pixels.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from synthbook.layers import check_shape


class Composite(NamedTuple):
    """A picture of all that is kept, and the share of every pixel that shows each primitive."""

    image: Tensor  # (B, 3, H, W)
    share: Tensor  # (B, N, 1, H, W); one minus their sum shows the background


def visible(alpha: Tensor, depth: Tensor) -> Tensor:
    """How much of each primitive is seen, its alpha times what those before it let through.

    A_(k) prod_{j < k} (1 - A_(j)), where (1), (2), ... are the primitives of a pixel by depth,
    nearest first. The order has no gradient; among equal depths the first comes first.

    alpha, depth : (B, N, 1, H, W). Returns the same shape.
    """
    check_shape(depth, B=None, N=None, one=1, H=None, W=None)
    check_shape(alpha, **dict(zip("BNKHW", depth.shape)))
    order = depth.argsort(dim=1, stable=True)
    left, shares = torch.ones_like(alpha[:, 0]), []
    for layer in alpha.gather(1, order).unbind(1):
        shares.append(left * layer)
        left = left * (1 - layer)
    return torch.stack(shares, 1).gather(1, order.argsort(1))


def compose(rgb: Tensor, alpha: Tensor, depth: Tensor, background: Tensor,
            keep: Tensor | None = None) -> Composite:
    """The picture: sum of the visible shares times their colours, and the background's rest.

    Parameters
    ----------
    rgb        : X' (B, N, 3, H, W), not yet times alpha, in the range of the background.
    alpha      : A' (B, N, 1, H, W) in [0, 1].
    depth      : D (B, N, 1, H, W), of the rendered primitives; it only orders them.
    background : X'_bg (B, 3, H, W).
    keep       : (B, N), which primitives are there; all unless given.
    """
    b, n, _, h, w = rgb.shape
    check_shape(rgb, B=b, N=n, colours=3, H=h, W=w)
    check_shape(alpha, B=b, N=n, one=1, H=h, W=w)
    check_shape(background, B=b, colours=3, H=h, W=w)
    if keep is not None:
        check_shape(keep, B=b, N=n)
        alpha = alpha * keep[:, :, None, None, None].to(alpha.dtype)
    share = visible(alpha, depth)
    return Composite((share * rgb).sum(1) + (1 - share.sum(1)) * background, share)


def each_alone(rgb: Tensor, alpha: Tensor, background: Tensor) -> Tensor:
    """Every primitive by itself over the background, (B, N, 3, H, W); arguments as `compose`."""
    return alpha * rgb + (1 - alpha) * background[:, None]


def some_dropped(batch: int, primitives: int, generator: torch.Generator | None = None) -> Tensor:
    """Which primitives to keep, (B, N) bool: m of N are dropped, m uniform in 0 to N - 1.

    So a generator with N primitives makes scenes of 1 to N objects, all numbers as likely.
    """
    drop = torch.randint(primitives, (batch, 1), generator=generator)
    rank = torch.rand(batch, primitives, generator=generator).argsort(1).argsort(1)
    return rank >= drop
