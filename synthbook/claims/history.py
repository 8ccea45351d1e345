"""Were the thresholds there before the results? The repository's history is asked.

The record of a model's weights names the commit whose code trained them. A threshold is older than
the model's results if the ledger of that commit holds it already.
"""

import re
import subprocess
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import yaml

from synthbook.claims.verdict import Threshold, threshold
from synthbook.files import BookError

PACKAGE = Path(__file__).resolve().parent.parent


def git(root: Path, *arguments: str) -> str | None:
    """What git prints; None where it fails or there is none."""
    try:
        done = subprocess.run(("git", "-C", str(root), *arguments), capture_output=True,
                              text=True, encoding="utf-8", check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout


def checkout() -> Path | None:
    """The repository that this package is of; None elsewhere or where its history is cut off."""
    found = git(PACKAGE, "rev-parse", "--show-toplevel", "--is-shallow-repository")
    top, _, shallow = (found or "").strip().partition("\n")
    return PACKAGE.parent if shallow == "false" and Path(top) == PACKAGE.parent else None


@lru_cache(maxsize=256)
def known(root: Path, commit: str) -> bool:
    """Whether the history holds `commit`: it is neither `unknown` nor one with changes, `…+`."""
    return bool(re.fullmatch(r"[0-9a-f]{7,64}", commit)) and (
        git(root, "cat-file", "-e", commit + "^{commit}") is not None)


@lru_cache(maxsize=256)
def thresholds_at(root: Path, commit: str, slug: str) -> dict[str, frozenset[Threshold]]:
    """The thresholds of every claim, by its id, in a paper's ledger at a known commit.

    Empty where there was no ledger then; a claim that cannot be read is left out.
    """
    text = git(root, "show", f"{commit}:synthbook/claims/{slug}.yml")
    found = {}
    try:
        for row in yaml.safe_load(text or "")["claims"]:
            try:
                found[row["id"]] = frozenset(map(threshold, row["thresholds"]))
            except (BookError, KeyError, TypeError):
                continue
    except (yaml.YAMLError, KeyError, TypeError):
        return {}
    return found


def doubts(slug: str, claim: str, thresholds: Sequence[Threshold],
           made: Iterable[tuple[str, str]]) -> list[str]:
    """Why a claim's results do not count: one line for each model trained before its thresholds.

    slug, claim : paper, and id of its claim.
    thresholds  : all of today's; an older ledger must hold the same ones, no more and no fewer.
    made        : full name and training commit of every model that the claim stands on, name and
                  commit of every measurement.

    Empty where nothing is in doubt, and where there is no history to ask.
    """
    if not (root := checkout()):
        return []
    lines, wanted = [], frozenset(thresholds)
    for name, commit in made:
        if not known(root, commit):
            lines.append(f"{name} made at a commit of this history: its record says {commit}")
        elif thresholds_at(root, commit, slug).get(claim) != wanted:
            lines.append(f"results from after its thresholds: thresholds of {claim} are younger "
                         f"than {name}, made at {commit[:10]}")
    return lines
