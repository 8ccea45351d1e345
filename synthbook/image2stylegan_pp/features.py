"""What a fixed network sees in images: the features of the perceptual and of the style term.

The paper's network is VGG-16 (fact sheet: three re-implementations): conv1_1, conv1_2, conv2_2 and
conv3_3 for the perceptual term, conv3_3 for style. The book ships AlexNet's convolutions, so they
look here; a judge of the results should be another network.

Axes: B batch, C channels, H W pixels, h w pixels of a layer.
"""

from dataclasses import dataclass
from functools import cache

import torch.nn.functional as F
from torch import Tensor, nn

from synthbook.files import BookError
from synthbook.metrics.features import NATIVE, convolutions, normalise


VGG16 = (1, 3, 8, 15), (15,)  # after conv1_1, conv1_2, conv2_2, conv3_3; style after the last


@dataclass(frozen=True, eq=False)
class Taps:
    """A frozen network and the layers of it that are looked at.

    Parameters
    ----------
    layers  : the network, one layer after the other, for inputs normalised as ImageNet's.
    percept : numbers of the layers whose outputs the perceptual term compares.
    style   : of those whose Gram matrices the style term compares.
    side    : images are brought to so many pixels first.
    """

    layers: nn.Sequential
    percept: tuple[int, ...]
    style: tuple[int, ...]
    side: int = NATIVE

    def __post_init__(self):
        wanted = {*self.percept, *self.style}
        if not wanted or min(wanted) < 0 or max(wanted) >= len(self.layers):
            raise BookError(f"taps are numbers of layers from 0 to {len(self.layers) - 1}; got "
                            f"{sorted(wanted)}")

    def __call__(self, images: Tensor) -> dict[int, Tensor]:
        """(B, 3, H, W) in [-1, 1] to features (B, C, h, w) by layer; gradients flow through."""
        wanted = {*self.percept, *self.style}
        x, found = normalise(fitted(images, self.side)), {}
        for number, layer in enumerate(self.layers.to(images.device)[: max(wanted) + 1]):
            x = layer(x)
            if number in wanted:
                found[number] = x
        return found


def fitted(images: Tensor, side: int) -> Tensor:
    """Images (B, 3, H, W) at `side` pixels: enlarged bilinearly, or averaged on the way down."""
    if images.shape[-1] == side:
        return images
    return F.interpolate(images, (side, side), mode="bilinear", align_corners=False,
                         antialias=images.shape[-1] > side)


def without_writing(layers: nn.Sequential) -> nn.Sequential:
    """The same layers, none of which overwrites its input, so that any of them can be tapped."""
    return nn.Sequential(*(nn.ReLU() if isinstance(layer, nn.ReLU) else layer
                           for layer in layers)).eval().requires_grad_(False)


@cache
def alexnet_taps(side: int = NATIVE) -> Taps:
    """AlexNet after its first, second and third convolution; style after the second."""
    return Taps(without_writing(convolutions("alexnet")), (1, 4, 7), (4,), side)


@cache
def vgg16_taps(side: int = 256) -> Taps:
    """The paper's: VGG-16 after conv1_1, conv1_2, conv2_2 and conv3_3; style after the last.

    Images of 1024 pixels are brought to 256 for it. The weights lie in the reader's cache.
    """
    return Taps(without_writing(convolutions("vgg16")), *VGG16, side)


class Seen:
    """Images (B, 3, H, W) and what networks see in them, computed once and when it is asked for."""

    def __init__(self, image: Tensor):
        self.image = image
        self._found: dict[Taps, dict[int, Tensor]] = {}

    def through(self, taps: Taps) -> dict[int, Tensor]:
        """The features of `taps`."""
        if taps not in self._found:
            self._found[taps] = taps(self.image)
        return self._found[taps]
