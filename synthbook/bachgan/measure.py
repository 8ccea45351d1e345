"""What BachGAN and its relatives are measured by, and the answers that they are held against.

Everything here looks at final images only. A *task* is some scenes' boxes; a *painter* answers it
with images. Models, the renderer (oracle), a photograph from the bank and mean colours (trivial)
and a deliberately broken model are all painters, and go through the same lines. One box is added
to a layout to see whether the picture follows there, and stays as it was elsewhere.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from synthbook import metrics, yardsticks
from synthbook.bachgan.layout import pack, rasterise, target
from synthbook.bachgan.memory import KEPT, all_boxes, look_up, relatives, strangers
from synthbook.bachgan.retrieval import search
from synthbook.datasets.cache import Cached, cached
from synthbook.datasets.generated import to_image
from synthbook.datasets.things import things
from synthbook.metrics.segmentation import IGNORED
from synthbook.yardsticks import SEED, Row, Rows, predict

CARD = {
    "intended change": ("added_iou", "larger is better"),
    "leakage": ("added_outside", "smaller is better"),
    "realism": ("kid_judge", "smaller is better"),
}
LEAST = 0.01  # share of the picture that an object shows if its box is to be added
RECALLED = ("top", "kin", "random")  # memories that can stand in for one another


@dataclass(frozen=True, eq=False)
class Task:
    """What a painter is asked for.

    Parameters
    ----------
    numbers : (B,) which test scenes, for all that is drawn by scene.
    boxes   : of each scene, (N, 5).
    labels  : (B, H, W), the truth.
    images  : (B, 3, H, W), the renderer's answer.
    found   : what retrieval found for these boxes, by the length of the bank.
    """

    numbers: Tensor
    boxes: list[np.ndarray]
    labels: Tensor
    images: Tensor
    found: dict[int | None, np.ndarray] = field(default_factory=dict)


Painter = Callable[[Task], Tensor]


@dataclass(frozen=True)
class Memory:
    """Maps for tasks: retrieved, related, random or true ones.

    Parameters
    ----------
    queries : the test scenes, as random maps are drawn by their numbers.
    bank    : the training scenes.
    """

    queries: Cached
    bank: Cached

    def index(self, task: Task, source: str, m: int, first: int | None = None) -> Tensor:
        """Items (B, m) of the bank's first so many, from one of RECALLED."""
        if source == "random":
            return strangers(self.queries, self.bank, m, first)[task.numbers]
        if first not in task.found:
            labels = self.bank.stored["label"].numpy()[:first]
            task.found[first] = search(labels, things(self.bank), task.boxes, KEPT)[0]
        index = task.found[first][:, :m]
        return relatives(index, self.bank, first) if source == "kin" else torch.from_numpy(index)

    def maps(self, task: Task, source: str, m: int, first: int | None = None) -> Tensor:
        """Label maps (B, m, H, W) int64, 255 where memory knows nothing."""
        if source == "truth" or not m:
            return task.labels[:, None][:, :m]
        labels = self.bank.stored["label"]
        return torch.stack([look_up(labels, row) for row in self.index(task, source, m, first)])


class Model:
    """A trained model as a painter.

    BachGAN's variants are given the layout and maps; Layout2Im boxes one by one, each with a latent
    that depends on `seed`, the scene's place in the task and the box's place in its list alone.
    """

    def __init__(self, model: nn.Module, memory: Memory, seed: int = 0):
        config = model.config
        self.model, self.memory, self.seed, self.config = model, memory, seed, config
        self.recalls = getattr(config, "source", "") in RECALLED and config.maps > 0

    def maps(self, task: Task, source: str | None = None) -> Tensor | None:
        """The maps that the model is given, or those of another source; None for Layout2Im."""
        config = self.config
        return self.memory.maps(task, source or config.source, config.maps, config.bank) \
            if hasattr(config, "source") else None

    @torch.no_grad()
    def __call__(self, task: Task, maps: Tensor | None = None) -> Tensor:
        """Images (B, 3, H, W); from `maps` (B, m, H, W) if given instead of the model's own."""
        config, boxes = self.config, pack(task.boxes)
        if not hasattr(config, "source"):
            generator = torch.Generator().manual_seed(self.seed)
            longest = max(64, boxes.shape[1])
            z = torch.randn(len(boxes), longest, config.latent, generator=generator)
            told = boxes, z[:, :boxes.shape[1]]
        else:
            told = (rasterise(boxes, config.classes, config.size),
                    self.maps(task) if maps is None else maps)
        return torch.cat([self.model(*pair) for pair in zip(*(x.split(64) for x in told))])


class Photograph:
    """The trivial answer: the photograph of the best-scored training scene, whatever it shows."""

    def __init__(self, memory: Memory):
        self.memory = memory

    def __call__(self, task: Task) -> Tensor:
        index = self.memory.index(task, "top", 1)[:, 0]
        return to_image(self.memory.bank.stored["image"][index.clamp_min(0)])


class Means:
    """The other trivial answer: every box in its class's mean colour, on the mean picture."""

    def __init__(self, bank: Cached, count: int = 1_000):
        self.things, labels = things(bank), bank.stored["label"][:count]
        images = to_image(bank.stored["image"][:count])
        self.picture = images.mean(0)
        masks = [(labels == c)[:, None] for c in self.things]
        self.colours = torch.stack([(images * mask).sum((0, 2, 3)) / mask.sum().clamp_min(1)
                                    for mask in masks])

    def __call__(self, task: Task) -> Tensor:
        number = target(pack(task.boxes), self.things, tuple(task.labels.shape[1:]))
        outside = (number == len(self.things))[:, None]
        colour = self.colours[number.clamp(max=len(self.things) - 1)].movedim(-1, 1)
        return torch.where(outside, self.picture, colour)


class Broken:
    """A model that every metric must catch: deaf, noisy, shifted by a third of the width.

    It sees the first box alone and paints from random memory; each further box changes the noise
    everywhere but in that box.
    """

    def __init__(self, inner: Model):
        self.inner = inner

    def __call__(self, task: Task) -> Tensor:
        first = replace(task, boxes=[rows[:1] for rows in task.boxes], found={})
        inner = self.inner
        images = inner(first, inner.maps(first, "random") if inner.recalls else None)
        images = images.roll(images.shape[-1] // 3, -1)
        for k, rows in enumerate(task.boxes):
            noise, kept = (self.noise(images[k], len(rows) - n) for n in (0, 1))
            for _, x0, y0, x1, y1 in rows[-1:]:
                noise[:, y0:y1, x0:x1] = kept[:, y0:y1, x0:x1]
            images[k] += noise
        return images.clamp(-1, 1)

    @staticmethod
    def noise(image: Tensor, number: int) -> Tensor:
        """Noise (3, H, W) of so many boxes."""
        generator = torch.Generator().manual_seed(max(number, 0))
        return 0.4 * torch.randn(image.shape, generator=generator)


# ----------------------------------------------------------------------------- one box more


@dataclass(frozen=True, eq=False)
class Addition:
    """Scenes without one of their objects, and with it; `boxes` (N, 5) are those added.

    In `after` the added box is the last of its scene.
    """

    before: Task
    after: Task
    boxes: Tensor

    @property
    def inside(self) -> Tensor:
        """(N, H, W) bool, the added boxes."""
        size = tuple(self.after.labels.shape[1:])
        return rasterise(self.boxes[:, None], int(self.boxes[:, 0].max()) + 1, size).amax(1) > 0


def followed(addition: Addition, before: Tensor, after: Tensor, judge: nn.Module,
             prefix: str = "added") -> Row:
    """What became of the added box, from a painter's images (N, 3, H, W) before and after.

    `_iou`: of the box's class with the truth, inside the box, as the judge sees it. `_inside`,
    `_outside`: mean absolute change on the scale [0, 1]. `_lpips_inside`, `_lpips_outside`: LPIPS
    of the pictures, grey on the other side.
    """
    inside, c = addition.inside, addition.boxes[:, 0, None, None]
    seen, true = (predict(judge, after) == c) & inside, (addition.after.labels == c) & inside
    moved = (before - after).abs().mean(1) / 2
    marked = torch.ones(len(inside), dtype=torch.long)
    here, there = metrics.masked_changes(torch.stack([before, after], 1), inside.long(), marked)
    values = {"iou": (seen & true).sum((1, 2)) / (seen | true).sum((1, 2)).clamp_min(1),
              "inside": (moved * inside).sum((1, 2)) / inside.sum((1, 2)),
              "outside": (moved * ~inside).sum((1, 2)) / (~inside).sum((1, 2)).clamp_min(1)}
    return {f"{prefix}_{name}": metrics.mean_estimate(value) for name, value in values.items()} | {
        f"{prefix}_lpips_{name}": metrics.mean_estimate(value, "lpips")
        for name, value in {"inside": here, "outside": there}.items()}


# ------------------------------------------------------------------------------- one table


class Setup(yardsticks.Setup):
    """What BachGAN's models of one table share besides: tasks, memory and reference rows."""

    @cached_property
    def memory(self) -> Memory:
        """The training scenes, as long a bank as the budget says, for the test scenes."""
        train = self.data("train", self.budget.bank or 10_000, seed=0)
        return Memory(cached(self.data("test", self.budget.images)), cached(train))

    @cached_property
    def asked(self) -> Task:
        """All boxes of all test scenes."""
        queries = self.memory.queries
        return Task(torch.arange(len(queries)), all_boxes(queries),
                    queries.stored["label"].long(), to_image(queries.stored["image"]))

    @cached_property
    def addition(self) -> Addition:
        """A quarter of the scenes without one object that shows enough, and with it."""
        chosen, boxes, fewer, rendered = [], [], [], []
        instances = self.memory.queries.stored["instance"].numpy()
        for k in range(self.budget.images // 4):
            ids, area = np.unique(instances[k][instances[k] > 0], return_counts=True)
            able = np.flatnonzero(area >= LEAST * instances[k].size)
            if not len(able):
                continue
            n = int(np.random.default_rng([SEED, k]).choice(able))
            scene = self.scenes[k]
            left = tuple(t for number, t in enumerate(scene.things, 1) if number != ids[n])
            rendered.append(self.test.tensors(replace(scene, things=left)))
            chosen.append(k)
            boxes.append(self.asked.boxes[k][n])
            fewer.append(np.delete(self.asked.boxes[k], n, 0))
        numbers = torch.tensor(chosen)
        before = Task(numbers, fewer, *(torch.stack([item[key] for item in rendered])
                                        for key in ("label", "image")))
        after = Task(numbers, [np.concatenate([rows, box[None]]) for rows, box in
                               zip(fewer, boxes)], *(
            truth[numbers] for truth in (self.asked.labels, self.asked.images)))
        return Addition(before, after, torch.from_numpy(np.stack(boxes)))

    @cached_property
    def references(self) -> Rows:
        """The reference rows that are the same for every model.

        `trivial` is the photograph of the best-scored training scene, `means` mean colours.
        """
        other = self.images("test", self.budget.images)
        best = self.memory.maps(self.asked, "top", 1)
        return {"oracle": self.row(lambda task: task.images, self.asked.labels[:, None]),
                "floor": yardsticks.distances(self.real, other, self.spaces),
                "trivial": self.row(Photograph(self.memory), best),
                "means": self.row(Means(self.memory.bank))}

    def split(self, images: Tensor) -> Row:
        """The judge's accuracy of images (B, 3, H, W) where things truly are, and elsewhere."""
        seen, labels = predict(self.judge, images), self.asked.labels
        thing = torch.isin(labels, torch.tensor(things(self.test)))
        return {f"accuracy_{name}": metrics.pixel_accuracy(
            seen, labels.masked_fill(~mask, IGNORED), self.classes)
            for name, mask in {"things": thing, "background": ~thing}.items()}

    def similarity(self, maps: Tensor) -> Row:
        """Layout similarity of maps (B, m, H, W) with what is asked for, a mean over m."""
        layout = rasterise(pack(self.asked.boxes), self.classes, tuple(maps.shape[2:]))
        scores = [metrics.layout_similarity(layout, one, things(self.test)) for one in
                  maps.unbind(1)]
        return {"layout_similarity": metrics.mean_estimate(torch.stack(scores).mean(0))}

    def row(self, painter: Painter, maps: Tensor | None = None,
            images: Tensor | None = None) -> Row:
        """Realism, alignment and what became of an added box; of `maps`, how well they fit.

        images : the painter's for :attr:`asked`, where they are there already.
        """
        images, addition = painter(self.asked) if images is None else images, self.addition
        pair = painter(addition.before), painter(addition.after)
        row = self.realism(images) | self.split(images)
        row |= followed(addition, *pair, self.judge)
        return row if maps is None or not maps.shape[1] else row | self.similarity(maps)

    def held(self, painter: Model) -> Row:
        """:func:`followed` where memory stays that of the picture before the box was added."""
        before, after = self.addition.before, self.addition.after
        maps = painter.maps(before)
        return followed(self.addition, painter(before, maps), painter(after, maps), self.judge,
                        "held")

    def exchanged(self, painter: Model, images: Tensor) -> Row:
        """The same network with other memories, in the test alone; `images` are with its own."""
        rows = {}
        for source in RECALLED:
            if source == painter.config.source:
                continue
            other = painter(self.asked, painter.maps(self.asked, source))
            found = {"kid_judge": metrics.kid(self.real, other, self.spaces["judge"]),
                     "kid_judge_minus_own": self.closer(other, images), **self.split(other)}
            rows |= {f"{source}_{key}": value for key, value in found.items()}
        return rows

    def evaluate(self, model: nn.Module, seed: int) -> tuple[Row, Rows]:
        """Every metric of a model, and the reference rows; `seed` is of Layout2Im's latents."""
        painter = Model(model, self.memory, seed)
        maps = painter.maps(self.asked)
        images = painter(self.asked, maps)
        rows = self.row(painter, maps, images)
        if painter.recalls:
            rows |= self.held(painter) | self.exchanged(painter, images)
        random = self.memory.maps(self.asked, "random", 1)
        return rows, self.references | {"broken": self.row(Broken(painter), random)}
