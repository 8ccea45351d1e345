"""Headings told and headings read: of what obeys, and of what is stored."""

import pytest
import torch

from synthbook import models
from synthbook.controllable_3d.judged import told_and_read
from synthbook.controllable_3d.oracle import TrueRenderer
from synthbook.datasets import dataset
from synthbook.files import data_dir, read_json

JUDGE = "judges/pose@cars-32-s0"
STORED = read_json(data_dir() / "results" / "controllable-3d" / "headings.json")


def fit(told, read, times):
    """How well angles that are read fit `times` those told, up to a fixed angle: 1 is always."""
    away = read - times * told
    return float(torch.hypot(away.cos().mean(), away.sin().mean()))


@torch.no_grad()
def test_of_the_renderer_what_is_read_is_what_was_told():
    renderer = TrueRenderer(dataset("cars", "test", size=32))
    scene = renderer.sample(12, torch.Generator().manual_seed(0),
                            torch.ones(12, 3, dtype=torch.bool))
    told, read = told_and_read(renderer, scene, models.load(JUDGE))
    assert told.shape == read.shape and 12 < len(told) <= 36
    assert fit(told, read, 1) > 0.85 > fit(told, read, 2)
    assert ((read - told).cos() > 0.8).float().mean() > 0.8


@pytest.mark.parametrize("name", STORED)
def test_the_stored_headings_are_of_recorded_weights(name):
    row, found = STORED[name], models.parse(name)
    judge = models.Name(models.MODELS[found.model].judge, found.dataset, found.size)
    for key, stem in (("weights", found), ("judge", judge)):
        record = read_json(stem.weights.with_suffix(".json"))
        assert row[key] == record["sha256"]
    assert len(row["told"]) == len(row["read"]) > 100
    assert all(0 <= angle < 360 for angle in row["told"] + row["read"])


@pytest.mark.parametrize("name, times", [("controllable-3d-marked", 2), ("anchored-marked", 2),
                                         ("held-marked", 1)])
def test_marked_cars_turn_twice_unless_they_are_held_to_what_they_are_told(name, times):
    row = STORED[f"controllable-3d/{name}@cars-32-s0"]
    told, read = (torch.tensor(row[key]).deg2rad() for key in ("told", "read"))
    assert fit(told, read, times) > 0.8 and fit(told, read, 3 - times) < 0.3
