"""StyleGAN2: a generator steered at every scale by its latent space (Karras et al., CVPR 2020)."""

from synthbook.stylegan2.discriminator import Discriminator, minibatch_stddev
from synthbook.stylegan2.layers import ModulatedConv
from synthbook.stylegan2.network import (
    Config,
    Mapping,
    StyleGAN2,
    Synthesis,
    config,
    every_row,
    mix,
    sample,
    truncate,
)

__all__ = ["Config", "Discriminator", "Mapping", "ModulatedConv", "StyleGAN2", "Synthesis",
           "config", "every_row", "minibatch_stddev", "mix", "sample", "truncate"]
