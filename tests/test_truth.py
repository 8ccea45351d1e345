"""Measuring with a known truth: change, zones, correlations, neighbours, spectra."""

import math

import numpy as np
import torch

from synthbook.datasets import dataset, truth

RNG = np.random.default_rng(0)


def test_change_counts_grey_levels():
    black, white = torch.full((2, 3, 4, 5), -1.0), torch.full((2, 3, 4, 5), 1.0)
    assert truth.change(black, white).shape == (2, 4, 5)
    assert (truth.change(black, white) == 255).all() and (truth.change(white, white) == 0).all()
    half = black.clone()
    half[:, 0] = 1
    assert torch.allclose(truth.change(black, half), torch.tensor(85.0))


def test_a_grown_mask_reaches_every_neighbour():
    mask = torch.from_numpy(RNG.random((2, 7, 9)) < 0.1)
    slow = torch.zeros_like(mask)
    for b, y, x in mask.nonzero().tolist():
        slow[b, max(y - 2, 0):y + 3, max(x - 2, 0):x + 3] = True
    assert torch.equal(truth.grown(mask, 2), slow)
    assert torch.equal(truth.grown(mask[0], 2), slow[0])


def test_zones_are_averaged_apart():
    mask = torch.zeros(6, 6, dtype=torch.bool)
    mask[2:4, 2:4] = True
    levels = torch.zeros(6, 6)
    levels[1:5, 1:5] = 3.0
    levels[2:4, 2:4] = 10.0
    assert truth.inside_border_outside(levels, mask) == (10.0, 3.0, 0.0)
    everywhere = torch.ones(6, 6, dtype=torch.bool)
    assert truth.inside_border_outside(levels, everywhere)[1:] == (0.0, 0.0)


def test_the_oracle_changes_nothing_beyond_the_border():
    data = dataset("places", "val", size=32)
    scene = data.scene(0)
    before = data.tensors(scene)
    after = data.tensors(data.redraw(scene, 0, np.random.default_rng(0)))
    zones = truth.inside_border_outside(truth.change(before["image"], after["image"]),
                                        before["label"] == 0)
    assert zones[0] > 5 and zones[2] == 0


def test_class_colours_are_means_over_a_class():
    image = torch.from_numpy(RNG.uniform(-1, 1, (2, 3, 5, 6))).float()
    label = torch.from_numpy(RNG.integers(0, 3, (2, 5, 6)))
    colours = truth.class_colours(image, label, 4)
    assert colours.shape == (2, 4, 3) and np.isnan(colours[:, 3]).all()
    for b, c in np.ndindex(2, 3):
        assert np.allclose(colours[b, c], image[b][:, label[b] == c].mean(1), atol=1e-6)


def test_correlation_uses_the_rows_that_hold_both():
    values = RNG.standard_normal((60, 3))
    assert np.allclose(truth.correlation(values), np.corrcoef(values.T))
    holes = values.copy()
    holes[:20, 0] = np.nan
    holes[25:, 2] = np.nan
    r = truth.correlation(holes)
    assert np.isclose(r[0, 1], np.corrcoef(values[20:, :2].T)[0, 1])
    assert np.isnan(r[0, 2]) and not np.isnan(r[1, 2])
    assert np.allclose(truth.off_diagonal(r), [r[0, 1], r[1, 2]])


def test_nearest_is_the_smallest_distance():
    memory, queries = RNG.standard_normal((30, 4)), RNG.standard_normal((7, 4))
    slow = [np.linalg.norm(memory - query, axis=1).argmin() for query in queries]
    assert truth.nearest(queries, memory).tolist() == slow
    assert truth.nearest(memory, memory).tolist() == list(range(30))


def test_a_layout_says_what_stands_where():
    scenes = [dataset("places").scene(i) for i in range(40)]
    scene = next(s for s in scenes if len(s.things) > 2)
    rows = truth.layout(scene.things).reshape(40, 8)
    assert set(rows.sum(1).nonzero()[0]) == {thing.fine for thing in scene.things}
    only = truth.layout(scene.things[:1]).reshape(40, 8)
    thing = scene.things[0]
    assert only[thing.fine].argmax() == int(8 * thing.x)
    assert np.allclose(truth.layout(scene.things), sum(truth.layout([t]) for t in scene.things))


def test_a_wave_has_its_power_at_its_frequency():
    x = torch.arange(64)
    wave = torch.sin(2 * math.pi * 12 / 64 * x)[None].expand(64, 64)
    frequency, share = truth.spectrum(wave + 3)
    assert frequency[share.argmax()] == 12 / 64
    assert np.isclose(share.max(), 1) and np.isclose(share.sum(), 1)
