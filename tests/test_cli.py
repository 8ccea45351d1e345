"""Every command, in this process: what it prints, what it writes, what it returns."""

import json
import shutil
from pathlib import Path

import psutil
import pytest
import torch

import synthbook
from synthbook import doctor, files, models
from synthbook.cli import build_parser, main
from synthbook.datasets import generated

SHORT = "judges/segmenter@places-32-s0"
COMMANDS = ["doctor", "data", "train", "evaluate", "claims", "weights", "export"]


@pytest.fixture
def book(tmp_path, monkeypatch) -> Path:
    """A copy of the book's data in `tmp_path`, which commands run in; an empty cache."""
    shutil.copytree(files.data_dir() / "art", tmp_path / "data" / "art")
    (tmp_path / "data" / "weights").mkdir()
    monkeypatch.setattr(files, "__file__", str(tmp_path / "synthbook" / "files.py"))
    monkeypatch.setenv("SYNTHBOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """The folder of one run of the judge at scale `smoke`, started by the command."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNTHBOOK_CACHE", str(folder / "cache"))
        assert main(["train", "judges", "--scale", "smoke", "--out", str(folder / "run")]) == 0
    return folder


# ---------------------------------------------------------------------------- the commands


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"synthbook {command}" in capsys.readouterr().out


def test_the_design_s_options_exist():
    read = build_parser().parse_args
    given = read(["train", "smis", "--scale", "ship", "--seed", "1", "--data", "d", "--resume",
                  "--out", "o", "--max-minutes", "2.5"])
    assert (given.scale, given.seed, given.data, given.resume, given.out, given.max_minutes) == (
        "ship", 1, Path("d"), True, Path("o"), 2.5)
    assert read(["evaluate", "smis", "--json"]).json
    given = read(["claims", "smis", "--json", "--rerun", "--retrain"])
    assert given.json and given.rerun and given.retrain
    assert read(["claims"]).slug is None and read(["data"]).name is None


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.strip() == synthbook.__version__


# ---------------------------------------------------------------------------- data


def test_data_writes_all_caches_then_verifies_them(book, monkeypatch, capsys):
    monkeypatch.setitem(generated.SPLITS, "val", 3)
    for done in ("written", "verified"):
        assert main(["data", "--size", "32", "--split", "val"]) == 0
        lines = capsys.readouterr().out.splitlines()
        names = [line.split(":")[0] for line in lines]
        assert names == ["places", "faces", "cars", "furniture", "fruit"]
        assert all(f"3 images of 32 x 32 {done} at {book}/cache" in line for line in lines)


def test_a_cache_that_was_not_finished_is_written_again(book, monkeypatch, capsys):
    monkeypatch.setitem(generated.SPLITS, "test", 2)
    command = ["data", "faces", "--size", "32", "--split", "test"]
    assert main(command) == 0
    (path,) = (book / "cache" / "datasets").glob("*.safetensors")
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    path.with_suffix(".json").unlink()
    assert main(command) == 0
    assert path.read_bytes() == whole
    assert capsys.readouterr().out.count("written") == 2


def test_other_art_is_another_cache(book, monkeypatch):
    monkeypatch.setitem(generated.SPLITS, "test", 2)
    command = ["data", "places", "--size", "32", "--split", "test"]
    assert main(command) == 0
    atlas = book / "data" / "art" / "places" / "atlas.json"
    atlas.write_text(atlas.read_text() + "\n")
    files.write_json(book / "data" / "art" / "SHA256SUMS.json", files.art_hashes())
    assert main(command) == 0
    assert len(list((book / "cache" / "datasets").glob("*.safetensors"))) == 2


# ---------------------------------------------------------------------------- train, weights


def test_train_leaves_weights_provenance_log_checkpoint_and_snapshots(trained):
    run = trained / "run"
    found = {p.relative_to(run).as_posix() for p in run.rglob("*") if p.is_file()}
    assert {f"{SHORT}.safetensors", f"{SHORT}.json", "command.json", "log.jsonl",
            "checkpoint.safetensors"} <= found
    assert not [name for name in found if name.endswith(".tmp")]
    record = json.loads((run / f"{SHORT}.json").read_text())
    command = f"python -m synthbook train {SHORT} --scale smoke"  # no path of this machine
    assert record["command"] == command
    assert json.loads((run / "command.json").read_text())["command"] == command
    assert (record["model"], record["scale"], record["seed"]) == (SHORT, "smoke", 0)
    assert record["images"] == 64 and record["device"] and record["config"] and record["curve"]
    assert record["sha256"] == files.sha256(run / f"{SHORT}.safetensors")


def test_trained_weights_load_as_half_precision_made_whole(trained):
    path = trained / "run" / f"{SHORT}.safetensors"
    network = synthbook.load(SHORT, weights=path)
    stored, _ = files.read_tensors(path)
    assert not network.training and not any(p.requires_grad for p in network.parameters())
    for name, value in network.state_dict().items():
        assert not value.is_floating_point() or value.dtype == torch.float32
        assert torch.equal(value, stored[name].to(value.dtype)), name
        assert stored[name].dtype in (torch.float16, torch.int64)


def test_stopped_and_resumed_run_makes_the_same_weights(trained, tmp_path, monkeypatch):
    monkeypatch.setenv("SYNTHBOOK_CACHE", str(trained / "cache"))
    monkeypatch.chdir(tmp_path)
    command = ["train", "judges", "--scale", "smoke"]
    path = tmp_path / "runs" / SHORT / f"{SHORT}.safetensors"
    assert main([*command, "--max-minutes", "1e-6"]) == 0
    assert json.loads(path.with_suffix(".json").read_text())["images"] < 64
    assert main([*command, "--resume"]) == 0
    assert json.loads(path.with_suffix(".json").read_text())["images"] == 64
    assert path.read_bytes() == (trained / "run" / f"{SHORT}.safetensors").read_bytes()


def test_seed_and_length_of_the_command_win(trained, tmp_path, monkeypatch):
    monkeypatch.setenv("SYNTHBOOK_CACHE", str(trained / "cache"))
    assert main(["train", "judges@places-32-s0", "--scale", "smoke", "--seed", "7", "--images",
                 "20", "--out", str(tmp_path)]) == 0
    record = json.loads((tmp_path / "judges" / "segmenter@places-32-s7.json").read_text())
    assert record["seed"] == 7 and 20 <= record["images"] < 64
    assert list(tmp_path.rglob("*s7.safetensors"))


def test_weights_lists_and_verifies_what_ships(book, trained, capsys):
    assert main(["weights", "list"]) == 0 and not capsys.readouterr().out
    shutil.copytree(trained / "run" / "judges", book / "data" / "weights" / "judges")
    assert models.shipped() == [SHORT]
    assert main(["weights", "list"]) == 0
    line = capsys.readouterr().out
    assert SHORT in line and "64 images" in line and "smoke" in line
    assert main(["weights", "verify"]) == 0
    record = json.loads((book / "data" / "weights" / f"{SHORT}.json").read_text())
    assert f"verified {record['sha256'][:12]}" in capsys.readouterr().out
    assert not synthbook.load("judges").training  # the short name finds the 32-pixel weights


def test_every_weights_file_of_the_book_verifies(capsys):
    assert main(["weights", "verify"]) == 0
    listed = capsys.readouterr().out
    assert listed.count("verified") == len(models.weight_files()) > 0
    assert "judges/alexnet" in listed


# ---------------------------------------------------------------------------- doctor


@pytest.fixture
def large(monkeypatch):
    """A machine with memory and disk to spare."""
    memory = type("Memory", (), {"available": 8e9, "total": 16e9})
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    usage = type("Usage", (), {"free": 50_000_000_000})
    monkeypatch.setattr(files.shutil, "disk_usage", lambda folder: usage)
    monkeypatch.setattr(doctor, "speed", lambda device: doctor.REFERENCE.speed / 2)
    return memory, usage


def failures(capsys) -> list[tuple[str, str]]:
    """(complaint, fix) of every FAIL that the doctor printed; it must have returned 1."""
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    found = [(line, after) for line, after in zip(lines, [*lines[1:], ""])
             if line.startswith("FAIL ")]
    assert all(after.startswith("     fix: ") and len(after) > 15 for _, after in found)
    assert found and all(line.startswith(("OK   ", "FAIL ", "     fix: ")) for line in lines)
    return found


def test_doctor_finds_this_book_fit(large, capsys):
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert all(line.startswith("OK   ") for line in said.splitlines())
    for word in ("Python 3.", f"torch {torch.__version__.partition('+')[0]}", "device: ",
                 "8.0 GB of 16.0 GB", "files of art", "verified by SHA-256", "make book",
                 "browser", "an estimate"):
        assert word in said, word
    expected = doctor.REFERENCE.book + doctor.REFERENCE.live
    assert f"`make book` {expected:.0f} minutes" in said  # half as fast: training takes twice


def test_doctor_wants_memory_and_disk(large, capsys):
    memory, usage = large
    memory.available, usage.free = 3.9e9, 1_000_000_000
    (first, _), (second, fix) = failures(capsys)
    assert "memory: 3.9 GB" in first
    assert "1000 MB free, 3000 MB are needed" in second and "SYNTHBOOK_CACHE" in fix


def test_doctor_wants_a_cache_folder_that_can_be_written(large, book, capsys, monkeypatch):
    (book / "file").write_text("here")
    shutil.copytree(Path(models.__file__).parent.parent / "data" / "weights" / "judges",
                    book / "data" / "weights" / "judges")
    monkeypatch.setenv("SYNTHBOOK_CACHE", str(book / "file"))
    ((line, _),) = failures(capsys)
    assert "file is not a folder" in line


def test_doctor_names_what_is_old_or_missing(large, capsys, monkeypatch):
    monkeypatch.setattr(doctor, "requirements", lambda: (
        ["torch>=99", "no-such-package-here>=1", "numpy>=2.0"], ["no-such-book==1.0"]))
    (first, fix), (second, _) = failures(capsys)
    version = torch.__version__.partition("+")[0]
    assert f"torch is {version}, the book needs torch>=99" in first
    assert "no-such-package-here is not installed" in second and "make .venv" in fix


def test_doctor_asks_what_the_project_asks():
    needed, book = doctor.requirements()
    assert any(text.startswith("torch>=") for text in needed)
    assert any(text.startswith("jupyter-book==") for text in book)


def test_doctor_reads_the_requirements_of_an_installed_package(book, monkeypatch):
    monkeypatch.setattr(doctor, "__file__", str(book / "synthbook" / "doctor.py"))
    asked = ["torch>=2.11", 'jupyter-book==1.0; extra == "book"', 'pytest; extra == "test"']
    monkeypatch.setattr(doctor.importlib.metadata, "requires", lambda name: asked)
    assert doctor.requirements() == (["torch>=2.11"], ["jupyter-book==1.0"])


def test_doctor_finds_altered_art_and_weights(large, book, trained, capsys):
    shutil.copytree(trained / "run" / "judges", book / "data" / "weights" / "judges")
    for path in (book / "data" / "art" / "faces" / "atlas.png",
                 book / "data" / "weights" / f"{SHORT}.safetensors"):
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    (art, fix), (weights, _) = failures(capsys)
    assert "faces/atlas.png is damaged or was altered" in art and "data/art" in fix
    assert f"{SHORT}.safetensors is damaged or was altered" in weights


def test_doctor_misses_weights_whose_record_is_there(large, book, trained, capsys):
    shutil.copytree(trained / "run" / "judges", book / "data" / "weights" / "judges")
    (book / "data" / "weights" / f"{SHORT}.safetensors").unlink()
    ((line, _),) = failures(capsys)
    assert f"{SHORT}.safetensors does not exist" in line
    path = book / "data" / "weights" / f"{SHORT}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"ships": False}))
    ((line, _),) = failures(capsys)
    assert "0 of 0 verified" in line


def test_speed_is_that_of_the_steps_it_counts():
    device = doctor.choose("cpu")
    assert doctor.speed(device, seconds=0.0) > 0
