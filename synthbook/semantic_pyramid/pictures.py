"""Readers' pictures as the classifier takes them: one rule for sizes, modes and ranges.

Whatever has other than three channels becomes RGB, what is transparent white; the largest centred
square is cut and resized. Bytes are 0 to 255, numbers -1 to 1; others are refused, not guessed.
"""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from synthbook.files import BookError

Picture = Image.Image | np.ndarray | Tensor
FORMS = "give a PIL image, bytes (H, W, 3), or numbers (3, H, W) or (B, 3, H, W) in [-1, 1]"


def prepare(picture: Picture, size: int) -> Tensor:
    """A picture, or a batch of them, as (B, 3, size, size) float32 in [-1, 1].

    Parameters
    ----------
    picture : a PIL image of any mode but those of more than 8 bits; bytes (H, W), (H, W, 1),
              (H, W, 3) or (H, W, 4); or numbers in [-1, 1], (H, W), (C, H, W) or (B, C, H, W)
              with C of 1, 3 or 4, the fourth being opacity from -1 (transparent) to 1.

    Raises BookError where it is something else.
    """
    if isinstance(picture, Image.Image):
        if picture.mode == "F" or picture.mode.startswith("I"):
            raise BookError(f"a picture of mode {picture.mode} has more than 8 bits a channel: "
                            "convert it to RGB")
        mode = "RGBA" if picture.has_transparency_data else "RGB"
        picture = np.array(picture.convert(mode))
    x = numbers(picture)
    if not x.isfinite().all() or x.abs().max() > 1 + 1e-4:
        raise BookError(f"the picture's numbers run from {x.min():.3g} to {x.max():.3g}: {FORMS}")
    return square(coloured(x.clamp(-1, 1)), size)


def numbers(picture: np.ndarray | Tensor) -> Tensor:
    """Bytes (H, W[, C]) or numbers (..., C, H, W) as float32 (B, C, H, W), bytes in [-1, 1]."""
    x = torch.as_tensor(picture)
    if x.dtype == torch.uint8 and x.dim() in (2, 3):
        x = x if x.dim() == 3 else x[..., None]
        x = x.movedim(-1, 0).float() / 127.5 - 1
    elif not x.is_floating_point():
        raise BookError(f"the picture is {x.dtype} {tuple(x.shape)}: {FORMS}")
    if x.dim() == 2:
        x = x[None]
    x = x[None] if x.dim() == 3 else x
    if x.dim() != 4 or x.shape[1] not in (1, 3, 4) or 0 in x.shape:
        raise BookError(f"the picture has shape {tuple(x.shape)}: {FORMS}")
    return x.float()


def coloured(x: Tensor) -> Tensor:
    """(B, C, H, W), C of 1, 3 or 4, as RGB; what is transparent is white."""
    if x.shape[1] == 4:
        opacity = (x[:, 3:] + 1) / 2
        return x[:, :3] * opacity + (1 - opacity)
    return x.expand(-1, 3, -1, -1)


def square(x: Tensor, size: int) -> Tensor:
    """The largest centred square of (B, C, H, W), resized to `size` with antialiasing."""
    height, width = x.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    x = x[..., top:top + side, left:left + side]
    if side == size:
        return x.contiguous()
    return F.interpolate(x, (size, size), mode="bicubic", antialias=True,
                         align_corners=False).clamp(-1, 1)
