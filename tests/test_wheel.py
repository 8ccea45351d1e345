"""The wheel carries the book's data: installed elsewhere, the package works with no checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 50_000_000

USE = """
import sys
import torch
import synthbook
from synthbook import files, models

assert synthbook.__file__.startswith(sys.argv[1]), synthbook.__file__
assert str(files.data_dir()).startswith(sys.argv[1]), files.data_dir()
shipped = models.shipped()
assert shipped, "no weights ship"
network = synthbook.load(shipped[0])
assert not network.training
assert all(torch.isfinite(p).all() for p in network.parameters())
item = synthbook.dataset("places", "test", count=1)[0]
assert item["image"].shape[0] == 3
print(shipped[0])
"""


def run(*command: str, cwd: Path, **extra: str) -> str:
    """What a command prints; its complaint when it fails."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **extra}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    run(*command, str(ROOT), cwd=folder)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    options = ["--quiet", "--no-deps", "--no-index", "--target", str(target)]
    run(sys.executable, "-m", "pip", "install", *options, str(wheel), cwd=target)
    return target


def elsewhere(installed: Path, tmp_path: Path, *arguments: str) -> str:
    """Run Python in an empty folder where only the installed wheel is synthbook."""
    cache = {"SYNTHBOOK_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(installed)}
    return run(sys.executable, *arguments, cwd=tmp_path, **cache)


def test_the_wheel_carries_package_and_data_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"synthbook"}
    assert any(name.startswith("synthbook/_data/art/") for name in names)
    assert {"synthbook/_web/figure.js", "synthbook/_web/figures.css"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]
    assert wheel.stat().st_size < LIMIT


def test_an_installed_package_loads_and_lists_its_weights(installed, tmp_path):
    said = elsewhere(installed, tmp_path, "-c", USE, str(installed))
    listed = elsewhere(installed, tmp_path, "-m", "synthbook", "weights", "list")
    assert said.strip() in listed
