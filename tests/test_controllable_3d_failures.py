"""The 3D chapter's time machine: each run lacks one part, and what ships is what was recorded."""

from dataclasses import replace

import pytest
import torch
from tiny_cars import model

from synthbook import files
from synthbook.controllable_3d import failures
from synthbook.controllable_3d.config import VARIANTS
from synthbook.controllable_3d.failures import ATTEMPTS, GROUNDED, MARKED
from synthbook.controllable_3d.looks import snapshot
from synthbook.figures import time_machine as machine
from synthbook.files import verified

GOOD, *FAILED = ATTEMPTS
EVERY = (*ATTEMPTS, *GROUNDED, *MARKED)


def test_every_failure_is_a_variant_of_the_run_that_works():
    assert GOOD.variant == "controllable-3d" and {one.variant for one in FAILED} < set(VARIANTS)
    assert len({one.variant for one in ATTEMPTS}) == len(ATTEMPTS)
    settings = {one.name: one.recipe().config for one in ATTEMPTS}
    good = settings.pop("good")
    for name, other in settings.items():
        silent = name != "no-compactness"  # all others have no consistency loss, as they say
        assert (other.weights.consistency == 0) == silent
        (one,) = (a for a in ATTEMPTS if a.name == name)
        assert silent == ("L_geo" in one.title + one.changed)
    assert settings["no-compactness"].model == settings["no-consistency"].model == good.model
    flagged, bare = (one.recipe().config for one in GROUNDED)
    assert flagged.judged and not bare.judged and flagged.model == bare.model
    plain, told, held = (one.recipe().config for one in MARKED)
    assert plain.knobs == told.knobs and plain.model == replace(told.model, anchored=False)
    assert held == replace(told, weights=replace(told.weights, consistency=20.0))


def test_a_frame_shows_one_scene_in_every_column():
    made = model()
    pictures = snapshot(made)
    shown = failures.chosen(pictures)
    assert shown.shape == (len(failures.ROWS), len(failures.SCENES), 3, 16, 16)
    for row, edit in enumerate(failures.EDITS):
        for column, scene in enumerate(failures.SCENES):
            assert torch.equal(shown[row, column], pictures[8 * scene + edit])
    first, second = failures.SCENES
    scene = made.sample(8, torch.Generator().manual_seed(0), torch.ones(8, 3, dtype=torch.bool))
    assert torch.allclose(shown[0], made.render(scene).image[[first, second]], atol=1e-6)


# ------------------------------------------------------------------------- what ships


@pytest.fixture(scope="module")
def shipped():
    """The record of every run."""
    folder = files.data_dir() / "results" / "controllable-3d" / "time-machine"
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 950_000
    return {one.name: verified(folder / f"{one.name}.png") for one in EVERY}


def test_the_shipped_runs_are_those_of_the_table(shipped):
    for attempt in EVERY:
        record = shipped[attempt.name]
        assert record["config"]["knobs"] == attempt.knobs
        for key, value in VARIANTS[attempt.variant].items():
            told = record["config"]["weights" if key == "weights" else "model"]
            expected = value if key == "weights" else {key: value}
            assert {name: told[name] for name in expected} == expected, attempt.name
        assert tuple(record["images"]) == failures.COUNTS
        assert tuple(record["rows"]) == failures.ROWS and record["seed"] == 0
    for attempts, charts in ((ATTEMPTS, failures.CHARTS), (MARKED, failures.CHARTS),
                             (GROUNDED, failures.GROUND_CHARTS)):
        figure = machine.time_machine("controllable-3d", attempts, charts, "Cars").data
        assert figure.count('src="data:image/png;base64,') == len(attempts)


def test_what_the_captions_say_was_measured(shipped):
    last = {name: {key: values[-1] for key, values in record["probes"].items()}
            for name, record in shipped.items()}
    for key in ("colour", "depth"):
        assert last["no-consistency"][key] > 2 * last["good"][key]
        assert last["no-rotation"][key] > 2 * last["good"][key]
        assert last["no-compactness"][key] < 1.5 * last["good"][key]
    assert last["no-2d"]["colour"] > 2 * last["good"]["colour"]  # its depths are those of boxes
    flagged, bare = (shipped[name]["probes"]["behind"] for name in ("ground", "no-condition"))
    assert bare[0] > 2 * flagged[0] and bare[-1] < 1.2 * flagged[-1]
