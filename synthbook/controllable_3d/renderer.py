"""From primitives to feature maps, alpha and depth, each primitive by itself (Liao et al. 2020).

A solid carries its features as a small block of numbers in its own frame, of which its surface
shows a part; a point cloud carries a vector at every point. The background is the inside of a
sphere around the scene. (The paper's code wraps a texture around a mesh instead of the block.)

Axes: B batch, N primitives of a scene, P points, C features, H W pixels.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbook.controllable_3d.cameras import NEAR, RADIUS, Camera, project, rays
from synthbook.controllable_3d.poses import Pose
from synthbook.controllable_3d.primitives import SHARPNESS, Surface, check_pose, cuboid, solid
from synthbook.files import BookError
from synthbook.layers import check_shape

SPLAT = 1 / 32  # radius of a point's blob, in widths of the picture
ORDER = 0.1  # scene units: how much nearer a point must be to hide another


class Rendered(NamedTuple):
    """Every primitive alone, as the camera sees it.

    features : X, (B, N, C, H, W).
    alpha    : A, (B, N, 1, H, W) in [0, 1].
    depth    : D, (B, N, 1, H, W) in scene units; it has meaning where alpha is not small.
    centre   : depth of the primitive's centre, (B, N).
    middle   : where that centre is on the picture, (B, N, 2) pixels.
    """

    features: Tensor
    alpha: Tensor
    depth: Tensor
    centre: Tensor
    middle: Tensor


def textured(surface: Surface, texture: Tensor) -> Tensor:
    """The features of surface points, (B, N, C, H, W), times alpha.

    texture : (B, N, C, T, T, T), the cube [-1, 1]^3 of each primitive's own frame with axes z, y,
    x; in between it is linear.
    """
    b, n, h, w = surface.alpha.shape
    check_shape(texture, B=b, N=n, C=None, D=None, H=None, W=None)
    found = F.grid_sample(texture.flatten(0, 1), surface.point.flatten(0, 1)[:, None],
                          padding_mode="border", align_corners=False)
    return found[:, :, 0].unflatten(0, (b, n)) * surface.alpha[:, :, None]


def render_solids(kind: str, pose: Pose, texture: Tensor, camera: Camera, size: int,
                  sharpness: float = SHARPNESS) -> Rendered:
    """Ellipsoids or cuboids with features on their surface.

    Parameters
    ----------
    kind      : `ellipsoid` or `cuboid`.
    pose      : in the world.
    texture   : (B, N, C, T, T, T), see :func:`textured`.
    camera    : B cameras, one a scene.
    size      : H = W.
    sharpness : width of alpha's edge, pixels.
    """
    check_pose(pose)
    seen = pose.seen_by(camera)
    surface = solid(kind, seen, size, sharpness)
    return Rendered(textured(surface, texture), surface.alpha[:, :, None],
                    surface.depth[:, :, None], seen.translation[..., 2],
                    project(seen.translation, size))


def render_points(pose: Pose, points: Tensor, features: Tensor, camera: Camera, size: int, *,
                  hide: bool = False, splat: float = SPLAT) -> Rendered:
    """Point clouds: each point is a blob of exp(-distance^2 / radius^2) around its projection.

    Alpha and depth are those of the cuboid of the same pose, as in the released code. A blob is
    the product of one along x and one along y, so a picture is one product of two matrices.

    Parameters
    ----------
    pose     : in the world.
    points   : (B, N, P, 3) in the primitive's own frame, in [-1, 1].
    features : (B, N, P, C).
    camera   : B cameras, one a scene.
    size     : H = W.
    hide     : whether near points hide far ones, by weights that fall with depth and sum to at
               most one; else the blobs are summed as in the released code.
    splat    : radius of a blob, in widths of the picture.
    """
    check_pose(pose)
    b, n, p = points.shape[:3]
    check_shape(points, B=pose.scale.shape[0], N=pose.scale.shape[1], P=p, axes=3)
    check_shape(features, B=b, N=n, P=p, C=None)
    seen = pose.seen_by(camera)
    placed = (points * seen.scale[:, :, None]) @ seen.rotation.transpose(-1, -2)
    placed = placed + seen.translation[:, :, None]
    depth = placed[..., 2]
    across, down = blobs(project(placed, size), size, splat * size)
    front = (depth > NEAR).to(features.dtype)[..., None]
    if hide:
        ahead = depth.clamp(min=NEAR)
        front = front * ((ahead.detach().amin(-1, keepdim=True) - ahead) / ORDER).exp()[..., None]
        features = torch.cat([features, torch.ones_like(features[..., :1])], -1)
    picture = torch.einsum("bnpc,bnph,bnpw->bnchw", features * front, down, across)
    if hide:
        picture = picture[:, :, :-1] / (picture[:, :, -1:] + 1e-3)
    box = cuboid(seen, size)
    return Rendered(picture, box.alpha[:, :, None], box.depth[:, :, None],
                    seen.translation[..., 2], project(seen.translation, size))


def blobs(centres: Tensor, size: int, radius: float) -> tuple[Tensor, Tensor]:
    """Weights along x and along y, (B, N, P, W) and (B, N, P, H), of blobs at centres, pixels."""
    line = torch.arange(size, dtype=centres.dtype, device=centres.device) + 0.5
    away = (line - centres[..., None]) / radius  # (B, N, P, 2, W)
    return tuple(away.square().neg().exp().unbind(-2))


def render_background(texture: Tensor, camera: Camera, size: int,
                      radius: float = RADIUS) -> Tensor:
    """The inside of a sphere around the scene, (B, C, H, W).

    Parameters
    ----------
    texture : (B, C, h, w): rows from the top, y = -radius, to the bottom; columns once around,
              from the azimuth -pi at the left edge, so the edges meet.
    camera  : B cameras in the sphere or on it.
    size    : H = W of the picture.
    radius  : of the sphere, scene units.
    """
    check_shape(texture, B=len(camera.rotation), C=None, h=None, w=None)
    where = background_points(camera, size, radius)
    x, y, z = where.unbind(-1)
    u = torch.atan2(z, x) / torch.pi
    v = 2 * torch.atan2((x.square() + z.square() + 1e-12).sqrt(), -y) / torch.pi - 1
    w = texture.shape[-1]
    around = torch.cat([texture[..., -1:], texture, texture[..., :1]], -1)
    grid = torch.stack([u * w / (w + 2), v], -1)
    return F.grid_sample(around, grid, padding_mode="border", align_corners=False)


def background_points(camera: Camera, size: int, radius: float = RADIUS) -> Tensor:
    """Where rays leave the sphere, (B, H, W, 3) in the world; BookError for cameras outside."""
    centre = camera.centre[:, None, None]
    d = rays(size, like=centre) @ camera.rotation[:, None]
    outside = centre.square().sum(-1) - radius**2
    if (outside > 1e-3 * radius**2).any():
        raise BookError(f"a camera is outside the background sphere of radius {radius}: move it "
                        "nearer, or make the sphere larger")
    a, b = d.square().sum(-1), (d * centre).sum(-1)
    tau = (-b + (b.square() - a * outside).clamp(min=1e-6).sqrt()) / a
    return centre + tau[..., None] * d
