"""Solid primitives as soft, differentiable pictures: rays against ellipsoids and cuboids.

Every primitive is seen alone, as if nothing stood before it. A ray is turned into the primitive's
own frame, where it is o + d tau and tau is still the depth, and where the primitive is the unit
sphere or the cube [-1, 1]^3. How far the ray passes from the middle, m, decides the alpha,
sigmoid((1 - m) / softness): m < 1 is a hit, so alpha is above one half exactly inside the outline.
Nothing here is in the paper, whose code renders meshes and quads; this is exact, and its
gradients are true ones.

Axes: B batch, N primitives of a scene, H W pixels.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from synthbook.controllable_3d.cameras import FAR, NEAR, rays
from synthbook.controllable_3d.poses import Pose
from synthbook.files import BookError
from synthbook.layers import check_shape

EPS = 1e-6
SHARPNESS = 0.7  # pixels: width of the edge of alpha


class Surface(NamedTuple):
    """What rays see of solid primitives.

    alpha : (B, N, H, W) in [0, 1].
    depth : (B, N, H, W), scene units; where a ray misses, the depth at which it passes nearest.
    point : (B, N, H, W, 3), where the ray meets the surface, in the primitive's own frame.
    """

    alpha: Tensor
    depth: Tensor
    point: Tensor


class Lines(NamedTuple):
    """Rays in the frames of primitives: points o + d tau."""

    origin: Tensor  # o, (B, N, 1, 1, 3)
    direction: Tensor  # d, (B, N, H, W, 3)

    def at(self, depth: Tensor) -> Tensor:
        """Points (B, N, H, W, 3) at depths (B, N, H, W)."""
        return self.origin + depth[..., None] * self.direction


def lines(pose: Pose, size: int) -> Lines:
    """The rays of a picture in the frames of primitives, whose poses are in the camera's frame."""
    to_own = pose.rotation.transpose(-1, -2) / pose.scale[..., None]  # S^-1 R^T
    origin = -(to_own @ pose.translation[..., None])[..., 0]
    direction = rays(size, like=pose.scale).reshape(-1, 3) @ to_own.transpose(-1, -2)
    return Lines(origin[:, :, None, None], direction.unflatten(2, (size, size)))


def softness(pose: Pose, size: int, sharpness: float) -> Tensor:
    """Width of the edge in units of m, (B, N, 1, 1): `sharpness` pixels at the primitive's depth.

    pose : in the camera's frame. The width is that of a ball as large as the primitive on average.
    """
    depth = pose.translation[..., 2].clamp(min=NEAR)
    return (sharpness * depth / (size * pose.scale.mean(-1)))[..., None, None]


def ellipsoid(pose: Pose, size: int, sharpness: float = SHARPNESS) -> Surface:
    """Ellipsoids with half axes `pose.scale`.

    Parameters
    ----------
    pose      : in the camera's frame (see :meth:`Pose.seen_by`).
    size      : H = W of the picture.
    sharpness : width of alpha's edge, pixels.
    """
    check_pose(pose)
    line = lines(pose, size)
    o, d = line
    a = d.square().sum(-1)
    nearest = -(d * o).sum(-1) / a  # depth at which the ray passes nearest to the centre
    squared = line.at(nearest).square().sum(-1)
    half = ((1 - squared).clamp(min=EPS) / a).sqrt()  # from there to the surface
    alpha = ((1 - (squared + EPS).sqrt()) / softness(pose, size, sharpness)).sigmoid()
    depth = (nearest - half).clamp(NEAR, FAR)
    return Surface(alpha * (nearest + half > NEAR), depth, line.at(depth))


def cuboid(pose: Pose, size: int, sharpness: float = SHARPNESS) -> Surface:
    """Cuboids with half sizes `pose.scale`; parameters as :func:`ellipsoid`.

    A ray is between two opposite faces from one depth until another; in the cuboid from the last
    of the three entries until the first of the exits. Halfway between, the largest coordinate is
    below one exactly if it hits.
    """
    check_pose(pose)
    line = lines(pose, size)
    o, d = line
    d = torch.where(d.abs() < EPS, torch.where(d < 0, -EPS, EPS), d)
    first, second = (-1 - o) / d, (1 - o) / d
    enter = torch.minimum(first, second).amax(-1)
    leave = torch.maximum(first, second).amin(-1)
    middle = (enter + leave) / 2
    distance = line.at(middle).abs().amax(-1)
    alpha = ((1 - distance) / softness(pose, size, sharpness)).sigmoid()
    depth = torch.where(leave > enter, enter, middle).clamp(NEAR, FAR)
    return Surface(alpha * (leave > NEAR), depth, line.at(depth))


SOLIDS = {"ellipsoid": ellipsoid, "cuboid": cuboid}


def check_pose(pose: Pose) -> None:
    """Raise unless the tensors of a pose fit one another."""
    b, n = pose.scale.shape[:2]
    check_shape(pose.scale, B=b, N=n, axes=3)
    check_shape(pose.translation, B=b, N=n, axes=3)
    check_shape(pose.rotation, B=b, N=n, rows=3, columns=3)


def solid(kind: str, pose: Pose, size: int, sharpness: float = SHARPNESS) -> Surface:
    """The solid of this kind, `ellipsoid` or `cuboid`; BookError for others."""
    if kind not in SOLIDS:
        raise BookError(f"unknown solid {kind!r}: choose one of {', '.join(SOLIDS)}")
    return SOLIDS[kind](pose, size, sharpness)
