"""What one trained generator does besides: re-paint a region, re-label, put pictures together.

Nothing is trained for any of it: each is a choice of features, masks and category.
"""

from collections.abc import Sequence

from torch import Tensor

from synthbook.semantic_pyramid import masks
from synthbook.semantic_pyramid.levels import MAPS
from synthbook.semantic_pyramid.network import SemanticPyramid


def repaint(model: SemanticPyramid, z: Tensor, image: Tensor, hole: Tensor, which: str | int,
            category: Tensor | None = None) -> Tensor:
    """Pictures (B, 3, H, W) whose hole is painted anew from one level of what was there.

    hole : (B, 1, H, W), 1 inside, else 0; outside it the finer levels are supplied, too.
    """
    told = masks.repaint(model.config.shapes, hole, which)
    return model(z, model.features(image), told, category)


def relabel(model: SemanticPyramid, z: Tensor, image: Tensor, category: Tensor,
            which: str | int) -> Tensor:
    """Pictures (B, 3, H, W) of other categories (B,), given one level of `image`."""
    return model(z, model.features(image), model.masks(len(image), which), category)


def mixed(target: Sequence[Tensor], source: Sequence[Tensor], region: Tensor) -> list[Tensor]:
    """Features of `source` in a region (B, 1, H, W), of `target` elsewhere; vectors: target's."""
    found = list(target)
    for k in range(MAPS):
        inside = masks.at_size(region, target[k].shape[-1])
        found[k] = source[k] * inside + target[k] * (1 - inside)
    return found


def compose(model: SemanticPyramid, z: Tensor, target: Tensor, source: Tensor, region: Tensor,
            which: str | int, category: Tensor | None = None) -> Tensor:
    """Pictures (B, 3, H, W) of `target` with what `source` shows in a region (B, 1, H, W).

    One level holds both; the finer ones are the target's and left out in the region, where the
    generator is free to make texture, light and seam agree.
    """
    found = mixed(model.features(target), model.features(source), region)
    return model(z, found, masks.repaint(model.config.shapes, region, which), category)
