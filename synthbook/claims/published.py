"""The published ledger: `data/results/SLUG/claims.json`, which may not disagree with results."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from synthbook import evaluation
from synthbook.claims import evidence, history, ledger
from synthbook.claims.verdict import Missing
from synthbook.files import BookError, data_dir, read_record, sha256, write_json

Rows = list[dict[str, Any]]


def path(slug: str) -> Path:
    """Where the published ledger of a paper is."""
    return data_dir() / "results" / slug / "claims.json"


def save(paper: dict[str, Any]) -> Path:
    """Write one paper's `{slug, claims}`, as `ledger.report` gives it, with its provenance.

    BookError where no history shows that thresholds are older than results.
    """
    if not history.checkout():
        raise BookError("--save needs a checkout with its whole history, which shows whether "
                        "thresholds are older than results: clone it, or git fetch --unshallow")
    slug = paper["slug"]
    write_json(path(slug), {"slug": slug, "command": f"python -m synthbook claims {slug} --save",
                            "results": standing_on(paper["claims"]), "claims": paper["claims"]})
    return path(slug)


def standing_on(rows: Rows) -> dict[str, str]:
    """The stored results that claims ask for and that are there: SHA-256 by their names."""
    names = {str(name) for row in rows for name in needed(row)}
    files = {name: evaluation.result_path(name) for name in sorted(names)}
    files |= {name: evaluation.result_path(name) for row in rows
              for name in row.get("measurements", [])}
    return {name: sha256(file) for name, file in files.items() if file.exists()}


def needed(row: dict[str, Any]) -> Iterable[Any]:
    """The full name of every model and seed of a claim that the book has."""
    for model in row["models"]:
        for seed in row["seeds"]:
            try:
                yield evidence.name_of(model, row["data"], seed)
            except Missing:
                continue


def disagreements(slug: str) -> list[str]:
    """How the published ledger differs from what the stored results say: one line a claim.

    BookError where there is no published ledger.
    """
    file = path(slug)
    if not file.exists():
        raise BookError(f"no published ledger at {file}: run python -m synthbook claims {slug} "
                        "--save")
    stored = read_record(file, "slug", "claims", "results")
    then = {row["id"]: row for row in stored["claims"]}
    now = {row["id"]: row for row in ledger.report(slug)[0]["claims"]}
    results = standing_on(list(now.values()))
    lines = [f"{claim} is in the ledger and not published" for claim in now if claim not in then]
    lines += [f"{claim} is published and not in the ledger" for claim in then if claim not in now]
    for claim in (claim for claim in now if claim in then):
        keys = sorted({k for k in now[claim] | then[claim]
                       if not same(now[claim].get(k), then[claim].get(k))})
        if keys:
            lines.append(f"{claim}: published as {then[claim].get('status')!r}, results say "
                         f"{now[claim]['status']!r}; they differ in {', '.join(keys)}")
        else:
            changed = [str(n) for n in (*needed(now[claim]), *now[claim].get("measurements", []))
                       if results.get(str(n)) != stored["results"].get(str(n))]
            lines += [f"{claim}: other results than those published, of {', '.join(changed)}"
                      ] if changed else []
    return lines


def same(a: Any, b: Any) -> bool:
    """Equal, where numbers may differ by what another processor rounds otherwise."""
    if isinstance(a, float) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b
