"""Judges: networks trained on the truth, which measure what generators make.

A judge sees nothing but the final image. Its features are the book's second feature space
beside ImageNet's. The segmenter labels pixels; the reader says which traits a portrait has. The
judge of how cars stand is in :mod:`synthbook.headings`.
"""

from dataclasses import dataclass, field
from functools import cache, partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbook.datasets import dataset
from synthbook.datasets.cache import cached
from synthbook.datasets.traits import NAMES, TRAITS, WithTraits, trait_table
from synthbook.layers import conv3x3
from synthbook.metrics.estimate import Estimate, bootstrap_weights
from synthbook.training import Batch, Networks, Player, Recipe


@dataclass(frozen=True)
class SegmenterConfig:
    """`classes` labels; `width` channels at full resolution, more after each of four halvings."""

    classes: int
    width: int = 16
    dataset: str = "places"
    size: int = 64
    knobs: dict = field(default_factory=dict)


class Segmenter(nn.Module):
    """A U-Net (Ronneberger et al. 2015) that labels every pixel of an image."""

    def __init__(self, config: SegmenterConfig):
        super().__init__()
        self.config = config
        w = [config.width * m for m in (1, 2, 4, 6, 8)]
        self.stem = block(3, w[0])
        self.down = nn.ModuleList(block(a, b, stride=2) for a, b in zip(w, w[1:]))
        self.up = nn.ModuleList(
            block(a + b, b) for a, b in zip(w[:0:-1], w[-2::-1]))
        self.head = nn.Conv2d(w[0], config.classes, 1)

    def pyramid(self, image: Tensor) -> list[Tensor]:
        """Features at full resolution and after each halving."""
        levels = [self.stem(image)]
        for layer in self.down:
            levels.append(layer(levels[-1]))
        return levels

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] to logits (B, K, H, W)."""
        *skips, x = self.pyramid(image)
        for layer, skip in zip(self.up, skips[::-1]):
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = layer(torch.cat([x, skip], 1))
        return self.head(x)

    def features(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, D): means and spreads of the two deepest levels, for KID and FD."""
        deep = self.pyramid(image)[-2:]
        return torch.cat([s for x in deep for s in (x.mean((2, 3)), x.std((2, 3)))], 1)


def block(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    """Two convolutions with batch norm and ReLU."""
    return nn.Sequential(
        conv3x3(in_channels, out_channels, stride=stride), nn.BatchNorm2d(out_channels),
        nn.ReLU(), conv3x3(out_channels, out_channels), nn.BatchNorm2d(out_channels), nn.ReLU())


def segmentation_loss(nets: Networks, batch: Batch, scratch: dict):
    """Cross-entropy with the true labels, after a random shift of brightness and contrast."""
    image = batch["image"]
    gain, shift = torch.rand(2, len(image), 1, 1, 1, device=image.device)
    image = (image * (0.8 + 0.4 * gain) + 0.4 * shift - 0.2).clamp(-1, 1)
    logits = nets["segmenter"](image)
    loss = F.cross_entropy(logits, batch["label"])
    right = (logits.argmax(1) == batch["label"]).float().mean()
    return loss, {"loss": loss, "pixel_accuracy": right}


def segmenter_recipe(data: str, size: int, *, images: int, batch: int = 16,
                     count: int | None = None, **knobs) -> Recipe:
    """The recipe of the segmenter judge of a generated dataset."""
    if data == "places":
        knobs.setdefault("classes", 16)
    classes = len(dataset(data, size=size, **knobs).class_names)
    config = SegmenterConfig(classes, dataset=data, size=size, knobs=knobs)
    held = dataset(data, "val", size=size, count=64, **knobs)
    stacked: dict[str, Tensor] = {}

    def probe(nets: Networks) -> dict[str, float]:
        if not stacked:
            items = [held[i] for i in range(len(held))]
            for key in ("image", "label"):
                stacked[key] = torch.stack([item[key] for item in items])
        device = next(nets["segmenter"].parameters()).device
        predicted = nets["segmenter"](stacked["image"].to(device)).argmax(1).cpu()
        return {"held_out_accuracy": float((predicted == stacked["label"]).float().mean())}

    return Recipe(
        config=config,
        data=lambda: cached(dataset(data, "train", size=size, count=count, **knobs)),
        build=lambda: {"segmenter": Segmenter(config)},
        players={"segmenter": Player(("segmenter",), segmentation_loss, 2e-3, (0.9, 0.99), 1e-5)},
        images=images, batch=batch, ema={"segmenter": 0.99}, decay_to=0.02, probe=probe,
        snapshots=8)


# ------------------------------------------------------------------------------ the reader

PROPOSES, JUDGES = 0, 1  # which of a reader's networks finds directions, and which measures them


@dataclass(frozen=True)
class ReaderConfig:
    """What a :class:`Reader` reads, and how wide its networks are.

    Parameters
    ----------
    names, graded     : T traits, and whether each is a number of any size; else it is 0 or 1.
    means, deviations : of each trait in the data, by which readings are told.
    width             : channels at full resolution, up to four times as many below.
    """

    names: tuple[str, ...]
    graded: tuple[bool, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    width: int = 12
    dataset: str = "faces"
    size: int = 32
    knobs: dict = field(default_factory=dict)


class Eye(nn.Module):
    """One network of a :class:`Reader`: it halves the image down to 4 x 4 pixels."""

    def __init__(self, config: ReaderConfig):
        super().__init__()
        halvings = (config.size // 4).bit_length() - 1
        w = [config.width * min(k + 1, 4) for k in range(halvings + 1)]
        self.layers = nn.ModuleList(
            [block(3, w[0]), *(block(a, b, stride=2) for a, b in zip(w, w[1:]))])
        self.head = nn.Linear(16 * w[-1], len(config.names))

    def pyramid(self, image: Tensor) -> list[Tensor]:
        """Features at full resolution and after each halving."""
        levels = []
        for layer in self.layers:
            levels.append(layer(levels[-1] if levels else image))
        return levels

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] to (B, T)."""
        return self.head(self.pyramid(image)[-1].flatten(1))


class Reader(nn.Module):
    """Two networks that read the traits of a portrait and share no weight.

    With one, directions in a latent space are found; what they do is measured with the other, so
    that a direction that fools the first gains nothing by it.
    """

    def __init__(self, config: ReaderConfig):
        super().__init__()
        self.config = config
        self.eyes = nn.ModuleList([Eye(config), Eye(config)])

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] to what both networks see, (2, B, T).

        Logits of traits that are had or not; of graded ones the distance from the data's mean in
        their deviations.
        """
        return torch.stack([eye(image) for eye in self.eyes])

    @torch.no_grad()
    def readings(self, image: Tensor, eye: int = JUDGES, batch: int = 64) -> Tensor:
        """(N, 3, H, W) to (N, T): every trait's distance from its mean, in deviations."""
        return torch.cat([self.read(part, eye) for part in image.split(batch)])

    def read(self, image: Tensor, eye: int = JUDGES) -> Tensor:
        """The same, all at once and with its gradient."""
        graded, mean, deviation = constants(self.config, image.device)
        seen = self.eyes[eye](image)
        return torch.where(graded, seen, (seen.sigmoid() - mean) / deviation)

    def features(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, D): means and spreads of the two deepest levels, for KID and FD."""
        deep = self.eyes[JUDGES].pyramid(image)[-2:]
        return torch.cat([s for x in deep for s in (x.mean((2, 3)), x.std((2, 3)))], 1)


def constants(config: ReaderConfig, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Whether each trait is graded, its mean and its deviation, (T,) each."""
    return (torch.tensor(config.graded, device=device),
            torch.tensor(config.means, device=device),
            torch.tensor(config.deviations, device=device))


def softened(image: Tensor) -> Tensor:
    """Images (B, 3, H, W), each blurred by chance a little: generators make soft pictures."""
    blurred = F.avg_pool2d(F.pad(image, [1] * 4, mode="replicate"), 3, 1)
    return image.lerp(blurred, 0.7 * torch.rand(len(image), 1, 1, 1, device=image.device))


def reading_loss(config: ReaderConfig, nets: Networks, batch: Batch, scratch: dict):
    """Cross-entropy of what is had or not, half the squared error of what is graded.

    A mean over both networks and all traits of `batch["traits"]` (B, T) that are not nan.
    """
    traits = batch["traits"]
    graded, mean, deviation = constants(config, traits.device)
    known = traits.isfinite()
    wanted = torch.where(graded, (traits - mean) / deviation, traits).nan_to_num()
    seen = nets["reader"](softened(batch["image"])).float()
    wanted = wanted.expand_as(seen)
    each = torch.where(graded, (seen - wanted).square() / 2,
                       F.binary_cross_entropy_with_logits(seen, wanted, reduction="none"))
    loss = (each * known).sum() / (len(seen) * known.sum())
    return loss, {"loss": loss}


def agreement(readings: Tensor, traits: Tensor, weights: Tensor | None = None) -> Tensor:
    """Pearson's r of readings and true traits (N, T) each, (T,); nan where one does not vary.

    weights : (N,) how much each portrait counts; all alike unless given.
    """
    known = traits.isfinite().double()
    if weights is not None:
        known = known * weights.double()[:, None]
    x, y = readings.double(), traits.nan_to_num().double()
    x, y = (v - (v * known).sum(0) / known.sum(0) for v in (x, y))
    return (x * y * known).sum(0) / (
        (x.square() * known).sum(0) * (y.square() * known).sum(0)).sqrt()


def agreement_rows(reader: Reader, images: Tensor, traits: Tensor) -> dict[str, Estimate]:
    """`r_TRAIT`, how well each trait is read from images (N, 3, H, W), and their mean `r`.

    Intervals are bootstrapped over images.
    """
    readings = reader.readings(images)
    drawn = torch.stack([agreement(readings, traits, w) for w in bootstrap_weights(len(images))])
    r = agreement(readings, traits)
    columns = {"r": (r.nanmean(), drawn.nanmean(1))} | {
        f"r_{name.replace(' ', '_')}": (r[t], drawn[:, t])
        for t, name in enumerate(reader.config.names)}
    ends = torch.tensor([0.025, 0.975]).double()
    return {key: Estimate(float(value), *torch.nanquantile(many, ends).tolist(), len(images), "")
            for key, (value, many) in columns.items()}


def reader_recipe(data: str, size: int, *, images: int, batch: int = 32,
                  count: int | None = None, **knobs) -> Recipe:
    """The recipe of the reader of a dataset of portraits."""
    source = dataset(data, "train", size=size, count=count, **knobs)
    known = trait_table(source, 1_000).double()
    mean = known.nanmean(0)
    deviation = (known - mean).square().nanmean(0).sqrt()
    config = ReaderConfig(
        NAMES, tuple(trait.graded for trait in TRAITS),
        tuple(mean.tolist()), tuple(deviation.tolist()), dataset=data, size=size, knobs=knobs)
    held = dataset(data, "val", size=size, count=128, **knobs)

    @cache
    def shown() -> tuple[Tensor, Tensor]:
        pictures = torch.stack([held[i]["image"] for i in range(len(held))])
        return pictures, trait_table(held, len(held))

    def probe(nets: Networks) -> dict[str, float]:
        pictures, truth = shown()
        device = next(nets["reader"].parameters()).device
        r = agreement(nets["reader"].readings(pictures.to(device)).cpu(), truth)
        return {"held_out_r": float(r.nanmean())}

    return Recipe(
        config=config, data=lambda: WithTraits(cached(source)),
        build=lambda: {"reader": Reader(config)},
        players={"reader": Player(("reader",), partial(reading_loss, config), 3e-3, (0.9, 0.99),
                                  1e-5)},
        images=images, batch=batch, ema={"reader": 0.99}, decay_to=0.02, probe=probe,
        snapshots=8)
