"""Pictures: tensors to grids, label maps to colours, curves; one look for the whole book."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch, Rectangle
from PIL import Image
from torch import Tensor

from synthbook.files import replacing

BLUE, ORANGE, GREEN = "#1f6fb4", "#d9702b", "#3f8f5b"  # of lines; told apart by the colour-blind


def pixels(image: Tensor) -> np.ndarray:
    """(..., 3, H, W) in [-1, 1] to (..., H, W, 3) bytes, rounded and clipped."""
    scaled = ((image.detach().float().cpu() + 1) * 127.5).round().clamp(0, 255)
    return scaled.byte().movedim(-3, -1).numpy()


def grid(images: Tensor, columns: int | None = None, gap: int = 2) -> np.ndarray:
    """(N, 3, H, W) in [-1, 1] to one picture (H', W', 3) of `columns` columns on white."""
    tiles = pixels(images)
    n, h, w = tiles.shape[:3]
    columns = columns or int(np.ceil(np.sqrt(n)))
    rows = -(-n // columns)
    sheet = np.full((rows * (h + gap) - gap, columns * (w + gap) - gap, 3), 255, np.uint8)
    for k, tile in enumerate(tiles):
        y, x = k // columns * (h + gap), k % columns * (w + gap)
        sheet[y:y + h, x:x + w] = tile
    return sheet


def colour(label: Tensor, palette: np.ndarray) -> Tensor:
    """A label map (..., H, W) to an image (..., 3, H, W) in [-1, 1] in the palette's colours."""
    table = torch.from_numpy(np.asarray(palette)).float() / 127.5 - 1
    return table[label.cpu()].movedim(-1, -3)


def difference(a: Tensor, b: Tensor, full: float = 0.3) -> Tensor:
    """How much two sets of images differ at every pixel, as images (B, 3, H, W) in [-1, 1].

    a, b : (B, 3, H, W) in [-1, 1].
    full : mean absolute change of the channels, on the scale [0, 1] of colours, that is darkest.
        White is no change; the scale is fixed, so that pictures can be compared.
    """
    change = (a - b).detach().float().cpu().abs().mean(-3, keepdim=True) / 2
    dark = torch.tensor([24.0, 12.0, 68.0]).view(3, 1, 1) / 127.5 - 1
    return 1 + (change / full).clamp(max=1) * (dark - 1)


def save_images(path: str | Path, images: Tensor, columns: int | None = None,
                scale: int = 1) -> None:
    """Write a grid as PNG; each pixel becomes `scale` x `scale`."""
    sheet = grid(images, columns).repeat(scale, 0).repeat(scale, 1)
    with replacing(path) as temporary:
        Image.fromarray(sheet).save(temporary, format="PNG")


def new_figure(width: float, height: float) -> Figure:
    """An empty figure on white, sizes in inches of 100 pixels; it belongs to no global state."""
    return Figure(figsize=(width, height), dpi=100, layout="constrained", facecolor="white")


def show(images: Tensor, columns: int | None = None, rows: Sequence[str] = (),
         heads: Sequence[str] = (), zoom: float = 1.5) -> Figure:
    """A figure of a grid with names for rows and columns.

    `images` (N, 3, H, W) in [-1, 1]; `zoom` is screen pixels for each image pixel, about.
    """
    sheet = grid(images, columns)
    columns = columns or int(np.ceil(np.sqrt(len(images))))
    h, w = images.shape[-2:]
    figure = new_figure(sheet.shape[1] * zoom / 100 + bool(rows) * 1.1,
                        sheet.shape[0] * zoom / 100 + bool(heads) * 0.3)
    axes = figure.subplots()
    axes.imshow(sheet, interpolation="nearest")
    axes.set_xticks([k * (w + 2) + w / 2 for k in range(len(heads))], heads, fontsize=9)
    axes.set_yticks([k * (h + 2) + h / 2 for k in range(len(rows))], rows, fontsize=9)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def curves(log: Sequence[dict], names: Sequence[str], axes: Axes) -> None:
    """Draw logged scalars against thousands of images seen."""
    for name in names:
        rows = [(row["images"] / 1000, row[name]) for row in log if name in row]
        if rows:
            axes.plot(*zip(*rows), label=name.replace("_", " "), lw=1.5)
    axes.set_xlabel("thousand images")
    axes.legend(frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def groups(groups: Sequence[int], channels: Sequence[int],
           size: int | tuple[int, int] = 64) -> Figure:
    """A decoder's groups: a column for each block, a bar for each group, and who merges with whom.

    A group's bar is as high as its share of the block's channels and as dark as its place among
    the classes; lines join it to the groups of the next block that read its channels.

    groups   : G of each block, from coarse to fine.
    channels : width before the first block and after each one.
    size     : side, or (height, width), of the last block.
    """
    h, w = (size, size) if isinstance(size, int) else size
    blocks = len(groups)
    figure = new_figure(1.15 * blocks + 0.3, 3.4)
    axes = figure.subplots()
    half = 0.24  # of a column's width
    for i, count in enumerate(groups):
        gap = min(0.012, 0.25 / count)
        for k in range(count):
            shade = 0.15 + 0.8 * (k + 0.5) / count
            axes.bar(i, 1 / count - gap, 2 * half, (k + 0.5 * gap * count) / count,
                     color=colormaps["Blues"](shade), linewidth=0)
        for k in range(count if i + 1 < blocks else 0):
            after = groups[i + 1]
            for j in range(k * after // count, -(-(k + 1) * after // count)):
                axes.plot([i + half, i + 1 - half], [(k + 0.5) / count, (j + 0.5) / after],
                          color="0.45", lw=0.7)
        shrink = 2 ** (blocks - 1 - i)
        axes.text(i, 1.02, f"{h // shrink} × {w // shrink}", ha="center", va="top", fontsize=9)
        axes.text(i, 1.09, f"{channels[i + 1]} channels", ha="center", va="top", fontsize=8,
                  color="0.35")
        axes.text(i, -0.02, f"{count} group{'s' if count > 1 else ''}", ha="center", va="bottom",
                  fontsize=9)
    axes.set(xlim=(-0.55, blocks - 0.45), ylim=(1.16, -0.1))
    axes.set_axis_off()
    return figure


def panels(pictures: Sequence[Tensor], titles: Sequence[str], columns: int,
           side: float = 1.8) -> tuple[Figure, list[Axes]]:
    """Images (3, H, W) in [-1, 1] side by side, each under its title and `side` inches wide."""
    rows = -(-len(pictures) // columns)
    figure = new_figure(columns * side, rows * (side + 0.25))
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for one in axes:
        one.set_axis_off()
    for one, picture, title in zip(axes, pictures, titles, strict=False):
        one.imshow(pixels(picture))
        one.set_title(title, fontsize=9)
    return figure, axes


def legend(axes: Axes, names: Sequence[str], colours: np.ndarray, columns: int = 2) -> None:
    """Swatches with names below a picture; `colours` (len(names), 3) bytes."""
    marks = [Patch(facecolor=colour / 255, edgecolor="0.4", linewidth=0.4) for colour in colours]
    axes.legend(marks, names, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=columns,
                frameon=False, fontsize=7, handlelength=1, handleheight=1, columnspacing=1,
                labelspacing=0.25, handletextpad=0.4)


def boxes(axes: Axes, rows: np.ndarray, names: Sequence[str]) -> None:
    """Boxes (N, 5) of class, x0, y0, x1, y1 drawn over a picture, with their class's names."""
    for c, x0, y0, x1, y1 in rows:
        axes.add_patch(Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False,
                                 edgecolor="white", linewidth=2.5))
        axes.add_patch(Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False,
                                 edgecolor="black", linewidth=1))
        axes.text(x0 + 0.5, y0, names[c], fontsize=6, va="bottom", color="black",
                  bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8})


def matrix(axes: Axes, values: np.ndarray, names: Sequence[str], title: str) -> AxesImage:
    """Correlations (D, D) as colours from -1 to 1; what is not known stays grey."""
    axes.set_facecolor("0.85")
    drawn = axes.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1)
    axes.set_title(title, fontsize=9)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return drawn
