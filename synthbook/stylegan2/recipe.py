"""How StyleGAN2 is trained at small scale: the logistic game with lazy regularisation.

:data:`DEVIATIONS` lists all that is done otherwise than in the paper or its code.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from accelerate.utils import extract_model_from_parallel
from torch import Tensor

from synthbook import losses
from synthbook.datasets import dataset
from synthbook.datasets.cache import cached
from synthbook.discriminators import ResidualDiscriminator
from synthbook.files import BookError
from synthbook.streams import stream
from synthbook.stylegan2.network import Config, Mapping, Synthesis, config, every_row, mix
from synthbook.training import Batch, Networks, Player, Recipe, exactly, lazy

PATH_DECAY = 0.99  # of the running mean of path lengths
LOOKS = 64  # images in a probe and in a snapshot


@dataclass(frozen=True)
class Objective:
    """Weights of the regularisers, in how many steps each is computed once, and the rates.

    Parameters
    ----------
    r1          : gamma; the penalty weighs gamma / 2.
    path_length : weight of the path length regulariser; 0 leaves it out.
    mixing      : share of the images whose layers have two latents.
    rate        : learning rate of both players.
    """

    r1: float = 1.0
    r1_every: int = 16
    path_length: float = 0.0
    path_every: int = 4
    mixing: float = 0.9
    rate: float = 2.5e-3


@dataclass(frozen=True)
class Setting:
    """Model, data and objective of one run."""

    model: Config
    dataset: str = "faces"
    knobs: dict = field(default_factory=dict)
    objective: Objective = Objective()


def gamma(size: int) -> float:
    """R1's gamma: 1 at 64 pixels, and in proportion to their number elsewhere."""
    return (size / 64) ** 2


# ----------------------------------------------------------------------------- the losses


def mixed_styles(setting: Setting, nets: Networks, count: int, device: torch.device) -> Tensor:
    """W+ codes (count, L, Z) of random latents, some with two latents each."""
    model = setting.model
    z = torch.randn(2 * count, model.latent, device=device)
    first, second = every_row(nets["mapping"](z), model).chunk(2)
    cut = torch.randint(1, model.rows, (count,), device=device)
    mixes = torch.rand(count, device=device) < setting.objective.mixing
    return mix(first, second, torch.where(mixes, cut, model.rows))


def generator_loss(setting: Setting, nets: Networks, batch: Batch, scratch: dict):
    """The loss of mapping and synthesis; leaves the generated images for the discriminator."""
    aim, real = setting.objective, batch["image"]
    fake = nets["synthesis"](mixed_styles(setting, nets, len(real), real.device))
    loss = losses.logistic_g(nets["discriminator"](fake))
    scratch["fake"], terms = fake.detach(), {"g_logistic": loss}
    if aim.path_length and (factor := lazy(scratch["step"], aim.path_every)):
        terms["g_path_length"] = path_term(setting, nets, len(real) // 2, real.device)
        loss = loss + factor * aim.path_length * terms["g_path_length"]
    return loss, terms


def path_term(setting: Setting, nets: Networks, count: int, device: torch.device) -> Tensor:
    """The path length regulariser on `count` new images; moves the running mean of lengths."""
    w = mixed_styles(setting, nets, max(1, count), device)
    image = exactly(nets["synthesis"], w)
    lengths = losses.path_lengths(image, w, torch.randn_like(image))
    mean = extract_model_from_parallel(nets["synthesis"]).path_length
    mean.lerp_(lengths.detach().mean(), 1 - PATH_DECAY)
    return losses.path_length(lengths, mean.clone())


def discriminator_loss(setting: Setting, nets: Networks, batch: Batch, scratch: dict):
    """The discriminator's loss on the batch and as many generated images."""
    aim, real = setting.objective, batch["image"]
    factor = lazy(scratch["step"], aim.r1_every)
    score, fake = nets["discriminator"](real), nets["discriminator"](scratch["fake"])
    loss = losses.logistic_d(score, fake)
    terms = {"d_logistic": loss, "d_real": score.mean(), "d_fake": fake.mean()}
    if factor:
        x = real.detach().requires_grad_()
        terms["d_r1"] = losses.r1(exactly(nets["discriminator"], x), x)
        loss = loss + factor * aim.r1 / 2 * terms["d_r1"]
    return loss, terms


# ---------------------------------------------------------------------- looks on the way


Look = tuple[Tensor, list[Tensor], list[Tensor]]


def look(nets: Networks, count: int) -> Look:
    """Latents (count, Z) and two sets of noise, always the same."""
    plain = extract_model_from_parallel(nets["synthesis"])
    generator = stream("look")
    z = torch.randn(count, plain.config.latent, generator=generator)
    one, other = (plain.draw_noise(count, generator) for _ in range(2))
    return z.to(plain.constant.device), one, other


@torch.no_grad()
def probe(nets: Networks, real: Tensor) -> dict[str, float]:
    """Scores, variety, and what noise does, on real images (B, 3, H, W) and as many samples.

    `spread` is the samples' standard deviation over that of real images, a mean over pixels:
    near 0 the generator has collapsed. `noise_moves` is the mean absolute difference, on the
    scale [0, 1], between images that differ in their noise alone. Strengths are told by layer.
    """
    z, one, other = look(nets, len(real))
    w = nets["mapping"](z)
    fake, again = nets["synthesis"](w, one), nets["synthesis"](w, other)
    plain = extract_model_from_parallel(nets["synthesis"])
    return {
        "score_real": float(nets["discriminator"](real).mean()),
        "score_fake": float(nets["discriminator"](fake).mean()),
        "spread": float(fake.std(0).mean() / real.std(0).mean()),
        "noise_moves": float((fake - again).abs().mean() / 2),
        **{f"strength_{name}": float(value)
           for name, value in zip(plain.config.layers, plain.strengths)}}


@torch.no_grad()
def snapshot(nets: Networks) -> Tensor:
    """Images of fixed latents and noise, (64, 3, H, W)."""
    z, noise, _ = look(nets, LOOKS)
    return nets["synthesis"](nets["mapping"](z), noise)


# ----------------------------------------------------------------------------- the recipe


def recipe(data: str, size: int, *, images: int, batch: int = 16, count: int | None = None,
           objective: Objective | None = None, **knobs: Any) -> Recipe:
    """The training recipe on a generated dataset.

    images : length of the run; `count` limits the number of training images.
    knobs  : of the dataset. Raises BookError for a batch that the discriminator cannot group.
    """
    model, aim = config(size), objective or Objective(r1=gamma(size))
    if batch % model.group:
        raise BookError(f"batch {batch} is no multiple of {model.group}, the images that the "
                        "discriminator compares: choose one")
    setting = Setting(model, data, knobs, aim)

    def bound(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda nets, batch, scratch: function(setting, nets, batch, scratch)

    @cache
    def held() -> Tensor:
        source = dataset(data, "val", size=size, count=LOOKS, **knobs)
        return torch.stack([source[i]["image"] for i in range(LOOKS)])

    return Recipe(
        config=setting,
        data=lambda: cached(dataset(data, "train", size=size, count=count, **knobs)),
        build=lambda: {"mapping": Mapping(model), "synthesis": Synthesis(model),
                       "discriminator": ResidualDiscriminator(model.channels, model.group)},
        players={
            "generator": Player(("mapping", "synthesis"), bound(generator_loss), aim.rate,
                                (0.0, 0.99)),
            "discriminator": Player(("discriminator",), bound(discriminator_loss), aim.rate,
                                    (0.0, 0.99))},
        images=images, batch=batch, ema={"mapping": 0.999, "synthesis": 0.999}, decay_to=0.1,
        decay_from=0.6,
        sample=snapshot,
        probe=lambda nets: probe(nets, held().to(next(nets["synthesis"].parameters()).device)))


def deviations(aim: Objective = Objective(), model: Config = Config()
               ) -> tuple[tuple[str, str, str, str], ...]:
    """What this setting does otherwise than the paper or its code: part, paper, here, why."""
    widths = ", ".join(map(str, model.channels))
    return (
        ("data", "photographs of faces, cars, churches, ...", "drawn portraits",
         "generated, with known truth"),
        ("image size", "1024 × 1024 for faces", "64 × 64 or 32 × 32",
         "trains on a laptop, runs in the page"),
        ("channels", "512 up to 64 pixels", f"{widths} from 4 pixels on", "cost"),
        ("latents", "512 numbers, eight layers of mapping",
         f"{model.latent} numbers, {model.depth} layers", "cost; few images need no more"),
        ("modulated convolution", "weights scaled for every image", "input and output scaled",
         "equal, and faster on a processor"),
        ("up-sampling in the generator", "transposed convolution, then the filter 1, 3, 3, 1",
         "the same filter first, then the convolution; the border repeats its pixels",
         "equal but for the border"),
        ("regularisers' precision", "that of the network", "float32 throughout",
         "second derivatives in bfloat16 come out wrong on processors"),
        ("discriminator's batches", "generated images of their own",
         "those of the generator's step", "saves a pass of the generator"),
        ("lazy R1", "a step of its own, Adam's settings corrected for it",
         "added to the loss of every 16th step", "one optimiser step a batch"),
        ("gamma of R1", "10; by size and batch in later code", f"{aim.r1:g}",
         "small images, few of them"),
        ("path length regulariser", "weight 2, every fourth step",
         f"weight {aim.path_length:g}, every fourth step" if aim.path_length else "off",
         "cost; an option"),
        ("style mixing", "code: the cut drawn for a batch", "the cut drawn for each image",
         "steadier gradients"),
        ("groups of the minibatch deviation", "images apart in the batch", "neighbours",
         "batches are shuffled already"),
        ("learning rate", "0.002, constant",
         f"{aim.rate:g}, as in later code for small images; falls to a tenth from 60 % of the run",
         "short runs end with less noise in the weights"),
        ("averaged weights", "half-life of 10,000 images",
         "decay 0.999 a step, over a ninth of the steps so far at first", "short runs"),
    )


DEVIATIONS = deviations()
