"""What a reader does with one latent per class (paper, section 5): vary, mix, edit, morph."""

from collections.abc import Sequence

import torch
from torch import Tensor

from synthbook.layers import one_hot
from synthbook.smis.network import SMIS


@torch.no_grad()
def vary(model: SMIS, label: Tensor, c: int, count: int, seed: int = 0) -> Tensor:
    """`count` images (count, 3, H, W) of one map (H, W) that differ in the latent of class c."""
    generator = torch.Generator().manual_seed(seed)
    z = model.prior(1, generator).expand(count, -1, -1, -1)
    mixed = model.swap(z, model.prior(count, generator), c)
    return model(one_hot(label[None], model.config.classes).expand(count, -1, -1, -1), mixed)


@torch.no_grad()
def mix(model: SMIS, images: Tensor, labels: Tensor, target: Tensor,
        source: Sequence[int]) -> Tensor:
    """Appearance mixture: class c of the result takes its style from picture `source[c]`.

    images (N, 3, H, W), labels (N, H, W), target (H, W); returns (3, H, W). A class that its
    source lacks gets the prior's mean.
    """
    codes = model.encode(images, one_hot(labels, model.config.classes))
    z = codes[:1]
    for c, n in enumerate(source):
        z = model.swap(z, codes[n:n + 1], c)
    return model(one_hot(target[None], model.config.classes), z)[0]


@torch.no_grad()
def manipulate(model: SMIS, image: Tensor, label: Tensor, edited: Tensor) -> Tensor:
    """Semantic manipulation: the picture's styles in another map; (3, H, W)."""
    z = model.encode(image[None], one_hot(label[None], model.config.classes))
    return model(one_hot(edited[None], model.config.classes), z)[0]


@torch.no_grad()
def morph(model: SMIS, images: Tensor, labels: Tensor, steps: int) -> Tensor:
    """Style morphing: from the styles of picture 0 to those of picture 1 in the map of 0.

    images (2, 3, H, W), labels (2, H, W); returns (steps, 3, H, W). A style that only one of
    them has stays as it is.
    """
    onehot = one_hot(labels, model.config.classes)
    first, last = model.encode(images, onehot)
    if model.config.split:
        has = onehot[1].amax((1, 2)).bool().repeat_interleave(model.config.latent)
        last = torch.where(has[:, None, None], last, first)
    share = torch.linspace(0, 1, steps, device=images.device).view(-1, 1, 1, 1)
    return model(onehot[:1].expand(steps, -1, -1, -1), first + share * (last - first))


def moved(images: Tensor, label: Tensor, c: int) -> tuple[float, float]:
    """Mean |difference| of images (N, 3, H, W) to the first, inside and outside class c.

    As a share of the full range; label is their map (H, W), which must hold the class and more.
    """
    change = (images[1:] - images[:1]).abs().mean((0, 1)) / 2
    return float(change[label == c].mean()), float(change[label != c].mean())
