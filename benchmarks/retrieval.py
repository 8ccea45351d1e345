"""Retrieval by layout similarity: integral images beside a plain loop and a matrix product.

Run `python benchmarks/retrieval.py`; prints JSON and, with `--save`, writes it to
`data/results/bachgan/retrieval.json`. One thread, processor seconds. All three methods are exact
and must give the same three best label maps.

loop     every candidate in turn: masks of the query's classes, intersections, unions (as the
         release does it, but for its files).
product  candidates' masks as one matrix of zeros and ones, times the layouts of a batch of queries.
ours     :class:`synthbook.bachgan.MemoryBank`.

Then the cost against the bank's size. Banks beyond `CHUNK` candidates are searched in parts, as
:func:`synthbook.bachgan.search` does it, so memory stays that of one part. A part's time does not
depend on which part it is; from two parts on, one is measured and multiplied.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from synthbook.bachgan import MemoryBank
from synthbook.bachgan.layout import checked, layout_of
from synthbook.bachgan.memory import all_boxes
from synthbook.bachgan.retrieval import CHUNK
from synthbook.datasets import dataset
from synthbook.datasets.cache import cached
from synthbook.datasets.things import things
from synthbook.files import data_dir, write_json

SIZE, BEST = 64, 3
SIZES = (1_000, 3_000, 10_000, 100_000, 1_000_000)
PART = 1_000  # candidates of a matrix at a time


def best(scores: np.ndarray, own: int) -> list[int]:
    """The three best candidates but oneself, lower index first among equals."""
    scores = scores.copy()
    scores[own] = -1
    return np.argsort(-scores, kind="stable")[:BEST].tolist()


def loop(labels: np.ndarray, named: Sequence[int], boxes: np.ndarray) -> np.ndarray:
    """Scores of all candidates, one candidate and one class at a time."""
    scores = np.zeros(len(labels))
    layouts = layout_of(boxes, named, max(named) + 1, (SIZE, SIZE)).bool().numpy()
    asked = sorted(set(checked(boxes, named, (SIZE, SIZE))[:, 0].tolist()))
    for i, label in enumerate(labels):
        shared = union = 0
        for c in asked:
            mask = label == c
            shared += np.logical_and(layouts[c], mask).sum()
            union += np.logical_or(layouts[c], mask).sum()
        scores[i] = shared / union
    return scores


class Product:
    """Scores of a batch of queries by matrix products, a thousand candidates at a time."""

    def __init__(self, labels: np.ndarray, named: Sequence[int]):
        self.labels, self.named = torch.from_numpy(labels), list(named)

    def scores(self, queries: Sequence[np.ndarray]) -> np.ndarray:
        """(Q, N) scores."""
        classes = max(self.named) + 1
        asked = torch.stack([layout_of(q, self.named, classes, (SIZE, SIZE)) for q in queries])
        asked = asked[:, self.named].flatten(2)
        present = asked.amax(2)
        parts = []
        for part in self.labels.split(PART):
            masks = torch.stack([(part == c).flatten(1).float() for c in self.named], 1)
            shared = asked.flatten(1) @ masks.flatten(1).T
            union = asked.sum((1, 2))[:, None] + present @ masks.sum(2).T - shared
            parts.append(shared.double() / union.double())
        return torch.cat(parts, 1).numpy()


def seconds(function: Callable, *arguments) -> tuple[object, float]:
    """A call's result and the processor seconds that it took."""
    start = time.process_time()
    result = function(*arguments)
    return result, time.process_time() - start


def compared(labels: np.ndarray, named: Sequence[int], queries: list[np.ndarray]) -> dict:
    """Queries per second of the three methods, and whether they agree."""
    bank, building = seconds(MemoryBank, labels, named)
    ours, spent = seconds(lambda: [bank.top(q, BEST, i)[0].tolist()
                                   for i, q in enumerate(queries)])
    few = queries[:64]
    scores, product = seconds(Product(labels, named).scores, few)
    single = queries[:2]
    looped, slow = seconds(lambda: [loop(labels, named, q) for q in single])
    return {
        "candidates": len(labels), "queries": len(queries),
        "queries_per_second": {"loop": round(len(single) / slow, 3),
                               "product": round(len(few) / product, 1),
                               "ours": round(len(queries) / spent, 1)},
        "building_seconds": round(building, 2), "megabytes": round(bank.nbytes / 1e6, 1),
        "same_best": ours[:len(few)] == [best(s, i) for i, s in enumerate(scores)]
        and ours[:len(single)] == [best(s, i) for i, s in enumerate(looped)]}


def against_size(labels: np.ndarray, named: Sequence[int],
                 queries: list[np.ndarray]) -> list[dict]:
    """Cost of a query and of building for banks of growing size."""
    rows, measured = [], {}
    for size in SIZES:
        part = min(size, CHUNK, len(labels))
        if part not in measured:
            bank, building = seconds(MemoryBank, labels[:part], named)
            _, spent = seconds(lambda: [bank.top(q, BEST) for q in queries])
            measured[part] = building, spent / len(queries), bank.nbytes
        building, spent, size_in_bytes = measured[part]
        parts = -(-size // part)
        rows.append({"candidates": size, "parts": parts,
                     "ms_per_query": round(1e3 * parts * spent, 3),
                     "building_seconds": round(parts * building, 1),
                     "megabytes_at_a_time": round(size_in_bytes / 1e6, 1)})
    return rows


if __name__ == "__main__":
    torch.set_num_threads(1)
    data = cached(dataset("places", "train", size=SIZE))
    named, labels = things(data), data.stored["label"].numpy()
    queries = [q for q in all_boxes(data)[:1_000] if len(q)]
    found = {"command": "python benchmarks/retrieval.py --save", "size": SIZE, "threads": 1,
             "boxes_per_query": round(sum(map(len, queries)) / len(queries), 2),
             "compared": compared(labels, named, queries),
             "against_size": against_size(labels, named, queries[:200])}
    print(json.dumps(found, indent=1))
    if "--save" in sys.argv:
        write_json(data_dir() / "results" / "bachgan" / "retrieval.json", found)
