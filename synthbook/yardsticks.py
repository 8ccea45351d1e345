"""What models of all papers are measured by: held-out scenes, real images, a judge, feature spaces.

Everything here looks at final images only. What a paper measures besides is in its own room, as a
subclass of :class:`Setup`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from synthbook import metrics
from synthbook.datasets import dataset
from synthbook.datasets.generated import Generated
from synthbook.metrics import Estimate, Extractor

SEED = 7  # of layouts and latents; training used others

Row = dict[str, Estimate]
Rows = dict[str, Row]


@dataclass(frozen=True)
class Budget:
    """How much is measured.

    Parameters
    ----------
    images  : generated and real images compared as sets.
    layouts : label maps for diversity, mCSD and mOCD; each with all of its classes.
    draws   : images of a layout (diversity) and of a redrawn class (mCSD, mOCD).
    bank    : label maps of a memory at most; all of the training scenes where None.
    """

    images: int
    layouts: int
    draws: int = 3
    bank: int | None = None


BUDGETS = {"smoke": Budget(40, 3, 2, 64), "laptop": Budget(200, 8, 2),
           "ablation": Budget(600, 30), "ship": Budget(600, 30)}


def label_maps(data: Generated, scenes: list[Any]) -> Tensor:
    """The true label maps of scenes, (B, H, W); each scene is rendered for it once."""
    known = data.__dict__.setdefault("_label_maps", {})
    for scene in scenes:
        if id(scene) not in known:  # kept with its scene, so that no id is used twice
            known[id(scene)] = scene, torch.from_numpy(data.render(scene).label.astype(np.int64))
    return torch.stack([known[id(scene)][1] for scene in scenes])


def layouts(data: Generated, count: int) -> list[Any]:
    """The first `count` scenes of `data`, the same objects with every call."""
    known = data.__dict__.setdefault("_scenes", [])
    known += [data.scene(i) for i in range(len(known), count)]
    return known[:count]


@torch.no_grad()
def predict(judge: nn.Module, images: Tensor) -> Tensor:
    """The judge's label of every pixel, (B, H, W)."""
    return torch.cat([judge(chunk).argmax(1) for chunk in images.split(64)])


def realism(images: Tensor, labels: Tensor, classes: int, real: Tensor, judge: nn.Module,
            extractors: dict[str, Extractor]) -> Row:
    """Layout (judge's mIoU, accuracy) and distance to `real` (B, 3, H, W) in each feature space."""
    predicted = predict(judge, images)
    result = {"miou": metrics.miou(predicted, labels, classes),
              "pixel_accuracy": metrics.pixel_accuracy(predicted, labels, classes)}
    result |= distances(real, images, extractors)
    first = next(iter(extractors.values()))
    result["precision"], result["recall"] = metrics.precision_recall(real, images, first)
    return result


def distances(real: Tensor, images: Tensor, extractors: dict[str, Extractor]) -> Row:
    """KID and Frechet distance of two sets of images in each feature space."""
    result = {}
    for name, extractor in extractors.items():
        sets = extractor(real), extractor(images)
        result[f"kid_{name}"] = metrics.kid(*sets, extractor)
        result[f"fd_{name}"] = metrics.fd(*sets, extractor)
    return result


@dataclass(frozen=True)
class Setup:
    """What all rows and models of one table share.

    Parameters
    ----------
    judge   : a segmenter that knows the classes of these data.
    spaces  : feature spaces in which sets are compared; the judge's, trained on the truth, decides.
    dataset, size, knobs : the data that the models were trained on.
    budget  : how much is measured.
    """

    judge: nn.Module
    spaces: dict[str, Extractor]
    dataset: str
    size: int
    knobs: dict
    budget: Budget

    @cached_property
    def test(self) -> Generated:
        """Scenes that neither training nor the judges saw; as many as asked for."""
        return self.data("test", 10**6)

    @cached_property
    def scenes(self) -> list:
        """The scenes whose layouts models are given."""
        return layouts(self.test, self.budget.images)

    @cached_property
    def labels(self) -> Tensor:
        """Their label maps, (B, H, W)."""
        return label_maps(self.test, self.scenes)

    @cached_property
    def real(self) -> Tensor:
        """Real images (B, 3, H, W) of other scenes."""
        return self.images("val")

    @property
    def classes(self) -> int:
        """Number of classes of the label maps."""
        return len(self.test.class_names)

    def data(self, split: str, count: int, seed: int = SEED) -> Generated:
        """The dataset as the model was trained on it, another split or seed."""
        return dataset(self.dataset, split, size=self.size, seed=seed, count=count, **self.knobs)

    def images(self, split: str, first: int = 0) -> Tensor:
        """As many real images of a split as there are layouts, from number `first` on."""
        data = self.data(split, first + self.budget.images)
        return torch.stack([data[i]["image"] for i in range(first, len(data))])

    def realism(self, images: Tensor) -> Row:
        """:func:`realism` of images (B, 3, H, W) that were made for :attr:`scenes`."""
        return realism(images, self.labels, self.classes, self.real, self.judge, self.spaces)

    def closer(self, mine: Tensor, theirs: Tensor) -> Estimate:
        """KID of `mine` less that of `theirs`, in the space that decides; pairs share a layout."""
        return metrics.kid_difference(self.real, mine, theirs, self.spaces["judge"])
