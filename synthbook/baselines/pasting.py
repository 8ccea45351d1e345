"""Joining two pictures without a generator: a hard paste, a feathered one, Poisson blending.

All take `first` inside the mask and `second` outside, images (B, 3, H, W) in [-1, 1], the mask
(B or 1, 1, H, W) in [0, 1].

Axes: B batch, H W pixels.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy import sparse
from scipy.sparse.linalg import factorized
from torch import Tensor

from synthbook.files import BookError
from synthbook.metrics.estimate import check_pair


def checked(first: Tensor, second: Tensor, mask: Tensor) -> Tensor:
    """The mask for every image, (B, 1, H, W); BookError where images or mask do not fit."""
    check_pair(first, second)
    count, _, height, width = first.shape
    if mask.dim() != 4 or len(mask) not in (1, count) or mask.shape[1:] != (1, height, width):
        raise BookError(f"mask is ({count} or 1, 1, {height}, {width}); got {tuple(mask.shape)}")
    low, high = mask.aminmax()
    if not (low >= 0 and high <= 1):
        raise BookError(f"mask has values in [0, 1]; got [{float(low):.3g}, {float(high):.3g}]")
    return mask.to(first).expand(count, -1, -1, -1)


def hard(first: Tensor, second: Tensor, mask: Tensor) -> Tensor:
    """`first` where the mask is at least a half, `second` elsewhere."""
    return torch.where(checked(first, second, mask) >= 0.5, first, second)


def feathered(first: Tensor, second: Tensor, mask: Tensor, sigma: float = 2.0) -> Tensor:
    """Both pictures mixed by the mask under a Gaussian window of `sigma` pixels."""
    if sigma <= 0:
        raise BookError(f"sigma is above 0 pixels; got {sigma:g}")
    soft, radius = checked(first, second, mask), math.ceil(3 * sigma)
    window = torch.exp(-0.5 * (torch.arange(-radius, radius + 1).to(first) / sigma).square())
    window = window / window.sum()
    padded = F.pad(soft, (radius,) * 4, mode="replicate")
    soft = F.conv2d(F.conv2d(padded, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))
    return second + soft.clamp(0, 1) * (first - second)


# ------------------------------------------------------------------------- Laplace's equation


def laplacian(height: int, width: int) -> sparse.csr_matrix:
    """Number of neighbours times a pixel less the sum of its neighbours', (H W, H W)."""
    def along(count: int) -> sparse.spmatrix:
        middle = np.full(count, 2.0)
        middle[[0, -1]] -= 1  # at the border a neighbour lacks
        side = np.full(count - 1, -1.0)
        return sparse.diags([side, middle, side], [-1, 0, 1])

    return sparse.csr_matrix(sparse.kron(along(height), sparse.eye(width))
                             + sparse.kron(sparse.eye(height), along(width)))


def solved(operator: sparse.csr_matrix, wanted: np.ndarray, known: np.ndarray,
           unknown: np.ndarray) -> np.ndarray:
    """`known` (H W, C) with its unknown pixels such that operator @ x = wanted (H W, C) there.

    unknown : (H W,) bool. BookError where every pixel is unknown: nothing then ties them down.
    """
    if not unknown.any():
        return known
    if unknown.all():
        raise BookError("every pixel is unknown: leave some of the picture known")
    inner, x = operator[unknown], known.astype(float)
    right = wanted[unknown] - inner[:, ~unknown] @ x[~unknown]
    solve = factorized(sparse.csc_matrix(inner[:, unknown]))
    x[unknown] = np.stack([solve(np.ascontiguousarray(column)) for column in right.T], 1)
    return x


def flat(image: Tensor) -> np.ndarray:
    """An image (C, H, W) as (H W, C) float64."""
    return image.detach().flatten(1).T.double().cpu().numpy()


def poisson(first: Tensor, second: Tensor, mask: Tensor) -> Tensor:
    """Poisson blending (Pérez, Gangnet and Blake 2003, section 3).

    Inside the mask (at least a half) the result has the differences between neighbours that
    `first` has, and at its edge the colours of `second`, which stays as it is outside. Clipped to
    [-1, 1]. One sparse system an image, solved exactly.
    """
    inside = checked(first, second, mask) >= 0.5
    height, width = first.shape[2:]
    operator, made = laplacian(height, width), []
    for a, b, m in zip(first, second, inside):
        source = flat(a)
        x = solved(operator, operator @ source, flat(b), m.flatten().cpu().numpy())
        made.append(torch.from_numpy(x.T).reshape(a.shape).to(first))
    return torch.stack(made).clamp(-1, 1)


PASTES = {"paste": hard, "feathered": feathered, "poisson": poisson}
