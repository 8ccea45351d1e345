"""Random streams by name: the same for one name and seed, independent of all others."""

import pytest
import torch

from synthbook.streams import stream
from synthbook.stylegan2 import StyleGAN2
from synthbook.stylegan2.network import config


def drawn(name: str, seed: int) -> torch.Tensor:
    return torch.randn(4096, generator=stream(name, seed))


def test_a_name_and_a_seed_give_one_stream():
    assert torch.equal(drawn("noise", 3), drawn("noise", 3))


@pytest.mark.parametrize("other", [("noise", 4), ("latents", 3), ("noise", 3 + 2**32)])
def test_another_name_or_seed_gives_an_independent_one(other):
    pair = torch.stack([drawn("noise", 3), drawn(*other)])
    assert abs(pair.corrcoef()[0, 1]) < 0.08


def test_latents_are_random_to_a_network_that_was_built_from_their_seed():
    """Rows of its first weights would stand out among all latents: one output would be huge."""
    torch.manual_seed(0)
    model = StyleGAN2(config(32))
    first = model.mapping.layers[0].weight
    along = torch.nn.functional.normalize(model.latents(64, 0)) @ \
        torch.nn.functional.normalize(first).T
    assert along.abs().max() < 0.6
