"""Cameras that look at the origin, and the rays of a picture (Liao et al. 2020, released code).

The world's y axis points down. In a camera's frame x points right, y down, z forward; depth is z.
A picture of H = W pixels has a focal length of W pixels (a field of view of 53 degrees) and pixel
centres at one half, so pixel (0, 0) is at (0.5, 0.5). The dataset `cars` has the same camera.

Axes: B batch, H W pixels.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

NEAR, FAR = 0.1, 4.0  # depths between which primitives are seen, scene units
WHITE = 1.0  # depth that a picture of depths shows as white; FAR is black
RADIUS = 2.0  # scene units from the camera to the origin
SHARES = 0.15, 0.371  # of a sphere's area above the lowest and the highest camera


class Camera(NamedTuple):
    """B cameras: a point p of the world is `rotation` p + `translation` in the camera's frame."""

    rotation: Tensor  # (B, 3, 3)
    translation: Tensor  # (B, 3)

    @property
    def centre(self) -> Tensor:
        """Where the cameras are in the world, (B, 3)."""
        return -(self.translation[:, None] @ self.rotation)[:, 0]

    @property
    def extrinsics(self) -> Tensor:
        """[R | t], (B, 3, 4)."""
        return torch.cat([self.rotation, self.translation[..., None]], -1)


def from_extrinsics(extrinsics: Tensor) -> Camera:
    """The cameras of matrices [R | t], (B, 3, 4), as items of `cars` hold them."""
    return Camera(extrinsics[..., :3], extrinsics[..., 3])


def orbit(azimuth: Tensor, elevation: Tensor, radius: float | Tensor = RADIUS) -> Camera:
    """Cameras that look at the origin.

    Parameters
    ----------
    azimuth   : (B,) radians about the world's y axis.
    elevation : (B,) radians above the ground, less than a right angle.
    radius    : scene units, one or (B,).
    """
    level = elevation.cos()
    outward = torch.stack([level * azimuth.cos(), -elevation.sin(), level * azimuth.sin()], -1)
    forward = -outward
    flat = torch.stack([forward[:, 2], torch.zeros_like(azimuth), -forward[:, 0]], -1)
    right = flat / level[:, None]  # the world's y axis times forward, made a unit
    rotation = torch.stack([right, torch.linalg.cross(forward, right), forward], 1)
    distance = torch.as_tensor(radius, dtype=azimuth.dtype, device=azimuth.device)
    ahead = azimuth.new_tensor([0.0, 0.0, 1.0])
    count = azimuth.shape[0]  # not len(), which an export to ONNX would fix
    return Camera(rotation, (distance.reshape(-1, 1) * ahead).expand(count, 3))


def draw_cameras(count: int, generator: torch.Generator | None = None) -> Camera:
    """`count` cameras as those of `cars`: uniform on the sphere, 15 to 44 degrees above ground."""
    turn, share = torch.rand(2, count, generator=generator)
    low, high = SHARES
    return orbit(2 * math.pi * turn, torch.asin(1 - 2 * (low + (high - low) * share)))


def intrinsics(size: int) -> Tensor:
    """K, (3, 3), of pictures of `size` pixels."""
    return torch.tensor([[size, 0, size / 2], [0, size, size / 2], [0, 0, 1.0]])


def rays(size: int, like: Tensor | None = None) -> Tensor:
    """Directions K^-1 (u, v, 1) through the pixel centres, (H, W, 3); their z is 1.

    like : a tensor of the device and type to have. With z = 1 a point at `depth * ray` has that
    depth.
    """
    kind = {} if like is None else {"dtype": like.dtype, "device": like.device}
    line = (torch.arange(size, **kind) + 0.5) / size - 0.5
    v, u = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([u, v, torch.ones_like(u)], -1)


def project(points: Tensor, size: int) -> Tensor:
    """Points (..., 3) in a camera's frame to pixels (..., 2), x then y.

    Depths below `NEAR` count as `NEAR`, so that nothing near the camera divides by zero.
    """
    return points[..., :2] / points[..., 2:].clamp(min=NEAR) * size + size / 2


def brightness(depth: Tensor) -> Tensor:
    """Depths in scene units as grey values in [-1, 1]; near is bright."""
    return 2 * ((FAR - depth) / (FAR - WHITE)).clamp(0, 1) - 1
