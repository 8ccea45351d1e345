"""Principal components of pictures: what as many numbers as a latent has can say without a network.

Axes: B batch, N pictures, D components, H W pixels.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from synthbook.files import BookError
from synthbook.metrics.estimate import check_images


@dataclass(frozen=True, eq=False)
class Components:
    """The mean (3 H W,) and the first D directions (D, 3 H W), of length 1, of pictures."""

    mean: Tensor
    directions: Tensor

    def rebuilt(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) projected on the components, clipped to [-1, 1]."""
        away = check_images(images).flatten(1) - self.mean
        found = self.mean + away @ self.directions.T @ self.directions
        return found.view_as(images).clamp(-1, 1)


def fitted(images: Tensor, count: int) -> Components:
    """The first `count` principal components of images (N, 3, H, W) in [-1, 1], N > count.

    From the N by N products of images, so that the size of the images hardly matters.
    """
    x = check_images(images).flatten(1)
    most = min(len(x) - 1, x.shape[1])
    if not 0 < count <= most:
        raise BookError(f"{len(x)} pictures of {x.shape[1]} numbers have 1 to {most} components; "
                        f"{count} were asked for")
    mean = x.mean(0)
    away = x - mean
    values, vectors = torch.linalg.eigh((away @ away.T).double())
    values, vectors = values[-count:], vectors[:, -count:]
    directions = vectors.T.to(x) @ away / values.clamp_min(1e-12).sqrt().to(x)[:, None]
    return Components(mean, directions)
