"""Layers with equalised weights, and the filter for halving pictures, of StyleGAN2's networks.

Equalised weights (Karras et al. 2018, section 4.1) are stored with variance one and scaled each
time they are used, so that Adam moves all layers at the same relative pace.

Axes: B batch, C channels (I in, O out), H W pixels.
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


def blur(x: Tensor, padding: int) -> Tensor:
    """The paper's filter [1, 3, 3, 1] / 8 along both axes; H and W grow by 2 padding - 3."""
    taps = x.new_tensor([1.0, 3.0, 3.0, 1.0]) / 8
    kernel = (taps[:, None] * taps).expand(x.shape[1], 1, 4, 4)
    return F.conv2d(x, kernel, padding=padding, groups=x.shape[1])
