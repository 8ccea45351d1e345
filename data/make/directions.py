"""Find the directions of traits in W that the figure of the chapter on StyleGAN2 turns.

    python data/make/directions.py

reads the weights and the reader that ship, and writes with the SHA-256 of both
data/results/stylegan2/directions-32.safetensors. A few seconds on one core; the same file for the
same weights.
"""

import torch

from synthbook import models
from synthbook.datasets.traits import NAMES
from synthbook.figures.stylegan2 import MODEL, READER
from synthbook.files import data_dir
from synthbook.judges import PROPOSES
from synthbook.stylegan2.directions import find, observed, write

SAMPLES = 5_000


def main() -> None:
    """Find and write them."""
    model, reader = models.load(MODEL), models.load(READER)
    with torch.no_grad():
        seen = observed(model, lambda x: reader.readings(x, PROPOSES), SAMPLES)
    about = {part: models.record(models.parse(name).weights)["sha256"]
             for part, name in (("weights", MODEL), ("reader", READER))}
    path = data_dir() / "results" / "stylegan2" / "directions-32.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    found = find(*seen, NAMES)
    write(path, found, {**about, "samples": str(SAMPLES)})
    print(path, *(f"{name}: fit {fit:.2f}" for name, fit in zip(NAMES, found.fit)), sep="\n")


if __name__ == "__main__":
    main()
