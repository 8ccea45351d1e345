"""A pyramid of a few channels, for tests: classifier, generator, discriminator, a batch."""

import torch

from synthbook.semantic_pyramid import ClassifierConfig, Config, Discriminator, Generator
from synthbook.semantic_pyramid.classifier import HALVED, untrained

KNOWN = ClassifierConfig(6, (4, 6, 8, 8, 8), HALVED[32], hidden=12, size=32)
TINY = Config(KNOWN.shapes, 6, 32, latent=5, channels=(16, 8, 8, 8, 8), critic=(8, 8, 8),
              embedding=4)


def pictures(count=3, seed=0):
    """Smooth images (count, 3, 32, 32) in [-1, 1], each of its own colours."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 4, 4, generator=generator) * 1.8 - 0.9
    return torch.nn.functional.interpolate(coarse, (32, 32), mode="bilinear")


def classifier():
    return untrained(KNOWN, pictures(16, seed=9))


def generator(seed=0, **changed):
    """A generator whose categories and attention matter already."""
    torch.manual_seed(seed)
    made = Generator(Config(**{**vars(TINY), **changed}))
    with torch.no_grad():
        for block in made.blocks:
            for norm in (block.norm_0, block.norm_1):
                norm.scale.weight.normal_(0, 0.2)
                norm.shift.weight.normal_(0, 0.2)
        made.attention.gamma.fill_(0.3)
    return made.eval()


def networks(seed=0):
    torch.manual_seed(seed)
    return {"generator": Generator(TINY), "discriminator": Discriminator(TINY),
            "classifier": classifier()}


def batch(count=3):
    return {"image": pictures(count), "category": torch.arange(count) % KNOWN.categories}
