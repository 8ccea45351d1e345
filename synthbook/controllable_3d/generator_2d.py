"""The 2D generator: one picture of features to a picture, its alpha and its depth.

Axes: M pictures (primitives of any scenes, or backgrounds), C features, H W pixels, Z channels of
a latent.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbook.controllable_3d.generator_3d import mlp
from synthbook.layers import check_shape, conv3x3

EPS = 1e-5
STEP = 0.1  # share of a residual block's branch, as in the released code


class Painted(NamedTuple):
    """What the 2D generator makes of each picture by itself, all in [-1, 1]."""

    rgb: Tensor  # (M, 3, H, W)
    alpha: Tensor  # (M, 1, H, W)
    offset: Tensor  # (M, 1, H, W)


def adain(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Adaptive instance norm (Huang and Belongie 2017): x (M, C, H, W), the others (M, C).

    Every channel of every picture gets mean `bias` and deviation 1 + `weight`.
    """
    variance, mean = torch.var_mean(x.float(), (2, 3), correction=0)
    scale = (1 + weight) * (variance + EPS).rsqrt()
    shift = bias - mean * scale
    return torch.addcmul(shift[..., None, None].to(x.dtype), x, scale[..., None, None].to(x.dtype))


class Residual(nn.Module):
    """x + 0.1 F(x), where F is twice: leaky ReLU, convolution, AdaIN."""

    def __init__(self, channels: int):
        super().__init__()
        self.first, self.second = conv3x3(channels, channels), conv3x3(channels, channels)

    def forward(self, x: Tensor, styles: list[tuple[Tensor, Tensor]]) -> Tensor:
        """(M, C, H, W) with two weights and biases, (M, C) each, to the same shape."""
        y = x
        for conv, style in zip((self.first, self.second), styles, strict=True):
            y = adain(conv(F.leaky_relu(y, 0.2)), *style)
        return x + STEP * y


class Generator2D(nn.Module):
    """Features to a painted picture, at half size in between.

    Parameters
    ----------
    inputs   : channels of a picture of features.
    latent   : Z.
    channels : at full size; twice as many at half of it.
    hidden   : width of the network that reads the latent.
    """

    def __init__(self, inputs: int, latent: int, channels: int, hidden: int):
        super().__init__()
        self.inputs, nf = inputs, channels
        self.stem = conv3x3(inputs, nf)
        self.down = nn.Conv2d(nf, 2 * nf, 4, 2, 1)
        self.low = nn.ModuleList([Residual(2 * nf), Residual(2 * nf)])
        self.up = conv3x3(2 * nf, nf)
        self.high = Residual(nf)
        self.last = conv3x3(nf, 5)
        self.widths = [2 * nf] * 5 + [nf] * 3
        self.style = mlp(latent, hidden, hidden, 2 * sum(self.widths))
        with torch.no_grad():
            self.style[-1].weight *= 0.3
            self.last.weight *= 0.3

    def styles(self, z: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Weight and bias of every norm, (M, C) each, from latents (M, Z)."""
        parts = self.style(z).split([2 * w for w in self.widths], 1)
        return [part.chunk(2, 1) for part in parts]

    def forward(self, features: Tensor, z: Tensor) -> Painted:
        """Pictures of features (M, inputs, H, W) and latents (M, Z)."""
        check_shape(features, M=len(z), inputs=self.inputs, H=None, W=None)
        s = self.styles(z)
        skip = self.stem(features)
        x = adain(self.down(F.leaky_relu(skip, 0.2)), *s[0])
        for k, block in enumerate(self.low):
            x = block(x, s[1 + 2 * k:3 + 2 * k])
        x = adain(self.up(F.leaky_relu(x, 0.2)), *s[5])
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear") + skip
        x = self.high(x, s[6:8])
        return Painted(*self.last(F.leaky_relu(x, 0.2)).float().tanh().split([3, 1, 1], 1))
