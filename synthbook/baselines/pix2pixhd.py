"""pix2pixHD: "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs"
(Wang et al., CVPR 2018), its global generator without the encoder of instances.

The label map enters once, at the first layer; there is no latent, and so no diversity.

Not as published: one discriminator, the book's, and its terms, in place of two patch
discriminators; no map of borders between instances; no perceptual loss.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synthbook import game
from synthbook.layers import check_shape
from synthbook.training import Recipe


@dataclass(frozen=True)
class Config(game.OneLatent):
    """Sizes of a global generator.

    Parameters
    ----------
    classes : K of the label map.
    size    : height and width of the image, pixels; multiples of 2 ** (len(widths) - 1).
    widths  : channels at full resolution and after each halving.
    blocks  : residual blocks at the coarsest resolution.
    """

    classes: int = 16
    size: tuple[int, int] = (64, 64)
    latent: int = 0
    widths: tuple[int, ...] = (24, 48, 72, 96)
    blocks: int = 3


WIDTHS = {32: (32, 64, 72), 64: (24, 48, 72, 96)}


def normed(conv: nn.Module, channels: int) -> nn.Sequential:
    """A convolution with instance norm and ReLU."""
    return nn.Sequential(conv, nn.InstanceNorm2d(channels), nn.ReLU())


class Residual(nn.Module):
    """Two convolutions with instance norm around a shortcut; borders are reflected."""

    def __init__(self, channels: int):
        super().__init__()
        conv = lambda: nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")
        self.layers = nn.Sequential(normed(conv(), channels), conv(),
                                    nn.InstanceNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        return x + self.layers(x)


class Generator(nn.Module):
    """Down, residual blocks, up: everything is decided from one look at the label map."""

    def __init__(self, config: Config):
        super().__init__()
        self.config, w = config, config.widths
        edge = {"padding": 3, "padding_mode": "reflect"}
        self.layers = nn.Sequential(
            normed(nn.Conv2d(config.classes, w[0], 7, **edge), w[0]),
            *(normed(nn.Conv2d(a, b, 3, 2, 1), b) for a, b in zip(w, w[1:])),
            *(Residual(w[-1]) for _ in range(config.blocks)),
            *(normed(nn.ConvTranspose2d(a, b, 3, 2, 1, output_padding=1), b)
              for a, b in zip(w[::-1], w[-2::-1])),
            nn.Conv2d(w[0], 3, 7, **edge))

    def forward(self, onehot: Tensor, z: Tensor) -> Tensor:
        """Map (B, K, H, W) to images (B, 3, H, W) in [-1, 1]; the latent (B, 0, 1, 1) is empty."""
        check_shape(z, B=len(onehot), Z=0, h=1, w=1)
        return torch.tanh(self.layers(onehot))


def model(config: Config) -> game.LayoutModel:
    """The generator alone."""
    return game.LayoutModel(config, generator=Generator(config))


def recipe(data: str, size: int, *, images: int, batch: int = 16, count: int | None = None,
           weights: game.Weights = game.AtOnce(), **knobs) -> Recipe:
    """The training recipe on a generated dataset."""
    config = Config(game.classes_of(data, size, knobs), (size, size), widths=WIDTHS[size])
    return game.play(game.Setting(config, data, knobs, weights),
                     {"generator": lambda: Generator(config)}, images=images, batch=batch,
                     count=count, loss=game.paired_loss)
