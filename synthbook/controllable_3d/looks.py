"""Looks at a model while it is trained: quick numbers, and pictures of what its controls do."""

import math

import torch
from torch import Tensor, nn

from synthbook.controllable_3d.cameras import Camera, orbit, project
from synthbook.controllable_3d.collapse import found as collapses
from synthbook.controllable_3d.composition import each_alone
from synthbook.controllable_3d.losses import residuals
from synthbook.controllable_3d.network import Controllable3D, Turn
from synthbook.controllable_3d.scenes import Scene

SHOWN = 8  # scenes of a snapshot
STEP = 0.3  # scene units by which a snapshot moves a primitive
DEGREES = 30.0  # by which the probe turns one


def fixed(seed: int = 0) -> torch.Generator:
    """A random stream, always the same."""
    return torch.Generator().manual_seed(seed)


def centroids(alpha: Tensor) -> Tensor:
    """Middles of silhouettes alpha (..., 1, H, W), in pixels: (..., 2), x then y."""
    line = torch.arange(alpha.shape[-1], dtype=alpha.dtype, device=alpha.device) + 0.5
    mass = alpha[..., 0, :, :].sum((-2, -1)).clamp(min=1e-6)
    x = (alpha[..., 0, :, :].sum(-2) * line).sum(-1)
    y = (alpha[..., 0, :, :].sum(-1) * line).sum(-1)
    return torch.stack([x, y], -1) / mass[..., None]


def projections(scene: Scene, size: int) -> Tensor:
    """Where the centres of primitives are on the picture, pixels (B, N, 2)."""
    return project(scene.pose.seen_by(scene.camera).translation, size)


@torch.no_grad()
def probe(model: nn.Module, critic: nn.Module, real: Tensor
          ) -> dict[str, float | str]:
    """Scores and variety on real pictures (B, 3, H, W) and as many samples, and how objects are.

    `spread` is the samples' standard deviation over that of real pictures, a mean over pixels.
    `area` is the share of a picture that a primitive covers, `filled` how much of it the object
    does. `offset` is the distance of the object's middle from the primitive's centre, pixels, and
    `depth` and `colour` are the residuals of the warp after a turn, means over the object. What
    :mod:`.collapse` finds is told, too.
    """
    draws = model.draw(len(real), fixed()).to(real.device)
    picture = model(draws)
    found = {"score_real": float(critic(real).mean()),
             "score_fake": float(critic(picture.image).mean()),
             "spread": float(picture.image.std(0).mean() / real.std(0).mean())}
    if not isinstance(model, Controllable3D):
        return found
    alpha, area = picture.layers.alpha, picture.rendered.alpha.mean()
    away = centroids(alpha) - projections(model.arrange(draws), model.config.size)
    found |= {"area": float(area), "filled": float(alpha.mean() / area),
              "offset": float(away.norm(dim=-1).median()), **collapses(picture, real)}
    which = torch.arange(len(real), device=real.device) % model.config.primitives
    turn = Turn(which, torch.full_like(which, math.radians(DEGREES), dtype=real.dtype))
    first, second = model(draws, turn)[1]
    weight = first.alpha / first.alpha.sum().clamp(min=1e-6)
    depth, colour = residuals(first, second)
    return found | {"depth": float((weight * depth).sum()),
                    "colour": float((weight * colour).sum())}


@torch.no_grad()
def snapshot(model: nn.Module) -> Tensor:
    """For each of eight scenes a row of eight pictures, (64, 3, H, W); without primitives samples.

    The picture; each of the first three primitives alone; the first one moved by 0.3 along x,
    turned by 90 degrees, gone; and all seen from 45 degrees further on.
    """
    if not isinstance(model, Controllable3D):
        draws = model.draw(SHOWN * SHOWN, fixed())
        return model(draws.to(next(model.parameters()).device)).image
    config = model.config
    keep = torch.ones(SHOWN, config.primitives, dtype=torch.bool)
    scene = model.sample(SHOWN, fixed(), keep)
    whole = model.render(scene)
    shift = torch.tensor([STEP, 0.0, 0.0], device=scene.look.device)
    shown = each_alone(*whole.layers[:2], whole.background)
    rows = [whole.image, *shown.unbind(1)[:3]]
    rows += [model.render(edited).image for edited in (
        scene.moved(0, shift), scene.turned(0, math.pi / 2), scene.without(0),
        scene.seen_from(further(scene)))]
    return torch.stack(rows, 1).flatten(0, 1)


def further(scene: Scene, degrees: float = 45.0) -> Camera:
    """The scene's cameras, so much further around the origin."""
    centre = scene.camera.centre
    radius = centre.norm(dim=-1)
    level = centre[:, [0, 2]].norm(dim=-1)
    turn = torch.atan2(centre[:, 2], centre[:, 0]) + math.radians(degrees)
    return orbit(turn, torch.atan2(-centre[:, 1], level), radius)
