"""Agreement of two label maps: what a segmenter sees against what was asked for.

`predicted`, `label`: (B, H, W) integers in [0, K); a label of 255 or below 0 is not counted.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from synthbook.files import BookError
from synthbook.metrics.estimate import Estimate, bootstrap_weights

IGNORED = 255


def confusion(predicted: Tensor, label: Tensor, classes: int) -> Tensor:
    """(B, K, K) pixel counts of every image: label in rows, prediction in columns."""
    for name, x in (("predicted", predicted), ("label", label)):
        if not isinstance(x, Tensor) or x.ndim != 3 or x.is_floating_point():
            raise BookError(f"{name}: expected integer label maps (B, H, W)")
    if predicted.shape != label.shape:
        raise BookError(f"label maps differ in shape: {tuple(predicted.shape)} and "
                        f"{tuple(label.shape)}")
    predicted, label = predicted.long().cpu(), label.long().cpu()
    counted = (label >= 0) & (label != IGNORED)
    if not counted.any():
        raise BookError("no pixel has a label")
    highest = int(max(label[counted].max(), predicted[counted].max()))
    if highest >= classes or predicted[counted].min() < 0:
        raise BookError(f"a label map holds class {highest}, but there are {classes} classes")
    image = torch.arange(len(label)).view(-1, 1, 1).expand_as(label)
    index = (image * classes + label) * classes + predicted
    counts = torch.bincount(index[counted], minlength=len(label) * classes**2)
    return counts.view(len(label), classes, classes)


def _iou(counts: Tensor) -> Tensor:
    """(..., K, K) counts to (..., K) intersection over union; nan for a class seen nowhere."""
    hits = counts.diagonal(dim1=-2, dim2=-1)
    return hits / (counts.sum(-1) + counts.sum(-2) - hits)


def miou(predicted: Tensor, label: Tensor, classes: int, *, minimum: float = 0.01,
         extractor: str = "") -> Estimate:
    """Mean intersection over union over the classes with at least 1 % of the labelled area.

    Intersections and unions are summed over the whole set; the interval is a bootstrap over
    images. `extractor`: the segmenter's name.
    """
    counts = confusion(predicted, label, classes).double()
    area = counts.sum((0, 2))
    kept = area / area.sum() >= minimum
    if not kept.any():
        raise BookError(f"no class has {minimum:.0%} of the area: lower `minimum`")
    drawn = torch.einsum("rb,bkl->rkl", bootstrap_weights(len(counts)), counts)
    low, high = np.nanquantile(_iou(drawn)[:, kept].nanmean(1).numpy(), [0.025, 0.975])
    value = _iou(counts.sum(0))[kept].mean().item()
    return Estimate(value, float(low), float(high), len(counts), extractor)


def pixel_accuracy(predicted: Tensor, label: Tensor, classes: int, *,
                   extractor: str = "") -> Estimate:
    """Share of the labelled pixels whose class is right, with a bootstrap over images."""
    counts = confusion(predicted, label, classes).double()
    right, total = counts.diagonal(dim1=1, dim2=2).sum(1), counts.sum((1, 2))
    weights = bootstrap_weights(len(counts))
    low, high = np.nanquantile(((weights @ right) / (weights @ total)).numpy(), [0.025, 0.975])
    value = (right.sum() / total.sum()).item()
    return Estimate(value, float(low), float(high), len(counts), extractor)


@dataclass(frozen=True)
class ClassIoU:
    """One class's line in the table beside mIoU."""

    index: int
    area: float  # share of the labelled pixels
    iou: float  # nan where the class is neither labelled nor predicted
    images: int  # images whose label map holds the class


def class_iou(predicted: Tensor, label: Tensor, classes: int) -> list[ClassIoU]:
    """Area, IoU and number of images of every class, over the whole set."""
    counts = confusion(predicted, label, classes).double()
    area, iou = counts.sum((0, 2)) / counts.sum(), _iou(counts.sum(0))
    images = (counts.sum(2) > 0).sum(0)
    return [ClassIoU(k, area[k].item(), iou[k].item(), int(images[k])) for k in range(classes)]
