"""Small label maps, images and networks for the tests of SMIS."""

from dataclasses import replace

import torch

from synthbook.layers import one_hot
from synthbook.smis import Config

TINY = Config(4, (32, 32), (4, 4, 2, 1), (16, 16, 16, 8, 8), (8, 8, 8, 8), latent=3,
              encoder=(4, 4, 4))
FORMS = {"vector": TINY, "map": replace(TINY, latent_map=True),
         "published": replace(TINY, latent_map=True, encoder_norm=True)}


def layout(batch=2, classes=4, size=32, seed=0):
    """Label maps (B, H, W) of random rectangles; the last class is nowhere."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.zeros(batch, size, size, dtype=torch.long)
    for b in range(batch):
        for c in range(1, classes - 1):
            y, x = torch.randint(0, size - 12, (2,), generator=generator).tolist()
            label[b, y:y + 11, x:x + 9] = c
        for c in range(classes - 1):  # every other class is somewhere
            label[b, c * 3:c * 3 + 3, :5] = c
    return label


def scene(batch=2, classes=4, size=32, seed=0):
    """Images (B, 3, H, W), label maps and their one-hot form."""
    label = layout(batch, classes, size, seed)
    image = torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return image, label, one_hot(label, classes)
