"""Background retrieval: the scenes of a memory bank whose masks fit a few boxes best.

The score is the layout similarity of :func:`synthbook.metrics.layout_similarity`. It is exact here
and fast: the pixels of a mask inside a rectangle are four look-ups in the mask's integral image
(Viola and Jones 2001), and the boxes of a class are first cut into rectangles that do not
overlap. The integral images of a class lie side by side, one row for each corner, so that one
look-up for all candidates reads memory in order; candidates without the class take no room.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from synthbook.bachgan.layout import checked
from synthbook.files import BookError

Rectangle = tuple[int, int, int, int]
NONE = -1  # the index of a candidate that was not found
CHUNK = 10_000  # candidates whose integral images are held at a time


def without(a: Rectangle, b: Rectangle) -> list[Rectangle]:
    """The parts of rectangle `a` (x0, y0, x1, y1) outside `b`: above, below, left, right."""
    x0, y0, x1, y1 = a
    left, top, right, bottom = max(x0, b[0]), max(y0, b[1]), min(x1, b[2]), min(y1, b[3])
    if left >= right or top >= bottom:
        return [a]
    parts = ((x0, y0, x1, top), (x0, bottom, x1, y1), (x0, top, left, bottom),
             (right, top, x1, bottom))
    return [p for p in parts if p[0] < p[2] and p[1] < p[3]]


def disjoint(rectangles: Iterable[Rectangle]) -> list[Rectangle]:
    """Rectangles that cover what the given ones cover, and no pixel twice."""
    kept: list[Rectangle] = []
    for rectangle in rectangles:
        parts = [rectangle]
        for other in kept:
            parts = [rest for part in parts for rest in without(part, other)]
        kept += parts
    return kept


def integral(mask: np.ndarray) -> np.ndarray:
    """Integral images of masks (H, W, N), ((H+1) * (W+1), N): row y * (W+1) + x, column n.

    The entry counts the pixels of mask n above y and left of x.
    """
    h, w, n = mask.shape
    total = np.zeros((h + 1, w + 1, n), np.uint16 if h * w < 2**16 else np.uint32)
    inner = total[1:, 1:]
    np.cumsum(mask, 0, dtype=total.dtype, out=inner)
    np.cumsum(inner, 1, dtype=total.dtype, out=inner)
    return total.reshape((h + 1) * (w + 1), n)


class MemoryBank:
    """Label maps that can be asked for the best ones for some boxes.

    Parameters
    ----------
    labels : (N, H, W) integers, the candidates' label maps.
    things : classes that count; the others are background.
    keys   : (N,) integers, where each candidate comes from; 0 to N - 1 unless given. A query
             that comes from one of them leaves all candidates with its key out.
    """

    def __init__(self, labels: np.ndarray, things: Sequence[int],
                 keys: np.ndarray | None = None):
        labels = np.asarray(labels)
        if labels.ndim != 3 or not labels.size or not np.issubdtype(labels.dtype, np.integer):
            raise BookError(f"a memory bank needs label maps (N, H, W) of whole numbers, got "
                            f"{labels.shape} of {labels.dtype}")
        self.size, self.things = labels.shape[1:], tuple(sorted(set(things)))
        self.keys = np.arange(len(labels)) if keys is None else np.asarray(keys)
        if self.keys.shape != labels.shape[:1]:
            raise BookError(f"{len(labels)} label maps need as many keys, got {self.keys.shape}")
        upright = np.ascontiguousarray(labels.transpose(1, 2, 0))
        self.holders: dict[int, np.ndarray] = {}  # which candidates hold a class
        self.sums: dict[int, np.ndarray] = {}  # their integral images
        self.areas: dict[int, np.ndarray] = {}  # pixels of the class, in all candidates
        for c in self.things:
            mask = upright == c
            held = np.flatnonzero(mask.any((0, 1)))
            self.holders[c], self.sums[c] = held, integral(mask[..., held])
            self.areas[c] = np.zeros(len(labels), np.int32)
            self.areas[c][held] = self.sums[c][-1]

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def nbytes(self) -> int:
        """Memory that the integral images take, bytes."""
        return sum(sums.nbytes for sums in self.sums.values())

    def counts(self, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels shared and pixels of the union, (N,) each, for checked boxes (M, 5)."""
        shared, union = np.zeros((2, len(self)), np.int32)
        row = self.size[1] + 1
        for c in sorted(set(boxes[:, 0].tolist())):
            sums, asked = self.sums[c], 0
            inside = np.zeros(sums.shape[1], sums.dtype)
            for x0, y0, x1, y1 in disjoint(map(tuple, boxes[boxes[:, 0] == c, 1:].tolist())):
                inside += sums[y1 * row + x1]
                inside -= sums[y0 * row + x1]  # unsigned numbers wrap, and wrap back
                inside -= sums[y1 * row + x0]
                inside += sums[y0 * row + x0]
                asked += (x1 - x0) * (y1 - y0)
            shared[self.holders[c]] += inside
            union += self.areas[c]
            union += asked
        return shared, union - shared

    def scores(self, boxes: np.ndarray | Sequence) -> np.ndarray:
        """Layout similarity of every candidate for boxes (M, 5), (N,) float64 in [0, 1].

        All are 0 where no box has an area in the picture.
        """
        shared, union = self.counts(checked(boxes, self.things, self.size))
        return shared / np.maximum(union, 1)

    def top(self, boxes: np.ndarray | Sequence, m: int,
            key: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Indices and scores of the `m` best candidates, best first, (m,) each.

        Of candidates with equal scores the one with the lower index comes first. A query
        without boxes finds none: its indices are -1 and its scores 0.

        key : leave out the candidates with this key, the query's own.
        """
        rows = checked(boxes, self.things, self.size)
        allowed = None if key is None else self.keys != key
        available = len(self) if allowed is None else int(allowed.sum())
        if not 1 <= m <= available:
            raise BookError(f"cannot retrieve {m} of {available} label maps: ask for 1 to "
                            f"{available}")
        return self._best(rows, m, allowed)

    def _best(self, rows: np.ndarray, m: int,
              allowed: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """:meth:`top` for checked boxes, of the candidates that are allowed."""
        if not len(rows):
            return np.full(m, NONE), np.zeros(m)
        shared, union = self.counts(rows)
        scores = shared / union
        if allowed is not None:
            scores[~allowed] = -1
        least = np.partition(scores, -m)[-m]
        above = np.flatnonzero(scores > least)
        above = above[np.argsort(-scores[above], kind="stable")]
        best = np.concatenate([above, np.flatnonzero(scores == least)[:m - len(above)]])
        return best, scores[best]


def search(labels: np.ndarray, things: Sequence[int], queries: Sequence[np.ndarray], m: int, *,
           keys: np.ndarray | None = None, own: Sequence[int] | None = None,
           chunk: int = CHUNK) -> tuple[np.ndarray, np.ndarray]:
    """:meth:`MemoryBank.top` of many queries in a bank of any length, (Q, m) each.

    Memory stays that of `chunk` candidates: every part of the bank answers all queries, and each
    query keeps its `m` best so far.

    labels, things, keys : as in `MemoryBank`; `labels` may be a file mapped into memory.
    queries : boxes (M, 5) of each query.
    own     : the key of each query, whose candidates are left out.
    """
    keys = np.arange(len(labels)) if keys is None else np.asarray(keys)
    index = np.full((len(queries), m), NONE)
    score = np.full((len(queries), m), -1.0)
    rows = [checked(boxes, things, labels.shape[1:]) for boxes in queries]
    for start in range(0, len(labels), chunk):
        bank = MemoryBank(labels[start:start + chunk], things, keys[start:start + chunk])
        for q, boxes in enumerate(rows):
            allowed = None if own is None else bank.keys != own[q]
            few = min(m, len(bank) if allowed is None else int(allowed.sum()))
            if not few:
                continue
            found, scores = bank._best(boxes, few, allowed)
            both = np.concatenate([score[q], scores])
            order = np.argsort(-both, kind="stable")[:m]  # earlier candidates first
            found = np.concatenate([index[q], np.where(found < 0, NONE, found + start)])
            index[q], score[q] = found[order], both[order]
    if (score < 0).any():
        raise BookError(f"a query has fewer than {m} label maps to retrieve: give a larger bank")
    return index, score
