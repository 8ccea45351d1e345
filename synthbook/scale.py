"""One dial for how much is computed. It changes sizes and steps, never the code path."""

import os

from synthbook.files import BookError

SCALES = {
    "smoke": "for tests: seconds, proves only that everything runs",
    "laptop": "for the reader: trains something real in about a minute on two cores",
    "ablation": "for claims: 32 x 32 pixels, at most 25 minutes a run on two cores",
    "ship": "for the weights that ship: 64 x 64 pixels",
    "paper": "for researchers: published sizes, hyperparameters and data",
}


def check(scale: str) -> str:
    """Return `scale` if it is one of :data:`SCALES`."""
    if scale not in SCALES:
        raise BookError(f"unknown scale {scale!r}: choose one of {', '.join(SCALES)}")
    return scale


def current() -> str:
    """The scale that `SYNTHBOOK_SCALE` names; `laptop` when it is not set."""
    return check(os.environ.get("SYNTHBOOK_SCALE") or "laptop")
