"""The 3D generator: from latents to primitives in space, before anything is projected.

Axes: B batch, N primitives of a scene, Z channels of a latent, C features, T side of a block,
P points.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbook.controllable_3d.config import Config
from synthbook.controllable_3d.poses import NUMBERS, Pose, pose_of, upright
from synthbook.controllable_3d.scenes import Draws
from synthbook.layers import check_shape, conv3x3

SMALLEST, RANGE = 0.1, 0.5  # scale is between 0.1 and 0.6, as in the released code
FIRST = 0.35, 0.15, 0.2  # half sizes that a primitive begins with, scene units
THIN = 0.02  # half thickness of a box on the picture
SLOPE = 0.2  # of leaky ReLU below 0
SKY = 4, 8  # height and width of the background's texture before it is doubled twice


def mlp(*widths: int) -> nn.Sequential:
    """Linear layers with leaky ReLU in between, which keep the deviation of what they are given.

    PyTorch's own first weights leave a tenth of it after three layers: primitives begin all alike,
    and a weak discriminator lets them stay so [ours].
    """
    layers: list[nn.Module] = []
    for a, b in zip(widths, widths[1:]):
        layer = nn.Linear(a, b)
        nn.init.kaiming_normal_(layer.weight, SLOPE)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*layers[:-1])


class Appearance(nn.Module):
    """What a primitive carries: a block of features, or points with features."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        numbers = (config.points * (3 + config.colours) if config.primitive == "point"
                   else config.colours * config.texture**3)
        self.layers = mlp(config.latent, config.hidden, 2 * config.hidden, numbers)

    def forward(self, look: Tensor) -> tuple[Tensor, ...]:
        """Latents (B, N, Z) to the block (B, N, C, T, T, T), or points and their features.

        Where primitives are anchored, the last three channels are x, y and z in their own frame.
        """
        config, numbers = self.config, self.layers(look)
        if config.primitive != "point":
            block = numbers.unflatten(2, (config.colours, *[config.texture] * 3))
            if config.anchored:
                block = torch.cat([block, own_places(block)], 2)
            return (block,)
        where, features = numbers.unflatten(2, (config.points, -1)).split(
            [3, config.colours], -1)
        where = where.tanh()  # tanh(x / 2) is the code's 2 sigmoid(x) - 1
        return where, torch.cat([features, where], -1) if config.anchored else features


def own_places(block: Tensor) -> Tensor:
    """x, y and z in [-1, 1] of the cells of blocks (B, N, C, T, T, T) with axes z, y, x.

    Returns (B, N, 3, T, T, T).
    """
    side = block.shape[-1]
    line = (torch.arange(side, dtype=block.dtype, device=block.device) + 0.5) * 2 / side - 1
    z, y, x = torch.meshgrid(line, line, line, indexing="ij")
    return 0 * block[:, :, :1] + torch.stack([x, y, z])  # so that an export does not fix B


class Size(nn.Module):
    """How large a primitive is: half sizes from its latent, between 0.1 and 0.6."""

    def __init__(self, config: Config):
        super().__init__()
        self.layers = mlp(config.latent, config.hidden // 2, 3)
        with torch.no_grad():
            self.layers[-1].weight *= 0.3
            share = (torch.tensor(FIRST) - SMALLEST) / RANGE
            self.layers[-1].bias.copy_(share.logit())

    def forward(self, look: Tensor) -> Tensor:
        """(B, N, Z) to (B, N, 3)."""
        return SMALLEST + RANGE * self.layers(look).sigmoid()


class Arrangement(nn.Module):
    """Poses of all primitives, from what was drawn; `Config.poses` says how."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        if config.poses == "network":
            self.layers = mlp(config.latent, config.hidden, 2 * config.hidden,
                              NUMBERS * config.primitives)
        else:
            self.size = Size(config)

    def forward(self, draws: Draws) -> Pose:
        """The poses in the world, of (B, N)."""
        check_shape(draws.place, B=len(draws.look), N=draws.look.shape[1], numbers=3)
        if self.config.poses == "network":
            return pose_of(self.layers(draws.layout).unflatten(1, (-1, NUMBERS)))
        size, (a, b, c) = self.size(draws.look), draws.place.unbind(-1)
        if self.config.poses == "picture":
            size = torch.cat([size[..., :2], torch.full_like(size[..., :1], THIN)], -1)
            straight = torch.eye(3, device=size.device).expand(*size.shape, 3)
            return Pose(straight, draws.place, size)
        return upright(a, b, c if self.config.rotation else torch.zeros_like(c), size)


class Sky(nn.Module):
    """The background's features on a sphere: rows from above to below, columns once around."""

    def __init__(self, config: Config):
        super().__init__()
        self.width = 4 * config.features
        self.first = nn.Linear(config.latent, self.width * math.prod(SKY))
        self.second = conv3x3(self.width, 2 * config.features)
        self.third = conv3x3(2 * config.features, config.features)

    def forward(self, behind: Tensor) -> Tensor:
        """Latents (B, Z) to (B, C, 16, 32)."""
        x = self.first(behind).unflatten(1, (self.width, *SKY))
        for conv in (self.second, self.third):
            x = F.interpolate(F.leaky_relu(x, 0.2), scale_factor=2.0, mode="nearest")
            x = conv(x)
        return x
