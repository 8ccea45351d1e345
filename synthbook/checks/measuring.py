"""What answers to the exercises on measuring are tried on, and mistakes; words in measuring.yml."""

import functools
import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from synthbook import metrics
from synthbook.exercises import Check
from synthbook.metrics.distances import mmd as unbiased


def numbers(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers, the same every time."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --------------------------------------------------------------------------- two pictures


@functools.cache
def images() -> list[tuple]:
    """Pictures in [-1, 1] beside spoilt ones, unlike in how much."""
    a = numbers(4, 3, 8, 8).clamp(-1, 1)
    noise = numbers(4, 3, 8, 8, seed=1) * torch.tensor([0.05, 0.1, 0.4, 1.0]).view(4, 1, 1, 1)
    return [(a, (a + noise).clamp(-1, 1))]


def decibel(a: Tensor, b: Tensor, peak: float = 2.0, factor: float = 10.0) -> Tensor:
    """(B,) PSNR."""
    return factor * (peak**2 / (a - b).square().mean((1, 2, 3))).log10()


PSNR = Check(metrics.psnr, images, {
    "unit": lambda a, b: decibel(a, b, 1.0),
    "bytes": lambda a, b: decibel(a, b, 255.0),
    "root": lambda a, b: decibel(a, b, factor=20.0),
    "natural": lambda a, b: 10 * (4 / (a - b).square().mean((1, 2, 3))).log(),
    "pooled": lambda a, b: decibel(a.flatten(0, 1)[None], b.flatten(0, 1)[None]),
    "sign": lambda a, b: -decibel(a, b),
})

# ------------------------------------------------------------------------------- two sets


def frechet(m1: float, s1: float, m2: float, s2: float) -> float:
    """Squared distance of two Gaussians on a line, deviations given."""
    return (m1 - m2) ** 2 + (s1 - s2) ** 2


LINES = [(0.0, 1.0, 3.0, 2.0), (1.0, 0.5, 1.0, 0.1), (2.0, 0.0, -1.0, 3.0)]
FRECHET = Check(frechet, lambda: LINES, {
    "root": lambda m1, s1, m2, s2: math.sqrt(frechet(m1, s1, m2, s2)),
    "variances": lambda m1, s1, m2, s2: (m1 - m2) ** 2 + (math.sqrt(s1) - math.sqrt(s2)) ** 2,
    "squares": lambda m1, s1, m2, s2: (m1 - m2) ** 2 + (s1**2 - s2**2) ** 2,
    "means": lambda m1, s1, m2, s2: (m1 - m2) ** 2,
    "cross": lambda m1, s1, m2, s2: (m1 - m2) ** 2 + s1**2 + s2**2 - s1 * s2,
})


def kernel(x: Tensor, y: Tensor, divided: bool = True, one: float = 1.0) -> Tensor:
    """(N, M) values of KID's kernel."""
    return (x @ y.T / (x.shape[1] if divided else 1) + one) ** 3


def biased(x: Tensor, y: Tensor) -> float:
    """Squared MMD with the diagonals."""
    return (kernel(x, x).mean() + kernel(y, y).mean() - 2 * kernel(x, y).mean()).item()


def squared_mmd(x: Tensor, y: Tensor, **options) -> float:
    """The unbiased one with another kernel."""
    off = lambda k: ((k.sum() - k.trace()) / (len(k) * (len(k) - 1))).item()
    kxx, kyy, kxy = (kernel(a, b, **options) for a, b in ((x, x), (y, y), (x, y)))
    return off(kxx) + off(kyy) - 2 * kxy.mean().item()


def across_off(x: Tensor, y: Tensor) -> float:
    """The cross term without its diagonal, too."""
    n = min(len(x), len(y))
    k = kernel(x, y)
    cross = (k.sum() - k[:n, :n].trace()) / (k.numel() - n)
    return unbiased(x, y) + 2 * (k.mean() - cross).item()


MMD = Check(unbiased, lambda: [(numbers(8, 5).double(), 0.5 + numbers(8, 5, seed=1).double()),
                               (numbers(6, 3).double(), numbers(9, 3, seed=2).double())], {
    "biased": biased,
    "undivided": lambda x, y: squared_mmd(x, y, divided=False),
    "no one": lambda x, y: squared_mmd(x, y, one=0.0),
    "single": lambda x, y: unbiased(x, y) + kernel(x, y).mean().item(),
    "across": across_off,
})

# ------------------------------------------------------------------ how sure, and how many


def promises(halves: Callable) -> dict[str, bool]:
    """What is asked of two random halves, whatever the generator draws."""
    draw = lambda n, seed: [np.asarray(h) for h in halves(n, np.random.default_rng(seed))]
    first, second = draw(40, 0)
    everything = np.concatenate([first, second])
    return {"each half has n // 2 numbers": first.shape == second.shape == (20,),
            "whole numbers from 0 to n - 1": bool(np.issubdtype(everything.dtype, np.integer)
                                                  and everything.min() >= 0
                                                  and everything.max() < 40),
            "no number twice in a half": len(set(first)) == 20 == len(set(second)),
            "no number in both halves": not set(first) & set(second),
            "the halves are drawn, not cut where they lie": sorted(first) != list(range(20)),
            "another seed gives others": set(draw(40, 1)[0]) != set(first),
            "an odd n leaves one out": [len(h) for h in draw(9, 0)] == [4, 4]}


def halves(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two disjoint random halves of 0 ... n - 1."""
    order = rng.permutation(n)
    return order[: n // 2], order[n // 2 : n // 2 * 2]


HALVES = Check(halves, lambda: [()], {
    "bootstrap": lambda n, rng: (rng.integers(n, size=n // 2), rng.integers(n, size=n // 2)),
    "independent": lambda n, rng: (rng.permutation(n)[: n // 2], rng.permutation(n)[: n // 2]),
    "cut": lambda n, rng: (np.arange(n // 2), np.arange(n // 2, n // 2 * 2)),
    "fixed": lambda n, rng: halves(n, np.random.default_rng(0)),
    "all": lambda n, rng: (lambda order: (order[: n // 2], order[n // 2 :]))(rng.permutation(n)),
}, observe=promises)


def intercept(sizes: list, values: list) -> float:
    """Where the line through values over 1 / N meets 1 / N = 0."""
    return float(np.polyfit(1 / np.asarray(sizes, float), values, 1)[1])


LIMIT = Check(intercept, lambda: [([100, 200, 300, 600], [9.0, 5.5, 4.2, 3.1]),
                                  ([50, 100], [12.0, 7.0])], {
    "line in n": lambda n, v: float(np.polyfit(n, v, 1)[1]),
    "slope": lambda n, v: float(np.polyfit(1 / np.asarray(n, float), v, 1)[0]),
    "largest": lambda n, v: v[-1],
    "mean": lambda n, v: float(np.mean(v)),
    "root": lambda n, v: float(np.polyfit(1 / np.sqrt(n), v, 1)[1]),
})


def paired(a: Tensor, b: Tensor, t: float) -> tuple[float, float]:
    """Student's interval of the mean of a - b."""
    gap = a - b
    half = t * gap.std() / math.sqrt(len(gap))
    return (gap.mean() - half).item(), (gap.mean() + half).item()


def spread(a: Tensor, b: Tensor, half: Tensor) -> tuple[float, float]:
    """Some half width around the mean difference."""
    middle = (a - b).mean()
    return (middle - half).item(), (middle + half).item()


PAIRED = Check(paired, lambda: [(numbers(10), numbers(10) - 0.3 + 0.2 * numbers(10, seed=1), 2.26),
                                (numbers(5, seed=2), numbers(5, seed=3), 2.78)], {
    "unpaired": lambda a, b, t: spread(a, b, t * ((a.var() + b.var()) / len(a)).sqrt()),
    "no root": lambda a, b, t: spread(a, b, t * (a - b).std()),
    "population": lambda a, b, t: spread(a, b, t * (a - b).std(correction=0) / len(a) ** 0.5),
    "reversed": lambda a, b, t: paired(b, a, t),
    "over n": lambda a, b, t: spread(a, b, t * (a - b).std() / len(a)),
})

# -------------------------------------------------------------------- coverage and layout


def covered(real: Tensor, fake: Tensor, k: int) -> float:
    """Share of `fake` in the balls around `real` that reach the k-th neighbour."""
    radius = torch.cdist(real, real).kthvalue(k + 1, dim=1, keepdim=True).values
    return (torch.cdist(real, fake) <= radius).any(0).double().mean().item()


def every_ball(real: Tensor, fake: Tensor, k: int) -> float:
    """One radius, the mean, for all."""
    radius = torch.cdist(real, real).kthvalue(k + 1, dim=1).values.mean()
    return (torch.cdist(real, fake) <= radius).any(0).double().mean().item()


def pairs_inside(real: Tensor, fake: Tensor, k: int) -> float:
    """Share of pairs instead of points."""
    radius = torch.cdist(real, real).kthvalue(k + 1, dim=1, keepdim=True).values
    return (torch.cdist(real, fake) <= radius).double().mean().item()


PRECISION = Check(covered, lambda: [(numbers(30, 4), 1.3 * numbers(40, 4, seed=1), 3),
                                    (numbers(25, 2), 0.5 + 1.5 * numbers(24, 2, seed=2), 1)], {
    "recall": lambda real, fake, k: covered(fake, real, k),
    "itself": lambda real, fake, k: covered(real, fake, k - 1),
    "one radius": every_ball,
    "pairs": pairs_inside,
})


def mean_iou(counts: Tensor, least: float) -> float:
    """Mean IoU over the classes whose share of the labelled pixels is at least `least`."""
    hits, label, seen = counts.diagonal(), counts.sum(1), counts.sum(0)
    kept = label / label.sum() >= least
    return (hits / (label + seen - hits))[kept].mean().item()


def share(counts: Tensor, least: float, below: Callable) -> float:
    """Hits over another denominator."""
    label = counts.sum(1)
    kept = label / label.sum() >= least
    return (counts.diagonal() / below(counts))[kept].mean().item()


def matrices() -> list[tuple]:
    """Pixel counts with a rare class; label in rows, prediction in columns."""
    counts = torch.tensor([[80.0, 15, 5, 0], [10, 50, 0, 20], [0, 6, 30, 4], [1, 0, 0, 1]])
    return [(counts, 0.01), (counts.T.contiguous(), 0.1), (counts, 0.0)]


MIOU = Check(mean_iou, matrices, {
    "double": lambda c, least: share(c, least, lambda c: c.sum(0) + c.sum(1)),
    "recall": lambda c, least: share(c, least, lambda c: c.sum(1)),
    "dice": lambda c, least: 2 * share(c, least, lambda c: c.sum(0) + c.sum(1)),
    "accuracy": lambda c, least: (c.trace() / c.sum()).item(),
    "all": lambda c, least: mean_iou(c, 0.0),
    "seen": lambda c, least: mean_iou(c.T, least),
})

CHECKS = {"psnr": PSNR, "frechet": FRECHET, "mmd": MMD, "halves": HALVES, "limit": LIMIT,
          "paired": PAIRED, "precision": PRECISION, "miou": MIOU}
