"""What any memory brings, and what a relevant one brings beyond it, from stored results."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from synthbook.files import data_dir, read_record
from synthbook.plots import BLUE, GREEN, ORANGE, new_figure

STRENGTHS = {0.0: "-b0", 0.5: "-b50", 1.0: ""}  # of the data, and a model's suffix there
PARTS = {  # effect: a model, and the metric that is its KID less its rival's
    "memory": ("random-3", "kid_judge_minus_spade-boxes"),
    "relevance": ("bachgan", "kid_judge_minus_kin-3"),
    "relevance, against any random map": ("bachgan", "kid_judge_minus_random-3"),
}
LOOKS = {  # name in the plot, colour, marker
    "memory": ("memory: boxes alone less random maps", ORANGE, "s"),
    "relevance": ("relevance: random maps of the same kind less the best", BLUE, "o"),
    "relevance, against any random map": ("random maps less the best", GREEN, "^"),
}

Row = dict[str, Any]


def differences(effect: str, strength: float, seed: int, size: int = 32) -> Row:
    """One effect as a difference of KID in the judge's space; positive where the second is closer.

    memory effect = KID(boxes) - KID(random-3), relevance effect = KID(kin-3) - KID(top-3), and
    beside it KID(random-3) - KID(top-3). Networks differ in nothing but the memory that they are
    trained and asked with; KIDs are paired by layout.

    Gives effect, strength, seed and `value`, `low`, `high`; or `missing`, the result that lacks.
    """
    variant, metric = PARTS[effect]
    name = f"bachgan/{variant}{STRENGTHS[strength]}@places-{size}-s{seed}"
    path, row = data_dir() / "results" / f"{name}.json", {
        "effect": effect, "strength": strength, "seed": seed}
    if not path.exists():
        return row | {"missing": f"a result of {name}"}
    found = read_record(path, "metrics")["metrics"].get(metric)
    if found is None or None in (found["value"], found["low"], found["high"]):
        return row | {"missing": f"{metric} in the result of {name}"}
    return row | {"value": -found["value"], "low": -found["high"], "high": -found["low"]}


def gathered(size: int = 32, seeds: Sequence[int] = (1, 2, 3)) -> list[Row]:
    """:func:`differences` for all effects, strengths and seeds."""
    return [differences(effect, strength, seed, size)
            for effect in PARTS for strength in STRENGTHS for seed in seeds]


def missing(rows: Sequence[Row]) -> list[str]:
    """What lacks, each once."""
    return list(dict.fromkeys(row["missing"] for row in rows if "missing" in row))


def plot(rows: Sequence[Row]) -> Figure:
    """Effects against the strength: every seed with its interval, a line through their means."""
    known = [row for row in rows if "missing" not in row]
    figure = new_figure(7.2, 3.4)
    axes = figure.subplots()
    for number, (effect, (name, colour, marker)) in enumerate(LOOKS.items()):
        chosen = [row for row in known if row["effect"] == effect]
        if chosen:
            series(axes, chosen, 0.022 * (number - 1), name, colour, marker)
    axes.axhline(0, color="0.6", lw=0.8, zorder=0)
    axes.set_xticks(list(STRENGTHS))
    axes.set_xlim(-0.1, 1.1)
    axes.set_xlabel("strength with which the foreground calls for its background", fontsize=9)
    axes.set_ylabel("difference of KID", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    if not known:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no result is stored yet", transform=axes.transAxes, ha="center",
                  va="center", color="0.4")
    elif lacking := len(rows) - len(known):
        axes.set_title(f"{lacking} of {len(rows)} points are missing: their models have no result "
                       "yet", fontsize=9, color="0.4")
    if known:
        figure.legend(loc="outside lower center", ncols=1, frameon=False, fontsize=8.5)
    return figure


def series(axes: Axes, rows: Sequence[Row], aside: float, name: str, colour: str,
           marker: str) -> None:
    """One effect: its seeds side by side at each strength, the line through their means."""
    strengths = sorted({row["strength"] for row in rows})
    means = []
    for strength in strengths:
        seeds = [row for row in rows if row["strength"] == strength]
        means.append(sum(row["value"] for row in seeds) / len(seeds))
        for k, row in enumerate(seeds):
            x = strength + aside + 0.006 * (k - (len(seeds) - 1) / 2)
            axes.plot([x, x], [row["low"], row["high"]], color=colour, lw=1, alpha=0.6)
            axes.plot(x, row["value"], marker=marker, color="white", mec=colour, ms=4)
    axes.plot([s + aside for s in strengths], means, color=colour, lw=1.6, marker=marker,
              markersize=6, label=name)
