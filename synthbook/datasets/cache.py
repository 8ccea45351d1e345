"""Keep a generated dataset's pixels on disk: drawn once, then read as fast as memory."""

import hashlib
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from tqdm.auto import tqdm

from synthbook.datasets.generated import Generated, to_image
from synthbook.files import (
    BookError,
    cache_dir,
    data_dir,
    read_tensors,
    read_record,
    require_space,
    sha256,
    verify_art,
    write_json,
    write_tensors,
)


class Cached(Dataset):
    """The items of a generated dataset, read from tensors held in one memory-mapped file."""

    def __init__(self, source: Generated, tensors: dict[str, Tensor]):
        self.source, self.stored = source, tensors

    def __len__(self) -> int:
        return len(self.stored["label"])

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        stored = {k: v[i] for k, v in self.stored.items()}
        return stored | {
            "image": to_image(stored["image"]),
            "label": stored["label"].long(),
            "instance": stored["instance"].long(),
            "index": torch.tensor(i),
        }


def fingerprint(source: Generated) -> str:
    """Hash of what decides the pixels: knobs, the drawing code and the art.

    The drawing code is all of the folders of the dataset's class and of the bases that it shares
    with others of its kind.
    """
    digest = hashlib.sha256(json.dumps([source.name, len(source), source.knobs]).encode())
    kinds = [kind for kind in type(source).mro() if issubclass(kind, Generated)]
    folders = {Path(inspect.getfile(kind)).parent for kind in kinds if kind is not Generated}
    art = data_dir() / "art" / source.name
    code = [path for folder in folders for path in folder.glob("*.py")]
    for path in sorted([*code, *art.glob("*.png"), *art.glob("*.json")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def cache_path(source: Generated) -> Path:
    """Where the cache of `source` is, whether it exists or not."""
    name = f"{source.name}-{source.split}-{source.size}-{fingerprint(source)[:12]}"
    return cache_dir() / "datasets" / f"{name}.safetensors"


def cached(source: Generated, progress: bool = True) -> Cached:
    """`source` from its cache, which is built first where there is none."""
    if source.art:
        verify_art(source.name)
    return Cached(source, kept(cache_path(source), lambda: build(source, progress),
                               dataset=source.name, knobs=source.knobs, items=len(source)))


def kept(path: Path, make: Callable[[], dict[str, Tensor]], **told: Any) -> dict[str, Tensor]:
    """The tensors at `path`, which `make` makes where they are not there yet.

    told : what the note beside them says besides their hash.
    """
    if not finished(path):
        write_tensors(path, make())
        write_json(path.with_suffix(".json"), {**told, "sha256": sha256(path)})
    verify(path)
    return read_tensors(path)[0]


def finished(path: Path) -> bool:
    """Whether a cache is there to its end: the note beside it is written last."""
    return path.exists() and path.with_suffix(".json").exists()


def verify(path: Path) -> None:
    """Raise unless the cache file is the one that was written."""
    if read_record(path.with_suffix(".json")).get("sha256") != sha256(path):
        raise BookError(f"the cache {path} is damaged or was altered: remove it, it is rebuilt")


def build(source: Generated, progress: bool = True) -> dict[str, Tensor]:
    """Every item of `source`, drawn; BookError where their cache would not fit on the disk."""
    n, size = len(source), source.size
    require_space(cache_path(source).parent, n * size * size * 5)
    image = np.empty((n, size, size, 3), np.uint8)
    label, instance = (np.empty((n, size, size), np.uint8) for _ in range(2))
    style, category, truth = [], [], []
    for i in tqdm(range(n), unit="img", desc=f"drawing {source.name}", disable=not progress):
        scene = source.scene(i)
        image[i], label[i], instance[i] = source.render(scene)
        style.append(source.style(scene))
        category.append(source.category(scene))
        truth.append(source.truth(scene))
    more = {k: torch.from_numpy(np.stack([one[k] for one in truth])) for k in truth[0]}
    return {"image": torch.from_numpy(image), "label": torch.from_numpy(label),
            "instance": torch.from_numpy(instance),
            "style": torch.from_numpy(np.stack(style)), "category": torch.tensor(category), **more}
