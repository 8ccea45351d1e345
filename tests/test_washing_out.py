"""What washes a class out of a generator, and the recorded failures of GANs on the ring."""

import math
from dataclasses import asdict

import pytest
import torch
from torch import nn

from synthbook import files
from synthbook.baselines import pix2pixhd, spade
from synthbook.conditional_gans import failures, maps, ring
from synthbook.figures.time_machine import time_machine
from synthbook.files import verified
from synthbook.layers import one_hot


def generators():
    torch.manual_seed(0)
    once = pix2pixhd.Generator(pix2pixhd.Config(4, (32, 32), widths=(8, 12, 12), blocks=1))
    again = spade.Generator(spade.Config(4, (32, 32), channels=(12, 12, 8), hidden=(8, 8)))
    again.train()
    for _ in range(5):  # running statistics as after some training
        again(one_hot(torch.randint(4, (4, 32, 32)), 4), torch.zeros(4, 0, 1, 1))
    return once.eval(), again.eval()


def test_a_frame_of_one_class_is_washed_out_by_instance_norm_and_not_by_spade():
    once, again = generators()
    full = maps.filled(range(4), 32)
    with maps.without_rounding(once):
        washed = maps.painter(once)(full)
    assert torch.equal(washed, washed[:1].expand_as(washed))
    assert maps.disagreement(maps.painter(again)(full)) > 0.01


def test_removing_rounding_ends_and_hardly_touches_other_maps():
    once, _ = generators()
    paint, label = maps.painter(once), maps.horizon(1, 2, 12, 32)[None]
    before = paint(label)
    with maps.without_rounding(once):
        inside = paint(label)
    assert torch.allclose(before, inside, atol=5e-3)
    assert torch.equal(before, paint(label))
    assert not any(m._forward_hooks for m in once.modules())


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_two_values_keep_their_sign_alone(share):
    rows = round(share * 40)
    x = maps.horizon(1, 0, rows, 40).double()
    p = rows / 40
    for low, high in ((0.0, 1.0), (-3.0, 7.0), (2.0, -5.0)):
        y = nn.functional.instance_norm((low + (high - low) * x)[None, None], eps=0)[0, 0]
        sign = math.copysign(1, high - low)
        assert y[0, 0].item() == pytest.approx(sign * math.sqrt((1 - p) / p))
        assert y[-1, 0].item() == pytest.approx(-sign * math.sqrt(p / (1 - p)))


def test_a_horizon_has_as_many_rows_as_asked():
    label = maps.horizon(3, 1, 5, 8)
    assert (label[:5] == 3).all() and (label[5:] == 1).all() and label.shape == (8, 8)


def test_disagreement_is_that_of_all_pairs():
    images = torch.randn(4, 3, 5, 5)
    slow = [(images[i] - images[j]).abs().mean() / 2 for i in range(4) for j in range(i)]
    assert maps.disagreement(images) == pytest.approx(float(torch.stack(slow).mean()))


def test_fading_looks_at_the_upper_rows_alone():
    colour = torch.linspace(-1, 1, 4)
    paint = lambda label: colour[label][:, None].expand(-1, 3, -1, -1)
    found = maps.fading(paint, (1, 2), 0, (2, 8), 8)
    assert found == pytest.approx([1 / 3, 1 / 3])


# ------------------------------------------------------------------------ the time machine


@pytest.fixture(scope="module")
def shipped():
    folder = files.data_dir() / "results" / "conditional-gans" / "time-machine"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 400_000
    return {one.name: verified(folder / f"{one.name}.png") for one in failures.ATTEMPTS}


def test_the_shipped_runs_are_those_of_the_table(shipped):
    for attempt in failures.ATTEMPTS:
        record = shipped[attempt.name]
        assert record["config"] == asdict(ring.Setting(rules=attempt.rules)), attempt.name
        assert tuple(record["images"]) == failures.COUNTS
        assert tuple(record["rows"]) == failures.ROWS


def test_each_failure_differs_as_its_title_says():
    plain = asdict(ring.Rules())
    changed = {one.name: {k for k, v in asdict(one.rules).items() if v != plain[k]}
               for one in failures.ATTEMPTS}
    assert changed == {"good": set(), "slow": {"rate_d"}, "momentum": {"momentum"},
                       "vanishing": {"rate_g", "rate_d", "saturating"},
                       "rescued": {"rate_g", "rate_d"}}
    rules = {one.name: one.rules for one in failures.ATTEMPTS}
    assert rules["good"].rate_d == pytest.approx(10 * rules["slow"].rate_d)
    assert rules["vanishing"].rate_d == pytest.approx(500 * rules["vanishing"].rate_g)


def test_what_the_captions_say_was_measured(shipped):
    last = {name: {k: v[-1] for k, v in record["probes"].items()}
            for name, record in shipped.items()}
    assert last["good"]["modes"] > 7 and last["good"]["near"] > 0.5
    assert max(shipped["slow"]["probes"]["modes"]) < 2
    assert last["momentum"]["modes"] < 0.6 * last["good"]["modes"]
    assert max(shipped["vanishing"]["probes"]["modes"]) < 1
    assert 2 < last["rescued"]["modes"] < 5
    early = {name: record["probes"]["pull"][1:4] for name, record in shipped.items()}
    assert max(early["vanishing"]) < 0.1 * min(early["rescued"])


def test_the_machine_counts_points():
    text = time_machine("conditional-gans", failures.ATTEMPTS, failures.CHARTS, "Five",
                        unit="points", shown="made points", seeds="Six runs each.").data
    assert "points seen" in text and "images seen" not in text
    assert "same 64,000 points each, 16 snapshots. Six runs each." in text
    assert text.count("made points, from top to bottom") == len(failures.ATTEMPTS)
