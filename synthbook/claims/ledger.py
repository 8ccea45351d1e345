"""The ledger: claims as data, and their verdicts as rows."""

import math
import re
import textwrap
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from synthbook import scale as scales
from synthbook.claims import evidence, history
from synthbook.claims import (  # noqa: F401  (register tests)
    bachgan,
    controllable_3d,
    image2stylegan_pp,
    semantic_pyramid,
    smis,
)
from synthbook.claims.verdict import (
    TESTS,
    Condition,
    Measured,
    Missing,
    Threshold,
    judge,
    overall,
    threshold,
)
from synthbook.files import BookError

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Claim:
    """What a paper says, and what would count as reproducing it here.

    Parameters
    ----------
    id         : the claim's number in the paper's fact sheet.
    statement  : the claim in the book's words.
    where      : where the paper makes it; a section is named only where it was verified.
    test       : name of a registered function.
    metrics    : metrics of a stored result that the test reads.
    thresholds : all must hold; the first one is the claim's headline.
    models     : `slug/variant` of every model that is needed, for each seed.
    measurements : stored measurements of data alone, `slug/name`, that no model is needed for.
    command    : what makes the verdict again from nothing.
    scale      : the scale at which models are trained and evaluated, at least.
    data       : dataset and size in pixels, `places-32`.
    seeds      : all are needed for a verdict.
    note       : what a reader must know to judge the test.
    needs      : what would have to exist, where the book has no such model.
    """

    id: str
    statement: str
    where: str
    test: str
    metrics: tuple[str, ...]
    thresholds: tuple[Threshold, ...]
    models: tuple[str, ...]
    command: str
    scale: str
    data: str
    seeds: tuple[int, ...]
    note: str = ""
    needs: str = ""
    measurements: tuple[str, ...] = ()


def slugs() -> list[str]:
    """The papers that have a ledger."""
    return sorted(path.stem for path in FOLDER.glob("*.yml"))


def claims_of(slug: str) -> list[Claim]:
    """The claims of one paper; BookError where there is no ledger or it is not well formed."""
    if slug not in slugs():
        raise BookError(f"no ledger of {slug!r}: choose one of {', '.join(slugs())}")
    return read(FOLDER / f"{slug}.yml")


def read(path: Path) -> list[Claim]:
    """The claims of a ledger's file."""
    try:
        stored = yaml.safe_load(path.read_text(encoding="utf-8"))
        defaults, rows = stored.get("defaults", {}), stored["claims"]
        claims = [claim(defaults | row) for row in rows]
    except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise BookError(f"{path} is no ledger ({error!r}): restore it") from error
    ids = [c.id for c in claims]
    if stored.get("slug") != path.stem or len(ids) != len(set(ids)):
        raise BookError(f"{path} is no ledger (its slug or its ids): restore it")
    return claims


def claim(row: dict[str, Any]) -> Claim:
    """A claim from a row of the file; every field has its type, nothing is left over."""
    names = {f.name for f in fields(Claim)}
    missing = {f.name for f in fields(Claim) if f.default is MISSING} - set(row)
    if missing or set(row) - names:
        raise KeyError(*sorted(missing | set(row) - names))
    row = {"measurements": []} | row
    for name, kind in (("metrics", str), ("thresholds", str), ("models", str),
                       ("measurements", str), ("seeds", int)):
        values = row[name]
        if not isinstance(values, list) or any(type(v) is not kind for v in values):
            raise TypeError(f"{row['id']}: {name} is a list of {kind.__name__}")
    if not all(row[n] for n in ("metrics", "thresholds", "seeds")) or not (
            row["models"] or row["measurements"]):
        raise TypeError(f"{row['id']}: a claim has metrics, thresholds, seeds, and what it needs")
    text = names - {"metrics", "thresholds", "models", "measurements", "seeds"}
    if any(not isinstance(row.get(name, ""), str) for name in text):
        raise TypeError(f"{row['id']}: {', '.join(sorted(text))} are text")
    if row["test"] not in TESTS:
        raise BookError(f"{row['id']}: no test is called {row['test']!r}")
    scales.check(row["scale"])
    lists = {name: tuple(row[name]) for name in ("metrics", "models", "measurements", "seeds")}
    return Claim(**row | lists | {"thresholds": tuple(map(threshold, row["thresholds"]))})


# -------------------------------------------------------------------------- verdicts


def report(slug: str | None = None, rerun: bool = False, retrain: bool = False) -> list[dict]:
    """`{slug, claims: [row, ...]}` for one paper or for all; see :func:`row`.

    rerun   : first evaluate every needed model again whose weights are here.
    retrain : first train every needed model from nothing, then evaluate it. Takes hours.
    """
    chosen = {s: claims_of(s) for s in ([slug] if slug is not None else slugs())}
    if rerun or retrain:
        for scale, names in wanted([c for claims in chosen.values() for c in claims]).items():
            if retrain:
                evidence.retrain(names, scale)
            evidence.rerun(names, scale)
    return [{"slug": s, "claims": [row(c, s) for c in claims]} for s, claims in chosen.items()]


def wanted(claims: list[Claim]) -> dict[str, list]:
    """The full names of the models that claims need and the book has, once each, by scale."""
    found: dict[str, list] = {}
    for c in claims:
        for model in c.models:
            for seed in c.seeds:
                try:
                    name = evidence.name_of(model, c.data, seed)
                except Missing:
                    continue
                if name not in (names := found.setdefault(c.scale, [])):
                    names.append(name)
    return found


def row(c: Claim, slug: str) -> dict[str, Any]:
    """A claim of a paper with its status, as plain JSON values.

    `quantity`, `value`, `low`, `high`, `relation` and `threshold` are of the condition that
    decides; `asked` holds all of them, `conditions` how each came out, with its `points`, one a
    seed. An open bound is None. `needs` says what is missing where the status is `not tested`.
    """
    decided, conditions, commits, needs = None, [], [], []
    try:
        results = gather(c)
        if younger := history.doubts(slug, c.id, c.thresholds, training(results)):
            raise Missing(*together(younger))
        commits = sorted({r.data["commit"] for seed in results for r in seed.values()})
        conditions = judged(c, results)
        decided = overall(conditions)
    except Missing as missing:
        needs = ([c.needs] if c.needs else []) + [str(argument) for argument in missing.args]
    shown = decided.threshold if decided else c.thresholds[0]
    return {
        "id": c.id, "statement": c.statement, "where": c.where,
        "status": decided.status if decided else "not tested",
        "quantity": shown.quantity, **bounds(decided.mean if decided else None),
        "relation": shown.relation, "threshold": shown.bound, "seeds": list(c.seeds),
        "scale": c.scale, "commit": ", ".join(commits) or None, "command": c.command,
        "models": list(c.models), "data": c.data, "conditions": list(map(plain, conditions)),
        "asked": [{"quantity": t.quantity, "relation": t.relation, "threshold": t.bound}
                  for t in c.thresholds],
        "note": c.note, "needs": needs,
    } | ({"measurements": list(c.measurements)} if c.measurements else {})


def gather(c: Claim) -> list[dict[str, evidence.Result]]:
    """For each seed, every model's result by its variant, and measurements by their names.

    Missing names all that lack.
    """
    found: list[dict[str, evidence.Result]] = []
    lacking: list[str] = []
    for seed in c.seeds:
        found.append({})
        for model in c.models:
            try:
                result = evidence.find(model, c.data, seed, c.scale)
                found[-1][model.partition("/")[2]] = result
            except Missing as missing:
                lacking.append(str(missing))
        for name in c.measurements:
            try:
                found[-1][name.partition("/")[2]] = evidence.measured(name)
            except Missing as missing:
                lacking.append(str(missing))
    if lacking:
        raise Missing(*together(lacking))
    evidence.alike(result for seed in found for result in seed.values())
    return found


def training(results: list[dict[str, evidence.Result]]) -> list[tuple[str, str]]:
    """Full name and training commit of every model, and those of every measurement."""
    return [(r.data["model"], r.commit) for seed in results for r in seed.values()]


def together(lacking: list[str]) -> list[str]:
    """What differs only in the seed of a full name, as one text that lists the seeds."""
    seeds: dict[str, list[str]] = {}
    for text in lacking:
        match = re.search(r"-s(\d+)\b", text)
        key = text.replace(match[0], "") if match else text
        seeds.setdefault(key, []).extend([match[1]] if match else [])
    return [f"{key}, seed{'s' * (len(n) > 1)} {', '.join(n)}" if n else key
            for key, n in seeds.items()]


def judged(c: Claim, results: list[dict[str, evidence.Result]]) -> list[Condition]:
    """Every threshold of the claim against what its test measures."""
    measured = [TESTS[c.test](seed) for seed in results]
    return [judge(t, [seed[t.quantity] for seed in measured]) for t in c.thresholds]


def bounds(mean: Measured | None) -> dict[str, float | None]:
    """Value and interval for JSON; what is not there or not finite is None."""
    if mean is None:
        return {"value": None, "low": None, "high": None}
    values = {"value": mean.value, "low": mean.low, "high": mean.high}
    return {k: v if math.isfinite(v) else None for k, v in values.items()}


def plain(condition: Condition) -> dict[str, Any]:
    """A condition for JSON."""
    t = condition.threshold
    return {"quantity": t.quantity, **bounds(condition.mean), "relation": t.relation,
            "threshold": t.bound, "points": list(condition.points), "status": condition.status}


def text(ledgers: list[dict]) -> str:
    """A report to read: verdict and statement, then every condition or what is missing."""
    lines = []
    for paper in ledgers:
        lines.append(f"{paper['slug']}: " + counts(paper["claims"]))
        for c in paper["claims"]:
            lines.append("\n" + textwrap.fill(
                f"{c['id']:5s}{c['status']:16s}{c['statement']}", 98,
                subsequent_indent=" " * 21))
            for k in c["conditions"]:
                low, high = (f"{v:.4g}" if v is not None else "open" for v in (k["low"], k["high"]))
                lines.append(f"{'':21s}{k['quantity']}: {k['value']:.4g} [{low}, {high}], asked "
                             f"{k['relation']} {k['threshold']:g}, {k['status']}")
            if c["needs"]:
                lines.append(textwrap.fill("needs " + "; ".join(c["needs"]), 98,
                                           initial_indent=" " * 21, subsequent_indent=" " * 21))
        lines.append("")
    return "\n".join(lines).rstrip()


def counts(rows: list[dict]) -> str:
    """How many claims have each status."""
    found: dict[str, int] = {}
    for c in rows:
        found[c["status"]] = found.get(c["status"], 0) + 1
    return ", ".join(f"{n} {status}" for status, n in found.items())
