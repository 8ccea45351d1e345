"""What the chapter on 3D control shows of the renderer: maps, derivatives, gradients from afar.

Numbers of a primitive are those of :mod:`.inverse`: x, z, yaw and three half sizes.

Axes: B scenes, N primitives of a scene, H W pixels.
"""

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor

from synthbook.controllable_3d.cameras import Camera, brightness, project
from synthbook.controllable_3d.inverse import blurred, pose_of_numbers, shown
from synthbook.controllable_3d.primitives import solid
from synthbook.controllable_3d.renderer import Rendered, render_solids
from synthbook.controllable_3d.warp import Layer, layer_of

NAMES = "x", "z", "yaw", "half length", "half height", "half width"


def coordinates(side: int = 8) -> Tensor:
    """A block of features that says of each point where it is on its primitive, (3, T, T, T).

    Values are x, y and z of the primitive's own frame, in (-1, 1).
    """
    line = (2 * torch.arange(side) + 1.0) / side - 1
    z, y, x = torch.meshgrid(line, line, line, indexing="ij")
    return torch.stack([x, y, z])


def maps(numbers: Tensor, camera: Camera, size: int, kind: str = "cuboid") -> Rendered:
    """X, A and D of primitives (B, N, 6) whose features are :func:`coordinates`."""
    pose = pose_of_numbers(numbers)
    block = coordinates().expand(*numbers.shape[:2], -1, -1, -1, -1)
    return render_solids(kind, pose, block, camera, size)


def pictures(made: Rendered, k: int = 0) -> list[Tensor]:
    """Features, alpha and depth of primitive `k` of scene 0 as images (3, H, W) in [-1, 1].

    The depth is black where alpha is below one half.
    """
    alpha = made.alpha[0, k].expand(3, -1, -1)
    depth = torch.where(alpha > 0.5, grey(made.depth[0, k]), -1.0)
    return [made.features[0, k].clamp(-1, 1), 2 * alpha - 1, depth]


def grey(depth: Tensor) -> Tensor:
    """Depth (1, H, W) in scene units as an image (3, H, W) in [-1, 1]; near is bright."""
    return brightness(depth).expand(3, -1, -1)


def slope(numbers: Tensor, camera: Camera, size: int, which: int, kind: str = "cuboid"
          ) -> dict[str, Tensor]:
    """Derivatives of alpha and depth by number `which` of primitive 0, (H, W) each.

    From differences in double precision: a picture has many pixels and one number.
    """
    step, ends = 1e-5, []
    exact = Camera(*(part.double() for part in camera))
    for sign in (1, -1):
        now = numbers.double()
        now[0, 0, which] += sign * step
        ends.append(solid(kind, pose_of_numbers(now).seen_by(exact), size))
    slopes = [(a - b)[0, 0].float() / (2 * step) for a, b in list(zip(*ends))[:2]]
    return {"alpha": slopes[0], "depth": torch.where(ends[0].alpha[0, 0] > 0.5, slopes[1], 0.0)}


def signed(values: Tensor) -> Tensor:
    """Numbers (H, W) as an image (3, H, W): red above zero, blue below, white at it."""
    share = values / values.abs().amax().clamp(min=1e-9)
    up, down = share.clamp(min=0), (-share).clamp(min=0)
    return 1 - 2 * torch.stack([down, (up + down), up]).clamp(0, 1)


def from_afar(numbers: Tensor, offsets: Sequence[float], widths: Sequence[float], camera: Camera,
              colour: Tensor, size: int) -> Tensor:
    """The gradient by x where an ellipsoid is that far off along x, (widths, offsets).

    Of the squared difference to the picture of `numbers` (1, 1, 6); above zero, for offsets above
    zero, it leads back. Both pictures are blurred to a width in pixels.
    """
    found = torch.zeros(len(widths), len(offsets))
    for (i, width), (k, offset) in product(enumerate(widths), enumerate(offsets)):
        leaf = numbers.clone()
        leaf[..., 0] += offset
        leaf.requires_grad_()
        target = shown(numbers, colour, camera, size, "ellipsoid")
        made = shown(leaf, colour, camera, size, "ellipsoid")
        (blurred(made, width) - blurred(target, width)).square().mean().backward()
        found[i, k] = leaf.grad[0, 0, 0]
    return found


def tint(image: Tensor) -> Tensor:
    """The mean colour (1, 1, 3) of what is farthest from white in an image (3, H, W)."""
    away = (1 - image).norm(dim=0)
    there = away > 0.8 * away.max()
    return image[:, there].mean(1)[None, None]


def corners(pose: Tensor, extent: Tensor, camera: Camera, size: int) -> Tensor:
    """The corners of an upright box on the picture, pixels (8, 2).

    pose : (3,), x, z and yaw; extent : (3,), half sizes; both of the dataset.
    """
    x, z, yaw = pose.tolist()
    given = torch.tensor([[[x, z, yaw, *extent.tolist()]]])
    box = pose_of_numbers(given)
    signs = torch.tensor(list(product((-1.0, 1.0), repeat=3)))
    world = (signs * box.scale[0]) @ box.rotation[0, 0].T + box.translation[0]
    return project(world @ camera.rotation[0].T + camera.translation[0], size)


def turned_layers(numbers: Tensor, angle: float, camera: Camera, size: int) -> tuple[Layer, Layer]:
    """A painted ellipsoid before and after a turn by `angle` radians, with true depths."""
    found = []
    for by in (0.0, angle):
        now = numbers.clone()
        now[..., 2] += by
        made = maps(now, camera, size, "ellipsoid")
        rgb = (made.features / made.alpha.clamp(min=1e-3)).clamp(-1, 1)
        seen = pose_of_numbers(now).seen_by(camera)
        found.append(layer_of((rgb + 1) / 2, made.alpha, made.depth, seen))
    return found[0], found[1]
