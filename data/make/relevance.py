"""Is the retrieved background right? Measured before training: `python data/make/relevance.py`.

Draws scenes, searches a memory bank of training scenes for each, and writes to
`data/results/bachgan/relevance.json` how right retrieved, related and random backgrounds are, for
each strength with which the foreground calls for its background.
"""

import argparse
import time

from synthbook.bachgan import relevance
from synthbook.files import data_dir, write_json
from synthbook.models import commit


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--bank", type=int, default=4_000)
    parser.add_argument("--guessed", type=int, default=100)
    parser.add_argument("--draws", type=int, default=64)
    parser.add_argument("--size", type=int, default=32)
    options = parser.parse_args()
    started = time.process_time()
    queries = relevance.drawn("val", options.queries, options.size)
    bank = relevance.drawn("train", options.bank, options.size)
    rows = relevance.rows(queries, bank, guessed=options.guessed, draws=options.draws)
    path = data_dir() / "results" / "bachgan" / "relevance.json"
    write_json(path, {
        "command": "python data/make/relevance.py", "commit": commit(), **vars(options),
        "maps": relevance.MAPS, "minutes": round((time.process_time() - started) / 60, 1),
        "rows": rows})
    names = ("top-1", "kin-1", "random-1", "top-1 - kin-1", "top-1 - random-1", "best guess")
    for row in [["strength", *names], *relevance.summary(rows, names)]:
        print("  ".join(f"{text:>22s}" for text in row))


if __name__ == "__main__":
    main()
