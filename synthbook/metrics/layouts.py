"""Layout similarity: how well a scene's masks fit the boxes that were asked for (BachGAN)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from synthbook.files import BookError


def layout_similarity(layout: Tensor, label: Tensor, things: Sequence[int]) -> Tensor:
    """BachGAN's score of scenes for layouts, (B,) in [0, 1], pixel by pixel.

    The area that boxes and masks share over the area that they cover together, both summed over
    the classes of the layout's boxes before dividing; a thing that only the scene holds costs
    nothing. 0 for a layout without boxes.

    layout : (B, K, H, W), 1 in every box of a class.
    label  : (B, H, W) integers, the scenes.
    things : classes that boxes name.
    """
    if layout.ndim != 4 or label.shape != (len(layout), *layout.shape[2:]):
        raise BookError(f"layouts (B, K, H, W) and label maps (B, H, W) do not fit: "
                        f"{tuple(layout.shape)} and {tuple(label.shape)}")
    shared, union = torch.zeros(2, len(layout), dtype=torch.float64)
    for c in things:
        box, mask = layout[:, c] > 0, label == c
        asked = box.any(-1).any(-1)
        shared += asked * (box & mask).sum((1, 2))
        union += asked * (box | mask).sum((1, 2))
    return torch.where(union > 0, shared / union.clamp_min(1), 0)
