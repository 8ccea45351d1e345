"""All conditions of a ledger in one picture: intervals, seeds, and the side asked for."""

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from synthbook.plots import new_figure

ICONS = {"reproduced": "✓", "not reproduced": "✗", "inconclusive": "≈", "not tested": "○"}
LOOKS = {  # colours that differ for everybody, and marks that differ without colours
    "reproduced": ("#0072B2", "o"), "not reproduced": ("#D55E00", "X"),
    "inconclusive": ("#555555", "D"), "not tested": ("#999999", "")}
ASKED, ROW = "#e6efe6", 0.4  # colour of the side asked for; inches a condition
SIGN = {"<=": "≤", ">=": "≥"}

Rows = Sequence[dict[str, Any]]


def rows_of(paper: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each condition of a paper's claims, as `synthbook.claims.report` gives them.

    A claim without a verdict has one row for each threshold, with neither value nor points.
    """
    found = []
    for claim in paper["claims"]:
        nothing = {"value": None, "low": None, "high": None, "points": [], "status": "not tested"}
        found += [{"id": claim["id"]} | nothing | condition
                  for condition in claim["conditions"] or claim["asked"]]
    return found


def forest(papers: Sequence[dict[str, Any]]) -> Figure:
    """A picture of the ledgers of some papers, one below the other.

    Quantities whose threshold is above 0 share an axis of logarithms, mostly ratios; of the
    others, differences, each has its own linear scale, on which the line is its threshold.
    """
    parts = []
    for paper in papers:
        rows = rows_of(paper)
        ratios = named_once(row for row in rows if row["threshold"] > 0)
        differences = named_once(row for row in rows if row["threshold"] <= 0)
        parts += [(f"{paper['slug']}: ratios and shares", ratios, ratio_axis)] if ratios else []
        parts += [(f"{paper['slug']}: differences", differences, difference_axis)
                  ] if differences else []
    heights = [len(rows) * ROW + 0.8 for _, rows, _ in parts]
    figure = new_figure(8, sum(heights) + 0.5)
    every = figure.subplots(len(parts), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (title, rows, scaled) in zip(every, parts):
        draw(axes, rows, scaled(axes, rows))
        axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    figure.legend(handles=key(), loc="outside lower center", ncols=5, columnspacing=1.2,
                  handletextpad=0.5, frameon=False, fontsize=9)
    return figure


def named_once(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, with the claim's id at its first row only."""
    found, last = [], None
    for row in rows:
        found.append(row | {"id": "" if row["id"] == last else row["id"]})
        last = row["id"]
    return found


def key() -> list[Line2D | Patch]:
    """What the marks mean."""
    marks = [Line2D([], [], color=colour, marker=mark, lw=1.6, ms=6, label=status)
             for status, (colour, mark) in LOOKS.items() if mark]
    seed = Line2D([], [], ls="", marker="o", mfc="white", mec="0.4", ms=4, label="one seed")
    asked = Patch(facecolor=ASKED, edgecolor="black", lw=0, label="what the claim asks for")
    return [*marks, seed, asked]


def finite(row: dict[str, Any]) -> list[float]:
    """The numbers of a row that can be drawn, its threshold first."""
    values = [row["threshold"], row["value"], row["low"], row["high"], *row["points"]]
    return [v for v in values if v is not None and math.isfinite(v)]


def ratio_axis(axes: Axes, rows: Rows) -> list[dict[str, Any]]:
    """An axis of logarithms that holds all numbers above 0; the rows as they are."""
    numbers = [v for row in rows for v in finite(row) if v > 0]
    axes.set_xscale("log")
    axes.set_xlim(min(numbers) / 1.8, max(numbers) * 1.8)
    wide = max(numbers) > 1000 * min(numbers)
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("measured (logarithmic)", fontsize=9)
    return list(rows)


def difference_axis(axes: Axes, rows: Rows) -> list[dict[str, Any]]:
    """An axis from -1 to 1; each row moved to its threshold and shrunk to its widest number."""
    axes.set_xlim(-1.25, 1.25)
    axes.set_xticks([0], ["threshold"])
    axes.set_xlabel("measured less the threshold; every row on a scale of its own", fontsize=9)
    placed = []
    for row in rows:
        unit = max((abs(v - row["threshold"]) for v in finite(row)), default=0) or 1
        move = lambda v: None if v is None else (v - row["threshold"]) / unit
        placed.append(row | {k: move(row[k]) for k in ("value", "low", "high")} | {
            "threshold": 0, "points": [move(p) for p in row["points"]]})
    return placed


def draw(axes: Axes, rows: Rows, places: Rows) -> None:
    """The rows from top to bottom: words from `rows`, positions from `places`."""
    least, most = axes.get_xlim()
    for y, (row, place) in enumerate(zip(rows, places)):
        if y and row["id"]:
            axes.axhline(y - 0.5, color="0.8", lw=0.6)
        bound, below = place["threshold"], place["relation"] == "<="
        axes.fill_betweenx([y - 0.42, y + 0.42], least if below else bound,
                           bound if below else most, color=ASKED, lw=0)
        axes.plot([bound, bound], [y - 0.42, y + 0.42], color="black", lw=1)
        if place["value"] is None:
            continue
        colour, mark = LOOKS[place["status"]]
        low, high = (open_ if v is None else v for v, open_ in
                     ((place["low"], least), (place["high"], most)))
        shown = lambda v: min(max(v, least), most)
        axes.plot([shown(low), shown(high)], [y - 0.08] * 2, color=colour, lw=2.2,
                  solid_capstyle="round")
        axes.plot(shown(place["value"]), y - 0.08, marker=mark, color=colour, ms=6.5)
        points = [shown(p) for p in place["points"]]
        axes.plot(points, [y + 0.24] * len(points), "o", mfc="white", mec="0.4", ms=3.5)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [asked(row) for row in rows], fontsize=9)
    right = axes.secondary_yaxis("right")
    right.set_yticks(range(len(rows)), [measured(row) for row in rows], fontsize=9)
    for side in (axes, right):
        side.tick_params(axis="y", length=0)
        side.spines[:].set_visible(False)
    axes.spines["bottom"].set_visible(True)
    axes.tick_params(axis="x", labelsize=9)


def asked(row: dict[str, Any]) -> str:
    """`S1   mOCD / mCSD ≤ 0.5`, in two lines where it is long."""
    lines = textwrap.wrap(wanted(row), 36, break_long_words=False)
    lines[0] = (rf"$\mathbf{{{row['id']}}}$   " if row["id"] else "") + lines[0]
    return "\n".join(lines)


def wanted(row: dict[str, Any]) -> str:
    """`mOCD / mCSD ≤ 0.5`; no line ends between the quantity's last word and the number."""
    bound = f"{row['threshold']:g}".replace("-", "−")
    return f"{row['quantity']}\xa0{SIGN[row['relation']]}\xa0{bound}"


def measured(row: dict[str, Any]) -> str:
    """Verdict, value and interval in words."""
    if row["value"] is None:
        return f"{ICONS['not tested']} not tested"
    return f"{ICONS[row['status']]} {estimate(row)}"


def estimate(row: dict[str, Any]) -> str:
    """`0.648 [0.565, 0.738]`; an end of the interval that is not there is open."""
    decimals = decimals_of(row)
    ends = ("open" if row[k] is None else number(row[k], decimals) for k in ("low", "high"))
    return f"{number(row['value'], decimals)} [{', '.join(ends)}]"


def decimals_of(row: dict[str, Any]) -> int:
    """As many decimals as give the interval's wider half two digits that count."""
    half = max((abs(row[k] - row["value"]) for k in ("low", "high") if row[k] is not None),
               default=0) or abs(row["value"]) / 10
    return min(6, max(0, 1 - math.floor(math.log10(half)))) if half else 0


def number(value: float, decimals: int) -> str:
    """A number with a true minus sign, and none before 0."""
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")
