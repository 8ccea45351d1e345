"""Layers of StyleGAN2's generator: modulated convolution, and doubling.

Axes: B batch, C channels (I in, O out), H W pixels, Z latent.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbook.equalised import EqualLinear


class ModulatedConv(nn.Module):
    """A convolution whose input channels are scaled by a style, for every image its own.

    The paper scales the weights, w'_ijk = s_i w_ijk (eq. 1), then divides each output channel's
    by their norm (eq. 3), so that every image needs weights of its own. Here the input is scaled
    by s_i before one shared convolution and the output by the same norm after it, which is
    equal, since a convolution is linear.

    Parameters
    ----------
    inputs, outputs : channels.
    latent          : Z of w, from which an affine layer makes the style; it starts at 1.
    demodulate      : whether outputs are divided by the norm of their weights.
    """

    def __init__(self, inputs: int, outputs: int, latent: int, kernel: int = 3, *,
                 demodulate: bool = True):
        super().__init__()
        self.style = EqualLinear(latent, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.scale = 1 / math.sqrt(inputs * kernel**2)
        self.demodulate = demodulate

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Features (B, I, H, W) and w (B, Z) to (B, O, H, W)."""
        weight, style = self.weight * self.scale, self.style(w)
        scaled = x * style[:, :, None, None].to(x.dtype)
        y = F.conv2d(scaled, weight, padding=weight.shape[-1] // 2)
        if not self.demodulate:
            return y
        lengths = weight.flatten(2).norm(dim=2)  # (O, I)
        squared = F.linear(style.square(), lengths.square())  # (B, O)
        return y * torch.rsqrt(squared + 1e-8)[:, :, None, None].to(y.dtype)


def double(x: Tensor) -> Tensor:
    """Twice as many pixels along both axes: (B, C, H, W) to (B, C, 2H, 2W), bilinearly.

    Away from the border this is the paper's filter [1, 3, 3, 1] on an image with zeros between
    its pixels; there the paper goes on with zeros, and this with the last pixel.
    """
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
