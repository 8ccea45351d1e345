"""Fidelity and coverage apart, whether a classifier can tell generated from real, and copying.

`real`, `fake`: (N, 3, H, W) in [-1, 1], or features (N, D) that the same extractor made.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbook.metrics.distances import extract
from synthbook.metrics.estimate import Estimate, halves_estimate, mean_estimate
from synthbook.metrics.features import Extractor, alexnet

NEIGHBOURS = 3
LIMIT = 2000  # samples used of each set: both values depend on N, and cost N^2


def precision_recall(real: Tensor, fake: Tensor,
                     extractor: Extractor | None = None) -> tuple[Estimate, Estimate]:
    """Improved precision and recall (Kynkaanniemi et al. 2019), both in [0, 1].

    A set's manifold is the union of balls around its samples, each as wide as the distance to
    the third nearest neighbour. Precision: share of generated images in the real manifold.
    Recall: share of real images in the generated one. At most 2,000 of each set are used.
    """
    extractor = extractor or alexnet()
    real, fake = extract(real[:LIMIT], fake[:LIMIT], extractor, "precision and recall")
    among_real, among_fake, across = (torch.cdist(a, b) for a, b in
                                      ((real, real), (fake, fake), (real, fake)))

    def precision_of(r: Tensor, f: Tensor) -> float:
        return _covered(among_real[r][:, r], across[r][:, f])

    def recall_of(r: Tensor, f: Tensor) -> float:
        return _covered(among_fake[f][:, f], across.T[f][:, r])

    return tuple(
        halves_estimate(statistic, len(real), len(fake), extractor.name, bounds=(0, 1))
        for statistic in (precision_of, recall_of)
    )


def _covered(within: Tensor, across: Tensor) -> float:
    """Share of the columns of `across` (N, M) that fall in a ball of the N points of `within`."""
    others = within + torch.diag(torch.full((len(within),), torch.inf, dtype=within.dtype))
    radius = others.kthvalue(NEIGHBOURS, dim=1, keepdim=True).values
    return (across <= radius + 1e-6).any(0).double().mean().item()


def precision(real: Tensor, fake: Tensor, extractor: Extractor | None = None) -> Estimate:
    """How many generated images look real: see :func:`precision_recall`."""
    return precision_recall(real, fake, extractor)[0]


def recall(real: Tensor, fake: Tensor, extractor: Extractor | None = None) -> Estimate:
    """How many real images the model could have made: see :func:`precision_recall`."""
    return precision_recall(real, fake, extractor)[1]


def copying(real: Tensor, fake: Tensor, train: Tensor,
            extractor: Extractor | None = None) -> Estimate:
    """How often a generated image is nearer to a training image than a fresh real one is.

    In [0, 1]: a half where generated images are as far from the training set as `real` (N, ...),
    which no training saw; towards 1 where they repeat it. After Meehan, Chaudhuri and Dasgupta
    (2020), over all of the space at once. Images that look like none at all lower it, too.
    """
    extractor = extractor or alexnet()
    real, fake = extract(real, fake, extractor, "a test for copies")
    known = extractor(train).double()
    fresh, made = (torch.cat([torch.cdist(part, known).amin(1) for part in x.split(256)])
                   for x in (real, fake))

    def nearer(r: Tensor, f: Tensor) -> float:
        gap = fresh[r][:, None] - made[f]
        return ((gap.sign() + 1) / 2).mean().item()

    return halves_estimate(nearer, len(real), len(fake), extractor.name, bounds=(0, 1))


def c2st(real: Tensor, fake: Tensor, extractor: Extractor | None = None, *,
         seed: int = 0) -> Estimate:
    """Classifier two-sample test (Lopez-Paz and Oquab 2017): held-out accuracy in [0, 1].

    Logistic regression on standardised features, fitted on one half and asked about the other,
    then the reverse. 0.5: indistinguishable to it; 1: told apart every time.
    """
    extractor = extractor or alexnet()
    count = min(len(real), len(fake))
    real, fake = extract(real[:count], fake[:count], extractor, "the classifier test")
    generator = torch.Generator().manual_seed(seed)
    half = count // 2
    orders = [torch.randperm(count, generator=generator)[: 2 * half].view(2, half)
              for _ in range(2)]
    folds = [torch.cat([real[orders[0][i]], fake[orders[1][i]]]) for i in (0, 1)]
    label = torch.cat([torch.zeros(half), torch.ones(half)]).double()
    right = [
        (logistic(folds[i], label, folds[1 - i]) > 0).double() == label for i in (0, 1)
    ]
    return mean_estimate(torch.cat(right).double(), extractor.name)


def logistic(x: Tensor, label: Tensor, held_out: Tensor, decay: float = 0.01) -> Tensor:
    """Logits (M,) for `held_out` (M, D) of an L2-regularised logistic regression on (N, D)."""
    mean, scale = x.mean(0), x.std(0).clamp_min(1e-6)
    x, held_out = (x - mean) / scale, (held_out - mean) / scale
    weight = torch.zeros(x.shape[1] + 1, dtype=x.dtype, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        logit = x @ weight[1:] + weight[0]
        loss = F.binary_cross_entropy_with_logits(logit, label)
        loss = loss + 0.5 * decay * weight[1:].square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimiser.step(closure)
    return (held_out @ weight[1:] + weight[0]).detach()
