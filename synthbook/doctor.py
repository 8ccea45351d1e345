"""Is this machine fit for the book, and are the book's files whole? OK and FAIL lines."""

import importlib.metadata
import platform
import shutil
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
import torch.nn.functional as F
from packaging.requirements import Requirement

from synthbook.device import Device, choose
from synthbook.files import (
    BookError,
    cache_dir,
    data_dir,
    read_record,
    require_space,
    verified,
    verify_art,
)

MEMORY = 4e9  # bytes that must be available: the most that a chapter uses
DISK = 3_000_000_000  # bytes that must be free for caches: all that the book draws, twice
INSTALL = "run `make .venv` and use .venv/bin/python"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True)
class Check:
    """One line of the report; `fix` says what to do where `good` is false."""

    good: bool
    text: str
    fix: str = ""


@dataclass(frozen=True)
class Reference:
    """What two cores of the machine that made the book's numbers took, at scale `laptop`.

    speed : billions of multiply-adds a second that :func:`speed` found there.
    book  : minutes of `make book`, environment made, no caches.
    live  : minutes of it spent in training.
    """

    speed: float
    book: float
    live: float


REFERENCE = Reference(speed=115.0, book=2.7, live=0.6)


def checks() -> list[Check]:
    """Everything that is checked, in the order of the report."""
    device = choose()
    return [python(), *packages(), Check(True, f"device: {device.reason}"), memory(), disk(),
            art(), *weights(), *notebooks(), expectation(device)]


def python() -> Check:
    """Python's version; the lower limit is the one in `pyproject.toml`."""
    return Check(sys.version_info >= (3, 11), f"Python {platform.python_version()}",
                 "install Python 3.11 or newer, then `make .venv PYTHON3=/path/to/python3`")


def requirements() -> tuple[list[str], list[str]]:
    """What the package needs, and what building the book needs besides."""
    project = Path(__file__).resolve().parent.parent / "pyproject.toml"
    if project.is_file():
        asked = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
        return asked["dependencies"], asked["optional-dependencies"]["book"]
    needed, book = [], []
    for text in importlib.metadata.requires("synthbook") or []:
        plain, _, condition = text.partition(";")
        if not condition:
            needed.append(plain)
        elif "book" in condition:
            book.append(plain)
    return needed, book


def unmet(asked: list[str]) -> tuple[list[str], list[str]]:
    """`name version` of the installed packages that fit, and a complaint for each other."""
    good, bad = [], []
    for requirement in map(Requirement, asked):
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            bad.append(f"{requirement.name} is not installed, the book needs {requirement}")
            continue
        if requirement.specifier.contains(version, prereleases=True):
            good.append(f"{requirement.name} {version}")
        else:
            bad.append(f"{requirement.name} is {version}, the book needs {requirement}")
    return good, bad


def packages() -> Iterator[Check]:
    """Versions of what the package imports."""
    good, bad = unmet(requirements()[0])
    if good:
        yield Check(True, f"packages: {', '.join(good)}")
    for text in bad:
        yield Check(False, text, INSTALL)


def memory() -> Check:
    """Memory that programs can still get."""
    state = psutil.virtual_memory()
    return Check(state.available >= MEMORY,
                 f"memory: {state.available / 1e9:.1f} GB of {state.total / 1e9:.1f} GB available; "
                 f"a chapter uses at most {MEMORY / 1e9:.0f} GB",
                 "close other programs or read the published pages, which need no computing")


def disk() -> Check:
    """Space where generated data are kept, and the right to write there."""
    try:
        require_space(cache_dir(), DISK)
    except BookError as error:
        return Check(False, str(error), "free some, or set SYNTHBOOK_CACHE to a folder elsewhere")
    return Check(True, f"disk: at least {DISK / 1e9:.0f} GB free for caches in {cache_dir()}")


def restore(path: str) -> str:
    """How to get back a file of the book."""
    return f"`git checkout -- {path}` in a checkout, or install synthbook again"


def art() -> Check:
    """The artists' parts that the generated data are drawn from."""
    try:
        return Check(True, f"data: {verify_art()} files of art unaltered in {data_dir()}")
    except BookError as error:
        return Check(False, str(error), restore("data/art"))


def ships(record: Path) -> bool:
    """Whether a record is of weights that should be here; if it cannot be read, it is."""
    try:
        return read_record(record).get("ships", True)
    except BookError:
        return True


def weights() -> Iterator[Check]:
    """Every weights file against the hash in its record, every record against its file.

    A record that says `"ships": false` stands alone: a stored result is of these weights.
    """
    folder = data_dir() / "weights"
    stems = {p.with_suffix("") for p in folder.glob("*/*.safetensors")}
    stems |= {p.with_suffix("") for p in folder.glob("*/*.json") if ships(p)}
    good = 0
    for stem in sorted(stems):
        try:
            verified(Path(f"{stem}.safetensors"))
            good += 1
        except BookError as error:
            yield Check(False, str(error), restore("data/weights"))
    if good or not stems:
        yield Check(good > 0, f"weights: {good} of {len(stems)} verified by SHA-256",
                    restore("data/weights"))


def notebooks() -> Iterator[Check]:
    """What building and testing the pages needs; reading and the commands do without."""
    good, bad = unmet(requirements()[1])
    said = ", ".join(good) if not bad else f"{'; '.join(bad)} ({INSTALL} for `make book`)"
    yield Check(True, f"for `make book`: {said}")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    yield Check(True, f"browser for `make test`: {browser}" if browser else
                "no browser: `make test` skips the tests of the built pages")


def speed(device: Device, seconds: float = 0.5) -> float:
    """Billions of multiply-adds a second in training steps of a convolution; the best of several.

    The layer is typical of the book's models at 32 x 32 pixels: 64 channels, a batch of 16.
    """
    image = torch.randn(16, 64, 32, 32, device=device.device)
    image = image.to(memory_format=torch.channels_last)
    weight = torch.randn(64, 64, 3, 3, device=device.device, requires_grad=True)
    image.requires_grad_(True)
    work, best, started = 3 * image.numel() * 64 * 9 / 1e9, 0.0, time.perf_counter()
    while not best or time.perf_counter() - started < seconds:
        before = time.perf_counter()
        with torch.autocast(device.device.type, torch.bfloat16, device.precision == "bf16"):
            loss = F.conv2d(image, weight, padding=1).float().square().mean()
        gradient, _ = torch.autograd.grad(loss, (weight, image))
        gradient.sum().item()
        best = max(best, work / (time.perf_counter() - before))
    return best


def expectation(device: Device) -> Check:
    """Minutes to expect: those of the reference machine, training scaled by :func:`speed`."""
    ratio = speed(device) / REFERENCE.speed
    live = REFERENCE.live / ratio
    book = REFERENCE.book - REFERENCE.live + live
    return Check(True, f"expected, an estimate: `make book` {book:.0f} minutes once installed, of "
                 f"which {live:.1f} are training (a convolution's steps run {ratio:.1f} times as "
                 "fast as on the two cores where the book was made)")
