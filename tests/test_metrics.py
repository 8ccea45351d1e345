"""Every metric against a slow obvious version, a closed form, or a model that is broken."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from drawn import scenes

from synthbook import metrics
from synthbook.files import BookError
from synthbook.metrics import distances, estimate

PLAIN = metrics.Extractor("plain", 8, lambda images: images)


def gaussian(n, seed, shift=0.0, dim=8):
    """(n, dim) features with independent columns of unequal spread."""
    draws = torch.from_numpy(np.random.default_rng(seed).normal(size=(n, dim)))
    return draws * torch.linspace(0.3, 1.5, dim) + shift


@pytest.fixture(scope="module")
def sets():
    """Features of real scenes, of as many fresh ones, and of what broken models would make."""
    real, fresh = scenes(160, 0), scenes(160, 1)
    noise = torch.from_numpy(np.random.default_rng(2).normal(size=fresh.shape)).float()
    broken = {
        "blurred": F.avg_pool2d(F.pad(fresh, (1, 1, 1, 1), mode="replicate"), 3, 1),
        "noisy": (fresh + 0.1 * noise).clamp(-1, 1),
        "collapsed": fresh[:4].repeat(40, 1, 1, 1),
        "recoloured": fresh.flip(1) * 0.3,
    }
    images = {"real": real, "fresh": fresh, **broken}
    return {name: metrics.alexnet()(x) for name, x in images.items()}


BROKEN = ["blurred", "noisy", "collapsed", "recoloured"]


# Frechet distances


def test_frechet_has_its_closed_form_for_diagonal_gaussians():
    mu1, mu2 = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1.0, 1.0, 0.0])
    v1, v2 = torch.tensor([1.0, 4.0, 9.0]), torch.tensor([4.0, 4.0, 0.0])
    found = metrics.frechet(mu1, torch.diag(v1), mu2, torch.diag(v2))
    assert found == pytest.approx(5 + (v1.sqrt() - v2.sqrt()).square().sum().item(), abs=1e-9)


def test_frechet_has_its_closed_form_in_one_dimension():
    found = metrics.frechet(*(torch.tensor(x) for x in ([1.0], [[4.0]], [4.0], [[25.0]])))
    assert found == pytest.approx(3**2 + (2 - 5) ** 2)


def test_frechet_equals_pytorch_fid_s():
    a, b = gaussian(60, 0), gaussian(60, 1, 0.5) @ gaussian(8, 2)
    arguments = *distances.moments(a), *distances.moments(b)
    assert metrics.frechet(*arguments) == pytest.approx(
        distances.pytorch_fid_distance(*arguments), rel=1e-6)


def test_a_spectrum_does_not_depend_on_one_method(monkeypatch):
    def fails(matrix):
        raise torch.linalg.LinAlgError("did not converge")

    x = torch.randn(9, 5, dtype=torch.float64)
    first, second = (x.mean(0), x.T.cov()), (x.mean(0) + 1, torch.eye(5, dtype=torch.float64))
    before = distances.frechet(*first, *second)
    monkeypatch.setattr(torch.linalg, "eigh", fails)
    values, vectors = distances.spectrum(first[1])
    torch.testing.assert_close(vectors * values @ vectors.T, first[1])
    assert distances.frechet(*first, *second) == pytest.approx(before)


def test_frechet_survives_scipy_without_disp(monkeypatch):
    from pytorch_fid import fid_score

    def sqrtm(matrix):
        raise AssertionError("called without `disp`")

    monkeypatch.setattr(fid_score.linalg, "sqrtm", sqrtm)
    arguments = *distances.moments(gaussian(60, 0)), *distances.moments(gaussian(60, 1))
    assert distances.pytorch_fid_distance(*arguments) == metrics.frechet(*arguments)


def test_fd_of_identical_sets_is_zero(sets):
    found = metrics.fd(sets["real"], sets["real"])
    assert found.value == pytest.approx(0, abs=1e-5)
    assert found.low == 0 and (found.n, found.extractor) == (160, "alexnet")


def test_fd_intervals_hold_the_expected_value():
    found = [metrics.fd(gaussian(100, 2 * i), gaussian(100, 2 * i + 1, 0.2), PLAIN)
             for i in range(40)]
    expected = np.mean([f.value for f in found])
    assert np.mean([f.low <= expected <= f.high for f in found]) >= 0.85


def test_extrapolation_removes_the_bias_of_a_finite_set():
    shift = 0.2
    found = [metrics.fd_infinity(gaussian(200, 2 * i), gaussian(200, 2 * i + 1, shift), PLAIN)
             for i in range(20)]
    plain = [metrics.fd(gaussian(200, 2 * i), gaussian(200, 2 * i + 1, shift), PLAIN).value
             for i in range(20)]
    truth = 8 * shift**2
    assert abs(np.mean([f.value for f in found]) - truth) < 0.3 * (np.mean(plain) - truth)
    assert np.mean([f.low <= truth <= f.high for f in found]) >= 0.8


# KID


def test_mmd_equals_a_double_loop():
    x, y = gaussian(6, 0), gaussian(5, 1, 0.3)

    def kernel(a, b):
        return (float(a @ b) / 8 + 1) ** 3

    xx = np.mean([kernel(a, b) for a, b in itertools.permutations(x, 2)])
    yy = np.mean([kernel(a, b) for a, b in itertools.permutations(y, 2)])
    xy = np.mean([kernel(a, b) for a in x for b in y])
    assert distances.mmd(x, y) == pytest.approx(xx + yy - 2 * xy)


def test_kid_is_unbiased_and_sees_a_shift():
    same = [metrics.kid(gaussian(100, 2 * i), gaussian(100, 2 * i + 1), PLAIN) for i in range(60)]
    values = np.array([s.value for s in same])
    assert abs(values.mean()) < 3 * values.std() / math.sqrt(60)
    assert np.mean([s.low <= 0 <= s.high for s in same]) >= 0.85
    assert metrics.kid(gaussian(400, 0), gaussian(400, 1, 0.5), PLAIN).low > 0


def test_kid_difference_names_the_closer_model_and_is_zero_for_one_model():
    real, near, far = gaussian(400, 0), gaussian(400, 1, 0.1), gaussian(400, 1, 0.6)
    assert metrics.kid_difference(real, near, far, PLAIN).high < 0
    assert metrics.kid_difference(real, far, near, PLAIN).low > 0
    tie = metrics.kid_difference(real, near, near, PLAIN)
    assert (tie.low, tie.value, tie.high) == (0, 0, 0)


def test_pairing_narrows_the_interval_of_a_difference():
    real, a = gaussian(400, 0), gaussian(400, 1, 0.1)
    paired = metrics.kid_difference(real, a, a + 0.05, PLAIN)
    unpaired = metrics.kid_difference(real, a, gaussian(400, 2, 0.15), PLAIN)
    assert paired.high - paired.low < 0.7 * (unpaired.high - unpaired.low)


# Fidelity, coverage, classifier


def test_identical_sets_have_full_precision_and_recall_and_distant_ones_none():
    a = gaussian(60, 0)
    assert [e.value for e in metrics.precision_recall(a, a, PLAIN)] == [1, 1]
    assert [e.value for e in metrics.precision_recall(a, a + 100, PLAIN)] == [0, 0]


def test_a_dropped_mode_costs_recall_not_precision():
    modes = torch.cat([gaussian(100, 0), gaussian(100, 1, 30.0)])
    one = gaussian(200, 2)
    precision, recall = metrics.precision_recall(modes, one, PLAIN)
    assert precision.value > 0.8 and 0.3 < recall.value <= 0.5
    assert metrics.recall(modes, one, PLAIN) == recall


def test_precision_equals_a_slow_loop():
    real, fake = gaussian(30, 0), gaussian(25, 1, 0.5)
    radii = [sorted((a - b).norm().item() for b in real)[3] for a in real]
    balls = list(zip(real, radii, strict=True))
    inside = [any((f - a).norm().item() <= r for a, r in balls) for f in fake]
    assert metrics.precision(real, fake, PLAIN).value == pytest.approx(np.mean(inside))


def test_the_classifier_is_at_chance_on_one_distribution_and_right_on_two():
    same = metrics.c2st(gaussian(300, 0), gaussian(300, 1), PLAIN)
    assert same.low <= 0.5 <= same.high
    assert metrics.c2st(gaussian(300, 0), gaussian(300, 1, 3.0), PLAIN).value > 0.98


# A broken model must not pass


@pytest.mark.parametrize("kind", BROKEN)
def test_distances_flag_a_broken_model(sets, kind):
    real, fresh, bad = sets["real"], sets["fresh"], sets[kind]
    assert metrics.fd(real, bad).low > metrics.fd(real, fresh).high
    assert metrics.kid(real, bad).low > metrics.kid(real, fresh).high
    assert metrics.kid_difference(real, fresh, bad).high < 0


@pytest.mark.parametrize("kind", BROKEN)
def test_the_classifier_flags_a_broken_model(sets, kind):
    assert metrics.c2st(sets["real"], sets["fresh"]).low <= 0.5
    assert metrics.c2st(sets["real"], sets[kind]).low > 0.5


def test_recall_flags_collapse_and_precision_flags_bad_images(sets):
    real = sets["real"]
    precision, recall = metrics.precision_recall(real, sets["fresh"])
    assert metrics.recall(real, sets["collapsed"]).high < recall.low
    assert metrics.precision(real, sets["noisy"]).high < precision.low


# Segmentation


def test_miou_and_accuracy_equal_a_slow_loop():
    rng = np.random.default_rng(0)
    label = torch.from_numpy(rng.choice(4, (6, 20, 20), p=[0.5, 0.3, 0.195, 0.005]))
    predicted = torch.where(torch.from_numpy(rng.random((6, 20, 20)) < 0.7), label, 1)
    label[0, :3] = 255
    counted = label != 255
    iou = [((predicted == k) & (label == k)).sum() / (((predicted == k) | (label == k)) & counted)
           .sum() for k in range(4)]
    area = [((label == k).sum() / counted.sum()).item() for k in range(4)]
    assert area[3] < 0.01
    found = metrics.miou(predicted, label, 4)
    assert found.value == pytest.approx(np.mean([x.item() for x in iou[:3]]))
    assert found.low <= found.value <= found.high and found.n == 6
    right = ((predicted == label) & counted).sum() / counted.sum()
    assert metrics.pixel_accuracy(predicted, label, 4).value == pytest.approx(right.item())
    for row in metrics.class_iou(predicted, label, 4):
        assert row.iou == pytest.approx(iou[row.index].item())
        assert row.area == pytest.approx(area[row.index])
        assert row.images == (label == row.index).flatten(1).any(1).sum()


def test_agreement_with_itself_is_full():
    label = torch.randint(0, 5, (3, 16, 16), generator=torch.Generator().manual_seed(0))
    assert metrics.miou(label, label, 5) == metrics.Estimate(1, 1, 1, 3, "")


# Intervals and refusals


def test_a_mean_s_interval_counts_units_not_rows():
    values = torch.from_numpy(np.random.default_rng(0).normal(size=50)).repeat_interleave(10)
    units = torch.arange(50).repeat_interleave(10)
    rows, grouped = metrics.mean_estimate(values), metrics.mean_estimate(values, units=units)
    assert grouped.n == 50 and grouped.value == pytest.approx(rows.value)
    assert grouped.high - grouped.low > 2 * (rows.high - rows.low)
    standard_error = values[::10].std().item() / math.sqrt(50)
    assert grouped.high - grouped.low == pytest.approx(2 * 1.96 * standard_error, rel=0.15)


def test_an_estimate_is_json_and_the_same_every_time():
    values = torch.linspace(0, 1, 30)
    found = metrics.mean_estimate(values, "lpips")
    assert found == metrics.mean_estimate(values, "lpips")
    assert set(found.as_dict()) == {"value", "low", "high", "n", "extractor"}
    assert estimate.Estimate(math.inf, math.nan, 1.0, 2, "").as_dict()["low"] is None


IMAGE = torch.zeros(2, 3, 64, 64)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: metrics.lpips(IMAGE, IMAGE + 3), r"\[3, 3\], expected \[-1, 1\]"),
    (lambda: metrics.lpips(IMAGE, IMAGE * math.nan), "expected"),
    (lambda: metrics.lpips(IMAGE, IMAGE[:, :1]), r"expected a tensor \(B, 3, H, W\)"),
    (lambda: metrics.lpips(IMAGE, IMAGE[:1]), "differ in shape"),
    (lambda: metrics.psnr(IMAGE.byte(), IMAGE.byte()), "torch.uint8"),
    (lambda: metrics.ssim(IMAGE[..., :8], IMAGE[..., :8]), "11 pixels"),
    (lambda: metrics.fd(IMAGE, IMAGE), "at least 20 samples, got 2"),
    (lambda: metrics.kid(IMAGE, IMAGE), "at least 20 samples"),
    (lambda: metrics.fd_infinity(IMAGE, IMAGE), "at least 768 samples"),
    (lambda: metrics.kid_difference(IMAGE, IMAGE, IMAGE[:1]), "differ in size"),
    (lambda: metrics.precision(IMAGE, IMAGE), "at least 20 samples"),
    (lambda: metrics.c2st(IMAGE, IMAGE), "at least 20 samples"),
    (lambda: metrics.diversity(IMAGE), r"\(N, S, 3, H, W\)"),
    (lambda: metrics.mean_estimate(torch.zeros(0)), "at least 1"),
    (lambda: metrics.miou(IMAGE[:, 0], IMAGE[:, 0], 3), "integer label maps"),
    (lambda: metrics.miou(IMAGE[:, 0].long() + 7, IMAGE[:, 0].long(), 3), "class 7"),
    (lambda: metrics.pixel_accuracy(IMAGE[:, 0].long(), IMAGE[:, 0].long() - 1, 3), "no pixel"),
    (lambda: metrics.mcsd(IMAGE[None], IMAGE[:1, 0].long(), torch.tensor([1])), "not hold class 1"),
    (lambda: metrics.mcsd(IMAGE[None], IMAGE[:, 0].long(), torch.tensor([0])), "to match"),
])
def test_bad_input_is_one_clear_line(call, message):
    with pytest.raises(BookError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
