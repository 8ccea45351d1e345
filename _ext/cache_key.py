"""When the executed chapters are stale.

The execution cache knows a chapter by its code cells only. What those cells import and read is
hashed here, and the cache is thrown away when the hash is not the one it was made under.
"""

import hashlib
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

EXECUTION = ("synthbook", "data", "requirements.lock")
PAGES = ("_config.yml", "_toc.yml", "_ext", "_static", "references.bib", "web/figures")
NAME = ".execution-key"


def files(root: Path, names: Iterable[str]) -> list[Path]:
    """Every file at or below `root/name`, sorted; caches and hidden files left out."""
    found: list[Path] = []
    for name in names:
        top = root / name
        found += [top] if top.is_file() else [p for p in top.rglob("*") if p.is_file()]
    return sorted(p for p in found if not _ignored(p.relative_to(root)))


def _ignored(path: Path) -> bool:
    hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts)
    return hidden or path.suffix in (".pyc", ".tmp")


def key(root: Path, names: Iterable[str], *words: str) -> str:
    """SHA-256 over the names and bytes of :func:`files` and over `words`."""
    digest = hashlib.sha256(repr(words).encode())
    for path in files(root, names):
        content = hashlib.sha256(path.read_bytes()).digest()
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + content)
    return digest.hexdigest()


def execution_key(root: Path, scale: str) -> str:
    """What a chapter's outputs depend on besides its own cells."""
    return key(root, EXECUTION, scale, sys.version)


def pages_key(root: Path) -> str:
    """What the pages depend on besides their own text, which Sphinx watches itself."""
    return key(root, PAGES)


def refresh(root: Path, output: Path, scale: str) -> bool:
    """Remove `output`'s executed chapters unless they were made under today's key.

    Returns whether they were removed. The parsed pages go with them: Sphinx would otherwise
    find no page out of date and execute nothing.
    """
    today, record = execution_key(root, scale), output / NAME
    if record.is_file() and record.read_text() == today:
        return False
    for stale in (".jupyter_cache", ".doctrees", "jupyter_execute"):
        shutil.rmtree(output / stale, ignore_errors=True)
    output.mkdir(parents=True, exist_ok=True)
    record.write_text(today)
    return True
