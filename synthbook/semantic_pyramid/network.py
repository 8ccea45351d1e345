"""The generator that mirrors a classifier: every block is given its level's features, or nothing.

    out_l = N(Block_l(out_{l+1}, y)) + Feed_l(f_l m_l)

[paper, figure 3] From noise, deepest block first; block l has the resolution of level l. The mask
multiplies the features before a convolution without bias, so that a level that is not supplied
adds exactly zero, and the sum comes after the residual block. N, :func:`level_off`, is [ours]
and stands where no spectral norm does. Widths and the rest are [code].

Axes: B batch, C channels, H W pixels, Z latent, K categories.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from synthbook.files import BookError
from synthbook.layers import check_shape
from synthbook.semantic_pyramid.levels import (
    FC7,
    FC8,
    LEVELS,
    MAPS,
    Shapes,
    check_features,
    check_shapes,
)
from synthbook.semantic_pyramid.masks import Masks, check_masks, masked, only
from synthbook.semantic_pyramid.pictures import Picture, prepare

NORMS = ("group", "batch")
LOUD = 4.0  # gain of the features' first weights: they begin louder than what comes from noise


@dataclass(frozen=True)
class Config:
    """Sizes of generator and discriminator.

    Parameters
    ----------
    shapes     : of the features of every level, conv1 first; what the classifier's `shapes` says.
    categories : K, of the class that both are conditioned on; fc8 is as wide.
    size       : height and width of the images, twice conv1's.
    latent     : Z.
    channels   : of the generator's blocks, conv1's first.
    critic     : channels of the discriminator's blocks; all but the last halve the size.
    embedding  : numbers that stand for a category in the generator.
    attended   : after which level's block self-attention stands, 0 to 4; None: nowhere.
    norm       : `group`, each sample by itself; `batch`, as published, where one level's samples
                 share their statistics with others'.
    spectral   : spectral norm in the generator; the discriminator always has it.
    fine       : channels of one more convolution at the images' own size, before the colours; 0 as
                 published, where the last features have half that size.
    """

    shapes: Shapes
    categories: int
    size: int
    latent: int = 64
    channels: tuple[int, ...] = (48, 72, 96, 96, 128)
    critic: tuple[int, ...] = (32, 64, 96, 128)
    embedding: int = 32
    attended: int | None = 1
    norm: str = "group"
    spectral: bool = False
    fine: int = 0

    def __post_init__(self):
        check_shapes(self.shapes)
        if self.size != 2 * self.shapes[0][1] or self.shapes[FC8] != (self.categories,):
            raise ValueError(f"conv1 is half of {self.size} pixels and fc8 {self.categories} "
                             f"wide, not {self.shapes[0]} and {self.shapes[FC8]}")
        if self.norm not in NORMS or len(self.channels) != MAPS or len(self.critic) < 3:
            raise ValueError(f"a norm of {NORMS}, {MAPS} widths, and at least three of the critic")
        if self.norm == "group" and any(width % 8 for width in self.channels):
            raise ValueError(f"widths of groups of eight, not {self.channels}")


def normed(layer: nn.Module, spectral: bool, gain: float = 2**0.5) -> nn.Module:
    """The layer with Xavier-uniform weights of a gain and a bias of zero, or spectral norm."""
    nn.init.xavier_uniform_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return spectral_norm(layer) if spectral else layer


class ConditionalNorm(nn.Module):
    """Normalisation whose scale and shift follow the category (conditional batch norm in SAGAN)."""

    def __init__(self, channels: int, config: Config):
        super().__init__()
        grouped = config.norm == "group"
        self.norm = (nn.GroupNorm(channels // 8, channels, affine=False) if grouped
                     else nn.BatchNorm2d(channels, affine=False))
        self.scale = nn.Linear(config.embedding, channels)
        self.shift = nn.Linear(config.embedding, channels)
        for layer in (self.scale, self.shift):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Features (B, C, h, w) and embedded categories (B, E)."""
        scale, shift = (layer(y)[..., None, None] for layer in (self.scale, self.shift))
        return self.norm(x) * (1 + scale) + shift


def doubled(x: Tensor) -> Tensor:
    """(B, C, h, w) at twice the size, pixels repeated."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class Block(nn.Module):
    """A residual block of the generator: two convolutions after conditional norm and ReLU."""

    def __init__(self, inputs: int, outputs: int, up: bool, config: Config):
        super().__init__()
        self.up, s = up, config.spectral
        self.norm_0, self.norm_1 = (ConditionalNorm(c, config) for c in (inputs, outputs))
        self.conv_0 = normed(nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False), s)
        self.conv_1 = normed(nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), s)
        self.skip = normed(nn.Conv2d(inputs, outputs, 1), s)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C', h, w), or twice that size with `up`; y (B, E)."""
        h, skip = F.relu(self.norm_0(x, y)), self.skip(x)
        if self.up:
            h, skip = doubled(h), doubled(skip)
        return self.conv_1(F.relu(self.norm_1(self.conv_0(h), y))) + skip


def level_off(x: Tensor) -> Tensor:
    """Each sample (C, h, w) of (B, C, h, w) with mean 0 and deviation 1.

    What grows from noise, block after block, would drown the features that are added to it: nothing
    else holds it back where the generator has no spectral norm [ours].
    """
    return F.group_norm(x, 1)


class SelfAttention(nn.Module):
    """Every place looks at all others, read at half the size (Zhang et al. 2019, SAGAN)."""

    def __init__(self, channels: int, spectral: bool):
        super().__init__()
        inner = max(1, channels // 8)
        self.query, self.key = (normed(nn.Conv2d(channels, inner, 1, bias=False), spectral)
                                for _ in range(2))
        self.value = normed(nn.Conv2d(channels, channels // 2, 1, bias=False), spectral)
        self.out = normed(nn.Conv2d(channels // 2, channels, 1, bias=False), spectral)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w), h and w even; x itself at first, for gamma starts at 0."""
        key, value = (F.max_pool2d(part(x), 2).flatten(2) for part in (self.key, self.value))
        seen = torch.softmax(self.query(x).flatten(2).transpose(1, 2) @ key, -1)  # (B, hw, hw / 4)
        y = (value @ seen.transpose(1, 2)).view(-1, value.shape[1], *x.shape[2:])
        return x + self.gamma * self.out(y)


class Generator(nn.Module):
    """From latents, features where masks let them in, and categories to images."""

    def __init__(self, config: Config):
        super().__init__()
        self.config, c, s = config, config.channels, config.spectral
        shapes = config.shapes
        self.embed = nn.Embedding(config.categories, config.embedding)
        hidden, deepest = shapes[FC7][0], shapes[MAPS - 1][1]
        self.start = normed(nn.Linear(config.latent, config.categories), s)
        self.widen = normed(nn.Linear(config.categories, hidden), s)
        self.spread = normed(nn.Linear(hidden, c[-1] * deepest**2), s)
        sides = [shape[1] for shape in shapes[:MAPS]]
        inputs = (*c[1:], c[-1])
        before = (*sides[1:], deepest)
        self.blocks = nn.ModuleList(Block(inputs[k], c[k], sides[k] == 2 * before[k], config)
                                    for k in range(MAPS))
        self.feeds = nn.ModuleList(
            [*(normed(nn.Conv2d(shapes[k][0], c[k], 1, bias=False), s, LOUD)
               for k in range(MAPS)),
             *(normed(nn.Linear(*shapes[k], *shapes[k], bias=False), s) for k in (FC7, FC8))])
        self.attention = (None if config.attended is None
                          else SelfAttention(c[config.attended], s))
        self.norm = (nn.GroupNorm(c[0] // 8, c[0]) if config.norm == "group"
                     else nn.BatchNorm2d(c[0]))
        self.fine = normed(nn.Conv2d(c[0], config.fine, 3, 1, 1), s) if config.fine else None
        self.colour = (normed(nn.Conv2d(config.fine, 3, 3, 1, 1), s, 1.0) if config.fine
                       else normed(nn.Conv2d(c[0], 3, 3, 1, 1), s))

    def forward(self, z: Tensor, features: Sequence[Tensor | None],
                masks: Sequence[Tensor | None], category: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [-1, 1].

        z        : (B, Z), N(0, 1).
        features : of every level, (B, C, h, w) or (B, C); None where it is not supplied.
        masks    : (B, 1, h, w) or (B, 1); None as zeros.
        category : (B,) integers below K.

        Raises BookError where features or masks do not fit.
        """
        config = self.config
        check_shape(z, B=None, Z=config.latent)
        check_features(features, config.shapes, len(z))
        check_masks(masks, config.shapes, len(z))
        check_categories(category, len(z), config.categories)

        def fed(x: Tensor, k: int) -> Tensor:
            f, mask = features[k], masks[k]
            return x if f is None or mask is None else x + self.feeds[k](masked(f, mask))

        x = fed(F.leaky_relu(self.start(z), 0.2), FC8)
        x = fed(F.leaky_relu(self.widen(x), 0.2), FC7)
        side = config.shapes[MAPS - 1][1]
        x, y = self.spread(x).view(-1, config.channels[-1], side, side), self.embed(category)
        for k in reversed(range(MAPS)):
            x = self.blocks[k](x, y)
            x = fed(x if config.spectral else level_off(x), k)
            x = self.attention(x) if k == config.attended else x
        x = doubled(F.relu(self.norm(x)))
        return torch.tanh(self.colour(x if self.fine is None else F.relu(self.fine(x))))


def check_categories(category: Tensor, count: int, categories: int) -> None:
    """Raise BookError unless there is a category below K for every sample."""
    if category.shape != (count,) or category.is_floating_point():
        raise BookError(f"categories are ({count},) integers, got {tuple(category.shape)} "
                        f"{category.dtype}")
    if category.device.type == "cpu" and count and not (
            0 <= int(category.min()) and int(category.max()) < categories):
        raise BookError(f"a category is out of range: choose 0 to {categories - 1}")


class SemanticPyramid(nn.Module):
    """Generator and classifier together: from a reference picture to pictures that share a level.

    classifier : has `shapes`, `pyramid(image)` and `freeze()`; it comes to its end frozen.
    levels     : those that it was ever given alone; all but for specialists.
    """

    def __init__(self, config: Config, classifier: nn.Module, levels: Sequence[str] = LEVELS):
        super().__init__()
        if classifier.shapes != config.shapes:
            raise ValueError(f"the classifier's levels are {classifier.shapes}, the generator's "
                             f"{config.shapes}")
        self.config, self.levels = config, tuple(levels)
        self.generator, self.classifier = Generator(config), classifier.freeze()

    def prepare(self, picture: Picture) -> Tensor:
        """Any picture as (B, 3, H, W) of this model's size; see :func:`pictures.prepare`."""
        size = self.config.size
        return prepare(picture, size).to(next(self.generator.parameters()).device)

    def features(self, image: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [-1, 1] to the features of the seven levels."""
        return self.classifier.pyramid(image)

    def latents(self, count: int, seed: int = 0) -> Tensor:
        """z, (count, Z): the same for the same seed."""
        z = torch.randn(count, self.config.latent, generator=torch.Generator().manual_seed(seed))
        return z.to(next(self.generator.parameters()).device)

    def masks(self, count: int, *levels: str | int) -> Masks:
        """Masks that supply the named levels everywhere, and no others."""
        device = next(self.generator.parameters()).device
        return [m.to(device) for m in only(self.config.shapes, count, *levels)]

    def forward(self, z: Tensor, features: Sequence[Tensor | None],
                masks: Sequence[Tensor | None], category: Tensor | None = None) -> Tensor:
        """Images (B, 3, H, W); the category is the one that fc8 names where it is not given."""
        if category is None:
            if features[FC8] is None:
                raise BookError("give a category, or the features of fc8, which name one")
            category = features[FC8].argmax(1)
        return self.generator(z, features, masks, category)

    @torch.no_grad()
    def generate(self, image: Tensor, level: str | int, seed: int = 0,
                 category: Tensor | None = None) -> Tensor:
        """One image for each reference (B, 3, H, W), given one level of it."""
        return self(self.latents(len(image), seed), self.features(image),
                    self.masks(len(image), level), category)
