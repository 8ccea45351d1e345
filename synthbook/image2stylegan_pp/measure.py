"""What embedding is measured by: held-out portraits, brought into the generator in every order.

All portraits are embedded at once. Every number is told with the optimised noise and with noise
drawn anew, since optimised noise can paint what w does not know. Realism is judged by a network
that no objective here looks through. The edits are in :mod:`~synthbook.image2stylegan_pp.applied`.

Axes: B portraits, L rows of W+, Z latent, O octaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import torch
from torch import Tensor

from synthbook import metrics
from synthbook.baselines import pca, projector
from synthbook.datasets.generated import to_image
from synthbook.datasets.strangers import strangers
from synthbook.image2stylegan_pp import applied, copied
from synthbook.image2stylegan_pp.blocks import w_l
from synthbook.image2stylegan_pp.editing import between
from synthbook.image2stylegan_pp.embedding import Embedding, Pace, fit_w, quality, render, start
from synthbook.image2stylegan_pp.features import Taps, alexnet_taps
from synthbook.image2stylegan_pp.quantities import (
    bands,
    high_share,
    near_psnr,
    octaves,
    removed,
    row_of,
    styles_of,
    to_mean,
)
from synthbook.image2stylegan_pp.reachable import Solve, reachable
from synthbook.image2stylegan_pp.recipe import Settings, embed
from synthbook.metrics import Estimate, mean_estimate
from synthbook.stylegan2 import StyleGAN2, every_row
from synthbook.stylegan2 import measure as stylegan2
from synthbook.yardsticks import Row, Rows

CARD = {
    "intended change": ("scribble_inside", "closest to the oracle"),
    "leakage": ("scribble_outside", "smaller is better"),
    "realism": ("kid_scribble", "smaller is better"),
}
ARMS = ("w", "wplus", "noise", "sequential", "reverse", "joint", "alternating")
ORDERS = ("sequential", "reverse", "joint", "alternating")  # each with its own rates
AGAINST = ("reverse", "joint", "alternating")  # orders that the paper's is compared with
FRESH = 1  # added to the seed: the noise that is drawn anew
BANK = 2_000  # training portraits for principal components


@dataclass(frozen=True)
class Effort:
    """How much is embedded, and for how long.

    Parameters
    ----------
    portraits : held-out portraits; `rehearsal`: others, on which rates are chosen.
    settings  : of every embedding, but for the rates where they are chosen.
    rates     : of w and of the noise, from which every order takes its best pair.
    starts    : random starts beside the mean.
    solve     : how hard the reachable PSNR is tried for.
    project   : steps of StyleGAN2's projector.
    """

    portraits: int
    settings: Settings
    rehearsal: int = 8
    rates: tuple[tuple[float, ...], tuple[float, ...]] = ((0.02,), (0.03,))
    starts: int = 3
    solve: Solve = Solve()
    project: int = 400


FULL = Effort(50, Settings(w=Pace(300, 0.03), noise=Pace(300, 0.05)),
              rates=((0.01, 0.03), (0.03, 0.1)))
EFFORTS = {  # by the number of images that a budget compares; the least that sets can be told by
    40: Effort(20, Settings(w=Pace(2, 0.05), noise=Pace(2, 0.1)), 2, starts=1,
               solve=Solve(1, 3), project=2),
    200: Effort(20, Settings(w=Pace(60, 0.05), noise=Pace(60, 0.1)), 2, starts=1,
                solve=Solve(2, 20), project=60),
    600: FULL}


# ------------------------------------------------------------------------- the embeddings


def chosen(model: StyleGAN2, x: Tensor, order: str, effort: Effort, taps: Taps) -> Settings:
    """The settings with the rates at which an order comes nearest to images x, of equal grids."""
    offered = [replace(effort.settings, w=replace(effort.settings.w, rate=a),
                       noise=replace(effort.settings.noise, rate=b))
               for a, b in product(*effort.rates)]
    if len(offered) == 1:
        return offered[0]
    reached = [quality(render(model, embed(model, x, order, settings, taps)), x).mean()
               for settings in offered]
    return offered[int(torch.stack(reached).argmax())]


def arms(model: StyleGAN2, x: Tensor, settings: Mapping[str, Settings],
         taps: Taps) -> dict[str, Embedding]:
    """Images x embedded in every way of :data:`ARMS`, all in equally many steps.

    settings : of each order of :data:`ORDERS`; the others have those of the paper's order.
    """
    plain = settings["sequential"]
    found = {"w": embed(model, x, "w", plain, taps, shared=True),
             "wplus": embed(model, x, "w", plain, taps), "noise": embed(model, x, "noise", plain)}
    return found | {order: embed(model, x, order, settings[order], taps) for order in ORDERS}


# -------------------------------------------------------------------------- what they show


@torch.no_grad()
def reconstruction(model: StyleGAN2, x: Tensor, found: Mapping[str, Embedding], seed: int) -> Row:
    """PSNR of every arm, with its own and with fresh noise; what w+, noise and order bring.

    `wplus_minus_w` : W+ over W. `noise_gain`: the paper's order over W+ alone in as many steps.
    `fresh_minus_ORDER`: the paper's order over another, both with fresh noise.
    """
    own = {name: near_psnr(render(model, at), x) for name, at in found.items()}
    fresh = {name: near_psnr(render(model, at, "fresh", seed + FRESH), x)
             for name, at in found.items()}
    values = {f"psnr_{name}": value for name, value in own.items()}
    values |= {f"psnr_{name}_fresh": value for name, value in fresh.items()}
    values["psnr_sequential_first"] = near_psnr(render(model, found["sequential"], "first"), x)
    values["wplus_minus_w"] = own["wplus"] - own["w"]
    values["noise_gain"] = own["sequential"] - own["wplus"]
    for name in AGAINST:
        values[f"sequential_minus_{name}"] = own["sequential"] - own[name]
        values[f"fresh_minus_{name}"] = fresh["sequential"] - fresh[name]
    return row_of(values)


@torch.no_grad()
def spectra(model: StyleGAN2, x: Tensor, found: Mapping[str, Embedding]) -> Row:
    """What noise repairs, by frequency, where it comes after w and where it comes without it.

    `high_ARM`: share of the energy that noise takes from the residual x - G(w, 0), above a quarter
    of Nyquist. `reduced_LOW`: the share that it takes in one octave, of the paper's order.
    `raw_high`: the share of the noise's own effect, 0.95 for white noise whatever it is for.
    """
    values, rows = {}, {}
    for name in ("sequential", "noise", *AGAINST):
        bare = render(model, found[name], "none").clamp(-1, 1)
        made = render(model, found[name]).clamp(-1, 1)
        taken = removed(x, bare, made)
        values[f"high_{name}"] = high_share(taken)
        if name == "sequential":
            values["raw_high"] = high_share(bands(made - bare))
            left = bands(x - bare).sum(0)
            for (low, _), part, whole in zip(octaves(x.shape[-1]), taken.sum(0), left):
                rows[f"reduced_{low:g}"] = stylegan2.exact(float(part / whole.clamp_min(1e-12)))
    values["high_minus_noise_first"] = values["high_sequential"] - values["high_noise"]
    return row_of(values) | rows


@torch.no_grad()
def strength(model: StyleGAN2, found: Mapping[str, Embedding]) -> Row:
    """`drawn_LAYER`, `optimised_LAYER`: root mean square of strength * n, before and after."""
    at, rows = found["sequential"], {}
    for name, before, after in zip(model.config.layers, at.first, at.added):
        for called, a in (("drawn", before), ("optimised", after)):
            rows[f"{called}_{name}"] = mean_estimate(a.square().mean((1, 2, 3)).sqrt())
    return rows


@torch.no_grad()
def latents(model: StyleGAN2, found: Mapping[str, Embedding]) -> Row:
    """`distance_ARM`: how far its w are from W, 1 for a random latent's; differences of orders."""
    styles = styles_of(model)
    away = {name: styles.distance(at.w) for name, at in found.items()}
    values = {f"distance_{name}": value for name, value in away.items()}
    values |= {f"distance_{name}_minus_sequential": away[name] - away["sequential"]
               for name in AGAINST}
    return row_of(values)


def pairs(at: Embedding) -> Embedding:
    """Half-way from each embedding to the next, around."""
    last = [*range(1, len(at)), 0]
    return between(at, at[last], 0.5)


# --------------------------------------------------------------------------------- one table


class Setup(stylegan2.Setup):
    """What embeddings in one generator are measured by."""

    @property
    def effort(self) -> Effort:
        """How much is embedded, by the budget."""
        return EFFORTS[max(k for k in EFFORTS if k <= max(self.budget.images, min(EFFORTS)))]

    @cached_property
    def taps(self) -> Taps:
        """The network of the perceptual and of the style term."""
        return alexnet_taps()

    @cached_property
    def portraits(self) -> Tensor:
        """Held-out portraits that are embedded, (B, 3, H, W)."""
        return self.images("test")[:self.effort.portraits]

    @cached_property
    def others(self) -> dict[str, Tensor]:
        """Pictures of other kinds."""
        return strangers(self.size, max(2, self.effort.portraits // 6))

    def midway(self, model: StyleGAN2, found: Mapping[str, Embedding], seed: int) -> Row:
        """KID of portraits half-way between two embedded ones, with fresh and with mixed noise."""
        space, rows, seen = self.spaces["judge"], {}, {}
        for name in ORDERS:
            middle = pairs(found[name])
            for noise, suffix in (("fresh", ""), ("own", "_own")):
                with torch.no_grad():
                    made = render(model, middle, noise, seed + FRESH).clamp(-1, 1)
                seen[name + suffix] = space(made)
                rows[f"kid_between_{name}{suffix}"] = metrics.kid(
                    self.known["judge"], seen[name + suffix], space)
        return rows | {f"kid_between_{name}_minus_sequential": metrics.kid_difference(
            self.known["judge"], seen[name], seen["sequential"], space) for name in AGAINST}

    def reach(self, model: StyleGAN2, found: Mapping[str, Embedding]) -> Row:
        """`psnr_reachable`: by least squares on the noise, at the w of the paper's order."""
        at, x = found["sequential"].without_noise(), self.portraits
        with torch.no_grad():
            most = near_psnr(render(model, reachable(model, at, x, self.effort.solve)), x)
            own = near_psnr(render(model, found["sequential"]), x)
        return row_of({"psnr_reachable": most, "reachable_minus_sequential": most - own})

    def begun(self, model: StyleGAN2, found: Mapping[str, Embedding], settings: Settings,
              seed: int) -> Row:
        """Random starts against the mean, after as many steps of W_l.

        `mean_start_gain`: PSNR. `random_further`: distance from the mean w.
        """
        x, mean = self.portraits, model.mean_w
        gains, further = [], []
        with torch.no_grad():
            best = near_psnr(render(model, found["sequential"], "first"), x)
        for k in range(self.effort.starts):
            at = fit_w(model, start(model, len(x), "random", seed + k),
                       [w_l(x, None, None, settings.weights, self.taps)], settings.w)
            with torch.no_grad():
                gains.append(best - near_psnr(render(model, at), x))
            further.append(to_mean(at.w, mean) - to_mean(found["sequential"].w, mean))
        return row_of({"mean_start_gain": torch.stack(gains).mean(0),
                       "random_further": torch.stack(further).mean(0)})

    def abroad(self, model: StyleGAN2, settings: Settings) -> Row:
        """Pictures of other kinds, after W+ (`first`) and with noise, and by principal components.

        As many components of training portraits as W+ has numbers: do they lose less?
        """
        every = torch.cat(list(self.others.values()))
        at = embed(model, every, "sequential", settings, self.taps)
        stored = to_image(self.train.stored["image"][:BANK])
        count = min(model.config.rows * model.config.latent, len(stored) - 1)
        parts = pca.fitted(stored, count)
        with torch.no_grad():
            values = {"first": near_psnr(render(model, at, "first"), every),
                      "sequential": near_psnr(render(model, at), every),
                      "pca": near_psnr(parts.rebuilt(every), every)}
        rows = row_of({f"psnr_strangers_{name}": value for name, value in values.items()})
        rows["psnr_pca"] = mean_estimate(near_psnr(parts.rebuilt(self.portraits), self.portraits))
        sizes = [len(images) for images in self.others.values()]
        for name, value in values.items():
            rows |= row_of({f"psnr_{kind}_{name}": part for kind, part in
                            zip(self.others, value.split(sizes), strict=True)})
        return rows

    def projected(self, model: StyleGAN2, seed: int) -> Row:
        """StyleGAN2's own projector: one w in W, and noise that may carry nothing."""
        x = self.portraits
        w, added = projector.project(model, x, self.taps, self.taps.percept,
                                     projector.Projection(self.effort.project), seed)
        at = Embedding(every_row(w, model.config), tuple(added), tuple(added))
        with torch.no_grad():
            return row_of({"psnr_projector": near_psnr(render(model, at), x),
                           "psnr_projector_fresh": near_psnr(
                               render(model, at, "fresh", seed + FRESH), x)})

    @cached_property
    def references(self) -> Rows:
        """The reference rows that are the same for every generator.

        `oracle`: the portrait itself; the same with its detail drawn again by the renderer, which
        is all that a perfect w leaves open. `floor`: real portraits in place of those half-way.
        `trivial`: the mean training portrait. `broken`: every portrait's neighbour.
        """
        x = self.portraits
        again = torch.stack([self.test.tensors(self.test.renoise(scene, applied.random(k)))["image"]
                             for k, scene in enumerate(self.scenes[:len(x)])])
        mean = to_image(self.train.stored["image"].mean(0, dtype=torch.float32)).expand_as(x)
        rows = {name: self.stand_in(made, fresh) for name, (made, fresh) in {
            "oracle": (x, again), "trivial": (mean, mean),
            "broken": (x.roll(1, 0), x.roll(2, 0))}.items()}
        space, other = self.spaces["judge"], self.images("test", self.budget.images)
        floor = metrics.kid(self.known["judge"], space(other[:len(x)]), space)
        return rows | {"floor": {f"kid_between_{name}": floor for name in ORDERS}}

    def stand_in(self, made: Tensor, fresh: Tensor) -> Row:
        """PSNR of pictures (B, 3, H, W) in the place of every arm's, with own and fresh noise."""
        rows = {}
        for suffix, image in (("", made), ("_fresh", fresh)):
            value = mean_estimate(near_psnr(image, self.portraits))
            rows |= {f"psnr_{name}{suffix}": value for name in ARMS}
        return rows

    def evaluate(self, model: StyleGAN2, seed: int) -> tuple[Row, Rows]:
        """Every metric of embeddings in a generator, and the reference rows.

        seed : of noise and of random starts.
        """
        rehearsal = self.images("val")[:self.effort.rehearsal]
        settings = {order: chosen(model, rehearsal, order, self.effort, self.taps)
                    for order in ORDERS}
        found, plain = arms(model, self.portraits, settings, self.taps), settings["sequential"]
        rows = reconstruction(model, self.portraits, found, seed)
        rows |= spectra(model, self.portraits, found) | strength(model, found)
        rows |= latents(model, found) | self.midway(model, found, seed)
        rows |= self.reach(model, found) | self.begun(model, found, plain, seed)
        rows |= self.abroad(model, plain) | self.projected(model, seed)
        rows |= rates(settings)
        bench = applied.Bench(
            model, self.portraits, found["sequential"], plain, self.taps, self.spaces["judge"],
            self.known["judge"], self.real, to_image(self.train.stored["image"][:BANK]), self.judge)
        rows |= copied.copies(bench) | copied.attributes(bench)
        edits, references = applied.edited(bench, self.test, self.scenes)
        return rows | edits, applied.together(self.references, references)


def rates(settings: Mapping[str, Settings]) -> dict[str, Estimate]:
    """The rates that every order chose."""
    return {f"rate_{which}_{order}": stylegan2.exact(getattr(own, which).rate)
            for order, own in settings.items() for which in ("w", "noise")}

