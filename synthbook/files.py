"""Where the book's files are, and how they are read and written without loss.

Foreign files are data, never code: safetensors, JSON and PNG. Every write goes to a
temporary file beside its target and is renamed onto it, so that a reader never finds half a
file. What goes wrong becomes one :class:`BookError` line.
"""

import contextlib
import hashlib
import json
import os
import shutil
import struct
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

if TYPE_CHECKING:
    import torch  # seconds to import, and what reads no tensors needs none


class BookError(Exception):
    """One clear line: what is wrong and what to do. The command line exits with 2."""


def data_dir() -> Path:
    """The book's `data/`: a checkout's own, else the copy that the wheel carries."""
    package = Path(__file__).resolve().parent
    checkout = package.parent / "data"
    return checkout if (checkout / "art").is_dir() else package / "_data"


def cache_dir() -> Path:
    """Where generated data and snapshots are kept: `$SYNTHBOOK_CACHE`, else the user's cache."""
    chosen = os.environ.get("SYNTHBOOK_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen) if chosen else Path(base) / "synthbook"


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it onto `path` when the block succeeds."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise BookError(f"cannot write {path}: {reason(error)}; choose another folder") from error
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except OSError as error:
        raise BookError(f"cannot write {path}: {reason(error)}; nothing was changed") from error
    except SafetensorError as error:
        raise BookError(f"cannot write {path}: {error}; nothing was changed") from error
    finally:
        temporary.unlink(missing_ok=True)


def reason(error: OSError) -> str:
    """What the system said, without numbers and paths."""
    return error.strerror or str(error)


def require_space(folder: str | Path, needed: int) -> None:
    """Raise unless `folder` can be written (or made) and its disk has `needed` bytes free."""
    wanted = folder = Path(folder).absolute()
    while not folder.exists():
        folder = folder.parent
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        why = "is read-only" if folder.is_dir() else "is not a folder"
        raise BookError(f"cannot write {wanted}: {folder} {why}; choose another folder")
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BookError(
            f"no disk space: {folder} has {free / 1e6:.0f} MB free, {needed / 1e6:.0f} MB are "
            "needed; free some, or choose another folder (SYNTHBOOK_CACHE for caches)"
        )


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: str | Path) -> Any:
    """The value that a JSON file holds."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BookError(f"{path} does not exist") from error
    except (OSError, ValueError) as error:
        raise BookError(f"{path} is damaged: not JSON ({error}); restore or remove it") from error


def read_record(path: str | Path, *keys: str) -> dict[str, Any]:
    """The object that a JSON file holds, which must have `keys`."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise BookError(f"{path} is damaged: not a JSON object; restore or remove it")
    missing = [key for key in keys if key not in value]
    if missing:
        raise BookError(f"{path} is damaged: no {', '.join(missing)} in it; restore or remove it")
    return value


def verified(path: str | Path) -> dict[str, Any]:
    """The record `PATH.json` beside a file, after checking that the file is the one recorded."""
    path = Path(path)
    beside = path.with_suffix(".json")
    if not path.is_file():
        raise BookError(f"{path} does not exist; restore it")
    if not beside.exists():
        raise BookError(f"{beside} does not exist: {path.name} cannot be checked without its "
                        "record; restore it, or choose a file that has one")
    record = read_record(beside, "sha256")
    if sha256(path) != record["sha256"]:
        raise BookError(f"{path} is damaged or was altered: its SHA-256 is not the one in "
                        f"{beside.name}; restore both files")
    return record


def art_hashes() -> dict[str, str]:
    """SHA-256 of every PNG and JSON file of `data/art`, by its path there."""
    root = data_dir() / "art"
    found = sorted(p for kind in ("*/*.png", "*/*.json") for p in root.glob(kind))
    return {p.relative_to(root).as_posix(): sha256(p) for p in found}


def verify_art(name: str | None = None) -> int:
    """Raise unless the art of dataset `name`, or all of it, is as recorded; the number of files.

    The record is `data/art/SHA256SUMS.json`; `python data/make/hashes.py` writes it.
    """
    root = data_dir() / "art"
    recorded, found = read_record(root / "SHA256SUMS.json"), art_hashes()
    names = [p for p in sorted(recorded | found) if name in (None, p.partition("/")[0])]
    if not names:
        raise BookError(f"{root / 'SHA256SUMS.json'} records no art of {name}: restore data/art")
    for file in names:
        if file not in found:
            raise BookError(f"{root / file} does not exist: restore data/art")
        if found[file] != recorded.get(file):
            raise BookError(f"{root / file} is damaged or was altered: its SHA-256 is not the one "
                            "in data/art/SHA256SUMS.json; restore data/art, or run "
                            "data/make/hashes.py if you remade it")
    return len(names)


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON, replacing `path` in one step.

    What holds no other object stands on one line, but for the value itself.
    """
    with replacing(path) as temporary:
        temporary.write_text(laid_out(value) + "\n", encoding="utf-8")


def laid_out(value: Any, margin: str = "\n") -> str:
    """JSON text of a value; `margin` begins the lines after its first."""
    plain = partial(json.dumps, ensure_ascii=False, allow_nan=False)
    nested = any(isinstance(one, dict) for one in inside(value))
    if not value or not isinstance(value, (dict, list)) or (margin != "\n" and not nested):
        return plain(value)
    if isinstance(value, list):
        parts = [laid_out(one, margin + " ") for one in value]
    else:
        parts = [f"{plain(str(key))}: {laid_out(one, margin + ' ')}" for key, one in value.items()]
    start, end = "[]" if isinstance(value, list) else "{}"
    return start + ",".join(margin + " " + part for part in parts) + margin + end


def inside(value: Any) -> Iterator[Any]:
    """Everything in lists and objects, however deep; not the value itself."""
    if isinstance(value, (dict, list)):
        for one in value.values() if isinstance(value, dict) else value:
            yield one
            yield from inside(one)


def read_tensors(path: str | Path) -> tuple[dict[str, "torch.Tensor"], dict[str, str]]:
    """Tensors and metadata of a safetensors file."""
    if not Path(path).is_file():
        raise BookError(f"{path} does not exist")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}
    except (SafetensorError, OSError, ValueError, struct.error) as error:
        message = f"{path} is damaged: not a whole safetensors file ({error}); restore or remove it"
        raise BookError(message) from error


def write_tensors(
    path: str | Path, tensors: dict[str, "torch.Tensor"], metadata: dict[str, str] | None = None
) -> None:
    """Write tensors and metadata as safetensors, replacing `path` in one step."""
    from safetensors.torch import save_file

    plain, held = {}, set()
    for name, tensor in tensors.items():
        value = tensor.detach().cpu().contiguous()
        memory = value.untyped_storage()
        if memory.data_ptr() in held or memory.nbytes() != value.nbytes:
            value = value.clone()  # the format holds no two tensors that share memory
        held.add(value.untyped_storage().data_ptr())
        plain[name] = value
    require_space(Path(path).parent, sum(t.nbytes for t in plain.values()) + 4096)
    with replacing(path) as temporary:
        save_file(plain, temporary, metadata)
