"""Mixtures, morphs and speed as numbers: what right, wrong and idle models get."""

import pytest
import torch
from flags import Flags
from layouts import TINY

from synthbook import game
from synthbook.layers import one_hot
from synthbook.smis import SMIS, applied

DATA = Flags("test", size=32)


class Painter:
    """A model whose code of a class is its mean colour, and which paints with it."""

    class config:  # noqa: N801
        classes, latent, split = 3, 3, True

    encoder = True

    def encode(self, image, onehot):
        total = torch.einsum("bkhw,bchw->bkc", onehot, image)
        code = total / onehot.sum((2, 3)).clamp_min(1)[..., None]
        return code.flatten(1)[..., None, None]

    swap = game.LayoutModel.swap

    def prior(self, count, generator=None, fitted=True):
        return torch.randn(count, 9, 1, 1, generator=generator)

    def __call__(self, onehot, z):
        colours = z.view(len(z), 3, 3)
        return torch.einsum("bkhw,bkc->bchw", onehot, colours).clamp(-1, 1)


class Mean(Painter):
    """A model that paints every class in the mean of the codes that it gets."""

    def __call__(self, onehot, z):
        mean = z.view(len(z), 3, 3).mean(1, keepdim=True).expand(-1, 3, -1)
        return super().__call__(onehot, mean.flatten(1)[..., None, None])


class Wave(Painter):
    """A model that runs past its goal and comes back."""

    def __call__(self, onehot, z):
        if len(z) < 2:
            return super().__call__(onehot, z)
        turn = torch.sin(torch.linspace(0, 3.14159, len(z))).view(-1, 1, 1, 1)
        return super().__call__(onehot, z[:1] + turn)


def test_class_colours_are_means_over_the_class():
    image = torch.zeros(1, 3, 4, 4)
    image[0, :, :, 2:] = torch.tensor([0.5, -0.5, 1.0]).view(3, 1, 1)
    label = torch.tensor([[[0, 0, 1, 1]] * 4])
    colours, holds = applied.class_colours(image, label, 3)
    assert torch.equal(colours[0, 1], torch.tensor([0.5, -0.5, 1.0]))
    assert not colours[0, [0, 2]].any() and holds.tolist() == [[True, True, False]]
    label = torch.zeros(1, 20, 20, dtype=torch.long)
    label[0, 0, :3] = 1  # less than one per cent
    assert applied.class_colours(torch.zeros(1, 3, 20, 20), label, 2)[1].tolist() == [[True, False]]


def test_sources_hold_what_they_lend_and_take_turns():
    holds = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 1], [1, 1, 0, 1]]).bool()
    assert applied.sources(holds) == [1, 2, 0, 2]


def test_a_mixture_of_mean_colours_keeps_its_sources():
    result = applied.mixtures(Painter(), DATA, 4)
    assert result["mixture_own_error"].value == pytest.approx(0, abs=1e-6)
    assert result["mixture_other_error"].value > 0.1
    assert result["mixture_own_error"].n == 4


def test_a_mixture_that_mixes_classes_does_not():
    result = applied.mixtures(Mean(), DATA, 4)
    assert result["mixture_own_error"].value > 0.5 * result["mixture_other_error"].value > 0


def test_a_straight_morph_moves_forward_and_a_wave_turns_back():
    assert applied.morphs(Painter(), DATA, 3)["morph_forward"].value == 1
    assert applied.morphs(Wave(), DATA, 3)["morph_forward"].value == pytest.approx(0.5)


def test_a_model_that_stands_still_has_no_morph():
    class Idle(Painter):
        def __call__(self, onehot, z):
            return onehot

    assert applied.morphs(Idle(), DATA, 2) == {}


def test_speed_counts_images_and_leaves_the_threads_as_they_were(monkeypatch):
    threads = torch.get_num_threads()
    clock = iter([0, 9, 10, 10.5, 20, 20.25, 30, 31])  # the first call only warms up
    monkeypatch.setattr(applied.time, "process_time", lambda: next(clock))
    seen = []

    class Counter(Painter):
        def __call__(self, onehot, z):
            seen.append(torch.get_num_threads())
            return onehot

    onehot = one_hot(torch.zeros(8, 4, 4, dtype=torch.long), 3)
    row = applied.speed(Counter(), onehot, rounds=3)["images_per_second"]
    assert row.value == row.high == 8 / 0.25 and row.low == 8 / 0.5 and row.n == 3
    assert seen == [1] * 4 and torch.get_num_threads() == threads


def test_only_encoders_mix_and_morph():
    torch.manual_seed(0)
    model = SMIS(TINY).eval()
    four = Flags("test", size=32)
    whole = applied.applications(model, four, 1)
    assert set(whole) == {"images_per_second", "mixture_own_error", "mixture_other_error",
                          "morph_forward"}
    model.encoder = None
    assert set(applied.applications(model, four, 1)) == {"images_per_second"}
