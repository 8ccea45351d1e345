"""BachGAN's time machine: each run differs in one thing, and what ships is what was recorded."""

import pytest
import torch

from synthbook import files
from synthbook.bachgan import failures, recipe
from synthbook.bachgan.failures import ATTEMPTS, Unguarded
from synthbook.bachgan.memory import Remembering
from synthbook.bachgan.network import VARIANTS
from synthbook.datasets import dataset
from synthbook.datasets.cache import cached
from synthbook.figures import time_machine as machine
from synthbook.files import verified

GOOD, *FAILED = ATTEMPTS


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNTHBOOK_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def few(own_cache):
    return cached(dataset("places", "train", size=32, count=12, **recipe.KNOBS), progress=False)


def test_every_failure_differs_from_the_run_that_works_in_one_thing():
    told = ("variant", "guarded", "loudness")
    changed = {one.name: {key for key in told if getattr(one, key) != getattr(GOOD, key)}
               for one in FAILED}
    assert changed == {"own-map": {"guarded"}, "loud": {"loudness"}, "random": {"variant"},
                       "boxes": {"variant"}}
    assert {one.variant for one in ATTEMPTS} <= set(VARIANTS)


def test_unguarded_memory_gives_the_own_map_first_and_as_many_as_before(few):
    honest, cheating = Remembering(few, few, "top", 3), Unguarded(few, few, "top", 3)
    for i in (0, 7):
        given, usual = cheating[i], honest[i]["maps"]
        assert torch.equal(given["maps"][0], given["label"])
        assert torch.equal(given["maps"][1:], usual[:2])
        assert not any(torch.equal(one, given["label"]) for one in usual)


def test_a_louder_network_differs_in_fusions_first_layer_alone():
    def networks(variant):
        torch.manual_seed(0)
        return recipe.recipe(variant, "places", 32, images=8).build()

    plain, loud = networks("bachgan"), failures.SmallAttempt(
        "loud", "", "", "", loudness=2.0).louder(networks("bachgan"))
    for name, value in plain["generator"].state_dict().items():
        factor = 2 if name.startswith("fusion.first.") else 1
        assert torch.equal(loud["generator"].state_dict()[name], factor * value), name
    deaf = failures.SmallAttempt("", "", "", "", variant="spade-boxes", loudness=2.0)
    assert "generator" in deaf.louder(networks("spade-boxes"))  # there is nothing to turn up


# ------------------------------------------------------------------------- what ships


@pytest.fixture(scope="module")
def shipped():
    """The record of every run."""
    folder = files.data_dir() / "results" / "bachgan" / "time-machine"
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 1_500_000
    return {one.name: verified(folder / f"{one.name}.png") for one in ATTEMPTS}


def test_the_shipped_runs_are_those_of_the_table(shipped):
    for attempt in ATTEMPTS:
        record, told = shipped[attempt.name], VARIANTS[attempt.variant]
        assert {key: record["config"]["model"][key] for key in told} == told, attempt.name
        assert tuple(record["images"]) == failures.COUNTS
        assert tuple(record["rows"]) == failures.ROWS
    figure = machine.time_machine("bachgan", ATTEMPTS, failures.CHARTS, "BachGAN").data
    assert figure.count('src="data:image/png;base64,') == len(ATTEMPTS)


def test_what_the_captions_say_was_measured(shipped):
    def course(probe):
        return {name: record["probes"][probe] for name, record in shipped.items()}

    heard, error = course("memory_outside"), course("error_outside")
    half = len(failures.COUNTS) // 2
    assert max(heard["boxes"]) == 0 < min(heard["good"])
    assert heard["own-map"][-1] > heard["good"][-1] > 2 * heard["random"][-1]
    assert heard["random"][half] < 0.2 * heard["good"][half]
    assert max(error[name][-1] for name in ("good", "own-map", "loud")) < error["random"][-1]
    assert error["own-map"][-1] <= error["good"][-1]  # the trap does not close
