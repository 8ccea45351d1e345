"""What answers on the chapter from GAN to SPADE are tried on; words in conditional_gans.yml."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbook.exercises import Check
from synthbook.losses import logistic_g, minimax_g, r1


def numbers(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers, the same every time."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# ------------------------------------------------------------------- the game and its losses


def bell(x: Tensor, mean: float, sigma: float) -> Tensor:
    """The logarithm of a Gaussian density, but for its constant."""
    return -0.5 * ((x - mean) / sigma) ** 2


OPTIMAL = Check(
    lambda x, a, b, sigma: bell(x, a, sigma) - bell(x, b, sigma),
    lambda: [(numbers(7), 1.0, -1.0, 1.0), (40 * numbers(5, seed=1), 2.0, 0.5, 0.7)],
    {
        "probability": lambda x, a, b, s: (bell(x, a, s) - bell(x, b, s)).sigmoid(),
        "exchanged": lambda x, a, b, s: bell(x, b, s) - bell(x, a, s),
        "densities": lambda x, a, b, s: bell(x, a, s).exp().log() - bell(x, b, s).exp().log(),
        "deviation": lambda x, a, b, s: s * (bell(x, a, s) - bell(x, b, s)),
    })


def game_value(p: Tensor, q: Tensor) -> Tensor:
    """E_p log p/(p+q) + E_q log q/(p+q), with 0 log 0 = 0."""
    return sum((torch.xlogy(a, a) - torch.xlogy(a, p + q)).sum() for a in (p, q))


VALUE = Check(
    game_value,
    lambda: [(torch.full((4,), 0.25), torch.full((4,), 0.25)),
             (torch.tensor([0.5, 0.5, 0.0, 0.0]), torch.tensor([0.0, 0.25, 0.75, 0.0])),
             (torch.tensor([0.2, 0.3, 0.5]), torch.tensor([0.6, 0.3, 0.1]))],
    {
        "divergence": lambda p, q: (game_value(p, q) + torch.tensor(4.0).log()) / 2,
        "mean": lambda p, q: game_value(p, q) / len(p),
        "data only": lambda p, q: (torch.xlogy(p, p) - torch.xlogy(p, p + q)).sum(),
    })

LOSSES = Check(
    lambda score: (minimax_g(score), logistic_g(score)),
    lambda: [(3 * numbers(16),), (torch.tensor([-200.0, 0.0, 200.0]),)],
    {
        "overflow": lambda s: ((1 - s.sigmoid()).log().mean(), -s.sigmoid().log().mean()),
        "sign": lambda s: (-minimax_g(s), logistic_g(s)),
        "exchanged": lambda s: (logistic_g(s), minimax_g(s)),
        "sum": lambda s: (len(s) * minimax_g(s), len(s) * logistic_g(s)),
        "discriminator": lambda s: (minimax_g(s), logistic_g(-s)),
    })


def curved() -> nn.Sequential:
    """A small smooth discriminator with fixed weights."""
    network = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1), nn.Flatten(0))
    for k, weight in enumerate(network.parameters()):
        weight.data = numbers(*weight.shape, seed=k)
    return network


def penalty(discriminator: nn.Module, x: Tensor) -> Tensor:
    """R1 at points that need no gradient yet."""
    x = x.detach().clone().requires_grad_()
    return r1(discriminator(x), x)


def slopes(discriminator: nn.Module, x: Tensor, loss: Callable[[Tensor], Tensor],
           create_graph: bool = True) -> Tensor:
    """Gradient of the summed loss of the scores at x, (B, 2)."""
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(loss(discriminator(x)).sum(), x, create_graph=create_graph)[0]


def felt(answer: Callable[..., Tensor], points: Tensor) -> tuple[Tensor, Tensor]:
    """The penalty of the curved discriminator, and what its first weights feel of it."""
    network = curved()
    value = answer(network, points)
    weight = network[0].weight
    attached = isinstance(value, Tensor) and value.requires_grad
    gradient = torch.autograd.grad(value, weight)[0] if attached else torch.zeros_like(weight)
    return value.detach() if attached else value, gradient


PENALTY = Check(
    penalty, lambda: [(numbers(6, 2),)],
    {
        "length": lambda d, x: slopes(d, x, lambda s: s).norm(dim=1).mean(),
        "deaf": lambda d, x: slopes(d, x, lambda s: s, False).square().sum(1).mean(),
        "mean score": lambda d, x: slopes(d, x, lambda s: s / len(s)).square().sum(1).mean(),
        "coordinates": lambda d, x: slopes(d, x, lambda s: s).square().mean(),
        "sum": lambda d, x: slopes(d, x, lambda s: s).square().sum(),
        "probability": lambda d, x: slopes(d, x, torch.sigmoid).square().sum(1).mean(),
    }, observe=felt)


# ------------------------------------------------------------------------- modes and classes


def hits(points: Tensor, centres: Tensor, radius: float) -> Tensor:
    """Points within the radius of each centre, (C,)."""
    nearest, owner = torch.cdist(points, centres).min(1)
    return torch.bincount(owner[nearest < radius], minlength=len(centres))


def share_covered(points: Tensor, centres: Tensor, radius: float, share: float = 0.25,
                  of: int | None = None) -> int:
    """Centres with at least a share of their fair share of points."""
    of = len(points) if of is None else of
    return int((hits(points, centres, radius) >= share * of / len(centres)).sum())


def spots() -> tuple[Tensor, Tensor, float]:
    """60 points: 21, 12, 4, 2, 1 at the first five of six centres; the rest astray by the last."""
    centres = 10 * torch.arange(6.0)[:, None] * torch.tensor([1.0, 0.0])
    owner = torch.tensor([0] * 21 + [1] * 12 + [2] * 4 + [3] * 2 + [4])
    near = centres[owner] + 0.1 * numbers(40, 2)
    astray = centres[3:].repeat(7, 1)[:20] + torch.tensor([0.0, 5.0])
    return torch.cat([near, astray]), centres, 1.0


COVERED = Check(share_covered, lambda: [spots(), (spots()[0][12:], *spots()[1:])], {
    "any": lambda p, c, r: int((hits(p, c, r) > 0).sum()),
    "fair": lambda p, c, r: share_covered(p, c, r, 1.0),
    "astray": lambda p, c, r: share_covered(p, c, 1e9),
    "near only": lambda p, c, r: share_covered(p, c, r, of=int(hits(p, c, r).sum())),
    "quarter": lambda p, c, r: int((hits(p, c, r) >= 0.25 * len(p)).sum()),
})


def beside(image: Tensor, c: Tensor, classes: int) -> Tensor:
    """A picture and a constant channel for each class."""
    onehot = F.one_hot(c, classes).to(image)
    return torch.cat([image, onehot[:, :, None, None].expand(-1, -1, *image.shape[2:])], 1)


def numbered(image: Tensor, c: Tensor, classes: int) -> Tensor:
    """The number of the class as one channel."""
    return torch.cat([image, c.to(image)[:, None, None, None].expand_as(image[:, :1])], 1)


BESIDE = Check(beside, lambda: [(numbers(3, 2, 4, 5), torch.tensor([2, 0, 1]), 4)], {
    "number": numbered,
    "before": lambda x, c, k: beside(x, c, k).roll(k, 1),
    "corner": lambda x, c, k: torch.cat([x, F.pad(
        beside(x, c, k)[:, x.shape[1]:, :1, :1], (0, x.shape[3] - 1, 0, x.shape[2] - 1))], 1),
})


def two_values(a: Tensor, b: Tensor, p: Tensor, root: float = 0.5,
               mixed: bool = True) -> tuple[Tensor, Tensor]:
    """Two values less their mean, over a power of their variance; zeros where they agree."""
    mean = p * a + (1 - p) * b if mixed else (a + b) / 2
    variance = p * (a - mean) ** 2 + (1 - p) * (b - mean) ** 2
    scale = torch.where(variance > 0, variance, 1.0) ** root
    return (a - mean) / scale, (b - mean) / scale


TWO = Check(
    two_values,
    lambda: [(torch.tensor([1.0, -2.0, 0.5, 3.0]), torch.tensor([0.0, 5.0, 0.5, -3.0]),
              torch.tensor([0.5, 0.9, 0.3, 0.25]))],
    {
        "half": lambda a, b, p: two_values(a, b, p, mixed=False),
        "variance": lambda a, b, p: two_values(a, b, p, root=1.0),
        "nan": lambda a, b, p: ((1 - p) / (p * (1 - p)).sqrt() * (a - b) / (a - b).abs(),
                                -p / (p * (1 - p)).sqrt() * (a - b) / (a - b).abs()),
        "unsigned": lambda a, b, p: (((1 - p) / p).sqrt() * (a != b),
                                     -(p / (1 - p)).sqrt() * (a != b)),
        "share": lambda a, b, p: two_values(a, b, 1 - p),
    })

CHECKS = {"optimal": OPTIMAL, "value": VALUE, "losses": LOSSES, "r1": PENALTY,
          "covered": COVERED, "beside": BESIDE, "two": TWO}
