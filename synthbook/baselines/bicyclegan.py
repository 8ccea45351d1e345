"""BicycleGAN: "Toward Multimodal Image-to-Image Translation" (Zhu et al., NeurIPS 2017).

One latent vector for the whole image. Two ways are taken at once. cVAE-GAN: image to code to the
same image. cLR-GAN: code to image to the same code, so that no code is ignored; this half moves
the generator alone. The two halves of a batch take one way each, as in the release.

Not as published: one discriminator, the book's, in place of two patch discriminators, and its
terms; no instance norm in the encoder, which would erase the flat colours of drawn pictures.
"""

from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbook import game
from synthbook.layers import begin_as_signal, check_shape, conv3x3
from synthbook.training import Batch, Networks, Recipe


@dataclass(frozen=True)
class Config(game.OneLatent):
    """Sizes of a BicycleGAN.

    Parameters
    ----------
    classes : K of the label map.
    size    : height and width of the image, pixels; multiples of 2 ** len(widths).
    latent  : Z, 8 as published.
    widths  : channels of the U-Net after each halving.
    encoder : channels of the encoder after each halving.
    """

    classes: int = 16
    size: tuple[int, int] = (64, 64)
    latent: int = 8
    widths: tuple[int, ...] = (48, 96, 96, 96)
    encoder: tuple[int, ...] = (24, 48, 64)


@dataclass(frozen=True)
class Weights(game.Weights):
    """The game's weights, and that of the error of a recovered latent (published: 0.5)."""

    latent: float = 0.5


WIDTHS = {32: (64, 96, 96), 64: (48, 96, 96, 96)}


class UNet(nn.Module):
    """The generator: a U-Net whose every downward layer also sees the latent at each pixel."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        w, z = config.widths, config.latent
        self.down = nn.ModuleList(
            nn.Conv2d(a + z, b, 4, 2, 1) for a, b in zip((config.classes, *w), w))
        self.up = nn.ModuleList(conv3x3(a, b) for a, b in zip(
            (w[-1], *(2 * n for n in w[-2::-1])), (*w[-2::-1], 3)))

    def forward(self, onehot: Tensor, z: Tensor) -> Tensor:
        """Map (B, K, H, W) and latents (B, Z, 1, 1) to images (B, 3, H, W) in [-1, 1]."""
        check_shape(z, B=len(onehot), Z=self.config.latent, h=1, w=1)
        x, skips = onehot, []
        for i, layer in enumerate(self.down):
            x = layer(torch.cat([x, z.expand(-1, -1, *x.shape[-2:])], 1))
            inner = 0 < i < len(self.down) - 1
            skips.append(F.instance_norm(x) if inner else x)
            x = F.leaky_relu(skips[-1], 0.2)
        x = skips.pop()
        for layer in self.up:
            x = layer(F.interpolate(F.relu(x), scale_factor=2.0, mode="nearest"))
            x = torch.cat([F.instance_norm(x), skips.pop()], 1) if skips else x
        return torch.tanh(x)


class Encoder(nn.Module):
    """The posterior of the latent: a residual network over the whole image, then its mean."""

    def __init__(self, config: Config):
        super().__init__()
        self.config, w = config, config.encoder
        self.stem = nn.Conv2d(3, w[0], 4, 2, 1)
        self.blocks = nn.ModuleList(Halving(a, b) for a, b in zip(w, w[1:]))
        self.mu, self.logvar = nn.Linear(w[-1], config.latent), nn.Linear(w[-1], config.latent)
        begin_as_signal(self.mu, self.logvar)

    def forward(self, image: Tensor, onehot: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) to mu and logvar, (B, Z, 1, 1); the label map has no part in it."""
        x = self.stem(image)
        for block in self.blocks:
            x = block(x)
        x = F.leaky_relu(x, 0.2).mean((2, 3))
        mu, logvar = self.mu(x), self.logvar(x).clamp(-10, 10)
        return mu[..., None, None], logvar[..., None, None]


class Halving(nn.Module):
    """A residual block that halves the resolution."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.first, self.second = conv3x3(in_channels, in_channels), conv3x3(
            in_channels, out_channels)
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H/2, W/2)."""
        y = self.second(F.leaky_relu(self.first(F.leaky_relu(x, 0.2)), 0.2))
        return F.avg_pool2d(y, 2) + self.shortcut(F.avg_pool2d(x, 2))


def model(config: Config) -> game.LayoutModel:
    """Generator and encoder."""
    return game.LayoutModel(config, encoder=Encoder(config), generator=UNet(config))


def recovery(encoder: nn.Module, onehot: Tensor, z: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """cLR-GAN: how far the code that is read from a generated image is from the one it shows.

    The gradient reaches the generator through the encoder, which itself is not moved.
    """
    encoder.requires_grad_(False)
    mu, _ = encoder(fake, onehot)
    encoder.requires_grad_(True)
    return {"latent": (mu - z).abs().mean()}


def generator_loss(setting: game.Setting, nets: Networks, batch: Batch, scratch: dict):
    """The game's loss and the recovery of latents."""
    return game.generator_loss(setting, nets, batch, scratch,
                               partial(recovery, nets["encoder"]))


def recipe(data: str, size: int, *, images: int, batch: int = 16, count: int | None = None,
           weights: Weights = Weights(), **knobs) -> Recipe:
    """The training recipe on a generated dataset."""
    config = Config(game.classes_of(data, size, knobs), (size, size), widths=WIDTHS[size])
    return game.play(game.Setting(config, data, knobs, weights),
                     {"generator": lambda: UNet(config), "encoder": lambda: Encoder(config)},
                     images=images, batch=batch, count=count, loss=generator_loss)
