"""Embedding images: which w and which noise make a frozen generator show them.

What is optimised is w, the noise, or both. Images share no variable, losses are added over images,
and Adam's state belongs to single numbers: a batch of images is embedded as each would be alone.

The noise that is moved is strength * n, what a layer really adds. A generator's strengths can end
near 0, and then n itself would get no gradient to speak of.

Axes: B batch, H W pixels, L rows of W+, Z latent.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from synthbook.files import BookError
from synthbook.image2stylegan_pp.blocks import Candidate, Loss
from synthbook.image2stylegan_pp.features import Seen
from synthbook.image2stylegan_pp.masks import checked_rows
from synthbook.metrics import psnr
from synthbook.streams import stream
from synthbook.stylegan2 import StyleGAN2, every_row

NOISES = ("own", "first", "fresh", "none")


@dataclass(frozen=True)
class Moment:
    """An optimisation on its way, after so many steps of all stages together.

    loss, psnr : (B,) the objective, and dB against the image that was asked for, if one was.
    frame      : the images (B, 3, H, W) in bytes, if they were asked for.
    """

    stage: str
    step: int
    loss: Tensor
    psnr: Tensor | None = None
    frame: Tensor | None = None


@dataclass(frozen=True)
class Recording:
    """What is noted, every so many steps and at both ends: PSNR against `target`, frames."""

    every: int = 25
    target: Tensor | None = None
    frames: bool = False


@dataclass(frozen=True)
class Embedding:
    """B images as a generator holds them.

    w     : (B, L, Z).
    added : strength * n for every layer, (B, 1, h, h).
    first : the same before any noise was optimised.
    path  : how it came about.
    """

    w: Tensor
    added: tuple[Tensor, ...]
    first: tuple[Tensor, ...]
    path: tuple[Moment, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.w)

    def __getitem__(self, which: slice | list[int]) -> "Embedding":
        """Some of the images, by a slice or a list of their places, without the path."""
        return Embedding(self.w[which], tuple(a[which] for a in self.added),
                         tuple(a[which] for a in self.first))

    def without_noise(self) -> "Embedding":
        """The same w with the noise from before any was optimised."""
        return replace(self, added=self.first)


@dataclass(frozen=True)
class Pace:
    """How far and how fast: steps of Adam, and rates that fall to 0 by half a cosine at the end.

    decay : the share of the steps over which they fall.
    """

    steps: int
    rate: float
    decay: float = 0.5
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    def at(self, step: int) -> float:
        """The rate of a step, counted from 0."""
        left = 1 - step / max(1, self.steps)
        share = min(1.0, left / self.decay) if self.decay else 1.0
        return self.rate * (1 - math.cos(math.pi * share)) / 2


@dataclass(frozen=True)
class Turn:
    """What one step minimises, the sum of `losses`, and what it moves and how fast."""

    losses: tuple[Loss, ...]
    w: Pace | None = None
    noise: Pace | None = None

    def total(self, at: Candidate) -> Tensor:
        """The sum of the losses, (B,)."""
        return sum(loss(at) for loss in self.losses)


# -------------------------------------------------------------------------------- the start


def draw(model: StyleGAN2, count: int, seed: int) -> tuple[Tensor, ...]:
    """Strength * n for `count` images: the first are the same whatever the count."""
    generator = stream("noise", seed)
    drawn = [model.synthesis.draw_noise(1, generator) for _ in range(count)]
    added = model.synthesis.scaled([torch.cat(maps) for maps in zip(*drawn)])
    return tuple(a.detach() for a in added)


@torch.no_grad()
def start(model: StyleGAN2, count: int, how: str = "mean", seed: int = 0,
          noise: str = "drawn") -> Embedding:
    """Where an embedding begins.

    how   : every w at the `mean` over latents, or each at a `random` latent's.
    noise : `drawn` from N(0, 1), for each image its own, or `none`.
    """
    if how not in ("mean", "random") or noise not in ("drawn", "none"):
        raise BookError(f"an embedding starts at the mean or at random, with noise drawn or none; "
                        f"got {how!r} and {noise!r}")
    if how == "mean":
        w = model.mean_w[None].expand(count, -1)
    else:
        w = model.styles(model.latents(count, seed))
    added = draw(model, count, seed)
    if noise == "none":
        added = tuple(map(torch.zeros_like, added))
    return Embedding(every_row(w, model.config).clone(), added, added)


@torch.no_grad()
def render(model: StyleGAN2, at: Embedding, noise: str = "own", seed: int = 0) -> Tensor:
    """The images (B, 3, H, W) of an embedding; nothing clips them.

    noise : its `own`; the `first`, from before any was optimised; `fresh`, drawn with `seed`; or
            `none`. Noise that was optimised carries detail of one image and can spoil edits of
            it: look at both.
    """
    if noise not in NOISES:
        raise BookError(f"unknown noise {noise!r}: choose {', '.join(NOISES)}")
    added = {"own": lambda: at.added, "first": lambda: at.first,
             "fresh": lambda: draw(model, len(at), seed),
             "none": lambda: tuple(map(torch.zeros_like, at.added))}[noise]()
    return model.synthesis(at.w, added, scaled=True)


def eight_bits(images: Tensor) -> Tensor:
    """Images clipped to [-1, 1] and rounded to the 256 values of a picture file."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


def quality(made: Tensor, wanted: Tensor) -> Tensor:
    """PSNR in dB, (B,), of images (B, 3, H, W) as a picture file would hold them."""
    return psnr(eight_bits(made), eight_bits(wanted))


# --------------------------------------------------------------------------- the optimisation


class Variables:
    """What is moved: some rows of w or one w for all of them, and noise; each with its Adam."""

    def __init__(self, model: StyleGAN2, at: Embedding, rows: Tensor | None, shared: bool,
                 plain: bool):
        self.synthesis, self.at = model.synthesis, at
        self.rows = checked_rows(rows, model.config).nonzero()[:, 0].to(at.w.device)
        self.shared = shared
        free = at.w.mean(1, keepdim=True) if shared else at.w[:, self.rows]
        self.w = free.detach().clone().requires_grad_()
        self.moved = [torch.zeros_like(a).requires_grad_() for a in at.added]
        self.gains = list(model.synthesis.strengths.detach()) if plain else [1.0] * len(self.moved)
        self.adams: dict[str, torch.optim.Adam] = {}

    def leaves(self, which: str) -> list[Tensor]:
        return [self.w] if which == "w" else self.moved

    def candidate(self) -> Candidate:
        """The images as they are now, differentiable in the variables."""
        full = self.at.w
        w = self.w.expand_as(full) if self.shared else full.index_copy(1, self.rows, self.w)
        added = [a + gain * m for a, gain, m in zip(self.at.added, self.gains, self.moved)]
        return Candidate(Seen(self.synthesis(w, added, scaled=True)), w, added)

    def step(self, loss: Tensor, paces: dict[str, Pace], step: int) -> None:
        """One step of Adam down the loss, for those variables that have a pace."""
        leaves = [leaf for which in paces for leaf in self.leaves(which)]
        gradients = torch.autograd.grad(loss, leaves, allow_unused=True)
        for leaf, gradient in zip(leaves, gradients, strict=True):
            leaf.grad = torch.zeros_like(leaf) if gradient is None else gradient
        for which, pace in paces.items():
            if which not in self.adams:
                self.adams[which] = torch.optim.Adam(self.leaves(which), pace.rate, pace.betas,
                                                     pace.eps)
            for group in self.adams[which].param_groups:
                group["lr"] = pace.at(step)
            self.adams[which].step()


def minimise(model: StyleGAN2, at: Embedding, turns: Sequence[Turn], steps: int, *,
             rows: Tensor | None = None, shared: bool = False, plain: bool = False,
             stage: str = "", recording: Recording | None = None,
             after: Callable[[Variables], None] | None = None) -> Embedding:
    """Minimise losses by Adam from `at`; the turns take one step each, over and over.

    Parameters
    ----------
    turns  : what a step minimises and moves. What no turn moves stays exactly as it was.
    rows   : (L,) bool, the rows of W+ that may move; all where None.
    shared : one w for all rows, a point of W; it starts at the mean over rows.
    plain  : noise is moved as n, not as strength * n.
    stage  : its name in the path, to which `recording` adds moments with the first turn's loss.
    after  : called after every step, for projections.

    Raises BookError where the loss stops being finite.
    """
    moves_w = any(turn.w for turn in turns)
    variables = Variables(model, at, rows, shared and moves_w, plain)
    begun = at.path[-1].step if at.path else 0
    path = [*at.path]

    def note(step: int, candidate: Candidate, loss: Tensor) -> None:
        if not bool(loss.isfinite().all()):
            raise BookError(f"the loss is not finite after {step} steps: lower the rates")
        if recording:
            made, target = candidate.seen.image.detach(), recording.target
            path.append(Moment(
                stage, begun + step, loss.detach().cpu(),
                None if target is None else quality(made, target.to(made)).cpu(),
                ((made.clamp(-1, 1) + 1) * 127.5).round().byte().cpu() if recording.frames
                else None))

    every = recording.every if recording else max(1, steps)
    for step in range(steps):
        turn, candidate = turns[step % len(turns)], variables.candidate()
        losses = turn.total(candidate)
        if step % every == 0:
            with torch.no_grad():
                note(step, candidate, losses if turn is turns[0] else turns[0].total(candidate))
        paces = {k: pace for k, pace in (("w", turn.w), ("noise", turn.noise)) if pace}
        variables.step(losses.sum(), paces, step)
        if after:
            after(variables)
    with torch.no_grad():
        candidate = variables.candidate()
        note(steps, candidate, turns[0].total(candidate))
    w = candidate.w.detach().clone() if moves_w else at.w
    moves_noise = any(turn.noise for turn in turns)
    added = tuple(a.detach() for a in candidate.added) if moves_noise else at.added
    return replace(at, w=w, added=added, path=tuple(path))


def fit_w(model: StyleGAN2, at: Embedding, losses: Sequence[Loss], pace: Pace,
          **options) -> Embedding:
    """Minimise a sum of losses over rows of w, the noise fixed; options: :func:`minimise`'s."""
    return minimise(model, at, [Turn(tuple(losses), w=pace)], pace.steps,
                    **{"stage": "w", **options})


def fit_noise(model: StyleGAN2, at: Embedding, losses: Sequence[Loss], pace: Pace,
              **options) -> Embedding:
    """Minimise a sum of losses over the noise, w fixed; options: :func:`minimise`'s."""
    return minimise(model, at, [Turn(tuple(losses), noise=pace)], pace.steps,
                    **{"stage": "noise", **options})
