"""Cityscapes, the fine annotations (Cordts et al., CVPR 2016), in the official tree.

SMIS follows SPADE: all 35 label ids are classes, the frame is resized to 512 x 256, and the
borders of instances are a further input. Register at cityscapes-dataset.com and unpack
`leftImg8bit_trainvaltest.zip` and `gtFine_trainvaltest.zip` into one folder.
"""

from pathlib import Path

import numpy as np
from torch import Tensor

from synthbook.datasets.images import (
    Files,
    Real,
    as_size,
    edges,
    require_labels,
    require_root,
)
from synthbook.files import BookError

SPLITS = ("train", "val", "test")

# Official names and colours, in the order of the label ids; the licence plate has the id -1.
CLASSES = (
    ("unlabeled", (0, 0, 0)),
    ("ego vehicle", (0, 0, 0)),
    ("rectification border", (0, 0, 0)),
    ("out of roi", (0, 0, 0)),
    ("static", (0, 0, 0)),
    ("dynamic", (111, 74, 0)),
    ("ground", (81, 0, 81)),
    ("road", (128, 64, 128)),
    ("sidewalk", (244, 35, 232)),
    ("parking", (250, 170, 160)),
    ("rail track", (230, 150, 140)),
    ("building", (70, 70, 70)),
    ("wall", (102, 102, 156)),
    ("fence", (190, 153, 153)),
    ("guard rail", (180, 165, 180)),
    ("bridge", (150, 100, 100)),
    ("tunnel", (150, 120, 90)),
    ("pole", (153, 153, 153)),
    ("polegroup", (153, 153, 153)),
    ("traffic light", (250, 170, 30)),
    ("traffic sign", (220, 220, 0)),
    ("vegetation", (107, 142, 35)),
    ("terrain", (152, 251, 152)),
    ("sky", (70, 130, 180)),
    ("person", (220, 20, 60)),
    ("rider", (255, 0, 0)),
    ("car", (0, 0, 142)),
    ("truck", (0, 0, 70)),
    ("bus", (0, 60, 100)),
    ("caravan", (0, 0, 90)),
    ("trailer", (0, 0, 110)),
    ("train", (0, 80, 100)),
    ("motorcycle", (0, 0, 230)),
    ("bicycle", (119, 11, 32)),
    ("license plate", (0, 0, 142)),
)
PLATE = len(CLASSES) - 1


def label_table() -> np.ndarray:
    """Class of each 8-bit id, (256,): ids 0 to 33 are classes, -1 (stored as 255) is class 34.

    The official label images never hold -1: whoever draws them leaves plates out, so that they
    keep the id of the vehicle. SPADE counts 35 classes all the same, and so do SMIS and we.
    """
    table = np.full(256, -1, dtype=np.int64)
    table[:PLATE] = np.arange(PLATE)
    table[255] = PLATE
    return table


class Cityscapes(Real):
    """Street scenes with 35 classes and instances: 2,975 train, 500 val, 1,525 test frames.

    The papers report on `val`: the labels of `test` are blank but for the car's own bonnet.

    Parameters
    ----------
    root      : folder that holds `leftImg8bit` and `gtFine`.
    size      : (height, width), 256 x 512 in the papers; a number is the height, half the width.
    instances : read `*_instanceIds.png`. `instance` is class * 1000 + number, 0 for what is not
        countable and for groups.
    edges     : add `edge` (H, W) float32, 1 at the borders of classes and instances.
    blurred   : read `leftImg8bit_blurred`, in which faces and number plates are blurred; the
        dataset's authors ask for these wherever pictures are shown.
    count, flip, seed : see :class:`synthbook.datasets.images.Real`.
    """

    name = "cityscapes"
    class_names = tuple(name for name, _ in CLASSES)
    palette = np.array([colour for _, colour in CLASSES], dtype=np.uint8)

    def __init__(self, split: str = "train", *, root: str | Path | None = None,
                 size: int | tuple[int, int] = (256, 512), instances: bool = True,
                 edges: bool = False, blurred: bool = False, count: int | None = None,
                 flip: bool = False, seed: int = 0):
        if split not in SPLITS:
            raise BookError(f"unknown split {split!r}: choose one of {', '.join(SPLITS)}")
        size = as_size((size, 2 * size) if isinstance(size, int) else size)
        if edges and not instances:
            raise BookError("cityscapes: edges=True needs the instance maps; leave instances=True")
        photos = "leftImg8bit_blurred" if blurred else "leftImg8bit"
        maps = "labelIds.png (and instanceIds.png)" if instances else "labelIds.png"
        expected = (f"ROOT/{photos}/{split}/<city>/*_{photos}.png and "
                    f"ROOT/gtFine/{split}/<city>/*_gtFine_{maps}")
        root = require_root(self.name, root, expected)
        for folder in (root / photos / split, root / "gtFine" / split):
            require_root(self.name, folder, expected)
        found = sorted((root / photos / split).glob(f"*/[!.]*_{photos}.png"))
        files = [find_maps(root / "gtFine" / split, path, photos, instances) for path in found]
        require_labels(self.name, files, root / photos / split, expected)
        super().__init__(split, files, label_table(), size=size, count=count, flip=flip, seed=seed)
        self.edges = edges

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        item = super().__getitem__(i)
        return item | {"edge": edges(item["label"], item["instance"])} if self.edges else item

    def instances(self, ids: np.ndarray) -> np.ndarray:
        """Keep the ids of single instances, class * 1000 + number; ids below 1000 are classes."""
        return np.where(ids >= 1000, ids, 0)


def find_maps(folder: Path, photo: Path, photos: str, instances: bool) -> Files:
    """The maps under gtFine/<split> that belong to a frame, by the dataset's rule for names."""
    stem = photo.name.removesuffix(f"_{photos}.png")
    base = folder / photo.parent.name / f"{stem}_gtFine_"
    instance = Path(f"{base}instanceIds.png") if instances else None
    return Files(photo, Path(f"{base}labelIds.png"), instance)
