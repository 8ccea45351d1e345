"""Fabricated weights, records and results, for tests of the ledger; a data folder for them."""

import pytest

from synthbook import claims, evaluation, models
from synthbook.claims import history
from synthbook.files import sha256, write_json


@pytest.fixture
def data(tmp_path, monkeypatch):
    """An empty data folder in place of the book's, and no history to ask."""
    for module in (models, evaluation):
        monkeypatch.setattr(module, "data_dir", lambda: tmp_path)
    monkeypatch.setattr(history, "checkout", lambda: None)
    return tmp_path


def around(value, half=0.05):
    """A stored value with an interval of `half` its size on either side."""
    width = half * abs(value)
    return {"value": value, "low": value - width, "high": value + width, "n": 40, "extractor": ""}


GOOD = {"mocd": 0.002, "mcsd": 0.02, "lpips": 0.2, "encoded_mcsd": 0.05,
        "encoded_mocd": 0.002}
ORACLE = {"mcsd": 0.021, "lpips": 0.21}


def place(data, model="smis/groupdnet", seed=0, *, scale="ablation", trained="ablation",
          images=24_000, weights=True, half=0.05, **metrics):
    """Store fabricated weights, their record and a result that is of them."""
    path = data / "weights" / f"{model}@places-32-s{seed}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(f"{model} {seed}".encode())
    write_json(path.with_suffix(".json"), {"sha256": sha256(path), "scale": trained})
    result = {"model": f"{model}@places-32-s{seed}", "scale": scale, "seed": 0, "commit": "c0ffee",
              "weights": sha256(path), "images": images,
              "metrics": {k: around(v, half) for k, v in (GOOD | metrics).items()},
              "references": {"oracle": {k: around(v, half) for k, v in ORACLE.items()}}}
    write_json(data / "results" / f"{model}@places-32-s{seed}.json", result)
    if not weights:
        path.unlink()
    return path


def find(slug, number):
    """The row of one claim."""
    return next(c for c in claims.report(slug)[0]["claims"] if c["id"] == number)
