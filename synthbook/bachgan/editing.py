"""Scenes and boxes as one plays with them: a scene's boxes, a box moved, all of them mirrored.

Boxes are rows (N, 5) of class, x0, y0, x1, y1, ends exclusive.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from synthbook.bachgan.layout import boxes_of, layout_of
from synthbook.bachgan.network import Config
from synthbook.datasets.places import Places
from synthbook.datasets.things import things


def asked(data: Places, index: int) -> dict[str, Any]:
    """An item of `data` with its `boxes` (N, 5)."""
    item = data[index]
    label, instance = (item[key].numpy() for key in ("label", "instance"))
    return {**item, "boxes": boxes_of(label, instance, things(data))}


def areas(boxes: np.ndarray) -> np.ndarray:
    """Pixels in each box, (N,)."""
    return (boxes[:, 3] - boxes[:, 1]) * (boxes[:, 4] - boxes[:, 2])


def covered(boxes: np.ndarray, config: Config) -> Tensor:
    """The pixels in any of the boxes, (H, W) bool."""
    return layout_of(boxes, config.things, config.classes, config.size).amax(0) > 0


def moved(boxes: np.ndarray, which: int, by: int, width: int) -> np.ndarray:
    """The boxes with one of them moved sideways by so many pixels, kept inside the picture."""
    result = boxes.copy()
    x0, x1 = result[which, 1], result[which, 3]
    step = int(np.clip(by, -x0, width - x1))
    result[which, [1, 3]] += step
    return result


def mirrored(boxes: np.ndarray, width: int) -> np.ndarray:
    """The boxes of the mirrored scene."""
    result = boxes.copy()
    result[:, 1], result[:, 3] = width - boxes[:, 3], width - boxes[:, 1]
    return result


def change(before: Tensor, after: Tensor, inside: Tensor) -> tuple[float, float]:
    """Mean absolute change of two images (3, H, W), on the scale [0, 1], in a mask and outside it.

    inside : (H, W) bool, with pixels of both kinds.
    """
    moved = (before - after).abs().mean(0) / 2
    return float(moved[inside].mean()), float(moved[~inside].mean())


def hole(memory: Tensor) -> float:
    """The share of pixels that none of m remembered maps (m, C, H, W) knows, and no box."""
    return float((memory.amax((0, 1)) == 0).float().mean())


def without_things(channels: Tensor, config: Config) -> Tensor:
    """Label maps (..., C, H, W) with the channels of all foreground classes set to 0."""
    kept = torch.ones(config.classes)
    kept[list(config.things)] = 0
    return channels * kept[:, None, None]
