"""Deep image prior: a network that knows one picture only (Ulyanov, Vedaldi and Lempitsky 2018).

A convolutional network with random weights is fitted to the known pixels of one picture, from a
fixed random input. It learns structure before noise, so what it shows in a hole, or of a damaged
picture, is plausible if one stops in time. Nothing else was ever seen.

Here every picture of a batch has a network of its own, all of them computed at once by grouped
convolutions. One in twenty known pixels is kept from the fit to say when to stop: the published
code stops after a number of steps that its authors chose by eye.

Axes: B pictures, C channels, H W pixels.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbook.baselines.pasting import checked
from synthbook.files import BookError

HELD_OUT = 0.05  # share of the known pixels
LOOKS = 25  # steps between two looks at them


@dataclass(frozen=True)
class Prior:
    """The network and its fit.

    Published for inpainting: five levels of 128 channels, skips of 128, 6,001 steps.

    Parameters
    ----------
    levels  : how often the network halves its input.
    width   : channels at every level; `skip`: those that pass it without being halved.
    inputs  : channels of the random input.
    steps   : of Adam at `rate`.
    jitter  : deviation of the noise on the input, drawn in every step.
    """

    levels: int = 4
    width: int = 32
    skip: int = 8
    inputs: int = 32
    steps: int = 1500
    rate: float = 0.01
    jitter: float = 0.03


class OwnConv(nn.Module):
    """A convolution for each picture, then batch norm of that picture alone and LeakyReLU.

    The border is reflected. Without `norm` the convolution only.
    """

    def __init__(self, count: int, inputs: int, outputs: int, kernel: int = 3, stride: int = 1,
                 norm: bool = True):
        super().__init__()
        bound = 1 / math.sqrt(inputs * kernel**2)
        shape = (count, outputs, inputs, kernel, kernel)
        self.weight = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(count, outputs, 1, 1))
        self.gain = nn.Parameter(torch.ones(count, outputs, 1, 1)) if norm else None
        self.padding, self.stride = kernel // 2, stride

    def forward(self, x: Tensor) -> Tensor:
        """(B, I, h, w) to (B, O, h', w')."""
        x = F.pad(x, (self.padding,) * 4, mode="reflect").flatten(0, 1)[None]
        y = F.conv2d(x, self.weight.flatten(0, 1), stride=self.stride, groups=len(self.weight))
        y = y[0].unflatten(0, (len(self.weight), -1))
        if self.gain is None:
            return y + self.bias
        return F.leaky_relu(F.instance_norm(y) * self.gain + self.bias, 0.2)


class Hourglass(nn.Module):
    """Down and up again over `levels`, with skips: (B, inputs, H, W) to (B, width, H, W)."""

    def __init__(self, count: int, inputs: int, prior: Prior, levels: int):
        super().__init__()
        width = prior.width
        self.skip = OwnConv(count, inputs, prior.skip, kernel=1)
        self.down = nn.Sequential(OwnConv(count, inputs, width, stride=2),
                                  OwnConv(count, width, width))
        self.deeper = Hourglass(count, width, prior, levels - 1) if levels > 1 else nn.Identity()
        self.up = nn.Sequential(OwnConv(count, width + prior.skip, width),
                                OwnConv(count, width, width, kernel=1))

    def forward(self, x: Tensor) -> Tensor:
        below = F.interpolate(self.deeper(self.down(x)), size=x.shape[2:], mode="nearest")
        return self.up(torch.cat([self.skip(x), below], 1))


def network(count: int, prior: Prior) -> nn.Sequential:
    """A network for each of `count` pictures: (count, inputs, H, W) to pictures in [-1, 1]."""
    return nn.Sequential(Hourglass(count, prior.inputs, prior, prior.levels),
                         OwnConv(count, prior.width, 3, kernel=1, norm=False), nn.Tanh())


def fit(image: Tensor, hole: Tensor | None = None, prior: Prior = Prior(),
        seed: int = 0) -> Tensor:
    """What the networks show of images (B, 3, H, W) in [-1, 1], after the best of their looks.

    hole : (B or 1, 1, H, W), above 0 where nothing is known; without one all is known, and
           the result rebuilds the image.
    """
    hole = torch.zeros_like(image[:1, :1]) if hole is None else hole
    known = checked(image, image, hole) == 0
    smallest = image.shape[-1] >> prior.levels
    if smallest < 2 or image.shape[-1] % (1 << prior.levels):
        raise BookError(f"{prior.levels} levels halve {image.shape[-1]} pixels too often: choose "
                        "fewer")
    if not known.flatten(1).any(1).all():
        raise BookError("a picture without a known pixel cannot be filled")
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(known.shape, generator=generator).to(image.device)
    held = known & (drawn < HELD_OUT)
    used = (known & ~held).to(image)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        nets = network(len(image), prior).to(image.device)
    z = torch.rand(len(image), prior.inputs, *image.shape[2:], generator=generator) * 0.1
    z, target = z.to(image), torch.where(known, image, 0.0)
    adam = torch.optim.Adam(nets.parameters(), prior.rate)
    best, least = torch.zeros_like(image), torch.full((len(image),), math.inf).to(image)
    for step in range(prior.steps + 1):
        noise = prior.jitter * torch.randn(z.shape, generator=generator).to(z)
        made = nets(z + noise)
        apart = (made - target).square()
        if step % LOOKS == 0 or step == prior.steps:
            missed = (apart.detach() * held).sum((1, 2, 3)) / held.sum((1, 2, 3)).clamp_min(1)
            better = missed <= least
            best = torch.where(better.view(-1, 1, 1, 1), made.detach(), best)
            least = torch.where(better, missed, least)
        if step < prior.steps:
            adam.zero_grad()
            (apart * used).flatten(1).mean(1).sum().backward()
            adam.step()
    return best


def inpaint(image: Tensor, hole: Tensor, prior: Prior = Prior(), seed: int = 0) -> Tensor:
    """Images with their holes filled; known pixels stay exactly. Arguments as of :func:`fit`."""
    inside = checked(image, image, hole) > 0
    return torch.where(inside, fit(image, hole, prior, seed), image)
