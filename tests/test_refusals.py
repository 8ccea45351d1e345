"""Bad input gets one line, exit code 2, and leaves every file as it was."""

import errno
import os
import sys
import tempfile

import pytest
import torch
from reader import desk, no_file_above  # noqa: F401

from synthbook import files
from synthbook.cli import main
from synthbook.datasets import dataset
from synthbook.datasets.places import Places

DATA = ["data", "places", "--size", "32"]


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
    (["evaluate", "smis", "--seed", "-1"], "seed -1 is out of range"),
    (["evaluate", "smis", "--seed", "4294967296"], "seed 4294967296 is out of range"),
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
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(desk.root))  # no VGG-19 either
    command = ["train", f"smis@{name}-256-s0", "--scale", "paper"]
    desk.refuses(*command, says=f"needs --data DIR, the folder of {name}")
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


def test_disk_that_fills_up_while_a_cache_is_written(desk):
    (desk.root / "cache" / "datasets").mkdir(parents=True)
    with no_file_above(2000):
        desk.refuses(*DATA, says="nothing was changed")


def test_interrupted_cache_leaves_nothing(desk, monkeypatch, capsys):
    def stop(self, scene):
        raise KeyboardInterrupt

    monkeypatch.setattr(Places, "render", stop)
    before = desk.listing()
    assert main(DATA) == 130
    assert "synthbook: stopped" in capsys.readouterr().err
    assert desk.listing() == before
