"""Inverse rendering: from a picture back to where things are, by the gradients of the renderer.

What training needs of the renderer, by itself: the difference of two pictures must say which way
to move, turn and stretch a primitive. Here that is all there is; no network learns anything.

Axes: B scenes, N primitives of a scene, H W pixels, T steps.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbook.controllable_3d.cameras import Camera
from synthbook.controllable_3d.composition import compose
from synthbook.controllable_3d.poses import Pose, upright
from synthbook.controllable_3d.renderer import render_solids

SMALLEST = 0.05  # half size that a primitive keeps, scene units


@dataclass(frozen=True)
class Found:
    """What a fit went through; the last step is the answer."""

    numbers: Tensor  # (T + 1, B, N, 6): x, z, yaw and three half sizes
    losses: Tensor  # (T,), mean squared difference of pictures


def shown(numbers: Tensor, colour: Tensor, camera: Camera, size: int, kind: str = "cuboid",
          sharpness: float = 0.7) -> Tensor:
    """The picture of upright solids of one colour each on white, (B, 3, H, W) in [-1, 1].

    Parameters
    ----------
    numbers   : (B, N, 6), x, z, yaw and half sizes.
    colour    : (B, N, 3) in [-1, 1].
    sharpness : width of edges, pixels; a soft picture is felt from farther away.
    """
    x, z, yaw, scale = numbers[..., 0], numbers[..., 1], numbers[..., 2], numbers[..., 3:]
    pose = upright(x, z, yaw, scale.clamp(min=SMALLEST))
    made = render_solids(kind, pose, colour[..., None, None, None], camera, size, sharpness)
    rgb = colour[..., None, None].expand(*colour.shape, size, size)
    white = torch.ones(len(colour), 3, size, size).to(colour)
    return compose(rgb, made.alpha, made.depth, white).image


def pose_of_numbers(numbers: Tensor) -> Pose:
    """The pose of (B, N, 6) numbers, as :func:`shown` has it."""
    return upright(*numbers[..., :3].unbind(-1), numbers[..., 3:].clamp(min=SMALLEST))


def fit(target: Tensor, start: Tensor, colour: Tensor, camera: Camera, steps: int = 150,
        rate: float = 0.03, soft: float = 2.0, kind: str = "cuboid") -> Found:
    """Move, turn and stretch primitives until their picture is the target's; Adam.

    The edges of both pictures begin `soft` pixels wide and sharpen: a gradient is felt only where
    edges overlap.

    Parameters
    ----------
    target : (B, 3, H, W) in [-1, 1].
    start  : (B, N, 6), as in :func:`shown`.
    colour : (B, N, 3), known.
    """
    numbers, size = start.clone().requires_grad_(), target.shape[-1]
    optimiser = torch.optim.Adam([numbers], rate)
    path, losses = [start.clone()], []
    for step in range(steps):
        width = soft ** (1 - step / steps)
        wanted = blurred(target, width)
        made = shown(numbers, colour, camera, size, kind, max(0.7, 0.7 * width))
        loss = (blurred(made, width) - wanted).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():  # beyond the bound there is no gradient that leads back
            numbers[..., 3:].clamp_(min=SMALLEST)
        path.append(numbers.detach().clone())
        losses.append(loss.detach())
    return Found(torch.stack(path), torch.stack(losses))


def blurred(image: Tensor, width: float) -> Tensor:
    """A picture (B, 3, H, W), blurred by a Gaussian of `width - 1` pixels; none for 1."""
    if width <= 1.01:
        return image
    reach = int(2 * width) + 1
    line = torch.arange(-reach, reach + 1, dtype=image.dtype, device=image.device)
    weights = (-0.5 * (line / (width - 1)).square()).exp()
    weights = (weights / weights.sum()).expand(3, 1, -1)
    padded = F.pad(image, [reach] * 4, mode="replicate")
    rows = F.conv2d(padded, weights[..., None, :], groups=3)
    return F.conv2d(rows, weights[..., None], groups=3)


def felt(numbers: Tensor, target: Tensor, colour: Tensor, camera: Camera, k: int = 0
         ) -> dict[str, Tensor]:
    """The gradient of the squared difference by each number of primitive `k`, scene 0; by name."""
    leaf = numbers.clone().requires_grad_()
    made = shown(leaf, colour, camera, target.shape[-1])
    (made - target).square().mean().backward()
    names = "x", "z", "yaw", "half length", "half height", "half width"
    return dict(zip(names, leaf.grad[0, k]))
