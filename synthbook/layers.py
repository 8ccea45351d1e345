"""Layers that several papers share. Axes: B batch, C channels, H W pixels, K classes, Z latent."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized


def check_shape(x: Tensor, **axes: int | None) -> None:
    """Raise unless the axes of `x`, in order, have the given lengths (None: any)."""
    want = tuple(axes.values())
    if x.dim() != len(want) or any(w not in (None, n) for w, n in zip(want, x.shape)):
        names = " ".join(f"{k}={v or 'any'}" for k, v in axes.items())
        raise ValueError(f"expected a tensor of shape ({names}), got {tuple(x.shape)}")


def conv3x3(in_channels: int, out_channels: int, *, groups: int = 1, stride: int = 1,
            spectral: bool = False) -> nn.Conv2d:
    """A padded 3x3 convolution, optionally grouped or spectrally normalised."""
    conv = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, groups=groups)
    return spectral_norm(conv) if spectral else conv


def one_hot(label: Tensor, classes: int) -> Tensor:
    """(B, H, W) integers to (B, K, H, W) float32 zeros and ones."""
    return F.one_hot(label, classes).movedim(-1, -3).float()


def shrink(onehot: Tensor, size: tuple[int, int]) -> Tensor:
    """Average a map (B, K, H, W) down to `size`; H and W are multiples of it.

    Every low-resolution pixel then knows what share of it each class covers. The released
    SMIS code picks the nearest pixel instead, which loses thin regions at 4 x 4.
    """
    factor = onehot.shape[-2] // size[0], onehot.shape[-1] // size[1]
    return onehot if factor == (1, 1) else F.avg_pool2d(onehot, factor)


class ConditionalGroupNorm(nn.Module):
    """CG-Norm of SMIS (CVPR 2020, section 3): a SPADE whose convolutions are grouped.

    `out = batchnorm(x) * (1 + gamma(M)) + beta(M)`, where gamma and beta are grouped
    convolutions of the label map M. With `groups=1` it is SPADE.

    Parameters
    ----------
    channels : C of the features; a multiple of `groups`.
    classes  : K of the label map; a multiple of `groups`.
    groups   : number of independent groups of channels and of classes.
    hidden   : channels between the map and gamma, beta; a multiple of `groups`.
    """

    def __init__(self, channels: int, classes: int, groups: int, hidden: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.shared = conv3x3(classes, hidden, groups=groups)
        self.gamma = conv3x3(hidden, channels, groups=groups)
        self.beta = conv3x3(hidden, channels, groups=groups)

    def forward(self, x: Tensor, onehot: Tensor) -> Tensor:
        """Features (B, C, H, W) and a map (B, K, H', W'), a multiple of H, W, to (B, C, H, W)."""
        hidden = F.relu(self.shared(shrink(onehot, x.shape[-2:])))
        return self.norm(x) * (1 + self.gamma(hidden)) + self.beta(hidden)


class ConditionalGroupBlock(nn.Module):
    """CG-Block of SMIS: a residual block of two grouped convolutions, each after a CG-Norm.

    The shortcut is the identity where the widths agree, else CG-Norm and a grouped 1x1
    convolution (released code: `SPADEV2ResnetBlock`).
    """

    def __init__(self, in_channels: int, out_channels: int, classes: int, groups: int,
                 hidden: int, norm_groups: int | None = None, spectral: bool = False):
        super().__init__()
        middle = min(in_channels, out_channels)
        norm_groups = norm_groups or groups
        self.norm_0 = ConditionalGroupNorm(in_channels, classes, norm_groups, hidden)
        self.conv_0 = conv3x3(in_channels, middle, groups=groups, spectral=spectral)
        self.norm_1 = ConditionalGroupNorm(middle, classes, norm_groups, hidden)
        self.conv_1 = conv3x3(middle, out_channels, groups=groups, spectral=spectral)
        self.learned_shortcut = in_channels != out_channels
        if self.learned_shortcut:
            self.norm_s = ConditionalGroupNorm(in_channels, classes, norm_groups, hidden)
            conv = nn.Conv2d(in_channels, out_channels, 1, groups=groups, bias=False)
            self.conv_s = spectral_norm(conv) if spectral else conv

    def forward(self, x: Tensor, onehot: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H, W), conditioned on a map (B, K, H', W')."""
        y = self.conv_0(F.leaky_relu(self.norm_0(x, onehot), 0.2))
        y = self.conv_1(F.leaky_relu(self.norm_1(y, onehot), 0.2))
        return y + (self.conv_s(self.norm_s(x, onehot)) if self.learned_shortcut else x)


def masked_mean(x: Tensor, weight: Tensor) -> Tensor:
    """Mean over pixels of x (..., C, H, W) weighted by (..., 1, H, W); 0 where no weight is."""
    total = weight.sum((-2, -1))
    return (x * weight).sum((-2, -1)) / total.clamp_min(1e-6) * (total > 0)


def reparameterise(mu: Tensor, logvar: Tensor) -> Tensor:
    """A sample mu + sigma * eps of the posterior (Kingma and Welling 2014)."""
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


def begin_as_signal(mu: nn.Module, logvar: nn.Module) -> None:
    """Start a posterior's two last layers so that its codes are signal, not noise.

    Such codes are learned many times faster: orthogonal means, variances of exp(-4).
    """
    nn.init.orthogonal_(mu.weight, 2.0)
    nn.init.constant_(logvar.bias, -4.0)


def xavier(network: nn.Module, gain: float) -> nn.Module:
    """Convolutions with Xavier-normal weights (Glorot and Bengio 2010) and no bias, in place."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            normed = is_parametrized(layer, "weight")
            weight = layer.parametrizations.weight.original if normed else layer.weight
            nn.init.xavier_normal_(weight, gain)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network
