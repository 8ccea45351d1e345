"""The generator of StyleGAN2: a mapping from z to w, and a synthesis that w and noise steer.

A latent z is mapped to w, and w sets the style of every convolution. One w for all layers is a
point of the space W; a row of w for each layer is a point of W+. Noise adds what is random at
every scale. Both enter from outside here, so that images can be embedded and edited.

Axes: B batch, C channels, H W pixels, L rows of W+, Z latent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synthbook.equalised import EqualLinear, activate
from synthbook.files import BookError
from synthbook.layers import check_shape
from synthbook.streams import stream
from synthbook.stylegan2.layers import ModulatedConv, double

Edit = Callable[[str, Tensor], Tensor]


@dataclass(frozen=True)
class Config:
    """Sizes of the generator and of its discriminator.

    Parameters
    ----------
    size     : height and width of the images, 4 times a power of 2.
    channels : at 4, 8, ... `size` pixels.
    latent   : Z of z and of w.
    depth    : layers of the mapping.
    rate     : learning rate of the mapping relative to the others'.
    group    : images whose variety the discriminator sees at once.
    """

    size: int = 64
    channels: tuple[int, ...] = (96, 96, 64, 48, 24)
    latent: int = 128
    depth: int = 2
    rate: float = 0.01
    group: int = 4

    def __post_init__(self):
        if self.size < 8 or self.size & (self.size - 1):
            raise ValueError(f"size {self.size} is no power of 2 from 8 on")
        if len(self.channels) != self.size.bit_length() - 2 or min(self.channels) < 1:
            raise ValueError(f"{self.size} pixels take {self.size.bit_length() - 2} widths, at 4, "
                             f"8, ... {self.size} pixels, not {self.channels}")
        if min(self.latent, self.depth, self.group) < 1 or self.rate <= 0:
            raise ValueError("latent, depth, group and rate are above 0")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Height and width of every layer's features and noise: 4, 8, 8, 16, 16, ..."""
        return 4, *(4 << k for k in range(1, len(self.channels)) for _ in range(2))

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer's name, its size and its place there: 4.1, 8.0, 8.1, 16.0, ..."""
        return tuple(f"{size}.{(k + 1) % 2}" for k, size in enumerate(self.sizes))

    @property
    def rows(self) -> int:
        """L, the rows of W+: one for every layer and one for the last conversion to colour."""
        return len(self.sizes) + 1


def config(size: int) -> Config:
    """The book's config for images of 32 or 64 pixels, or of any other size below."""
    return Config(size, Config.channels[:size.bit_length() - 2])


class Mapping(nn.Module):
    """From latents z to styles w; keeps the running mean of w while it is trained.

    The layers learn at `config.rate` times the learning rate, as in StyleGAN (Karras et al. 2019).
    """

    DECAY = 0.995  # of the running mean, for one batch

    def __init__(self, config: Config):
        super().__init__()
        self.latent = config.latent
        self.layers = nn.ModuleList(
            EqualLinear(config.latent, config.latent, rate=config.rate)
            for _ in range(config.depth))
        self.register_buffer("mean", torch.zeros(config.latent))

    def forward(self, z: Tensor) -> Tensor:
        """z (B, Z), of which only the direction counts, to w (B, Z)."""
        check_shape(z, B=None, Z=self.latent)
        w = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
        for layer in self.layers:
            w = activate(layer(w))
        if self.training:
            with torch.no_grad():
                self.mean.lerp_(w.float().mean(0), 1 - self.DECAY)
        return w


class Layer(nn.Module):
    """Modulated convolution, noise, bias and activation; with `up` at twice the size."""

    def __init__(self, inputs: int, outputs: int, latent: int, up: bool):
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, latent)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.up = up

    def forward(self, x: Tensor, w: Tensor, added: Tensor) -> Tensor:
        """Features (B, I, h, w), w (B, Z) and what noise adds (B or 1, 1, H, W)."""
        y = self.conv(double(x) if self.up else x, w)
        return activate(y + added.to(y.dtype) + self.bias.to(y.dtype).view(-1, 1, 1))


class ToRGB(nn.Module):
    """Features to colours: a modulated 1x1 convolution that is not demodulated, and a bias."""

    def __init__(self, inputs: int, latent: int):
        super().__init__()
        self.conv = ModulatedConv(inputs, 3, latent, 1, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Features (B, C, h, w) and w (B, Z) to (B, 3, h, w)."""
        return self.conv(x, w) + self.bias.view(-1, 1, 1)


class Synthesis(nn.Module):
    """From styles and noise to images, by a skip generator (Karras et al. 2020, figure 7b).

    Every size adds its colours to the image of the size before. The noise of a layer is one map,
    times one learned strength that starts at 0.
    """

    def __init__(self, config: Config):
        super().__init__()
        self.config, c, latent = config, config.channels, config.latent
        self.constant = nn.Parameter(torch.randn(1, c[0], 4, 4))
        layers = [Layer(c[0], c[0], latent, up=False)]
        for a, b in zip(c[:-1], c[1:]):
            layers += [Layer(a, b, latent, up=True), Layer(b, b, latent, up=False)]
        self.layers = nn.ModuleList(layers)
        self.colours = nn.ModuleList(ToRGB(width, latent) for width in c)
        self.strengths = nn.Parameter(torch.zeros(len(layers)))
        self.register_buffer("path_length", torch.zeros(()))  # running mean, when regularised

    def draw_noise(self, count: int, generator: torch.Generator | None = None) -> list[Tensor]:
        """Standard normal noise for every layer, (count, 1, h, h) with h of `config.sizes`."""
        device = generator.device if generator else self.strengths.device
        drawn = (torch.randn(count, 1, size, size, generator=generator, device=device)
                 for size in self.config.sizes)
        return [n.to(self.strengths.device) for n in drawn]

    def scaled(self, noise: Sequence[Tensor]) -> list[Tensor]:
        """Strength times noise for every layer: what is added to its features."""
        return [strength * n for strength, n in zip(self.strengths, noise, strict=True)]

    def forward(self, w: Tensor, noise: Sequence[Tensor] | None = None, *,
                scaled: bool = False, edit: Edit | None = None) -> Tensor:
        """Styles to images (B, 3, H, W), real ones in [-1, 1]; nothing clips them.

        Parameters
        ----------
        w      : (B, Z), a point of W, or (B, L, Z), one of W+.
        noise  : for every layer (B, 1, h, h), or (1, 1, h, h) for all images alike; drawn anew
                 where it is not given.
        scaled : whether `noise` already is strength times noise.
        edit   : gets the name (of `config.layers`) and the features (B, C, h, h) of every layer
                 and returns those to go on with; it can keep, replace or blend them.

        Raises BookError where w or noise do not fit.
        """
        w = every_row(w, self.config)
        if noise is None:
            noise, scaled = self.draw_noise(len(w)), False
        check_noise(noise, len(w), self.config)
        added = noise if scaled else self.scaled(noise)
        x, image = self.constant, None  # its style makes B of it
        for k, (name, layer) in enumerate(zip(self.config.layers, self.layers)):
            x = layer(x, w[:, k], added[k])
            x = edit(name, x) if edit else x
            if k % 2 == 0:  # the last layer of its size
                colours = self.colours[k // 2](x, w[:, k + 1])
                image = colours if image is None else double(image) + colours
        return image


def check_noise(noise: Sequence[Tensor], count: int, config: Config) -> None:
    """Raise BookError unless there is one noise map a layer that fits `count` images."""
    if len(noise) == len(config.sizes) and all(
            n.dim() == 4 and n.shape[1:] == (1, size, size) and n.shape[0] in (1, count)
            for n, size in zip(noise, config.sizes)):
        return
    batch = f"{count} or 1" if count > 1 else "1"
    raise BookError(f"noise is one map a layer, ({batch}, 1, h, h) with h = "
                    f"{', '.join(map(str, config.sizes))}; got "
                    f"{', '.join(str(tuple(n.shape)) for n in noise) or 'none'}")


def every_row(w: Tensor, config: Config) -> Tensor:
    """w (B, Z) for all layers, or (B, L, Z) as it is, as (B, L, Z); BookError for others."""
    rows, latent = config.rows, config.latent
    if w.dim() == 2 and w.shape[1] == latent:
        return w[:, None].expand(-1, rows, -1)
    if w.dim() == 3 and w.shape[1:] == (rows, latent):
        return w
    raise BookError(f"w is (B, {latent}), or (B, {rows}, {latent}) with one row a layer; got "
                    f"{tuple(w.shape)}")


def mix(first: Tensor, second: Tensor, cut: int | Tensor) -> Tensor:
    """W+ codes (B, L, Z) with the rows before `cut` from `first`, the others from `second`.

    cut : 0 (all from `second`) to L (all from `first`), or (B,) of them. The first rows style
          the coarse layers. As a regulariser while training: Karras et al. 2019, section 3.1.
    """
    cut = torch.as_tensor(cut, device=first.device).view(-1, 1, 1)
    row = torch.arange(first.shape[1], device=first.device).view(1, -1, 1)
    return torch.where(row < cut, first, second)


def truncate(w: Tensor, mean: Tensor, truncation: float) -> Tensor:
    """w (..., Z) moved towards the mean (Z,), to the share `truncation` of its distance.

    1 leaves w, 0 is the mean: less variety for better images (Karras et al. 2019, appendix B).
    """
    return mean + truncation * (w - mean)


class StyleGAN2(nn.Module):
    """Mapping and synthesis together: from latents to images."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.mapping, self.synthesis = Mapping(config), Synthesis(config)

    @property
    def mean_w(self) -> Tensor:
        """The mean of w over latents, (Z,)."""
        return self.mapping.mean

    def latents(self, count: int, seed: int = 0) -> Tensor:
        """z, (count, Z): the same for the same seed."""
        z = torch.randn(count, self.config.latent, generator=stream("latents", seed))
        return z.to(self.mean_w.device)

    def styles(self, z: Tensor, truncation: float = 1.0) -> Tensor:
        """z (B, Z) to w (B, Z), moved towards the mean where `truncation` is below 1."""
        return truncate(self.mapping(z), self.mean_w, truncation)

    def forward(self, z: Tensor, truncation: float = 1.0,
                noise: Sequence[Tensor] | None = None) -> Tensor:
        """Latents (B, Z) to images (B, 3, H, W); noise as :class:`Synthesis` takes it."""
        return self.synthesis(self.styles(z, truncation), noise)


@torch.no_grad()
def sample(model: StyleGAN2, count: int, seed: int = 0, truncation: float = 1.0,
           batch: int = 64) -> Tensor:
    """`count` images (count, 3, H, W) in [-1, 1], the same for the same seed; `batch` at a time."""
    generator = stream("noise", seed)

    def noise(images: int) -> list[Tensor]:  # one image after the other, whatever the batch
        drawn = (model.synthesis.draw_noise(1, generator) for _ in range(images))
        return [torch.cat(maps) for maps in zip(*drawn)]

    return torch.cat([model(z, truncation, noise(len(z))).clamp(-1, 1)
                      for z in model.latents(count, seed).split(batch)])
