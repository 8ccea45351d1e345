"""Memory for photographs: boxes and best label maps of a dataset that is read from files.

What :mod:`synthbook.bachgan.memory` does for drawn scenes. All label maps are read once; they
and the result of the search are kept on disk: both take long on thousands of photographs.
"""

import hashlib
import json
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from synthbook.bachgan import layout, retrieval
from synthbook.bachgan.layout import NOBODY, boxes_of, pack
from synthbook.bachgan.memory import KEPT, look_up
from synthbook.bachgan.retrieval import search
from synthbook.datasets.cache import kept
from synthbook.datasets.images import Real
from synthbook.datasets.things import things
from synthbook.files import BookError, cache_dir

CHUNK = 500  # candidates at a time: photographs are large


class Maps(Dataset):
    """Of every item of `data` its label map, as bytes, and its boxes (N, 5)."""

    def __init__(self, data: Real):
        self.data, self.things = data, things(data)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        item = self.data[i]
        label, instance = item["label"], item["instance"]
        boxes = boxes_of(label.numpy(), instance.numpy(), self.things)
        return label.to(torch.uint8), torch.from_numpy(boxes)


def digest_of(*data: Real, code: tuple = (layout, retrieval), **more: int) -> str:
    """A short hash of files, sizes and options, of the code that reads them, and of `more`."""
    told = [[type(one).__name__, list(one.size), getattr(one, "least", None),
             [(str(path), path.stat().st_size, path.stat().st_mtime_ns)
              for files in one.files for path in (files.label, files.instance) if path]]
            for one in data]
    digest = hashlib.sha256(json.dumps([told, more]).encode())
    for module in code:
        digest.update(Path(module.__file__).read_bytes())
    return digest.hexdigest()[:12]


def survey(data: Real, workers: int = 0) -> dict[str, Tensor]:
    """All label maps `label` (N, H, W), bytes, and `boxes` (N, M, 5), class -1 where none is."""
    def make() -> dict[str, Tensor]:
        labels, boxes = [], []
        loader = DataLoader(Maps(data), batch_size=None, num_workers=workers)
        for label, rows in tqdm(loader, desc=f"reading {data.name}", unit="img", mininterval=2.0):
            labels.append(label.clone())
            boxes.append(rows.numpy().copy())
        return {"label": torch.stack(labels), "boxes": pack(boxes).int()}

    name = f"{data.name}-{data.split}-{data.size[0]}-{digest_of(data)}.safetensors"
    return kept(cache_dir() / "maps" / name, make)


class Recalled(Dataset):
    """A real dataset whose items also hold their boxes and the best maps of a bank.

    An item: `image`, `label`, `index` as before; `boxes` (M, 5), class -1 where there is none;
    `maps` (m, H, W) int64, 255 for none. An item is never its own neighbour.

    Parameters
    ----------
    data    : the items, not mirrored.
    bank    : where maps come from, of the same size; it may be `data`.
    m       : maps of an item.
    workers : processes that read files.
    """

    def __init__(self, data: Real, bank: Real, m: int, workers: int = 0):
        if data.flip or bank.flip:
            raise BookError(f"{data.name}: boxes are drawn before items are mirrored: flip=False")
        own = data.files == bank.files
        if not 1 <= m <= len(bank) - own:
            raise BookError(f"cannot retrieve {m} of {len(bank) - own} label maps: ask for fewer, "
                            "or enlarge the bank")
        self.data, known = data, survey(bank, workers)
        mine = known if own else survey(data, workers)
        self.labels, self.boxes = known["label"], mine["boxes"]

        def find() -> dict[str, Tensor]:
            rows = [one[one[:, 0] != NOBODY].numpy() for one in self.boxes]
            index, score = search(self.labels.numpy(), things(bank), rows,
                                  min(max(m, KEPT), len(bank) - own), chunk=CHUNK,
                                  own=range(len(rows)) if own else None)
            return {"index": torch.from_numpy(index).int(), "score": torch.from_numpy(score)}

        digest = digest_of(data, bank, m=max(m, KEPT))
        name = f"{data.name}-{data.split}-{data.size[0]}-{digest}.safetensors"
        self.index = kept(cache_dir() / "retrieval" / name, find)["index"][:, :m].long()

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        item = {key: value for key, value in self.data[i].items()
                if key in ("image", "label", "index")}
        return item | {"boxes": self.boxes[i].long(), "maps": look_up(self.labels, self.index[i])}
