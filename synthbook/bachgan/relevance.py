"""Is the retrieved background right? Measured before any network is trained.

In `places` the background's prototype is, with probability `background`, a fixed function of the
foreground, else one of 64 at random. Foreground and all other draws of a scene do not depend on
that knob, so two label maps of each scene, with the prototype that its foreground calls for and
with a random one, are the data at every strength.

What boxes tell about a background has two parts. The classes of the things give away the kind of
place, and with it the background's classes, at every strength. Only the *arrangement* of the
background depends on the knob. So each retrieved map is compared with a random one (`random`), and
with a random one of the retrieved map's own kind of place (`kin`): what retrieval has over the
latter is arrangement, and must vanish at strength 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from synthbook.bachgan.layout import boxes_of, pack, rasterise
from synthbook.bachgan.memory import NOTHING
from synthbook.bachgan.network import encode
from synthbook.bachgan.retrieval import search
from synthbook.datasets import dataset
from synthbook.datasets.places import KINDS, Places, Scene
from synthbook.datasets.things import things
from synthbook.metrics import mean_estimate

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
MAPS = 3  # maps of a vote


@dataclass(frozen=True)
class Scenes:
    """Scenes of `places` with both of their backgrounds.

    Parameters
    ----------
    data   : the dataset; its knob `background` plays no part.
    scenes : as drawn at strength 0, so with a random prototype.
    called : (N,) the prototype that each foreground calls for.
    labels : (2, N, H, W) bytes, label maps with the random and with the called prototype.
    boxes  : of each scene; they are those of the things, whatever the background.
    """

    data: Places
    scenes: tuple[Scene, ...]
    called: np.ndarray
    labels: np.ndarray
    boxes: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return len(self.scenes)

    @property
    def free(self) -> np.ndarray:
        """(N,) the random prototypes."""
        return np.array([scene.prototype for scene in self.scenes])

    @property
    def kinds(self) -> np.ndarray:
        """(N,) the kinds of place."""
        return np.array([scene.kind for scene in self.scenes])

    def bound(self, strength: float) -> np.ndarray:
        """(N,) bool: which scenes have the called prototype at this strength."""
        at = dataset("places", self.data.split, **{
            key: value for key, value in self.data.knobs.items()
            if key in ("size", "seed", "classes", "styles", "count")}, background=strength)
        return np.array([at.scene(i).prototype for i in range(len(self))]) == self.called

    def at(self, bound: np.ndarray) -> np.ndarray:
        """(N, H, W) bytes: the label maps where `bound` scenes have the called prototype."""
        return np.where(bound[:, None, None], self.labels[1], self.labels[0])


def drawn(split: str, count: int, size: int, seed: int = 0, classes: int = 40) -> Scenes:
    """The first `count` scenes of a split, their two label maps and their boxes."""
    data = dataset("places", split, size=size, count=count, seed=seed, classes=classes)
    scenes = tuple(data.scene(i) for i in range(count))
    called = np.array([data.matching_prototype(scene) for scene in scenes])
    labels = np.empty((2, count, size, size), np.uint8)
    boxes = []
    for i, scene in enumerate(scenes):
        rendered = data.render(scene)
        labels[0, i] = rendered.label
        labels[1, i] = data.render(data.with_prototype(scene, called[i])).label
        boxes.append(boxes_of(rendered.label, rendered.instance, things(data)))
    return Scenes(data, scenes, called, labels, tuple(boxes))


# --------------------------------------------------------------------------- right or wrong


def vote(maps: Tensor, things: Sequence[int], classes: int) -> Tensor:
    """The commonest background class of m label maps at each pixel, (B, H, W); 255 for none.

    Things do not vote: they are erased by the substitution. Among equals the class of the
    better ranked map wins.

    maps : (B, m, H, W) integers, best first.
    """
    votes = encode(maps, classes)
    votes[:, :, list(things)] = 0
    rank = torch.arange(maps.shape[1], 0, -1) / (10 * maps.shape[1])  # decides among equals
    counts = votes.sum(1) + 1e-3 * (votes * rank[:, None, None, None]).amax(1)
    best = counts.max(1)
    return torch.where(best.values > 0, best.indices, NOTHING)


def agreement(guess: Tensor, label: Tensor, layout: Tensor, things: Sequence[int]) -> Tensor:
    """Share of each picture's background pixels that a guess has right, (B,) in [0, 1].

    Counted are pixels in no box of which the guess says anything.

    guess, label : (B, H, W) integers; 255 in `guess` where it says nothing.
    layout       : (B, C, H, W).
    """
    behind = (layout.amax(1) == 0) & ~torch.isin(label, torch.tensor(list(things)))
    counted = behind & (guess != NOTHING)
    return ((guess == label) & counted).sum((1, 2)) / counted.sum((1, 2)).clamp_min(1)


def others(bank: Scenes, top: np.ndarray, kin: bool, seed: int = 0) -> np.ndarray:
    """Random scenes of the bank in the place of retrieved ones (Q, m), of their kinds if `kin`."""
    pools = [np.flatnonzero(bank.kinds == k) if kin else np.arange(len(bank))
             for k in range(len(KINDS))]
    index = np.empty_like(top)
    for q, row in enumerate(top):
        rng = np.random.default_rng([seed, q])
        index[q] = [rng.choice(pools[bank.kinds[i]]) for i in row]
    return index


# ------------------------------------------------------------------------------ the best guess


def chances(data: Places, scene: Scene, draws: int, seed: int) -> tuple[Tensor, Tensor]:
    """How often each class stands at each pixel behind a known foreground, (C, H, W) twice.

    Over `draws` scenes with the same kind, mood and things, all else drawn anew: first under a
    random prototype each, evenly spread, then under the called one.
    """
    called = data.matching_prototype(scene)
    counts = torch.zeros(2, data.classes, data.size, data.size)
    rng = np.random.default_rng(seed)
    order = rng.permutation(data.prototypes)
    for k in range(draws):
        other = backdrop(data, scene, rng)
        for row, p in enumerate((int(order[k % data.prototypes]), called)):
            label = data.render(data.with_prototype(other, p)).label
            counts[row] += encode(torch.from_numpy(label.astype(np.int64)), data.classes)
    return counts[0] / draws, counts[1] / draws


def backdrop(data: Places, scene: Scene, rng: np.random.Generator) -> Scene:
    """The same kind and things with another scene's clouds, sun and small shifts."""
    other = data.scene(int(rng.integers(2**31)))
    return replace(scene, clouds=other.clouds, disc=other.disc, jitter=other.jitter)


def best_guess(free: Tensor, called: Tensor, strength: float, things: Sequence[int]) -> Tensor:
    """The background class most likely at each pixel at this strength, (H, W).

    free, called : (C, H, W) chances under a random and under the called prototype.
    """
    mixed = strength * called + (1 - strength) * free
    mixed[list(things)] = 0
    return mixed.argmax(0)


# ------------------------------------------------------------------------------------- rows


def rows(queries: Scenes, bank: Scenes, *, strengths: Sequence[float] = STRENGTHS,
         guessed: int = 0, draws: int = 64) -> list[dict]:
    """For each strength: how right retrieved, related and random backgrounds are.

    Values are shares in [0, 1], means over queries with bootstrap intervals. `NAME-1` is the
    first map, `NAME-3` the vote of three. `prototype ...` counts queries whose first map has
    the query's prototype. `ties` counts queries whose best score several maps share.

    guessed : for so many queries also the best guess of one who knows the foreground exactly,
              its kind of place included, from `draws` renderings of each of two backgrounds. No
              method that sees the boxes alone can do better, but for sampling noise.
    """
    data, named = queries.data, things(queries.data)
    layout = rasterise(pack(queries.boxes), data.classes, (data.size, data.size))
    prior = [chances(data, queries.scenes[q], draws, q) for q in range(guessed)]
    found = []
    for strength in strengths:
        mine, theirs = queries.bound(strength), bank.bound(strength)
        truth = torch.from_numpy(queries.at(mine).astype(np.int64))
        maps = bank.at(theirs)
        top, score = search(maps, named, queries.boxes, MAPS + 1)
        memory = torch.from_numpy(maps.astype(np.int64))
        index = {"top": top[:, :MAPS], "kin": others(bank, top[:, :MAPS], True),
                 "random": others(bank, top[:, :MAPS], False)}
        usable = torch.from_numpy(score[:, 0] > 0)
        values: dict[str, Tensor] = {"score": torch.from_numpy(score[:, 0]),
                                     "ties": torch.from_numpy(score[:, 0] == score[:, 1])}
        own = np.where(mine, queries.called, queries.free)
        their = np.where(theirs, bank.called, bank.free)
        for name, chosen in index.items():
            for m in (1, MAPS):
                guess = vote(memory[chosen][:, :m], named, data.classes)
                values[f"{name}-{m}"] = agreement(guess, truth, layout, named)
            values[f"prototype {name}-1"] = torch.from_numpy(their[chosen[:, 0]] == own)
            values[f"kind {name}-1"] = torch.from_numpy(
                bank.kinds[chosen[:, 0]] == queries.kinds)
        values = {name: value[usable].double() for name, value in values.items()}
        for m in (1, MAPS):
            for other in ("kin", "random"):
                values[f"top-{m} - {other}-{m}"] = values[f"top-{m}"] - values[f"{other}-{m}"]
        values["called"] = torch.from_numpy(own == queries.called).double()
        if guessed:
            guess = torch.stack([best_guess(*pair, strength, named) for pair in prior])
            values["best guess"] = agreement(guess, truth[:guessed], layout[:guessed], named)
        found.append({"strength": strength,
                      **{name: mean_estimate(value).as_dict() for name, value in values.items()}})
    return found


def summary(found: Sequence[dict], names: Sequence[str]) -> list[list]:
    """Rows of strength and `value [low, high]` of each of `names`, for a table."""
    show = lambda e: f"{e['value']:.3f} [{e['low']:.3f}, {e['high']:.3f}]"
    return [[f"{row['strength']:g}", *(show(row[name]) for name in names)] for row in found]
