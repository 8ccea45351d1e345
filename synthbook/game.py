"""The game that every small model from label maps to images plays: data, referee, terms, length.

A paper's model and the models that it is compared with are trained by these lines alone, so that
what differs between them is what their papers say: networks, latents, and at most one loss term.

A model is a generator `(onehot, z) -> image` and, where it has one, an encoder
`(image, onehot) -> mu, logvar`. Its config tells `classes`, `size`, `latent`, `owners` (how many
latents an image has), `latent_shape`, and whether every class has a latent of its own (`split`).

Axes: B batch, K classes, Z channels of a latent, H W pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, default_collate

from synthbook import losses
from synthbook.datasets import dataset
from synthbook.datasets.cache import cached
from synthbook.discriminators import SegmentationDiscriminator
from synthbook.layers import one_hot, reparameterise
from synthbook.training import Batch, Loss, Networks, Player, Recipe


@dataclass(frozen=True)
class Weights:
    """Weights of the generator's loss terms, learning rates, and when the game begins.

    Until the share `warm` of the run is over, whole batches are only encoded and rebuilt: codes
    are learned before the discriminator speaks. Its weight then rises to one within `ramp`.
    """

    l1: float = 8.0
    feature_matching: float = 5.0
    segmentation: float = 1.0
    patch: float = 0.5
    kl: float = 0.01  # for each nat of a present class
    rate_g: float = 1e-3
    rate_d: float = 4e-4
    warm: float = 0.12
    ramp: float = 0.08


@dataclass(frozen=True)
class AtOnce(Weights):
    """The same weights for a game that begins at once: without an encoder no code is learned."""

    warm: float = 0.0
    ramp: float = 0.0


@dataclass(frozen=True)
class Setting:
    """Model, data and loss weights of one run."""

    model: Any
    dataset: str = "places"
    knobs: dict = field(default_factory=dict)
    weights: Weights = Weights()


class OneLatent:
    """The part of a config that says: one latent vector for the whole image, or none (Z = 0)."""

    latent: int
    split = False
    latent_map = False
    owners = 1

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Shape of one image's latent, (Z, 1, 1)."""
        return self.latent, 1, 1


class LayoutModel(nn.Module):
    """Generator and encoder together, with what sampling and editing need."""

    def __init__(self, config: Any, *, encoder: nn.Module | None = None, generator: nn.Module):
        super().__init__()
        self.config = config
        self.encoder, self.generator = encoder, generator
        if encoder is not None:
            self.register_buffer("centre", torch.zeros(config.owners, config.latent))
            self.register_buffer("spread", torch.eye(config.latent).repeat(config.owners, 1, 1))

    def forward(self, onehot: Tensor, z: Tensor) -> Tensor:
        """Map (B, K, H, W) and latents (B, owners*Z, h, w) to images (B, 3, H, W) in [-1, 1]."""
        return self.generator(onehot, z)

    def encode(self, image: Tensor, onehot: Tensor) -> Tensor:
        """The posterior's mean: latents that reproduce the image, (B, owners*Z, h, w)."""
        return self.encoder(image, onehot)[0]

    def prior(self, count: int, generator: torch.Generator | None = None,
              fitted: bool = True) -> Tensor:
        """`count` latents to sample with, (count, owners*Z, h, w).

        They follow N(0, 1), as in the paper, or with `fitted` the Gaussian of each class's codes
        where :func:`synthbook.smis.prior.fit_prior` has set it.
        """
        z = torch.randn(count, *self.config.latent_shape, generator=generator)
        z = z.to(next(self.generator.parameters()).device)
        if not fitted or self.encoder is None or self.config.latent_map:
            return z
        z = torch.einsum("kij,bkj->bki", self.spread, z.view(count, *self.centre.shape))
        return (z + self.centre).flatten(1)[..., None, None]

    def swap(self, z: Tensor, other: Tensor, c: int) -> Tensor:
        """`z` with the latent of class `c` taken from `other`; all of it where not split."""
        if not self.config.split:
            return other
        block = slice(c * self.config.latent, (c + 1) * self.config.latent)
        mixed = z.clone()
        mixed[:, block] = other[:, block]
        return mixed


def classes_of(data: str, size: int, knobs: dict) -> int:
    """K of a generated dataset; `places` has 16 classes unless `knobs` says another number."""
    if data == "places":
        knobs.setdefault("classes", 16)
    return len(dataset(data, size=size, **knobs).class_names)


# ----------------------------------------------------------------------------- the losses


def generator_loss(setting: Setting, nets: Networks, batch: Batch, scratch: dict,
                   more: Callable[[Tensor, Tensor, Tensor], dict[str, Tensor]] | None = None):
    """The generator's and encoder's loss; leaves the generated images for the discriminator.

    more : from maps, latents and images of the half drawn from the prior to further terms.
    """
    w, image, label = setting.weights, batch["image"], batch["label"]
    voice = min(1.0, max(0.0, (scratch["done"] - w.warm) / w.ramp)) if w.ramp else 1.0
    half = len(image) // 2 if voice else len(image)
    onehot = one_hot(label, setting.model.classes)
    mu, logvar = nets["encoder"](image[:half], onehot[:half])
    z = reparameterise(mu, logvar)
    terms = {"kl": losses.kl(mu, logvar) / latents_present(setting.model, onehot[:half])}
    if not voice:
        rebuilt = nets["generator"](onehot, z)
        terms["l1"] = (rebuilt - image).abs().mean()
    else:
        drawn = torch.randn_like(z)
        fake = nets["generator"](onehot[:2 * half], torch.cat([z, drawn]))
        terms |= image_terms(nets, fake, label[:2 * half], image[:half], voice)
        if more:
            terms |= more(onehot[half:2 * half], drawn, fake[half:])
        scratch["fake"] = fake.detach()
    return total(w, terms)


def paired_loss(setting: Setting, nets: Networks, batch: Batch, scratch: dict):
    """The loss of a generator without latents: every image of the batch has its truth."""
    image, onehot = batch["image"], one_hot(batch["label"], setting.model.classes)
    fake = nets["generator"](onehot, onehot.new_zeros(len(onehot), *setting.model.latent_shape))
    scratch["fake"] = fake.detach()
    return total(setting.weights, image_terms(nets, fake, batch["label"], image))


def image_terms(nets: Networks, fake: Tensor, label: Tensor, truth: Tensor,
                voice: float = 1.0) -> dict[str, Tensor]:
    """What generated images (B, 3, H, W) in the layouts (B, H, W) are judged by.

    truth : (P, 3, H, W), P <= B, the true images of the first P; the others have none.
    voice : how loud the discriminator is, 0 to 1.
    """
    pairs, count = len(truth), len(fake)
    logits, score, features = nets["discriminator"](torch.cat([fake, truth]))
    matched = losses.feature_matching([f[:pairs] for f in features],
                                      [f[count:] for f in features])
    return {
        "l1": (fake[:pairs] - truth).abs().mean(),
        "feature_matching": voice * matched,
        "segmentation": voice * losses.segmentation_g(logits[:count], label),
        "patch": voice * losses.hinge_g(score[:count]),
    }


def total(weights: Weights, terms: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """The weighted sum of the generator's terms, and the terms as they are logged."""
    loss = sum(getattr(weights, name) * value for name, value in terms.items())
    return loss, {f"g_{name}": value for name, value in terms.items()}


def latents_present(model: Any, onehot: Tensor) -> Tensor:
    """Mean number of latents in use in an image: its present classes, or 1."""
    return onehot.amax((-2, -1)).sum(1).mean() if model.split else onehot.new_tensor(1.0)


def discriminator_loss(setting: Setting, nets: Networks, batch: Batch, scratch: dict):
    """The discriminator's loss: half the batch against samples from the prior in its layouts.

    It sits out while the generator only rebuilds.
    """
    if "fake" not in scratch:
        return None
    half = len(batch["image"]) // 2
    label = batch["label"][half:2 * half]
    both = torch.cat([batch["image"][half:2 * half], scratch["fake"][half:]])
    (real_logits, logits), (real_score, score) = (
        x.chunk(2) for x in nets["discriminator"](both)[:2])
    terms = {
        "segmentation": losses.segmentation_d(real_logits, logits, label),
        "patch": losses.hinge_d(real_score, score),
    }
    loss = terms["segmentation"] + setting.weights.patch * terms["patch"]
    return loss, {f"d_{name}": value for name, value in terms.items()}


# ---------------------------------------------------------------------- looks on the way


@torch.no_grad()
def probe(setting: Setting, nets: Networks, image: Tensor, label: Tensor) -> dict[str, float]:
    """Reconstruction error, and how much one class's new latent moves pixels in and outside it.

    All are mean absolute differences on the scale [0, 1]; the last two average over classes. One
    latent for the whole image is redrawn whichever class is asked for. Without an encoder the
    first is the error of a sample.
    """
    model = setting.model
    onehot = one_hot(label, model.classes)
    generator = torch.Generator().manual_seed(0)
    z, other = (torch.randn(len(image), *model.latent_shape, generator=generator).to(image)
                for _ in range(2))
    before, inside, outside = nets["generator"](onehot, z), [], []
    rebuilt = before
    if "encoder" in nets:
        rebuilt = nets["generator"](onehot, nets["encoder"](image, onehot)[0])
    for c in range(model.classes):
        mask = onehot[:, c:c + 1]
        has = mask.amax((1, 2, 3)) > 0
        if has.any():
            mixed = z.clone()
            block = slice(c * model.latent, (c + 1) * model.latent) if model.split else slice(None)
            mixed[:, block] = other[:, block]
            change = (nets["generator"](onehot, mixed) - before).abs().mean(1, keepdim=True) / 2
            inside.append((change * mask)[has].sum() / mask[has].sum())
            outside.append((change * (1 - mask))[has].sum() / (1 - mask)[has].sum().clamp_min(1))
    return {"rebuilt_error": float((rebuilt - image).abs().mean() / 2),
            "change_inside": float(torch.stack(inside).mean()),
            "change_outside": float(torch.stack(outside).mean())}


@torch.no_grad()
def sample(setting: Setting, nets: Networks, image: Tensor, label: Tensor) -> Tensor:
    """For each of N layouts: the real image, its reconstruction, six samples; (8N, 3, H, W).

    Without an encoder: the real image and seven samples.
    """
    model = setting.model
    onehot = one_hot(label, model.classes)
    generator = torch.Generator().manual_seed(1)
    rows = [image]
    if "encoder" in nets:
        rows.append(nets["generator"](onehot, nets["encoder"](image, onehot)[0]))
    while len(rows) < 8:
        z = torch.randn(1, *model.latent_shape, generator=generator).to(image)
        rows.append(nets["generator"](onehot, z.expand(len(image), -1, -1, -1)))
    return torch.stack(rows, 1).flatten(0, 1)


# ----------------------------------------------------------------------------- the recipe


def discriminator(model: Any) -> nn.Module:
    """The discriminator of a model's classes and size, the same for all models."""
    return SegmentationDiscriminator(model.classes, 20 if model.size[0] >= 64 else 32)


def play(setting: Setting, parts: dict[str, Callable[[], nn.Module]], *, images: int,
         batch: int = 16, count: int | None = None,
         loss: Callable[..., Any] = generator_loss) -> Recipe:
    """The training recipe of a model.

    parts  : what makes its generator and, where it has one, its encoder.
    images : length of the run; `count` limits the number of training images.
    loss   : (setting, nets, batch, scratch) to the loss of generator and encoder.
    """
    w, model = setting.weights, setting.model

    def draw(split: str, **knobs: Any) -> Dataset:
        return dataset(setting.dataset, split, size=model.size[0], **setting.knobs, **knobs)


    def bound(function: Callable[..., Any]) -> Loss:
        return lambda nets, batch, scratch: function(setting, nets, batch, scratch)

    @cache
    def held() -> Batch:
        source = draw("val", count=8)
        return default_collate([source[i] for i in range(8)])

    def to(nets: Networks) -> tuple[Tensor, Tensor]:
        device = next(nets["generator"].parameters()).device
        return held()["image"].to(device), held()["label"].to(device)

    return Recipe(
        config=setting,
        data=lambda: cached(draw("train", count=count)),
        build=lambda: {**{name: make() for name, make in parts.items()},
                       "discriminator": discriminator(model)},
        players={
            "generator": Player(tuple(parts), bound(loss), w.rate_g, (0.5, 0.999)),
            "discriminator": Player(("discriminator",), bound(discriminator_loss), w.rate_d),
        },
        images=images, batch=batch, ema={name: 0.999 for name in parts}, decay_to=0.1,
        sample=lambda nets: sample(setting, nets, *to(nets)),
        probe=lambda nets: probe(setting, nets, *to(nets)),
    )
