"""Bad input gets one line, exit code 2, and leaves every file as it was."""

import contextlib
import copy
import errno
import json
import os
import resource
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
import safetensors.torch
import torch

from synthbook import files, models
from synthbook.checkpoints import FILE, load_checkpoint, save_checkpoint
from synthbook.cli import main
from synthbook.datasets import dataset, generated
from synthbook.datasets.places import Places
from synthbook.training import Run

NAME = models.parse("judges/segmenter@places-32-s0")
DATA = ["data", "places", "--size", "32"]
RESUME = ["train", "judges", "--scale", "smoke", "--out", "run", "--resume"]


@pytest.fixture(scope="module")
def untrained() -> Run:
    recipe = models.recipe(NAME, "smoke")
    networks = recipe.build()
    return Run(recipe, networks, copy.deepcopy(networks))


class Desk:
    """A reader's folder with a book of its own: `book/data`, `cache`, whatever else is made."""

    def __init__(self, root: Path, capture):
        self.root, self.capture, self.data = root, capture, root / "book" / "data"
        shutil.copytree(files.data_dir() / "art", self.data / "art")
        (self.data / "weights").mkdir()

    def listing(self) -> dict[str, bytes | None]:
        return {p.relative_to(self.root).as_posix(): p.read_bytes() if p.is_file() else None
                for p in self.root.rglob("*")}

    def refuses(self, *arguments: str, says: str) -> None:
        """The command fails with one line that holds `says` and changes no file."""
        before = self.listing()
        self.capture.readouterr()
        code = main(list(arguments))
        printed = self.capture.readouterr()
        lines = [line for line in printed.err.replace("\r", "\n").splitlines()
                 if line.strip() and "img/s" not in line]
        assert code == 2, printed
        assert len(lines) == 1 and lines[0].startswith("synthbook: "), printed.err
        assert says in lines[0]
        assert not printed.out
        assert self.listing() == before

    def weights(self, run: Run) -> Path:
        return models.write_weights(run, NAME, self.data / "weights", "by hand", "smoke")


@pytest.fixture
def desk(tmp_path, capsys, monkeypatch) -> Desk:
    made = Desk(tmp_path, capsys)
    monkeypatch.setattr(files, "__file__", str(tmp_path / "book" / "synthbook" / "files.py"))
    monkeypatch.setenv("SYNTHBOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(generated.SPLITS, "train", 5)
    monkeypatch.chdir(tmp_path)
    assert files.data_dir() == made.data
    return made


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:len(content) // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def foreign(path: Path) -> None:
    safetensors.torch.save_file({"another": torch.ones(3)}, path)


def remove(path: Path) -> None:
    path.unlink()


# ---------------------------------------------------------------------------- names and numbers


@pytest.mark.parametrize("arguments, says", [
    (["train", "nonsense"], "unknown model 'nonsense': choose one of smis/groupdnet"),
    (["train", "smis/nonsense"], "unknown model"),
    (["train", "smis/groupdnet/more"], "unknown model"),
    (["train", "../judges"], "unknown model"),
    (["train", ""], "unknown model"),
    (["train", "smis@"], "dataset-size-sSEED"),
    (["train", "smis@places-64"], "dataset-size-sSEED"),
    (["train", "smis@places-64-s0.safetensors"], "dataset-size-sSEED"),
    (["train", "smis@../etc-64-s0"], "dataset-size-sSEED"),
    (["train", "smis@mars-64-s0"], "unknown dataset 'mars'"),
    (["train", "smis@places-48-s0"], "has no size 48: choose one of"),
    (["train", "smis@places-64-s4294967296"], "seed 4294967296 is out of range"),
    (["train", "smis", "--seed", "-1"], "seed -1 is out of range"),
    (["train", "smis", "--seed", "one"], "invalid int value: 'one'"),
    (["train", "smis", "--scale", "huge"], "unknown scale 'huge': choose one of smoke, laptop"),
    (["train", "smis", "--images", "0"], "0 is not above 0"),
    (["train", "smis", "--max-minutes", "nan"], "nan is not above 0"),
    (["train", "smis", "--data", "nowhere"], "nowhere is not a folder"),
    (["train", "judges", "--scale", "smoke", "--data", "."], "--data goes with --scale paper"),
    (["train", "judges", "--scale", "smoke", "--device", "abacus"], "try cpu"),
    (["train", "judges", "--scale", "smoke", "--device", "meta"], "try cpu"),
    (["train", "judges", "--scale", "smoke", "--device", "cuda:99"], "try cpu"),
    (["train"], "the following arguments are required: model; see `synthbook train --help`"),
    (["data", "nonsense"], "no cache of 'nonsense': choose one of places, faces"),
    (["data", "cityscapes"], "no cache of 'cityscapes'"),
    (["data", "places", "--size", "31"], "size 31 is out of range: choose 32 to 256"),
    (["data", "places", "--size", "large"], "invalid int value: 'large'"),
    (["data", "places", "--split", "half"], "unknown split 'half': choose one of train"),
    (["weights", "burn"], "invalid choice: 'burn'"),
    (["fly"], "invalid choice: 'fly'"),
    (["train", "smis", "--fast"], "unrecognized arguments: --fast"),
    ([], "the following arguments are required: COMMAND"),
])
def test_bad_arguments(desk, arguments, says):
    desk.refuses(*arguments, says=says)


@pytest.mark.parametrize("room, arguments", [
    ("evaluation", ["evaluate", "nonsense"]),
    ("evaluation", ["evaluate", "smis", "--scale", "huge"]),
    ("evaluation", ["evaluate", "smis", "--weights", "none.safetensors"]),
    ("claims", ["claims", "nonsense"]),
    ("figures", ["export", "nonsense"]),
])
def test_bad_arguments_of_the_upper_floors(desk, room, arguments):
    pytest.importorskip(f"synthbook.{room}")
    words = {"huge": "unknown scale", "none.safetensors": "no weights at"}
    desk.refuses(*arguments, says=words.get(arguments[-1], "nonsense"))


@pytest.mark.parametrize("name", ["deepfashion", "cityscapes"])
def test_wrong_folder_of_a_real_dataset(desk, name, monkeypatch):
    command = ["train", f"smis@{name}-256-s0", "--scale", "paper"]
    desk.refuses(*command, says=f"needs --data DIR, the folder of {name}")
    monkeypatch.setattr(models, "vgg19", lambda: None)
    desk.refuses(*command, "--data", ".", says="expected: ")


def test_real_datasets_and_the_paper_s_scale_go_together(desk):
    desk.refuses("train", "smis", "--scale", "paper", says="paper scale reads real data")
    desk.refuses("train", "smis@deepfashion-256-s0", says="--scale paper --data DIR")


def test_unknown_scale_in_the_environment(monkeypatch):
    from synthbook import scale

    monkeypatch.setenv("SYNTHBOOK_SCALE", "huge")
    with pytest.raises(files.BookError, match="unknown scale 'huge'"):
        scale.current()


def test_unknown_dataset_and_knob():
    with pytest.raises(files.BookError, match="unknown dataset 'mars': choose one of places"):
        dataset("mars")
    with pytest.raises(files.BookError, match="wings"):
        dataset("places", wings=2)


def test_a_package_that_is_not_installed_is_named(desk, monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", None)
    monkeypatch.delitem(sys.modules, "synthbook.doctor", raising=False)
    desk.refuses("doctor", says="psutil is not installed: run `make .venv`")


# ---------------------------------------------------------------------------- weights


@pytest.mark.parametrize("harm, says", [
    (flip, "is damaged or was altered"), (cut, "is damaged or was altered"),
    (empty, "is damaged or was altered"), (foreign, "is damaged or was altered"),
])
def test_harmed_weights(desk, untrained, harm, says):
    harm(desk.weights(untrained))
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
    beside = desk.weights(untrained).with_suffix(".json")
    beside.unlink() if record is None else beside.write_text(record)
    desk.refuses("weights", "verify", says=says)


@pytest.mark.parametrize("config", [{}, {"wings": 2}, [3], None, {"classes": "many"}])
def test_record_of_another_version(desk, untrained, config):
    beside = desk.weights(untrained).with_suffix(".json")
    beside.write_text(json.dumps(json.loads(beside.read_text()) | {"config": config}))
    desk.refuses("weights", "verify", says="does not hold a judges/segmenter of this version")


@pytest.mark.parametrize("state", ["other", "one more", "one less", "shape"])
def test_foreign_tensors_under_a_right_hash(desk, untrained, state):
    path = desk.weights(untrained)
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


# ---------------------------------------------------------------------------- folders and disks


@pytest.mark.parametrize("out", ["file", "file/below", "file/further/below"])
def test_folder_that_is_a_file(desk, out, monkeypatch):
    (desk.root / "file").write_text("here")
    desk.refuses("train", "judges", "--scale", "smoke", "--out", out, says="is not a folder")
    monkeypatch.setenv("SYNTHBOOK_CACHE", str(desk.root / out))
    desk.refuses(*DATA, says="is not a folder")


def test_read_only_folder(desk, monkeypatch):
    writable = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK | os.X_OK
                        and writable(path, mode))
    desk.refuses("train", "judges", "--scale", "smoke", says="is read-only; choose another folder")
    desk.refuses(*DATA, says="is read-only; choose another folder")


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EDQUOT])
def test_folder_that_takes_no_file(desk, monkeypatch, number):
    def refuse(*arguments, **options):
        raise OSError(number, os.strerror(number))

    (desk.root / "cache" / "datasets").mkdir(parents=True)
    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    desk.refuses(*DATA, says=os.strerror(number))


def test_small_disk(desk, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(files.shutil, "disk_usage", lambda folder: usage)
    desk.refuses(*DATA, says="no disk space")
    desk.refuses("train", "judges", "--scale", "smoke", says="no disk space")


@contextlib.contextmanager
def no_file_above(size: int):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_disk_that_fills_up_while_a_cache_is_written(desk):
    (desk.root / "cache" / "datasets").mkdir(parents=True)
    with no_file_above(2000):
        desk.refuses(*DATA, says="nothing was changed")


def test_disk_that_fills_up_keeps_the_last_checkpoint(desk, untrained):
    save_checkpoint(desk.root / "run", untrained, {}, seed=0)
    before = desk.listing()
    with no_file_above(2000), pytest.raises(files.BookError, match="nothing was changed"):
        save_checkpoint(desk.root / "run", untrained, {}, seed=1)
    assert desk.listing() == before


def test_interrupted_cache_leaves_nothing(desk, monkeypatch, capsys):
    def stop(self, scene):
        raise KeyboardInterrupt

    monkeypatch.setattr(Places, "render", stop)
    before = desk.listing()
    assert main(DATA) == 130
    assert "synthbook: stopped" in capsys.readouterr().err
    assert desk.listing() == before
