"""How GroupDNet and its relatives are trained at small scale.

One half of each batch is encoded and reconstructed, the other half is drawn from the prior, so
that the generator is judged on what readers will sample. :data:`DEVIATIONS` lists all that is
done otherwise than in the paper or its code. The game itself is :mod:`synthbook.game`'s, which
the models compared with GroupDNet play too.
"""

from collections.abc import Callable

from torch import nn

from synthbook import game
from synthbook.game import (
    Setting,
    Weights,
    discriminator_loss,
    generator_loss,
    latents_present,
    probe,
    sample,
)
from synthbook.smis.mulnet import Streams, StreamEncoder
from synthbook.smis.network import SMIS, Config, Encoder, Generator, WholeImageEncoder, config
from synthbook.training import Recipe

__all__ = ["DEVIATIONS", "Setting", "Weights", "deviations", "discriminator_loss",
           "generator_loss", "latents_present", "model", "probe", "recipe", "sample"]

MODULES: dict[str, tuple[type[nn.Module], type[nn.Module]]] = {  # all others: those of GroupDNet
    "groupdnet-unsplit": (Generator, WholeImageEncoder),
    "mulnet": (Streams, StreamEncoder),
}


def model(variant: str, sizes: Config) -> SMIS:
    """A variant of :func:`synthbook.smis.network.config` with its modules."""
    generator, encoder = MODULES.get(variant, (Generator, Encoder))
    return SMIS(sizes, encoder, generator)


def recipe(variant: str, data: str, size: int, *, images: int, batch: int = 16,
           count: int | None = None, weights: Weights = Weights(), **knobs) -> Recipe:
    """The training recipe of a SMIS variant on a generated dataset."""
    sizes = config(variant, size, game.classes_of(data, size, knobs))
    generator, encoder = MODULES.get(variant, (Generator, Encoder))
    parts: dict[str, Callable[[], nn.Module]] = {
        "generator": lambda: generator(sizes), "encoder": lambda: encoder(sizes)}
    return game.play(Setting(sizes, data, knobs, weights), parts, images=images, batch=batch,
                     count=count)


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
