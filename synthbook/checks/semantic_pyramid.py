"""What answers on the chapter on Semantic Pyramid are tried on; words in semantic_pyramid.yml."""

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbook.exercises import Check
from synthbook.semantic_pyramid import losses
from synthbook.semantic_pyramid.levels import LEVELS
from synthbook.semantic_pyramid.masks import at_size, masked, repaint


def numbers(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers, the same every time."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def region(*shape: int, seed: int = 0) -> Tensor:
    """Masks of zeros and ones."""
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < 0.5).float()


# ------------------------------------------------------------------------------------- masks


def hostile() -> tuple[Tensor, Tensor]:
    """Features that are no numbers where the mask keeps them out, and a soft mask elsewhere."""
    mask = region(2, 1, 4, 4) * (0.25 + 0.75 * region(2, 1, 4, 4, seed=1))
    return torch.where(mask != 0, numbers(2, 3, 4, 4), torch.nan), mask


MASKED = Check(masked, lambda: [(numbers(2, 3, 4, 4), region(2, 1, 4, 4)), hostile()], {
    "product": lambda f, m: f * m,
    "hard": lambda f, m: torch.where(m != 0, f, 0),
    "cleaned": lambda f, m: f.nan_to_num(1.0) * m + (m == 0),
    "inverted": lambda f, m: torch.where(m != 1, f * (1 - m), 0),
})

RESIZE = Check(at_size, lambda: [(region(2, 1, 8, 8), 4), (region(1, 1, 16, 16, seed=1), 2),
                                 (region(1, 1, 4, 4, seed=2), 4)], {
    "corner": lambda m, side: m[..., ::m.shape[-1] // side, ::m.shape[-1] // side],
    "mean": lambda m, side: F.adaptive_avg_pool2d(m, side),
    "largest": lambda m, side: F.adaptive_max_pool2d(m, side),
})


def painted(hole: Tensor, sides: tuple[int, ...], given: int) -> list[Tensor]:
    """The masks of the five levels of maps."""
    return repaint([(1, side, side) for side in sides] + [(1,), (1,)], hole, LEVELS[given])[:5]


def changed(where, what):
    """A solution that changes the masks of the levels of which `where(k, given)` holds."""
    def answer(hole: Tensor, sides: tuple[int, ...], given: int) -> list[Tensor]:
        return [what(mask) if where(k, given) else mask
                for k, mask in enumerate(painted(hole, sides, given))]
    return answer


REPAINT = Check(painted, lambda: [(region(1, 1, 32, 32), (16, 8, 4, 4, 2), 4),
                                  (region(1, 1, 16, 16, seed=1), (16, 8, 8, 4, 2), 2)], {
    "inside": changed(lambda k, given: k < given, lambda mask: 1 - mask),
    "coarser": changed(lambda k, given: k > given, torch.ones_like),
    "nowhere": changed(lambda k, given: k == given, torch.zeros_like),
    "everywhere": changed(lambda k, given: k < given, torch.ones_like),
})


# ------------------------------------------------------------------------------------ losses


def bounded(real: Tensor, fake: Tensor, least: float) -> Tensor:
    """Deviations over both, at least `least`."""
    return deviation(torch.cat([real, fake])).clamp_min(least)


def deviation(x: Tensor, axes: tuple[int, ...] = (0, 2, 3), correction: int = 0) -> Tensor:
    """Standard deviations over axes, which stay."""
    return x.std(axes, keepdim=True, correction=correction)


SCALE = Check(bounded, lambda: [
    (numbers(2, 3, 4, 4), 1 + 2 * numbers(2, 3, 4, 4, seed=1), 1e-4),
    (torch.zeros(2, 2, 2, 2), torch.zeros(2, 2, 2, 2), 0.5)], {
    "real": lambda a, b, least: deviation(a).clamp_min(least),
    "apart": lambda a, b, least: ((deviation(a) + deviation(b)) / 2).clamp_min(least),
    "sample": lambda a, b, least: deviation(torch.cat([a, b]), correction=1).clamp_min(least),
    "single": lambda a, b, least: deviation(torch.cat([a, b]), (0, 1, 2, 3)).clamp_min(least),
    "unbounded": lambda a, b, least: deviation(torch.cat([a, b])),
})


def shifted(real: Tensor, fake: Tensor, mask: Tensor, before: bool = False) -> Tensor:
    """The masked distance after the pool, the mask after the difference or before the pool."""
    pool = losses.pooled
    if before:
        return (pool(real * mask) - pool(fake * mask)).abs().mean()
    return ((pool(real) - pool(fake)).abs() * pool(mask)).mean()


POOL = Check(shifted, lambda: [(numbers(2, 3, 4, 4), numbers(2, 3, 4, 4, seed=1),
                                region(2, 1, 4, 4)),
                               (numbers(1, 2, 8, 8), numbers(1, 2, 8, 8, seed=2),
                                region(1, 1, 8, 8, seed=3))], {
    "plain": lambda a, b, m: ((a - b).abs() * m).mean(),
    "late": lambda a, b, m: losses.pooled((a - b).abs() * m).mean(),
    "before": lambda a, b, m: shifted(a, b, m, before=True),
    "share": lambda a, b, m: shifted(a, b, m) / losses.pooled(m).mean(),
    "squared": lambda a, b, m: ((losses.pooled(a) - losses.pooled(b)).square()
                                * losses.pooled(m)).mean(),
})


def varied(z: Tensor, other: Tensor, image: Tensor, again: Tensor, limit: float) -> Tensor:
    """The diversity term."""
    return losses.diversity(z, other, image, again, limit)


def distances(z: Tensor, other: Tensor, image: Tensor, again: Tensor) -> tuple[Tensor, Tensor]:
    """Of latents and of images, (B,) each."""
    return (z - other).abs().flatten(1).mean(1), (image - again).abs().flatten(1).mean(1)


def of_distances(formula):
    """A solution from the distances and the limit."""
    return lambda z, other, image, again, limit: formula(
        *distances(z, other, image, again), limit)


DIVERSITY = Check(varied, lambda: [
    (numbers(3, 8), numbers(3, 8, seed=1), numbers(3, 3, 4, 4), numbers(3, 3, 4, 4, seed=1), 10.0),
    (numbers(2, 8), numbers(2, 8, seed=1), numbers(2, 3, 4, 4), numbers(2, 3, 4, 4), 3.0)], {
    "upside": of_distances(lambda apart, seen, limit: (seen / apart).mean()),
    "unbounded": of_distances(lambda apart, seen, limit: (apart / (seen + 1e-8)).mean()),
    "cut": of_distances(lambda apart, seen, limit: (apart / (seen + 1e-8)).clamp(max=limit).mean()),
    "means": of_distances(lambda apart, seen, limit:
                          apart.mean() / (seen.mean() + apart.mean() / limit)),
})


def projection(maps: Tensor, weight: Tensor, table: Tensor, category: Tensor) -> Tensor:
    """The plain score and the projection of the category."""
    h = F.relu(maps).sum((2, 3))
    return h @ weight + (table[category] * h).sum(1)


def summed(reduce):
    """A solution whose features are the maps reduced otherwise."""
    def answer(maps: Tensor, weight: Tensor, table: Tensor, category: Tensor) -> Tensor:
        h = reduce(maps)
        return h @ weight + (table[category] * h).sum(1)
    return answer


PROJECTION = Check(projection, lambda: [
    (numbers(3, 4, 2, 2), numbers(4, seed=1), numbers(5, 4, seed=2), torch.tensor([4, 0, 2])),
    (numbers(2, 6, 3, 3), numbers(6, seed=1), numbers(3, 6, seed=2), torch.tensor([1, 1]))], {
    "mean": summed(lambda maps: F.relu(maps).mean((2, 3))),
    "signed": summed(lambda maps: maps.sum((2, 3))),
    "plain": lambda maps, w, table, y: F.relu(maps).sum((2, 3)) @ w,
    "only": lambda maps, w, table, y: (table[y] * F.relu(maps).sum((2, 3))).sum(1),
    "crossed": lambda maps, w, table, y: (F.relu(maps).sum((2, 3)) @ w
                                          + (F.relu(maps).sum((2, 3)) @ table[y].T).sum(1)),
})

CHECKS = {"masked": MASKED, "resize": RESIZE, "repaint": REPAINT, "scale": SCALE, "pool": POOL,
          "diversity": DIVERSITY, "projection": PROJECTION}
