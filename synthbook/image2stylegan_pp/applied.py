"""Do the edits do what the paper says? Holes, seams, strokes and styles as numbers.

Only final images are looked at, by the judge's features: no objective looks through that network.
Distances in it are told in those of two strangers: 1 is another person. Every edit stands beside
answers without a generator and beside the renderer's, where it has one.

Axes: B portraits, H W pixels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from synthbook import metrics
from synthbook.baselines import classical_inpainting as classical
from synthbook.baselines.pasting import PASTES, feathered
from synthbook.datasets.generated import Generated
from synthbook.image2stylegan_pp.editing import (
    crossover,
    inpaint,
    pasted,
    scribble,
    style_transfer,
)
from synthbook.image2stylegan_pp.embedding import Embedding, render
from synthbook.image2stylegan_pp.energy import style
from synthbook.image2stylegan_pp.features import Taps
from synthbook.image2stylegan_pp.masks import blurred, box, centre, free_rows, halves
from synthbook.image2stylegan_pp.quantities import (
    apart,
    colour_error,
    masked_psnr,
    mean_colour,
    row_of,
    seam,
    strip,
)
from synthbook.image2stylegan_pp.recipe import Settings
from synthbook.judges import JUDGES
from synthbook.metrics import Extractor
from synthbook.stylegan2 import StyleGAN2
from synthbook.yardsticks import SEED, Row, Rows

CLOTHES = 7  # the class that every portrait has and that strokes are painted on
HOLES: dict[str, Callable[[int], Tensor]] = {
    "centre": lambda size: centre(size, 3 * size // 8), "half": halves}


@dataclass(frozen=True, eq=False)
class Bench:
    """What all edits of one generator share.

    Parameters
    ----------
    model, settings, taps : the generator, and how edits are optimised.
    x     : portraits (B, 3, H, W); `at`: their embeddings in the paper's order.
    space : the features that decide; `known`: those of real portraits, whose pixels are `real`.
    seen  : training portraits (N, 3, H, W), for fills that look one up.
    judge : the network behind `space`, for its features before they are pooled.
    """

    model: StyleGAN2
    x: Tensor
    at: Embedding
    settings: Settings
    taps: Taps
    space: Extractor
    known: Tensor
    real: Tensor
    seen: Tensor
    judge: nn.Module

    @torch.no_grad()
    def shown(self, at: Embedding, noise: str = "own") -> Tensor:
        """The images of an embedding, clipped."""
        return render(self.model, at, noise).clamp(-1, 1)

    def away(self, made: Tensor) -> Tensor:
        """Distance (B,) from the true portraits in the judge's space; 1 is another person."""
        true = self.space(self.x)
        return apart(self.space(made), true) / apart(true, true.roll(1, 0)).mean()

    def kid(self, made: Tensor) -> metrics.Estimate:
        """KID from real portraits in the judge's space."""
        return metrics.kid(self.known, self.space(made), self.space)

    def closer(self, mine: Tensor, theirs: Tensor) -> metrics.Estimate:
        """KID of one set less that of another."""
        return metrics.kid_difference(self.known, mine, theirs, self.space)

    @property
    def size(self) -> int:
        return self.model.config.size


# ---------------------------------------------------------------------------------- holes


def fills(bench: Bench) -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """Fills without a generator, as far as their packages are here."""
    return classical.available() | {
        "mean": lambda x, hole: classical.mean_fill(x, hole, bench.seen),
        "nearest": lambda x, hole: classical.nearest(x, hole, bench.seen)}


def holes(bench: Bench) -> Row:
    """Filled holes: in the middle, and half the portrait.

    `away_HOLE`, `lpips_HOLE`, `kid_HOLE`: of the whole picture, known pixels pasted exactly;
    `psnr_HOLE` in the hole; `psnr_known_HOLE` outside before pasting; `..._HOLE_FILL` of other
    fills, and `..._HOLE_minus_FILL` the difference.
    """
    rows: Row = {}
    for name, hole_of in HOLES.items():
        hole, x = hole_of(bench.size), bench.x
        made = bench.shown(inpaint(bench.model, x, hole, bench.settings, bench.taps))
        rows |= row_of({f"psnr_known_{name}": masked_psnr(made, x, 1 - hole)})
        made = pasted(made, x, hole)
        rows |= filled(bench, made, hole, name)
        for called, fill in fills(bench).items():
            other = fill(x, hole)
            rows |= filled(bench, other, hole, f"{name}_{called}")
            rows |= row_of({f"away_{name}_minus_{called}": bench.away(made) - bench.away(other)})
            rows[f"kid_{name}_minus_{called}"] = bench.closer(made, other)
    return rows


def filled(bench: Bench, made: Tensor, hole: Tensor, name: str) -> Row:
    """How a filled picture (B, 3, H, W) compares with the true one."""
    return row_of({f"away_{name}": bench.away(made)}, "judge") | row_of(
        {f"lpips_{name}": metrics.lpips(made, bench.x)}, "lpips") | row_of(
        {f"psnr_{name}": masked_psnr(made, bench.x, hole)}) | {f"kid_{name}": bench.kid(made)}


def rows_of_w(bench: Bench) -> Row:
    """The hole in the middle before the noise stage, some rows of W+ free or all of them.

    `all_rows_away_minus_some`: how much farther from the truth all rows are;
    `some_known_minus_all`: PSNR outside the hole.
    """
    hole = HOLES["centre"](bench.size)
    only = replace(bench.settings, noise=replace(bench.settings.noise, steps=0))
    found = {}
    for name, kind in (("some", "inpainting"), ("all", "all")):
        at = inpaint(bench.model, bench.x, hole, only, bench.taps,
                     rows=free_rows(bench.model.config, kind))
        made = bench.shown(at)
        found[f"{name}_rows_known"] = masked_psnr(made, bench.x, 1 - hole)
        found[f"{name}_rows_away"] = bench.away(pasted(made, bench.x, hole))
    found["some_known_minus_all"] = found["some_rows_known"] - found["all_rows_known"]
    found["all_rows_away_minus_some"] = found["all_rows_away"] - found["some_rows_away"]
    return row_of(found)


# ---------------------------------------------------------------------------------- seams


def joins(bench: Bench) -> tuple[Row, Rows]:
    """The left half of each portrait on the right half of the next.

    `c2st_seam_WAY`: how well the surroundings of the seam are told from real ones, 0.5 where not
    at all. `seam_WAY`: steps across the seam over those of real portraits, 1 where alike.
    """
    x, mask = bench.x, halves(bench.size)
    second = x.roll(-1, 0)
    ours = bench.shown(crossover(bench.model, x, second, mask, bench.settings, bench.taps))
    rows = row_of({"crossover_first": masked_psnr(ours, x, mask),
                   "crossover_second": masked_psnr(ours, second, 1 - mask)})
    soft = partial(feathered, sigma=bench.settings.blur(bench.size))
    for name, paste in (PASTES | {"feathered": soft}).items():
        rows |= seams(bench, paste(x, second, mask), name)
    rows |= seams(bench, ours, "ours")
    return rows, {"oracle": seams(bench, x, "ours"),
                  "trivial": seams(bench, PASTES["paste"](x, second, mask), "ours")}


def seams(bench: Bench, made: Tensor, name: str) -> Row:
    """What the middle of pictures (B, 3, H, W) is like, where a vertical seam would be."""
    mask, width = halves(bench.size), bench.size // 2
    real = bench.real[:len(made)]
    rows = row_of({f"seam_{name}": seam(made, mask) / seam(real, mask).mean()})
    rows[f"c2st_seam_{name}"] = metrics.c2st(strip(real, width), strip(made, width), bench.space)
    return rows | {f"kid_seam_{name}": bench.kid(made)}


# ---------------------------------------------------------------------------- style, strokes


@torch.no_grad()
def unpooled(bench: Bench, image: Tensor) -> list[Tensor]:
    """The judge's features after its first halving, (B, C, H / 2, W / 2)."""
    return [bench.judge.eyes[JUDGES].pyramid(image)[1]]


def styles(bench: Bench) -> tuple[Row, Rows]:
    """The lower third of each portrait in the style of the next one's.

    `gram_after`, `gram_before`: the judge's Gram distance from the style there; `psnr_beside`:
    PSNR from the portrait where nothing was asked for.
    """
    size, x = bench.size, bench.x
    mask, second = box(size, 0, 2 * size // 3, size, size), x.roll(-1, 0)
    made = bench.shown(style_transfer(bench.model, x, second, mask, bench.settings, bench.taps))
    beside = (blurred(mask, bench.settings.blur(size)) == 0).to(x)
    wanted = unpooled(bench, second)

    def gram(image: Tensor) -> Tensor:
        return style(mask, unpooled(bench, image), wanted)

    rows = row_of({"gram_after": gram(made), "gram_before": gram(x)}, "judge") | row_of(
        {"psnr_beside": masked_psnr(made, x, beside)}) | {"kid_style": bench.kid(made)}
    oracle = PASTES["paste"](second, x, mask)  # the very textures, but with their shapes
    return rows, {"oracle": row_of({"gram_after": gram(oracle)}, "judge")
                  | row_of({"psnr_beside": masked_psnr(oracle, x, beside)}),
                  "trivial": row_of({"gram_after": gram(x)}, "judge")}


def random(number: int) -> np.random.Generator:
    """The stream of what is drawn for one portrait."""
    return np.random.default_rng([SEED, number])


@dataclass(frozen=True, eq=False)
class Strokes:
    """Paint on portraits: `mask` (B, 1, H, W) and `colour` (B, 3) of it, the painted image.

    `answer` is the renderer's: the whole garment in another style, whose mean colour under the
    mask is the paint's; `garment` (B, 1, H, W) is where it is.
    """

    mask: Tensor
    colour: Tensor
    painted: Tensor
    answer: Tensor
    garment: Tensor


def strokes(x: Tensor, data: Generated, scenes: Sequence[Any]) -> Strokes:
    """A bar of paint across the clothes of portraits x (B, 3, H, W), which show `scenes`."""
    size, drawn = x.shape[-1], list(scenes[:len(x)])
    bar = box(size, size // 4, 7 * size // 8, 3 * size // 4, size)
    label = torch.stack([data.tensors(scene)["label"] for scene in drawn])[:, None]
    answer = torch.stack([data.tensors(data.redraw(scene, CLOTHES, random(k)))["image"]
                          for k, scene in enumerate(drawn)])
    garment = (label == CLOTHES).to(x)
    mask = bar * garment
    mask = torch.where(mask.sum((1, 2, 3), keepdim=True) > 0, mask, bar)
    colour = mean_colour(answer, mask)
    painted = torch.where(mask > 0, colour[:, :, None, None], x)
    return Strokes(mask, colour, painted, answer, torch.maximum(garment, mask))


def scribbles(bench: Bench, given: Strokes) -> tuple[Row, Rows]:
    """Portraits after strokes, beside the paint itself and the renderer's answer."""
    at = scribble(bench.model, given.painted, given.mask, bench.at, bench.x, bench.settings,
                  bench.taps)
    made = bench.shown(at)
    rows = followed(bench, given, made) | {
        f"raw_{k}": v for k, v in followed(bench, given, given.painted).items()}
    true = bench.space(given.answer)
    near = lambda image: apart(bench.space(image), true) / apart(true, true.roll(1, 0)).mean()
    rows |= row_of({"stroke_error_before": colour_error(bench.x, given.colour, given.mask),
                    "away_scribble_minus_raw": near(made) - near(given.painted)})
    rows["kid_scribble_minus_raw"] = bench.closer(made, given.painted)
    grain = 0.4 * torch.randn(made.shape, generator=torch.Generator().manual_seed(SEED))
    spoilt = (bench.x.roll(bench.size // 3, -1) + grain.to(made)).clamp(-1, 1)
    return rows, {"oracle": followed(bench, given, given.answer),
                  "trivial": followed(bench, given, bench.x),
                  "broken": followed(bench, given, spoilt)}


def followed(bench: Bench, given: Strokes, made: Tensor) -> Row:
    """What became of strokes: colour under the paint, change of the garment and beside it.

    `stroke_error`: mean colour's distance from the paint's. `scribble_inside`, `scribble_outside`:
    mean absolute change of the portrait, on the scale [0, 1].
    """
    moved = (made - bench.x).abs().mean(1, keepdim=True) / 2
    inside, outside = given.garment, 1 - given.garment
    share = lambda mask: (moved * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp_min(1)
    return row_of({"stroke_error": colour_error(made, given.colour, given.mask),
                   "scribble_inside": share(inside), "scribble_outside": share(outside)}) | {
                       "kid_scribble": bench.kid(made)}


# --------------------------------------------------------------------------------- together


def together(*tables: Rows) -> Rows:
    """Reference rows by name, of several tables in one."""
    names = dict.fromkeys(name for table in tables for name in table)
    return {name: {k: v for table in tables for k, v in table.get(name, {}).items()}
            for name in names}


def edited(bench: Bench, data: Generated, scenes: Sequence[Any]) -> tuple[Row, Rows]:
    """Every edit of the portraits, which show `scenes` of `data`, and the reference rows."""
    rows, tables = holes(bench) | rows_of_w(bench), []
    for row, references in (joins(bench), styles(bench),
                            scribbles(bench, strokes(bench.x, data, scenes))):
        rows |= row
        tables.append(references)
    return rows, together(*tables)
