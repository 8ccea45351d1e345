"""Judges: networks trained on the true labels, which measure what generators make.

A judge sees nothing but the final image. Its features are the book's second feature space
beside ImageNet's.
"""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbook.datasets import dataset
from synthbook.datasets.cache import cached
from synthbook.layers import conv3x3
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
