"""What answers to the exercises on data are tried on, and typical mistakes; words in data.yml."""

import functools
import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from synthbook.datasets import dataset, truth
from synthbook.datasets.images import edges
from synthbook.exercises import Check
from synthbook.plots import pixels

# ------------------------------------------------------------------- pixels that changed


def elsewhere(before: Tensor, after: Tensor, mask: Tensor) -> float:
    """Largest change in grey levels at pixels that neither are in the mask nor touch it."""
    return truth.change(before, after)[~truth.grown(mask)].max().item()


@functools.cache
def redrawn() -> list[tuple]:
    """A scene with its boats redrawn, and with its boats and its sky redrawn."""
    data = dataset("places", "val")
    boat, sky = (data.class_names.index(name) for name in ("boat", "sky"))
    scene, rng = data.scene(2), np.random.default_rng(0)
    plain, one = data.tensors(scene), data.redraw(scene, boat, rng)
    images = [data.tensors(s)["image"] for s in (one, data.redraw(one, sky, rng))]
    return [(plain["image"], image, plain["label"] == boat) for image in images]


ELSEWHERE = Check(elsewhere, redrawn, {
    "touching": lambda a, b, m: truth.change(a, b)[~m].max().item(),
    "twice": lambda a, b, m: 2 * elsewhere(a, b, m),
    "unit": lambda a, b, m: elsewhere(a, b, m) / 127.5,
    "mean": lambda a, b, m: truth.change(a, b)[~truth.grown(m)].mean().item(),
    "signed": lambda a, b, m: 127.5 * (b - a).mean(0)[~truth.grown(m)].max().item(),
})


# ---------------------------------------------------------------------------------- boxes


@functools.cache
def instances() -> list[tuple]:
    """Instance maps: one made by hand, in which number 2 is hidden, and two of scenes."""
    small = torch.zeros(6, 9, dtype=torch.long)
    small[1:4, 2:8], small[3, 3] = 1, 3
    data = dataset("places", "val")
    return [(small,), *((data[i]["instance"],) for i in (1, 12))]


def boxes(instance: Tensor) -> Tensor:
    """(N, 4) integers x0, y0, x1, y1 of the visible instances, ends exclusive."""
    rows = []
    for number in sorted(set(instance.flatten().tolist()) - {0}):
        x, y = ((instance == number).any(axis).nonzero() for axis in (0, 1))
        rows.append([x[0], y[0], x[-1] + 1, y[-1] + 1])
    return torch.tensor(rows)


def widths(instance: Tensor) -> Tensor:
    """x0, y0, width, height."""
    start, end = boxes(instance).chunk(2, 1)
    return torch.cat([start, end - start], 1)


BOXES = Check(boxes, instances, {
    "inclusive": lambda i: boxes(i) - torch.tensor([0, 0, 1, 1]),
    "exchanged": lambda i: boxes(i)[:, [1, 0, 3, 2]],
    "ground": lambda i: boxes(i + 1),
    "widths": widths,
})


def overlap(a: tuple, b: tuple) -> float:
    """Intersection over union, by counting the squares of a sheet."""
    sheet = torch.zeros(2, 40, 40, dtype=torch.bool)
    for page, (x0, y0, x1, y1) in zip(sheet, (a, b)):
        page[y0:y1, x0:x1] = True
    return (sheet.all(0).sum() / sheet.any(0).sum()).item()


def areas(a: tuple, b: tuple, least: float = 0, more: int = 0) -> tuple[float, float, float]:
    """Shared area, from sides of at least `least`, and both areas; sides are `more` longer."""
    area = lambda box: (box[2] - box[0] + more) * (box[3] - box[1] + more)
    x, y = (max(min(a[k + 2], b[k + 2]) - max(a[k], b[k]) + more, least) for k in (0, 1))
    return x * y, area(a), area(b)


def over_union(shared: float, first: float, second: float) -> float:
    """Shared area over the area of the union."""
    return shared / (first + second - shared)


IOU = Check(
    overlap,
    lambda: [((2, 3, 12, 9), (7, 5, 20, 11)), ((2, 3, 12, 9), (2, 3, 12, 9)),
             ((0, 0, 5, 5), (9, 8, 14, 12)), ((0, 0, 30, 30), (10, 10, 20, 15)),
             ((0, 0, 5, 5), (5, 0, 9, 5))],
    {
        "negative": lambda a, b: over_union(*areas(a, b, -math.inf)),
        "sum": lambda a, b: areas(a, b)[0] / sum(areas(a, b)[1:]),
        "inclusive": lambda a, b: over_union(*areas(a, b, more=1)),
        "smaller": lambda a, b: areas(a, b)[0] / min(areas(a, b)[1:]),
    })


# ----------------------------------------------------------------------------- label maps


@functools.cache
def maps() -> list[tuple]:
    """A label map made by hand and one of a scene."""
    small = torch.zeros(5, 7, dtype=torch.long)
    small[2:, 3:] = 4
    return [(small,), (dataset("places", "val")[3]["label"],)]


def rolled(label: Tensor) -> Tensor:
    """Neighbours by `roll`, which takes the far side of the picture for one."""
    return sum((label != label.roll(step, axis)) for step in (1, -1) for axis in (0, 1)) > 0


def one_sided(label: Tensor) -> Tensor:
    """Only the lower or right pixel of a pair."""
    edge = torch.zeros_like(label, dtype=torch.bool)
    edge[1:] |= label[1:] != label[:-1]
    edge[:, 1:] |= label[:, 1:] != label[:, :-1]
    return edge


BORDER = Check(lambda label: edges(label, torch.zeros_like(label)).bool(), maps, {
    "rolled": rolled,
    "one-sided": one_sided,
    "eight": lambda x: sum(truth.grown(x == k) & (x != k) for k in x.unique()) > 0,
})


@functools.cache
def stacked() -> list[tuple]:
    """Label maps with 40 and 8 classes of the same scenes, and a pair that does not merge."""
    fine, coarse = (dataset("places", "val", classes=k) for k in (40, 8))
    both = (torch.stack([data[i]["label"] for i in range(4)]) for data in (fine, coarse))
    return [tuple(both), (torch.tensor([[[5, 5, 7]]]), torch.tensor([[[1, 2, 2]]]))]


def parents(fine: Tensor, coarse: Tensor) -> dict[int, set[int]]:
    """For every fine class the set of coarse classes on its pixels."""
    return {k: set(coarse[fine == k].tolist()) for k in fine.unique().tolist()}


PARENTS = Check(parents, stacked, {
    "single": lambda f, c: dict(zip(f.flatten().tolist(), c.flatten().tolist())),
    "renewed": lambda f, c: {a: {b} for a, b in zip(f.flatten().tolist(), c.flatten().tolist())},
    "reversed": lambda f, c: parents(c, f),
    "first": lambda f, c: parents(f[:1], c[:1]),
})


# ------------------------------------------------------------------- what goes with what


def promises(numbers: Callable) -> dict[str, bool]:
    """What is asked of numbers that depend on seed and index alone."""
    draw = lambda *key: np.asarray(numbers(*key), dtype=float)
    other = lambda a, b: not np.array_equal(draw(*a), draw(*b))
    first = draw(0, 1)
    return {"four numbers": first.shape == (4,),
            "all from 0 to 1": bool((abs(first - 0.5) <= 0.5).all()),
            "the same call gives the same numbers": np.array_equal(draw(0, 1), first),
            "another index gives others": other((0, 1), (0, 2)),
            "another seed gives others": other((0, 1), (1, 1)),
            "seed 0 with index 1 is not seed 1 with index 0": other((0, 1), (1, 0)),
            "no index of seed 0 gives what seed 1 gives at index 0":
                all(other((0, 10**k), (1, 0)) for k in range(1, 10))}


def stream(*words: int) -> np.ndarray:
    """Four numbers of a generator of their own."""
    return np.random.default_rng(words).uniform(size=4)


STREAMS = Check(stream, lambda: [()], {
    "shared": lambda seed, index: np.random.uniform(size=4),
    "sum": lambda seed, index: stream(seed + index),
    "thousand": lambda seed, index: stream(1000 * seed + index),
    "seed": lambda seed, index: stream(seed),
    "index": lambda seed, index: stream(index),
}, observe=promises)


@functools.cache
def lit() -> list[tuple]:
    """Scenes without a lamp and under theirs, which makes some pixels clip."""
    plain, lamp = (dataset("places", "val", light=strength) for strength in (0.0, 1.0))
    return [(plain[i]["image"], lamp[i]["image"]) for i in (26, 57)]


def ratios(plain: Tensor, shone: Tensor, black: float = -1.0) -> Tensor:
    """(3, P) ratios at the pixels that are neither clipped nor nearly black."""
    kept = (shone < 0.99).all(0) & (plain > -0.8).all(0)
    return ((shone - black) / (plain - black))[:, kept]


LAMP = Check(lambda a, b: ratios(a, b).median(1).values, lit, {
    "black": lambda a, b: ratios(a, b, 0.0).median(1).values,
    "reversed": lambda a, b: 1 / ratios(a, b).median(1).values,
    "single": lambda a, b: ratios(a, b).median().expand(3),
    "clipped": lambda a, b: (b + 1).mean((1, 2)) / (a + 1).mean((1, 2)),
}, tolerance=0.02)

KNOB = Check(lambda hits, n: (n * hits - 1) / (n - 1),
             lambda: [(1.0, 64), (1 / 64, 64), (0.4, 64), (0.4, 4)], {
    "raw": lambda hits, n: hits,
    "minus": lambda hits, n: hits - 1 / n,
    "scaled": lambda hits, n: hits * (1 - 1 / n),
})


def tied(styles: Tensor, a: int, b: int, numbers: slice = slice(1)) -> Tensor:
    """Styles (N, K, 5) in which class b has the hue, or other numbers, of class a."""
    result = styles.clone()
    result[:, b, numbers] = styles[:, a, numbers]
    return result


TIE = Check(tied, lambda: [(torch.arange(240.0).reshape(3, 16, 5) / 240, 0, 4)], {
    "whole": lambda s, a, b: tied(s, a, b, slice(5)),
    "reversed": lambda s, a, b: tied(s, b, a),
})


# -------------------------------------------------------------------- grain, and own files

GRAIN = Check(lambda share: math.ceil(1 / share**2 - 1e-9),
              lambda: [(1.0,), (0.5,), (0.3,), (0.1,), (0.7,)], {
    "linear": lambda share: math.ceil(1 / share - 1e-9),
    "down": lambda share: math.floor(1 / share**2 + 1e-9),
    "fraction": lambda share: 1 / share**2,
})


def read_back(write: Callable, items: list[dict]) -> dict[str, object]:
    """What a reader for folders finds in the folder that an answer filled."""
    with tempfile.TemporaryDirectory() as folder:
        write(items, Path(folder))
        found = dataset("folder", root=Path(folder) / "photos", labels=Path(folder) / "maps",
                        classes=16)
        pairs = list(zip([found[i] for i in range(len(found))], items))
    gap = max((truth.change(a["image"], b["image"]).max().item() for a, b in pairs), default=0)
    return {"items in the split train": len(found),
            "the label maps are the same": all(torch.equal(a["label"], b["label"])
                                               for a, b in pairs),
            "the images are": "the same" if gap == 0 else "one off" if gap < 1.01 else "changed"}


def save(items: list[dict], root: Path, suffix: str = "png", to_bytes: Callable = pixels) -> None:
    """Images in root/photos/train, label maps of the same names in root/maps/train."""
    for i, item in enumerate(items):
        for kind, end, values in (("photos", suffix, to_bytes(item["image"])),
                                  ("maps", "png", item["label"].byte().numpy())):
            path = root / kind / "train" / f"{i:03d}.{end}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(path)


def cut_off(image: Tensor) -> np.ndarray:
    """Bytes without what is behind the point."""
    return ((image + 1) * 127.5).byte().movedim(0, -1).numpy()


@functools.cache
def drawn() -> list[tuple]:
    """Three items of a dataset."""
    return [([dataset("places", "val")[i] for i in range(3)],)]


FOLDER = Check(save, drawn, {
    "jpeg": lambda items, root: save(items, root, "jpg"),
    "cut": lambda items, root: save(items, root, to_bytes=cut_off),
}, observe=read_back)

CHECKS = {"elsewhere": ELSEWHERE, "boxes": BOXES, "iou": IOU, "border": BORDER,
          "parents": PARENTS, "streams": STREAMS, "lamp": LAMP, "knob": KNOB, "tie": TIE,
          "grain": GRAIN, "folder": FOLDER}
