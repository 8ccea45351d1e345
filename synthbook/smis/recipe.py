"""How GroupDNet and its relatives are trained at small scale.

One half of each batch is encoded and reconstructed, the other half is drawn from the prior, so
that the generator is judged on what readers will sample. Declared deviations from the paper:
a segmentation discriminator with a patch head in place of the multi-scale patch
discriminator, L1 in place of the VGG loss, KL per present class, no learning-rate TTUR beyond
the ratio in :class:`Weights`.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from synthbook import losses
from synthbook.datasets import dataset
from synthbook.datasets.cache import cached
from synthbook.discriminators import SegmentationDiscriminator
from synthbook.layers import one_hot, reparameterise
from synthbook.smis.network import Config, Encoder, Generator, config
from synthbook.training import Batch, Networks, Player, Recipe


@dataclass(frozen=True)
class Weights:
    """Weights of the generator's loss terms, and the learning rates."""

    l1: float = 5.0
    feature_matching: float = 5.0
    segmentation: float = 1.0
    patch: float = 0.5
    kl: float = 0.02  # for each nat of a present class
    rate_g: float = 4e-4
    rate_d: float = 4e-4


@dataclass(frozen=True)
class Setting:
    """Model, data and loss weights of one run."""

    model: Config
    dataset: str = "places"
    knobs: dict = field(default_factory=dict)
    weights: Weights = Weights()


def generator_loss(setting: Setting, nets: Networks, batch: Batch, scratch: dict):
    """The generator's and encoder's loss; leaves the generated images for the discriminator."""
    w, half = setting.weights, len(batch["image"]) // 2
    image, label = batch["image"], batch["label"]
    onehot = one_hot(label, setting.model.classes)
    mu, logvar = nets["encoder"](image[:half], onehot[:half])
    z = torch.cat([reparameterise(mu, logvar), torch.randn_like(mu)])
    fake = nets["generator"](onehot[:2 * half], z)
    logits, score, features = nets["discriminator"](torch.cat([fake, image[:half]]))
    rebuilt = [f[:half] for f in features]
    terms = {
        "l1": (fake[:half] - image[:half]).abs().mean(),
        "feature_matching": losses.feature_matching(rebuilt, [f[2 * half:] for f in features]),
        "segmentation": losses.segmentation_g(logits[:2 * half], label[:2 * half]),
        "patch": losses.hinge_g(score[:2 * half]),
        "kl": losses.kl(mu, logvar) / latents_present(setting.model, onehot[:half]),
    }
    scratch["fake"] = fake.detach()
    loss = sum(getattr(w, name) * value for name, value in terms.items())
    return loss, {f"g_{name}": value for name, value in terms.items()}


def latents_present(model: Config, onehot: Tensor) -> Tensor:
    """Mean number of latents in use in an image: its present classes, or 1."""
    return onehot.amax((-2, -1)).sum(1).mean() if model.split else onehot.new_tensor(1.0)


def discriminator_loss(setting: Setting, nets: Networks, batch: Batch, scratch: dict):
    """The discriminator's loss: half the batch against samples from the prior in its layouts."""
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


@torch.no_grad()
def probe(setting: Setting, nets: Networks, image: Tensor, label: Tensor) -> dict[str, float]:
    """Reconstruction error, and how much one class's new latent moves pixels in and outside it.

    All are mean absolute differences on the scale [0, 1]; the last two average over classes.
    """
    model = setting.model
    onehot = one_hot(label, model.classes)
    mu, _ = nets["encoder"](image, onehot)
    error = (nets["generator"](onehot, mu) - image).abs().mean() / 2
    generator = torch.Generator().manual_seed(0)
    z, other = (torch.randn(len(image), *model.latent_shape, generator=generator).to(image)
                for _ in range(2))
    before, inside, outside = nets["generator"](onehot, z), [], []
    for c in range(model.classes if model.split else 1):
        mixed = z.clone()
        block = slice(c * model.latent, (c + 1) * model.latent)
        mixed[:, block] = other[:, block]
        change = (nets["generator"](onehot, mixed) - before).abs().mean(1, keepdim=True) / 2
        mask = onehot[:, c:c + 1] if model.split else torch.ones_like(onehot[:, :1])
        has = mask.amax((1, 2, 3)) > 0
        if has.any():
            inside.append((change * mask)[has].sum() / mask[has].sum())
            outside.append((change * (1 - mask))[has].sum() / (1 - mask)[has].sum().clamp_min(1))
    return {"rebuilt_error": float(error), "change_inside": float(torch.stack(inside).mean()),
            "change_outside": float(torch.stack(outside).mean())}


@torch.no_grad()
def sample(setting: Setting, nets: Networks, image: Tensor, label: Tensor) -> Tensor:
    """For each of N layouts: the real image, its reconstruction, six samples; (8N, 3, H, W)."""
    model = setting.model
    onehot = one_hot(label, model.classes)
    mu, _ = nets["encoder"](image, onehot)
    generator = torch.Generator().manual_seed(1)
    rows = [image, nets["generator"](onehot, mu)]
    for _ in range(6):
        z = torch.randn(1, *model.latent_shape, generator=generator).to(image)
        rows.append(nets["generator"](onehot, z.expand(len(image), -1, -1, -1)))
    return torch.stack(rows, 1).flatten(0, 1)


def build(setting: Setting) -> dict[str, nn.Module]:
    """Generator, encoder and discriminator, weights drawn from torch's current seed."""
    width = 20 if setting.model.size[0] >= 64 else 32
    return {"generator": Generator(setting.model), "encoder": Encoder(setting.model),
            "discriminator": SegmentationDiscriminator(setting.model.classes, width)}


def recipe(variant: str, data: str, size: int, *, images: int, batch: int = 16,
           count: int | None = None, weights: Weights = Weights(), **knobs) -> Recipe:
    """The training recipe of a SMIS variant on a generated dataset."""
    classes = knobs.setdefault("classes", {"places": 16, "faces": 8}[data])
    setting = Setting(config(variant, size, classes), data, knobs, weights)
    held = [dataset(data, "val", size=size, **knobs)[i] for i in range(8)]
    image = torch.stack([item["image"] for item in held])
    label = torch.stack([item["label"] for item in held])

    def to(nets):
        device = next(nets["generator"].parameters()).device
        return image.to(device), label.to(device)

    return Recipe(
        config=setting,
        data=lambda: cached(dataset(data, "train", size=size, count=count, **knobs)),
        build=lambda: build(setting),
        players={
            "generator": Player(("generator", "encoder"),
                                lambda *a: generator_loss(setting, *a), weights.rate_g),
            "discriminator": Player(("discriminator",),
                                    lambda *a: discriminator_loss(setting, *a), weights.rate_d),
        },
        images=images, batch=batch, ema={"generator": 0.999, "encoder": 0.999}, decay_to=0.1,
        sample=lambda nets: sample(setting, nets, *to(nets)),
        probe=lambda nets: probe(setting, nets, *to(nets)),
    )
