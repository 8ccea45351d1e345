"""The discriminator: residual, spectrally normalised, with a projection of the category."""

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from synthbook.layers import check_shape
from synthbook.semantic_pyramid.network import Config, SelfAttention, check_categories, normed


class CriticBlock(nn.Module):
    """Two convolutions and a shortcut, then halved; the first block starts from raw pixels."""

    def __init__(self, inputs: int, outputs: int, first: bool, halve: bool):
        super().__init__()
        self.first, self.halve = first, halve
        self.conv_0 = normed(nn.Conv2d(inputs, outputs, 3, 1, 1), True)
        self.conv_1 = normed(nn.Conv2d(outputs, outputs, 3, 1, 1), True)
        self.skip = normed(nn.Conv2d(inputs, outputs, 1), True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C', h, w), or half that size."""
        y, skip = (x if self.first else F.relu(x)), x
        y = self.conv_1(F.relu(self.conv_0(y)))
        if self.halve:
            y, skip = F.avg_pool2d(y, 2), F.avg_pool2d(skip, 2)
        return y + self.skip(skip)


class Discriminator(nn.Module):
    """A score for each image and category, SAGAN-like [quoted]; widths are [code].

    D(x, y) = w h(x) + <embedding of y, h(x)>, h summed over places: a dot product for each sample
    (Miyato and Koyama 2018).
    """

    def __init__(self, config: Config):
        super().__init__()
        self.config, w = config, config.critic
        self.blocks = nn.ModuleList(
            CriticBlock(a, b, k == 0, k < len(w) - 1)
            for k, (a, b) in enumerate(zip((3, *w), w)))
        self.attention = SelfAttention(w[1], True)
        self.score = normed(nn.Linear(w[-1], 1), True)
        self.embed = spectral_norm(nn.Embedding(config.categories, w[-1]))

    def forward(self, image: Tensor, category: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] and (B,) categories to scores (B,)."""
        size = self.config.size
        check_shape(image, B=None, C=3, H=size, W=size)
        check_categories(category, len(image), self.config.categories)
        x = image
        for k, layer in enumerate(self.blocks):
            x = layer(x)
            x = self.attention(x) if k == 1 else x
        h = F.relu(x).sum((2, 3))
        return self.score(h)[:, 0] + (self.embed(category) * h).sum(1)
