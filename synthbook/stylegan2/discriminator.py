"""The residual discriminator of StyleGAN2."""

import math

import torch
from torch import Tensor, nn

from synthbook.layers import check_shape
from synthbook.stylegan2.layers import EqualConv, EqualLinear, activate, blur
from synthbook.stylegan2.network import Config


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


class Discriminator(nn.Module):
    """Images to scores, by the generator's sizes and channels in reverse order.

    scores : how many each image gets; the first is `forward`'s.
    """

    def __init__(self, config: Config, scores: int = 1):
        super().__init__()
        self.config, widths = config, config.channels[::-1]
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
        check_shape(image, B=None, C=3, H=self.config.size, W=self.config.size)
        x = activate(self.stem(image))
        for block in self.blocks:
            x = block(x)
        x = activate(self.last(minibatch_stddev(x, self.config.group)))
        return self.score(activate(self.hidden(x.flatten(1))))
