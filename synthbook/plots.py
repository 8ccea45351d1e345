"""Pictures: tensors to grids, label maps to colours, curves; one look for the whole book."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from synthbook.files import replacing


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


def save_images(path: str | Path, images: Tensor, columns: int | None = None,
                scale: int = 1) -> None:
    """Write a grid as PNG; each pixel becomes `scale` x `scale`."""
    sheet = grid(images, columns).repeat(scale, 0).repeat(scale, 1)
    with replacing(path) as temporary:
        Image.fromarray(sheet).save(temporary, format="PNG")


def show(images: Tensor, columns: int | None = None, rows: Sequence[str] = (),
         heads: Sequence[str] = (), zoom: float = 1.5) -> Figure:
    """A figure of a grid with names for rows and columns.

    `images` (N, 3, H, W) in [-1, 1]; `zoom` is screen pixels for each image pixel, about.
    """
    sheet = grid(images, columns)
    columns = columns or int(np.ceil(np.sqrt(len(images))))
    h, w = images.shape[-2:]
    figure = Figure(figsize=(sheet.shape[1] * zoom / 100 + bool(rows) * 1.1,
                             sheet.shape[0] * zoom / 100 + bool(heads) * 0.3), dpi=100,
                    layout="constrained")
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
