"""Where things are before any network says so: places, cameras and numbers as in the data.

The paper's network chooses poses by itself. Here they are drawn as the data's are, as in later
work (GIRAFFE, CVPR 2021), and the network with its freedom is the variant `pose-mlp`.

Axes: B batch, N primitives of a scene.
"""

import math

import torch
from torch import Tensor

from synthbook.controllable_3d.cameras import RADIUS, Camera, draw_cameras, project
from synthbook.controllable_3d.composition import some_dropped
from synthbook.controllable_3d.config import Config
from synthbook.controllable_3d.scenes import Draws
from synthbook.datasets.raycast.scene import GAP, SPREAD

TRIES, ROUNDS = 24, 4  # for a free place; of scenes, until all have one
APART = 0.05  # how much nearer a box on the picture is for each scene unit of depth


def draw(config: Config, count: int, generator: torch.Generator | None = None,
         keep: Tensor | None = None) -> Draws:
    """The draws of `count` scenes, on the processor.

    keep : (count, N), which primitives are there; at random unless given.
    """
    n, z = config.primitives, config.latent
    look = torch.randn(count, n, z, generator=generator)
    layout, behind = torch.randn(2, count, z, generator=generator)
    keep = some_dropped(count, n, generator) if keep is None else keep
    camera = draw_cameras(count, generator)
    place = draw_places(keep, generator, config.footprint)
    if config.poses == "picture":
        place, camera = on_picture(place, camera), frontal(count)
    return Draws(look, place, layout, camera, behind, keep)


def draw_places(keep: Tensor, generator: torch.Generator | None = None,
                footprint: tuple[float, float] = Config.footprint) -> Tensor:
    """x, z and yaw, (B, N, 3), of primitives on the ground, those that are kept (B, N) apart.

    Centres are uniform in the disc of the data, yaws in a full turn. One after the other, each has
    the first of its tries that is apart from all before it. Of several such rounds, the first
    counts in which all found a place; the first of all where none is. `footprint` as in `Config`.
    """
    count, n = keep.shape
    there = keep.cpu().repeat(ROUNDS, 1)
    reach, turn, yaw = torch.rand(3, len(there), n, TRIES, generator=generator)
    reach, turn = SPREAD * reach.sqrt(), 2 * math.pi * turn
    tries = torch.stack([reach * turn.cos(), reach * turn.sin(), 2 * math.pi * yaw], -1)
    rows, places = torch.arange(len(there)), list[Tensor]()
    complete = torch.ones(len(there), dtype=torch.bool)
    for k in range(n):
        free = torch.ones(len(there), TRIES, dtype=torch.bool)
        for before, stands in zip(places, there.unbind(1)):
            free &= apart(tries[:, k], before[:, None], footprint) | ~stands[:, None]
        complete &= free.any(1) | ~there[:, k]
        places.append(tries[rows, k, free.to(torch.uint8).argmax(1)])
    first = complete.view(ROUNDS, count).to(torch.uint8).argmax(0)
    return torch.stack(places, 1)[first * count + torch.arange(count)]


def apart(one: Tensor, other: Tensor,
          footprint: tuple[float, float] = Config.footprint) -> Tensor:
    """Whether a strip of `GAP` lies between two middling objects (..., 3) as (x, z, yaw); (...).

    Two rectangles do not meet exactly where an axis of one of them separates them.
    """
    one, other = torch.broadcast_tensors(one, other)
    between = (other - one)[..., :2]
    half = between.new_tensor(footprint)
    axes = torch.cat([sides(one[..., 2]), sides(other[..., 2])], -2)  # (..., 4, 2)
    away = (axes * between[..., None, :]).sum(-1).abs()
    reach = sum((axes @ sides(item[..., 2]).transpose(-1, -2)).abs() @ half
                for item in (one, other))
    return (away > reach + GAP).any(-1)


def sides(yaw: Tensor) -> Tensor:
    """Unit vectors along and across an object on the ground (x, z), (..., 2, 2)."""
    c, s = yaw.cos(), yaw.sin()
    return torch.stack([torch.stack([c, -s], -1), torch.stack([s, c], -1)], -2)


def frontal(count: int) -> Camera:
    """Cameras that look along z from two units before the origin, which they see in the middle."""
    shift = torch.tensor([0.0, 0.0, RADIUS])
    return Camera(torch.eye(3).expand(count, 3, 3), shift.expand(count, 3))


def on_picture(place: Tensor, camera: Camera) -> Tensor:
    """Where cameras see places (B, N, 3) on the ground: x, y and depth for :func:`frontal`.

    x and y are such that a box at depth z = 0 covers the pixel; a little depth keeps the order.
    """
    x, z, _ = place.unbind(-1)
    points = torch.stack([x, torch.full_like(x, -0.15), z], -1)
    seen = points @ camera.rotation.transpose(-1, -2) + camera.translation[:, None]
    depth = APART * (seen[..., 2] - RADIUS)
    flat = (project(seen, 1) - 0.5) * (RADIUS + depth)[..., None]
    return torch.cat([flat, depth[..., None]], -1)
