"""What answers to the exercises on SMIS are tried on, and typical mistakes; words in smis.yml."""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbook.exercises import Check
from synthbook.layers import masked_mean, one_hot
from synthbook.losses import kl
from synthbook.smis import split_by_class


def numbers(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers, the same every time."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@functools.cache
def layout(batch: int = 2, classes: int = 4, side: int = 6) -> Tensor:
    """A map (B, K, H, W) of stripes in which the last class is absent."""
    rows = torch.arange(side).remainder(classes - 1)[None, :, None].expand(batch, side, side)
    return one_hot(rows.clone(), classes)


# ------------------------------------------------------------------------------- encoding

SPLIT = Check(lambda x, m: split_by_class(x, m, False), lambda: [(numbers(2, 3, 6, 6), layout())], {
    "colours": lambda x, m: torch.einsum("bchw,bkhw->bckhw", x, m).flatten(1, 2),
    "mixed": lambda x, m: x.repeat(1, m.shape[1], 1, 1) * m.repeat(1, 3, 1, 1),
    "black": lambda x, m: torch.where(m[:, :, None] > 0, x[:, None], -1.0).flatten(1, 2),
    "masks": lambda x, m: split_by_class(x, m, True),
})


def class_sums(x: Tensor, onehot: Tensor) -> Tensor:
    """Features summed over the pixels of each class, (B, K, C)."""
    return torch.einsum("bchw,bkhw->bkc", x, onehot)


MEANS = Check(
    lambda x, m: masked_mean(x[:, None], m[:, :, None]),
    lambda: [(numbers(2, 5, 6, 6), layout())],
    {
        "nan": lambda x, m: class_sums(x, m) / m.sum((2, 3))[..., None],
        "pixels": lambda x, m: class_sums(x, m) / x[0, 0].numel(),
        "sum": class_sums,
        "one more": lambda x, m: class_sums(x, m) / (m.sum((2, 3)) + 1)[..., None],
    })

SAMPLE = Check(
    lambda mu, logvar, eps: mu + logvar.exp().sqrt() * eps,
    lambda: [(numbers(3, 4), numbers(3, 4, seed=1), numbers(3, 4, seed=2))],
    {
        "log": lambda mu, logvar, eps: mu + logvar * eps,
        "variance": lambda mu, logvar, eps: mu + logvar.exp() * eps,
        "no eps": lambda mu, logvar, eps: mu + (0.5 * logvar).exp(),
    })

KL = Check(
    kl, lambda: [(numbers(3, 6), numbers(3, 6, seed=1)),
                 (numbers(2, 4, 2, 2, seed=2), numbers(2, 4, 2, 2, seed=3))],
    {
        "mean": lambda mu, logvar: kl(mu, logvar) / mu[0].numel(),
        "batch": lambda mu, logvar: kl(mu, logvar) * len(mu),
        "sign": lambda mu, logvar: -kl(mu, logvar),
        "half": lambda mu, logvar: 2 * kl(mu, logvar),
        "deviation": lambda mu, logvar: kl(mu, 2 * logvar),
    })


# ------------------------------------------------------------------------------- decoding


def sharing(classes: int, groups: int, c: int) -> set[int]:
    """The other classes of the block of neighbours that class c is in."""
    size = classes // groups
    return set(range(c // size * size, c // size * size + size)) - {c}


OWNER = Check(
    sharing, lambda: [(16, 8, 8), (16, 4, 8), (16, 16, 3), (8, 2, 5), (16, 1, 0)],
    {
        "dealt": lambda classes, groups, c: set(range(c % groups, classes, groups)) - {c},
        "itself": lambda classes, groups, c: sharing(classes, groups, c) | {c},
        "exchanged": lambda classes, groups, c: set(range(c // groups * groups, min(
            classes, c // groups * groups + groups))) - {c},
    })


def dense(weight: Tensor, groups: int) -> Tensor:
    """The ungrouped kernel, from what a grouped convolution answers to single impulses."""
    out, width, size, _ = weight.shape
    impulses = torch.zeros(width * groups, width * groups, 2 * size - 1, 2 * size - 1)
    impulses[range(width * groups), range(width * groups), size - 1, size - 1] = 1
    return F.conv2d(impulses, weight, groups=groups).flip(2, 3).transpose(0, 1)


def dealt(weight: Tensor, groups: int) -> Tensor:
    """Kernel in which group g reads the channels g, g + G, g + 2 G and so on."""
    out, width, *size = weight.shape
    whole = torch.zeros(out, width * groups, *size)
    for o in range(out):
        whole[o, o * groups // out::groups] = weight[o]
    return whole


DENSE = Check(dense, lambda: [(numbers(6, 2, 3, 3), 3), (numbers(4, 4, 1, 1, seed=1), 1),
                              (numbers(4, 3, 3, 3, seed=2), 2)], {
    "repeated": lambda w, groups: w.repeat(1, groups, 1, 1),
    "first": lambda w, groups: F.pad(w, (0, 0, 0, 0, 0, w.shape[1] * (groups - 1))),
    "dealt": dealt,
})


def modulated(x: Tensor, gamma: Tensor, beta: Tensor, axes=(0, 2, 3), one: float = 1.0,
              correction: int = 0) -> Tensor:
    """Features normalised over some axes, then scaled and shifted."""
    variance, mean = torch.var_mean(x, axes, correction=correction, keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt() * (one + gamma) + beta


NORM = Check(
    lambda x, gamma, beta: F.batch_norm(x, None, None, training=True) * (1 + gamma) + beta,
    lambda: [(3 + 2 * numbers(2, 5, 3, 3), numbers(2, 5, 3, 3, seed=1),
              numbers(2, 5, 3, 3, seed=2))],
    {
        "instance": lambda x, gamma, beta: modulated(x, gamma, beta, (2, 3)),
        "layer": lambda x, gamma, beta: modulated(x, gamma, beta, (1, 2, 3)),
        "all": lambda x, gamma, beta: modulated(x, gamma, beta, (0, 1, 2, 3)),
        "one": lambda x, gamma, beta: modulated(x, gamma, beta, one=0.0),
        "unbiased": lambda x, gamma, beta: modulated(x, gamma, beta, correction=1),
    })


# ------------------------------------------------------------- measuring, and what it is for


def changes(a: Tensor, b: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Mean absolute difference of images that are 0 outside the mask, and inside it."""
    return F.l1_loss(a * mask, b * mask), F.l1_loss(a * ~mask, b * ~mask)


def mean_in(difference: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Means over the pixels inside and outside the mask."""
    return difference[:, mask].mean(), difference[:, ~mask].mean()


CHANGE = Check(
    changes,
    lambda: [(numbers(3, 6, 6), numbers(3, 6, 6, seed=1), layout()[0, 1] > 0),
             (numbers(3, 6, 6), numbers(3, 6, 6), layout()[0, 1] > 0)],
    {
        "area": lambda a, b, mask: mean_in((a - b).abs(), mask),
        "exchanged": lambda a, b, mask: changes(a, b, ~mask),
        "signed": lambda a, b, mask: tuple((x * (b - a)).mean() for x in (mask, ~mask)),
        "sum": lambda a, b, mask: tuple(a.numel() * one for one in changes(a, b, mask)),
    })


def one_by_one(first: Tensor, last: Tensor, latent: int) -> Tensor:
    """(K + 1, K * Z): from `first` to `last`, one class after the other."""
    rows = [first.view(-1, latent)]
    for c, new in enumerate(last.view(-1, latent)):
        rows.append(rows[-1].index_copy(0, torch.tensor([c]), new[None]))
    return torch.stack(rows).flatten(1)


def single(first: Tensor, last: Tensor, latent: int) -> Tensor:
    """Step k takes only class k from `last`."""
    steps = one_by_one(first, last, latent).diff(dim=0)
    return torch.cat([first[None], first + steps])


STEPS = Check(
    one_by_one, lambda: [(numbers(12), numbers(12, seed=1), 3),
                         (numbers(8), numbers(8, seed=1), 2)],
    {
        "single": single,
        "straight": lambda a, b, latent: torch.stack(
            [torch.lerp(a, b, k * latent / len(a)) for k in range(len(a) // latent + 1)]),
        "missing": lambda a, b, latent: one_by_one(a, b, latent)[1:],
        "channels": lambda a, b, latent: one_by_one(a, b, 1),
    })

CHECKS = {"split": SPLIT, "means": MEANS, "sample": SAMPLE, "kl": KL, "owner": OWNER,
          "dense": DENSE, "norm": NORM, "change": CHANGE, "steps": STEPS}
