"""The degradations, the attack, the bench and the audit of the chapter on measuring."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from synthbook import measuring, metrics
from synthbook.datasets import dataset
from synthbook.datasets.places.colours import oklab
from synthbook.files import BookError
from synthbook.measuring import DEGRADATIONS, OF_SETS, degraded

SINGLE = [kind for kind in DEGRADATIONS if kind not in OF_SETS]


@pytest.fixture(scope="module")
def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels of a few scenes."""
    data = dataset("places", "val", size=32)
    items = [data[i] for i in range(12)]
    return tuple(torch.stack([item[key] for item in items]) for key in ("image", "label"))


# ------------------------------------------------------------------------- degradations


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_a_degradation_keeps_shape_and_range_and_is_the_same_every_time(kind, pictures):
    images, labels = pictures
    spoilt = degraded(images, labels, kind, 1.0)
    assert spoilt.shape == images.shape
    assert spoilt.abs().max() <= 1
    assert torch.equal(spoilt, degraded(images, labels, kind, 1.0))
    assert not torch.equal(spoilt, images)
    assert torch.equal(degraded(images, labels, kind, 0.0), images)


@pytest.mark.parametrize("kind", SINGLE)
def test_more_strength_does_more_damage(kind, pictures):
    errors = [F.mse_loss(degraded(*pictures, kind, s), pictures[0]) for s in (0.0, 0.3, 0.6, 1.0)]
    assert errors == sorted(errors) and errors[0] == 0 < errors[1]


@pytest.mark.parametrize(("kind", "strength", "said"), [
    ("rain", 0.5, "unknown degradation 'rain': choose one of blur"),
    ("blur", 1.5, "strength 1.5 is out of range"), ("blur", -0.1, "choose 0 to 1")])
def test_what_cannot_be_done_is_refused(kind, strength, said, pictures):
    with pytest.raises(BookError, match=said):
        degraded(*pictures, kind, strength)


def test_blur_is_a_gaussian_mean_of_neighbours(pictures):
    image, sigma, reach = pictures[0][:1], 1.0, 3
    got = measuring.blurred(image, sigma)[0]
    padded = F.pad(image, (reach,) * 4, mode="reflect")[0]
    offsets = torch.arange(-reach, reach + 1.0)
    weight = torch.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * sigma**2))
    for y, x in ((0, 0), (5, 17), (31, 31)):
        patch = padded[:, y:y + 2 * reach + 1, x:x + 2 * reach + 1]
        assert torch.allclose(got[:, y, x], (patch * weight).sum((1, 2)) / weight.sum(), atol=1e-5)


def test_blur_keeps_what_is_flat_and_no_sigma_keeps_all(pictures):
    flat = torch.full((1, 3, 16, 16), 0.3)
    assert torch.allclose(measuring.blurred(flat, 2.0), flat, atol=1e-6)
    assert torch.equal(measuring.blurred(pictures[0], 0.1), pictures[0])


def test_a_shift_moves_to_the_right(pictures):
    moved = measuring.shifted(pictures[0], 3)
    assert torch.equal(moved[..., 3:], pictures[0][..., :-3])
    assert torch.equal(moved[..., 0], pictures[0][..., 0])


def test_flat_classes_hold_their_own_mean(pictures):
    images, labels = pictures
    flat = measuring.class_means(images, labels)
    for image, painted, label in zip(images, flat, labels):
        for c in label.unique():
            mean = image[:, label == c].mean(1, keepdim=True)
            assert torch.allclose(painted[:, label == c], mean.expand(-1, (label == c).sum()),
                                  atol=1e-5)


def test_exchanged_colours_keep_the_palette_and_the_texture(pictures):
    images, labels = pictures
    swapped = measuring.exchanged(images, labels)
    flat, other = (measuring.class_means(x, labels) for x in (images, swapped))
    assert torch.allclose(images - flat, swapped - other, atol=1e-5)
    for before, after, label in zip(flat, other, labels):
        colours = [sorted(x[:, label == c][:, 0].sum().item() for c in label.unique())
                   for x in (before, after)]
        assert colours[0] == pytest.approx(colours[1], abs=1e-4)


def test_duplicates_are_copies_of_the_first(pictures):
    images = pictures[0]
    for share, kept in ((0.0, 12), (0.5, 6), (0.75, 3), (1.0, 1)):
        copies = measuring.duplicated(images, share)
        assert len(copies) == 12 and len(copies.flatten(1).unique(dim=0)) == kept
        assert torch.equal(copies[:kept], images[:kept])


# ------------------------------------------------------------------------------ the attack


def test_an_attack_stays_near_and_beats_chance(pictures):
    images, radius = pictures[0][:4], 0.05
    weight = torch.randn(images.shape[1:], generator=torch.Generator().manual_seed(0))
    loss = lambda x: (x * weight).sum((1, 2, 3))
    moved = measuring.attacked(images, loss, radius)
    assert (moved - images).abs().max() <= radius + 1e-6 and moved.abs().max() <= 1
    best = loss((images + radius * weight.sign()).clamp(-1, 1))
    assert torch.allclose(loss(moved), best, rtol=1e-3)  # a linear loss has a known maximum
    assert not moved.requires_grad and not images.requires_grad


# ---------------------------------------------------------------------- features and samples


def test_all_components_keep_all_distances_and_the_first_vary_most():
    features = torch.randn(50, 6, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 7)
    whole = measuring.projected(features, features, 6)
    assert torch.allclose(torch.pdist(whole), torch.pdist(features), rtol=1e-4)
    covariance = whole.T.cov()
    assert torch.allclose(covariance, covariance.diag().diag(), atol=1e-2)
    assert covariance.diag().tolist() == sorted(covariance.diag().tolist(), reverse=True)
    assert torch.allclose(measuring.projected(features, features, 2), whole[:, :2], atol=1e-4)


def test_given_features_pass_and_images_do_not():
    space = measuring.given("small", 3)
    assert torch.equal(space(torch.ones(4, 3)), torch.ones(4, 3))
    with pytest.raises(BookError, match=r"give features \(N, 3\)"):
        space(torch.zeros(2, 3, 8, 8))


class Echo(nn.Module):
    """A network whose picture shows the latent that it was given."""

    config = type("Config", (), {"classes": 4})

    def prior(self, count, generator, fitted):
        return torch.rand(count, 3, generator=generator) * (1 if fitted else -1)

    def forward(self, onehot, latents):
        return latents[:, :, None, None].expand(-1, -1, *onehot.shape[-2:])


def test_every_sample_has_a_latent_of_its_own():
    labels = torch.randint(4, (70, 8, 8))
    shown = measuring.sampled(Echo(), labels, seed=3)
    assert shown.shape == (70, 3, 8, 8)
    assert len(shown[:, :, 0, 0].unique(dim=0)) == 70
    assert torch.equal(shown, measuring.sampled(Echo(), labels, seed=3))
    assert not torch.equal(shown, measuring.sampled(Echo(), labels, seed=4))
    assert measuring.sampled(Echo(), labels, fitted=False).max() <= 0


def test_random_colours_change_only_the_class_that_is_redrawn(pictures):
    labels = pictures[1]
    c = int(labels[0, 0, 0])
    pair = measuring.in_random_colours(labels, 2, redrawn=c)
    mask = (labels == c)[:, None].expand(-1, 3, -1, -1)
    first, second = pair[:, 0], pair[:, 1]
    assert torch.equal(first[~mask], second[~mask])
    assert not torch.equal(first[mask], second[mask])
    free = measuring.in_random_colours(labels, 2)
    assert (free[:, 0] != free[:, 1]).all()


# ------------------------------------------------------------------------------- the bench


class Oracle(nn.Module):
    """A judge that knows the answer for the pictures it was shown first."""

    config = type("Config", (), {"classes": 16})

    def __init__(self, images, labels):
        super().__init__()
        self.images, self.labels = images, labels

    def forward(self, x):
        same = (x == self.images).all(1)
        return F.one_hot(torch.where(same, self.labels, 0), 16).movedim(-1, 1).float()


@pytest.fixture(scope="module")
def bench(pictures) -> measuring.Bench:
    look = metrics.Extractor("mean", 3, lambda x: x.mean((2, 3)))
    images, labels = (x.repeat(2, 1, 1) if x.ndim == 3 else x.repeat(2, 1, 1, 1)
                      for x in pictures)
    return measuring.Bench(images, labels, {"mean": (look, look(images))}, Oracle(images, labels))


def test_the_right_pictures_are_perfect_and_degraded_ones_are_not(bench):
    right = bench.measure(bench.images)
    assert right["PSNR"] == float("inf") and right["mIoU"] == 1
    assert right["SSIM"] == pytest.approx(1) and right["LPIPS"] == pytest.approx(0, abs=1e-6)
    spoilt = bench.measure(degraded(bench.images, bench.labels, "colour cast", 1.0))
    assert spoilt["PSNR"] < 30 and spoilt["LPIPS"] > 0.01 and spoilt["mIoU"] < 0.5
    assert spoilt["KID mean"] > right["KID mean"] + 0.01


def test_sets_without_pairs_get_distances_of_sets_only(bench):
    assert set(bench.measure(bench.images, pairs=False)) == {"KID mean"}


# ------------------------------------------------------------------------------- the audit


def test_the_energy_distance_is_the_mean_over_pairs():
    draw = torch.Generator().manual_seed(0)
    x, y = torch.randn(6, 3, generator=draw), torch.randn(9, 3, generator=draw) + 1
    gap = lambda a, b: (a - b).norm().item()
    across = np.mean([gap(a, b) for a in x for b in y])
    within = [np.mean([gap(a, b) for i, a in enumerate(s) for j, b in enumerate(s) if i != j])
              for s in (x, y)]
    assert measuring.energy(x, y) == pytest.approx(2 * across - sum(within), abs=1e-5)


def test_the_energy_distance_has_no_bias():
    draw = torch.Generator().manual_seed(0)
    values = [measuring.energy(*torch.randn(2, 20, 3, generator=draw)) for _ in range(200)]
    assert min(values) < 0 < max(values)
    assert abs(np.mean(values)) < 4 * np.std(values) / len(values) ** 0.5


def test_colours_are_read_back_where_a_class_is_large_enough():
    labels = torch.zeros(2, 16, 16, dtype=torch.long)
    labels[0, :4], labels[1, 0, :3] = 1, 2
    images = torch.zeros(2, 3, 16, 16)
    images[0, :, :4] = torch.tensor([0.6, -0.2, 0.0]).view(3, 1, 1)
    colours = measuring.colours_of(images, labels, 4)
    assert colours.shape == (2, 4, 3)
    assert colours[0, 1] == pytest.approx(oklab(np.array([0.8, 0.4, 0.5])), abs=1e-5)
    assert colours[1, 0, 1:] == pytest.approx([0, 0], abs=1e-4)  # grey has no hue
    assert np.isnan(colours[1, 2]).all() and np.isnan(colours[:, 3]).all()


def test_the_audit_finds_the_class_that_is_too_narrow():
    rng = np.random.default_rng(0)
    real, samples = (rng.normal(0.5, 0.1, (80, 3, 3)) for _ in range(2))
    samples[:, 1] = 0.5 + 0.3 * (samples[:, 1] - 0.5)
    real[20:, 2] = np.nan
    rows = {row.index: row for row in measuring.audit(real, samples)}
    assert sorted(rows) == [0, 1]
    assert rows[0].distance.low <= 0.01 and 0.8 < rows[0].spread < 1.2
    assert rows[1].distance.low > 0 and rows[1].spread < 0.5
    assert rows[1].told.low > 0.5 >= rows[0].told.low  # the means agree, the spread does not


def test_regions_are_counted_by_their_sides():
    label = torch.zeros(1, 12, 12, dtype=torch.long)
    label[0, :4, :4], label[0, 4:8, 4:8] = 1, 1  # these touch at a corner only
    label[0, 10, 10] = 1  # too small
    label[0, :4, 8:] = 2
    assert measuring.things(label, [1, 2, 3]).tolist() == [[2, 1, 0]]
    assert measuring.things(label, [1], least=1).tolist() == [[3]]
