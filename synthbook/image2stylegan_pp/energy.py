"""The energy of Image2StyleGAN++ and its terms.

    E(w, n) = s * L_style(M_s, G(w, n), y)
            + m1 / N * ||M_m (G(w, n) - x)||^2 + m2 / N * ||(1 - M_m) (G(w, n) - y)||^2
            + p * L_percept(M_p, G(w, n), x)

x is the guide of content, y the second guide, N the number of values of an image (fact sheet,
section 3.1; three re-implementations agree). Every term gives one loss for each image; they are
added over images, never averaged, so that no image's gradient depends on how many others there are.

Axes: B batch, C channels, H W pixels, h w pixels of a layer.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from synthbook.files import BookError
from synthbook.image2stylegan_pp.features import Seen, Taps
from synthbook.image2stylegan_pp.masks import checked, fits, resized


@dataclass(frozen=True)
class Weights:
    """Weights of the energy's terms; one of 0 leaves its term out.

    With AlexNet's features these make the terms of two unlike portraits about equal.

    style   : of the Gram matrices' distance from y's, inside the mask of style.
    inside  : of the pixels' distance from x, inside the mask of pixels.
    outside : of their distance from y, outside of it.
    percept : of the features' distance from x's, inside the perceptual mask.
    """

    style: float = 0.05
    inside: float = 1.0
    outside: float = 1.0
    percept: float = 0.01


@dataclass(frozen=True)
class Masks:
    """M_s, M_m and M_p, each (B or 1, 1, H, W) in [0, 1]; None is 1 everywhere."""

    style: Tensor | None = None
    pixel: Tensor | None = None
    percept: Tensor | None = None

    def __post_init__(self):
        for name in ("style", "pixel", "percept"):
            if isinstance(mask := getattr(self, name), Tensor) and mask.dim():
                checked(mask, len(mask), mask.shape[-1], f"the mask of {name}")


def pixel(mask: Tensor, made: Tensor, wanted: Tensor) -> Tensor:
    """||M (made - wanted)||^2 / N, (B,): mask (B or 1, 1, H, W), images (B, 3, H, W)."""
    return (mask * (made - wanted)).square().flatten(1).mean(1)


def percept(mask: Tensor, made: Iterable[Tensor], wanted: Iterable[Tensor]) -> Tensor:
    """The mean squared difference of masked features, added over layers, (B,).

    mask : (B or 1, 1, H, W), brought to every layer's size; features (B, C, h, w). The network
    saw whole images: features of a masked image would show the mask's edge.
    """
    return sum(pixel(resized(mask, f.shape[-1]), f, g)
               for f, g in zip(made, wanted, strict=True))


def gram(features: Tensor, mask: Tensor) -> Tensor:
    """Products of channels, (B, C, C), as a mean over what the mask shows.

    features : (B, C, h, w); mask : (B or 1, 1, H, W), brought to their size. They are multiplied
    first; the sum over pixels is divided by that of the squared mask, so that small regions count
    as large ones do. Where the mask is 0 everywhere, so is the result.
    """
    small = resized(mask, features.shape[-1])
    seen = (small * features).flatten(2)
    area = small.square().sum((1, 2, 3)).clamp_min(1e-8).view(-1, 1, 1)
    return seen @ seen.mT / area


def style(mask: Tensor, made: Iterable[Tensor], wanted: Iterable[Tensor]) -> Tensor:
    """||Gram(made) - Gram(wanted)||^2 / (4 C^2), added over layers, (B,); arguments as above."""
    return sum((gram(f, mask) - gram(g, mask)).square().sum((1, 2)) / (4 * f.shape[1] ** 2)
               for f, g in zip(made, wanted, strict=True))


def terms(weights: Weights, masks: Masks, made: Seen, x: Seen | None, y: Seen | None,
          taps: Taps | None) -> dict[str, Tensor]:
    """The energy's weighted terms that weigh more than 0, by name, each (B,).

    Raises BookError where a weight asks for a guide, a network or a mask that is not there or
    does not fit.
    """
    image = made.image
    needs = {"style": (y, "y"), "inside": (x, "x"), "outside": (y, "y"), "percept": (x, "x")}
    for name, (guide, which) in needs.items():
        if getattr(weights, name):
            _check(name, image, guide, which)
            if name in ("style", "percept") and taps is None:
                raise BookError(f"the term {name!r} needs a network: give taps, or weigh it 0")

    def mask(which: str) -> Tensor:
        given = getattr(masks, which)
        if given is None:
            return image.new_ones(1, 1, *image.shape[2:])
        return fits(given, len(image), image.shape[-1], f"the mask of {which}").to(image)

    found = {}
    if weights.style:
        found["style"] = style(mask("style"), *_seen(made, y, taps, taps.style))
    if weights.inside:
        found["inside"] = pixel(mask("pixel"), image, x.image)
    if weights.outside:
        found["outside"] = pixel(1 - mask("pixel"), image, y.image)
    if weights.percept:
        found["percept"] = percept(mask("percept"), *_seen(made, x, taps, taps.percept))
    return {name: getattr(weights, name) * value for name, value in found.items()}


def _seen(made: Seen, wanted: Seen, taps: Taps, layers: tuple[int, ...]) -> list[list[Tensor]]:
    return [[images.through(taps)[layer] for layer in layers] for images in (made, wanted)]


def _check(name: str, image: Tensor, guide: Seen | None, which: str) -> None:
    want = f"({len(image)} or 1, 3, {image.shape[-2]}, {image.shape[-1]})"
    if guide is None:
        raise BookError(f"the term {name!r} needs the guide {which}, {want}; or weigh it 0")
    shape = tuple(guide.image.shape)
    if guide.image.dim() != 4 or shape[0] not in (1, len(image)) or shape[1:] != image.shape[1:]:
        raise BookError(f"the guide {which} is {want}; got {shape}")


def energy(weights: Weights, masks: Masks, made: Tensor, x: Tensor | None = None,
           y: Tensor | None = None, taps: Taps | None = None) -> Tensor:
    """E for images `made` (B, 3, H, W), (B,); guides x and y likewise, or (1, 3, H, W)."""
    guides = [None if guide is None else Seen(guide) for guide in (x, y)]
    found = terms(weights, masks, Seen(made), *guides, taps)
    return sum(found.values(), torch.zeros(len(made), device=made.device))
