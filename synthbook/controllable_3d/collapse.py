"""Ways in which a run can go wrong while its losses look well, found by looking at layers.

The paper's authors name three: primitives that show nothing, one primitive that draws all, a
background that draws the objects. The probe of a run calls :func:`found`, so that each is named in
the run's log from the snapshot on at which it first shows.

Axes: B scenes, N primitives of a scene, H W pixels.
"""

import torch
from torch import Tensor

from synthbook.controllable_3d.network import Picture

INSIDE = 0.5  # A above which a pixel belongs to the primitive
EMPTY, FULL = 0.02, 0.98  # mean of a = A' / A inside primitives
ALL = 0.9  # share of what objects show that is one primitive's
BEHIND = 0.9  # variation of backgrounds over that of real pictures


def signs(picture: Picture, real: Tensor) -> dict[str, float]:
    """What the thresholds are held against; pictures of scenes in which every primitive is kept.

    `opaque`: mean of a = A' / A inside primitives; `largest`: the greatest share that one
    primitive, the same in all scenes or another in each, has of what objects show; `behind`: the
    variation of backgrounds over that of real pictures (P, 3, H, W), standard deviations at each
    pixel, averaged.
    """
    rendered, refined = picture.rendered.alpha, picture.layers.alpha
    own = rendered > INSIDE
    opaque = (refined / rendered.clamp(min=1e-3))[own].mean() if own.any() else torch.zeros(())
    shown = refined.sum((2, 3, 4))
    part = shown / shown.sum(1, keepdim=True).clamp(min=1e-6)
    deviation = lambda images: images.std(0).mean()
    return {"opaque": float(opaque), "largest": float(part.amax(1).mean()),
            "behind": float(deviation(picture.background) / deviation(real).clamp(min=1e-6))}


def names(signs: dict[str, float], primitives: int) -> list[str]:
    """The collapses that signs show, in words; none for a healthy model."""
    found = []
    if signs["opaque"] < EMPTY:
        found.append("alpha is 0 everywhere: primitives show nothing")
    if signs["opaque"] > FULL:
        found.append("alpha is 1 everywhere: objects are the outlines of their primitives")
    if primitives > 1 and signs["opaque"] >= EMPTY and signs["largest"] > ALL:
        found.append("one primitive draws all objects")
    if signs["behind"] > BEHIND:
        found.append("the background draws the objects: it varies as much as real pictures do")
    return found


def found(picture: Picture, real: Tensor) -> dict[str, float | str]:
    """The signs, and under `collapse` what they mean where they mean anything."""
    told = signs(picture, real)
    named = names(told, picture.layers.alpha.shape[1])
    return told | ({"collapse": "; ".join(named)} if named else {})
