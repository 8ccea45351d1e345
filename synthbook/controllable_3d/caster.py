"""The ray-caster of `cars` in torch, for a batch of scenes: what the page's figure shows.

It meets the same planes and cylinders as :mod:`synthbook.datasets.cars.cast` and paints them by
the same rules, but for all rays at once and without a choice of rays, so that it can be exported.
A car may be let through: its alpha is one number for all of it.

Axes: B scenes, N cars, P rays, M planes of a solid.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbook.controllable_3d.cameras import FAR, RADIUS, brightness
from synthbook.datasets.cars.backdrop import CEILING, DISC, HALF, rgb, tones
from synthbook.datasets.cars.cast import GLASS, LAMP, RIM, TAIL, TRIM, TYRE
from synthbook.datasets.cars.scene import PAINTS, Backdrop
from synthbook.datasets.cars.shapes import SHAPES, Shape
from synthbook.datasets.raycast.solids import AMBIENT, LIGHT, Solid

AWAY = 1e3  # depth of what a ray misses, scene units
BEHIND = ("white", "ground", "room")


class Kind(NamedTuple):
    """What a car is, wherever it stands: indices in `SHAPES` and `PAINTS`, factor of its sizes."""

    shape: int
    paint: int
    scale: float = 1.0


class Met(NamedTuple):
    """Where rays meet a solid: depth (B, P), AWAY where they miss, and the plane's number."""

    depth: Tensor
    plane: Tensor


def fixed(values) -> Tensor:
    """Numbers of the data as a float32 tensor."""
    return torch.as_tensor(np.asarray(values, np.float32))


def picked(rows: Tensor, which: Tensor) -> Tensor:
    """Of rows (B, M, P) the one that `which` (B, P) names at every ray."""
    return rows.gather(1, which[:, None])[:, 0]


def meet_solid(solid: Solid, o: Tensor, d: Tensor) -> Met:
    """The first point in a convex solid: after the last entry, before the first exit."""
    normals, offsets = fixed(solid.normals), fixed(solid.offsets)
    toward = normals @ d
    room = offsets[:, None] - normals @ o
    depth = room / torch.where(toward == 0, 1e-12, toward)
    enter, plane = torch.where(toward < 0, depth, -AWAY).max(1)
    leave = torch.where(toward > 0, depth, AWAY).amin(1)
    return Met(torch.where((enter < leave) & (enter > 0), enter, AWAY), plane)


def meet_wheels(shape: Shape, o: Tensor, d: Tensor) -> Met:
    """The first point on a wheel; the plane is 2 w + 1 on the side of wheel w."""
    hubs = fixed(shape.wheels)
    u, v, w = (o - hubs.T[None]).unbind(1)  # (B, 4)
    a = (d[:, 0].square() + d[:, 1].square())[:, None]
    b = u[..., None] * d[:, None, 0] + v[..., None] * d[:, None, 1]
    root = b.square() - a * (u.square() + v.square() - shape.wheel**2)[..., None]
    half = root.clamp(min=0).sqrt()
    flat = torch.where(d[:, 2].abs() < 1e-9, 1e-9, d[:, 2])[:, None]
    middle, reach = -w[..., None] / flat, shape.tyre / flat.abs()
    near, side = (-b - half) / a, middle - reach
    enter = torch.maximum(near, side)
    met = (root > 0) & (enter < torch.minimum((-b + half) / a, middle + reach)) & (enter > 0)
    depth, which = torch.where(met, enter, AWAY).min(1)
    return Met(depth, 2 * which + (picked(side, which) > picked(near, which)).long())


class Painted(NamedTuple):
    """Colour (B, 3, P) in [0, 255], normal (B, 3, P), and where light does not count, (B, P)."""

    colour: Tensor
    normal: Tensor
    glows: Tensor


def over(colour: Tensor, where: Tensor, paint) -> Tensor:
    """The colour with a paint (3,) put where it is asked for, (B, P)."""
    return torch.where(where[:, None], fixed(paint).view(1, 3, 1), colour)


def body_paint(shape: Shape, paint: np.ndarray, point: Tensor, plane: Tensor) -> Painted:
    """Paint, a dark sill, dark arches around the wheels, lamps at both ends."""
    x, height, z = point[:, 0], -point[:, 1], point[:, 2].abs()
    normal = fixed(shape.body.normals)[plane].transpose(1, 2)
    axle, radius = shape.axle * shape.length, shape.wheel
    arch = ((x.abs() - axle).square() + (height - radius).square()).sqrt() < 1.22 * radius
    low, high = 0.5 * shape.nose, 0.93 * shape.nose
    lamp = ((normal[:, 0].abs() > 0.4) & (height > low) & (height < high)
            & (z > 0.48 * shape.width) & (x.abs() > 0.9 * shape.length))
    grille = ((normal[:, 0] > 0.6) & (z < 0.4 * shape.width) & (height > low)
              & (height < 0.8 * shape.nose))
    dark = (arch & (normal[:, 2].abs() > 0.6)) | (height < 0.85 * radius) | grille
    colour = over(fixed(paint).view(1, 3, 1) + 0 * point, dark, TRIM)
    colour = over(over(colour, lamp & (x > 0), LAMP), lamp & (x < 0), TAIL)
    return Painted(colour, normal, lamp)


def top_paint(shape: Shape, paint: np.ndarray, point: Tensor, plane: Tensor) -> Painted:
    """The cabin: windows in four of its planes, framed by what is near another plane."""
    top = shape.top
    number = torch.arange(len(top.normals)).view(1, -1, 1)
    room = fixed(top.offsets)[:, None] - fixed(top.normals) @ point
    room = torch.where((number == plane[:, None]) | (number == 3), AWAY, room)
    framed = (room.amin(1) < shape.post) | (-point[:, 1] < shape.belt + 0.5 * shape.post)
    middle = 0.5 * (shape.cabin[0] + shape.cabin[2]) * shape.length
    post = (plane >= 4) & ((point[:, 0] - middle).abs() < 0.5 * shape.post)
    window = (plane == 0) | (plane == 2) | (plane == 4) | (plane == 5)
    sky = ((-point[:, 1] - shape.belt) / (shape.roof - shape.belt)).clamp(0, 1)
    glass = fixed(GLASS).view(1, 3, 1) * (0.8 + 0.45 * sky)[:, None]
    pane = (window & ~framed & ~post)[:, None]
    colour = torch.where(pane, glass, fixed(paint).view(1, 3, 1))
    return Painted(colour, fixed(top.normals)[plane].transpose(1, 2), plane < 0)


def wheel_paint(shape: Shape, paint: np.ndarray, point: Tensor, plane: Tensor) -> Painted:
    """A wheel: a dark tyre around a bright rim."""
    hub = point - fixed(shape.wheels)[torch.div(plane, 2, rounding_mode="floor")].transpose(1, 2)
    on_side = plane - 2 * torch.div(plane, 2, rounding_mode="floor") == 1
    away = (hub[:, 0].square() + hub[:, 1].square()).sqrt()
    none = torch.zeros_like(away)
    normal = torch.where(on_side[:, None], torch.stack([none, none, hub[:, 2].sign()], 1),
                         torch.stack([hub[:, 0], hub[:, 1], none], 1) / shape.wheel)
    tyre = fixed(TYRE).view(1, 3, 1) + 0 * point
    return Painted(over(tyre, on_side & (away < 0.6 * shape.wheel), RIM), normal, plane < 0)


def to_own(vector: Tensor, yaw: Tensor) -> Tensor:
    """Vectors of the world (B, 3, P) in the axes of cars turned by yaw (B,) radians."""
    c, s = yaw.cos()[:, None], yaw.sin()[:, None]
    x, y, z = vector.unbind(1)
    return torch.stack([c * x - s * z, y + 0 * c * x, s * x + c * z], 1)


def meet_car(kind: Kind, pose: Tensor, o: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    """Depth (B, P) and colour (B, 3, P) in [0, 255] of a car; AWAY where a ray misses it.

    pose : (B, 3), x, z and yaw; o (B, 3, 1) and d (B, 3, P) in the world.
    """
    shape = SHAPES[kind.shape]
    body, *roof = (rgb(code) for code in PAINTS[list(PAINTS)[kind.paint]])
    x, z, yaw = pose.unbind(-1)
    place = torch.stack([x, torch.zeros_like(x), z], -1)[..., None]
    o, d = to_own(o - place, yaw) / kind.scale, to_own(d, yaw) / kind.scale
    found = [meet_solid(shape.body, o, d), meet_solid(shape.top, o, d), meet_wheels(shape, o, d)]
    depth, solid = torch.stack([met.depth for met in found], 1).min(1)
    light = to_own(fixed(LIGHT).view(1, 3, 1), yaw)
    colour = torch.zeros_like(d)
    for number, (met, painted) in enumerate(zip(found, (body_paint, top_paint, wheel_paint))):
        paint = (roof or [body])[0] if number == 1 else body
        tone, normal, glows = painted(shape, paint, o + d * met.depth[:, None], met.plane)
        lit = AMBIENT + (1 - AMBIENT) * (light * normal).sum(1).clamp(min=0)
        shade = torch.where(glows, 1.0, lit)[:, None]
        colour = torch.where((solid == number)[:, None], tone * shade * 1.06, colour)
    return depth, colour.clamp(max=255)


def backdrops(backdrop: Backdrop, o: Tensor, d: Tensor) -> Tensor:
    """White, the ground and a room with plain floor behind everything, (B, 3 kinds, 3, P)."""
    white = torch.full_like(d, 255.0)
    down = d[:, 1].clamp(min=1e-6)
    tau = -o[:, 1] / down
    x, z = o[:, 0] + d[:, 0] * tau, o[:, 2] + d[:, 2] * tau
    on = (d[:, 1] > 1e-6) & (x.square() + z.square() < DISC**2)
    first, second = tones("ground", backdrop)
    c, s = math.cos(backdrop.direction), math.sin(backdrop.direction)
    ground = over(over(white, on, second), on & (c * x + s * z < backdrop.offset), first)
    low, high = (fixed(edge).view(1, 3, 1) for edge in ((-HALF, -CEILING, -HALF),
                                                        (HALF, 0, HALF)))
    leave = (torch.where(d > 0, high, low) - o) / torch.where(d == 0, 1e-12, d)
    depth, side = leave.min(1)
    floor, wall = tones("room", backdrop)
    bright = torch.where(side == 0, 0.93 + 0.05 * d[:, 0].sign(), 0.96 - 0.05 * d[:, 2].sign())
    skirting = (side != 1) & (o[:, 1] + d[:, 1] * depth > -0.12)
    room = fixed(wall).view(1, 3, 1) * (bright * torch.where(skirting, 0.86, 1.0))[:, None]
    room = over(room, (side == 1) & (d[:, 1] > 0), np.float32(1.08) * floor)
    return torch.stack([white, ground, room], 1)


class Caster(nn.Module):
    """Where cars are, the camera, how solid they are and what is behind them, to a picture.

    kinds    : the N cars.
    backdrop : colours of ground and room; the room's floor must be plain.
    size     : H = W; n : rays of every pixel each way.
    """

    def __init__(self, kinds: tuple[Kind, ...], backdrop: Backdrop, size: int = 64, n: int = 2):
        super().__init__()
        self.kinds, self.backdrop, self.size, self.n = kinds, backdrop, size, n
        line = (torch.arange(size * n) + 0.5) / (size * n) - 0.5
        v, u = torch.meshgrid(line, line, indexing="ij")
        self.register_buffer("u", u.flatten())
        self.register_buffer("v", v.flatten())

    def forward(self, pose: Tensor, camera: Tensor, alpha: Tensor, behind: Tensor
                ) -> tuple[Tensor, Tensor, Tensor]:
        """Picture and depth (B, 3, H, W) in [-1, 1], and the share of the picture of each car.

        pose   : (B, N, 3), x, z and yaw in radians.
        camera : (B, 2), azimuth and elevation in radians.
        alpha  : (B, N) in [0, 1].
        behind : (B, 1), index in BEHIND.

        Near is bright in the depth; what is behind all cars is at FAR and black. Shares (B, N)
        are in [0, 1].
        """
        o, d = self.rays(camera)
        depths, colours = zip(*(meet_car(kind, pose[:, k], o, d)
                                for k, kind in enumerate(self.kinds)))
        depth, colour = torch.stack(depths, 1), torch.stack(colours, 1)
        share = shares(alpha[..., None] * (depth < AWAY).float(), depth)
        rest = 1 - share.sum(1)
        chosen = (behind[..., None, None] - torch.arange(3.0).view(1, 3, 1, 1)).abs() < 0.5
        back = (chosen.float() * backdrops(self.backdrop, o, d)).sum(1)
        image = (share[:, :, None] * colour).sum(1) + rest[:, None] * back
        far = (share * depth.clamp(max=FAR)).sum(1) + rest * FAR
        grey = brightness(far)[:, None].expand(-1, 3, -1)
        return self.pixels(image / 127.5 - 1), self.pixels(grey), share.mean(-1)

    def rays(self, camera: Tensor) -> tuple[Tensor, Tensor]:
        """Origins (B, 3, 1) and directions (B, 3, P) in the world, 1 along the camera's axis."""
        a, e = camera[:, :1], camera[:, 1:]
        ca, sa, ce, se = a.cos(), a.sin(), e.cos(), e.sin()
        right = torch.stack([-sa, 0 * sa, ca], 1)
        below = torch.stack([se * ca, ce, se * sa], 1)
        ahead = torch.stack([-ce * ca, se, -ce * sa], 1)
        return -RADIUS * ahead, right * self.u + below * self.v + ahead

    def pixels(self, samples: Tensor) -> Tensor:
        """Samples (B, 3, P) to pixels (B, 3, H, W), their means."""
        side = self.size * self.n
        return F.avg_pool2d(samples.reshape(-1, 3, side, side), self.n)


def shares(alpha: Tensor, depth: Tensor) -> Tensor:
    """What is seen of each of N surfaces at rays, (B, N, P): as `composition.visible`, in pairs.

    A surface lets through one minus its alpha of all that is farther away.
    """
    nearer = depth[:, None] < depth[:, :, None]  # (B, N, N, P): second before first
    return alpha * torch.where(nearer, 1 - alpha[:, None], 1.0).prod(2)
