"""What an embedding and an edit are judged by: numbers of images, masks and latents alone.

Every function gives one number for each image, (B,), unless it says otherwise; images are
(B, 3, H, W) in [-1, 1], masks (B or 1, 1, H, W).

Axes: B batch, H W pixels, L rows of W+, Z latent, O octaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from synthbook.files import BookError
from synthbook.image2stylegan_pp.embedding import eight_bits, quality
from synthbook.image2stylegan_pp.masks import checked
from synthbook.metrics.estimate import Estimate, check_pair, mean_estimate
from synthbook.stylegan2 import StyleGAN2

BEST = 60.0  # dB told at most: pictures of 8 bits that differ less are as good as equal
RIDGE = 1e-3  # added to each variance of w, as a share of their mean
LATENTS = 10_000  # for the mean and the covariance of w


def row_of(values: Mapping[str, Tensor], extractor: str = "") -> dict[str, Estimate]:
    """Means over images, with their intervals, of numbers (B,) by name."""
    return {name: mean_estimate(value, extractor) for name, value in values.items()}


def near_psnr(made: Tensor, wanted: Tensor) -> Tensor:
    """PSNR in dB on 8 bits, at most :data:`BEST`; what is made is clipped first."""
    return quality(made, wanted).clamp_max(BEST)


def masked_psnr(made: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """PSNR in dB over the pixels where the mask is at least a half, at most :data:`BEST`.

    On 8 bits. BookError where a mask shows no pixel.
    """
    made = made.clamp(-1, 1)
    check_pair(made, wanted)
    shown = (checked(mask, len(made), made.shape[-1]) >= 0.5).to(made).expand(len(made), -1, -1, -1)
    area = shown.sum((1, 2, 3))
    if not area.all():
        raise BookError("a mask shows no pixel: PSNR needs one at least")
    error = (eight_bits(made) - eight_bits(wanted)).square() * shown
    mean = error.sum((1, 2, 3)) / (3 * area)
    return (10 * torch.log10(4 / mean.clamp_min(1e-12))).clamp_max(BEST)


# ----------------------------------------------------------------------------------- bands


def octaves(size: int) -> list[tuple[float, float]]:
    """Bands of frequency, [low, high) in cycles per image: below 1, 1 to 2, 2 to 4, ..., the rest.

    The last begins at half of Nyquist, size / 4, and holds the corners of the spectrum too.
    """
    edges = [0.0, *(float(1 << k) for k in range(size.bit_length() - 2)), float(size)]
    return list(zip(edges[:-1], edges[1:]))


def bands(difference: Tensor) -> Tensor:
    """Energy of a difference of images (B, C, H, H) in each octave, (B, O).

    The octaves add up to the sum of squares of all values (Parseval).
    """
    size = difference.shape[-1]
    spectrum = torch.fft.fft2(difference.double(), norm="ortho").abs().square().sum(1)
    cycles = torch.fft.fftfreq(size, 1 / size, dtype=torch.float64, device=difference.device)
    radius = torch.hypot(cycles[:, None], cycles[None])
    return torch.stack([(spectrum * ((radius >= low) & (radius < high))).sum((1, 2))
                        for low, high in octaves(size)], 1)


def high_share(energy: Tensor) -> Tensor:
    """Share of the energy (B, O) above a quarter of Nyquist: that of the last two octaves.

    What was made worse in a band counts against the rest; without any energy the share is 0.
    """
    total = energy.sum(1)
    return torch.where(total > 0, energy[:, -2:].sum(1) / total.clamp_min(1e-12), 0.0)


def removed(wanted: Tensor, without: Tensor, made: Tensor) -> Tensor:
    """What noise took from the residual in each octave, (B, O): energy before less energy after.

    without, made : G(w, 0) and G(w, n). White noise has nearly all of its energy in the highest
    octaves whatever it is for, so not its own spectrum is asked for but what it repairs.
    """
    return bands(wanted - without) - bands(wanted - made)


# ------------------------------------------------------------------------------- latents


@dataclass(frozen=True, eq=False)
class Styles:
    """Where the w of random latents are: mean (Z,), and a matrix (Z, Z) that whitens them."""

    mean: Tensor
    whiten: Tensor

    def distance(self, w: Tensor) -> Tensor:
        """How far W+ codes (B, L, Z) are from W, (B,): 1 for a random latent's w in all rows.

        The Mahalanobis distance over sqrt(Z), root mean square over rows: rows that leave the
        cloud of w count, whichever way they go.
        """
        away = (w - self.mean) @ self.whiten
        return away.square().mean((1, 2)).sqrt()


@torch.no_grad()
def styles_of(model: StyleGAN2, count: int = LATENTS, seed: int = 0) -> Styles:
    """The statistics of w over random latents; a ridge keeps directions that never vary finite."""
    w = model.mapping(model.latents(count, seed)).double()
    values, vectors = torch.linalg.eigh(w.T.cov())
    whiten = vectors * torch.rsqrt(values + RIDGE * values.mean())
    return Styles(w.mean(0).to(model.mean_w), whiten.to(model.mean_w))


def to_mean(w: Tensor, mean: Tensor) -> Tensor:
    """Euclidean distance of W+ codes (B, L, Z) from the mean w (Z,), root mean square over rows."""
    return (w - mean).square().sum(2).mean(1).sqrt()


# ---------------------------------------------------------------------------------- edits


def seam(image: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute step between neighbours that a mask's edge parts, on the scale [0, 1]."""
    inside = (checked(mask, len(image), image.shape[-1]) >= 0.5).expand(len(image), -1, -1, -1)
    total, count = image.new_zeros(len(image)), image.new_zeros(len(image))
    for axis in (2, 3):
        parted = inside.diff(dim=axis).to(image)
        step = image.diff(dim=axis).abs().mean(1, keepdim=True) / 2
        total, count = total + (step * parted).sum((1, 2, 3)), count + parted.sum((1, 2, 3))
    if not count.all():
        raise BookError("a mask without an edge has no seam")
    return total / count


def strip(image: Tensor, width: int) -> Tensor:
    """The middle columns of images, (B, 3, H, width): the surroundings of a vertical seam."""
    first = (image.shape[-1] - width) // 2
    return image[..., first:first + width]


def mean_colour(image: Tensor, mask: Tensor) -> Tensor:
    """Mean colour under a mask, (B, 3)."""
    return (image * mask).sum((2, 3)) / mask.sum((2, 3)).clamp_min(1e-8)


def colour_error(image: Tensor, colour: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference of the mean colour under a mask from `colour` (B, 3), in [0, 1]."""
    return (mean_colour(image, mask) - colour).abs().mean(1) / 2


def apart(first: Tensor, second: Tensor) -> Tensor:
    """Distance of features (B, D), a root mean square over them."""
    return (first - second).square().mean(1).sqrt()
