"""Layout2Im: "Image Generation from Layout" (Zhao et al., CVPR 2019), from foreground boxes only.

Every object has a latent of its own. Its class and its latent are laid over its box, drawn
together to a small map, and a convolutional LSTM takes these maps in turn; what it remembers in
the end is decoded to the image. Latents come two ways: from the posterior, which an encoder reads
from the crop of the object in a real image, to reconstruct it; and from the prior, to sample.

Not as published: boxes of things alone, where the paper also has boxes of background; one
discriminator, that of the boxes' game, and its terms, in place of an image discriminator and an
object discriminator with a class head, so that no crop is judged by itself; a weight of L1 that is
the game's; two layers of 3 x 3 in the LSTM instead of three of 5 x 5; fewer and narrower layers.

Axes: B batch, M rows of boxes, N boxes in the batch, Z channels of a latent, H W pixels. Boxes
are (B, M, 5) integers: class, x0, y0, x1, y1, ends exclusive; class -1 where there is no box.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbook import game, losses
from synthbook.layers import begin_as_signal, check_shape, conv3x3


@dataclass(frozen=True)
class Config:
    """Sizes of a Layout2Im.

    Parameters
    ----------
    classes   : K of the label maps, whose numbers the boxes bear.
    size      : height and width of the image, pixels; multiples of 2 ** len(objects).
    things    : classes that boxes name.
    latent    : Z, 64 as published.
    embedding : channels of a class's word.
    crop      : side of the square that an object is resized to, pixels.
    encoder   : channels of the crop's encoder after each halving.
    objects   : channels of an object's map after each halving.
    memory    : channels of each layer of the LSTM.
    blocks    : residual blocks after it.
    decoder   : channels of these blocks, and after each doubling; as many as `objects`, and one.
    """

    classes: int = 16
    size: tuple[int, int] = (64, 64)
    things: tuple[int, ...] = tuple(range(8, 16))
    latent: int = 16
    embedding: int = 32
    crop: int = 32
    encoder: tuple[int, ...] = (24, 48, 64)
    objects: tuple[int, ...] = (32, 64, 96)
    memory: tuple[int, ...] = (64, 64)
    blocks: int = 3
    decoder: tuple[int, ...] = (96, 64, 48, 32)

    def __post_init__(self):
        if len(self.decoder) != len(self.objects) + 1:
            raise ValueError("decoder needs one entry more than objects")


@dataclass(frozen=True)
class Weights(game.Weights):
    """The game's weights, and that of the error of a recovered latent (published: 10)."""

    latent: float = 10.0


SIZES = {
    64: {},
    32: {"embedding": 24, "crop": 16, "encoder": (24, 48), "objects": (24, 48),
         "memory": (32, 32), "blocks": 2, "decoder": (48, 48, 32)},
}


def present(boxes: Tensor) -> Tensor:
    """Which rows of (B, M, 5) hold a box, (B, M) bool."""
    return boxes[..., 0] >= 0


def masks(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes (N, 5) as maps of zeros and ones, (N, 1, H, W)."""
    y, x = (torch.arange(n, device=boxes.device) for n in size)
    _, x0, y0, x1, y1 = boxes[..., None].unbind(1)
    down, across = (y >= y0) & (y < y1), (x >= x0) & (x < x1)
    return (down[:, :, None] & across[:, None, :])[:, None].float()


def crops(image: Tensor, boxes: Tensor, side: int) -> Tensor:
    """What images (N, 3, H, W) show in their boxes (N, 5), each resized to (3, side, side).

    Bilinear, between pixels' centres; the gradient reaches the images.
    """
    size = boxes.new_tensor([image.shape[-1], image.shape[-2]]).float()
    low, high = boxes[:, 1:3] / size, boxes[:, 3:5] / size  # shares of width and height
    theta = torch.diag_embed(high - low)
    theta = torch.cat([theta, (low + high - 1)[..., None]], 2)
    grid = F.affine_grid(theta, [len(boxes), 3, side, side], align_corners=False)
    return F.grid_sample(image, grid, padding_mode="border", align_corners=False)


def laid(values: Tensor, here: Tensor) -> Tensor:
    """Values (N, ...) of the boxes where `here` (B, M) says, (B, M, ...); 0 elsewhere."""
    return values.new_zeros(*here.shape, *values.shape[1:]).index_put((here,), values)


class ClassNorm(nn.Module):
    """Batch norm whose scale and shift belong to the object's class."""

    def __init__(self, channels: int, classes: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale, self.shift = nn.Embedding(classes, channels), nn.Embedding(classes, channels)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """Features (N, C, h, w) of objects of the classes (N,), to the same shape."""
        return (self.norm(x) * self.scale(c)[..., None, None]) + self.shift(c)[..., None, None]


class Halvings(nn.Module):
    """Convolutions of stride 2, each with the norm of the object's class."""

    def __init__(self, in_channels: int, widths: tuple[int, ...], classes: int):
        super().__init__()
        pairs = list(zip((in_channels, *widths), widths))
        self.convs = nn.ModuleList(conv3x3(a, b, stride=2) for a, b in pairs)
        self.norms = nn.ModuleList(ClassNorm(b, classes) for _, b in pairs)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """(N, C, H, W) and classes (N,) to (N, C', h, w)."""
        for conv, norm in zip(self.convs, self.norms):
            x = F.leaky_relu(norm(conv(x), c), 0.2)
        return x


class Encoder(nn.Module):
    """The posterior of every object's latent, from its crop and its class."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.halvings = Halvings(3, config.encoder, config.classes)
        flat = config.encoder[-1] * (config.crop // 2 ** len(config.encoder)) ** 2
        self.mu, self.logvar = nn.Linear(flat, config.latent), nn.Linear(flat, config.latent)
        begin_as_signal(self.mu, self.logvar)

    def forward(self, image: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, 3, H, W) with boxes (B, M, 5) to mu and logvar, (B, M, Z).

        Where there is no box, the posterior is the prior.
        """
        check_shape(boxes, B=len(image), M=None, row=5)
        here = present(boxes)
        if not here.any():
            nothing = image.new_zeros(*here.shape, self.config.latent)
            return nothing, nothing
        rows = boxes[here]
        x = crops(image[here.nonzero(as_tuple=True)[0]], rows, self.config.crop)
        x = self.halvings(x, rows[:, 0]).flatten(1)
        return laid(self.mu(x), here), laid(self.logvar(x).clamp(-10, 10), here)


class Cell(nn.Module):
    """One layer of a convolutional LSTM (Shi et al., NeurIPS 2015), without peepholes."""

    def __init__(self, in_channels: int, channels: int):
        super().__init__()
        self.gates = conv3x3(in_channels + channels, 4 * channels)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Input (B, C, h, w) and state to the next state: hidden and cell, (B, C', h, w) each."""
        hidden, cell = state
        i, f, o, g = self.gates(torch.cat([x, hidden], 1)).chunk(4, 1)
        cell = (f + 1).sigmoid() * cell + i.sigmoid() * g.tanh()  # begins by remembering
        return o.sigmoid() * cell.tanh(), cell


class Residual(nn.Module):
    """Two convolutions with batch norm around a shortcut."""

    def __init__(self, channels: int):
        super().__init__()
        self.layers = nn.Sequential(
            conv3x3(channels, channels), nn.BatchNorm2d(channels), nn.ReLU(),
            conv3x3(channels, channels), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape."""
        return x + self.layers(x)


class Generator(nn.Module):
    """Objects to maps, maps to one memory, memory to the image.

    Nothing but the boxes says what is behind them: where memory is empty, all is the same.
    """

    def __init__(self, config: Config):
        super().__init__()
        self.config, w = config, config.decoder
        self.word = nn.Embedding(config.classes, config.embedding)
        self.objects = Halvings(config.embedding + config.latent, config.objects, config.classes)
        self.cells = nn.ModuleList(Cell(a, b) for a, b in zip(
            (config.objects[-1], *config.memory), config.memory))
        self.blocks = nn.Sequential(conv3x3(config.memory[-1], w[0]),
                                    *(Residual(w[0]) for _ in range(config.blocks)))
        self.up = nn.Sequential(*(
            nn.Sequential(nn.ConvTranspose2d(a, b, 4, 2, 1), nn.BatchNorm2d(b), nn.ReLU())
            for a, b in zip(w, w[1:])))
        self.output = conv3x3(w[-1], 3)

    def forward(self, boxes: Tensor, z: Tensor) -> Tensor:
        """Boxes (B, M, 5) and their latents (B, M, Z) to images (B, 3, H, W) in [-1, 1].

        Objects enter in the order of their rows, which has its part in the result.
        """
        check_shape(boxes, B=None, M=None, row=5)
        check_shape(z, B=len(boxes), M=boxes.shape[1], Z=self.config.latent)
        return torch.tanh(self.output(self.up(self.blocks(self.fuse(boxes, z)))))

    def fuse(self, boxes: Tensor, z: Tensor) -> Tensor:
        """What the last layer of the LSTM holds after all objects, (B, C, h, w)."""
        config, here = self.config, present(boxes)
        small = [n // 2 ** len(config.objects) for n in config.size]
        if not here.any():
            return z.new_zeros(len(boxes), config.memory[-1], *small)
        rows = boxes[here]
        told = torch.cat([self.word(rows[:, 0]), z[here]], 1)[..., None, None]
        maps = laid(self.objects(told * masks(rows, config.size), rows[:, 0]), here)
        states = [tuple(z.new_zeros(2, len(boxes), n, *small)) for n in config.memory]
        for m in range(boxes.shape[1]):
            x, is_one = maps[:, m], here[:, m, None, None, None]
            for k, cell in enumerate(self.cells):
                states[k] = tuple(torch.where(is_one, new, old)
                                  for new, old in zip(cell(x, states[k]), states[k]))
                x = states[k][0]
        return states[-1][0]


class Layout2Im(nn.Module):
    """Encoder and generator with their config, as they ship."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.encoder, self.generator = Encoder(config), Generator(config)

    def forward(self, boxes: Tensor, z: Tensor) -> Tensor:
        """Boxes (B, M, 5) and latents (B, M, Z) to images (B, 3, H, W) in [-1, 1]."""
        return self.generator(boxes, z)

    def encode(self, image: Tensor, boxes: Tensor) -> Tensor:
        """The posterior's mean: latents that reproduce the boxes' objects, (B, M, Z)."""
        return self.encoder(image, boxes)[0]

    def prior(self, boxes: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Latents N(0, 1) for boxes (B, M, 5) to sample with, (B, M, Z)."""
        z = torch.randn(*boxes.shape[:2], self.config.latent, generator=generator)
        return z.to(next(self.parameters()).device)


def model(config: Config) -> Layout2Im:
    """Encoder and generator."""
    return Layout2Im(config)


# ----------------------------------------------------------------------------- its terms


def divergence(mu: Tensor, logvar: Tensor, boxes: Tensor) -> Tensor:
    """KL from the prior of posteriors (B, M, Z) that :class:`Encoder` gives; nats for each box."""
    return losses.kl(mu, logvar) * len(boxes) / present(boxes).sum().clamp_min(1)


def recovery(encoder: nn.Module, boxes: Tensor, z: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """How far latents that are read from generated images are from those that they show.

    Mean absolute difference over the boxes; the gradient moves encoder and generator.
    """
    here = present(boxes)
    error = (encoder(fake, boxes)[0] - z).abs().mean(-1)
    return {"latent": (error * here).sum() / here.sum().clamp_min(1)}
