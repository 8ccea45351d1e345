"""What answers on the chapter on Image2StyleGAN++ are tried on; words in image2stylegan_pp.yml."""

import torch
from torch import Tensor

from synthbook.exercises import Check
from synthbook.image2stylegan_pp import Pace, quality
from synthbook.image2stylegan_pp.editing import pasted
from synthbook.image2stylegan_pp.energy import gram, pixel
from synthbook.image2stylegan_pp.tensors import mixed
from synthbook.stylegan2 import network


def numbers(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers, the same every time."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def shares(*shape: int, seed: int = 0) -> Tensor:
    """Masks with values in [0, 1], many of them exactly 0 or 1."""
    drawn = torch.rand(*shape, generator=torch.Generator().manual_seed(seed))
    return (3 * drawn - 1).clamp(0, 1)


# ------------------------------------------------------------------------------ how much is held


def decibels(made: Tensor, wanted: Tensor, full: float = 2.0) -> Tensor:
    """PSNR of pictures whose values span `full`."""
    return 10 * torch.log10(full**2 / (made - wanted).square().mean((1, 2, 3)))


def bytes_of(image: Tensor) -> Tensor:
    """A picture on 256 values, in [0, 255]."""
    return ((image.clamp(-1, 1) + 1) * 127.5).round()


PSNR = Check(quality, lambda: [(numbers(2, 3, 8, 8), numbers(2, 3, 8, 8, seed=1)),
                               (0.1 * numbers(3, 3, 4, 4), 0.1 * numbers(3, 3, 4, 4, seed=1))], {
    "range": lambda a, b: decibels(bytes_of(a) / 127.5, bytes_of(b) / 127.5, 1.0),
    "plain": decibels,
    "clipped": lambda a, b: decibels(a.clamp(-1, 1), b.clamp(-1, 1)),
    "natural": lambda a, b: torch.log(10 ** (quality(a, b) / 10)),
    "whole": lambda a, b: decibels(bytes_of(a)[None].flatten(1).view(1, -1, 1, 1),
                                   bytes_of(b)[None].flatten(1).view(1, -1, 1, 1), 255.0),
})


def spaces(size: int, latent: int) -> tuple[int, int, int]:
    """Numbers in W, W+ and the noise."""
    config = network.Config(size, (8,) * (size.bit_length() - 2), latent)
    return latent, config.rows * latent, sum(side**2 for side in config.sizes)


NUMBERS = Check(spaces, lambda: [(32, 128), (8, 16), (1024, 512)], {
    "rows": lambda size, z: (z, (spaces(size, z)[1] // z - 1) * z, spaces(size, z)[2]),
    "once": lambda size, z: (*spaces(size, z)[:2], (4 * size**2 - 16) // 3),
    "twice": lambda size, z: (*spaces(size, z)[:2], spaces(size, z)[2] + 16),
    "channels": lambda size, z: (*spaces(size, z)[:2], 3 * spaces(size, z)[2]),
})


# ------------------------------------------------------------------------------------ the energy


MASKED = Check(
    pixel, lambda: [(shares(1, 1, 6, 6), numbers(2, 3, 6, 6), numbers(2, 3, 6, 6, seed=1)),
                    (shares(3, 1, 4, 4, seed=2), numbers(3, 3, 4, 4), numbers(3, 3, 4, 4, seed=2))],
    {
        "area": lambda m, a, b: (m * (a - b)).square().sum((1, 2, 3)) / (3 * m.sum((1, 2, 3))),
        "outside": lambda m, a, b: (m * (a - b).square()).mean((1, 2, 3)),
        "sum": lambda m, a, b: (m * (a - b)).square().sum((1, 2, 3)),
        "whole": lambda m, a, b: (m * (a - b)).square().mean(),
        "absolute": lambda m, a, b: (m * (a - b)).abs().mean((1, 2, 3)),
    })


def products(features: Tensor, mask: Tensor, area: Tensor | float) -> Tensor:
    """Gram matrices of masked features over any area."""
    seen = (features * mask).flatten(2)
    return seen @ seen.mT / area


GRAM = Check(
    gram, lambda: [(numbers(2, 3, 5, 5), shares(2, 1, 5, 5)),
                   (numbers(1, 4, 6, 6, seed=1), shares(1, 1, 6, 6, seed=3))],
    {
        "places": lambda f, m: products(f, m, m[0].numel()),
        "plain sum": lambda f, m: products(f, m, m.sum((1, 2, 3)).view(-1, 1, 1)),
        "unmasked": lambda f, m: products(f, torch.ones_like(m), m[0].numel()),
        "mask once": lambda f, m: (f * m).flatten(2) @ f.flatten(2).mT / m.sum(
            (1, 2, 3)).view(-1, 1, 1),
        "places matrix": lambda f, m: (f * m).flatten(2).mT @ (f * m).flatten(2) / m.square().sum(
            (1, 2, 3)).view(-1, 1, 1),
    })


def falling(step: int, steps: int, top: float) -> float:
    """The rate of a step."""
    return Pace(steps, top).at(step)


RATE = Check(falling, lambda: [(0, 10, 0.1), (4, 10, 0.1), (6, 10, 0.1), (9, 10, 0.1),
                               (75, 100, 2.0)], {
    "whole": lambda step, steps, top: Pace(steps, top, decay=1.0).at(step),
    "line": lambda step, steps, top: top * min(1.0, 2 * (1 - step / steps)),
    "constant": lambda step, steps, top: top,
    "first": lambda step, steps, top: Pace(steps, top).at(steps - 1 - step),
})


# ------------------------------------------------------------------------------------ the edits


def copied(a: Tensor, b: Tensor, mask: Tensor, amount: float, first: int, last: int) -> Tensor:
    """Features of A in B."""
    return mixed(a, b, mask, amount, (first, last))


def blended(a: Tensor, b: Tensor, share: Tensor | float, first: int, last: int) -> Tensor:
    """b + share (a - b) in some channels, b in the others."""
    part = b.clone()
    part[:, first:last] = (b + share * (a - b))[:, first:last]
    return part


COPY = Check(
    copied, lambda: [(numbers(2, 4, 5, 5), numbers(2, 4, 5, 5, seed=1), shares(2, 1, 5, 5), 1.0, 0,
                      4),
                     (numbers(1, 6, 4, 4), numbers(1, 6, 4, 4, seed=1), shares(1, 1, 4, 4), 0.5, 1,
                      3)],
    {
        "exchanged": lambda a, b, m, amount, i, j: copied(b, a, m, amount, i, j),
        "channels": lambda a, b, m, amount, i, j: b + amount * m * (a - b),
        "last": lambda a, b, m, amount, i, j: copied(a, b, m, amount, i, min(j + 1, a.shape[1])),
        "others": lambda a, b, m, amount, i, j: copied(a, b, m, amount, i, j) - copied(
            torch.zeros_like(b), b, torch.ones_like(m), 1.0, i, j),
        "amount": lambda a, b, m, amount, i, j: blended(a, b, m, i, j),
        "everywhere": lambda a, b, m, amount, i, j: blended(a, b, amount, i, j),
    })


def holed() -> tuple[Tensor, Tensor, Tensor]:
    """An edit that is not a number where it is not asked for, a picture, and a mask."""
    made, image, mask = numbers(2, 3, 5, 5), numbers(2, 3, 5, 5, seed=1), shares(2, 1, 5, 5)
    return torch.where(mask > 0, made, torch.nan), image, mask


PASTE = Check(
    lambda made, image, mask: pasted(made, image, mask),
    lambda: [holed(), (numbers(1, 3, 4, 4), numbers(1, 3, 4, 4, seed=1), shares(1, 1, 4, 4))],
    {
        "sum": lambda made, image, mask: mask * made + (1 - mask) * image,
        "hard": lambda made, image, mask: torch.where(mask > 0, made, image),
        "half": lambda made, image, mask: torch.where(mask >= 0.5, made, image),
        "exchanged": lambda made, image, mask: torch.where(
            mask > 0, made + mask * (image - made), image),
        "cleaned": lambda made, image, mask: (
            mask * made.nan_to_num() + (1 - mask) * image) * (mask > 0),
    })

CHECKS = {"psnr": PSNR, "numbers": NUMBERS, "masked": MASKED, "gram": GRAM, "copy": COPY,
          "rate": RATE, "paste": PASTE}
