"""What Liao et al. (CVPR 2020) trained on: their renders of cars and rooms, and Structured3D.

Both are pictures without labels: items have the form of every dataset, with one class. Boxes,
depths and poses that the files bring are not read, for no model of this book learns from them.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from synthbook.datasets.images import Files, Real, as_size, find_images, require_root
from synthbook.files import BookError

SCENES = ("car", "indoor")
SPLITS = ("train", "val", "test")
RENDERS = "ROOT/car1_bg1/train/SCENE/*.png, with the number of objects after car, 0 for none"
ROOMS = "ROOT/scene_00000/2D_rendering/ROOM/perspective/empty/POSITION/rgb_rawlight.png"
# the official splits, by number of the scene: first and last
PARTS = {"train": (0, 2999), "val": (3000, 3249), "test": (3250, 3499)}
FURNITURE = ("empty", "full")
NUMBER = re.compile(r"scene_(\d{5})")


class Pictures(Real):
    """Pictures of one class, cut to their largest centred square."""

    class_names = ("image",)
    palette = np.full((1, 3), 128, np.uint8)

    def __init__(self, split: str, images: Sequence[Path], **knobs):
        super().__init__(split, [Files(path) for path in images], np.zeros(1, np.int64),
                         crop=True, **knobs)


class CarRenders(Pictures):
    """The official renders of cars, or of furniture in rooms, with so many objects a picture.

    The layout is that of the authors' code: one folder for each number of objects, such as
    `car2_bg1`, and in it the split, the scene, and several pictures of the scene. Items also hold
    `category`, the number of objects.

    Parameters
    ----------
    root       : the folder that holds `car1_bg1` and its like.
    kind       : `car` or `indoor`.
    objects    : numbers of objects, 0 to 9; 0 alone gives the pictures of the background alone,
                 which the discriminator's second head asks for.
    background : whether there is one behind the objects, or white.
    size       : side, or (height, width).
    count, flip, seed : see :class:`synthbook.datasets.images.Real`.
    """

    name = "car-renders"

    def __init__(self, split: str = "train", *, root: str | Path | None = None, kind: str = "car",
                 objects: Sequence[int] = (1, 2, 3), background: bool = True,
                 size: int | tuple[int, int] = 64, count: int | None = None,
                 flip: bool = False, seed: int = 0):
        if split not in SPLITS:
            raise BookError(f"unknown split {split!r}: choose one of {', '.join(SPLITS)}")
        if kind not in SCENES:
            raise BookError(f"unknown kind {kind!r}: choose one of {', '.join(SCENES)}")
        numbers = sorted(set(objects))
        if not numbers or not set(numbers) <= set(range(10)):
            raise BookError(f"objects={tuple(objects)} is out of range: name numbers from 0 to 9")
        root = require_root(self.name, root, RENDERS)
        self.number = {}
        for n in numbers:
            folder = root / f"{kind}{n}_bg{int(background)}" / split
            require_root(self.name, folder, RENDERS)
            found = dict.fromkeys((p for p in find_images(folder) if p.suffix == ".png"), n)
            if not found:
                raise BookError(f"{self.name}: there is no image in {folder}; expected: {RENDERS}")
            self.number |= found
        super().__init__(split, sorted(self.number), size=as_size(size), count=count, flip=flip,
                         seed=seed)
        self.category_names = tuple(f"{n} objects" for n in range(max(numbers) + 1))

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        item = super().__getitem__(i)
        return item | {"category": torch.tensor(self.number[self.files[i].image])}


class Structured3D(Pictures):
    """Rooms of Structured3D (Zheng et al., ECCV 2020) as a camera in them sees them.

    The authors put furniture in front of empty rooms. Splits are the official ones: scenes 0 to
    2999 train, to 3249 val, to 3499 test; scenes that are not there are left out, so that a part
    of the data will do.

    Parameters
    ----------
    root      : the folder `Structured3D`, or one that holds it.
    furniture : `empty` or `full` rooms.
    size      : side, or (height, width).
    count, flip, seed : see :class:`synthbook.datasets.images.Real`.
    """

    name = "structured3d"

    def __init__(self, split: str = "train", *, root: str | Path | None = None,
                 furniture: str = "empty", size: int | tuple[int, int] = 64,
                 count: int | None = None, flip: bool = False, seed: int = 0):
        if split not in PARTS:
            raise BookError(f"unknown split {split!r}: choose one of {', '.join(PARTS)}")
        if furniture not in FURNITURE:
            raise BookError(f"unknown furniture {furniture!r}: choose {' or '.join(FURNITURE)}")
        expected = ROOMS.replace("empty", furniture)
        root = require_root(self.name, root, expected)
        root = root / "Structured3D" if (root / "Structured3D").is_dir() else root
        first, last = PARTS[split]
        scenes = [folder for folder in sorted(root.iterdir())
                  if (match := NUMBER.fullmatch(folder.name)) and first <= int(match[1]) <= last]
        images = [path for scene in scenes for path in sorted(scene.glob(
            f"2D_rendering/*/perspective/{furniture}/*/rgb_rawlight.png"))]
        if not images:
            raise BookError(f"{self.name}: there is no image of {split}, scenes {first} to {last}, "
                            f"in {root}; expected: {expected}")
        super().__init__(split, images, size=as_size(size), count=count, flip=flip, seed=seed)
