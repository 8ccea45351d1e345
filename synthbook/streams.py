"""Random streams by name: what is drawn for one purpose is independent of what is drawn for others.

Two generators with one seed give the same numbers. Latents drawn from the seed that a network was
built from repeat its first weights, and are no random latents to it. PyTorch's generator for
processors keeps only 32 bits of a seed, so that adding a large number does not help either.
"""

import zlib

import torch


def stream(name: str, seed: int = 0) -> torch.Generator:
    """A generator on the processor that is the same for the same name and seed, and for no other.

    Names and seeds share 2^32 starting points: two of them may meet, by chance.
    """
    return torch.Generator().manual_seed(zlib.crc32(f"{name} {seed}".encode()))
