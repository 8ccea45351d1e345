"""The ledger as a chapter shows it: tables and cards, from what `synthbook.claims.report` gives."""

import html
import inspect
import os
from collections.abc import Sequence
from functools import cache
from typing import Any

import yaml
from IPython.display import HTML, Markdown

from synthbook.claims import deviations, equations, history, ledger
from synthbook.claims.equations import CHECKOUT, Place
from synthbook.claims.forest import ICONS, decimals_of, estimate, number, wanted
from synthbook.claims.verdict import STATUSES, TESTS
from synthbook.scale import SCALES

Papers = Sequence[dict[str, Any]]


def status(word: str) -> str:
    """A verdict as an icon and a word."""
    kind = word.replace(" ", "-")
    return (f'<span class="status {kind}"><span aria-hidden="true">{ICONS[word]}</span> '
            f"{word}</span>")


def summary(papers: Papers) -> HTML:
    """How many claims of each paper came out how; the last row adds them up."""
    rows = []
    for paper in papers:
        found = [claim["status"] for claim in paper["claims"]]
        rows.append([f'<a href="#claims-{paper["slug"]}">{paper["slug"]}</a>',
                     *(str(found.count(s)) for s in STATUSES), str(len(found))])
    if len(rows) > 1:
        rows.append(["all", *(str(sum(int(row[k]) for row in rows))
                              for k in range(1, len(STATUSES) + 2))])
    return grid(["paper", *map(status, STATUSES), "claims"], rows,
                caption="Claims by what became of them")


def cards(papers: Papers) -> HTML:
    """Every claim with its test, its conditions and what repeats it; to unfold one by one."""
    lines = []
    for paper in papers:
        known = {claim.id: claim for claim in ledger.claims_of(paper["slug"])}
        lines.append(f'<div class="claims" id="claims-{paper["slug"]}">')
        lines += [card(paper["slug"], known[row["id"]].test, row) for row in paper["claims"]]
        lines.append("</div>")
    return HTML("\n".join(lines))


def card(slug: str, test: str, row: dict[str, Any]) -> str:
    """One claim."""
    room = f"synthbook.claims.{slug.replace('-', '_')}"
    trained = ", ".join(model.removeprefix(slug + "/") for model in row["models"])
    seeds = ", ".join(map(str, row["seeds"]))
    facts = {
        "In the paper": text(row["where"]),
        "Test": f"{text(inspect.getdoc(TESTS[test]))} ({link(equations.symbol(f'{room}:{test}'))})",
        "Conditions": conditions(row),
        "Note": text(row["note"]),
        "Needs": "; ".join(map(text, row["needs"])),
        "Models": f"{text(trained)}; on {text(row['data'])}, at scale {row['scale']} or more, "
                  f"seed{'s' * (len(row['seeds']) > 1)} {seeds}" if trained else "",
        "Measured": ", ".join(map(text, row.get("measurements", []))),
        "Repeat": f"<code>{text(row['command'])}</code>",
    }
    listed = "".join(f"<dt>{name}</dt><dd{' class=wide' * value.startswith('<table')}>{value}</dd>"
                     for name, value in facts.items() if value)
    return (f'<details class="claim {row["status"].replace(" ", "-")}">'
            f"<summary><strong>{text(row['id'])}</strong> {status(row['status'])} "
            f"{text(row['statement'])}</summary><dl>{listed}</dl></details>")


def conditions(row: dict[str, Any]) -> str:
    """What a claim asks for and, where it was tested, how each condition came out."""
    if not row["conditions"]:
        return "; ".join(text(wanted(c)) for c in row["asked"])
    rows = [[text(wanted(c)), status(c["status"]), estimate(c),
             ", ".join(number(p, decimals_of(c)) for p in c["points"])] for c in row["conditions"]]
    return grid(["asked", "verdict", "mean [95 % interval]", "each seed"], rows).data


def untested(papers: Papers) -> HTML | Markdown:
    """What the claims without a verdict would take."""
    rows = [[f"{paper['slug']} {text(row['id'])}", "<br>".join(map(text, row["needs"]))]
            for paper in papers for row in paper["claims"] if row["status"] == "not tested"]
    if not rows:
        return Markdown("Every claim has a verdict.")
    runs = ", ".join(f"{n} at scale {scale}" for scale, n in lacking(papers).items())
    return grid(["claim", "needs"], rows, caption=f"Trainings still to be made: {runs or 'none'}")


def lacking(papers: Papers) -> dict[str, int]:
    """By scale, how many models the claims without a verdict ask for that have no record yet."""
    found: dict[str, set[str]] = {}
    for paper in papers:
        open_ = {row["id"] for row in paper["claims"] if row["status"] == "not tested"}
        chosen = [c for c in ledger.claims_of(paper["slug"]) if c.id in open_]
        for scale, names in ledger.wanted(chosen).items():
            found.setdefault(scale, set()).update(
                str(n) for n in names if not n.weights.with_suffix(".json").exists())
    return {scale: len(found[scale]) for scale in SCALES if found.get(scale)}


def equation_table() -> HTML:
    """Every equation of the papers' chapters with the lines that compute it and their tests."""
    page = ".html" if os.environ.get("SYNTHBOOK_STATIC") else ".ipynb"
    rows = []
    for slug in equations.slugs():
        for e in equations.equations_of(slug):
            name = f"{slug}: {text(e.says)}"
            if (CHECKOUT / "chapters" / f"{slug}.ipynb").exists():
                name = f'{slug}: <a href="{slug}{page}#equation-{e.label}">{text(e.says)}</a>'
            code = [f"<code>{text(p.name.rpartition(':')[2])}</code>, {link(p)}" for p in e.code]
            tests = [link(t, t.name.rpartition("::")[2]) for t in e.tests]
            rows.append([name, text(e.where), "<br>".join([*code, *tests])])
    return grid(["equation", "in the paper", "code, and the tests that hold it"], rows)


def deviation_table() -> HTML:
    """What is done otherwise than in the papers, and why."""
    rows = [list(map(text, row)) for row in deviations.table()]
    return grid(["slug", "part", "paper", "here", "why"], rows)


def thresholds_checked() -> Markdown:
    """Whether the age of thresholds could be asked of the history here."""
    if history.checkout():
        return Markdown("Asked when this page was made: no verdict below stands on a model that "
                        "was trained before its thresholds.")
    return Markdown("Not asked when this page was made: the copy that it was made from had no "
                    "history, or not all of it.")


# ------------------------------------------------------------------------------------ parts


def text(value: str) -> str:
    """Plain text as HTML."""
    return html.escape(" ".join(value.split()))


def grid(head: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "table ledger",
         caption: str = "") -> HTML:
    """A table whose cells are HTML already."""
    lines = [f'<table class="{kind}">', f"<caption>{caption}</caption>" if caption else "",
             "<thead><tr>", *(f'<th scope="col">{cell}</th>' for cell in head),
             "</tr></thead><tbody>"]
    for first, *rest in rows:
        lines.append(f'<tr><th scope="row">{first}</th>'
                     + "".join(f"<td>{cell}</td>" for cell in rest) + "</tr>")
    return HTML("\n".join([*filter(None, lines), "</tbody></table>"]))


def link(place: Place, words: str = "") -> str:
    """File and lines, as a link where the repository's address is set."""
    shown = text(words or f"{place.file}, lines {place.first}–{place.last}")
    shown = shown.replace("_", "_<wbr>").replace("/", "/<wbr>")
    if not (base := repository()):
        return shown
    return f'<a href="{base}/{place.file}#L{place.first}-L{place.last}">{shown}</a>'


@cache
def repository() -> str:
    """Address below which the repository's files are; empty while `_config.yml` sets none."""
    config = yaml.safe_load((CHECKOUT / "_config.yml").read_text(encoding="utf-8"))
    setting = config.get("repository", {})
    url = (setting.get("url") or "").rstrip("/")
    return f"{url}/blob/{setting.get('branch') or 'main'}" if url else ""
