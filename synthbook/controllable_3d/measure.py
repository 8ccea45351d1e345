"""Whether objects obey their handles: moved, turned, dropped, and seen from elsewhere.

Each is told where a primitive goes by geometry, and sees where the object goes. What is seen are
the model's own silhouettes A', or, with a judge, what a segmenter that was trained on the truth
finds in the picture of that object alone. The first is nearly true by construction, since A' is
never above A; only the second is evidence.

Axes: B scenes, N primitives of a scene, H W pixels.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbook.controllable_3d.looks import centroids, fixed, further, projections
from synthbook.controllable_3d.losses import residuals
from synthbook.controllable_3d.network import Controllable3D, Turn
from synthbook.controllable_3d.scenes import Scene
from synthbook.datasets.raycast.scene import PARTS
from synthbook.metrics.estimate import Estimate, bootstrap_weights, mean_estimate

SHIFTS = (0.3, -0.3)  # scene units, along x and along z
TURNS = (0.5 * math.pi, math.pi, 1.5 * math.pi)  # radians
ORBITS = (60.0, 150.0, 240.0)  # degrees
DEGREES = 30.0  # of the turn before the warp
MARGIN = 0.15  # share of the picture: nearer to its border objects are cut off and not counted
LEAST = 0.004  # share of the picture that a blob must cover to be counted
Judge = Callable[[Tensor], Tensor]  # pictures (B, 3, H, W) in [-1, 1] to logits (B, K, H, W)


class Motion(NamedTuple):
    """How far primitives were to go and how far objects went, M moves in pixels."""

    told: Tensor  # (M, 2)
    seen: Tensor  # (M, 2)
    scene: Tensor  # (M,), which scene each is of


def only(scene: Scene, k: int) -> Scene:
    """The same with primitive `k` alone there."""
    keep = torch.zeros_like(scene.keep)
    keep[:, k] = True
    return scene._replace(keep=keep)


def silhouettes(model: Controllable3D, scene: Scene, judge: Judge | None = None) -> Tensor:
    """Where the object of every primitive is, (B, N, 1, H, W) in [0, 1].

    A', or how sure the judge is of an object at every pixel of the picture of that object alone.
    """
    if judge is None:
        return model.render(scene).layers.alpha
    found = [judge(model.render(only(scene, k)).image).softmax(1)[:, PARTS:].sum(1, keepdim=True)
             for k in range(scene.look.shape[1])]
    return torch.stack(found, 1)


def inside(where: Tensor, size: int) -> Tensor:
    """Whether places (..., 2) in pixels are well within the picture, (...)."""
    margin = MARGIN * size
    return ((where > margin) & (where < size - margin)).all(-1)


def motion(model: Controllable3D, scene: Scene, edits: list[Scene],
           judge: Judge | None = None) -> Motion:
    """How objects move from a scene to each of its edits; only well inside both pictures."""
    size = model.config.size
    start, before = projections(scene, size), centroids(silhouettes(model, scene, judge))
    rows = torch.arange(len(start), device=start.device)[:, None].expand(start.shape[:2])
    found = []
    for edit in edits:
        end, after = projections(edit, size), centroids(silhouettes(model, edit, judge))
        moved = inside(start, size) & inside(end, size) & ((end - start).norm(dim=-1) > 0.5)
        found.append(((end - start)[moved], (after - before)[moved], rows[moved]))
    return Motion(*(torch.cat(parts) for parts in zip(*found)))


def shifted(scene: Scene) -> list[Scene]:
    """All primitives moved along x, then along z, each there and back."""
    axes = torch.eye(3, device=scene.look.device)[[0, 2]]
    return [scene._replace(pose=scene.pose.moved(step * axis)) for axis in axes for step in SHIFTS]


def obedience(moves: Motion, scenes: int) -> dict[str, Estimate]:
    """`slope` and `r2` of what is seen on what is told, and the mean `error` in pixels.

    The line goes through the origin; intervals are bootstrapped over scenes.
    """
    told, seen = moves.told.double(), moves.seen.double()
    sums = torch.zeros(scenes, 3, dtype=torch.double, device=told.device)
    parts = torch.stack([(told * seen).sum(1), told.square().sum(1), seen.square().sum(1)], 1)
    sums.index_add_(0, moves.scene, parts)
    weights = torch.cat([torch.full((1, scenes), 1 / scenes).double(), bootstrap_weights(scenes)])
    both, given, got = (weights @ sums.cpu()).clamp(min=1e-12).unbind(1)
    slope = (weights @ sums.cpu())[:, 0] / given
    r2 = 1 - (got - both.square() / given) / got
    error = (seen - told).norm(dim=1)
    return {"slope": spread(slope, scenes), "r2": spread(r2, scenes),
            "error": mean_estimate(error, units=moves.scene)}


def spread(values: Tensor, n: int) -> Estimate:
    """The first value, with the interval that the others, bootstrapped, make."""
    low, high = torch.quantile(values[1:], torch.tensor([0.025, 0.975]).double()).tolist()
    return Estimate(float(values[0]), low, high, n, "")


def leaks(model: Controllable3D, scene: Scene) -> Tensor:
    """How much more the picture changes, when a primitive moves, than its silhouettes allow; (B,).

    On the scale [0, 1] a layer can change a pixel by its alpha before and after at most. The
    largest excess over pixels and primitives; any change of the others' layers counts as well.
    """
    before, worst = model.render(scene), [torch.zeros_like(scene.look[:, 0, 0])]
    shift = torch.tensor([SHIFTS[0], 0.0, 0.0]).to(scene.look)
    for k in range(scene.look.shape[1]):
        after = model.render(scene.moved(k, shift))
        allowed = before.layers.alpha[:, k] + after.layers.alpha[:, k]
        change = (after.image - before.image).abs() / 2 - allowed
        others = [j for j in range(scene.look.shape[1]) if j != k]
        layers = [(a[:, others] - b[:, others]).abs()
                  for a, b in zip(after.layers[:2], before.layers[:2])]
        worst += [x.flatten(1).amax(1) for x in (change, *layers) if x.numel()]
    return torch.stack(worst).amax(0)


def offsets(model: Controllable3D, scene: Scene,
            judge: Judge | None = None) -> tuple[Tensor, Tensor]:
    """How far objects are from their primitives' centres, and how that wanders; pixels.

    The distance, and the standard deviation of the offset while the primitive turns once, over
    primitives well inside the picture, (M,) each: an offset that turns along means that the
    object is not where its primitive is.
    """
    size = model.config.size
    turned = [scene] + [scene._replace(pose=scene.pose.turned(torch.tensor(angle).to(scene.look)))
                        for angle in TURNS]
    away = torch.stack([centroids(silhouettes(model, one, judge)) for one in turned])
    away = (away - projections(scene, size))[:, inside(projections(scene, size), size)]
    return away.norm(dim=-1).mean(0), away.var(0, correction=0).sum(-1).sqrt()


def blobs(mask: Tensor, least: float = LEAST) -> Tensor:
    """How many connected parts, of a share `least` of the picture or more, masks (B, H, W) have.

    Pixels that touch at a corner are connected.
    """
    b, h, w = mask.shape
    number = torch.arange(1, h * w + 1, device=mask.device, dtype=torch.float32)
    label = number.view(1, 1, h, w) * mask[:, None]
    while True:
        wider = F.max_pool2d(label, 3, 1, 1) * mask[:, None]
        if torch.equal(wider, label):
            break
        label = wider
    counts = torch.zeros(b, h * w + 1, device=mask.device)
    index = label.flatten(1).long()
    counts.scatter_add_(1, index, torch.ones_like(index, dtype=counts.dtype))
    return (counts[:, 1:] >= max(1.0, least * h * w)).sum(1)


def single(model: Controllable3D, scene: Scene, judge: Judge | None = None) -> Tensor:
    """Whether a primitive that is there alone shows exactly one object, (B, N) in {0, 1}.

    Only where its centre is well inside the picture; nan elsewhere.
    """
    shown = silhouettes(model, scene, judge)[:, :, 0] > 0.5
    count = blobs(shown.flatten(0, 1)).unflatten(0, shown.shape[:2])
    size = model.config.size
    return torch.where(inside(projections(scene, size), size), (count == 1).float(), torch.nan)


def consistency(model: Controllable3D, scene: Scene) -> tuple[Tensor, Tensor]:
    """Residuals of depth (scene units) and colour ([0, 1]) after a turn, (B,) each.

    Means over A' of what the warp of the turned object leaves; see `losses.residuals`.
    """
    found = []
    for k in range(scene.look.shape[1]):
        which = torch.full((len(scene.look),), k, device=scene.look.device)
        angle = torch.full_like(scene.look[:, 0, 0], math.radians(DEGREES))
        first, second = model.turned_pair(scene, Turn(which, angle))
        weight = first.alpha / first.alpha.sum((1, 2, 3), keepdim=True).clamp(min=1e-6)
        found.append([(weight * x).sum((1, 2, 3)) for x in residuals(first, second)])
    depth, colour = (torch.stack(parts).mean(0) for parts in zip(*found))
    return depth, colour


@torch.no_grad()
def rows(model: Controllable3D, count: int = 64, seed: int = 0,
         judge: Judge | None = None) -> dict[str, Estimate]:
    """All of it on new scenes with every primitive there; errors and offsets in pixels.

    `move_*` of moves on the ground, `orbit_*` of the camera; `outside`, see :func:`leaks`;
    `offset` and `wander`, see :func:`offsets`; `one_object`; `warp_depth` and `warp_colour`.
    """
    keep = torch.ones(count, model.config.primitives, dtype=torch.bool)
    scene = model.sample(count, fixed(seed), keep)
    moves = motion(model, scene, shifted(scene), judge)
    around = motion(model, scene, [scene.seen_from(further(scene, d)) for d in ORBITS], judge)
    away, wander = offsets(model, scene, judge)
    depth, colour = consistency(model, scene)
    one = single(model, scene, judge)
    return {**{f"move_{key}": value for key, value in obedience(moves, count).items()},
            **{f"orbit_{key}": value for key, value in obedience(around, count).items()},
            "outside": mean_estimate(leaks(model, scene)),
            "offset": mean_estimate(away), "wander": mean_estimate(wander),
            "one_object": mean_estimate(one[one.isfinite()]),
            "warp_depth": mean_estimate(depth), "warp_colour": mean_estimate(colour)}
