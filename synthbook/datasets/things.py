"""Things and stuff: which classes of a dataset stand in front, so that a box can name them."""

import numpy as np
from torch.utils.data import Dataset

from synthbook.datasets.ade20k import ADE20K, THINGS
from synthbook.datasets.cars import Cars
from synthbook.datasets.cars.dataset import BODY
from synthbook.datasets.cityscapes import Cityscapes
from synthbook.datasets.places import Places
from synthbook.datasets.places.classes import FINE, merge
from synthbook.datasets.places.kinds import HEIGHTS
from synthbook.datasets.raycast import RayCast
from synthbook.files import BookError


def things(data: Dataset) -> tuple[int, ...]:
    """The classes of countable things of `data`, rising; all others are background.

    `places`: every class that a sprite belongs to. `cars`: the body. `furniture`, `fruit`: every
    kind. `cityscapes`: ids 24 to 33, people and vehicles, as BachGAN's release has it. `ade20k`:
    the 115 objects of the official split. Raises BookError for a dataset without things.
    """
    source = getattr(data, "source", data)
    if isinstance(source, Places):
        merged = merge(source.classes)
        return tuple(sorted({int(merged[FINE[name]]) for name in HEIGHTS}))
    if isinstance(source, RayCast):
        return source.painted
    if isinstance(source, Cityscapes):
        return tuple(range(24, 34))
    if isinstance(source, ADE20K):
        return THINGS
    raise BookError(f"dataset {source.name!r} has no things to put boxes around: choose places, "
                    "cars, furniture, fruit, cityscapes or ade20k")


def wholes(data: Dataset) -> np.ndarray:
    """The class of the thing that each class of `data` is a part of, (K,); its own for most.

    Windows, wheels and lamps of `cars` are parts of the body's car.
    """
    source = getattr(data, "source", data)
    classes = np.arange(len(source.class_names))
    return np.minimum(classes, BODY) if isinstance(source, Cars) else classes
