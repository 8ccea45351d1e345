"""Models of one paper side by side: what each measures, as a mean over the seeds that it has."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from IPython.display import HTML
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from synthbook import evaluation
from synthbook.claims.evidence import Result, find, name_of
from synthbook.claims.verdict import Measured, Missing, pooled, ratio
from synthbook.plots import BLUE, GREEN, ORANGE, new_figure
from synthbook.reading import interval, table

Quantity = Callable[[Result], Measured]


def metric(name: str) -> Quantity:
    """The quantity that is a metric of the model."""
    return lambda result: result(name)


def leak(result: Result) -> Measured:
    """mOCD / mCSD: the share of a class's change that appears elsewhere."""
    return ratio(result("mocd"), result("mcsd"))


@dataclass(frozen=True)
class Member:
    """A model with its stored results, by seed."""

    title: str
    model: str
    results: Mapping[int, Result] = field(default_factory=dict)

    def mean(self, quantity: Quantity) -> Measured | None:
        """A quantity's mean over the seeds; None where the model is not measured by it."""
        try:
            return pooled([quantity(result) for result in self.results.values()])
        except Missing:
            return None


def members(models: Mapping[str, str], data: str = "places-32",
            scale: str = "ablation") -> list[Member]:
    """The models, `{title: slug/variant}`, that have a result at `scale` at least."""
    found = [Member(title, model, results_of(model, data, scale))
             for title, model in models.items()]
    return [member for member in found if member.results]


def results_of(model: str, data: str, scale: str) -> dict[int, Result]:
    """The stored results of a model, by seed."""
    first = evaluation.result_path(name_of(model, data, 0))
    seeds = sorted(int(match[1]) for path in first.parent.glob(f"{first.stem[:-1]}*.json")
                   if (match := re.search(r"-s(\d+)$", path.stem)))
    found = {}
    for seed in seeds:
        try:
            found[seed] = find(model, data, seed, scale)
        except Missing:  # made at a smaller scale
            continue
    return found


def compared(family: Sequence[Member], quantities: Mapping[str, Quantity], caption: str,
             digits: int = 3) -> HTML:
    """A table with a row for each model; quantities are the columns, by their heads."""
    rows = []
    for member in family:
        means = [member.mean(quantity) for quantity in quantities.values()]
        rows.append([member.title, str(len(member.results)),
                     *("–" if x is None else interval(vars(x), digits) for x in means)])
    return table(["", "seeds", *quantities], rows, caption)


def control(family: Sequence[Member], ours: str, oracle: Measured) -> Figure:
    """Change outside a class against change inside it; on the diagonal nothing is controlled.

    ours   : title of the paper's own model.
    oracle : the renderer's change inside the class; it changes nothing elsewhere.
    """
    figure = new_figure(7, 4.2)
    axes = figure.subplots()
    means = {m.title: (m.mean(metric("mcsd")), m.mean(metric("mocd"))) for m in family}
    known = {title: pair for title, pair in means.items() if all(pair)}
    for title, pair in known.items():
        others = [other for name, other in known.items() if name != title]
        point(axes, *pair, title, BLUE if title == ours else ORANGE,
              left=any(crowded(pair, other, oracle.value) for other in others))
    axes.axvline(oracle.value, color=GREEN, lw=1, ls=":")
    axes.annotate("oracle", (oracle.value, 1), xycoords=("data", "axes fraction"), color=GREEN,
                  xytext=(4, -4), textcoords="offset points", va="top", fontsize=9)
    axes.set(yscale="log", xlim=(0, None), xlabel="change inside the class (mCSD)",
             ylabel="change elsewhere (mOCD)")
    right = axes.get_xlim()[1]
    grid = [right * (k + 1) / 200 for k in range(200)]
    axes.plot(grid, grid, color="0.6", lw=1, zorder=0, scalex=False, scaley=False)
    axes.annotate("as much elsewhere as inside", (right / 3, right / 3), (8, -10), color="0.4",
                  textcoords="offset points", fontsize=9)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def crowded(pair: tuple[Measured, Measured], other: tuple[Measured, Measured],
            width: float) -> bool:
    """Whether the other point stands where this one's name would, on axes `width` wide."""
    (x, y), (x_other, y_other) = ([m.value for m in one] for one in (pair, other))
    return 0 <= x_other - x < 0.2 * width and 2 / 3 < y_other / y < 3 / 2


def point(axes: Axes, x: Measured, y: Measured, name: str, colour: str,
          left: bool = False) -> None:
    """A model in the plane, with both intervals; its name right or left of it."""
    axes.errorbar(x.value, y.value, [[y.value - y.low], [y.high - y.value]],
                  [[x.value - x.low], [x.high - x.value]], color=colour, marker="o", ms=5, lw=1.2)
    axes.annotate(name, (x.value, y.value), (-6 if left else 6, 5), fontsize=9,
                  ha="right" if left else "left", textcoords="offset points")
