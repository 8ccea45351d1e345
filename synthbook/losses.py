"""Losses as small pure functions, named as in the papers. Each returns a scalar to minimise."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def hinge_d(real: Tensor, fake: Tensor) -> Tensor:
    """Hinge loss of a discriminator (Lim and Ye 2017): scores of real and generated images."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def hinge_g(fake: Tensor) -> Tensor:
    """Hinge loss of a generator: raise the scores of its images."""
    return -fake.mean()


def logistic_d(real: Tensor, fake: Tensor) -> Tensor:
    """Cross-entropy of a discriminator (Goodfellow et al. 2014, eq. 1) from scores, its logits."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def logistic_g(fake: Tensor) -> Tensor:
    """Non-saturating loss of a generator, -log D(G(z)) (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-fake).mean()


def minimax_g(fake: Tensor) -> Tensor:
    """The generator's side of the minimax game, log(1 - D(G(z))) (Goodfellow et al. 2014, eq. 1).

    Its gradient vanishes where the discriminator is sure.
    """
    return -F.softplus(fake).mean()


def r1(score: Tensor, x: Tensor) -> Tensor:
    """Mean squared norm of the scores' gradient at real data (Mescheder et al. 2018, eq. 9).

    score : one for each item, computed from `x`; `x` requires a gradient. The last axes of x that
    `score` lacks are an item's. The paper weighs it by gamma / 2.
    """
    (gradient,) = torch.autograd.grad(score.sum(), x, create_graph=True)
    return gradient.flatten(score.dim()).square().sum(-1).mean()


def path_lengths(image: Tensor, w: Tensor, y: Tensor) -> Tensor:
    """Lengths |J^T y| of images' gradients along latents, (B,) (Karras et al. 2020, section 3.2).

    image : (B, 3, H, W) of W+ codes `w` (B, L, Z); y : standard normal, as `image`. The length is
    the root of the squared gradient summed over Z, averaged over L.
    """
    scaled = (image * y).sum() / (image.shape[-2] * image.shape[-1]) ** 0.5
    (gradient,) = torch.autograd.grad(scaled, w, create_graph=True)
    return gradient.square().sum(2).mean(1).sqrt()


def path_length(lengths: Tensor, mean: Tensor) -> Tensor:
    """Mean squared distance of path lengths (B,) from their running mean (Karras 2020, eq. 4)."""
    return (lengths - mean).square().mean()


def kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, sigma^2) || N(0, 1)), summed over all but the batch, averaged over it; nats."""
    divergence = -0.5 * (1 + logvar - mu.square() - logvar.exp())
    return divergence.flatten(1).sum(1).mean()


def feature_matching(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Mean over layers of the L1 distance between a discriminator's features (pix2pixHD)."""
    return torch.stack([F.l1_loss(f, r.detach()) for f, r in zip(fake, real, strict=True)]).mean()


def class_weights(label: Tensor, classes: int) -> Tensor:
    """(K,) weights inverse to each class's share of the batch, mean 1 over pixels (OASIS, eq. 1).

    Absent classes weigh 0; shares are floored at 0.2 % so that a few pixels cannot dominate.
    """
    share = torch.bincount(label.flatten(), minlength=classes).float() / label.numel()
    weight = torch.where(share > 0, 1 / share.clamp_min(0.002), 0)
    return weight / (weight * share).sum()


def segmentation_d(real: Tensor, fake: Tensor, label: Tensor) -> Tensor:
    """(K+1)-class cross-entropy of a segmentation discriminator (OASIS, eq. 1).

    `real`, `fake`: (B, K+1, H, W) logits of real images and of images generated from the same
    label maps (B, H, W). Pixels of real images belong to their class, pixels of generated
    images to class K. Classes are balanced in both terms.
    """
    weight = class_weights(label, real.shape[1] - 1)[label]
    generated = torch.full_like(label, real.shape[1] - 1)
    return ((F.cross_entropy(real, label, reduction="none")
             + F.cross_entropy(fake, generated, reduction="none")) * weight).mean()


def segmentation_g(fake: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy that makes generated pixels be taken for real ones of their class (OASIS)."""
    weight = class_weights(label, fake.shape[1] - 1)[label]
    return (F.cross_entropy(fake, label, reduction="none") * weight).mean()
