"""A reader's folder with a book of its own, and ways to harm files."""

import contextlib
import resource
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch

from synthbook import files
from synthbook.cli import main
from synthbook.datasets import generated


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
                 if line.strip() and not line.startswith("drawing ")]
        assert code == 2, printed
        assert len(lines) == 1 and lines[0].startswith("synthbook: "), printed.err
        assert says in lines[0]
        assert not printed.out
        assert self.listing() == before


@pytest.fixture
def desk(tmp_path, capsys, monkeypatch) -> Desk:
    made = Desk(tmp_path, capsys)
    monkeypatch.setattr(files, "__file__", str(tmp_path / "book" / "synthbook" / "files.py"))
    monkeypatch.setenv("SYNTHBOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(generated.SPLITS, "train", 5)
    monkeypatch.chdir(tmp_path)
    assert files.data_dir() == made.data
    return made


@contextlib.contextmanager
def no_file_above(size: int):
    """The system lets no file grow beyond `size` bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


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
