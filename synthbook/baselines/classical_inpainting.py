"""Filling a hole without a generator: diffusion from its edge, and pictures seen before.

All take images (B, 3, H, W) in [-1, 1] and a hole (B or 1, 1, H, W), above 0 where nothing is
known; what the images show there has no influence. Pixels outside the hole stay exactly.

`telea`, `navier_stokes` and `biharmonic` are those of OpenCV and scikit-image and need these
packages; `harmonic`, `mean_fill` and `nearest` need nothing.

Axes: B batch, N pictures seen before, H W pixels.
"""

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor

from synthbook.baselines.pasting import checked, flat, laplacian, solved
from synthbook.files import BookError

RADIUS = 3  # pixels that OpenCV looks at around a pixel
PACKAGES = {"cv2": "opencv-python-headless", "skimage": "scikit-image"}
NEEDED = {"telea": "cv2", "navier_stokes": "cv2", "biharmonic": "skimage"}


def hidden(image: Tensor, hole: Tensor) -> Tensor:
    """The hole of every image, (B, 1, H, W) bool; BookError where it does not fit."""
    return checked(image, image, hole) > 0


def needs(method: str) -> None:
    """Raise BookError where the package that `method` is from is not installed."""
    if find_spec(package := NEEDED[method]) is None:
        raise BookError(f"{method} is {package}'s: install {PACKAGES[package]}, or fill by "
                        "harmonic")


def each(image: Tensor, hole: Tensor, fill: Callable[[Tensor, np.ndarray], np.ndarray]) -> Tensor:
    """`fill` of every image (3, H, W), 0 in its hole (H, W) bool, to (H, W, 3) in [-1, 1]."""
    inside, made = hidden(image, hole), []
    for picture, m in zip(image, inside):
        known = torch.where(m, 0.0, picture).detach().cpu()
        made.append(torch.from_numpy(np.array(fill(known, m[0].cpu().numpy()))).movedim(-1, 0))
    return torch.where(inside, torch.stack(made).to(image).clamp(-1, 1), image)


def _opencv(name: str, flag: str, image: Tensor, hole: Tensor) -> Tensor:
    needs(name)
    import cv2

    def fill(picture: Tensor, m: np.ndarray) -> np.ndarray:
        pixels = ((picture + 1) * 127.5).round().byte().movedim(0, -1).contiguous().numpy()
        found = cv2.inpaint(pixels, m.astype(np.uint8), RADIUS, getattr(cv2, flag))
        return found.astype(np.float32) / 127.5 - 1

    return each(image, hole, fill)


def telea(image: Tensor, hole: Tensor) -> Tensor:
    """OpenCV's fast marching (Telea 2004), on 8 bits, radius 3."""
    return _opencv("telea", "INPAINT_TELEA", image, hole)


def navier_stokes(image: Tensor, hole: Tensor) -> Tensor:
    """OpenCV's fluid dynamics (Bertalmio, Bertozzi and Sapiro 2001), on 8 bits, radius 3."""
    return _opencv("navier_stokes", "INPAINT_NS", image, hole)


def biharmonic(image: Tensor, hole: Tensor) -> Tensor:
    """scikit-image's biharmonic fill: the smoothest surface through the known pixels."""
    needs("biharmonic")
    from skimage.restoration import inpaint_biharmonic

    return each(image, hole, lambda picture, m: inpaint_biharmonic(
        picture.movedim(0, -1).double().numpy(), m, channel_axis=-1))


def harmonic(image: Tensor, hole: Tensor) -> Tensor:
    """Every unknown pixel is the mean of its neighbours: heat that has spread from the edge."""
    height, width = image.shape[2:]
    operator = laplacian(height, width)

    def fill(picture: Tensor, m: np.ndarray) -> np.ndarray:
        x = solved(operator, np.zeros((height * width, 3)), flat(picture), m.flatten())
        return x.reshape(height, width, 3)

    return each(image, hole, fill)


def mean_fill(image: Tensor, hole: Tensor, seen: Tensor) -> Tensor:
    """The hole from the mean of pictures seen before, (N, 3, H, W)."""
    return torch.where(hidden(image, hole), seen.mean(0, keepdim=True).to(image), image)


def nearest(image: Tensor, hole: Tensor, seen: Tensor) -> Tensor:
    """The hole from the picture seen before, (N, 3, H, W), whose known pixels are nearest."""
    inside = hidden(image, hole)
    known = (~inside).to(image)
    x, y = (image * known).flatten(1), seen.to(image).flatten(1)
    weight = known.expand_as(image).flatten(1)
    away = weight @ y.square().T - 2 * x @ y.T  # less |x|^2, the same for all of a row
    return torch.where(inside, seen.to(image)[away.argmin(1)], image)


FILLS = {"harmonic": harmonic, "telea": telea, "navier_stokes": navier_stokes,
         "biharmonic": biharmonic}


def available() -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """The fills whose packages are here."""
    return {name: fill for name, fill in FILLS.items()
            if name not in NEEDED or find_spec(NEEDED[name])}
