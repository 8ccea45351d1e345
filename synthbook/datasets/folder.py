"""Any folder of images, with or without label maps: the reader's own data."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from synthbook.datasets.images import (
    Files,
    Real,
    as_size,
    distinct_colours,
    find_images,
    require_labels,
    require_root,
)
from synthbook.files import BookError

SPLITS = ("train", "val", "test")
EXPECTED = "PNG, JPEG or WebP images anywhere under ROOT, or under ROOT/train, ROOT/val, ROOT/test"


def choose(split: str, root: Path) -> list[Path]:
    """The images of a split, sorted by path.

    Where ROOT has a folder `train`, `val` or `test`, a split is the folder of its name. Else
    every ninth of ten images is kept for `val` and every tenth for `test`: give folders where
    neighbours are alike, as frames of a film are.
    """
    folders = [name for name in SPLITS if (root / name).is_dir()]
    if folders and split not in folders:
        found = ", ".join(folders)
        raise BookError(f"folder: {root} has {found} but no {split}; add {root / split}")
    images = sorted(find_images(root / split if folders else root))
    if folders:
        return images
    tenths = {"train": range(8), "val": (8,), "test": (9,)}[split]
    kept = [path for i, path in enumerate(images) if i % 10 in tenths]
    if images and not kept:
        raise BookError(f"folder: {root} has {len(images)} images, too few for {split}; "
                        f"10 are needed, or a folder {root / split}")
    return kept


class Folder(Real):
    """Images of any folder, cropped to their centre and resized.

    Without `labels` there is one class, `image`, and `label` is 0 everywhere.

    Parameters
    ----------
    root    : folder of images, in any tree; see :func:`choose` for what the splits are.
    size    : side, or (height, width).
    labels  : folder of label maps: LABELS/a/b.png for ROOT/a/b.jpg, ids 0 to K-1.
    classes : with `labels`, the number of classes or their names.
    count, flip, seed : see :class:`synthbook.datasets.images.Real`.
    """

    name = "folder"

    def __init__(self, split: str = "train", *, root: str | Path | None = None,
                 size: int | tuple[int, int] = 64, labels: str | Path | None = None,
                 classes: int | Sequence[str] | None = None, count: int | None = None,
                 flip: bool = False, seed: int = 0):
        if split not in SPLITS:
            raise BookError(f"unknown split {split!r}: choose one of {', '.join(SPLITS)}")
        if (labels is None) != (classes is None):
            raise BookError("folder: labels=FOLDER and classes=K or names go together")
        root = require_root(self.name, root, EXPECTED)
        expected = EXPECTED
        if labels is not None:
            expected = f"{EXPECTED}; LABELS/a/b.png for ROOT/a/b.jpg"
            labels = require_root(self.name, labels, expected)
        files = [
            Files(path, labels and (labels / path.relative_to(root)).with_suffix(".png"))
            for path in choose(split, root)
        ]
        require_labels(self.name, files, root, expected)
        self.class_names = name_classes(classes)
        self.palette = distinct_colours(self.num_classes)
        table = np.arange(self.num_classes)
        super().__init__(split, files, table, size=as_size(size), crop=True, count=count,
                         flip=flip, seed=seed)


def name_classes(classes: int | Sequence[str] | None) -> tuple[str, ...]:
    """K class names from a number, from names, or for images without labels."""
    if classes is None:
        return ("image",)
    names = (tuple(f"class {k}" for k in range(classes)) if isinstance(classes, int)
             else tuple(classes))
    if not names:
        raise BookError("folder: classes must name at least one class")
    return names
