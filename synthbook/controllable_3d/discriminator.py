"""The discriminator: StyleGAN2's, with one score for pictures, one for backgrounds alone."""

import torch
from torch import Tensor

from synthbook.controllable_3d.config import Config
from synthbook.discriminators import ResidualDiscriminator

COMPOSITE, BACKGROUND = 0, 1  # the flag c, as in the released code


def channels(config: Config) -> tuple[int, ...]:
    """Of the discriminator at 4, 8, ... pixels: twice those at full size at half of it, ..."""
    halvings = (config.size // 4).bit_length() - 1
    return tuple(config.critic * min(k + 1, config.widest) for k in reversed(range(halvings + 1)))


class Discriminator(ResidualDiscriminator):
    """Pictures to scores, by the flag that says what they show.

    heads : 2 where backgrounds are judged too, else 1.
    """

    def __init__(self, config: Config, heads: int = 1):
        super().__init__(channels(config), scores=heads)
        self.heads = heads

    def forward(self, image: Tensor, flag: Tensor | None = None) -> Tensor:
        """Pictures (B, 3, H, W) in [-1, 1] to scores (B,), higher for what looks real.

        flag : (B,), which score of each picture is asked for; the first unless given.
        """
        scores = self.scores(image)
        if flag is None:
            return scores[:, COMPOSITE]
        return scores.gather(1, flag[:, None])[:, 0]


def flags(composites: int, backgrounds: int, device: torch.device | str = "cpu") -> Tensor:
    """The flag c of so many composites followed by so many backgrounds."""
    return torch.tensor([COMPOSITE] * composites + [BACKGROUND] * backgrounds, device=device)
