"""The pictures of the chapter on BachGAN: boxes, retrieved maps, conditions, and what was measured.

Axes: C classes of the label maps, m maps, H W pixels.
"""

from collections.abc import Mapping, Sequence
from itertools import zip_longest

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter
from torch import Tensor

from synthbook.bachgan.editing import without_things
from synthbook.bachgan.layout import layout_of, pack, target
from synthbook.bachgan.network import VARIANTS, Config, encode
from synthbook.bachgan.painting import Painted
from synthbook.bachgan.recalling import as_colours, hatching, in_colours, read_bank
from synthbook.files import data_dir, read_json
from synthbook.plots import BLUE, GREEN, ORANGE, colour, new_figure, pixels

GREY = "0.45"
LOOKS = {  # of backgrounds, in plots against the strength: name, colour, marker
    "best guess": ("best guess that is possible", "0.25", "D"),
    "top-1": ("retrieved, the best", BLUE, "o"),
    "kin-1": ("random, same kind of place", ORANGE, "s"),
    "random-1": ("random", GREEN, "^"),
}


def bank() -> Tensor:
    """The label maps of the memory bank that ships, (N, 32, 32) bytes: first training scenes."""
    return read_bank(data_dir() / "results" / "bachgan" / "bank-32.png")


def stored(name: str) -> dict:
    """A result in `data/results/bachgan`, by its name without `.json`."""
    return read_json(data_dir() / "results" / "bachgan" / f"{name}.json")


# ------------------------------------------------------------------------- maps as pictures


def painted(channels: Tensor, palette: np.ndarray, hatched: bool = False) -> Tensor:
    """Layouts or remembered maps (..., C, H, W) in their classes' colours, (..., 3, H, W).

    Where classes overlap their colours are averaged; where there is none it is white, or with
    `hatched` striped in grey: a hole.
    """
    maps = channels.reshape(1, -1, *channels.shape[-3:])
    empty = hatching(*channels.shape[-2:]) if hatched else torch.ones(())
    image = in_colours(maps, as_colours(palette), empty)
    return image.reshape(*channels.shape[:-3], *image.shape[2:])


def drawn(boxes: np.ndarray, config: Config, palette: np.ndarray) -> Tensor:
    """Boxes (N, 5) as a picture of their layout on white, (3, H, W)."""
    return painted(layout_of(boxes, config.things, config.classes, config.size), palette)


def told(boxes: np.ndarray, config: Config, palette: np.ndarray) -> Tensor:
    """What the discriminator knows of boxes (N, 5), (3, H, W): a class a pixel, or white."""
    number = target(pack([boxes]), config.things, config.size)[0]
    colours = np.concatenate([np.asarray(palette)[list(config.things)], [[255, 255, 255]]])
    return colour(number, colours)


def stages(step: Painted, config: Config, palette: np.ndarray) -> list[list[Tensor]]:
    """Of each remembered map four pictures: itself, boxes erased, its things erased, R."""
    memory, free = encode(step.maps, config.classes), 1 - step.layout.amax(0)
    return [[painted(one, palette, hatched=True) for one in (
        whole, whole * free, without_things(whole * free, config), given)]
        for whole, given in zip(memory, step.memory)]


def outline(axes: Axes, boxes: np.ndarray, line: str = "black") -> None:
    """The frames of boxes (N, 5) over a picture."""
    for _, x0, y0, x1, y1 in boxes:
        place = (x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0
        axes.add_patch(Rectangle(*place, fill=False, edgecolor="white", linewidth=2.4))
        axes.add_patch(Rectangle(*place, fill=False, edgecolor=line, linewidth=1))


# ------------------------------------------------------------------------------- retrieval


def corners(mask: Tensor, box: Sequence[int], name: str) -> Figure:
    """How an integral image counts the pixels of a mask (H, W) in a box x0, y0, x1, y1."""
    h, w = mask.shape
    total = np.zeros((h + 1, w + 1), int)
    total[1:, 1:] = mask.numpy().astype(int).cumsum(0).cumsum(1)
    x0, y0, x1, y1 = box
    figure = new_figure(6.4, 3.1)
    left, right = figure.subplots(1, 2)
    left.imshow(np.where(mask.numpy(), 0.45, 0.95), cmap="gray", vmin=0, vmax=1)
    outline(left, np.array([[0, x0, y0, x1, y1]]))
    left.set_title(f"the mask of {name!r} and a box", fontsize=9)
    shown = right.imshow(total, cmap="Blues", extent=(-0.5, w + 0.5, h + 0.5, -0.5))
    right.set_title("its integral image", fontsize=9)
    for x, y, sign in ((x1, y1, "+"), (x1, y0, "−"), (x0, y1, "−"), (x0, y0, "+")):
        right.plot(x, y, "o", color=ORANGE, markeredgecolor="white", markersize=6)
        right.annotate(f"{sign} {total[y, x]}", (x, y), (0, 7), textcoords="offset points",
                       ha="center", fontsize=8, bbox={
                           "facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.85})
    inside = total[y1, x1] - total[y0, x1] - total[y1, x0] + total[y0, x0]
    right.set_xlabel(f"{total[y1, x1]} − {total[y0, x1]} − {total[y1, x0]} + {total[y0, x0]} "
                     f"= {inside} pixels in the box", fontsize=9)
    figure.colorbar(shown, ax=right, shrink=0.8, label="pixels above and left").ax.tick_params(
        labelsize=8)
    for axes in (left, right):
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    return figure


def cost(found: Mapping) -> Figure:
    """Queries a second of three ways to search, and a query's time against the bank's size."""
    compared, rows = found["compared"], found["against_size"]
    names = {"loop": "pixel by pixel", "product": "one matrix product", "ours": "integral images"}
    figure = new_figure(7.4, 2.7)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
    speeds = [compared["queries_per_second"][key] for key in names]
    bars = left.barh(list(names.values()), speeds, color=(GREY, GREY, BLUE), height=0.55)
    left.bar_label(bars, [f"{v:,.0f}" for v in speeds], fontsize=9, padding=4)
    left.set(xscale="log", xlim=(1, 40 * max(speeds)))
    left.invert_yaxis()
    left.set_title(f"queries a second, {compared['candidates']:,d} maps", fontsize=9)
    sizes = [row["candidates"] for row in rows]
    right.plot(sizes, [row["ms_per_query"] for row in rows], "o-", color=BLUE, lw=1.4)
    most = max(row["megabytes_at_a_time"] for row in rows)
    right.set(xscale="log", yscale="log")
    right.set_title(f"ms a query; at most {most:,.0f} MB at a time", fontsize=9)
    right.set_xlabel("label maps in the bank", fontsize=9)
    for axis in (left.xaxis, right.xaxis, right.yaxis):
        axis.set_major_formatter(FuncFormatter(
            lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
    for axes in (left, right):
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


# -------------------------------------------------------------------- relevance, measured


def errorbars(axes: Axes, rows: Sequence[Mapping], key: str, **look) -> None:
    """The stored estimates of `key` with their intervals, against the strength."""
    estimates = [row[key] for row in rows]
    values = np.array([e["value"] for e in estimates])
    spread = [values - [e["low"] for e in estimates], [e["high"] for e in estimates] - values]
    axes.errorbar([row["strength"] for row in rows], values, np.clip(spread, 0, None),
                  lw=1.4, capsize=2.5, markersize=4.5, **look)


def relevance(rows: Sequence[Mapping]) -> Figure:
    """How right backgrounds are against the strength; and what retrieval is ahead by."""
    figure = new_figure(8, 3.3)
    left, right = figure.subplots(1, 2)
    for key, (name, colour, marker) in LOOKS.items():
        if all(key in row for row in rows):
            errorbars(left, rows, key, label=name, color=colour, marker=marker)
    left.set_title("background pixels that are right, share", fontsize=9)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4,
                  frameon=False, fontsize=8.5, columnspacing=1.4)
    for other in ("random-1", "kin-1"):
        _, colour, marker = LOOKS[other]
        errorbars(right, rows, f"top-1 - {other}", color=colour, marker=marker)
    right.axhline(0, color="0.6", lw=0.8, zorder=0)
    right.set_title("the retrieved map is ahead of the two random ones by", fontsize=9)
    for axes in (left, right):
        axes.set_xlabel("strength of the knob", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


# ------------------------------------------------------------------- the network's condition


def channels(conditions: Mapping[str, Tensor], classes: Mapping[str, int]) -> Figure:
    """Channels of conditions (C, H, W) as pictures: a row for each name, a column for each class.

    One scale serves a row; white is 0.
    """
    rows, columns = len(conditions), len(classes)
    figure = new_figure(1.25 * columns + 1.3, 1.25 * rows + 0.4)
    for row, (line, (name, condition)) in enumerate(zip(
            figure.subplots(rows, columns, squeeze=False), conditions.items())):
        top = max(1.0, float(condition[list(classes.values())].max()))
        for axes, (label, c) in zip(line, classes.items()):
            shown = axes.imshow(condition[c].numpy(), cmap="Purples", vmin=0, vmax=top)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_color("0.8")
            if not row:
                axes.set_title(label, fontsize=9)
        line[0].set_ylabel(name, fontsize=9)
        figure.colorbar(shown, ax=list(line), shrink=0.8, aspect=12).ax.tick_params(labelsize=8)
    return figure


def seen_by() -> list[list[str]]:
    """Rows of a table: for each variant what its generator is told, and what the rest is told."""
    said = {"boxes": "boxes", "map": "{m} map", "fusion": "boxes and {m} maps, fused",
            "label": "the label map"}
    kinds = {"top": "best", "random": "random", "kin": "of the best maps' kinds of place",
             "truth": "the true one"}
    rows = []
    for name, changed in VARIANTS.items():
        config = Config(**changed)
        told = said[config.condition].format(m=config.maps)
        told = told.replace("1 maps", "1 map")
        rows.append([name, told, kinds[config.source] if config.maps else "–", "boxes",
                     "the label map" if config.segment else "–"])
    return rows


def strip(pictures: Sequence[Sequence[Tensor]], heads: Sequence[str], rows: Sequence[str],
          boxes: Sequence[Sequence[np.ndarray]] = (), side: float = 1.15) -> Figure:
    """A table of pictures with names for rows and columns; frames in the pictures of `boxes`."""
    figure = new_figure(side * len(heads) + 0.9, side * len(pictures) + 0.3)
    table = figure.subplots(len(pictures), len(heads), squeeze=False)
    for line, shown, name, framed in zip_longest(table, pictures, rows, boxes, fillvalue=()):
        for axes, picture, rectangles in zip_longest(line, shown, framed, fillvalue=()):
            axes.imshow(pixels(picture), interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set(color="0.85", linewidth=0.6)
            outline(axes, rectangles)
        line[0].set_ylabel(name, fontsize=9)
    for axes, head in zip(table[0], heads):
        axes.set_title(head, fontsize=9)
    return figure
