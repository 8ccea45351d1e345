"""A BachGAN as the thing that a reader plays with: boxes and the choice of memory are arguments.

Retrieval is part of the module, written as tensor arithmetic over a bank that it holds, so that a
kernel and, exported, a page search the same bank and find the same maps. It is exact and finds
what :func:`synthbook.bachgan.search` finds. A layout is one whole number a pixel, bit t for a box
of thing t; times 1 / 2^(t + 1), its fraction is at least a half where a candidate's thing t is in
such a box. The sum over pixels is the area that boxes and masks share.

Axes: B batch, M boxes, N label maps of the bank, m of them given, C classes, H W pixels.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from synthbook.bachgan.layout import NOBODY, spans
from synthbook.bachgan.memory import NOTHING
from synthbook.bachgan.network import BachGAN, substitute
from synthbook.files import BookError, replacing, sha256, verified, write_json

MEMORIES = ("best three", "best one, three times", "three at random", "three others at random",
            "none")
RANDOM = 2  # this one and the next are random
STEP = 1e-14  # what a place in the bank costs: it decides between equal scores, and nothing else
BITS = 24  # things at most: a pixel of a layout is one float32 with a bit for each
COLUMNS = 40  # label maps in a row of a stored bank


class Recalling(nn.Module):
    """The generator of `network` with a memory bank, behind the controls of a figure.

    Parameters
    ----------
    network : a BachGAN that fuses maps; ValueError for any other.
    bank    : (N, H, W) bytes, label maps of the network's size.
    palette : (C, 3) colours 0..255, in which maps are shown.
    seed    : of the maps that are drawn at random, once and for all.
    """

    def __init__(self, network: BachGAN, bank: Tensor, palette: np.ndarray, seed: int = 0):
        super().__init__()
        config, count = network.config, network.config.maps
        height, width = config.size
        if config.condition != "fusion" or len(config.things) > BITS:
            raise ValueError("only a network of few things that fuses maps can be asked")
        if tuple(bank.shape[1:]) != config.size or len(bank) < 2 * count:
            raise ValueError(f"a bank {list(bank.shape)} does not serve {config.size} pixels")
        largest = (len(config.things) + 1) * height * width  # no union has more pixels
        if len(bank) * STEP * largest**2 > 0.5:
            raise ValueError(f"{len(bank)} maps are too many to decide between equal scores")
        self.config, self.generator = config, network.generator
        generator = torch.Generator().manual_seed(seed)
        self.sizes = (-1, config.classes, height, width)  # ONNX wants them as numbers
        drawn = torch.randperm(len(bank), generator=generator)[:2 * count]
        bits = torch.zeros(config.classes)
        bits[list(config.things)] = 2.0 ** torch.arange(len(config.things))
        pixels = bank.flatten(1).long()
        areas = torch.zeros(len(bank), config.classes).scatter_add_(
            1, pixels, torch.ones(pixels.shape))
        self.register_buffer("bank", bank.to(torch.uint8))
        self.register_buffer("areas", areas)
        self.register_buffer("drawn", drawn.view(2, count))
        self.register_buffer("bits", bits)
        self.register_buffer("share", torch.where(bits > 0, 0.5 / bits, 0))
        self.register_buffer("order", torch.arange(len(bank)).double() * STEP)
        self.register_buffer("things", torch.tensor(config.things))
        self.register_buffer("classes", torch.arange(config.classes))
        self.register_buffer("colours", as_colours(palette))
        self.register_buffer("hatched", hatching(height, width))
        self.train(network.training)

    def forward(self, boxes: Tensor, memory: Tensor) -> tuple[Tensor, ...]:
        """Image, then m label maps as the network gets them, each (B, 3, H, W), and scores (B, m).

        boxes  : (B, M, 6) float32: 1 or, for no box, 0; number of a thing; x0, y0, x1, y1 in
                 [0, 1], rounded to whole pixels. A box without area is nothing.
        memory : (B, 1) float32, which of MEMORIES.

        Maps have their classes' colours; what is hatched is known to no class. Scores are layout
        similarities.
        """
        layout = self.layout(boxes)
        index, known, scores = self.recall(layout, memory)
        maps = self.bank[index.flatten()].long().view(-1, index.shape[1], *self.config.size)
        maps = torch.where(known[..., None, None], maps, NOTHING)
        encoded = (maps[:, :, None] == self.classes[:, None, None]).float()
        given = substitute(encoded, layout, self.config.things)
        condition = self.generator.fusion(layout, given).view(self.sizes)
        image = self.generator.paint(self.generator.features(condition))
        return image, *in_colours(given, self.colours, self.hatched).unbind(1), scores

    def layout(self, boxes: Tensor) -> Tensor:
        """L (B, C, H, W) of a figure's boxes (B, M, 6)."""
        height, width = self.config.size
        corners = boxes[..., 2:] * torch.tensor([width, height, width, height])
        number = torch.where(boxes[..., 0] > 0.5, self.things[boxes[..., 1].long()], NOBODY)
        rows = torch.cat([number[..., None], corners.round().long()], -1)
        down, across = spans(rows, self.config.size)
        named = (number[:, None] == self.classes[:, None]).float()  # (B, C, M)
        covered = (down[..., None] & across[:, :, None]).float()
        return (named @ covered.flatten(2)).clamp(max=1).view(self.sizes)

    def scores(self, layout: Tensor) -> Tensor:
        """Layout similarity of all candidates, (B, N) float64; 0 for a layout without boxes."""
        bits = torch.einsum("bchw,c->bhw", layout, self.bits).flatten(1)[:, None]
        shifted = bits * self.share[self.bank.flatten(1).long()]  # 0 at background
        shared = (shifted - shifted.floor() + 0.5).floor().sum(2)
        asked = layout.amax((2, 3)) @ self.areas.T + layout.sum((1, 2, 3))[:, None]
        return shared.double() / (asked - shared).clamp_min(1).double()

    def recall(self, layout: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Which maps are given (B, m), whether each is known (bool), and their scores (float32).

        Best first; of equal scores the lower index first. Without boxes retrieval knows none.
        """
        count = self.config.maps
        scores = self.scores(layout)
        best = (scores - self.order).topk(count).indices
        choices = torch.stack([best, best[:, :1].expand(-1, count),
                               *(row.expand_as(best) for row in self.drawn), best], 1)
        number = memory.long()
        index = choices.gather(1, number[..., None].expand(-1, 1, count))[:, 0]
        asked = layout.amax((1, 2, 3))[:, None] > 0
        known = (number < len(MEMORIES) - 1) & (asked | (number >= RANDOM))
        return index, known.expand(-1, count), scores.gather(1, index).float() * known.float()


def in_colours(channels: Tensor, colours: Tensor, empty: Tensor) -> Tensor:
    """Maps (B, m, C, H, W) in their classes' colours (C, 3), (B, m, 3, H, W).

    Where classes overlap it is their mean, where there is none `empty`, (H, W) or one number.
    """
    times = channels.sum(2, keepdim=True)
    colour = torch.einsum("bmchw,cd->bmdhw", channels, colours) / times.clamp_min(1)
    return torch.where(times > 0, colour, empty)


def hatching(height: int, width: int) -> Tensor:
    """Stripes in two greys, (H, W): how a hole is drawn."""
    y, x = torch.arange(height)[:, None], torch.arange(width)
    return torch.where((x + y) % 4 < 2, 0.62, 0.82)


def as_colours(palette: np.ndarray) -> Tensor:
    """A palette (C, 3) of 0..255 as colours in [-1, 1]."""
    return torch.as_tensor(np.asarray(palette)).float() / 127.5 - 1


# ------------------------------------------------------------------------- a bank as a picture


def write_bank(path: Path, bank: np.ndarray, palette: np.ndarray, **told) -> None:
    """Keep label maps (N, H, W) as one picture in their colours, a record beside it."""
    count, height, width = bank.shape
    rows = -(-count // COLUMNS)
    sheet = np.zeros((rows * COLUMNS, height, width), np.uint8)
    sheet[:count] = bank
    sheet = sheet.reshape(rows, COLUMNS, height, width).swapaxes(1, 2)
    picture = Image.fromarray(sheet.reshape(rows * height, COLUMNS * width), "P")
    picture.putpalette(np.asarray(palette, np.uint8).tobytes())
    with replacing(path) as temporary:
        picture.save(temporary, "PNG", optimize=True, bits=4 if bank.max() < 16 else 8)
    write_json(path.with_suffix(".json"), {**told, "maps": count, "size": [height, width],
                                           "sha256": sha256(path)})


def read_bank(path: Path) -> Tensor:
    """The label maps (N, H, W), bytes, that :func:`write_bank` kept; BookError if damaged."""
    record = verified(path)
    height, width = record["size"]
    with Image.open(path) as picture:
        sheet = np.asarray(picture)
    if sheet.shape[1] != COLUMNS * width or sheet.shape[0] % height:
        raise BookError(f"{path} holds no label maps of {height} x {width} pixels: restore it")
    maps = sheet.reshape(-1, height, COLUMNS, width).swapaxes(1, 2).reshape(-1, height, width)
    return torch.from_numpy(maps[:record["maps"]].copy())
