"""The script that records training time machines, and runs that are only told of."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parent.parent


def made() -> SimpleNamespace:
    """`data/make/time_machine.py`, which is a script beside the package."""
    path = ROOT / "data" / "make" / "time_machine.py"
    spec = importlib.util.spec_from_file_location("make_time_machine", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Told:
    """A run that is only told of."""

    name: str
    title: str = "A title"
    changed: str = "what changed"
    notice: str = "what to see"
