"""The book's data: generated scenes with known truth, and readers of real datasets."""

from typing import Any

from torch.utils.data import Dataset

from synthbook.files import BookError, verify_art


def dataset(name: str, split: str = "train", **knobs: Any) -> Dataset:
    """The dataset called `name`, map-style; each item is a dict of tensors.

    Generated: `places`, `faces`, `cars`, `furniture`, `fruit` (see
    :class:`synthbook.datasets.generated.Generated`).
    Real ones take `root=FOLDER`: `ade20k`, `car-renders`, `cityscapes`, `deepfashion`,
    `folder`, `structured3d`.
    """
    from synthbook.datasets.ade20k import ADE20K
    from synthbook.datasets.cars import Cars
    from synthbook.datasets.cityscapes import Cityscapes
    from synthbook.datasets.deepfashion import DeepFashion
    from synthbook.datasets.faces import Faces
    from synthbook.datasets.folder import Folder
    from synthbook.datasets.fruit import Fruits
    from synthbook.datasets.furniture import Furniture
    from synthbook.datasets.generated import Generated
    from synthbook.datasets.places import Places
    from synthbook.datasets.renders import CarRenders, Structured3D

    kinds = {"places": Places, "faces": Faces, "cars": Cars, "furniture": Furniture,
             "fruit": Fruits, "ade20k": ADE20K, "car-renders": CarRenders,
             "cityscapes": Cityscapes, "deepfashion": DeepFashion, "folder": Folder,
             "structured3d": Structured3D}
    if name not in kinds:
        raise BookError(f"unknown dataset {name!r}: choose one of {', '.join(kinds)}")
    if issubclass(kinds[name], Generated) and kinds[name].art:
        verify_art(name)
    try:
        return kinds[name](split, **knobs)
    except TypeError as error:
        raise BookError(f"dataset {name!r}: {error}") from error
