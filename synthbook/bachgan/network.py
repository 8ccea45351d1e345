"""BachGAN's generator: boxes and remembered label maps to one condition, which SPADE renders.

One code path serves all variants, told apart by what the generator is conditioned on:

============  ======================================  ==============================
variant       condition m (B, C, H, W)                maps that it is given
============  ======================================  ==============================
spade-boxes   `boxes`: the layout L                   none
spade-seg     `boxes`, and a segmentation head        none
bachgan-r     `map`: R_1                              the best
bachgan       `fusion` of L and R_1, ..., R_m         the best three (1, 5: one, five)
random-3      `fusion`                                three at random
kin-3         `fusion`                                three of the best ones' kinds
segmentation  `label`: the one-hot label map          the true one
============  ======================================  ==============================

Axes: B batch, C classes of the label maps, m maps, H W pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbook.baselines import spade
from synthbook.bachgan.memory import SOURCES
from synthbook.files import BookError
from synthbook.layers import check_shape, conv3x3

CONDITIONS = ("boxes", "map", "fusion", "label")


@dataclass(frozen=True)
class Config(spade.Config):
    """Sizes of a BachGAN generator or one of its relatives.

    Parameters
    ----------
    classes, size, channels, hidden : as in :class:`synthbook.baselines.spade.Config`.
    things    : classes that boxes name.
    condition : `boxes`, `map`, `fusion` or `label`; see the module's table.
    maps      : label maps given with a layout, m; 0 for `boxes`, 1 for `map` and `label`.
    source    : `top`, `random`, `kin` or `truth`: where the maps come from.
    bank      : the memory bank is the first so many training items; all where None.
    segment   : a head that predicts the label map from the last features.
    """

    things: tuple[int, ...] = tuple(range(8, 16))
    condition: str = "fusion"
    maps: int = 3
    source: str = "top"
    bank: int | None = None
    segment: bool = False

    def __post_init__(self):
        if self.condition not in CONDITIONS or self.source not in SOURCES:
            raise ValueError(f"unknown condition {self.condition!r} or source {self.source!r}")
        if self.condition != "fusion" and self.maps != (self.condition != "boxes"):
            raise ValueError(f"condition {self.condition!r} does not take {self.maps} maps")
        if self.condition == "fusion" and self.maps < 1:
            raise ValueError("fusion needs at least one map")


VARIANTS = {
    "bachgan": {}, "bachgan-1": {"maps": 1}, "bachgan-5": {"maps": 5},
    "random-3": {"source": "random"}, "kin-3": {"source": "kin"},
    "bachgan-r": {"condition": "map", "maps": 1},
    "spade-boxes": {"condition": "boxes", "maps": 0},
    "spade-seg": {"condition": "boxes", "maps": 0, "segment": True},
    "segmentation": {"condition": "label", "maps": 1, "source": "truth"},
}
HIDDEN = {64: (24, 24, 20, 12), 32: spade.SIZES[32][1]}


def config(variant: str, size: int, classes: int, things: Sequence[int],
           bank: int | None = None) -> Config:
    """The small config of a variant at 32 or 64 pixels; its SPADE is the baseline's.

    At 64 pixels its norms are narrower, which pays for the fusion of forty classes.
    """
    return Config(classes, (size, size), channels=spade.SIZES[size][0], hidden=HIDDEN[size],
                  things=tuple(things), bank=bank, **VARIANTS[variant])


def encode(maps: Tensor, classes: int) -> Tensor:
    """Label maps (..., H, W) to (..., C, H, W) zeros and ones; a label beyond C is all zeros."""
    return F.one_hot(maps.clamp(max=classes), classes + 1)[..., :classes].movedim(-1, -3).float()


def substitute(memory: Tensor, layout: Tensor, things: Sequence[int]) -> Tensor:
    """Remembered backgrounds with the asked foreground in them, R (B, m, C, H, W).

    Inside every box all of the memory is erased, then the things' channels, in the whole picture,
    become the layout's (released code). Where the memory has a thing outside the boxes, R is a
    hole: 0 in all channels.

    memory : (B, m, C, H, W) one-hot label maps.
    layout : (B, C, H, W), L.
    """
    check_shape(layout, B=len(memory), C=memory.shape[2], H=memory.shape[3], W=memory.shape[4])
    free = 1 - layout.amax(1)[:, None, None]
    thing = torch.zeros(layout.shape[1], dtype=torch.bool, device=layout.device)
    thing[list(things)] = True
    return torch.where(thing[:, None, None], layout[:, None], memory * free)


class Fusion(nn.Module):
    """Background fusion: several remembered maps become one condition (released code).

    a_0 = f(L), a_i = f(R_i), m_0 = a_0 + mean of a_i, m = g(m_0) + a_0, where f and g are a
    3 x 3 convolution with ReLU, and f serves all maps. The condition is real and not bounded.
    Both begin near the identity, f near half of it, so that the condition begins near
    L + (mean of R_i) / 2: of the size of a label map, which SPADE's norms are made for.
    """

    def __init__(self, classes: int):
        super().__init__()
        self.first, self.second = conv3x3(classes, classes), conv3x3(classes, classes)
        with torch.no_grad():
            for conv in (self.first, self.second):
                conv.weight += nn.init.dirac_(torch.empty_like(conv.weight))
            for parameter in self.first.parameters():
                parameter *= 0.5

    def forward(self, layout: Tensor, memory: Tensor) -> Tensor:
        """L (B, C, H, W) and R (B, m, C, H, W) to the condition m (B, C, H, W)."""
        asked = F.relu(self.first(layout))
        known = F.relu(self.first(memory.flatten(0, 1))).unflatten(0, memory.shape[:2])
        return F.relu(self.second(asked + known.mean(1))) + asked


class Network(spade.Generator):
    """SPADE on the condition that a variant makes of boxes and maps."""

    config: Config

    def __init__(self, config: Config):
        super().__init__(config)
        if config.condition == "fusion":
            self.fusion = Fusion(config.classes)
        if config.segment:
            self.segment = conv3x3(config.channels[-1], config.classes)

    def condition(self, layout: Tensor, maps: Tensor) -> Tensor:
        """What SPADE is given for layouts (B, C, H, W) and label maps (B, m, H, W)."""
        config = self.config
        check_shape(layout, B=len(maps), C=config.classes, H=config.size[0], W=config.size[1])
        if maps.shape[1] != config.maps:
            raise BookError(f"{config.condition} takes {config.maps} label maps with each layout, "
                            f"got {maps.shape[1]}")
        if config.condition == "boxes":
            return layout
        memory = encode(maps, config.classes)
        if config.condition == "label":
            return memory[:, 0]
        memory = substitute(memory, layout, config.things)
        return self.fusion(layout, memory) if config.condition == "fusion" else memory[:, 0]

    def forward(self, layout: Tensor, maps: Tensor,
                segment: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """Layouts (B, C, H, W) and label maps (B, m, H, W) to images (B, 3, H, W) in [-1, 1].

        With `segment` also the head's logits (B, C, H, W).
        """
        features = self.features(self.condition(layout, maps))
        image = self.paint(features)
        return (image, self.segment(features)) if segment else image


class BachGAN(nn.Module):
    """A variant's generator with its config, as it ships."""

    def __init__(self, config: Config):
        super().__init__()
        self.config, self.generator = config, Network(config)

    def forward(self, layout: Tensor, maps: Tensor) -> Tensor:
        """Layouts (B, C, H, W) and label maps (B, m, H, W) to images (B, 3, H, W) in [-1, 1]."""
        return self.generator(layout, maps)
