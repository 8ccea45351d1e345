"""Keep the first training scenes' label maps as the memory of a page: `python data/make/bank.py`.

Writes `data/results/bachgan/bank-32.png`, a picture of all the maps in their classes' colours, and
a record beside it. The page's model of BachGAN searches these maps and no others.
"""

import argparse

from synthbook.bachgan.recalling import write_bank
from synthbook.bachgan.recipe import KNOBS
from synthbook.datasets import dataset
from synthbook.datasets.cache import cached
from synthbook.files import data_dir
from synthbook.models import commit


def main() -> None:
    """Draw, or read from the cache, and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--maps", type=int, default=2_000)
    parser.add_argument("--size", type=int, default=32)
    options = parser.parse_args()
    data = cached(dataset("places", "train", size=options.size, **KNOBS))
    path = data_dir() / "results" / "bachgan" / f"bank-{options.size}.png"
    write_bank(path, data.stored["label"][:options.maps].numpy(), data.source.palette,
               command="python data/make/bank.py", commit=commit(), dataset="places",
               split="train", knobs=data.source.knobs)
    print(f"{options.maps} maps in {path}, {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
