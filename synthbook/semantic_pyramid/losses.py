"""The losses of Semantic Pyramid: least squares, features of supplied levels, variety.

Tags say how far each form is known (the paper's full text was not at hand): [paper] figure or
abstract; [quoted] a reader of the paper; [code] independent re-implementations; [ours].
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbook.semantic_pyramid.masks import masked

EPS = 1e-8
QUIET = 0.1  # of a level's typical deviation: a channel is never scaled up beyond that


def least_squares_d(real: Tensor, fake: Tensor) -> Tensor:
    """E (D(x, y) - 1)^2 + E D(x^, y)^2 from scores (B,) (Mao et al. 2017; [code], [quoted])."""
    return (real - 1).square().mean() + fake.square().mean()


def least_squares_g(fake: Tensor) -> Tensor:
    """E (D(x^, y) - 1)^2 from scores (B,) (Mao et al. 2017; [code], [quoted])."""
    return (fake - 1).square().mean()


def joint_scale(real: Tensor, fake: Tensor) -> Tensor:
    """Each channel's standard deviation over both batches stacked, (1, C[, 1, 1]); no gradient.

    Dividing by it is the co-normalisation N [quoted: its form is not known; ours is batch
    normalisation of the pair]. The mean that this would also subtract is the same for both, passes
    through the max-pool and cancels in the difference, so it is left out. The scale is held
    constant: else a loss could be lowered by making features large. It is no less than `QUIET` of
    the level's root mean square: four of ten numbers of fc7 are 0 for a whole batch, and divided
    by next to nothing their slightest stir would drown all others [ours].
    """
    both = torch.cat([real.detach(), fake.detach()]).float()
    axes = [axis for axis in range(both.dim()) if axis != 1]
    scale = both.std(axes, keepdim=True, correction=0)
    return scale.maximum(QUIET * scale.square().mean().sqrt()).clamp_min(EPS)


def pooled(x: Tensor) -> Tensor:
    """2 x 2 maxima of maps (B, C, h, w), the last row and column alone where odd; vectors stay.

    Tolerates small shifts: content is matched, not pixels [quoted; code].
    """
    return F.max_pool2d(x, 2, ceil_mode=True) if x.dim() == 4 else x


def reconstruction(real: Sequence[Tensor], fake: Sequence[Tensor], masks: Sequence[Tensor | None],
                   pool: bool = True, emphasis: Sequence[float] | None = None) -> Tensor:
    """Feature error on supplied levels, equation 3 [quoted: the mask follows the difference].

    L_rec = sum_l a_l || m~_l (P(N(f_l(x))) - P(N(f_l(x^)))) ||_1, a mean over the elements of a
    level and over the batch, summed over levels [code]. P: :func:`pooled`, of the mask too; N:
    :func:`joint_scale`. A level without a mask, or with one of zeros, adds exactly 0.

    real, fake : features of every level, (B, C, h, w) or (B, C); real ones get no gradient.
    pool       : whether P is the max-pool or does nothing.
    emphasis   : a_l of every level [ours]; all 1 unless given.
    """
    total = fake[0].new_zeros((), dtype=torch.float)
    each = [1.0] * len(real) if emphasis is None else emphasis
    for f, g, mask, weight in zip(real, fake, masks, each, strict=True):
        if mask is not None:
            scale, p = joint_scale(f, g), pooled if pool else torch.nn.Identity()
            gap = p(f.detach().float() / scale) - p(g.float() / scale)
            total = total + weight * masked(gap.abs(), p(mask.float())).mean()
    return total


def diversity(z: Tensor, other: Tensor, fake: Tensor, again: Tensor, limit: float = 10.0,
              hard: bool = False) -> Tensor:
    """How far latents are apart for the images they make; low where images differ as latents do.

    L_div = || z1 - z2 ||_1 / (|| G(z1, .) - G(z2, .) ||_1 + eps), both L1 norms means over
    elements, a mean over pairs [code]. A pair's two images are of the same features, masks and
    category. The ratio has no bound where z is ignored, so that a pair counts `limit` at most
    [ours]: eps is || z1 - z2 ||_1 / limit, and the gradient stays; or with `hard` the ratio is cut
    off, and a pair beyond the limit has no gradient.

    z, other : (B, Z) latents; fake, again : (B, 3, H, W) the images that they make.
    """
    if z.shape != other.shape or fake.shape != again.shape or len(z) != len(fake):
        raise ValueError("two latents and two images for each pair: "
                         f"{tuple(z.shape)}, {tuple(other.shape)}, {tuple(fake.shape)}, "
                         f"{tuple(again.shape)}")
    latents = (z - other).float().abs().flatten(1).mean(1)
    images = (fake - again).float().abs().flatten(1).mean(1)
    if hard:
        return (latents / (images + EPS)).clamp(max=limit).mean()
    return (latents / (images + latents / limit + EPS)).mean()
