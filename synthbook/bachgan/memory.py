"""What a generator is given beside the boxes: retrieved, random or true label maps of a dataset.

Retrieval needs no network, so it runs once, before training, and its result is kept on disk.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from synthbook.bachgan import layout, retrieval
from synthbook.bachgan.layout import boxes_of, pack
from synthbook.bachgan.retrieval import NONE, search
from synthbook.datasets.cache import Cached, fingerprint, kept
from synthbook.datasets.places import MOODS
from synthbook.datasets.things import things, wholes
from synthbook.files import BookError, cache_dir

KEPT = 8  # neighbours that are kept of each query, as far as the bank has them
NOTHING = 255  # label of a pixel of which memory knows nothing
SOURCES = ("top", "random", "kin", "truth")


def same_stream(a: Cached, b: Cached) -> bool:
    """Whether equal indices of two datasets are one foreground: knobs may differ."""
    return all(getattr(a.source, k) == getattr(b.source, k) for k in ("name", "split", "seed"))


def all_boxes(data: Cached) -> list[np.ndarray]:
    """The boxes (N, 5) of every item."""
    label, instance = (data.stored[key].numpy() for key in ("label", "instance"))
    named, whole = things(data), wholes(data)
    return [boxes_of(whole[pair[0]], pair[1], named) for pair in zip(label, instance)]


def neighbours(queries: Cached, bank: Cached, m: int,
               first: int | None = None) -> tuple[Tensor, Tensor]:
    """Indices (Q, m) int64 and scores (Q, m) of the best items of `bank` for every query's boxes.

    Computed once and then read from the cache. An item is never its own neighbour. Indices are
    -1 for a query without boxes.

    first : the bank is the first so many items; all unless given.
    """
    size = min(first or len(bank), len(bank))
    own = same_stream(queries, bank)
    if not 1 <= m <= size - own:
        raise BookError(f"cannot retrieve {m} of {size - own} label maps: ask for fewer, or "
                        "enlarge the bank")
    most = min(max(m, KEPT), size - own)

    def find() -> dict[str, Tensor]:
        labels = bank.stored["label"].numpy()[:size]
        index, score = search(labels, things(bank), all_boxes(queries), most,
                              own=range(len(queries)) if own else None)
        return {"index": torch.from_numpy(index).int(), "score": torch.from_numpy(score)}

    stored = kept(neighbours_path(queries, bank, most, size), find,
                  queries=[queries.source.split, len(queries)], knobs=queries.source.knobs,
                  bank=[bank.source.split, size], kept=most)
    return stored["index"][:, :m].long(), stored["score"][:, :m]


def neighbours_path(queries: Cached, bank: Cached, kept: int, size: int) -> Path:
    """Where the neighbours are kept: its name holds the data, the bank's size and the code."""
    digest = hashlib.sha256(json.dumps(
        [fingerprint(queries.source), fingerprint(bank.source), kept, size]).encode())
    for module in (layout, retrieval):
        digest.update(Path(module.__file__).read_bytes())
    name = f"{queries.source.name}-{queries.source.split}-{queries.source.size}"
    return cache_dir() / "retrieval" / f"{name}-{digest.hexdigest()[:12]}.safetensors"


def strangers(queries: Cached, bank: Cached, m: int, first: int | None = None,
              seed: int = 0) -> Tensor:
    """Indices (Q, m) of random items of `bank`, the same with every call; none is the query."""
    size = min(first or len(bank), len(bank))
    own = same_stream(queries, bank)
    if not 1 <= m <= size - own:
        raise BookError(f"cannot draw {m} of {size - own} label maps: ask for fewer, or enlarge "
                        "the bank")
    index = np.empty((len(queries), m), np.int64)
    for q in range(len(queries)):
        count = size - (own and q < size)
        drawn = np.random.default_rng([seed, q]).choice(count, m, replace=False)
        index[q] = drawn + (drawn >= q) if count < size else drawn
    return torch.from_numpy(index)


def kin(queries: Cached, bank: Cached, m: int, first: int | None = None, seed: int = 0) -> Tensor:
    """:func:`neighbours`, each in exchange for a random item of its own kind of place; (Q, m).

    It has the background's classes from retrieval, but not the arrangement. None is the query.
    Only for `places`.
    """
    index = neighbours(queries, bank, m, first)[0].numpy()
    return relatives(index, bank, first, same_stream(queries, bank), seed)


def relatives(index: np.ndarray, bank: Cached, first: int | None = None, own: bool = False,
              seed: int = 0) -> Tensor:
    """Items (Q, m) of a bank, each in exchange for a random one of its own kind of place.

    own : query q is the bank's item q, which is never chosen.
    """
    kinds = bank.stored["category"].numpy()[:first or len(bank)] // moods(bank)
    members = [np.flatnonzero(kinds == kind) for kind in range(kinds.max() + 1)]
    index = index.copy()
    for q, row in enumerate(index):
        rng = np.random.default_rng([seed, q])
        for k in np.flatnonzero(row >= 0):
            pool = members[kinds[row[k]]]
            row[k] = rng.choice(pool[pool != q] if own else pool)
    return torch.from_numpy(index)


def moods(data: Cached) -> int:
    """How many categories a kind of place has."""
    if data.source.name != "places":
        raise BookError(f"dataset {data.source.name!r} has no kinds of place: draw from all items")
    return len(MOODS)


class Remembering(Dataset):
    """A dataset whose items also hold their boxes and the maps that memory gives for them.

    An item: `image`, `label`, `index` as before; `boxes` (M, 5), class -1 where there is none;
    `maps` (m, H, W) int64, 255 where memory knows nothing.

    Parameters
    ----------
    data   : the items.
    bank   : where maps come from.
    source : `top` (best layout similarity first), `random`, `kin` (random, of the
             kinds of place of the best) or `truth` (the item's own label map).
    m      : maps of an item; 0 for none.
    first  : the bank is the first so many items; all unless given.
    """

    def __init__(self, data: Cached, bank: Cached, source: str = "top", m: int = 3,
                 first: int | None = None):
        if source not in SOURCES:
            raise BookError(f"unknown memory {source!r}: choose one of {', '.join(SOURCES)}")
        self.data, self.source, self.m = data, source, m
        self.labels = bank.stored["label"]
        self.boxes = pack(all_boxes(data))
        if source == "truth" or not m:
            self.index = None
        elif source == "top":
            self.index = neighbours(data, bank, m, first)[0]
        else:
            self.index = (kin if source == "kin" else strangers)(data, bank, m, first)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        item = {key: value for key, value in self.data[i].items()
                if key in ("image", "label", "index")}
        return item | {"boxes": self.boxes[i], "maps": self.maps(i, item["label"])}

    def maps(self, i: int, label: Tensor) -> Tensor:
        """The maps of item `i`, (m, H, W)."""
        if self.source == "truth" and self.m:
            return label[None]
        if self.index is None:
            return label.new_zeros(0, *label.shape)
        return look_up(self.labels, self.index[i])


def look_up(labels: Tensor, index: Tensor) -> Tensor:
    """The maps of a bank (N, H, W) at indices (m,), (m, H, W) int64; 255 all over for -1."""
    maps = labels[index.clamp_min(0)].long()
    return torch.where((index == NONE)[:, None, None], NOTHING, maps)
