"""Inversion of features by optimisation: a picture whose features are the given ones.

* `by_pixels`: "Understanding Deep Image Representations by Inverting Them" (Mahendran and Vedaldi,
  CVPR 2015): pixels move, held back by their size and by total variation.
* `by_prior`: "Deep Image Prior" (Ulyanov et al., CVPR 2018): the weights of an untrained hourglass
  move, whose input is noise.

Both are deterministic but for their start, know no data, and take hundreds of steps a picture.

Not as published: Adam for pixels, too; few steps, at small sizes; weights of the terms are for
means over pixels and were not tuned for each level.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from synthbook.baselines.deep_image_prior import Prior, network
from synthbook.files import BookError

Features = Callable[[Tensor], Tensor]  # pictures (B, 3, H, W) to features (B, ...)


@dataclass(frozen=True)
class Pixels:
    """Settings of :func:`by_pixels`.

    bound, smooth : weights of mean |x|^6 and of the total variation.
    spread        : deviation of the noise that is started from.
    """

    steps: int = 300
    rate: float = 0.05
    bound: float = 0.01
    smooth: float = 0.5
    spread: float = 0.1


SMALL = Prior(levels=3, width=24, skip=4, inputs=16, steps=300, jitter=0.01)


def relative_error(found: Tensor, wanted: Tensor) -> Tensor:
    """|| f - f0 ||^2 / || f0 ||^2 of each picture's features, (B,)."""
    gap = (found - wanted).flatten(1).square().sum(1)
    return gap / wanted.flatten(1).square().sum(1).clamp_min(1e-12)


def total_variation(image: Tensor) -> Tensor:
    """Mean over pixels of dx^2 + dy^2 of pictures (B, 3, H, W), (B,): the exponent beta is 2."""
    across = (image[..., 1:] - image[..., :-1]).square().mean((1, 2, 3))
    return across + (image[..., 1:, :] - image[..., :-1, :]).square().mean((1, 2, 3))


def checked(features: Features, wanted: Tensor, size: int) -> None:
    """Raise BookError unless `features` gives for pictures of `size` what is wanted."""
    with torch.no_grad():
        shape = tuple(features(torch.zeros(len(wanted), 3, size, size)).shape)
    if shape != tuple(wanted.shape):
        raise BookError(f"features of {len(wanted)} pictures of {size} pixels are {shape}, those "
                        f"wanted {tuple(wanted.shape)}: take both from one level")


def by_pixels(features: Features, wanted: Tensor, size: int, settings: Pixels = Pixels(),
              seed: int = 0) -> Tensor:
    """Pictures (B, 3, size, size) in [-1, 1] with the features `wanted` (B, ...).

    Every picture has an energy of its own: they do not see each other.
    """
    checked(features, wanted, size)
    generator = torch.Generator().manual_seed(seed)
    start = settings.spread * torch.randn(len(wanted), 3, size, size, generator=generator)
    x = start.requires_grad_()
    adam = torch.optim.Adam([x], settings.rate)
    for _ in range(settings.steps):
        energy = relative_error(features(x), wanted) + settings.smooth * total_variation(x)
        energy = energy + settings.bound * x.pow(6).mean((1, 2, 3))
        x.grad, = torch.autograd.grad(energy.sum(), x)
        adam.step()
    return x.detach().clamp(-1, 1)


def by_prior(features: Features, wanted: Tensor, size: int, prior: Prior = SMALL,
             seed: int = 0) -> Tensor:
    """Pictures (B, 3, size, size) in [-1, 1] with the features `wanted`, from untrained networks.

    Every picture has a network of its own, from an input that is fixed but for its jitter.
    """
    checked(features, wanted, size)
    if size >> prior.levels < 2 or size % (1 << prior.levels):
        raise BookError(f"{prior.levels} levels halve {size} pixels too often: choose fewer")
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        nets = network(len(wanted), prior)
    z = 0.1 * torch.rand(len(wanted), prior.inputs, size, size, generator=generator)
    adam, leaves = torch.optim.Adam(nets.parameters(), prior.rate), list(nets.parameters())
    for _ in range(prior.steps):
        shaken = z + prior.jitter * torch.randn(z.shape, generator=generator)
        energy = relative_error(features(nets(shaken)), wanted).sum()
        for leaf, gradient in zip(leaves, torch.autograd.grad(energy, leaves), strict=True):
            leaf.grad = gradient
        adam.step()
    with torch.no_grad():
        return nets(z)


METHODS: dict[str, Callable[..., Tensor]] = {"pixels": by_pixels, "prior": by_prior}
