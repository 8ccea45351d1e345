"""What a SMIS model is measured by, and the renderer, data and broken model it is held against.

Everything here looks at final images only. A *sampler* turns label maps into images and may
redraw one class alone; models, the data's own renderer (the oracle), class means (trivial) and
a deliberately broken model are all samplers, and go through the same lines.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from synthbook import metrics, yardsticks
from synthbook.datasets.generated import Generated, to_image
from synthbook.layers import one_hot
from synthbook.metrics import Estimate
from synthbook.smis import applied
from synthbook.smis.network import SMIS
from synthbook.yardsticks import SEED, Budget, Row, Rows, label_maps, layouts

CARD = {
    "intended change": ("mcsd", "closest to the oracle"),
    "leakage": ("mocd", "smaller is better"),
    "realism": ("kid_judge", "smaller is better"),
}


class Sampler(Protocol):
    """Images (B, 3, H, W) for scenes; with `redrawn` only that class differs between draws."""

    def __call__(self, scenes: list[Any], draw: int, redrawn: int | None = None) -> Tensor: ...


class ModelSampler:
    """A SMIS network as a sampler. Latents depend on the draw alone, the same for all models."""

    def __init__(self, model: SMIS, data: Generated, seed: int = 0, fitted: bool = True):
        self.model, self.data, self.seed, self.fitted = model, data, seed, fitted

    def latents(self, count: int, draw: int) -> Tensor:
        """(count, owners*Z, h, w) standard normal numbers of this draw."""
        generator = torch.Generator().manual_seed(self.seed * 1009 + draw)
        return self.model.prior(count, generator, self.fitted)

    @torch.no_grad()
    def __call__(self, scenes: list[Any], draw: int, redrawn: int | None = None) -> Tensor:
        z = self.latents(len(scenes), draw)
        if redrawn is not None:
            z = self.model.swap(self.latents(len(scenes), 0), z, redrawn)
        onehot = one_hot(label_maps(self.data, scenes), self.model.config.classes)
        return torch.cat([self.model(o, c) for o, c in zip(onehot.split(32), z.split(32))])


class Oracle:
    """The renderer: the same layout with all styles, or with one class's style, drawn anew.

    What it has rendered for a list of scenes it keeps, since every model is compared with it.
    """

    def __init__(self, data: Generated, seed: int = 0):
        self.data, self.seed = data, seed
        self.known: dict[tuple, tuple[list[Any], Tensor]] = {}

    def __call__(self, scenes: list[Any], draw: int, redrawn: int | None = None) -> Tensor:
        key = (*map(id, scenes), draw, redrawn)
        if key not in self.known:  # kept with its scenes, so that no id is used twice
            self.known[key] = list(scenes), self.rendered(scenes, draw, redrawn)
        return self.known[key][1]

    def rendered(self, scenes: list[Any], draw: int, redrawn: int | None) -> Tensor:
        """The images of :meth:`__call__`, (B, 3, H, W)."""
        images = []
        for k, scene in enumerate(scenes):
            rng = np.random.default_rng([self.seed, draw, k])
            chosen = range(len(self.data.class_names)) if redrawn is None else [redrawn]
            if redrawn is None or draw > 0:
                for c in chosen:
                    scene = self.data.redraw(scene, c, rng)
            images.append(to_image(torch.tensor(self.data.render(scene).image)))
        return torch.stack(images)


class Encoded:
    """The fair question to any encoder: the truth restyles one class; carry that style over.

    The oracle's picture with class c redrawn is encoded, the latents that the model can swap
    for c are put into the code of the untouched picture, and the result is decoded. A model
    with one latent for the image swaps all of it, but sees a picture in which only c changed.
    """

    def __init__(self, model: SMIS, oracle: Oracle):
        self.model, self.oracle = model, oracle

    @torch.no_grad()
    def __call__(self, scenes: list[Any], draw: int, redrawn: int | None = None) -> Tensor:
        labels = label_maps(self.oracle.data, scenes)
        onehot = one_hot(labels, self.model.config.classes)
        z = self.model.encode(self.oracle(scenes, draw, redrawn), onehot)
        if redrawn is not None:
            z = self.model.swap(self.model.encode(self.oracle(scenes, 0, redrawn), onehot), z,
                                redrawn)
        return self.model(onehot, z)


class ClassMeans:
    """The trivial answer: every class in its mean colour over `count` training images."""

    def __init__(self, data: Generated, train: Generated, count: int = 200):
        self.data = data
        classes = len(data.class_names)
        total, pixels = torch.zeros(classes, 3), torch.zeros(classes)
        for i in range(count):
            item = train[i]
            onehot = one_hot(item["label"][None], classes)[0]
            total += torch.einsum("khw,chw->kc", onehot, item["image"])
            pixels += onehot.sum((1, 2))
        self.colours = total / pixels.clamp_min(1)[:, None]

    def __call__(self, scenes: list[Any], draw: int, redrawn: int | None = None) -> Tensor:
        return self.colours[label_maps(self.data, scenes)].movedim(-1, 1)


class Broken:
    """A model that every metric must catch: noisy, its layout shifted by a third of the width.

    Asked for new styles it gives the same picture; asked to redraw one class it changes
    everything but that class.
    """

    def __init__(self, inner: Sampler, data: Generated):
        self.inner, self.data = inner, data

    def spoilt(self, scenes: list[Any], draw: int) -> Tensor:
        """The inner sampler's images, shifted and noisy."""
        images = self.inner(scenes, draw).roll(self.data.size // 3, -1)
        noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(draw))
        return (images + 0.4 * noise).clamp(-1, 1)

    def __call__(self, scenes: list[Any], draw: int, redrawn: int | None = None) -> Tensor:
        images = self.spoilt(scenes, 0)
        if redrawn is None or draw == 0:
            return images
        kept = (label_maps(self.data, scenes) == redrawn).unsqueeze(1)
        return torch.where(kept, images, self.spoilt(scenes, draw))


def control(sampler: Sampler, data: Generated, budget: Budget) -> dict[str, Estimate]:
    """mCSD, mOCD and the LPIPS diversity of whole images, on the first layouts of `data`."""
    scenes = layouts(data, budget.layouts)
    labels = label_maps(data, scenes)
    whole = torch.stack([sampler(scenes, d) for d in range(budget.draws)], 1)
    samples, label, changed, maps = [], [], [], []
    for c in range(len(data.class_names)):
        has = [k for k in range(len(scenes)) if (labels[k] == c).any()]
        if not has:
            continue
        chosen = [scenes[k] for k in has]
        samples.append(torch.stack([sampler(chosen, d, c) for d in range(budget.draws)], 1))
        label.append(labels[has])
        changed += [c] * len(has)
        maps += has
    inside, outside = metrics.mcsd_mocd(
        torch.cat(samples), torch.cat(label), torch.tensor(changed), torch.tensor(maps))
    return {"lpips": metrics.diversity(whole), "mcsd": inside, "mocd": outside}


def pictures(sampler: Sampler, scenes: list[Any]) -> Tensor:
    """One image (B, 3, H, W) for each scene, a new draw every hundred."""
    return torch.cat([sampler(scenes[k:k + 100], k) for k in range(0, len(scenes), 100)])


@torch.no_grad()
def rebuilding(model: SMIS, data: Generated, count: int) -> dict[str, Estimate]:
    """How well encoded latents reproduce images: PSNR (dB), SSIM, LPIPS."""
    items = [data[i] for i in range(count)]
    image = torch.stack([item["image"] for item in items])
    onehot = one_hot(torch.stack([item["label"] for item in items]), model.config.classes)
    rebuilt = model(onehot, model.encode(image, onehot))
    pairs: dict[str, Callable] = {"psnr": metrics.psnr, "ssim": metrics.ssim,
                                  "lpips": metrics.lpips}
    return {f"rebuilt_{name}": metrics.mean_estimate(pair(rebuilt, image), name)
            for name, pair in pairs.items()}


class Setup(yardsticks.Setup):
    """What SMIS models of one table share besides: the renderer as a sampler, and its rows."""

    @cached_property
    def oracle(self) -> Oracle:
        """The renderer as a sampler."""
        return Oracle(self.test, SEED)

    @cached_property
    def references(self) -> Rows:
        """The reference rows that are the same for every model."""
        train = self.data("train", 10_000, seed=0)
        return {"oracle": self.row(self.oracle),
                "floor": yardsticks.distances(self.real, self.images("test"), self.spaces),
                "trivial": self.row(ClassMeans(self.test, train))}

    def row(self, sampler: Sampler) -> Row:
        """Control and realism of one sampler."""
        images = pictures(sampler, self.scenes)
        return control(sampler, self.test, self.budget) | self.realism(images)

    def evaluate(self, model: SMIS, seed: int) -> tuple[Row, Rows]:
        """Control, realism, reconstruction and applications of a model, and the reference rows.

        What needs an encoder is left out where the model has none; `seed` is of latents.
        """
        sampler = ModelSampler(model, self.test, seed)
        rows = self.row(sampler)
        if model.encoder is not None:
            rows |= rebuilding(model, self.test, self.budget.images // 4)
            carried = control(Encoded(model, self.oracle), self.test, self.budget)
            rows |= {f"encoded_{key}": value for key, value in carried.items()}
            published = self.row(ModelSampler(model, self.test, seed, fitted=False))
            rows |= {f"normal_{key}": value for key, value in published.items()}
        rows |= applied.applications(model, self.test, self.budget.layouts)
        return rows, self.references | {"broken": self.row(Broken(sampler, self.test))}
