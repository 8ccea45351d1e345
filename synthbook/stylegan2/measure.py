"""What StyleGAN2 is measured by, and the pictures and the renderer that it is held against.

Nothing tells this generator what to make, so whole sets are compared: is a set of samples like a
set of portraits that no training saw, how does truncation trade likeness for variety, is anything
copied? Then its handles: what noise moves, how even W is, and what a step along a trait's
direction changes besides that trait.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from synthbook import losses, metrics, yardsticks
from synthbook.datasets.cache import Cached, cached
from synthbook.datasets.generated import to_image
from synthbook.datasets.traits import TRAITS
from synthbook.judges import JUDGES, PROPOSES
from synthbook.metrics import Estimate
from synthbook.streams import stream
from synthbook.stylegan2.directions import (
    Directions,
    effects,
    find,
    fixed_noise,
    observed,
    others_change,
    own_change,
)
from synthbook.stylegan2.network import StyleGAN2, every_row, sample
from synthbook.yardsticks import SEED, Row, Rows

CARD = {
    "intended change": ("trait_change", "closest to the oracle"),
    "leakage": ("trait_leakage", "smaller is better"),
    "realism": ("kid_judge", "smaller is better"),
}
PSI = (0.3, 0.5, 0.7, 0.85)  # truncations beside 1
REPEATED = 8  # pictures that the broken model knows


def exact(value: float) -> Estimate:
    """A number that is read off, not estimated."""
    return Estimate(value, value, value, 1, "")


# ------------------------------------------------------------------------------- the handles


@torch.no_grad()
def noise_rows(model: StyleGAN2, count: int, seed: int) -> Row:
    """What noise does to `count` images.

    `noise_moves`: mean absolute change, on the scale [0, 1], of an image whose noise alone is
    drawn again. `noise_share`: that change over the one between two images of other latents.
    `strength_L`: what a layer's noise is multiplied by; `reach_L`: its absolute value over the
    standard deviation of the features that it is added to.
    """
    generator = stream("noise", seed)
    w = model.styles(model.latents(count, seed))
    one, other = (model.synthesis.draw_noise(count, generator) for _ in range(2))
    with features_of(model) as found:
        image = model.synthesis(w, one)
    again, stranger = model.synthesis(w, other), model.synthesis(w.roll(1, 0), one)
    row = moves(image, again, stranger)
    for name, strength, spread in zip(model.config.layers, model.synthesis.strengths, found):
        row[f"strength_{name}"] = exact(float(strength))
        row[f"reach_{name}"] = exact(abs(float(strength)) / max(spread, 1e-12))
    return row


def moves(image: Tensor, again: Tensor, stranger: Tensor) -> Row:
    """How far images (B, 3, H, W) with other noise are, and as a share of strangers' distance."""
    moved, apart = ((image - x).abs().mean((1, 2, 3)) / 2 for x in (again, stranger))
    return {"noise_moves": metrics.mean_estimate(moved),
            "noise_share": metrics.mean_estimate(moved / apart.mean().clamp_min(1e-12))}


@contextmanager
def features_of(model: StyleGAN2) -> Iterator[list[float]]:
    """A list that fills with the deviation of what each layer's convolution makes."""
    found: list[float] = []
    keep = lambda layer, given, y: found.append(float(y.float().std((0, 2, 3)).mean()))
    hooks = [layer.conv.register_forward_hook(keep) for layer in model.synthesis.layers]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def path_rows(model: StyleGAN2, count: int, seed: int, batch: int = 32) -> Row:
    """Path lengths of `count` latents, and their mean distance from their mean, over it.

    The path length regulariser pulls the second number towards 0: equal steps in W then change
    images equally (Karras et al. 2020, section 3.2).
    """
    generator, lengths = stream("paths", seed), []
    with torch.no_grad():
        styles = every_row(model.styles(model.latents(count, seed)), model.config)
    for part in styles.split(batch):
        w = part.clone().requires_grad_()
        image = model.synthesis(w, model.synthesis.draw_noise(len(w), generator))
        y = torch.randn(image.shape, generator=generator)
        lengths.append(losses.path_lengths(image, w, y).detach())
    found = torch.cat(lengths)
    return {"path_length": metrics.mean_estimate(found),
            "path_spread": metrics.mean_estimate((found / found.mean() - 1).abs())}


def control(moved: Tensor, prefix: str = "") -> Row:
    """Change of the trait that was asked for and of the others, from effects (T, B, T).

    In deviations of the readings; `trait_change` and `trait_leakage` are means over traits.
    """
    own, others = own_change(moved), others_change(moved)
    row = {f"{prefix}trait_change": metrics.mean_estimate(own.mean(0), "judge"),
           f"{prefix}trait_leakage": metrics.mean_estimate(others.mean(0), "judge")}
    for trait, a, b in zip(TRAITS, own, others, strict=True):
        name = trait.name.replace(" ", "_")
        row[f"{prefix}change_{name}"] = metrics.mean_estimate(a, "judge")
        row[f"{prefix}leakage_{name}"] = metrics.mean_estimate(b, "judge")
    return row


# -------------------------------------------------------------------------------- one table


class Setup(yardsticks.Setup):
    """What StyleGAN2's models of one table share besides; the judge is a reader of traits."""

    @cached_property
    def train(self) -> Cached:
        """The training portraits, as many as the budget says."""
        return cached(self.data("train", self.budget.bank or 10_000, seed=0))

    @cached_property
    def known(self) -> dict[str, Tensor]:
        """Features of the held-out portraits in each space."""
        return {name: space(self.real) for name, space in self.spaces.items()}

    @cached_property
    def learnt(self) -> Tensor:
        """The judge's features of the training portraits."""
        space = self.spaces["judge"]
        return torch.cat([space(to_image(part)) for part in
                          self.train.stored["image"].split(256)])

    @property
    def edits(self) -> int:
        """Portraits whose traits are changed one by one."""
        return 2 * self.budget.layouts

    def read(self, images: Tensor, eye: int = JUDGES) -> Tensor:
        """What the judge reads from images (B, 3, H, W), (B, T)."""
        return self.judge.readings(images, eye)

    def likeness(self, images: Tensor) -> Row:
        """How like the held-out portraits images (B, 3, H, W) are, as sets.

        Precision, recall, `c2st` and `copying` in the judge's space; `lpips` is their diversity.
        """
        row = {}
        for name, space in self.spaces.items():
            sets = self.known[name], space(images)
            row |= {f"kid_{name}": metrics.kid(*sets, space),
                    f"fd_{name}": metrics.fd(*sets, space)}
            if name == "judge":
                row["precision"], row["recall"] = metrics.precision_recall(*sets, space)
                row["c2st"] = metrics.c2st(*sets, space)
                row["copying"] = metrics.copying(*sets, self.learnt, space)
        pairs = images[:len(images) // 2 * 2].unflatten(0, (-1, 2))
        return row | {"lpips": metrics.diversity(pairs)}

    def truncated(self, model: StyleGAN2, seed: int) -> Row:
        """Precision, recall and KID at each truncation of :data:`PSI`, in the judge's space."""
        row, space = {}, self.spaces["judge"]
        for psi in PSI:
            made = space(sample(model, self.budget.images, seed, psi))
            found = {"kid_judge": metrics.kid(self.known["judge"], made, space)}
            found["precision"], found["recall"] = metrics.precision_recall(
                self.known["judge"], made, space)
            row |= {f"{key}_psi_{psi:g}": value for key, value in found.items()}
        return row

    # ------------------------------------------------------------------------- directions

    def seen(self, model: StyleGAN2, seed: int) -> tuple[Tensor, Tensor]:
        """Styles of samples, and what the judge's proposing network reads, (N, Z) and (N, T)."""
        count = max(5 * self.budget.images, 4 * model.config.latent)
        return observed(model, lambda x: self.read(x, PROPOSES), count, seed + 1)

    def steered(self, model: StyleGAN2, directions: Directions, seed: int) -> Tensor:
        """Effects (T, B, T) of directions on new samples, by the judge's other network."""
        with torch.no_grad():
            w = model.styles(model.latents(self.edits, seed))
        return effects(fixed_noise(model, seed), self.read, directions, w)

    def handles(self, model: StyleGAN2, seed: int) -> tuple[Row, Directions]:
        """Control by conditional and by plain directions, and the conditional ones.

        `fit_...`: share of a reading's variance that a straight line in W explains.
        """
        w, readings = self.seen(model, seed)
        names = [trait.name for trait in TRAITS]
        found = find(w, readings, names)
        plain = find(w, readings, names, conditional=False)
        row = control(self.steered(model, found, seed))
        row |= control(self.steered(model, plain, seed), "plain_")
        fits = {f"fit_{name.replace(' ', '_')}": exact(float(value))
                for name, value in zip(names, found.fit)}
        return row | fits, found

    # --------------------------------------------------------------------- reference rows

    def rendered(self, change: Callable) -> Tensor:
        """The renderer's pictures of the edited portraits, each after `change`, (B, 3, H, W)."""
        return torch.stack([self.test.tensors(change(scene))["image"]
                            for scene in self.scenes[:self.edits]])

    @cached_property
    def truth(self) -> Tensor:
        """Effects (T, B, T) where the renderer changes one trait and nothing else."""
        return torch.stack([self.read(self.rendered(trait.high))
                            - self.read(self.rendered(trait.low)) for trait in TRAITS])

    @cached_property
    def oracle(self) -> Row:
        """Other real portraits; their detail drawn again by the renderer; traits set by it."""
        rng = np.random.default_rng(SEED)
        image = self.rendered(lambda scene: scene)
        again = self.rendered(lambda scene: self.test.renoise(scene, rng))
        return (self.likeness(self.images("test")) | moves(image, again, image.roll(1, 0))
                | control(self.truth))

    @cached_property
    def references(self) -> Rows:
        """The reference rows that are the same for every model.

        `trivial` is the mean training portrait again and again, `copies` are training portraits.
        """
        stored, count = self.train.stored["image"], self.budget.images
        mean = to_image(stored.mean(0, dtype=torch.float32))
        copies = to_image(stored[torch.arange(count) % len(stored)])
        return {"oracle": self.oracle,
                "floor": self.likeness(self.images("test", self.budget.images)),
                "trivial": self.likeness(mean.expand(count, -1, -1, -1)),
                "copies": self.likeness(copies)}

    def broken(self, model: StyleGAN2, images: Tensor, directions: Directions, seed: int) -> Row:
        """A model that every metric must catch.

        It knows a few pictures only, shifted and noisy, and takes one trait for another.
        """
        few = images[:REPEATED].repeat(-(-len(images) // REPEATED), 1, 1, 1)[:len(images)]
        grain = torch.randn(few.shape, generator=stream("grain", seed))
        spoilt = (few.roll(few.shape[-1] // 3, -1) + 0.4 * grain).clamp(-1, 1)
        wrong = replace(directions, steps=directions.steps.roll(1, 0))
        return self.likeness(spoilt) | control(self.steered(model, wrong, seed))

    def evaluate(self, model: StyleGAN2, seed: int) -> tuple[Row, Rows]:
        """Every metric of a model, and the reference rows; `seed` is of latents and noise."""
        images = sample(model, self.budget.images, seed)
        rows = self.likeness(images) | self.truncated(model, seed)
        rows |= noise_rows(model, max(2, self.edits), seed)
        rows |= path_rows(model, max(2, self.edits), seed)
        found, directions = self.handles(model, seed)
        return rows | found, self.references | {
            "broken": self.broken(model, images, directions, seed)}
