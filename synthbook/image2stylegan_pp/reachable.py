"""How near noise alone can bring an image, at a fixed w: the ceiling of what Mk_n can reach.

With w fixed the generator is piecewise linear in the noise. Around a point it is G(n + d) =
G(n) + J d, and the best d is a least squares problem. Conjugate gradients solve it with products
by J and its transpose alone; a few rounds follow the pieces. Adam's result is held against this.

Axes: B batch, H W pixels, h w pixels of a layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from synthbook.image2stylegan_pp.embedding import Embedding
from synthbook.image2stylegan_pp.recipe import checked_target
from synthbook.stylegan2 import StyleGAN2

HALVINGS = 5  # of a step that leaves the piece on which it was computed
ROUNDING = 1e-13  # of a squared gradient against the first: float32 has no more to say


@dataclass(frozen=True)
class Solve:
    """How hard the least squares problem is tried.

    rounds, iterations : linearisations, and conjugate gradients in each.
    damping : weight of |d|^2 against |residual|^2, as a share of the products' size: it keeps
              steps on the piece where the line holds.
    """

    rounds: int = 5
    iterations: int = 60
    damping: float = 1e-5


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Maps (B, 1, h, h) of every layer as vectors (B, N)."""
    return torch.cat([part.flatten(1) for part in parts], 1)


def parted(vector: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """:func:`joined` turned round."""
    sizes = [part[0].numel() for part in like]
    return [piece.view_as(part) for piece, part in zip(vector.split(sizes, 1), like)]


class Linear:
    """The generator around an embedding: its image, J and the transpose of J."""

    def __init__(self, model: StyleGAN2, w: Tensor, added: Sequence[Tensor]):
        self.like = [a.detach() for a in added]
        self.function = lambda *maps: model.synthesis(w, list(maps), scaled=True)
        self.leaves = [a.clone().requires_grad_() for a in self.like]
        with torch.enable_grad():
            self.image = self.function(*self.leaves)

    def forward(self, d: Tensor) -> Tensor:
        """J d: a change of noise (B, N) to one of images (B, 3, H, W)."""
        tangent = tuple(parted(d, self.like))
        return torch.func.jvp(self.function, tuple(self.like), tangent)[1].detach()

    def transposed(self, r: Tensor) -> Tensor:
        """The transpose of J applied to (B, 3, H, W), (B, N)."""
        return joined(torch.autograd.grad(self.image, self.leaves, r, retain_graph=True))


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Products of vectors or images, one for each of the batch, (B,)."""
    return (a.flatten(1) * b.flatten(1)).sum(1)


def least_squares(linear: Linear, residual: Tensor, solve: Solve) -> Tensor:
    """The change d (B, N) that minimises |residual - J d|^2 + damping |d|^2, for each image alone.

    Conjugate gradients on the normal equations (CGLS: Björck 1996, section 7.4). An image whose
    gradient has fallen to the rounding of float32 is done.
    """
    s = linear.transposed(residual)
    scale = dot(linear.forward(s), linear.forward(s)) / dot(s, s).clamp_min(1e-30)
    damping = solve.damping * scale
    d, p, r, size = torch.zeros_like(s), s.clone(), residual.clone(), dot(s, s)
    done = ROUNDING * size
    for _ in range(solve.iterations):
        if (size <= done).all():
            break
        q = linear.forward(p)
        curvature = dot(q, q) + damping * dot(p, p)
        step = torch.where(size > done, size / curvature.clamp_min(1e-30), 0.0)
        d = d + step[:, None] * p
        r = r - step.view(-1, 1, 1, 1) * q
        s = linear.transposed(r) - damping[:, None] * d
        new = dot(s, s)
        p = s + torch.where(size > 0, new / size.clamp_min(1e-30), 0.0)[:, None] * p
        size = new
    return d


def reachable(model: StyleGAN2, at: Embedding, x: Tensor, solve: Solve = Solve()) -> Embedding:
    """The embedding with the noise that brings its images nearest to x (B, 3, H, W), w as it is.

    Nothing is lost: a step that does not come nearer is halved, and at last not made. What this
    finds is a lower bound of what can be reached, not a proof.
    """
    checked_target(model, x)
    added = [a.clone() for a in at.added]
    for _ in range(solve.rounds):
        linear = Linear(model, at.w, added)
        residual = x - linear.image.detach()
        before = dot(residual, residual)
        d = least_squares(linear, residual, solve)
        share = torch.ones_like(before)
        for _ in range(HALVINGS):
            moved = parted(joined(added) + share[:, None] * d, added)
            with torch.no_grad():
                missed = x - model.synthesis(at.w, moved, scaled=True)
            nearer = dot(missed, missed) < before
            if nearer.all():
                break
            share = torch.where(nearer, share, share / 2)
        share = torch.where(nearer, share, 0.0)
        added = [a.detach() for a in parted(joined(added) + share[:, None] * d, added)]
    return replace(at, added=tuple(added))
