"""Discriminators that several papers share."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from synthbook.equalised import EqualConv, EqualLinear, activate, blur
from synthbook.layers import check_shape, conv3x3


class SegmentationDiscriminator(nn.Module):
    """A U-Net that labels every pixel with its class or as generated (OASIS, ICLR 2021).

    Beside the segmentation head stands a patch head, one real-or-generated score for each 8 x 8
    pixels: a per-pixel classifier alone rewards the right texture, not the right structure.

    Parameters
    ----------
    classes : K; the segmentation head has K + 1 outputs.
    width   : channels at full resolution; they double downwards, up to four times.
    """

    def __init__(self, classes: int, width: int = 32):
        super().__init__()
        w = [width, width * 2, width * 3, width * 4, width * 4]
        self.stem = conv3x3(3, w[0], spectral=True)
        self.down = nn.ModuleList(
            conv3x3(a, b, stride=2, spectral=True) for a, b in zip(w[:-1], w[1:]))
        self.up = nn.ModuleList(
            conv3x3(a, b, spectral=True)
            for a, b in [(w[4] + w[3], w[3]), (w[3] + w[2], w[2]), (w[2] + w[1], w[1])])
        self.last = conv3x3(w[1] + w[0], w[0], spectral=True)
        self.segment = nn.Conv2d(w[0], classes + 1, 1)
        self.patch = spectral_norm(nn.Conv2d(w[3], 1, 3, padding=1))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """(B, 3, H, W) to logits (B, K+1, H, W), scores (B, 1, H/8, W/8) and features."""
        x = F.leaky_relu(self.stem(image), 0.2)
        skips = [x]
        for layer in self.down:
            x = F.leaky_relu(layer(x), 0.2)
            skips.append(x)
        features = skips[1:4]
        score = self.patch(skips[3])
        for layer, skip in zip([*self.up, self.last], skips[-2::-1]):
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = F.leaky_relu(layer(torch.cat([x, skip], 1)), 0.2)
            features.append(x)
        return self.segment(x), score, features


class PatchDiscriminator(nn.Module):
    """One 70 x 70 patch discriminator (pix2pixHD; the SMIS release uses it unchanged)."""

    def __init__(self, in_channels: int, width: int = 64):
        super().__init__()
        layers = [nn.Conv2d(in_channels, width, 4, 2, 2)]
        for a, b, stride in [(1, 2, 2), (2, 4, 2), (4, 8, 1)]:
            conv = nn.Conv2d(width * a, width * b, 4, stride, 2, bias=False)
            layers.append(nn.Sequential(spectral_norm(conv), nn.InstanceNorm2d(width * b)))
        self.layers = nn.ModuleList(layers)
        self.score = nn.Conv2d(width * 8, 1, 4, 1, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, C, H, W) to a map of scores (B, 1, h, w) and the features of four layers."""
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.score(x), features


class MultiScaleDiscriminator(nn.Module):
    """Patch discriminators on the image and on its halves, conditioned on the label map."""

    def __init__(self, classes: int, width: int = 64, scales: int = 2):
        super().__init__()
        self.scales = nn.ModuleList(
            PatchDiscriminator(classes + 3, width) for _ in range(scales))

    def forward(self, image: Tensor, onehot: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """(B, 3, H, W) and (B, K, H, W) to the scores of each scale and all their features."""
        x, scores, features = torch.cat([onehot, image], 1), [], []
        for discriminator in self.scales:
            score, layers = discriminator(x)
            scores.append(score)
            features += layers
            x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        return scores, features


def minibatch_stddev(x: Tensor, group: int) -> Tensor:
    """Features (B, C, H, W) with one more channel: how much they vary among `group` images.

    The standard deviation over the group, averaged over channels and pixels, tells the
    discriminator that a generator makes too few kinds of images (Karras et al. 2018, section 3).
    Neighbours in the batch are a group, of as many images as divide both B and `group`.
    """
    count = math.gcd(len(x), group)
    grouped = x.float().unflatten(0, (-1, count))
    spread = (grouped.var(1, correction=0) + 1e-8).sqrt().mean((1, 2, 3))
    spread = spread.repeat_interleave(count).view(-1, 1, 1, 1).expand(-1, 1, *x.shape[2:])
    return torch.cat([x, spread.to(x.dtype)], 1)


class Halving(nn.Module):
    """A residual block that halves the image: two convolutions beside a filtered 1x1 one."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.first = EqualConv(inputs, inputs, 3)
        self.second = EqualConv(inputs, outputs, 3, stride=2)
        self.skip = EqualConv(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, I, H, W) to (B, O, H/2, W/2)."""
        y = activate(self.second(blur(activate(self.first(x)), 2)))
        return (y + self.skip(blur(x, 1)[..., ::2, ::2])) / math.sqrt(2)


class ResidualDiscriminator(nn.Module):
    """StyleGAN2's discriminator (Karras et al. 2020): images to scores, halving block by block.

    Parameters
    ----------
    channels : at 4, 8, ... pixels up to the images' size, as a StyleGAN2's.
    group    : images whose variety is seen at once.
    scores   : how many each image gets; the first is `forward`'s.
    """

    def __init__(self, channels: tuple[int, ...], group: int = 4, scores: int = 1):
        super().__init__()
        self.size, self.group, widths = 2 << len(channels), group, channels[::-1]
        self.stem = EqualConv(3, widths[0], 1)
        self.blocks = nn.ModuleList(Halving(a, b) for a, b in zip(widths[:-1], widths[1:]))
        self.last = EqualConv(widths[-1] + 1, widths[-1], 3)
        self.hidden = EqualLinear(widths[-1] * 16, widths[-1])
        self.score = EqualLinear(widths[-1], scores)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to scores (B,), higher for what looks real."""
        return self.scores(image)[:, 0]

    def scores(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to all scores of every image, (B, S)."""
        check_shape(image, B=None, C=3, H=self.size, W=self.size)
        x = activate(self.stem(image))
        for block in self.blocks:
            x = block(x)
        x = activate(self.last(minibatch_stddev(x, self.group)))
        return self.score(activate(self.hidden(x.flatten(1))))
