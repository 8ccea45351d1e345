"""StyleGAN2's projector: "Analyzing and Improving the Image Quality of StyleGAN" (Karras et al.,
CVPR 2020, appendix D), with the settings of its later code.

Its aim is the opposite of Image2StyleGAN++'s: one w in W, by features alone, and noise that is
optimised too but kept from carrying the image: it is renormalised after every step, and neighbours
in it must not agree, at any scale.

Not as published: AlexNet's features in place of LPIPS on VGG-16; B images at once.

Axes: B batch, h w pixels of a layer, L rows, Z latent.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbook.files import BookError
from synthbook.metrics.estimate import check_images
from synthbook.stylegan2 import StyleGAN2, every_row

Look = Callable[[Tensor], dict[int, Tensor]]  # images to features (B, C, h, w) by layer

LATENTS = 10_000  # for the mean and the deviation of w


@dataclass(frozen=True)
class Projection:
    """The projector's settings, those of the released code of StyleGAN2-ADA.

    rate      : Adam's, rising over the first `rise` of the steps, falling over the last `fall`.
    jitter    : noise on w, in deviations of w; it is gone after the share `settle` of the steps.
    regulated : weight of the noise's agreement with itself.
    """

    steps: int = 1000
    rate: float = 0.1
    rise: float = 0.05
    fall: float = 0.25
    jitter: float = 0.05
    settle: float = 0.75
    regulated: float = 1e5

    def at(self, step: int) -> float:
        """The rate of a step, counted from 0."""
        t = step / self.steps
        fall = min(1.0, (1 - t) / self.fall)
        return self.rate * (1 - math.cos(math.pi * fall)) / 2 * min(1.0, t / self.rise)


def agreement(n: Tensor) -> Tensor:
    """How much noise (B, 1, h, h) repeats itself, (B,): 0 in expectation for white noise.

    The squared mean products of neighbours along both axes, which run round at the border, added
    over sizes down to 8.
    """
    total = n.new_zeros(len(n))
    while True:
        for axis in (2, 3):
            total = total + (n * n.roll(1, axis)).mean((1, 2, 3)).square()
        if n.shape[-1] <= 8:
            return total
        n = F.avg_pool2d(n, 2)


def white(n: Tensor) -> Tensor:
    """Noise (B, 1, h, h) with mean 0 and mean square 1 for each image."""
    n = n - n.mean((2, 3), keepdim=True)
    return n * torch.rsqrt(n.square().mean((2, 3), keepdim=True) + 1e-8)


def project(model: StyleGAN2, x: Tensor, look: Look, layers: tuple[int, ...],
            settings: Projection = Projection(), seed: int = 0) -> tuple[Tensor, list[Tensor]]:
    """The w in W, and the noise, that make images look like x (B, 3, H, W) in [-1, 1].

    look, layers : the network whose features are compared, and at which of its layers.

    Returns w (B, L, Z), equal in all rows, and strength * noise for every layer.
    """
    size = model.config.size
    if check_images(x).shape[2:] != (size, size):
        raise BookError(f"images: this generator makes (B, 3, {size}, {size}); got "
                        f"{tuple(x.shape)}")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        spread = model.mapping(model.latents(LATENTS, seed)).var(0).sum().sqrt()
        seen = look(x)
        wanted = [seen[k] for k in layers]
    noise = [torch.randn(len(x), 1, size, size, generator=generator).to(x).requires_grad_()
             for size in model.config.sizes]
    w = model.mean_w[None].repeat(len(x), 1).requires_grad_()
    adam = torch.optim.Adam([w, *noise], settings.rate, (0.9, 0.999))
    for step in range(settings.steps):
        shake = settings.jitter * spread * max(
            0.0, 1 - step / settings.steps / settings.settle) ** 2
        shaken = w + shake * torch.randn(w.shape, generator=generator).to(w)
        seen = look(model.synthesis(shaken, noise))
        loss = sum((seen[k] - y).square().mean((1, 2, 3)) for k, y in zip(layers, wanted))
        loss = loss + settings.regulated * sum(map(agreement, noise))
        leaves = [w, *noise]
        for leaf, gradient in zip(leaves, torch.autograd.grad(loss.sum(), leaves), strict=True):
            leaf.grad = gradient
        adam.param_groups[0]["lr"] = settings.at(step)
        adam.step()
        with torch.no_grad():
            for n in noise:
                n.copy_(white(n))
    added = [a.detach() for a in model.synthesis.scaled(noise)]
    return every_row(w.detach(), model.config).clone(), added
