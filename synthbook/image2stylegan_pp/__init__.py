"""Image2StyleGAN++: images embedded in a generator, and edited there (Abdal et al., CVPR 2020)."""

from synthbook.image2stylegan_pp.blocks import m_st, mk_n, near, w_l
from synthbook.image2stylegan_pp.editing import (
    between,
    crossover,
    expression,
    inpaint,
    morph,
    pasted,
    scribble,
    style_transfer,
    transfer_attribute,
)
from synthbook.image2stylegan_pp.embedding import (
    Embedding,
    Pace,
    Recording,
    fit_noise,
    fit_w,
    minimise,
    quality,
    render,
    start,
)
from synthbook.image2stylegan_pp.energy import Masks, Weights, energy
from synthbook.image2stylegan_pp.features import Taps, alexnet_taps, vgg16_taps
from synthbook.image2stylegan_pp.recipe import Settings, embed
from synthbook.image2stylegan_pp.tensors import Copy, activations, reached, transferred

__all__ = ["Copy", "Embedding", "Masks", "Pace", "Recording", "Settings", "Taps", "Weights",
           "activations", "alexnet_taps", "between", "crossover", "embed", "energy", "expression",
           "fit_noise", "fit_w", "inpaint", "m_st", "minimise", "mk_n", "morph", "near", "pasted",
           "quality", "reached", "render", "scribble", "start", "style_transfer",
           "transfer_attribute", "transferred", "vgg16_taps", "w_l"]
