"""The discriminator: a residual network with one score for pictures, one for backgrounds alone."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from synthbook.controllable_3d.config import Config
from synthbook.layers import check_shape, conv3x3

COMPOSITE, BACKGROUND = 0, 1  # the flag c, as in the released code


def normed(layer: nn.Module, spectral: bool) -> nn.Module:
    """The layer, spectrally normalised if asked."""
    return spectral_norm(layer) if spectral else layer


class Halving(nn.Module):
    """A residual block that halves the picture: two convolutions, beside a 1 x 1 one."""

    def __init__(self, inputs: int, outputs: int, spectral: bool, first: bool = False):
        super().__init__()
        self.begins = first
        self.one = conv3x3(inputs, outputs, spectral=spectral)
        self.two = conv3x3(outputs, outputs, spectral=spectral)
        self.skip = normed(nn.Conv2d(inputs, outputs, 1), spectral)

    def forward(self, x: Tensor) -> Tensor:
        """(B, I, H, W) to (B, O, H/2, W/2)."""
        y = self.one(x if self.begins else F.relu(x))
        y = F.avg_pool2d(self.two(F.relu(y)), 2)
        return y + self.skip(F.avg_pool2d(x, 2))


class Discriminator(nn.Module):
    """The SN-ResNet of the released code (Miyato et al. 2018), narrower, with n scores.

    heads : 2 where backgrounds are judged too, else 1; a picture's flag chooses its score.
    """

    def __init__(self, config: Config, heads: int = 1):
        super().__init__()
        self.size, self.heads = config.size, heads
        halvings = (config.size // 8).bit_length()
        w = [config.critic * min(2**k, 4) for k in range(halvings)]
        self.down = nn.ModuleList(
            [Halving(3, w[0], config.spectral, first=True),
             *(Halving(a, b, config.spectral) for a, b in zip(w, w[1:]))])
        self.one, self.two = (conv3x3(w[-1], w[-1], spectral=config.spectral) for _ in range(2))
        self.score = normed(nn.Linear(w[-1], heads), config.spectral)

    def forward(self, image: Tensor, flag: Tensor | None = None) -> Tensor:
        """Pictures (B, 3, H, W) in [-1, 1] to scores (B,), higher for what looks real.

        flag : (B,), which score of each picture is asked for; the first unless given.
        """
        check_shape(image, B=None, C=3, H=self.size, W=self.size)
        x = image
        for block in self.down:
            x = block(x)
        x = x + self.two(F.relu(self.one(F.relu(x))))
        scores = self.score(F.relu(x).mean((2, 3)))
        if flag is None:
            return scores[:, COMPOSITE]
        return scores.gather(1, flag[:, None])[:, 0]


def flags(composites: int, backgrounds: int, device: torch.device | str = "cpu") -> Tensor:
    """The flag c of so many composites followed by so many backgrounds."""
    return torch.tensor([COMPOSITE] * composites + [BACKGROUND] * backgrounds, device=device)
