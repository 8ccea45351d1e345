"""How GroupDNet and its relatives are trained at small scale.

One half of each batch is encoded and reconstructed, the other half is drawn from the prior, so
that the generator is judged on what readers will sample. :data:`DEVIATIONS` lists all that is
done otherwise than in the paper or its code.
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
class Setting:
    """Model, data and loss weights of one run."""

    model: Config
    dataset: str = "places"
    knobs: dict = field(default_factory=dict)
    weights: Weights = Weights()


def generator_loss(setting: Setting, nets: Networks, batch: Batch, scratch: dict):
    """The generator's and encoder's loss; leaves the generated images for the discriminator."""
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
        fake = nets["generator"](onehot[:2 * half], torch.cat([z, torch.randn_like(z)]))
        logits, score, features = nets["discriminator"](torch.cat([fake, image[:half]]))
        matched = losses.feature_matching([f[:half] for f in features],
                                          [f[2 * half:] for f in features])
        terms |= {
            "l1": (fake[:half] - image[:half]).abs().mean(),
            "feature_matching": voice * matched,
            "segmentation": voice * losses.segmentation_g(logits[:2 * half], label[:2 * half]),
            "patch": voice * losses.hinge_g(score[:2 * half]),
        }
        scratch["fake"] = fake.detach()
    loss = sum(getattr(w, name) * value for name, value in terms.items())
    return loss, {f"g_{name}": value for name, value in terms.items()}


def latents_present(model: Config, onehot: Tensor) -> Tensor:
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
    if data == "places":
        knobs.setdefault("classes", 16)
    classes = len(dataset(data, size=size, **knobs).class_names)
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
                                lambda *a: generator_loss(setting, *a), weights.rate_g,
                                (0.5, 0.999)),
            "discriminator": Player(("discriminator",),
                                    lambda *a: discriminator_loss(setting, *a), weights.rate_d),
        },
        images=images, batch=batch, ema={"generator": 0.999, "encoder": 0.999}, decay_to=0.1,
        sample=lambda nets: sample(setting, nets, *to(nets)),
        probe=lambda nets: probe(setting, nets, *to(nets)),
    )


def deviations(w: Weights = Weights()) -> tuple[tuple[str, str, str, str], ...]:
    """What this setting does otherwise than the paper or its code: part, paper, here, why."""
    return (
        ("data", "photographs: DeepFashion, Cityscapes, ADE20K", "drawn scenes and portraits",
         "nothing is downloaded, and the renderer knows the right answer"),
        ("image size", "256 × 256 or 256 × 512", "64 × 64 or 32 × 32",
         "trains on a laptop, runs in the page"),
        ("blocks", "seven, up to 4480 channels", "four or three, up to 256 channels",
         "follows the image size"),
        ("latent of a class", "a map, 1/64 of the image's sides", "one vector",
         "a drawn class has one style for its whole region"),
        ("where latents enter", "everywhere in the class's channels",
         "weighted by the share of each coarsest pixel that the class covers",
         "a vector has no place of its own"),
        ("encoder's input", "code: each class enlarged to the whole frame; paper: in place",
         "in place", "the paper's text"),
        ("encoder's masks", "none: what is outside a class is 0", "each class's mask beside it",
         "tells mid-grey from absent"),
        ("encoder's norms", "spectral and instance norm", "none",
         "they erase the flat colours of small regions"),
        ("encoder's end", "convolution of the last map", "mean over the class's own pixels",
         "one vector for a region of any size"),
        ("encoder's first weights", "as everywhere", "orthogonal means, small variances",
         "codes that start as signal are learned sooner"),
        ("absent classes", "encoded from zeros, KL paid", "posterior is the prior, KL 0",
         "no region, no evidence"),
        ("label maps in CG-Norm", "nearest pixel", "area average",
         "thin regions survive at the coarsest size"),
        ("borders of instances", "given on Cityscapes", "not given",
         "the label map is the only input"),
        ("hidden channels of CG-Norm", "128, or classes times groups", "64 or fewer", "cost"),
        ("spectral norm in the decoder", "on the blocks' convolutions", "none",
         "cost"),
        ("discriminator", "two patch discriminators, given the label map",
         "one U-Net that labels pixels or finds them generated, with a patch head",
         "the label map then teaches every pixel"),
        ("adversarial loss", "hinge",
         f"class-balanced cross-entropy, and hinge at weight {w.patch:g}",
         "follows the discriminator"),
        ("discriminator's examples", "rebuilt images from new draws",
         "the generator's own images, from prior latents", "judges what readers will sample"),
        ("perceptual loss", "VGG-19, weight 10", f"L1, weight {w.l1:g}",
         "no ImageNet weights needed"),
        ("feature matching", "weight 10, summed over layers, every image",
         f"weight {w.feature_matching:g}, averaged over layers, rebuilt images only",
         "images from the prior have no target"),
        ("KL", "weight 0.05, summed over batch and latents",
         f"weight {w.kl:g} for each nat of a present class, averaged over the batch",
         "the same pressure for every number of classes and every batch"),
        ("latents in training", "every image encoded",
         "half of a batch encoded, half drawn from the prior",
         "trains on what readers will sample"),
        ("latents in sampling", "N(0, 1)",
         "a Gaussian for each class, fitted to its codes after training; N(0, 1) beside it",
         "N(0, 1) draws codes that the decoder has seldom seen"),
        ("start", "all terms from the first step",
         f"only rebuilding for {w.warm:.0%} of the run, the game then faded in",
         "codes are learned before the discriminator speaks"),
        ("first weights", "Xavier, gain 0.02", "PyTorch's own",
         "so small a gain suits layers that are normalised"),
        ("optimiser", "Adam, betas 0 and 0.9",
         "Adam, betas 0.5 (generator) or 0 (discriminator), and 0.999",
         "short runs, small batches"),
        ("learning rates", "0.0001 and 0.0004", f"{w.rate_g:g} and {w.rate_d:g}",
         "short runs of small networks"),
        ("schedule", "constant, then linearly to 0",
         "constant for one half, then linearly to a tenth", "short runs"),
        ("averaged weights", "none", "exponential average, decay 0.999", "steadier samples"),
        ("batch", "8 or 4 on four GPUs", "16 on one device", "one device"),
        ("batch statistics", "over all GPUs", "over the device's batch, all images of it",
         "one device; several are synchronised too"),
        ("mirrored images", "half of them", "none", "more scenes are drawn instead"),
    )


DEVIATIONS = deviations()
