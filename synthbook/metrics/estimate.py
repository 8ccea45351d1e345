"""A measured value with an honest interval, and the checks that every metric shares."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from synthbook.files import BookError

RESAMPLES = 1000  # bootstrap draws of a mean
Z95 = 1.959964  # 97.5 % quantile of the standard normal


@dataclass(frozen=True)
class Estimate:
    """A metric's value with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int  # independent units behind the value: images, label maps, or samples per set
    extractor: str  # the network that looked at the images; empty where none did
    blocks: tuple[float, ...] = ()  # values of independent parts, where `value` is their mean

    def as_dict(self) -> dict[str, float | int | str | list[float] | None]:
        """The fields, ready for JSON: what is not finite becomes None, `blocks` only if any."""
        fields = asdict(self)
        blocks = {"blocks": list(parts)} if (parts := fields.pop("blocks")) else {}
        return {k: v if isinstance(v, str) or math.isfinite(v) else None
                for k, v in fields.items()} | blocks

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}], n = {self.n}"


def check_images(images: Tensor, name: str = "images") -> Tensor:
    """`images` itself, if it is (B, 3, H, W) floating point in [-1, 1] and holds an image."""
    if not isinstance(images, Tensor) or images.ndim != 4 or images.shape[1] != 3:
        shape = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise BookError(f"{name}: expected a tensor (B, 3, H, W), got {shape}")
    if not images.is_floating_point():
        raise BookError(f"{name}: expected values in [-1, 1], got {images.dtype}: "
                        "divide bytes by 127.5 and subtract 1")
    if images.numel() == 0:
        raise BookError(f"{name}: no image given")
    low, high = (bound.item() for bound in images.detach().aminmax())
    if not (low >= -1.001 and high <= 1.001):
        raise BookError(f"{name}: values lie in [{low:.3g}, {high:.3g}], expected [-1, 1]: "
                        "rescale or clamp them first")
    return images


def check_pair(a: Tensor, b: Tensor) -> None:
    """Raise unless `a` and `b` are images of one shape."""
    check_images(a, "first images")
    check_images(b, "second images")
    if a.shape != b.shape:
        raise BookError(f"pairs differ in shape: {tuple(a.shape)} and {tuple(b.shape)}")


def check_count(count: int, least: int, what: str) -> None:
    """Raise when fewer than `least` units are given."""
    if count < least:
        raise BookError(f"{what} needs at least {least} samples, got {count}: give more")


def mean_estimate(values: Tensor, extractor: str = "", *, units: Tensor | None = None,
                  seed: int = 0) -> Estimate:
    """Mean over units, bootstrapped over units.

    values : (B,) one number an image or pair.
    units  : (B,) integers; rows of one unit (pairs of one label map, say) are not independent,
             so they are averaged first and the unit is what is drawn. Default: every row.
    """
    values = values.detach().double().cpu()
    check_count(values.numel(), 1, "a mean")
    if units is not None:
        _, index = units.cpu().unique(return_inverse=True)
        values = torch.bincount(index, values) / torch.bincount(index)
    mean = values.mean().item()
    if not math.isfinite(mean):
        return Estimate(mean, mean, mean, values.numel(), extractor)
    drawn = bootstrap_weights(values.numel(), seed) @ values
    low, high = np.quantile(drawn.numpy(), [0.025, 0.975])
    return Estimate(mean, float(low), float(high), values.numel(), extractor)


def bootstrap_weights(n: int, seed: int = 0) -> Tensor:
    """(RESAMPLES, n) float64 rows that sum to 1: how often each unit is drawn, over n."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n)


def halves_estimate(statistic: Callable[[Tensor, Tensor], float], n_real: int, n_fake: int,
                    extractor: str, *, splits: int = 5, seed: int = 0,
                    bounds: tuple[float, float] = (-math.inf, math.inf),
                    value: float | None = None) -> Estimate:
    """A set statistic with the interval of its random half-samples.

    A bootstrap draws duplicates, which bias distances between sets. Halves drawn without
    replacement do not; their spread around their own mean estimates the spread of the statistic
    of the full sets (delete-half jackknife: Shao and Wu 1989; Politis and Romano 1994), while
    their bias, which is larger, cancels. The interval is that of the statistic's expectation
    at this number of samples: compare only values with equal `n`.

    statistic : takes indices into the real and into the generated set.
    bounds    : values that the statistic cannot leave; the interval is cut there.
    value     : the statistic of the full sets, where it was computed already.
    """
    rng = np.random.default_rng(seed)
    if value is None:
        value = statistic(torch.arange(n_real), torch.arange(n_fake))
    halves = []
    for _ in range(splits):
        real, fake = (torch.from_numpy(rng.permutation(n)) for n in (n_real, n_fake))
        for start in (0, 1):
            size_real, size_fake = n_real // 2, n_fake // 2
            halves.append(statistic(real[start * size_real : (start + 1) * size_real],
                                    fake[start * size_fake : (start + 1) * size_fake]))
    half = Z95 * float(np.std(halves, ddof=1))
    low, high = max(value - half, bounds[0]), min(value + half, bounds[1])
    return Estimate(value, low, high, min(n_real, n_fake), extractor)


def blocks_estimate(values: Tensor, n: int, extractor: str) -> Estimate:
    """Mean of independent blocks with Student's interval; values: (blocks,), which are kept."""
    from scipy.special import stdtrit

    values = values.double()
    check_count(values.numel(), 2, "an interval over blocks")
    mean = values.mean().item()
    error = values.std().item() / math.sqrt(values.numel())
    half = float(stdtrit(values.numel() - 1, 0.975)) * error
    return Estimate(mean, mean - half, mean + half, n, extractor, tuple(values.tolist()))
