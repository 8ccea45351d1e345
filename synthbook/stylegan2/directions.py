"""Directions in W along which one trait of an image changes and the others stay.

Samples have styles w and readings r, what a judge sees of their traits. Linear regression gives
each trait a gradient g in W, r = m + g . (w - mean). A step s of trait t raises its reading by
one, g_t . s = 1, as far as that line goes. Many steps do. A *plain* step is the most probable one
of them, going by the covariance of w. A *conditional* step is the most probable one that moves no
other reading, g_u . s = 0: it is the plain one with the others projected out (Shen et al. 2020,
section 3.2, for the Euclidean metric and two traits).

Axes: B images, T traits, Z latent.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from synthbook.files import BookError, read_tensors, write_tensors
from synthbook.streams import stream
from synthbook.stylegan2.network import StyleGAN2

PENALTY = 1e-3  # of ridge regression, as a share of the mean variance of w
STORED = ("mean", "level", "gradients", "steps", "fit")
SWING = 1.0  # readings are set to this many deviations below and above the data's mean

Render = Callable[[Tensor], Tensor]  # w (B, Z) to images (B, 3, H, W)
Read = Callable[[Tensor], Tensor]  # images (B, 3, H, W) to readings (B, T)


@dataclass(frozen=True, eq=False)
class Directions:
    """Where each trait lies in W.

    Parameters
    ----------
    names     : T traits.
    mean      : mean of w, (Z,).
    level     : mean reading of each trait, (T,).
    gradients : rise of each reading for a unit of w, (T, Z).
    steps     : what is added to w so that one reading rises by one, (T, Z).
    fit       : share of each reading's variance that the line explains, of samples that were not
                used to fit it (R^2), (T,); below 0 where it is worse than their mean.
    """

    names: tuple[str, ...]
    mean: Tensor
    level: Tensor
    gradients: Tensor
    steps: Tensor
    fit: Tensor

    def index(self, name: str) -> int:
        """The number of a trait; BookError for an unknown one."""
        if name not in self.names:
            raise BookError(f"unknown trait {name!r}: choose one of {', '.join(self.names)}")
        return self.names.index(name)

    def predicted(self, w: Tensor) -> Tensor:
        """The readings that the lines promise for w (B, Z), (B, T)."""
        return self.level + (w - self.mean) @ self.gradients.T

    def moved(self, w: Tensor, trait: int, amount: float | Tensor) -> Tensor:
        """w (B, Z) after `amount` steps of a trait, a number or (B,)."""
        amount = torch.as_tensor(amount, dtype=w.dtype, device=w.device)
        return w + amount.reshape(-1, 1) * self.steps[trait]

    def brought(self, w: Tensor, trait: int, level: float) -> Tensor:
        """w (B, Z) moved so far that a trait's promised reading becomes `level`."""
        return self.moved(w, trait, level - self.predicted(w)[:, trait])


def write(path: Path, directions: Directions, about: dict[str, str]) -> None:
    """Store directions as safetensors, with the words `about` what they were found with."""
    write_tensors(path, {name: getattr(directions, name) for name in STORED},
                  {**about, "names": json.dumps(directions.names)})


def read(path: Path) -> tuple[Directions, dict[str, str]]:
    """Stored directions and what is told about them; BookError where the file holds none."""
    tensors, about = read_tensors(path)
    try:
        names = tuple(json.loads(about["names"]))
        return Directions(names, *(tensors[name] for name in STORED)), about
    except (KeyError, ValueError) as error:
        raise BookError(f"{path} holds no directions: run python data/make/directions.py"
                        ) from error


def ridge(w: Tensor, readings: Tensor, penalty: float = PENALTY) -> Tensor:
    """Gradients (T, Z) of the linear regression of readings (B, T) on w (B, Z), in closed form.

    penalty : what is added to each variance of w, as a share of their mean.
    """
    x, y = (t.double() - t.double().mean(0) for t in (w, readings))
    covariance = x.T @ x / len(x)
    added = penalty * covariance.trace() / len(covariance)
    regular = covariance + added * torch.eye(len(covariance), dtype=x.dtype, device=x.device)
    return torch.linalg.solve(regular, x.T @ y / len(x)).T.to(w.dtype)


def steps(gradients: Tensor, covariance: Tensor, conditional: bool = True) -> Tensor:
    """The most probable steps (T, Z) that raise one reading by one, and no other if conditional.

    With G the gradients (T, Z) and C the covariance (Z, Z), the conditional steps are the rows of
    (G C G^T)^-1 G C; plain ones keep only the diagonal of G C G^T. BookError where the traits
    cannot be moved apart.
    """
    g, c = gradients.double(), covariance.double()
    along = g @ c
    among = along @ g.T  # how the readings vary together, as far as the lines go
    spread = among.diagonal().clamp_min(0).sqrt()
    if (spread <= 1e-9).any():
        raise BookError(f"trait {int(spread.argmin())} does not vary with w: leave it out")
    if not conditional:
        return (along / spread.square()[:, None]).to(gradients.dtype)
    if torch.linalg.eigvalsh(among / spread / spread[:, None])[0] < 1e-6:
        raise BookError("some traits always change together in W: leave one of them out")
    return torch.linalg.solve(among, along).to(gradients.dtype)


def find(w: Tensor, readings: Tensor, names: Sequence[str], *, conditional: bool = True,
         penalty: float = PENALTY) -> Directions:
    """Directions from samples' styles w (B, Z) and their readings (B, T).

    A quarter of the samples is kept to see how well the lines fit.
    """
    if len(w) != len(readings) or readings.shape[1:] != (len(names),):
        raise BookError(f"{len(w)} styles and {len(names)} names take readings "
                        f"({len(w)}, {len(names)}), not {tuple(readings.shape)}")
    if len(w) < 8:
        raise BookError(f"directions need at least 8 samples, got {len(w)}: give more")
    used = len(w) - len(w) // 4
    mean, level = w[:used].mean(0), readings[:used].mean(0)
    gradients = ridge(w[:used], readings[:used], penalty)
    found = Directions(tuple(names), mean, level, gradients,
                       steps(gradients, w[:used].T.cov(), conditional), level)
    kept = readings[used:]
    missed = (found.predicted(w[used:]) - kept).square().sum(0)
    return replace(found, fit=1 - missed / (kept - kept.mean(0)).square().sum(0))


@torch.no_grad()
def observed(model: StyleGAN2, read: Read, count: int, seed: int = 0,
             batch: int = 64) -> tuple[Tensor, Tensor]:
    """Styles (count, Z) of samples and what is read from their images, (count, T)."""
    generator = stream("observed noise", seed)
    styles, readings = [], []
    for z in model.latents(count, seed).split(batch):
        w = model.styles(z)
        image = model.synthesis(w, model.synthesis.draw_noise(len(w), generator))
        styles.append(w)
        readings.append(read(image.clamp(-1, 1)))
    return torch.cat(styles), torch.cat(readings)


@torch.no_grad()
def effects(render: Render, read: Read, directions: Directions, w: Tensor) -> Tensor:
    """How every reading changes when one trait is brought from low to high, (T, B, T).

    [t, b, u] is the rise of trait u in image b while t is promised to go from :data:`SWING`
    deviations below the data's mean to as many above it.
    """
    moved = []
    for trait in range(len(directions.names)):
        low, high = (read(render(directions.brought(w, trait, level)))
                     for level in (-SWING, SWING))
        moved.append(high - low)
    return torch.stack(moved)


def fixed_noise(model: StyleGAN2, seed: int = 0, batch: int = 64) -> Render:
    """The model's synthesis with the same noise for all images, in [-1, 1]."""
    noise = model.synthesis.draw_noise(1, stream("fixed noise", seed))

    def render(w: Tensor) -> Tensor:
        return torch.cat([model.synthesis(part, noise).clamp(-1, 1) for part in w.split(batch)])

    return render


def own_change(moved: Tensor) -> Tensor:
    """The rise of the trait that was asked for, (T, B), of effects (T, B, T)."""
    return moved.diagonal(dim1=0, dim2=2).T


def others_change(moved: Tensor) -> Tensor:
    """Mean absolute change of the traits that were not asked for, (T, B)."""
    count = len(moved)
    if count < 2:
        raise BookError("leakage needs two traits or more")
    return (moved.abs().sum(2) - own_change(moved).abs()) / (count - 1)
