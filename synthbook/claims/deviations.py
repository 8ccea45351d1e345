"""What each paper's implementation does otherwise than the paper, declared by the papers' rooms."""

from synthbook.bachgan import recipe as bachgan
from synthbook.smis import recipe as smis

DECLARED = {"bachgan": bachgan.DEVIATIONS, "smis": smis.DEVIATIONS}


def table() -> list[tuple[str, str, str, str, str]]:
    """All declared deviations, one row each: slug, part, in the paper, here, why."""
    return [(slug, *row) for slug, rows in DECLARED.items() for row in rows]
