"""Who answers when a level of a picture is given: models, real pictures, training pictures.

A *task* is some pictures with their categories; a *painter* gives one picture for each, for a
level by its name and the number of a draw. One that looks at no level at all is `blind`: its
answer to every level is the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from synthbook.datasets.cache import Cached
from synthbook.datasets.generated import Generated, to_image
from synthbook.datasets.places import MOODS, natural, scenes
from synthbook.files import BookError
from synthbook.semantic_pyramid import editing
from synthbook.semantic_pyramid.levels import LEVELS, level
from synthbook.semantic_pyramid.network import SemanticPyramid

BATCH = 64


@dataclass(frozen=True, eq=False)
class Task:
    """What a painter is asked about: pictures (N, 3, H, W), categories (N,), and their scenes."""

    images: Tensor
    category: Tensor
    scenes: Sequence[Any]

    def first(self, count: int) -> "Task":
        """Its first pictures."""
        return Task(self.images[:count], self.category[:count], self.scenes[:count])

    def others(self) -> "Task":
        """The same pictures, each in the place of the one before."""
        return Task(self.images.roll(1, 0), self.category.roll(1, 0),
                    [self.scenes[-1], *self.scenes[:-1]])


class Painter(Protocol):
    """Pictures (N, 3, H, W) for a level of a task's; `levels` are those that it can be given."""

    levels: tuple[str, ...]
    blind: bool

    def __call__(self, task: Task, which: str, draw: int) -> Tensor: ...


def middle(images: Tensor) -> Tensor:
    """The region that is painted anew: the central square of half the side, (N, 1, H, W)."""
    region, quarter = torch.zeros_like(images[:, :1]), images.shape[-1] // 4
    region[:, :, quarter:-quarter, quarter:-quarter] = 1
    return region


def another_mood(category: Tensor) -> Tensor:
    """Compatible categories (N,): the same kind of place in another season or time of day.

    Picture n turns by 1 + n mod 4, so that each of the others comes up.
    """
    turn = 1 + torch.arange(len(category)) % (len(MOODS) - 1)
    kind, mood = category // len(MOODS), category % len(MOODS)
    return kind * len(MOODS) + (mood + turn) % len(MOODS)


def restyled(data: Generated, scene: Any, rng: np.random.Generator, mood: int) -> Any:
    """The same scene of `places` in a mood, its colours drawn as that mood has them."""
    styles = natural.styles(rng, data.classes, scene.kind, mood)
    return replace(scene, mood=mood, styles=scenes.frozen(styles))


# ---------------------------------------------------------------------------------- models


class Model:
    """A trained model as a painter: a pyramid, or decoders that look like one.

    model : has `levels` and `generate(image, level, seed, category)`. Latents depend on the seed,
            the draw and the picture's place in the task alone.
    """

    blind = False

    def __init__(self, model: nn.Module, seed: int = 0):
        self.model, self.seed, self.levels = model, seed, tuple(model.levels)
        self.edits = isinstance(model, SemanticPyramid) and self.levels == LEVELS

    def number(self, draw: int, part: int = 0) -> int:
        """The seed of a draw's latents for one part of a task."""
        return (self.seed * 1009 + draw) * 61 + part

    def __call__(self, task: Task, which: str, draw: int) -> Tensor:
        return self.told(task.images, which, draw, task.category)

    def told(self, images: Tensor, which: str, draw: int, category: Tensor | None) -> Tensor:
        """Pictures for a level of `images`, told categories (N,) or what fc8 names."""
        if which not in self.levels:
            raise BookError(f"this model knows {', '.join(self.levels)}, not {which}")
        labels = [None] * len(images) if category is None else category.split(BATCH)
        return torch.cat([self.model.generate(part, which, self.number(draw, k), label)
                          for k, (part, label) in enumerate(zip(images.split(BATCH), labels))])

    @torch.no_grad()
    def repainted(self, task: Task, which: str, draw: int) -> Tensor:
        """The task's pictures with their :func:`middle` painted anew from a level."""
        parts = zip(task.images.split(BATCH), task.category.split(BATCH))
        return torch.cat([editing.repaint(self.model, self.z(len(x), draw, k), x, middle(x), which,
                                          y) for k, (x, y) in enumerate(parts)])

    @torch.no_grad()
    def composed(self, task: Task, which: str, draw: int) -> Tensor:
        """The task's pictures with what the next one's :func:`middle` shows in theirs."""
        parts = zip(task.images.split(BATCH), task.others().images.split(BATCH),
                    task.category.split(BATCH))
        return torch.cat([editing.compose(self.model, self.z(len(x), draw, k), x, other, middle(x),
                                          which, y) for k, (x, other, y) in enumerate(parts)])

    def relabelled(self, task: Task, which: str, category: Tensor) -> Tensor:
        """The task's pictures told other categories (N,)."""
        return self.told(task.images, which, 0, category)

    def z(self, count: int, draw: int, part: int) -> Tensor:
        """Latents of one part of a task."""
        return self.model.latents(count, self.number(draw, part))

    @torch.no_grad()
    def reached_by_masked(self, task: Task) -> float:
        """The largest change where only features change that masks keep out; 0 if they do.

        Each level alone with all others those of another picture; then re-painting at conv5 with
        all features inside the hole but conv5's those of another picture.
        """
        x, other, model = task.images, task.others().images, self.model
        own, strange = model.features(x), model.features(other)
        z, hole, found = self.z(len(x), 0, 0), middle(x), [0.0]
        for k, name in enumerate(LEVELS):
            told = model.masks(len(x), name)
            mixed = [f if i == k else g for i, (f, g) in enumerate(zip(own, strange))]
            found += [model(z, f, told, task.category) for f in (own, mixed)]
            found = [max(found[0], float((found[1] - found[2]).abs().max()))]
        k, told = level("conv5"), editing.masks.repaint(model.config.shapes, hole, "conv5")
        mixed = editing.mixed(own, strange, hole)
        mixed = [own[i] if i == k else strange[i] if i > k else f for i, f in enumerate(mixed)]
        one, two = (model(z, f, told, task.category) for f in (own, mixed))
        return max(found[0], float((one - two).abs().max()))


class Broken:
    """A model that every metric must catch: it answers about another picture, shifted and noisy.

    It has one draw. It repaints all but the region, and hears no category.
    """

    blind = False

    def __init__(self, inner: Model):
        self.inner, self.levels, self.edits = inner, inner.levels, inner.edits

    @staticmethod
    def spoilt(images: Tensor, draw: int = 0) -> Tensor:
        """Pictures shifted by a third of their width, under noise."""
        noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(draw))
        return (images.roll(images.shape[-1] // 3, -1) + 0.5 * noise).clamp(-1, 1)

    def __call__(self, task: Task, which: str, draw: int) -> Tensor:
        return self.spoilt(self.inner(task.others(), which, 0))

    def told(self, images: Tensor, which: str, draw: int, category: Tensor | None) -> Tensor:
        """The given pictures, spoilt."""
        return self.spoilt(images)

    def repainted(self, task: Task, which: str, draw: int) -> Tensor:
        """What is outside the region is painted anew with every draw, the region never."""
        region = middle(task.images)
        one, other = (self.spoilt(task.others().images, d) for d in (0, draw))
        return one * region + other * (1 - region)

    composed = repainted

    def relabelled(self, task: Task, which: str, category: Tensor) -> Tensor:
        """Nothing that was asked for."""
        return self(task, which, 0)

    def reached_by_masked(self, task: Task) -> float:
        """It lets all features in."""
        return float((self(task, self.levels[0], 0) - self.spoilt(task.images)).abs().max())


# --------------------------------------------------------------------- answers without a model


class Kin:
    """The oracle of a category: other real pictures of the same one.

    As an oracle of edits it pastes: the region filled from a picture of the same category, or
    from the source; and the renderer draws the same scene in another mood.
    """

    levels, blind, edits = LEVELS, True, True

    def __init__(self, data: Generated, pool: Generated, count: int):
        self.data, self.pool = data, pool
        self.drawn: dict[int, Tensor] = {}
        self.members: dict[int, list[int]] = {}
        for i in range(count):
            self.members.setdefault(pool.category(pool.scene(i)), []).append(i)

    def __call__(self, task: Task, which: str, draw: int) -> Tensor:
        found = []
        for n, y in enumerate(task.category.tolist()):
            if y not in self.members:
                raise BookError(f"no other picture of category {y} among those that were drawn: "
                                "draw more")
            members = self.members[y]
            found.append(self.picture(members[(n + draw) % len(members)]))
        return torch.stack(found)

    def picture(self, i: int) -> Tensor:
        """A picture of the pool, drawn once."""
        if i not in self.drawn:
            self.drawn[i] = self.pool[i]["image"]
        return self.drawn[i]

    def told(self, images: Tensor, which: str, draw: int, category: Tensor | None) -> Tensor:
        """Whatever was done to the pictures: real ones, of any category."""
        return torch.stack([self.picture(i) for i in range(len(images))])

    def repainted(self, task: Task, which: str, draw: int) -> Tensor:
        """The region cut from a picture of the same category."""
        return self.pasted(task.images, self(task, which, draw))

    def composed(self, task: Task, which: str, draw: int) -> Tensor:
        """The region cut from the source."""
        return self.pasted(task.images, task.others().images)

    @staticmethod
    def pasted(images: Tensor, source: Tensor) -> Tensor:
        """Pictures with another's :func:`middle`."""
        region = middle(images)
        return source * region + images * (1 - region)

    def relabelled(self, task: Task, which: str, category: Tensor) -> Tensor:
        """The same scenes as the renderer draws them in the other mood."""
        return Renderer(self.data)(replace(task, category=category), which, 0)

    def reached_by_masked(self, task: Task) -> float:
        """It is given no features."""
        return 0.0


class Renderer:
    """The same scenes, their colours drawn anew as the task's categories have them."""

    levels, blind = LEVELS, True

    def __init__(self, data: Generated, seed: int = 0):
        self.data, self.seed = data, seed

    def __call__(self, task: Task, which: str, draw: int) -> Tensor:
        found = []
        for n, (scene, y) in enumerate(zip(task.scenes, task.category.tolist())):
            rng = np.random.default_rng([self.seed, draw, n])
            drawn = restyled(self.data, scene, rng, y % len(MOODS))
            found.append(self.data.tensors(drawn)["image"])
        return torch.stack(found)


class Same:
    """The same answer to all: one picture for each of the task's, or one for all."""

    levels, blind = LEVELS, True

    def __init__(self, images: Tensor):
        self.images = images

    def __call__(self, task: Task, which: str, draw: int) -> Tensor:
        return self.images[:len(task.images)] if len(self.images) > 1 else self.images.expand(
            len(task.images), -1, -1, -1)


class Retrieved:
    """The trivial answer at a level: the training picture whose features are nearest.

    Features are divided by their channels' deviations. `network` is any pyramid; draw d is the
    picture in place d of the ranking.
    """

    blind = False

    def __init__(self, network: nn.Module, train: Cached, levels: Sequence[str]):
        self.network, self.train, self.levels = network, train, tuple(levels)

    @torch.no_grad()
    def read(self, images: Tensor) -> dict[str, Tensor]:
        """Features of the levels in question, each (N, C, h w) or (N, C, 1), by their names."""
        parts = [self.network.pyramid(x) for x in images.split(BATCH)]
        found = {name: torch.cat([p[level(name)] for p in parts]) for name in self.levels}
        return {name: f.reshape(len(f), f.shape[1], -1) for name, f in found.items()}

    @cached_property
    def known(self) -> dict[str, Tensor]:
        """Features of the training pictures."""
        return self.read(to_image(self.train.stored["image"]))

    def __call__(self, task: Task, which: str, draw: int) -> Tensor:
        bank, asked = self.known[which], self.read(task.images)[which]
        scale = bank.std((0, 2), keepdim=True, correction=0).clamp_min(1e-6)
        far = torch.cdist((asked / scale).flatten(1), (bank / scale).flatten(1))
        index = far.topk(draw + 1, 1, largest=False).indices[:, draw]
        return to_image(self.train.stored["image"][index])
