"""Metrics of pairs and of control against the slow obvious versions."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from drawn import scenes

from synthbook import metrics
from synthbook.metrics.perceptual import lpips_network

CPU = torch.device("cpu")


# Pairs


def test_lpips_of_a_batch_is_that_of_its_pairs_and_the_package_s_own():
    a, b = scenes(5, 3, 64), scenes(5, 4, 64)
    together = metrics.lpips(a, b, batch=2)
    pairs = zip(a.split(1), b.split(1), strict=True)
    single = torch.stack([lpips_network(CPU)(x, y).squeeze() for x, y in pairs])
    assert together.shape == (5,)
    assert torch.allclose(together, single, atol=1e-6)
    assert torch.equal(metrics.lpips(a, a), torch.zeros(5))
    assert torch.allclose(together, metrics.lpips(b, a), atol=1e-6)


def test_lpips_lets_gradients_through_to_the_image_only():
    a = scenes(1, 3).requires_grad_()
    metrics.lpips(a, scenes(1, 4)).sum().backward()
    assert a.grad.abs().sum() > 0
    assert all(p.grad is None for p in lpips_network(CPU).parameters())


def test_pairwise_lpips_is_the_mean_over_all_pairs():
    samples = scenes(12, 5).view(3, 4, 3, 40, 40)
    slow = [torch.stack([metrics.lpips(s[i : i + 1], s[j : j + 1])[0]
                         for i, j in itertools.combinations(range(4), 2)]).mean() for s in samples]
    assert torch.allclose(metrics.pairwise_lpips(samples), torch.stack(slow), atol=1e-5)
    assert metrics.diversity(samples).value == pytest.approx(torch.stack(slow).mean().item(), 1e-4)


def test_psnr_follows_its_definition():
    a = scenes(3, 6)
    b = (a + 0.1).clamp(-1, 1)
    expected = 10 * torch.log10(4 / (a - b).square().mean((1, 2, 3)))
    assert torch.allclose(metrics.psnr(a, b), expected, atol=1e-4)
    assert metrics.psnr(a, a).isinf().all()
    assert metrics.mean_estimate(metrics.psnr(a, a)).as_dict() == {
        "value": None, "low": None, "high": None, "n": 3, "extractor": ""}


def test_ssim_follows_its_definition_with_black_at_zero():
    a, b = ((x + 1) / 2 for x in (scenes(2, 6), scenes(2, 7)))
    line = torch.exp(-((torch.arange(11) - 5) ** 2) / (2 * 1.5**2))
    window = (line[:, None] * line / line.sum() ** 2).expand(3, 1, 11, 11)

    def blur(x):
        return F.conv2d(F.pad(x, (5, 5, 5, 5), mode="reflect"), window, groups=3)

    ma, mb = blur(a), blur(b)
    va, vb, cov = blur(a * a) - ma**2, blur(b * b) - mb**2, blur(a * b) - ma * mb
    c1, c2 = 0.01**2, 0.03**2
    slow = (2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    assert torch.allclose(metrics.ssim(2 * a - 1, 2 * b - 1), slow.mean((1, 2, 3)), atol=1e-4)


# Control


def cases(size=40):
    """Six cases on three label maps: samples with one class recoloured, labels, classes, maps."""
    rng = np.random.default_rng(0)
    samples, labels, changed, maps = [], [], [], []
    for m, c in itertools.product(range(3), range(2)):
        label = torch.zeros(size, size).long()
        label[10 + 3 * m : 30, 5:25] = 1
        base = scenes(1, m, size)[0]
        colours = torch.from_numpy(rng.uniform(-1, 1, (3, 3, 1, 1))).float()
        samples.append(torch.where(label == c, colours, base))
        labels.append(label)
        changed.append(c)
        maps.append(m)
    return torch.stack(samples), torch.stack(labels), torch.tensor(changed), maps


def test_control_metrics_equal_a_loop_over_pairs():
    samples, label, changed, maps = cases()
    leak = samples.clone()
    leak[:, 1:] = (leak[:, 1:] * 0.7).clamp(-1, 1)
    inside, outside = {0: [], 1: []}, {0: [], 1: []}
    for s, y, c in zip(leak, label, changed, strict=True):
        mask = (y == c).float()
        pairs = list(itertools.combinations(s[:, None], 2))
        inside[int(c)].append(np.mean([metrics.lpips(a * mask, b * mask).item()
                                       for a, b in pairs]))
        outside[int(c)].append(np.mean([metrics.lpips(a * (1 - mask), b * (1 - mask)).item()
                                        for a, b in pairs]))
    mcsd, mocd = metrics.mcsd_mocd(leak, label, changed, maps)
    assert mcsd.value == pytest.approx(np.mean([np.mean(v) for v in inside.values()]), rel=1e-4)
    assert mocd.value == pytest.approx(np.mean([np.mean(v) for v in outside.values()]), rel=1e-4)
    assert (mcsd.n, mcsd.extractor) == (3, "lpips")
    assert mcsd.low <= mcsd.value <= mcsd.high


def test_a_change_confined_to_its_class_leaks_exactly_nothing():
    samples, label, changed, maps = cases()
    assert metrics.mocd(samples, label, changed, maps).value == 0
    assert metrics.mcsd(samples, label, changed, maps).low > 0.001


def test_identical_images_change_nowhere():
    samples, label, changed, maps = cases()
    inside, outside = metrics.masked_changes(samples[:, :1].repeat(1, 3, 1, 1, 1), label, changed)
    assert not inside.any() and not outside.any()


def test_classes_weigh_alike_however_many_cases_they_have():
    values, changed = torch.tensor([1.0, 1.0, 1.0, 3.0]), torch.tensor([0, 0, 0, 5])
    assert metrics.over_classes(values, changed).value == 2


def test_diversity_flags_a_deterministic_model():
    samples = scenes(8, 9).view(4, 2, 3, 40, 40)
    same = samples[:, :1].expand(-1, 3, -1, -1, -1)
    assert metrics.diversity(same).high == 0 < metrics.diversity(samples).low
