"""MulNet: one encoder and one decoder for every class, fused at the end (SMIS, its baseline).

This is the solution that GroupDNet replaces. It computes what GroupNet computes, class after
class: GroupNet's grouped convolutions are these streams side by side. The fusion, one convolution
over the features of all streams, is GroupNet's last.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from synthbook.layers import conv3x3
from synthbook.smis.network import Config, Encoder, Generator


def one_stream(config: Config) -> Config:
    """The config of a single class's stream: a K-th of every width."""
    k = config.classes
    return replace(config, classes=1, groups=(1,) * len(config.groups), norm_groups=None,
                   channels=tuple(c // k for c in config.channels),
                   hidden=tuple(h // k for h in config.hidden))


class StreamEncoder(nn.Module):
    """K encoders, each of one class. Arguments and result as :class:`Encoder`'s."""

    def __init__(self, config: Config):
        super().__init__()
        self.streams = nn.ModuleList(Encoder(one_stream(config)) for _ in range(config.classes))

    def forward(self, image: Tensor, onehot: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) and (B, K, H, W) to mu and logvar, (B, K*Z, h, w)."""
        found = [stream(image, mask) for stream, mask in zip(self.streams, onehot.split(1, 1))]
        mu, logvar = zip(*found)
        return torch.cat(mu, 1), torch.cat(logvar, 1)


class Streams(nn.Module):
    """K decoders, each of one class, and the convolution that fuses them."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.streams = nn.ModuleList(Features(one_stream(config)) for _ in range(config.classes))
        self.output = conv3x3(config.channels[-1], 3)

    def forward(self, onehot: Tensor, z: Tensor) -> Tensor:
        """Map (B, K, H, W) and latents (B, K*Z, h, w) to images (B, 3, H, W) in [-1, 1]."""
        features = [stream(mask, code) for stream, mask, code in zip(
            self.streams, onehot.split(1, 1), z.split(self.config.latent, 1))]
        return torch.tanh(self.output(torch.cat(features, 1)))


class Features(Generator):
    """A decoder that ends before the pixels."""

    def __init__(self, config: Config):
        super().__init__(config)
        del self.output

    def forward(self, onehot: Tensor, z: Tensor) -> Tensor:
        """Map (B, 1, H, W) and latents (B, Z, h, w) to features (B, C, H, W)."""
        return self.features(onehot, z)
