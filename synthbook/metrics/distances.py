"""Distances between two sets of images in a feature space: FD, FID, their limit, and KID.

`real`, `fake`: (N, 3, H, W) in [-1, 1], or features (N, D) that the same extractor made, so
that several metrics need only one pass through a network. Smaller is closer.
"""

import warnings

import numpy as np
import torch
from torch import Tensor

from synthbook.files import BookError
from synthbook.metrics.estimate import (
    Estimate,
    blocks_estimate,
    check_count,
    halves_estimate,
)
from synthbook.metrics.features import Extractor, alexnet, inception, untrained

LEAST = 20  # samples in a set, below which no distance is given


def extract(real: Tensor, fake: Tensor, extractor: Extractor, what: str,
            least: int = LEAST) -> tuple[Tensor, Tensor]:
    """Features (N, D) and (M, D) in float64 of the two sets."""
    check_count(min(len(real), len(fake)), least, what)
    return extractor(real).double(), extractor(fake).double()


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (D,) and unbiased covariance (D, D)."""
    return features.mean(0), features.T.cov().reshape(features.shape[1], features.shape[1])


def spectrum(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues (D,) and eigenvectors (D, D) of a symmetric matrix (D, D) in float64.

    PyTorch's method divides and conquers; where many eigenvalues are alike it may fail to
    converge. SciPy's slower QR method then takes its place.
    """
    from scipy import linalg

    try:
        return torch.linalg.eigh(matrix)
    except torch.linalg.LinAlgError:
        return tuple(map(torch.from_numpy, linalg.eigh(matrix.numpy(), driver="ev")))


def frechet(mu1: Tensor, s1: Tensor, mu2: Tensor, s2: Tensor) -> float:
    """Squared Frechet distance of two Gaussians (Dowson and Landau 1982; Heusel et al. 2017).

    |mu1 - mu2|^2 + tr(s1 + s2 - 2 (s1 s2)^1/2) for means (D,) and covariances (D, D). The last
    trace is that of the symmetric (s1^1/2 s2 s1^1/2)^1/2: no complex numbers, no singular case.
    """
    mu1, s1, mu2, s2 = (torch.as_tensor(t, dtype=torch.float64) for t in (mu1, s1, mu2, s2))
    values, vectors = spectrum(s1)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    cross = spectrum(root @ s2 @ root)[0].clamp_min(0).sqrt().sum()
    distance = (mu1 - mu2).square().sum() + s1.trace() + s2.trace() - 2 * cross
    return max(distance.item(), 0.0)


def _fd(real: Tensor, fake: Tensor) -> float:
    return frechet(*moments(real), *moments(fake))


def fd(real: Tensor, fake: Tensor, extractor: Extractor | None = None, *,
       splits: int = 5) -> Estimate:
    """Frechet distance in the space of `extractor`, AlexNet's by default.

    It is biased upwards by about 1 / N: compare only equal N, or see :func:`fd_infinity`. The
    interval is that of random half-samples (:func:`~synthbook.metrics.estimate.halves_estimate`).
    """
    extractor = extractor or alexnet()
    real, fake = extract(real, fake, extractor, "a Frechet distance")
    return halves_estimate(lambda r, f: _fd(real[r], fake[f]), len(real), len(fake),
                           extractor.name, splits=splits, bounds=(0, np.inf))


def fid(real: Tensor, fake: Tensor, *, download: bool = False, splits: int = 3) -> Estimate:
    """FID as published: pytorch-fid's Inception and its Frechet distance (Heusel et al. 2017).

    Raises BookError where Inception's weights are not at hand and `download` is false.
    """
    extractor = inception(download)
    real, fake = extract(real, fake, extractor, "FID")
    value = pytorch_fid_distance(*moments(real), *moments(fake))
    return halves_estimate(lambda r, f: _fd(real[r], fake[f]), len(real), len(fake),
                           extractor.name, splits=splits, bounds=(0, np.inf), value=value)


def pytorch_fid_distance(mu1: Tensor, s1: Tensor, mu2: Tensor, s2: Tensor) -> float:
    """pytorch-fid's `calculate_frechet_distance`; :func:`frechet` where it cannot run.

    pytorch-fid 0.3.0 asks SciPy's `sqrtm` for a second result that SciPy 1.18 no longer gives.
    """
    from pytorch_fid.fid_score import calculate_frechet_distance

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return float(calculate_frechet_distance(mu1.numpy(), s1.numpy(), mu2.numpy(),
                                                    s2.numpy()))
        except (TypeError, ValueError):
            return frechet(mu1, s1, mu2, s2)


def fd_infinity(real: Tensor, fake: Tensor, extractor: Extractor | None = None, *,
                splits: int = 3) -> Estimate:
    """Frechet distance extrapolated to infinitely many samples (Chong and Forsyth 2020).

    FD_N is measured at N, N/2 and N/3, each averaged over disjoint blocks, and a line in 1 / N
    is read at 0. The bias is only linear in 1 / N while covariances are regular, so at least
    3 D samples are asked for. The interval comes from half-samples extrapolated likewise.
    """
    extractor = extractor or alexnet()
    least = max(3 * extractor.dim, 10 * LEAST)
    real, fake = extract(real, fake, extractor, "an extrapolated Frechet distance", least)
    order = np.random.default_rng(0)

    def intercept(r: Tensor, f: Tensor) -> float:
        r, f = (i[torch.from_numpy(order.permutation(len(i)))] for i in (r, f))
        means = [
            np.mean([_fd(real[a], fake[b]) for a, b in zip(r.chunk(k), f.chunk(k), strict=True)])
            for k in (1, 2, 3)
        ]
        return float(np.polyfit((1, 2, 3), means, 1)[1])

    return halves_estimate(intercept, len(real), len(fake), extractor.name, splits=splits)


def mmd(x: Tensor, y: Tensor) -> float:
    """Unbiased squared MMD of (N, D) and (M, D) with KID's kernel (x.y / D + 1)^3."""
    xx, yy, xy = ((a @ b.T / a.shape[1] + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    n, m = len(x), len(y)
    within = (xx.sum() - xx.trace()) / (n * (n - 1)) + (yy.sum() - yy.trace()) / (m * (m - 1))
    return (within - 2 * xy.mean()).item()


def kid(real: Tensor, fake: Tensor, extractor: Extractor | None = None, *, blocks: int = 10,
        seed: int = 0) -> Estimate:
    """Kernel inception distance (Binkowski et al. 2018) in the space of `extractor`.

    Unbiased: 0 on average for two sets of one distribution, so it may be negative. Mean over
    disjoint blocks, which are independent, with Student's interval.
    """
    extractor = extractor or alexnet()
    real, fake = extract(real, fake, extractor, "KID", 2 * blocks)
    pairs = zip(_blocks(real, blocks, seed), _blocks(fake, blocks, seed + 1), strict=True)
    values = torch.tensor([mmd(x, y) for x, y in pairs])
    return blocks_estimate(values, min(len(real), len(fake)), extractor.name)


def kid_difference(real: Tensor, a: Tensor, b: Tensor, extractor: Extractor | None = None, *,
                   blocks: int = 10, seed: int = 0) -> Estimate:
    """KID of `a` minus KID of `b` against the same real blocks; negative where `a` is closer.

    Row i of `a` and of `b` should come from one condition and one latent: pairs share their
    blocks, and the interval of the difference is what decides a verdict.
    """
    extractor = extractor or alexnet()
    if len(a) != len(b):
        raise BookError(f"paired sets differ in size: {len(a)} and {len(b)}")
    real, a = extract(real, a, extractor, "a KID difference", 2 * blocks)
    b = extractor(b).double()
    sets = (_blocks(t, blocks, s) for t, s in ((real, seed), (a, seed + 1), (b, seed + 1)))
    values = torch.tensor([mmd(r, x) - mmd(r, y) for r, x, y in zip(*sets, strict=True)])
    return blocks_estimate(values, min(len(real), len(a)), extractor.name)


def _blocks(features: Tensor, blocks: int, seed: int) -> list[Tensor]:
    """`blocks` disjoint random parts of equal size; the same rows for equal seeds and sizes."""
    size = len(features) // blocks
    order = np.random.default_rng(seed).permutation(len(features))[: size * blocks]
    return list(features[torch.from_numpy(order)].split(size))


def fd_alexnet(real: Tensor, fake: Tensor) -> Estimate:
    """:func:`fd` in the space of ImageNet's AlexNet."""
    return fd(real, fake, alexnet())


def fd_random(real: Tensor, fake: Tensor) -> Estimate:
    """:func:`fd` in the space of the untrained network."""
    return fd(real, fake, untrained())


def kid_alexnet(real: Tensor, fake: Tensor) -> Estimate:
    """:func:`kid` in the space of ImageNet's AlexNet."""
    return kid(real, fake, alexnet())


def kid_random(real: Tensor, fake: Tensor) -> Estimate:
    """:func:`kid` in the space of the untrained network."""
    return kid(real, fake, untrained())
