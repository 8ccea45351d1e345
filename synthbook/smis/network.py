"""SMIS: semantically multi-modal image synthesis with GroupDNet (Zhu et al., CVPR 2020).

A label map becomes an image, and every semantic class keeps a latent of its own. The encoder
is split by class, the decoder begins with one group of channels per class and merges groups
from block to block, so that classes are first independent and then made to agree.

One code path serves four networks, told apart by the list of group numbers:

=========  =====================  ==========================================
variant    groups (K classes)     latent
=========  =====================  ==========================================
GroupDNet  K, ..., fewer          one per class
GroupNet   K, ..., K              one per class
GroupEnc   1, ..., 1              one per class
VSPADE     1, ..., 1              one for the image (SPADE with its encoder)
=========  =====================  ==========================================

Axes: B batch, K classes, Z latent channels of a class, H W pixels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from synthbook.game import LayoutModel
from synthbook.layers import (
    ConditionalGroupBlock,
    begin_as_signal,
    check_shape,
    conv3x3,
    masked_mean,
    shrink,
)


@dataclass(frozen=True)
class Config:
    """Sizes of a GroupDNet or one of its relatives.

    Parameters
    ----------
    classes        : K.
    size           : height and width of the image, pixels.
    groups         : G of each block, from coarse to fine; G >= the next block's (figure 2).
    channels       : width before the first block and after each one; multiples of its G.
    hidden         : hidden channels of each block's CG-Norms; multiples of its G.
    norm_groups    : groups of every CG-Norm; the block's own where None.
    latent         : Z channels of each class's latent, or of the image's where not `split`.
    latent_map     : keep the latent as a map, as published. A vector is laid where its class is,
                     weighted by the share of each coarsest pixel that the class covers.
    split          : one latent per class from an encoder that never mixes classes.
    encoder        : width per class of each stride-2 convolution of the encoder.
    encoder_norm   : spectral and instance norm in the encoder, as published. They erase the
                     flat colours of small synthetic regions, so the default is none, with the
                     mask as a fourth channel.
    spectral       : spectral norm in the decoder's blocks, as published.
    map_channels   : maps given for each class; 2 where instance edges follow its mask.
    """

    classes: int = 16
    size: tuple[int, int] = (64, 64)
    groups: tuple[int, ...] = (16, 8, 4, 2)
    channels: tuple[int, ...] = (256, 256, 128, 48, 48)
    hidden: tuple[int, ...] = (64, 64, 64, 32)
    norm_groups: int | None = None
    latent: int = 8
    latent_map: bool = False
    split: bool = True
    encoder: tuple[int, ...] = (8, 12, 16)
    encoder_norm: bool = False
    spectral: bool = False
    map_channels: int = 1

    def __post_init__(self):
        blocks = len(self.groups)
        if len(self.channels) != blocks + 1 or len(self.hidden) != blocks:
            raise ValueError("channels needs one entry more than groups, hidden as many")
        for g, a, b, h in zip(self.groups, self.channels, self.channels[1:], self.hidden):
            n = self.norm_groups or g
            if a % g or b % g or any(x % n for x in (a, min(a, b), h, self.classes)):
                raise ValueError(f"{g} groups (norms: {n}) do not divide channels {a}, {b}, "
                                 f"hidden {h}, classes {self.classes}")

    @property
    def owners(self) -> int:
        """How many latents an image has: K, or 1 where it has one for the whole image."""
        return self.classes if self.split else 1

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Shape of one image's latent: (owners * Z, h, w)."""
        shrink = 2 ** len(self.encoder)
        h, w = (n // shrink for n in self.size) if self.latent_map else (1, 1)
        return self.owners * self.latent, h, w


DEEPFASHION = Config(  # released code; the group list also from the paper's appendix
    classes=8, size=(256, 256), groups=(8, 8, 4, 4, 2, 2, 1),
    channels=(2560, 2560, 2560, 2560, 1280, 640, 320, 160), hidden=(128,) * 7,
    latent_map=True, encoder=(32, 64, 128, 256, 256, 256), encoder_norm=True, spectral=True)

CITYSCAPES = Config(
    classes=35, size=(256, 512), groups=(35, 35, 20, 14, 10, 4, 1),
    channels=(4480, 4480, 4480, 4480, 2240, 1120, 560, 280),
    hidden=tuple(35 * g for g in (35, 35, 20, 14, 10, 4, 1)), norm_groups=35,
    latent_map=True, encoder=(10, 20, 40, 80, 80, 80), encoder_norm=True, spectral=True,
    map_channels=2)


GROUPED = {  # by image size: groups, channels and hidden channels of GroupDNet at small scale
    64: ((16, 8, 4, 2), (256, 256, 128, 48, 48), (64, 64, 64, 32)),
    32: ((16, 8, 4), (256, 256, 112, 48), (64, 64, 32)),
}
UNGROUPED = {  # about as many multiplications without groups
    64: ((96, 96, 64, 32, 32), (32, 32, 32, 24)),
    32: ((80, 80, 36, 20), (24, 24, 16)),
}


def config(name: str, size: int = 64, classes: int = 16) -> Config:
    """The small config of a variant for K = 8, 16 or 40 classes, or another multiple of 8.

    `groupdnet`, `groupnet`, `groupenc` and `vspade` are those of the table above;
    `groupdnet-map` has latent maps, `groupdnet-norm` the published norms in its encoder.
    `groupdnet-unsplit` and `mulnet` differ from `groupdnet` and `groupnet` in their modules.
    Beyond 16 classes grouped channels grow with the root of K, which keeps the number of
    multiplications.
    """
    tabled, wider = GROUPED[size][0], max(1.0, classes / 16) ** 0.5
    merging = tuple(min(g, classes) if classes <= 16 else classes * g // 16 for g in tabled)

    def grouped(groups: tuple[int, ...]) -> Config:
        _, channels, hidden = GROUPED[size]
        channels, hidden = ([wider * width for width in widths] for widths in (channels, hidden))
        return Config(classes, (size, size), groups, multiples(channels, (groups[0], *groups)),
                      multiples(hidden, groups))

    net, constant = grouped(merging), grouped((classes,) * len(tabled))
    widths, narrow = UNGROUPED[size]
    ungrouped = replace(net, groups=(1,) * len(tabled), channels=widths, hidden=narrow)
    return {
        "groupdnet": net,
        "groupdnet-unsplit": net,
        "groupdnet-map": replace(net, latent_map=True),
        "groupdnet-norm": replace(net, encoder_norm=True),
        "groupnet": constant,
        "mulnet": constant,
        "groupenc": ungrouped,
        "vspade": replace(ungrouped, split=False, latent=4 * classes,
                          encoder=tuple(3 * width for width in net.encoder)),
    }[name]


def multiples(widths: Sequence[float], of: tuple[int, ...]) -> tuple[int, ...]:
    """Each width moved to the nearest multiple, not 0, of its entry in `of`."""
    return tuple(max(1, round(w / g)) * g for w, g in zip(widths, of, strict=True))


def split_by_class(image: Tensor, onehot: Tensor, with_mask: bool) -> Tensor:
    """The class-isolated images X_c = M_c * X, concatenated over classes (section 3.2).

    (B, 3, H, W) and (B, K, H, W) to (B, 3K, H, W), or (B, 4K, H, W) where each X_c is followed
    by its mask M_c, which tells mid-grey from absent.
    """
    if with_mask:  # as a fourth channel of ones
        image = torch.cat([image, torch.ones_like(image[:, :1])], 1)
    return (image.unsqueeze(1) * onehot.contiguous().unsqueeze(2)).flatten(1, 2)


class Encoder(nn.Module):
    """Posterior of the latents; every convolution is grouped by class where `config.split`."""

    isolates = True

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        groups, norm = config.owners, config.encoder_norm
        self.alone = config.split and self.isolates
        inputs = 4 if self.alone and not norm else 3
        widths = [inputs * groups, *(w * groups for w in config.encoder)]
        self.convs = nn.ModuleList()
        for a, b in zip(widths, widths[1:]):
            conv = nn.Conv2d(a, b, 3, 2, 1, groups=groups, bias=not norm)
            self.convs.append(
                nn.Sequential(spectral_norm(conv), nn.InstanceNorm2d(b)) if norm else conv)
        if config.latent_map:
            kernel, padding = 3, 1
        elif self.alone:
            kernel, padding = 1, 0
        else:  # fully connected, as in SPADE's encoder
            kernel, padding = tuple(n // 2 ** len(config.encoder) for n in config.size), 0
        out = config.owners * config.latent
        self.mu = nn.Conv2d(widths[-1], out, kernel, padding=padding, groups=groups)
        self.logvar = nn.Conv2d(widths[-1], out, kernel, padding=padding, groups=groups)
        if not norm:
            begin_as_signal(self.mu, self.logvar)

    def forward(self, image: Tensor, onehot: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) in [-1, 1] and (B, K, H, W) to mu and logvar, (B, owners*Z, h, w).

        The posterior of a class that is absent from the map is the prior.
        """
        config = self.config
        check_shape(image, B=None, C=3, H=config.size[0], W=config.size[1])
        check_shape(onehot, B=len(image), K=config.classes, H=config.size[0], W=config.size[1])
        if self.alone:
            x = split_by_class(image, onehot, not config.encoder_norm)
        else:
            x = image.repeat(1, config.owners, 1, 1)
        for conv in self.convs:
            x = F.leaky_relu(conv(x), 0.2)
        if self.alone and not config.latent_map:
            weight = F.avg_pool2d(onehot, 2 ** len(config.encoder)).unsqueeze(2)
            x = masked_mean(x.unflatten(1, (config.classes, -1)), weight)
            x = x.flatten(1)[..., None, None]
        mu, logvar = self.mu(x), self.logvar(x).clamp(-10, 10)
        if config.split:
            present = onehot.amax((-2, -1)).repeat_interleave(config.latent, 1)[..., None, None]
            mu, logvar = mu * present, logvar * present
        return mu, logvar


class WholeImageEncoder(Encoder):
    """The ablation without the split: every class's convolutions see the whole image.

    Each class's code is then read as VSPADE reads its one code, by full connections.
    """

    isolates = False


class Generator(nn.Module):
    """The decoder: latents enter at the bottom, the label map through the CG-Norms only."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        c, maps = config.channels, config.classes * config.map_channels
        self.input = conv3x3(config.owners * config.latent, c[0], groups=config.owners)
        self.blocks = nn.ModuleList(
            ConditionalGroupBlock(a, b, maps, g, h, config.norm_groups, config.spectral)
            for a, b, g, h in zip(c, c[1:], config.groups, config.hidden))
        self.output = conv3x3(c[-1], 3)

    def forward(self, onehot: Tensor, z: Tensor) -> Tensor:
        """Map (B, K, H, W) and latents (B, owners*Z, h, w) to images (B, 3, H, W) in [-1, 1]."""
        return torch.tanh(self.output(self.features(onehot, z)))

    def features(self, onehot: Tensor, z: Tensor) -> Tensor:
        """What the last convolution turns into pixels, (B, C, H, W)."""
        config = self.config
        check_shape(z, B=len(onehot), Z=config.latent_shape[0], h=None, w=None)
        coarsest = 2 ** (len(self.blocks) - 1)
        start = onehot.shape[-2] // coarsest, onehot.shape[-1] // coarsest
        if config.latent_map:
            z = F.interpolate(z, start, mode="nearest")
        else:
            z = z.expand(-1, -1, *start)
        if config.split and not config.latent_map:
            z = z * shrink(onehot, start).repeat_interleave(config.latent, 1)
        x = self.input(z)
        for i, block in enumerate(self.blocks):
            x = F.interpolate(x, scale_factor=2.0, mode="nearest") if i else x
            x = block(x, onehot)
        return F.leaky_relu(x, 0.2)


class SMIS(LayoutModel):
    """Encoder and generator together, with the operations that the applications need."""

    def __init__(self, config: Config, encoder: Callable[[Config], nn.Module] = Encoder,
                 generator: Callable[[Config], nn.Module] = Generator):
        super().__init__(config, encoder=encoder(config), generator=generator(config))
