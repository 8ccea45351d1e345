"""What the chapter on measuring adds to the metrics: degradations, attacks, a bench, an audit.

A degradation spoils real pictures in one known way, so that one can ask which metric notices. An
attack searches for the change that a metric takes for the largest. The bench puts one set of
pictures under all metrics. The audit reads back from samples what the truth has drawn.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from synthbook import metrics
from synthbook.datasets import truth
from synthbook.datasets.generated import to_image
from synthbook.datasets.places.colours import oklab
from synthbook.files import BookError
from synthbook.layers import one_hot
from synthbook.metrics import Estimate, Extractor
from synthbook.metrics.estimate import halves_estimate
from synthbook.plots import pixels
from synthbook.yardsticks import predict

# ------------------------------------------------------------------------- degradations


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Images (B, 3, H, W) under a Gaussian window of `sigma` pixels, borders reflected."""
    reach = int(3 * sigma + 0.5)
    if not reach:
        return images
    window = torch.exp(-torch.arange(-reach, reach + 1.0).square() / (2 * sigma**2))
    window = (window / window.sum()).expand(3, 1, 1, -1)
    padded = F.pad(images, (reach,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(padded, window, groups=3), window.mT, groups=3)


def shifted(images: Tensor, pixels: int) -> Tensor:
    """Images moved to the right; their left column fills the gap."""
    return F.pad(images, (pixels, 0, 0, 0), mode="replicate")[..., : images.shape[-1]]


def compressed(images: Tensor, quality: int) -> Tensor:
    """Images through JPEG: blocks of 8 x 8 pixels, coarser with lower quality (1 to 95)."""
    decoded = []
    for picture in pixels(images):
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, format="JPEG", quality=quality)
        decoded.append(np.array(Image.open(buffer)))
    return to_image(torch.from_numpy(np.stack(decoded)))


def class_means(images: Tensor, labels: Tensor) -> Tensor:
    """Every class (B, H, W) of every picture in its own mean colour, (B, 3, H, W)."""
    means = _means(images, labels)
    return _painted(means, labels)


def exchanged(images: Tensor, labels: Tensor) -> Tensor:
    """Every class keeps its texture and takes the mean colour of another class of its picture.

    The classes of a picture pass their colours on in a circle, so the picture's palette stays.
    """
    means = _means(images, labels)
    moved = means.clone()
    for picture, label, new in zip(means, labels, moved, strict=True):
        present = label.unique()
        new[present] = picture[present.roll(1)]
    return images + _painted(moved - means, labels)


def _means(images: Tensor, labels: Tensor) -> Tensor:
    """(B, K, 3) mean colours, 0 for absent classes."""
    colours = truth.class_colours(images, labels, int(labels.max()) + 1)
    return torch.from_numpy(colours).float().nan_to_num()


def _painted(colours: Tensor, labels: Tensor) -> Tensor:
    """(B, K, 3) colours at the pixels of their classes, (B, 3, H, W)."""
    rows = torch.arange(len(labels)).view(-1, 1, 1)
    return colours[rows, labels].movedim(-1, 1)


def duplicated(images: Tensor, share: float) -> Tensor:
    """The same number of images, `share` of them replaced by copies of the first ones."""
    kept = max(1, round(len(images) * (1 - share)))
    return images[torch.arange(len(images)) % kept]


def noisy(images: Tensor, deviation: float, seed: int = 0) -> Tensor:
    """Images plus white noise of this standard deviation (2 is from black to white)."""
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    return images + deviation * noise


CAST = torch.tensor([0.5, 0.0, -0.5]).view(3, 1, 1)  # added at strength 1: warm light

# each takes images (B, 3, H, W), labels (B, H, W) and a strength in (0, 1]
DEGRADATIONS: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "blur": lambda x, y, s: blurred(x, 2.5 * s),
    "noise": lambda x, y, s: noisy(x, 0.5 * s),
    "shift": lambda x, y, s: shifted(x, round(8 * s)),
    "colour cast": lambda x, y, s: x + s * CAST,
    "JPEG": lambda x, y, s: compressed(x, round(52 - 50 * s)),
    "flat classes": lambda x, y, s: torch.lerp(x, class_means(x, y), s),
    "swapped colours": lambda x, y, s: torch.lerp(x, exchanged(x, y), s),
    "duplicates": lambda x, y, s: duplicated(x, s * (1 - 1 / 12)),
}
OF_SETS = ("duplicates",)  # no single picture is worse, so pairs say nothing


def degraded(images: Tensor, labels: Tensor, kind: str, strength: float) -> Tensor:
    """Images (B, 3, H, W) in [-1, 1] after the degradation `kind`, the same with every call.

    labels   : (B, H, W), the true classes.
    strength : 0 changes nothing, 1 is as bad as it gets. Raises BookError beyond, and for an
               unknown kind.
    """
    if kind not in DEGRADATIONS:
        raise BookError(f"unknown degradation {kind!r}: choose one of {', '.join(DEGRADATIONS)}")
    if not 0 <= strength <= 1:
        raise BookError(f"strength {strength} is out of range: choose 0 to 1")
    if not strength:
        return images
    return DEGRADATIONS[kind](images, labels, strength).clamp(-1, 1)


def attacked(images: Tensor, loss: Callable[[Tensor], Tensor], radius: float,
             steps: int = 10) -> Tensor:
    """Images no pixel of which moved by more than `radius`, so as to make `loss` large.

    Projected ascent along the sign of the gradient (Madry et al. 2018, section 2.1).

    images : (B, 3, H, W) in [-1, 1]; one grey level of 256 is 2 / 255.
    loss   : takes images to (B,) numbers.
    """
    generator = torch.Generator().manual_seed(0)
    start = radius * (2 * torch.rand(images.shape, generator=generator) - 1)
    moved = (images + start).clamp(-1, 1)
    for _ in range(steps):
        moved.requires_grad_()
        (slope,) = torch.autograd.grad(loss(moved).sum(), moved)
        moved = moved.detach() + 2.5 * radius / steps * slope.sign()
        moved = images + (moved - images).clamp(-radius, radius)
        moved = moved.clamp(-1, 1)
    return moved


# ----------------------------------------------------------------------- one set, all metrics


@torch.no_grad()
def sampled(model: nn.Module, labels: Tensor, seed: int = 0, fitted: bool = True) -> Tensor:
    """A picture of a SMIS model for every label map (B, H, W), each from latents of its own."""
    latents = model.prior(len(labels), torch.Generator().manual_seed(seed), fitted)
    onehot = one_hot(labels, model.config.classes)
    return torch.cat([model(a, z) for a, z in zip(onehot.split(32), latents.split(32))])


def in_random_colours(labels: Tensor, draws: int, seed: int = 0,
                      redrawn: int | None = None) -> Tensor:
    """A sampler that has learnt nothing: every class flat, in a random colour.

    labels  : (B, H, W). Returns (B, draws, 3, H, W) in [-1, 1].
    redrawn : the class whose colour differs between draws; all classes where None.
    """
    generator = torch.Generator().manual_seed(seed)
    size = (len(labels), draws, int(labels.max()) + 1, 3)
    colours = 2 * torch.rand(size, generator=generator) - 1
    if redrawn is not None:
        new = colours[:, :, redrawn].clone()
        colours = colours[:, :1].repeat(1, draws, 1, 1)
        colours[:, :, redrawn] = new
    return torch.stack([_painted(colours[:, d], labels) for d in range(draws)], 1)


def projected(features: Tensor, by: Tensor, dim: int) -> Tensor:
    """Features (N, D) along the first `dim` principal components of `by` (M, D), (N, dim)."""
    mean = by.mean(0)
    axes = torch.linalg.svd(by - mean, full_matrices=False).Vh[:dim]
    return (features - mean) @ axes.T


def given(name: str, dim: int) -> Extractor:
    """The extractor to hand to a metric with features (N, dim) that were made before."""
    def refuse(images: Tensor) -> Tensor:
        raise BookError(f"space {name}: give features (N, {dim}), not images")

    return Extractor(name, dim, refuse)


@dataclass(frozen=True)
class Bench:
    """Pictures whose truth is known, under every metric at once.

    Parameters
    ----------
    images  : (B, 3, H, W) in [-1, 1], the right pictures.
    labels  : (B, H, W), their classes.
    real    : for each feature space its extractor and the features (N, D) of other real images.
    judge   : the segmenter.
    """

    images: Tensor
    labels: Tensor
    real: dict[str, tuple[Extractor, Tensor]]
    judge: nn.Module

    @torch.no_grad()
    def measure(self, images: Tensor, pairs: bool = True) -> dict[str, float]:
        """PSNR (dB), SSIM, LPIPS, KID in each space, mIoU of pictures (B, 3, H, W) for the labels.

        The first three compare each picture with the right one and are left out where `pairs`
        is false; so is mIoU, for then picture and label no longer belong together.
        """
        result = {}
        if pairs:
            result["PSNR"] = metrics.psnr(images, self.images).mean().item()
            result["SSIM"] = metrics.ssim(images, self.images).mean().item()
            result["LPIPS"] = metrics.lpips(images, self.images).mean().item()
        for space, (extractor, real) in self.real.items():
            result[f"KID {space}"] = metrics.kid(real, extractor(images), extractor,
                                                 blocks=4).value
        if pairs:
            classes = self.judge.config.classes
            result["mIoU"] = metrics.miou(predict(self.judge, images), self.labels,
                                          classes).value
        return result


# ---------------------------------------------------------------------------------- the audit


def colours_of(images: Tensor, labels: Tensor, classes: int, least: int = 8) -> np.ndarray:
    """The colour of every class read back from pictures: OKLab means, (B, K, 3).

    Lightness is in [0, 1], the two others are 0 for greys. nan where a class has fewer than
    `least` pixels.
    """
    means = truth.class_colours(images, labels, classes)
    means[one_hot(labels, classes).sum((2, 3)).numpy() < least] = np.nan
    return oklab((means + 1) / 2)


def energy(x: Tensor, y: Tensor) -> float:
    """Unbiased energy distance (Szekely and Rizzo 2013) of (N, D) and (M, D).

    2 E|x - y| - E|x - x'| - E|y - y'|: 0 on average for one distribution, so it may be negative.
    """
    n, m = len(x), len(y)
    within = torch.cdist(x, x).sum() / (n * (n - 1)) + torch.cdist(y, y).sum() / (m * (m - 1))
    return (2 * torch.cdist(x, y).mean() - within).item()


@dataclass(frozen=True)
class ClassAudit:
    """One class's line of the audit.

    Parameters
    ----------
    index    : the class.
    distance : energy distance of its colours from those of real pictures.
    told     : accuracy in [0, 1] of a classifier that sees the colour and says real or generated.
    spread   : mean distance of two of its colours, over the same for real pictures.
    """

    index: int
    distance: Estimate
    told: Estimate
    spread: float


def audit(real: np.ndarray, samples: np.ndarray, least: int = 25) -> list[ClassAudit]:
    """Compare the colours (B, K, 3) of classes in samples with those in real pictures.

    Classes held by fewer than `least` pictures of either set are left out.
    """
    rows = []
    for c in range(real.shape[1]):
        x, y = (torch.from_numpy(a[:, c][~np.isnan(a[:, c, 0])]) for a in (real, samples))
        if min(len(x), len(y)) < least:
            continue
        distance = halves_estimate(lambda i, j, x=x, y=y: energy(x[i], y[j]), len(x), len(y),
                                   "colour")
        told = metrics.c2st(_powers(x), _powers(y), given("colour", 9))
        spread = torch.pdist(y).mean() / torch.pdist(x).mean()
        rows.append(ClassAudit(c, distance, told, spread.item()))
    return rows


def _powers(colours: Tensor) -> Tensor:
    """Colours (N, 3) with their squares and products, (N, 9), so that a line sees spread, too."""
    i, j = torch.triu_indices(3, 3)
    return torch.cat([colours, colours[:, i] * colours[:, j]], 1)


def things(labels: Tensor, classes: Sequence[int], least: int = 8) -> Tensor:
    """How many separate regions of each of `classes` label maps (B, H, W) hold, (B, C).

    Pixels hang together by their sides; regions below `least` pixels are not counted.
    """
    from scipy import ndimage

    counts = torch.zeros(len(labels), len(classes), dtype=torch.long)
    for b, label in enumerate(labels.numpy()):
        for k, c in enumerate(classes):
            regions, _ = ndimage.label(label == c)
            counts[b, k] = int((np.bincount(regions.ravel())[1:] >= least).sum())
    return counts
