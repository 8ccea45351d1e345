"""What a known truth lets one measure: where an image changed, what goes with what, which band.

Everything here compares what was drawn with what was asked for; nothing is learnt.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def change(a: Tensor, b: Tensor) -> Tensor:
    """How much each pixel differs, (..., H, W) in grey levels, 0 to 255.

    a, b : (..., 3, H, W) in [-1, 1]; the three channels are averaged.
    """
    return (a - b).abs().mean(-3) * 127.5


def grown(mask: Tensor, pixels: int = 1) -> Tensor:
    """A mask (..., H, W) bool and every pixel within `pixels` of it, diagonals included."""
    flat = mask.reshape(-1, 1, *mask.shape[-2:]).float()
    return F.max_pool2d(flat, 2 * pixels + 1, 1, pixels).bool().reshape(mask.shape)


def inside_border_outside(difference: Tensor, mask: Tensor) -> tuple[float, float, float]:
    """Mean change (..., H, W) in a mask, in the pixels that touch it, and in all others."""
    near = grown(mask)
    zones = (mask, near & ~mask, ~near)
    return tuple(difference[zone].mean().item() if zone.any() else 0.0 for zone in zones)


def class_colours(image: Tensor, label: Tensor, classes: int) -> np.ndarray:
    """Mean colour of every class, (B, K, 3) in [-1, 1]; nan where a class is absent.

    image : (B, 3, H, W) in [-1, 1]; label : (B, H, W) int64.
    """
    onehot = F.one_hot(label, classes).flatten(1, 2).double()
    total = torch.einsum("bpk,bcp->bkc", onehot, image.flatten(2).double())
    return (total / onehot.sum(1)[..., None]).numpy()


def correlation(values: np.ndarray, least: int = 12) -> np.ndarray:
    """Pearson's r of every two columns of (N, D), over the rows that hold both; (D, D).

    nan marks what is missing, in `values` and, where fewer than `least` rows hold both, in r.
    """
    held = ~np.isnan(values)
    d = values.shape[1]
    r = np.full((d, d), np.nan)
    for i in range(d):
        for j in range(i, d):
            both = held[:, i] & held[:, j]
            if both.sum() >= least:
                r[i, j] = r[j, i] = np.corrcoef(values[both, i], values[both, j])[0, 1]
    return r


def off_diagonal(matrix: np.ndarray) -> np.ndarray:
    """The entries of a symmetric (D, D) matrix above its diagonal that are not nan."""
    entries = matrix[np.triu_indices(len(matrix), 1)]
    return entries[~np.isnan(entries)]


def nearest(queries: np.ndarray, memory: np.ndarray) -> np.ndarray:
    """For each query (M, D), the index of the nearest row of memory (N, D); (M,)."""
    squares = (memory**2).sum(1) - 2 * queries @ memory.T
    return squares.argmin(1)


def layout(things: Sequence, places: int = 8) -> np.ndarray:
    """Where the things of each class stand from left to right, (40 * places,).

    things : the foreground of a scene of `places`; each adds its height to its class's row,
             smoothed over about an eighth of the picture.
    """
    rows = np.zeros((40, places))
    at = (np.arange(places) + 0.5) / places
    for thing in things:
        rows[thing.fine] += thing.height * np.exp(-((at - thing.x) / 0.12) ** 2 / 2)
    return rows.ravel()


def spectrum(field: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Power of a field (H, W) at each spatial frequency: cycles per pixel, share of the power.

    Frequencies are the distance from the origin of the Fourier plane in steps of 1 / H, without
    the mean; the shares sum to 1 (corners beyond 0.5 cycles per pixel are included).
    """
    h, w = field.shape
    power = torch.fft.fft2(field.double() - field.double().mean()).abs() ** 2
    radius = torch.hypot(torch.fft.fftfreq(h)[:, None], torch.fft.fftfreq(w)[None])
    ring = (radius * h).round().long().flatten()
    share = torch.bincount(ring, power.flatten()) / power.sum()
    return np.arange(len(share)) / h, share.numpy()
