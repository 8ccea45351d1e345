"""A generator of 16 pixels whose noise matters, images that it made, and a network to look."""

import torch
from torch import nn

from synthbook.image2stylegan_pp import Taps, Weights, render, start
from synthbook.stylegan2 import Config, StyleGAN2

TINY = Config(16, (12, 10, 8), latent=6)
ROWS, SIZE = TINY.rows, TINY.size
PIXELS = Weights(percept=0.0)


def tiny(seed=0):
    torch.manual_seed(seed)
    model = StyleGAN2(TINY).eval()
    with torch.no_grad():
        model.synthesis.strengths.uniform_(0.1, 0.2)
        model.mapping.mean.copy_(model.mapping(torch.randn(256, TINY.latent)).mean(0))
        for colour in model.synthesis.colours:
            colour.conv.weight *= 0.15
    return model


def made(model, count=2, seed=5):
    """Images of latents that no embedding starts from, (count, 3, 16, 16) in [-1, 1]."""
    return render(model, start(model, count, "random", seed)).clamp(-1, 1)


def looking(seed=0):
    torch.manual_seed(seed)
    layers = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2),
                           nn.Conv2d(4, 5, 3, padding=1), nn.ReLU())
    return Taps(layers.eval().requires_grad_(False), (1, 4), (4,), side=SIZE)


def soft_mask(count=1, seed=3):
    return torch.rand(count, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
