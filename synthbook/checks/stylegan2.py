"""What answers on the chapter on StyleGAN2 are tried on; their words are in stylegan2.yml."""

from collections.abc import Callable

import torch
from torch import Tensor

from synthbook.exercises import Check
from synthbook.losses import path_lengths
from synthbook.stylegan2 import mix, truncate


def numbers(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers, the same every time."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# ------------------------------------------------------------------------------ the networks


def on_the_sphere(z: Tensor) -> Tensor:
    """Latents whose mean square is one."""
    return z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)


SPHERE = Check(on_the_sphere, lambda: [(3 * numbers(4, 6),), (0.1 * numbers(2, 9, seed=1),)], {
    "length": lambda z: z / z.norm(dim=1, keepdim=True),
    "batch": lambda z: z * torch.rsqrt(z.square().mean(0, keepdim=True) + 1e-8),
    "standardised": lambda z: (z - z.mean(1, keepdim=True)) / z.std(
        1, correction=0, keepdim=True),
    "square": lambda z: z / (z.square().mean(1, keepdim=True) + 1e-8),
})


def modulated(weight: Tensor, style: Tensor) -> Tensor:
    """Weights of eq. 1, (B, O, I, k, k)."""
    return weight * style[:, None, :, None, None]


def demodulated(weight: Tensor, style: Tensor, axes: tuple[int, ...] = (2, 3, 4)) -> Tensor:
    """Weights of eq. 3, (B, O, I, k, k)."""
    w = modulated(weight, style)
    return w * torch.rsqrt(w.square().sum(axes, keepdim=True) + 1e-8)


DEMODULATE = Check(
    demodulated, lambda: [(numbers(3, 4, 3, 3), 1 + numbers(2, 4, seed=1)),
                          (numbers(2, 5, 1, 1, seed=2), 3 * numbers(3, 5, seed=3))],
    {
        "modulated": modulated,
        "inputs": lambda w, s: demodulated(w, s, (1, 3, 4)),
        "before": lambda w, s: modulated(
            w * torch.rsqrt(w.square().sum((1, 2, 3), keepdim=True) + 1e-8), s),
        "square": lambda w, s: modulated(w, s) / (
            modulated(w, s).square().sum((2, 3, 4), keepdim=True) + 1e-8),
        "whole": lambda w, s: demodulated(w, s, (1, 2, 3, 4)),
        "mean": lambda w, s: demodulated(w, s) * (w[0].numel() ** 0.5),
    })


# --------------------------------------------------------------------------- regularisation


def drawn(w: Tensor, weight: Tensor) -> Tensor:
    """A small generator that is not linear: images (B, 3, 4, 4) of w (B, L, Z)."""
    return torch.tanh(torch.einsum("blz,lzp->bp", w, weight)).view(len(w), 3, 4, 4)


def heard(answer: Callable[..., Tensor], w: Tensor, weight: Tensor,
          y: Tensor) -> tuple[Tensor, Tensor]:
    """The lengths, and what the generator's weights feel of their sum."""
    w, weight = w.detach().clone().requires_grad_(), weight.detach().clone().requires_grad_()
    value = answer(drawn(w, weight), w, y)
    if not (isinstance(value, Tensor) and value.requires_grad):
        return value, torch.zeros_like(weight)
    return value.detach(), torch.autograd.grad(value.sum(), weight)[0]


def pulled(image: Tensor, w: Tensor, y: Tensor, graph: bool = True) -> Tensor:
    """J^T y over the root of the number of pixels, as w."""
    scaled = (image * y).sum() / (image.shape[-1] * image.shape[-2]) ** 0.5
    return torch.autograd.grad(scaled, w, create_graph=graph)[0]


PATHS = Check(
    path_lengths,
    lambda: [(numbers(3, 2, 5), 0.3 * numbers(2, 5, 48, seed=1), numbers(3, 3, 4, 4, seed=2))],
    {
        "pixels": lambda x, w, y: 4 * pulled(x, w, y).square().sum(2).mean(1).sqrt(),
        "rows": lambda x, w, y: pulled(x, w, y).square().sum((1, 2)).sqrt(),
        "square": lambda x, w, y: pulled(x, w, y).square().sum(2).mean(1),
        "mean": lambda x, w, y: pulled(x, w, y).square().mean((1, 2)).sqrt(),
        "deaf": lambda x, w, y: pulled(x, w, y, False).square().sum(2).mean(1).sqrt(),
    }, observe=heard)


def averaged(average: Tensor, weights: Tensor, batch: int, half: float) -> Tensor:
    """The average after one more step."""
    return weights + 0.5 ** (batch / half) * (average - weights)


AVERAGE = Check(
    averaged, lambda: [(numbers(5), numbers(5, seed=1), 16, 100.0),
                       (numbers(3, 2), numbers(3, 2, seed=1), 32, 40.0)],
    {
        "exchanged": lambda a, w, batch, half: averaged(w, a, batch, half),
        "step": lambda a, w, batch, half: averaged(a, w, 1, half),
        "line": lambda a, w, batch, half: w + (1 - batch / half) * (a - w),
        "exponent": lambda a, w, batch, half: w + torch.exp(torch.tensor(-batch / half)) * (a - w),
    })


# -------------------------------------------------------------------------------- the latents


def coarse(w: Tensor, mean: Tensor, psi: float, rows: int) -> Tensor:
    """Only the first rows truncated."""
    return torch.cat([truncate(w[:, :rows], mean, psi), w[:, rows:]], 1)


TRUNCATE = Check(
    coarse, lambda: [(numbers(2, 5, 3), numbers(3, seed=1), 0.7, 2),
                     (numbers(1, 4, 3, seed=2), numbers(3, seed=1), 0.25, 3)],
    {
        "all": lambda w, mean, psi, rows: truncate(w, mean, psi),
        "fine": lambda w, mean, psi, rows: torch.cat(
            [w[:, :rows], truncate(w[:, rows:], mean, psi)], 1),
        "zero": lambda w, mean, psi, rows: coarse(w, torch.zeros_like(mean), psi, rows),
        "share": lambda w, mean, psi, rows: coarse(w, mean, 1 - psi, rows),
    })

MIX = Check(
    mix, lambda: [(numbers(3, 5, 2), numbers(3, 5, 2, seed=1), torch.tensor([1, 4, 2]))],
    {
        "exchanged": lambda a, b, cut: mix(b, a, cut),
        "one more": lambda a, b, cut: mix(a, b, cut + 1),
        "one cut": lambda a, b, cut: mix(a, b, cut[0]),
    })


def apart(g: Tensor, h: Tensor) -> Tensor:
    """g without its part along h."""
    return g - (g @ h) / (h @ h) * h


DIRECTION = Check(
    lambda g, h: apart(g, h) / (apart(g, h) @ g),
    lambda: [(numbers(6), numbers(6, seed=1)), (numbers(6) + 1, 2 * numbers(6, seed=2) + 1)],
    {
        "plain": lambda g, h: g / (g @ g),
        "unscaled": apart,
        "length": lambda g, h: apart(g, h) / apart(g, h).norm(),
        "unit": lambda g, h: (g - (g @ h) * h) / ((g - (g @ h) * h) @ g),
        "exchanged": lambda g, h: apart(h, g) / (apart(h, g) @ h),
    })

CHECKS = {"sphere": SPHERE, "demodulate": DEMODULATE, "paths": PATHS, "average": AVERAGE,
          "mix": MIX, "truncate": TRUNCATE, "direction": DIRECTION}
