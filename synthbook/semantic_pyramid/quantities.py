"""Numbers that say how a picture from a level relates to its reference; all of final images.

Axes: N pictures, S draws of each, L levels.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbook import metrics
from synthbook.metrics import Extractor
from synthbook.semantic_pyramid.losses import joint_scale


@torch.no_grad()
def feature_gaps(real: Sequence[Tensor], fake: Sequence[Tensor]) -> list[Tensor]:
    """At every level the mean distance of features, (N,): 0 for equal ones, 1.1 for strangers.

    Mean absolute difference over a channel's standard deviation over both sets: 2 / sqrt(pi) is
    what two independent normal numbers differ by. Unlike the loss, without a max-pool.
    """
    return [((f - g).abs() / joint_scale(f, g)).flatten(1).mean(1)
            for f, g in zip(real, fake, strict=True)]


def rank_correlation(values: Tensor) -> Tensor:
    """Spearman's correlation of the level's number with values (L, N), for each picture, (N,).

    0 where a picture's values are all equal; ties have their mean rank.
    """
    from scipy.stats import rankdata

    ranks = rankdata(values.double().numpy(), axis=0)
    ranks = ranks - ranks.mean(0)
    order = np.arange(len(ranks)) - (len(ranks) - 1) / 2
    length = np.sqrt((ranks**2).sum(0) * (order**2).sum())
    return torch.from_numpy(order @ ranks / np.where(length > 0, length, 1))


def spread(draws: Tensor, region: Tensor) -> tuple[Tensor, Tensor]:
    """Standard deviation over draws (N, S, 3, H, W) inside and outside a region, (N,) each.

    region : (N, 1, H, W) of 0 and 1. On the scale [0, 1], averaged over channels and pixels.
    """
    deviation = draws.std(1, correction=0).mean(1, keepdim=True) / 2
    return tuple((deviation * part).sum((1, 2, 3)) / part.sum((1, 2, 3)).clamp_min(1)
                 for part in (region, 1 - region))


def psnr_outside(image: Tensor, reference: Tensor, region: Tensor) -> Tensor:
    """PSNR in dB over the pixels outside a region (N, 1, H, W), (N,); at most 60."""
    kept = (1 - region).expand_as(image)
    error = ((image - reference).square() * kept).sum((1, 2, 3)) / kept.sum((1, 2, 3)).clamp_min(1)
    return 10 * torch.log10(4 / error.clamp_min(4e-6))


def step_at_border(image: Tensor, region: Tensor) -> Tensor:
    """Mean absolute difference of neighbours across a region's border, (N,), scale [0, 1]."""
    total, count = image.new_zeros(len(image)), image.new_zeros(len(image))
    for axis in (2, 3):
        a, b = (x.narrow(axis, 0, x.shape[axis] - 1) for x in (image, region))
        c, d = (x.narrow(axis, 1, x.shape[axis] - 1) for x in (image, region))
        crossed = (b - d).abs()
        total = total + ((a - c).abs().mean(1, keepdim=True) * crossed).sum((1, 2, 3)) / 2
        count = count + crossed.sum((1, 2, 3))
    return total / count.clamp_min(1)


def seam(image: Tensor, reference: Tensor, region: Tensor) -> Tensor:
    """How much sharper a region's border is than in the untouched pictures, (N,): 0 where not."""
    return step_at_border(image, region) - step_at_border(reference, region)


def chroma(image: Tensor) -> Tensor:
    """How colourful pictures (N, 3, H, W) are, (N,): mean distance from grey, scale [0, 1]."""
    return (image - image.mean(1, keepdim=True)).abs().mean((1, 2, 3)) / 2


def grey(image: Tensor) -> Tensor:
    """Pictures (N, 3, H, W) without their colours (ITU-R BT.601 luma)."""
    weight = image.new_tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    return (image * weight).sum(1, keepdim=True).expand_as(image).contiguous()


def drawing(image: Tensor) -> Tensor:
    """Dark lines on white where brightness changes (Sobel), (N, 3, H, W)."""
    sobel = image.new_tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    kernel = torch.stack([sobel, sobel.T])[:, None]
    steps = F.conv2d(F.pad(grey(image)[:, :1], (1, 1, 1, 1), mode="replicate"), kernel)
    return (1 - 6 * steps.norm(dim=1, keepdim=True)).clamp(-1, 1).expand_as(image).contiguous()


@torch.no_grad()
def named(network: nn.Module, image: Tensor, batch: int = 128) -> Tensor:
    """The category that a classifier names for each picture, (N,)."""
    return torch.cat([network(part).argmax(1) for part in image.split(batch)])


@torch.no_grad()
def places_of(judge: nn.Module, image: Tensor, batch: int = 128) -> Tensor:
    """The judge's last features in their places, (N, C, h, w)."""
    return torch.cat([judge.maps(part) for part in image.split(batch)])


def nearer(image: Tensor, one: Tensor, other: Tensor, region: Tensor, judge: nn.Module) -> Tensor:
    """Whether a region of pictures is more like that of `one` than that of `other`, (N,) 0 or 1.

    By the judge's features in the places that the region (N, 1, H, W) covers at least half.
    """
    maps = [places_of(judge, x) for x in (image, one, other)]
    inside = (F.adaptive_avg_pool2d(region, maps[0].shape[-1]) >= 0.5).float()
    far = [((maps[0] - m).square() * inside).sum((1, 2, 3)) for m in maps[1:]]
    return (far[0] < far[1]).double()


def pair_features(space: Extractor, image: Tensor, reference: Tensor) -> tuple[Tensor, Extractor]:
    """What tells pairs: a picture's features beside their distance to the reference's, (N, 2 D)."""
    one, other = space(image), space(reference)
    pair = torch.cat([one, (one - other).abs()], 1)
    return pair, Extractor(space.name, pair.shape[1], lambda x: x)


def paired_c2st(space: Extractor, real: Tensor, fake: Tensor, reference: Tensor):
    """How well pairs (reference, real) and (reference, generated) are told apart; see `c2st`."""
    one, form = pair_features(space, real, reference)
    return metrics.c2st(one, pair_features(space, fake, reference)[0], form)
