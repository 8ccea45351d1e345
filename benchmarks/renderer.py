"""Primitives to feature maps, all at once, beside plain loops over primitives, points and faces.

Run `python benchmarks/renderer.py`; prints medians of processor seconds on one thread for the
pictures and their gradients, and how far the results are apart. The loops take one primitive after
the other, a cuboid face by face and a point cloud point by point, as the formulas are written.
"""

import statistics
import time

import torch
from torch import Tensor

from synthbook.controllable_3d import (
    Camera,
    Pose,
    cuboid,
    draw_cameras,
    pose_of,
    project,
    rays,
    render_points,
    render_solids,
)
from synthbook.controllable_3d.cameras import FAR, NEAR
from synthbook.controllable_3d.primitives import SHARPNESS, softness

SCENES, PRIMITIVES, SIZE, POINTS, FEATURES, CELLS = 32, 3, 64, 32, 8, 8


def one_by_one(pose: Pose, camera: Camera):
    """Every primitive's rotation, translation and scale in its camera's frame."""
    seen = pose.seen_by(camera)
    for b in range(SCENES):
        for n in range(PRIMITIVES):
            yield (b, n), tuple(part[b, n] for part in seen)


def cuboid_by_faces(pose: Pose, camera: Camera) -> tuple[Tensor, Tensor]:
    """Alpha and depth of cuboids, (B, N, H, W), axis after axis."""
    alphas, depths = [], []
    for _, (R, t, s) in one_by_one(pose, camera):
        d = rays(SIZE) @ R / s
        o = -(t @ R) / s
        enter, leave = torch.full((SIZE, SIZE), -1e9), torch.full((SIZE, SIZE), 1e9)
        for axis in range(3):
            there, back = ((side - o[axis]) / d[..., axis] for side in (-1, 1))
            enter = torch.maximum(enter, torch.minimum(there, back))
            leave = torch.minimum(leave, torch.maximum(there, back))
        middle = (enter + leave) / 2
        distance = (o + middle[..., None] * d).abs().amax(-1)
        edge = softness(Pose(R, t, s), SIZE, SHARPNESS)[0, 0]
        alphas.append(((1 - distance) / edge).sigmoid() * (leave > NEAR))
        depths.append(torch.where(leave > enter, enter, middle).clamp(NEAR, FAR))
    shape = SCENES, PRIMITIVES, SIZE, SIZE
    return torch.stack(alphas).view(shape), torch.stack(depths).view(shape)


def points_one_by_one(pose: Pose, camera: Camera, points: Tensor, features: Tensor) -> Tensor:
    """Features (B, N, C, H, W) of point clouds, every blob a picture that is added."""
    pictures, pixel = [], SIZE * rays(SIZE)[..., :2] + SIZE / 2
    for (b, n), (R, t, s) in one_by_one(pose, camera):
        picture = torch.zeros(FEATURES, SIZE, SIZE)
        for q, feature in zip(points[b, n], features[b, n]):
            place = R @ (s * q) + t
            away = (pixel - project(place, SIZE)).square().sum(-1)
            blob = (-away / (SIZE / 32) ** 2).exp() * (place[2] > NEAR)
            picture = picture + feature[:, None, None] * blob
        pictures.append(picture)
    return torch.stack(pictures).view(SCENES, PRIMITIVES, FEATURES, SIZE, SIZE)


def timed(function, leaf: Tensor, rounds: int) -> tuple[list[Tensor], float]:
    """What a function gives, its gradient last, and the median of processor seconds."""
    seconds = []
    for _ in range(rounds):
        leaf.grad = None
        start = time.process_time()
        found = function(pose_of(leaf))
        sum(part.mean() for part in found).backward()
        seconds.append(time.process_time() - start)
    return [*(part.detach() for part in found), leaf.grad.clone()], statistics.median(seconds)


def compared(name: str, slow, fast, leaf: Tensor) -> None:
    """Print one line of seconds and differences."""
    (a, before), (b, after) = timed(slow, leaf, 1), timed(fast, leaf, 3)
    error = max(float((x - y).abs().max()) for x, y in zip(a, b))
    print(f"{name}: loop {1e3 * before:.0f} ms, at once {1e3 * after:.0f} ms, "
          f"{before / after:.1f} times faster, largest difference {error:.1g}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    numbers = (torch.randn(SCENES, PRIMITIVES, 12, generator=generator) * 0.5).requires_grad_()
    camera = draw_cameras(SCENES, generator)
    points = torch.rand(SCENES, PRIMITIVES, POINTS, 3, generator=generator) * 2 - 1
    features = torch.randn(SCENES, PRIMITIVES, POINTS, FEATURES, generator=generator)
    texture = torch.randn(SCENES, PRIMITIVES, FEATURES, *(CELLS,) * 3, generator=generator)
    print(f"{SCENES * PRIMITIVES} primitives at {SIZE} x {SIZE}, with gradients")
    compared("alpha and depth of cuboids", lambda pose: cuboid_by_faces(pose, camera),
             lambda pose: cuboid(pose.seen_by(camera), SIZE)[:2], numbers)
    compared(f"clouds of {POINTS} points, {FEATURES} features",
             lambda pose: [points_one_by_one(pose, camera, points, features)],
             lambda pose: [render_points(pose, points, features, camera, SIZE).features], numbers)
    for kind in ("ellipsoid", "cuboid"):
        _, seconds = timed(
            lambda pose: render_solids(kind, pose, texture, camera, SIZE)[:3], numbers, 3)
        print(f"{kind}s with a texture: {1e3 * seconds:.0f} ms", flush=True)
