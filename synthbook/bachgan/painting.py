"""From a few boxes to a picture, step by step: layout, retrieved maps, condition, image."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from synthbook.bachgan.layout import layout_of
from synthbook.bachgan.memory import look_up
from synthbook.bachgan.network import BachGAN, encode, substitute
from synthbook.bachgan.retrieval import MemoryBank
from synthbook.files import BookError


@dataclass(frozen=True)
class Painted:
    """Every step for one set of boxes.

    layout    : (C, H, W), L.
    index     : (m,) which label maps of the bank were taken, -1 for none.
    scores    : (m,) their layout similarity.
    maps      : (m, H, W) the maps themselves, 255 all over for none.
    memory    : (m, C, H, W) their backgrounds with the layout in them, R.
    condition : (C, H, W) what SPADE is given.
    image     : (3, H, W) in [-1, 1].
    """

    layout: Tensor
    index: np.ndarray
    scores: np.ndarray
    maps: Tensor
    memory: Tensor
    condition: Tensor
    image: Tensor


class Painter:
    """A trained model with a memory bank, asked by boxes.

    Parameters
    ----------
    model  : any variant that is given boxes, best maps or random maps; not `segmentation`,
             which has no use for boxes, nor `kin-3`, whose maps are drawn for scenes of the data.
    labels : (N, H, W) integers, the label maps of the bank, of the model's size and classes.
    seed   : decides which maps `random-3` takes for some boxes.
    """

    def __init__(self, model: BachGAN, labels: Tensor, seed: int = 0):
        config = model.config
        if config.source not in ("top", "random"):
            raise BookError("this model's maps follow from a scene, not from boxes: choose another")
        if tuple(labels.shape[1:]) != tuple(config.size):
            raise BookError(f"the bank's maps are {tuple(labels.shape[1:])}, the model's "
                            f"{tuple(config.size)}: use data of the model's size")
        self.model, self.labels, self.seed = model, labels, seed
        self.bank = MemoryBank(labels.numpy(), config.things)

    @torch.no_grad()
    def __call__(self, boxes: np.ndarray, key: int | None = None) -> Painted:
        """The picture of boxes (N, 5) and how it came about.

        key : leave this item of the bank out: the one that the boxes are from.
        """
        config = self.model.config
        layout = layout_of(boxes, config.things, config.classes, config.size)
        index, scores = self.recall(boxes, key)
        maps = look_up(self.labels, torch.from_numpy(index))
        memory = substitute(encode(maps, config.classes)[None], layout[None], config.things)[0]
        network = self.model.generator
        condition = network.condition(layout[None], maps[None])
        image = network.paint(network.features(condition))
        return Painted(layout, index, scores, maps, memory, condition[0], image[0])

    def recall(self, boxes: np.ndarray, key: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Indices and scores (m,) of the maps that the model is to be given."""
        config = self.model.config
        if not config.maps:
            return np.zeros(0, np.int64), np.zeros(0)
        if config.source == "top":
            return self.bank.top(boxes, config.maps, key)
        allowed = np.flatnonzero(self.bank.keys != key)
        rng = np.random.default_rng(self.seed)
        index = rng.choice(allowed, config.maps, replace=False)
        return index, self.bank.scores(boxes)[index]
