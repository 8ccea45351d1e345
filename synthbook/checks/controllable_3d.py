"""What answers on the chapter on 3D control are tried on; words in controllable_3d.yml."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbook.controllable_3d import cameras, composition, losses, poses
from synthbook.exercises import Check


def numbers(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers, the same every time."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def shares(*shape: int, seed: int = 0) -> Tensor:
    """Numbers in [0, 1], the same every time."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


# ------------------------------------------------------------------------------------- places


def seen(points: Tensor, rotation: Tensor, translation: Tensor, size: int) -> Tensor:
    """Points of the world on the picture."""
    return cameras.project(points @ rotation.T + translation, size)


def looking(seed: int) -> tuple[Tensor, Tensor]:
    """R and t of a camera of the data."""
    camera = cameras.draw_cameras(1, torch.Generator().manual_seed(seed))
    return camera.rotation[0], camera.translation[0]


PROJECT = Check(seen, lambda: [(0.5 * numbers(5, 3), *looking(0), 32),
                               (0.5 * numbers(3, 3, seed=1), *looking(1), 64)], {
    "transposed": lambda p, r, t, size: cameras.project(p @ r + t, size),
    "no camera": lambda p, r, t, size: cameras.project(p, size),
    "flat": lambda p, r, t, size: (p @ r.T + t)[:, :2] * size + size / 2,
    "corner": lambda p, r, t, size: seen(p, r, t, size) - size / 2,
    "before": lambda p, r, t, size: cameras.project((p + t) @ r.T, size),
})


def rotation(six: Tensor) -> Tensor:
    """A rotation from six numbers."""
    return poses.rotation_of(six)


def frame(six: Tensor, square: bool = True, turn: bool = True, flip: bool = False) -> Tensor:
    """What comes out where a step of the orthonormalisation is left out."""
    a, b = six.reshape(-1, 3, 2).unbind(-1)
    a = F.normalize(a, dim=-1)
    if square:
        b = b - (a * b).sum(-1, keepdim=True) * a
    b = F.normalize(b, dim=-1)
    last = torch.linalg.cross(b, a) if flip else torch.linalg.cross(a, b)
    return torch.stack([a, b, last], -1 if turn else -2)


ROTATION = Check(rotation, lambda: [(numbers(4, 6),), (numbers(2, 6, seed=1),)], {
    "skew": lambda six: frame(six, square=False),
    "rows": lambda six: frame(six, turn=False),
    "mirror": lambda six: frame(six, flip=True),
    "halves": lambda six: rotation(six.unflatten(-1, (2, 3)).mT.flatten(-2)),
})


# ------------------------------------------------------------------------------------- pictures


def entry(o: Tensor, d: Tensor, far: float = 4.0, sign: int = -1) -> Tensor:
    """Depth at which rays enter the unit sphere; `far` where they miss."""
    a, b, c = d.square().sum(-1), (o * d).sum(-1), o.square().sum(-1) - 1
    root = b.square() - a * c
    return torch.where(root > 0, (-b + sign * root.clamp(min=0).sqrt()) / a, far)


def aimed(seed: int, count: int = 12) -> tuple[Tensor, Tensor]:
    """Rays from outside the unit sphere, of which some miss it."""
    o = 3 * F.normalize(numbers(count, 3, seed=seed), dim=-1)
    return o, -o + 1.2 * numbers(count, 3, seed=seed + 1)


SPHERE = Check(entry, lambda: [aimed(0), aimed(2)], {
    "exit": lambda o, d: entry(o, d, sign=1),
    "unit": lambda o, d: torch.where((o * d).sum(-1) ** 2 > d.square().sum(-1)
                                     * (o.square().sum(-1) - 1),
                                     -(o * d).sum(-1) - ((o * d).sum(-1) ** 2 - (
                                         o.square().sum(-1) - 1)).clamp(min=0).sqrt(), 4.0),
    "nearest": lambda o, d: torch.where(entry(o, d) < 4, -(o * d).sum(-1) / d.square().sum(-1),
                                        4.0),
    "nan": lambda o, d: torch.where(entry(o, d) < 4, entry(o, d), torch.nan),
    "zero": lambda o, d: entry(o, d, far=0.0),
})


def composed(rgb: Tensor, alpha: Tensor, depth: Tensor, background: Tensor) -> Tensor:
    """Layers over a background, nearest first at each pixel."""
    return composition.compose(rgb[None], alpha[None], depth[None], background[None]).image[0]


def painted(rgb: Tensor, alpha: Tensor, depth: Tensor, background: Tensor) -> Tensor:
    """Layers by the depth of their means, from the back."""
    for k in depth.mean((1, 2, 3)).argsort(descending=True):
        background = alpha[k] * rgb[k] + (1 - alpha[k]) * background
    return background


def layers(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Three layers that pass through one another, and a background."""
    return (numbers(3, 3, 6, 6, seed=seed), shares(3, 1, 6, 6, seed=seed),
            1 + shares(3, 1, 6, 6, seed=seed + 1), numbers(3, 6, 6, seed=seed + 2))


COMPOSE = Check(composed, lambda: [layers(0), layers(5)], {
    "far": lambda rgb, alpha, depth, back: composed(rgb, alpha, -depth, back),
    "whole": painted,
    "sum": lambda rgb, alpha, depth, back: (alpha * rgb).sum(0) + (1 - alpha.sum(0)) * back,
    "hard": lambda rgb, alpha, depth, back: composed(rgb, (alpha > 0.5).float(), depth, back),
    "nothing behind": lambda rgb, alpha, depth, back: composed(rgb, alpha, depth, 0 * back),
})


# --------------------------------------------------------------------------------------- losses


SMALL = Check(losses.compactness, lambda: [(shares(2, 3, 1, 6, 6) ** 3,),
                                           (shares(3, 2, 1, 8, 8, seed=1) * 0.05,)], {
    "mean": lambda a: losses.compactness(a) / a.shape[1],
    "no least": lambda a: losses.compactness(a, 0.0),
    "pixels": lambda a: a.clamp(min=0.1).mean((2, 3, 4)).sum(1).mean(),
    "above": lambda a: (a.mean((2, 3, 4)) - 0.1).clamp(min=0).sum(1).mean(),
    "together": lambda a: a.mean((2, 3, 4)).sum(1).clamp(min=0.1).mean(),
})


def carried(point: Tensor, r0: Tensor, t0: Tensor, r1: Tensor, t1: Tensor) -> Tensor:
    """Where points of an object are after it moved."""
    return (point - t0) @ r0 @ r1.T + t1


def moved(seed: int) -> tuple[Tensor, ...]:
    """Points and two poses."""
    first, second = rotation(numbers(2, 6, seed=seed))
    shift = numbers(2, 3, seed=seed + 1)
    return numbers(5, 3, seed=seed), first, shift[0], second, shift[1]


CARRY = Check(carried, lambda: [moved(0), moved(4)], {
    "own": lambda p, r0, t0, r1, t1: (p - t0) @ r0,
    "back": lambda p, r0, t0, r1, t1: carried(p, r1, t1, r0, t0),
    "transposed": lambda p, r0, t0, r1, t1: (p - t0) @ r0.T @ r1 + t1,
    "only turn": lambda p, r0, t0, r1, t1: p @ r0 @ r1.T,
    "add": lambda p, r0, t0, r1, t1: p @ r0 @ r1.T + t1 - t0,
})


# ------------------------------------------------------------------------------------- headings


def turned(angle: float) -> tuple[float, float]:
    """An angle as a pair."""
    return math.cos(angle), math.sin(angle)


def eye(azimuth: float) -> tuple[float, float]:
    """x and z of the camera."""
    return 2 * math.cos(0.5) * math.cos(azimuth), 2 * math.cos(0.5) * math.sin(azimuth)


HEADING = Check(
    lambda yaw, x, z, ex, ez: turned(yaw + math.atan2(z - ez, x - ex)),
    lambda: [(0.4, 0.2, -0.3, *eye(1.0)), (-2.0, -0.5, 0.4, *eye(4.0))], {
        "yaw": lambda yaw, x, z, ex, ez: turned(yaw),
        "minus": lambda yaw, x, z, ex, ez: turned(yaw - math.atan2(z - ez, x - ex)),
        "middle": lambda yaw, x, z, ex, ez: turned(yaw + math.atan2(-ez, -ex)),
        "towards": lambda yaw, x, z, ex, ez: turned(yaw + math.atan2(ez - z, ex - x)),
        "swapped": lambda yaw, x, z, ex, ez: turned(yaw + math.atan2(x - ex, z - ez)),
    })

CHECKS = {"project": PROJECT, "rotation": ROTATION, "sphere": SPHERE, "compose": COMPOSE,
          "compactness": SMALL, "carry": CARRY, "heading": HEADING}
