"""The discriminator: StyleGAN2's, with one score for pictures, one for backgrounds alone."""

import torch
from torch import Tensor

from synthbook import stylegan2
from synthbook.controllable_3d.config import Config

COMPOSITE, BACKGROUND = 0, 1  # the flag c, as in the released code
WIDEST = 3  # times the channels at full size


def sizes(config: Config) -> stylegan2.Config:
    """Channels from 4 pixels up to full size: twice and three times as many below it."""
    halvings = (config.size // 4).bit_length() - 1
    widths = [config.critic * min(k + 1, WIDEST) for k in range(halvings + 1)]
    return stylegan2.Config(size=config.size, channels=tuple(widths[::-1]))


class Discriminator(stylegan2.Discriminator):
    """StyleGAN2's residual discriminator (Karras et al. 2020) with a score for each flag.

    heads : 2 where backgrounds are judged too, else 1; a picture's flag chooses its score.
    """

    def __init__(self, config: Config, heads: int = 1):
        super().__init__(sizes(config), heads)
        self.size, self.heads = config.size, heads

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
