"""What StyleGAN2 is measured by: what noise moves, how even W is, copies, and traits."""

import pytest
import torch

from synthbook import metrics
from synthbook.metrics import Extractor
from synthbook.streams import stream
from synthbook.stylegan2 import Config, StyleGAN2, measure

MEANS = Extractor("means", 6, lambda x: torch.cat([x.mean((2, 3)), x.std((2, 3))], 1))
TINY = Config(16, (12, 10, 8), latent=6)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return StyleGAN2(TINY).eval().requires_grad_(False)


def test_a_model_without_strengths_is_not_moved_by_noise(model):
    row = measure.noise_rows(model, 8, 0)
    assert row["noise_moves"].value == row["noise_share"].value == row["reach_8.0"].value == 0
    assert {f"strength_{name}" for name in TINY.layers} <= set(row)


def test_noise_rows_follow_the_strengths(model):
    model.synthesis.strengths += torch.tensor([0.0, 0.0, 0.5, 0.0, -1.0])
    row = measure.noise_rows(model, 32, 0)
    assert row["strength_16.1"].value == -1 and row["strength_8.1"].value == 0.5
    assert row["reach_16.1"].value > row["reach_8.1"].value > 0 == row["reach_4.1"].value
    assert row["noise_share"].value > 0 and row["noise_moves"].low > 0
    before = row["noise_share"].value
    model.synthesis.strengths *= 3
    again = measure.noise_rows(model, 32, 0)
    assert again["noise_share"].value > before
    assert again["reach_8.1"].value == pytest.approx(3 * row["reach_8.1"].value, rel=0.05)


def test_moves_are_shares_of_the_distance_between_strangers():
    image = torch.zeros(4, 3, 8, 8)
    row = measure.moves(image, image + 0.1, image + 0.5)
    assert row["noise_moves"].value == pytest.approx(0.05)
    assert row["noise_share"].value == pytest.approx(0.2)


class Linear(torch.nn.Module):
    """A generator whose path lengths are known: pixel p is a_p times the sum of w's rows."""

    def __init__(self, size=8):
        super().__init__()
        self.weight = torch.randn(3 * size * size, TINY.latent)

    def draw_noise(self, count, generator=None):
        return []

    def forward(self, w, noise):
        return (w.sum(1) @ self.weight.T).view(len(w), 3, 8, 8)


def test_path_rows_of_a_generator_that_is_a_matrix(model):
    torch.manual_seed(1)
    model.synthesis = Linear()
    row = measure.path_rows(model, 200, 0)
    generator = stream("paths", 0)
    y = torch.cat([torch.randn(min(32, 200 - k), 3, 8, 8, generator=generator)
                   for k in range(0, 200, 32)])
    lengths = (y.flatten(1) @ model.synthesis.weight).norm(dim=1) / 8
    assert row["path_length"].value == pytest.approx(lengths.mean().item(), rel=1e-4)
    spread = (lengths / lengths.mean() - 1).abs().mean().item()
    assert row["path_spread"].value == pytest.approx(spread, rel=1e-4)


def test_control_reads_the_diagonal_and_the_rest():
    count = len(measure.TRAITS)
    moved = torch.full((count, 5, count), -0.25)
    moved.diagonal(dim1=0, dim2=2).fill_(2.0)
    moved[3, :, 3] = 1.0
    row = measure.control(moved, "plain_")
    assert row["plain_trait_leakage"].value == pytest.approx(0.25)
    assert row["plain_trait_change"].value == pytest.approx(2 - 1 / count)
    name = measure.TRAITS[3].name.replace(" ", "_")
    assert row[f"plain_change_{name}"].value == 1 and row["plain_trait_change"].n == 5


def test_copying_tells_copies_from_fresh_images():
    generator = torch.Generator().manual_seed(0)
    train, fresh, other = torch.randn(3, 120, 6, generator=generator)
    near = train + 0.01 * torch.randn(120, 6, generator=generator)
    judged = lambda fake: metrics.copying(fresh, fake, train, MEANS)
    assert judged(train).value == 1 and judged(near).low > 0.9
    assert judged(other).low < 0.5 < judged(other).high
    assert judged(other + 5).value < 0.1
    assert judged(fresh).value == 0.5
