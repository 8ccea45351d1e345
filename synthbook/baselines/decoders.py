"""Feed-forward inversion of a classifier's features, a network for each level.

* `l2-decoder`: "Inverting Visual Representations with Convolutional Networks" (Dosovitskiy and
  Brox, CVPR 2016): squared error of pixels, and so blurred where features leave much open.
* `deepsim`: "Generating Images with Perceptual Similarity Metrics based on Deep Networks"
  (Dosovitskiy and Brox, NIPS 2016): errors of pixels and of features, and an adversary that is
  told the features. What the paper of Semantic Pyramid compares with, by eye.

Both are deterministic. All levels train in one run, each on its own part of every batch, so that
a decoder sees about as many pictures as the pyramid is given its level.

Not as published: small networks with group norm, least squares for the adversary, weights that
were not tuned, the book's classifier as encoder and as comparator.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from accelerate.utils import extract_model_from_parallel
from torch import Tensor, nn

from synthbook import metrics
from synthbook.datasets import dataset
from synthbook.datasets.cache import Cached, cached
from synthbook.files import BookError
from synthbook.semantic_pyramid import losses
from synthbook.semantic_pyramid.classifier import (
    Classifier,
    ClassifierConfig,
    agreement,
    classifier_config,
    first_images,
    stored_config,
    trained,
    untrained,
    weights_path,
)
from synthbook.semantic_pyramid.discriminator import CriticBlock
from synthbook.semantic_pyramid.levels import Shapes, level
from synthbook.semantic_pyramid.network import doubled, normed
from synthbook.semantic_pyramid.recipe import held_out
from synthbook.training import Batch, Networks, Player, Recipe

LEVELS = ("conv3", "conv5", "fc7", "fc8")
WIDTHS = {2: 128, 4: 96, 8: 72, 16: 48, 32: 32, 64: 24}  # channels by side


@dataclass(frozen=True)
class Config:
    """Sizes of decoders and their critic: `shapes` of the features of all seven levels."""

    shapes: Shapes
    size: int
    levels: tuple[str, ...] = LEVELS
    critic: tuple[int, ...] = (32, 64, 96, 128)


@dataclass(frozen=True)
class Weights:
    """Weights of the terms, and rates; `comparator`: the level whose features are compared."""

    image: float = 1.0
    features: float = 0.0
    adversarial: float = 0.0
    comparator: str = "conv4"
    rate: float = 5e-4


@dataclass(frozen=True)
class Setting:
    """Model, classifier, data and objective of one run; `source` as the pyramid's."""

    model: Config
    classifier: ClassifierConfig
    source: str = "trained"
    weights: Weights = Weights()
    dataset: str = "places"
    knobs: dict = field(default_factory=dict)


VARIANTS = {"l2-decoder": Weights(), "deepsim": Weights(0.5, 1.0, 0.05)}


class Decoder(nn.Module):
    """From one level's features to a picture: two convolutions at every size."""

    def __init__(self, shape: tuple[int, ...], size: int):
        super().__init__()
        self.side = shape[1] if len(shape) == 3 else 2
        self.start = (nn.Conv2d(shape[0], WIDTHS[self.side], 1) if len(shape) == 3
                      else nn.Linear(shape[0], WIDTHS[2] * 4))
        sides = [s for s in WIDTHS if self.side <= s <= size]
        inputs = (sides[0], *sides[:-1])
        self.stages = nn.ModuleList(nn.Sequential(*(
            part for a in (WIDTHS[before], WIDTHS[side]) for part in (
                nn.Conv2d(a, WIDTHS[side], 3, padding=1), nn.GroupNorm(8, WIDTHS[side]),
                nn.LeakyReLU(0.2)))) for before, side in zip(inputs, sides))
        self.colour = nn.Conv2d(WIDTHS[size], 3, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, h) or (B, C) to pictures (B, 3, H, W) in [-1, 1]."""
        x = self.start(features)
        x = x if x.dim() == 4 else x.unflatten(1, (-1, self.side, self.side))
        for k, stage in enumerate(self.stages):
            x = stage(doubled(x) if k else x)
        return torch.tanh(self.colour(x))


class DecoderSet(nn.Module):
    """A decoder for each level."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.by_level = nn.ModuleDict({name: Decoder(config.shapes[level(name)], config.size)
                                       for name in config.levels})

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Features of each level in turn, of other pictures each, to all their pictures."""
        return torch.cat([decoder(f) for decoder, f in zip(self.by_level.values(), features,
                                                           strict=True)])


class Critic(nn.Module):
    """A score for a picture and the features that it was made from, by a projection."""

    def __init__(self, config: Config):
        super().__init__()
        self.config, w = config, config.critic
        self.blocks = nn.ModuleList(CriticBlock(a, b, k == 0, k < len(w) - 1)
                                    for k, (a, b) in enumerate(zip((3, *w), w)))
        self.score = normed(nn.Linear(w[-1], 1), True)
        self.told = nn.ModuleDict({name: normed(nn.Linear(config.shapes[level(name)][0], w[-1]),
                                                True) for name in config.levels})

    def forward(self, image: Tensor, features: Sequence[Tensor]) -> Tensor:
        """Pictures (B, 3, H, W), and features of each level's in turn, to scores (B,)."""
        x = image
        for layer in self.blocks:
            x = layer(x)
        h = F.relu(x).mean((2, 3))
        known = torch.cat([part(f.flatten(2).mean(2) if f.dim() == 4 else f)
                           for part, f in zip(self.told.values(), features, strict=True)])
        return self.score(h)[:, 0] + (known * h).sum(1) / h.shape[1] ** 0.5


class Inverter(nn.Module):
    """Decoders and their classifier as they ship; it is asked as the pyramid is."""

    def __init__(self, config: Config, classifier: nn.Module):
        super().__init__()
        self.config, self.levels = config, config.levels
        self.decoders, self.classifier = DecoderSet(config), classifier.freeze()

    def forward(self, features: Tensor, which: str) -> Tensor:
        """Features of one level to pictures (B, 3, H, W)."""
        if which not in self.levels:
            raise BookError(f"no decoder of {which}: choose one of {', '.join(self.levels)}")
        return self.decoders.by_level[which](features)

    @torch.no_grad()
    def generate(self, image: Tensor, which: str, seed: int = 0,
                 category: Tensor | None = None) -> Tensor:
        """One picture for each reference; neither seed nor category has a say."""
        return self(self.classifier.pyramid(image)[level(which)], which)


def model(stored: dict) -> Inverter:
    """The module of a stored setting, its weights still to be filled in."""
    sizes = {k: tuple(v) if isinstance(v, list) else v for k, v in stored["model"].items()}
    sizes["shapes"] = tuple(map(tuple, sizes["shapes"]))
    return Inverter(Config(**sizes), Classifier(stored_config(stored["classifier"])))


# --------------------------------------------------------------------------------- training


def parts(x: Tensor, count: int) -> tuple[Tensor, ...]:
    """A batch in as many parts of nearly equal length; ValueError where one would be empty."""
    if len(x) < count:
        raise ValueError(f"{count} levels need batches of {count} pictures or more, not {len(x)}")
    return x.tensor_split(count)


def decoder_loss(setting: Setting, nets: Networks, batch: Batch, scratch: dict):
    """Errors of pixels and, where weighed, of features, and the adversary's part."""
    w, levels = setting.weights, setting.model.levels
    classifier = extract_model_from_parallel(nets["classifier"])
    with torch.no_grad():
        known = classifier.pyramid(batch["image"])
    given = [parts(known[level(name)], len(levels))[k] for k, name in enumerate(levels)]
    fake = nets["decoders"](given)
    terms = {"image": (fake - batch["image"]).square().mean()}
    if w.features:
        k = level(w.comparator)
        seen, wanted = classifier.pyramid(fake)[k], known[k]
        terms["features"] = ((seen - wanted) / losses.joint_scale(wanted, seen)).square().mean()
    if w.adversarial:
        terms["adversarial"] = losses.least_squares_g(nets["critic"](fake, given).float())
    scratch["fake"], scratch["given"] = fake.detach(), given
    loss = sum(getattr(w, name) * term for name, term in terms.items())
    return loss, {f"g_{name}": value for name, value in terms.items()}


def critic_loss(nets: Networks, batch: Batch, scratch: dict):
    """Least squares on real pictures and the decoders', both told the real ones' features."""
    real, fake = (nets["critic"](x, scratch["given"]).float()
                  for x in (batch["image"], scratch["fake"].to(batch["image"].dtype)))
    loss = losses.least_squares_d(real, fake)
    return loss, {"d_least_squares": loss, "d_real": real.mean(), "d_fake": fake.mean()}


@torch.no_grad()
def answers(setting: Setting, nets: Networks, held: Batch) -> dict[str, Tensor]:
    """Every decoder's pictures of the held-out ones."""
    decoders = extract_model_from_parallel(nets["decoders"])
    known = extract_model_from_parallel(nets["classifier"]).pyramid(held["image"])
    return {name: decoders.by_level[name](known[level(name)]) for name in setting.model.levels}


def probe(setting: Setting, nets: Networks, held: Batch) -> dict[str, float]:
    """For each level: PSNR (dB), and how often the classifier names the reference's category."""
    classifier, found = extract_model_from_parallel(nets["classifier"]), {}
    known = classifier.pyramid(held["image"])
    for name, image in answers(setting, nets, held).items():
        found |= {f"psnr_{name}": float(metrics.psnr(image, held["image"]).mean()),
                  f"agrees_{name}": agreement(known, classifier.pyramid(image))}
    return found


def recipe(variant: str, data: str, size: int, *, images: int, batch: int = 16,
           count: int | None = None, lenient: bool = False, **knobs: Any) -> Recipe:
    """The training recipe of `l2-decoder` or `deepsim`; arguments as the pyramid's recipe has."""
    known = classifier_config(data, size, **knobs)
    missing = lenient and not weights_path(data, size).is_file()
    setting = Setting(Config(known.shapes, size), known, "random" if missing else "trained",
                      VARIANTS[variant], data, known.knobs)

    @cache
    def training() -> Cached:
        return cached(dataset(data, "train", size=size, count=count, **known.knobs))

    def build() -> Networks:
        nets = {"decoders": DecoderSet(setting.model),
                "classifier": untrained(known, first_images(training())) if missing
                else trained(known)}
        return nets | ({"critic": Critic(setting.model)} if setting.weights.adversarial else {})

    def at(nets: Networks) -> Batch:
        device = next(nets["decoders"].parameters()).device
        return {k: v.to(device) for k, v in held_out(data, size, known.knobs).items()}

    def shown(nets: Networks) -> Tensor:
        held = {k: v[:8] for k, v in at(nets).items()}
        made = answers(setting, nets, held).values()
        return torch.stack([held["image"], *made], 1).flatten(0, 1)

    rate = setting.weights.rate
    players = {"decoders": Player(("decoders",), lambda *a: decoder_loss(setting, *a), rate,
                                  (0.5, 0.999))}
    if setting.weights.adversarial:
        players["critic"] = Player(("critic",), critic_loss, rate, (0.5, 0.999))
    return Recipe(config=setting, data=training, build=build, players=players, images=images,
                  batch=batch, ema={"decoders": 0.999}, decay_to=0.1, sample=shown,
                  probe=lambda nets: probe(setting, nets, at(nets)))
