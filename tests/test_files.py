"""Files: replaced whole or not at all, read back as written, refused when damaged."""

import errno
import json
import os
import stat
import tempfile

import pytest
import torch
from reader import no_file_above
from safetensors import safe_open

from synthbook import files
from synthbook.files import BookError, replacing
from synthbook.plots import save_images


def write_text(path, size=0):
    with replacing(path) as temporary:
        temporary.write_text("new" * (1 + size))


def write_json(path, size=0):
    files.write_json(path, {"value": "new" * (1 + size)})


def write_tensors(path, size=0):
    files.write_tensors(path, {"value": torch.ones(1 + size)}, {"made": "new"})


def write_image(path, size=0):
    side = 8 + int(size ** 0.5)
    noise = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    save_images(path, noise * 2 - 1)


WRITERS = [write_text, write_json, write_tensors, write_image]


def listing(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() if p.is_file() else None
            for p in folder.rglob("*")}


@pytest.mark.parametrize("write", WRITERS)
def test_every_writer_makes_folders_and_leaves_only_its_file(tmp_path, write):
    write(tmp_path / "a" / "b" / "it")
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["it"]


@pytest.mark.parametrize("write", WRITERS)
def test_target_is_old_or_new_and_never_between(tmp_path, write, monkeypatch):
    path = tmp_path / "it"
    write(path)
    old = path.read_bytes()
    seen = []
    rename = os.replace

    def spy(self, target):
        seen.append((target.read_bytes(), self.parent == target.parent))
        rename(self, target)

    monkeypatch.setattr("pathlib.Path.replace", spy)
    write(path, 5000)
    assert seen == [(old, True)]
    assert path.read_bytes() != old


@pytest.mark.parametrize("write", WRITERS)
def test_full_disk_keeps_the_old_file_and_leaves_no_other(tmp_path, write):
    path = tmp_path / "it"
    write(path)
    before = listing(tmp_path)
    with no_file_above(2000), pytest.raises(BookError, match="nothing was changed") as refusal:
        write(path, 5000)
    assert str(path) in str(refusal.value) and "\n" not in str(refusal.value)
    assert listing(tmp_path) == before


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ZeroDivisionError, BookError])
def test_failure_in_the_middle_keeps_the_old_file(tmp_path, stop):
    path = tmp_path / "it"
    write_text(path)
    before = listing(tmp_path)
    with pytest.raises(stop), replacing(path) as temporary:
        temporary.write_text("half")
        raise stop
    assert listing(tmp_path) == before


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_folder_that_takes_no_file_is_named_with_the_reason(tmp_path, write, number, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    with pytest.raises(BookError, match=f"cannot write {tmp_path}.*{os.strerror(number)}"):
        write(tmp_path / "it")
    assert not listing(tmp_path)


@pytest.mark.parametrize("write", WRITERS)
def test_path_below_a_file_is_refused(tmp_path, write):
    (tmp_path / "file").write_text("here")
    with pytest.raises(BookError, match="cannot write"):
        write(tmp_path / "file" / "below" / "it")
    assert listing(tmp_path) == {"file": b"here"}


@pytest.mark.parametrize("write", WRITERS)
def test_folder_in_the_way_is_kept(tmp_path, write):
    (tmp_path / "it").mkdir()
    with pytest.raises(BookError, match="cannot write"):
        write(tmp_path / "it")
    assert listing(tmp_path) == {"it": None}


def test_error_without_a_reason_of_the_system_still_says_something(tmp_path):
    with pytest.raises(BookError, match="cannot write mode F as PNG"), replacing(tmp_path / "it"):
        raise OSError("cannot write mode F as PNG")


@pytest.mark.parametrize("mask, mode", [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
@pytest.mark.parametrize("write", WRITERS)
def test_permissions_are_those_of_any_new_file(tmp_path, write, mask, mode):
    before = os.umask(mask)
    try:
        write(tmp_path / "it")
        assert stat.S_IMODE((tmp_path / "it").stat().st_mode) == mode
        assert os.umask(mask) == mask
    finally:
        os.umask(before)


def test_json_round_trip_and_order(tmp_path):
    value = {"b": [1, 2.5, None, True], "a": {"ü": "Fréchet"}}
    files.write_json(tmp_path / "it.json", value)
    again = files.read_json(tmp_path / "it.json")
    assert again == value and list(again) == ["b", "a"]
    assert "Fréchet" in (tmp_path / "it.json").read_text(encoding="utf-8")


def test_json_is_laid_out_to_be_read(tmp_path):
    value = {"a": [1, [2.5, None]], "é": {"b": {"c": "{\n}", "d": []}, "e": {}}, "f": [{"g": True}]}
    files.write_json(tmp_path / "it.json", value)
    text = (tmp_path / "it.json").read_text()
    assert json.loads(text) == value
    assert text == """{
 "a": [1, [2.5, null]],
 "é": {
  "b": {"c": "{\\n}", "d": []},
  "e": {}
 },
 "f": [
  {"g": true}
 ]
}
"""
    for plain in ({"a": 1, "b": 2}, [1, 2], [], {}, "x", 3):
        assert json.loads(files.laid_out(plain)) == plain
    assert files.laid_out({"a": 1, "b": 2}) == '{\n "a": 1,\n "b": 2\n}'


def test_json_holds_numbers_only(tmp_path):
    with pytest.raises(ValueError):
        files.write_json(tmp_path / "it.json", {"loss": float("nan")})
    assert not listing(tmp_path)


def test_tensors_round_trip_with_types_views_and_metadata(tmp_path):
    tensors = {
        "half": torch.randn(3, 4).half(), "brain": torch.randn(5).bfloat16(),
        "whole": torch.arange(6), "byte": torch.arange(4, dtype=torch.uint8),
        "scalar": torch.tensor(2.5), "empty": torch.empty(0, 3),
        "turned": torch.randn(4, 6).t(), "last": torch.randn(2, 3, 4, 4).contiguous(
            memory_format=torch.channels_last), "grad": torch.ones(2, requires_grad=True),
    }
    files.write_tensors(tmp_path / "it.safetensors", tensors, {"model": "smis", "note": "ü"})
    again, metadata = files.read_tensors(tmp_path / "it.safetensors")
    assert metadata == {"model": "smis", "note": "ü"}
    assert again.keys() == tensors.keys()
    for name, value in tensors.items():
        assert again[name].dtype == value.dtype and torch.equal(again[name], value), name


def test_tensors_that_share_memory_are_written_in_full(tmp_path):
    whole = torch.arange(6.0)
    files.write_tensors(tmp_path / "it", {"whole": whole, "same": whole, "part": whole[2:4]})
    again, _ = files.read_tensors(tmp_path / "it")
    assert torch.equal(again["same"], whole) and torch.equal(again["part"], whole[2:4])


def test_equal_tensors_make_equal_files(tmp_path):
    for name in ("one", "two"):
        write_tensors(tmp_path / name)
    assert files.sha256(tmp_path / "one") == files.sha256(tmp_path / "two")


def test_every_cut_of_a_tensor_file_is_refused_in_one_line(tmp_path):
    path = tmp_path / "it.safetensors"
    files.write_tensors(path, {"a": torch.randn(3), "b": torch.arange(2)}, {"made": "new"})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(BookError, match="is damaged") as refusal:
            files.read_tensors(path)
        assert "\n" not in str(refusal.value)


def test_metadata_is_where_other_readers_of_safetensors_look(tmp_path):
    write_tensors(tmp_path / "it")
    with safe_open(tmp_path / "it", framework="pt") as file:
        assert file.metadata() == {"made": "new"}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"nonsense", b"{'a': 1}"])
def test_what_is_not_json_is_refused(tmp_path, content):
    (tmp_path / "it.json").write_bytes(content)
    with pytest.raises(BookError, match="is damaged: not JSON"):
        files.read_json(tmp_path / "it.json")


def test_missing_files_are_named(tmp_path):
    for read in (files.read_json, files.read_tensors, files.verified):
        with pytest.raises(BookError, match=f"{tmp_path}/none does not exist"):
            read(tmp_path / "none")


def test_record_must_be_an_object_with_its_keys(tmp_path):
    path = tmp_path / "it.json"
    path.write_text("[1]")
    with pytest.raises(BookError, match="not a JSON object"):
        files.read_record(path)
    path.write_text('{"a": 1}')
    assert files.read_record(path, "a") == {"a": 1}
    with pytest.raises(BookError, match="no sha256, b in it"):
        files.read_record(path, "sha256", "a", "b")


def test_verified_is_the_record_of_the_very_file(tmp_path):
    path = tmp_path / "it.safetensors"
    write_tensors(path)
    files.write_json(path.with_suffix(".json"), {"sha256": files.sha256(path), "by": "me"})
    assert files.verified(path)["by"] == "me"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(BookError, match="damaged or was altered"):
        files.verified(path)


def test_sha256_is_the_standard_one(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert files.sha256(tmp_path / "abc").startswith("ba7816bf8f01cfea414140de5dae2223")


def test_space_is_asked_of_the_nearest_folder_that_exists(tmp_path, monkeypatch):
    asked = []

    def usage(folder):
        asked.append(folder)
        return type("Usage", (), {"free": 5_000_000})

    monkeypatch.setattr(files.shutil, "disk_usage", usage)
    files.require_space(tmp_path / "not" / "yet", 5_000_000)
    assert asked == [tmp_path]
    with pytest.raises(BookError, match="5 MB free, 6 MB are needed"):
        files.require_space(tmp_path / "not" / "yet", 6_000_000)
    assert not listing(tmp_path)


def test_tensors_larger_than_the_disk_are_refused_before_writing(tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 10_000})
    monkeypatch.setattr(files.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(BookError, match="no disk space"):
        write_tensors(tmp_path / "it", 5000)
    assert not listing(tmp_path)


def test_read_only_file_system_is_refused_before_computing(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda folder, mode: False)
    with pytest.raises(BookError, match=f"cannot write {tmp_path}/new: {tmp_path} is read-only"):
        files.require_space(tmp_path / "new", 0)


def test_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("SYNTHBOOK_CACHE", str(tmp_path))
    assert files.cache_dir() == tmp_path
    monkeypatch.delenv("SYNTHBOOK_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert str(files.cache_dir()) == "/somewhere/synthbook"


def test_the_art_is_the_recorded_one():
    recorded = json.loads((files.data_dir() / "art" / "SHA256SUMS.json").read_text())
    assert recorded == files.art_hashes()
    assert files.verify_art() == len(recorded)
    assert files.verify_art("places") + files.verify_art("faces") == len(recorded)
    with pytest.raises(BookError, match="no art of mars"):
        files.verify_art("mars")
