"""The key of an exported model: another one where weights, code or art changed.

Imports nothing heavy, so that a build in which nothing changed stays quick.
"""

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from synthbook.files import data_dir

PACKAGE = Path(__file__).resolve().parent.parent
TABLES = ("art/SHA256SUMS.json", "results/bachgan/bank-32.png",  # what graphs hold, below data/
          "results/stylegan2/directions-32.safetensors",
          "results/image2stylegan-pp/embedded-32.safetensors")
TOOLS = ("torch", "onnx")  # they write the graph


def source() -> str:
    """SHA-256 over all that decides a graph but weights.

    That is the package's Python files, the recorded hashes of the art that its pictures are made
    of, the tables that ship with results, and the versions of torch and onnx.
    """
    digest = hashlib.sha256(repr([installed(name) for name in TOOLS]).encode())
    for table in TABLES:
        digest.update(held(data_dir() / table))
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + held(path))
    return digest.hexdigest()


def held(path: Path) -> bytes:
    """The hash of a file's content, nothing where there is no file."""
    return hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b""


def installed(name: str) -> str:
    """The version of an installed package, empty where it is not."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def key(model: str, weights: Path) -> str:
    """16 hexadecimal digits for model `model`; `weights` need not exist where it has none."""
    return hashlib.sha256(repr((model, held(weights), source())).encode()).hexdigest()[:16]
