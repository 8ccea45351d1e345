"""SPADE: "Semantic Image Synthesis with Spatially-Adaptive Normalization" (Park et al., CVPR 2019).

Without its image encoder, so without a latent: the decoder begins with the label map itself, and
every block is told the map again by its normalisation. With the encoder it is VSPADE, which is
GroupDNet's code with one group (:mod:`synthbook.smis.network`).

Not as published: one discriminator, the book's, and its terms, in place of two patch
discriminators; no perceptual loss; no spectral norm in the decoder; label maps are averaged down.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbook import game
from synthbook.layers import ConditionalGroupBlock, check_shape, conv3x3, shrink
from synthbook.training import Recipe


@dataclass(frozen=True)
class Config(game.OneLatent):
    """Sizes of a SPADE generator.

    Parameters
    ----------
    classes  : K of the label map.
    size     : height and width of the image, pixels.
    channels : width before the first block and after each one.
    hidden   : hidden channels of each block's norms.
    spectral : spectral norm of the blocks' convolutions, as published.
    still    : numbers of the blocks before which the size is not doubled; it is before all
        others but the first.
    """

    classes: int = 16
    size: tuple[int, int] = (64, 64)
    latent: int = 0
    channels: tuple[int, ...] = (96, 96, 64, 32, 32)
    hidden: tuple[int, ...] = (32, 32, 32, 24)
    spectral: bool = False
    still: tuple[int, ...] = ()


SIZES = {  # channels and hidden channels, those of VSPADE
    64: ((96, 96, 64, 32, 32), (32, 32, 32, 24)),
    32: ((80, 80, 36, 20), (24, 24, 16)),
}


class Generator(nn.Module):
    """SPADE blocks from coarse to fine; the first sees the shrunken label map."""

    def __init__(self, config: Config):
        super().__init__()
        self.config, c = config, config.channels
        self.input = conv3x3(config.classes, c[0])
        self.blocks = nn.ModuleList(ConditionalGroupBlock(a, b, config.classes, 1, h,
                                                          spectral=config.spectral)
                                    for a, b, h in zip(c, c[1:], config.hidden))
        self.output = conv3x3(c[-1], 3)

    def forward(self, onehot: Tensor, z: Tensor) -> Tensor:
        """Map (B, K, H, W) to images (B, 3, H, W) in [-1, 1]; the latent (B, 0, 1, 1) is empty."""
        check_shape(z, B=len(onehot), Z=0, h=1, w=1)
        return self.paint(self.features(onehot))

    def features(self, condition: Tensor) -> Tensor:
        """What the last convolution turns into pixels, (B, C, H, W).

        condition : (B, K, H, W) real numbers: a one-hot map, or anything else of its shape.
        """
        still = (0, *self.config.still)
        coarsest = 2 ** (len(self.blocks) - len(still))
        x = self.input(shrink(condition, tuple(n // coarsest for n in condition.shape[-2:])))
        for i, block in enumerate(self.blocks):
            x = x if i in still else F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(x, condition)
        return F.leaky_relu(x, 0.2)

    def paint(self, features: Tensor) -> Tensor:
        """Features (B, C, H, W) to images (B, 3, H, W) in [-1, 1]."""
        return torch.tanh(self.output(features))


def model(config: Config) -> game.LayoutModel:
    """The generator alone."""
    return game.LayoutModel(config, generator=Generator(config))


def recipe(data: str, size: int, *, images: int, batch: int = 16, count: int | None = None,
           weights: game.Weights = game.AtOnce(), **knobs) -> Recipe:
    """The training recipe on a generated dataset."""
    channels, hidden = SIZES[size]
    config = Config(game.classes_of(data, size, knobs), (size, size), channels=channels,
                    hidden=hidden)
    return game.play(game.Setting(config, data, knobs, weights),
                     {"generator": lambda: Generator(config)}, images=images, batch=batch,
                     count=count, loss=game.paired_loss)
