"""Truncated, altered, foreign and missing files: one line, exit code 2, nothing changed."""

import copy
import json
import shutil
from pathlib import Path

import pytest
import torch
from reader import Desk, cut, desk, empty, flip, foreign, no_file_above, remove  # noqa: F401

from synthbook import files, models
from synthbook.checkpoints import FILE, load_checkpoint, save_checkpoint
from synthbook.cli import main
from synthbook.training import Run

NAME = models.parse("judges/segmenter@places-32-s0")
DATA = ["data", "places", "--size", "32"]
RESUME = ["train", "judges", "--scale", "smoke", "--out", "run", "--resume"]


@pytest.fixture(scope="module")
def untrained() -> Run:
    recipe = models.recipe(NAME, "smoke")
    networks = recipe.build()
    return Run(recipe, networks, copy.deepcopy(networks))


def shipped(desk: Desk, run: Run) -> Path:
    return models.write_weights(run, NAME, desk.data / "weights", "by hand", "smoke")


# ---------------------------------------------------------------------------- weights


@pytest.mark.parametrize("harm, says", [
    (flip, "is damaged or was altered"), (cut, "is damaged or was altered"),
    (empty, "is damaged or was altered"), (foreign, "is damaged or was altered"),
])
def test_harmed_weights(desk, untrained, harm, says):
    harm(shipped(desk, untrained))
    desk.refuses("weights", "verify", says=says)
    desk.refuses("weights", "list", says=says)
    with pytest.raises(files.BookError, match=says):
        models.load(str(NAME))


def test_missing_weights(desk):
    with pytest.raises(files.BookError, match="no weights at .*choose one that ships"):
        models.load(str(NAME))


@pytest.mark.parametrize("record, says", [
    (None, "does not exist"), ("", "not JSON"), ('{"sha256": ', "not JSON"),
    ("[1, 2]", "not a JSON object"), ("{}", "no sha256 in it"),
])
def test_harmed_record(desk, untrained, record, says):
    beside = shipped(desk, untrained).with_suffix(".json")
    beside.unlink() if record is None else beside.write_text(record)
    desk.refuses("weights", "verify", says=says)


@pytest.mark.parametrize("config", [{}, {"wings": 2}, [3], None, {"classes": "many"}])
def test_record_of_another_version(desk, untrained, config):
    beside = shipped(desk, untrained).with_suffix(".json")
    beside.write_text(json.dumps(json.loads(beside.read_text()) | {"config": config}))
    desk.refuses("weights", "verify", says="does not hold a judges/segmenter of this version")


@pytest.mark.parametrize("state", ["other", "one more", "one less", "shape"])
def test_foreign_tensors_under_a_right_hash(desk, untrained, state):
    path = shipped(desk, untrained)
    tensors, _ = files.read_tensors(path)
    first = next(iter(tensors))
    changed = {
        "other": {"another": torch.ones(3)}, "one more": tensors | {"another": torch.ones(3)},
        "one less": {k: v for k, v in tensors.items() if k != first},
        "shape": tensors | {first: torch.ones(7)},
    }[state]
    files.write_tensors(path, changed)
    record = json.loads(path.with_suffix(".json").read_text())
    files.write_json(path.with_suffix(".json"), record | {"sha256": files.sha256(path)})
    desk.refuses("weights", "verify", says="does not hold a judges/segmenter of this version")


# ---------------------------------------------------------------------------- art and caches


@pytest.mark.parametrize("harm", [flip, cut, empty, remove])
@pytest.mark.parametrize("file", ["atlas.png", "atlas.json"])
@pytest.mark.parametrize("name", ["places", "faces"])
def test_harmed_art(desk, name, file, harm):
    harm(desk.data / "art" / name / file)
    desk.refuses("data", name, "--size", "32", says=f"{name}/{file}")


def test_art_added_by_somebody(desk):
    shutil.copy(desk.data / "art" / "faces" / "atlas.png", desk.data / "art" / "places" / "x.png")
    desk.refuses(*DATA, says="places/x.png is damaged or was altered")


@pytest.mark.parametrize("harm", [flip, cut, empty, remove])
def test_harmed_hashes_of_the_art(desk, harm):
    harm(desk.data / "art" / "SHA256SUMS.json")
    desk.refuses(*DATA, says="data/art")


@pytest.mark.parametrize("harm", [flip, cut, empty, foreign])
def test_harmed_cache(desk, harm):
    assert main(DATA) == 0
    (path,) = (desk.root / "cache" / "datasets").glob("*.safetensors")
    harm(path)
    desk.refuses(*DATA, says=f"{path} is damaged or was altered: remove it")


@pytest.mark.parametrize("note", ["", "{", "[]", "{}"])
def test_harmed_note_of_a_cache(desk, note):
    assert main(DATA) == 0
    (path,) = (desk.root / "cache" / "datasets").glob("*.json")
    path.write_text(note)
    desk.refuses(*DATA, says="is damaged")


# ---------------------------------------------------------------------------- checkpoints


@pytest.mark.parametrize("harm, says", [
    (flip, "is damaged"), (cut, "is damaged"), (empty, "is damaged"),
    (foreign, "is of another run"),
])
def test_harmed_checkpoint(desk, untrained, harm, says):
    save_checkpoint(desk.root / "run", untrained, {}, seed=0)
    harm(desk.root / "run" / FILE)
    desk.refuses(*RESUME, says=says)


def test_checkpoint_of_another_seed_or_config(desk, untrained):
    save_checkpoint(desk.root / "run", untrained, {}, seed=0)
    desk.refuses(*RESUME, "--seed", "1", says="is of another run")
    other = [word.replace("judges", "judges@places-64-s0") for word in RESUME]
    desk.refuses(*other, says="is of another run")


def test_checkpoint_without_a_network(desk, untrained):
    half = Run(untrained.recipe, untrained.networks, {})
    save_checkpoint(desk.root / "run", half, {}, seed=0)
    desk.refuses(*RESUME, says="does not fit this version")


def test_checkpoint_whose_header_is_altered(desk, untrained):
    save_checkpoint(desk.root / "run", untrained, {}, seed=0)
    path = desk.root / "run" / FILE
    path.write_bytes(path.read_bytes().replace(b'{\\"step\\"', b'{\\"step  ', 1))
    desk.refuses(*RESUME, says="is damaged")


@pytest.mark.parametrize("line", ['nonsense}', '{"loss": 1}', '[{}'])
def test_harmed_log(desk, untrained, line):
    save_checkpoint(desk.root / "run", untrained, {}, seed=0)
    (desk.root / "run" / "log.jsonl").write_text(f'{{"step": 0}}\n{line}\n')
    if line.endswith("}"):
        desk.refuses(*RESUME, says="log.jsonl is damaged")
    else:  # the last line of a run that was killed while writing it
        load_checkpoint(desk.root / "run", untrained, {}, seed=0)
        assert untrained.log == [{"step": 0}]


def test_disk_that_fills_up_keeps_the_last_checkpoint(desk, untrained):
    save_checkpoint(desk.root / "run", untrained, {}, seed=0)
    before = desk.listing()
    with no_file_above(2000), pytest.raises(files.BookError, match="nothing was changed"):
        save_checkpoint(desk.root / "run", untrained, {}, seed=1)
    assert desk.listing() == before
