"""What classes cost: how GroupDNet, GroupNet and MulNet grow with K, as measured and stored.

`python benchmarks/classes.py --save` measures; every class has the same width whatever K is.
"""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from synthbook.files import BookError, data_dir, read_record
from synthbook.plots import new_figure

LOOKS = {  # marks of three sizes, so that lines that lie on one another can be told apart
    "GroupDNet": {"color": "#0072B2", "marker": "o", "ms": 4},
    "GroupNet": {"color": "#009E73", "marker": "s", "ms": 7, "mfc": "none"},
    "MulNet": {"color": "#D55E00", "marker": "^", "ms": 10, "mfc": "none"}}
QUANTITIES = {"parameters": "parameters", "seconds_per_step": "seconds a training step",
              "megabytes": "megabytes at the peak"}

Rows = Sequence[dict[str, Any]]


def stored() -> dict[str, Any]:
    """The stored measurements: `rows` of model, classes and the quantities, and their setting."""
    path = data_dir() / "results" / "smis" / "cost.json"
    if not path.exists():
        raise BookError(f"no measurements at {path}: run python benchmarks/classes.py --save")
    return read_record(path, "rows", "batch", "size", "threads", "channels_per_class")


def series(rows: Rows, model: str, quantity: str) -> tuple[list[int], list[float]]:
    """Numbers of classes, rising, and the quantity at each of them."""
    pairs = sorted((row["classes"], row[quantity]) for row in rows if row["model"] == model)
    return [k for k, _ in pairs], [value for _, value in pairs]


def growth(rows: Rows, model: str, quantity: str) -> float:
    """How many times the quantity grew from the fewest classes to the most."""
    values = series(rows, model, quantity)[1]
    return values[-1] / values[0]


def exponent(rows: Rows, model: str, quantity: str) -> float:
    """p of the power law K^p that fits best in logarithms: 1 is proportional, 0 constant."""
    classes, values = ([math.log(v) for v in one] for one in series(rows, model, quantity))
    middle, mean = sum(classes) / len(classes), sum(values) / len(values)
    return (sum((k - middle) * (v - mean) for k, v in zip(classes, values))
            / sum((k - middle) ** 2 for k in classes))


def against(rows: Rows, model: str, rival: str, quantity: str) -> list[float]:
    """The quantity of a model as a share of its rival's, for each number of classes."""
    pair = (series(rows, name, quantity)[1] for name in (model, rival))
    return [a / b for a, b in zip(*pair, strict=True)]


def draw(rows: Rows) -> Figure:
    """Each quantity against K, both logarithmic; the dashed line is proportional to K."""
    figure = new_figure(8, 3.0)
    for axes, quantity in zip(figure.subplots(1, len(QUANTITIES)), QUANTITIES):
        panel(axes, rows, quantity)
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def panel(axes: Axes, rows: Rows, quantity: str) -> None:
    """One quantity."""
    axes.set(xscale="log", yscale="log")
    for model, look in LOOKS.items():
        classes, values = series(rows, model, quantity)
        axes.plot(classes, values, lw=1.4, label=model, **look)
    least = min(row[quantity] for row in rows)
    axes.plot(classes, [least * k / classes[0] for k in classes], "--", color="0.6", lw=1,
              label="proportional to K", zorder=0)
    axes.set_title(QUANTITIES[quantity], fontsize=9)
    axes.set_xlabel("classes K", fontsize=9)
    axes.xaxis.set_major_locator(FixedLocator(classes))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(spoken))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def spoken(value: float, position: int = 0) -> str:
    """A tick's number: `0.1`, `50`, `500 k`, `2 M`."""
    for unit, name in ((1e6, " M"), (1e3, " k")):
        if value >= 0.999 * unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"
