"""What the chapter on Image2StyleGAN++ shows: how an embedding went, and how it goes wrong.

Axes: B images, H W pixels.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from synthbook.image2stylegan_pp.blocks import mk_n
from synthbook.image2stylegan_pp.embedding import (
    Embedding,
    Pace,
    fit_noise,
    quality,
    render,
)
from synthbook.image2stylegan_pp.energy import Weights
from synthbook.image2stylegan_pp.quantities import bands
from synthbook.image2stylegan_pp.tensors import Copy, transferred
from synthbook.stylegan2 import StyleGAN2


def curve(at: Embedding) -> tuple[list[int], list[float]]:
    """Steps, and the mean PSNR in dB that was noted there, of an embedding that was recorded."""
    noted = [moment for moment in at.path if moment.psnr is not None]
    return [m.step for m in noted], [float(m.psnr.mean()) for m in noted]


def moments(at: Embedding) -> list[tuple[str, int]]:
    """Stage and step of every frame, the same step once."""
    found = {moment.step: moment.stage for moment in at.path if moment.frame is not None}
    return [(stage, step) for step, stage in found.items()]


def frames(at: Embedding) -> Tensor:
    """The frames of :func:`moments` in [-1, 1], picture by picture: (B, moments, 3, H, W)."""
    found = {moment.step: moment.frame for moment in at.path if moment.frame is not None}
    return (torch.stack(list(found.values()), 1).float() / 127.5) - 1


def rates(model: StyleGAN2, at: Embedding, x: Tensor, weights: Sequence[float],
          tried: Sequence[float], steps: int) -> Tensor:
    """PSNR in dB of a noise stage at each weight of the loss and each rate, (weights, rates).

    at : embeddings of images x (B, 3, H, W), whose w stays.
    """
    found = torch.zeros(len(weights), len(tried))
    for i, weight in enumerate(weights):
        for k, rate in enumerate(tried):
            loss = mk_n(x, None, None, replace(Weights(), inside=weight))
            made = render(model, fit_noise(model, at, [loss], Pace(steps, rate)))
            found[i, k] = quality(made, x).mean()
    return found


def residue(model: StyleGAN2, at: Embedding, x: Tensor) -> dict[str, Tensor]:
    """Energy in each octave of what w leaves of images x, and of what is left with noise, (O,)."""
    left = {"w alone": x - render(model, at, "none"), "w and noise": x - render(model, at)}
    return {name: bands(rest).mean(0) for name, rest in left.items()}


def copies(model: StyleGAN2, first: Embedding, second: Embedding, mask: Tensor,
           layers: Sequence[str]) -> Tensor:
    """`second` with the features of `first` in a mask, layer by layer: (layers * B, 3, H, W)."""
    return torch.cat([transferred(model, first, second, mask, Copy((name,)))
                      for name in layers]).clamp(-1, 1)
