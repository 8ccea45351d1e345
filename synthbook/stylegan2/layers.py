"""Layers of StyleGAN2: equalised weights, modulated convolution, and the filter for resampling.

Equalised weights (Karras et al. 2018, section 4.1) are stored with variance one and scaled each
time they are used, so that Adam moves all layers at the same relative pace.

Axes: B batch, C channels (I in, O out), H W pixels, Z latent.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def activate(x: Tensor) -> Tensor:
    """Leaky ReLU of slope 0.2, times the square root of 2 so that the variance stays."""
    return F.leaky_relu(x, 0.2) * math.sqrt(2)


class EqualLinear(nn.Module):
    """A fully connected layer with equalised weights.

    Parameters
    ----------
    inputs, outputs : numbers of features.
    bias            : first value of every bias.
    rate            : the layer learns at this multiple of the learning rate.
    """

    def __init__(self, inputs: int, outputs: int, bias: float = 0.0, rate: float = 1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))
        self.rate, self.scale = rate, rate / math.sqrt(inputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs) to (B, outputs)."""
        return F.linear(x, self.weight * self.scale, self.bias * self.rate)


class EqualConv(nn.Module):
    """A convolution with equalised weights; padded to keep the size unless it has a stride."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1,
                 bias: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.scale = 1 / math.sqrt(inputs * kernel**2)
        self.stride, self.padding = stride, kernel // 2 if stride == 1 else 0

    def forward(self, x: Tensor) -> Tensor:
        """(B, I, H, W) to (B, O, H', W')."""
        return F.conv2d(x, self.weight * self.scale, self.bias, self.stride, self.padding)


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


def blur(x: Tensor, padding: int) -> Tensor:
    """The paper's filter [1, 3, 3, 1] / 8 along both axes; H and W grow by 2 padding - 3."""
    taps = x.new_tensor([1.0, 3.0, 3.0, 1.0]) / 8
    kernel = (taps[:, None] * taps).expand(x.shape[1], 1, 4, 4)
    return F.conv2d(x, kernel, padding=padding, groups=x.shape[1])
