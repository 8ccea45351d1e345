"""Edits of activation tensors: what a layer computes for one image, put into another (eq. 5).

    out_l = M_l act_A + (1 - M_l) act_B

The mask M is brought to the layer's size. The generator goes on from there with B's w and noise.
StyleGAN2 normalises weights, not activations, so an edit spreads by the convolutions' reach alone:
:func:`reached` says to which pixels. Outside of them the image is exactly B's.

Axes: B batch, C channels, H W pixels, h w pixels of a layer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbook.files import BookError
from synthbook.image2stylegan_pp.embedding import Embedding
from synthbook.image2stylegan_pp.masks import checked, fits, grown, resized
from synthbook.stylegan2 import Config, StyleGAN2


@dataclass(frozen=True)
class Copy:
    """What of A goes into B.

    layers   : names of `config.layers`; at a later one, what B has by then.
    amount   : 1 copies; 0.5 averages; 0 leaves B.
    channels : first and last, the last exclusive; all where None. Beyond a layer's last channel
               there is nothing to copy: BookError.
    warp     : (2, 3) or (B, 2, 3), where A is read for each place of B; see :func:`warped`.
    """

    layers: tuple[str, ...]
    amount: float = 1.0
    channels: tuple[int, int] | None = None
    warp: Tensor | None = None


@torch.no_grad()
def activations(model: StyleGAN2, at: Embedding) -> dict[str, Tensor]:
    """The output of every layer by its name, (B, C, h, h)."""
    found = {}

    def keep(name: str, x: Tensor) -> Tensor:
        found[name] = x
        return x

    model.synthesis(at.w, at.added, scaled=True, edit=keep)
    return found


def warped(x: Tensor, matrix: Tensor) -> Tensor:
    """Features or masks (B, C, h, w) read at other places; beyond the border, the border's.

    matrix : (2, 3) or (B, 2, 3), from a place (x, y, 1) of the result to the place to read, both
             with -1 and 1 at the borders. [[1, 0, dx], [0, 1, 0]] reads dx / 2 of the width
             further right, so that things move left.
    """
    if matrix.shape not in ((2, 3), (len(x), 2, 3)):
        raise BookError(f"warp is (2, 3) or ({len(x)}, 2, 3), an affine map of (x, y, 1); got "
                        f"{tuple(matrix.shape)}")
    matrix = matrix.to(x).expand(len(x), 2, 3)
    grid = F.affine_grid(matrix, x.shape, align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def mixed(a: Tensor, b: Tensor, mask: Tensor, amount: float = 1.0,
          channels: tuple[int, int] | None = None) -> Tensor:
    """Eq. 5 for one layer: b + amount M c (a - b), with c 1 for the channels that are copied.

    a, b : (B, C, h, h); mask : (B or 1, 1, h, h).
    """
    share = amount * mask
    if channels is not None:
        kept = torch.arange(b.shape[1], device=b.device)
        share = share * ((kept >= channels[0]) & (kept < channels[1])).view(1, -1, 1, 1)
    return b + share * (a - b)


def copied(first: dict[str, Tensor], mask: Tensor, copy: Copy) -> Callable[[str, Tensor], Tensor]:
    """The edit that `Synthesis` takes: A's activations `first` put into B's inside the mask."""

    def edit(name: str, b: Tensor) -> Tensor:
        if name not in copy.layers:
            return b
        a = first[name] if copy.warp is None else warped(first[name], copy.warp)
        return mixed(a, b, resized(mask, b.shape[-1]).to(b), copy.amount, copy.channels)

    return edit


@torch.no_grad()
def transferred(model: StyleGAN2, first: Embedding, second: Embedding, mask: Tensor,
                copy: Copy) -> Tensor:
    """Images (B, 3, H, W): B's, `second`, with A's activations, `first`, inside the mask.

    mask : (B or 1, 1, H, W). Raises one BookError where embeddings, mask, layers, channels or
    amount do not fit.
    """
    check_copy(model.config, copy)
    if len(first) not in (1, len(second)):
        raise BookError(f"A has {len(second)} images as B has, or 1; got {len(first)}")
    checked(mask, len(second), model.config.size)
    edit = copied(activations(model, first), mask, copy)
    return model.synthesis(second.w, second.added, scaled=True, edit=edit)


def check_copy(config: Config, copy: Copy) -> None:
    """Raise BookError unless the layers are the generator's and have the channels."""
    unknown = [name for name in copy.layers if name not in config.layers]
    if unknown or not copy.layers:
        raise BookError(f"layers are one or more of {', '.join(config.layers)}; got "
                        f"{', '.join(unknown) or 'none'}")
    if not 0 <= copy.amount <= 1:
        raise BookError(f"amount is from 0, B's own, to 1, A's; got {copy.amount:g}")
    if copy.channels is not None:
        low, high = copy.channels
        most = min(config.channels[(config.layers.index(name) + 1) // 2] for name in copy.layers)
        if not 0 <= low < high <= most:
            raise BookError(f"channels are (first, last) with 0 <= first < last <= {most} at "
                            f"{', '.join(copy.layers)}; got ({low}, {high})")


def reached(mask: Tensor, config: Config, layers: Sequence[str]) -> Tensor:
    """The pixels that an edit of these layers may change, (B, 1, H, W) of zeros and ones.

    mask : (B, 1, H, W), the edit's. From the edited layer on, every convolution adds a pixel on
    each side, and so does every doubling.
    """
    fits(mask, len(mask), config.size)
    x = None
    for k, (name, size) in enumerate(zip(config.layers, config.sizes)):
        if x is not None:
            if x.shape[-1] != size:
                x = grown(x.repeat_interleave(2, -1).repeat_interleave(2, -2), 1)
            x = grown(x, 1)
        if name in layers:
            here = (resized(mask, size) > 0).to(mask.dtype)
            x = here if x is None else torch.maximum(x, here)
    return x
