"""Where a point of an object goes when the object moves: the warp of the consistency loss.

Two pictures show the same rigid objects, each alone, in two poses. A pixel of the first with a
depth is a point in space, hence a point of the object; in the second pose that point has another
place, which projects to another pixel.

Axes: M primitives (of any scenes), H W pixels.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbook.controllable_3d.cameras import project, rays
from synthbook.controllable_3d.poses import Pose
from synthbook.layers import check_shape


class Layer(NamedTuple):
    """Objects as drawn, each alone, with their poses in the camera's frame."""

    rgb: Tensor  # X', (M, 3, H, W) in [0, 1], not yet times alpha
    alpha: Tensor  # A', (M, 1, H, W) in [0, 1]
    depth: Tensor  # D', (M, 1, H, W), scene units
    rotation: Tensor  # (M, 3, 3)
    translation: Tensor  # (M, 3)


class Warped(NamedTuple):
    """What the second layer says about the pixels of the first."""

    rgb: Tensor  # (M, 3, H, W), times alpha
    depth: Tensor  # (M, 1, H, W), the second layer's own
    expected: Tensor  # (M, 1, H, W), the depth that the points of the first would have there


def layer_of(rgb: Tensor, alpha: Tensor, depth: Tensor, pose: Pose) -> Layer:
    """Primitives of scenes, (B, N, ...) and their poses in the camera's frame, as one layer."""
    return Layer(*(x.flatten(0, 1) for x in (rgb, alpha, depth, *pose[:2])))


def carried(first: Layer, second: Layer) -> Tensor:
    """Where the points of the first layer's pixels are in the second's pose, (M, H, W, 3).

    P0 = D' K^-1 (u, v, 1); P_obj = R0^T (P0 - t0); P1 = R1 P_obj + t1. In the camera's frame.
    """
    check_shape(first.depth, M=None, one=1, H=None, W=None)
    check_shape(second.depth, **dict(zip("MKHW", first.depth.shape)))
    ray = rays(first.depth.shape[-1], like=first.depth)
    points = first.depth[:, 0, ..., None] * ray - first.translation[:, None, None]
    turn = second.rotation @ first.rotation.transpose(-1, -2)
    return points @ turn.transpose(-1, -2)[:, None] + second.translation[:, None, None]


def warp(first: Layer, second: Layer) -> Warped:
    """The second layer, sampled where the points of the first layer's pixels are in it.

    Between pixels it is linear, beyond the border it goes on. What the object itself hides in
    the second view is not sorted out.
    """
    points = carried(first, second)
    size = first.depth.shape[-1]
    grid = 2 * project(points, size) / size - 1
    drawn = torch.cat([second.alpha * second.rgb, second.depth], 1)
    found = F.grid_sample(drawn, grid, padding_mode="border", align_corners=False)
    return Warped(found[:, :3], found[:, 3:], points[..., 2][:, None])
