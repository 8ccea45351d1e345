"""The field's own metrics, with intervals, on (B, 3, H, W) tensors in [-1, 1].

Comparisons of pairs give (B,) numbers: `lpips`, `psnr`, `ssim`. Comparisons of sets give an
:class:`Estimate`: `fid`, `fd_alexnet`, `kid_alexnet`, `precision`, `recall`, `c2st` and others.
"""

from synthbook.metrics.control import masked_changes, mcsd, mcsd_mocd, mocd, over_classes
from synthbook.metrics.distances import (
    fd,
    fd_alexnet,
    fd_infinity,
    fd_random,
    fid,
    frechet,
    kid,
    kid_alexnet,
    kid_difference,
    kid_random,
)
from synthbook.metrics.estimate import Estimate, mean_estimate
from synthbook.metrics.features import (
    Extractor,
    alexnet,
    convolutions,
    inception,
    judge,
    normalise,
    untrained,
)
from synthbook.metrics.layouts import layout_similarity
from synthbook.metrics.manifold import c2st, copying, precision, precision_recall, recall
from synthbook.metrics.perceptual import diversity, lpips, pairwise_lpips, psnr, ssim
from synthbook.metrics.segmentation import class_iou, confusion, miou, pixel_accuracy

__all__ = [
    "Estimate", "Extractor", "alexnet", "c2st", "class_iou", "confusion", "convolutions",
    "copying", "diversity", "fd", "fd_alexnet", "fd_infinity", "fd_random", "fid", "frechet",
    "inception", "judge", "kid", "kid_alexnet", "kid_difference", "kid_random",
    "layout_similarity", "lpips", "masked_changes", "mcsd", "mcsd_mocd", "mean_estimate", "miou",
    "mocd", "normalise", "over_classes", "pairwise_lpips", "pixel_accuracy", "precision",
    "precision_recall", "psnr", "recall", "ssim", "untrained",
]
