"""StyleGAN2: a generator steered at every scale by its latent space (Karras et al., CVPR 2020)."""

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

__all__ = ["Config", "Mapping", "ModulatedConv", "StyleGAN2", "Synthesis",
           "config", "every_row", "mix", "sample", "truncate"]
