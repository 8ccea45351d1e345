"""ADE20K as the Scene Parsing challenge has it (Zhou et al., CVPR 2017): 150 classes, no instances.

BachGAN follows SPADE: an annotation's id k is class k - 1, and id 0, "other objects", is class
150. Objects are not told apart, so an instance is a connected piece of one class. Download
`ADEChallengeData2016.zip` from sceneparsing.csail.mit.edu and unpack it:

    ADEChallengeData2016/images/training/ADE_train_00000001.jpg
    ADEChallengeData2016/annotations/training/ADE_train_00000001.png

and so on, with `validation/ADE_val_*`.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

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

FOLDERS = {"train": "training", "val": "validation"}
LEAST = 30  # BachGAN's release: a box with fewer pixels between its first and last is dropped

# The official classes by their first name, in the order of the ids 1 to 150 (objectInfo150.txt).
NAMES = tuple("""
wall, building, sky, floor, tree, ceiling, road, bed, windowpane, grass,
cabinet, sidewalk, person, earth, door, table, mountain, plant, curtain, chair,
car, water, painting, sofa, shelf, house, sea, mirror, rug, field,
armchair, seat, fence, desk, rock, wardrobe, lamp, bathtub, railing, cushion,
base, box, column, signboard, chest of drawers, counter, sand, sink, skyscraper, fireplace,
refrigerator, grandstand, path, stairs, runway, case, pool table, pillow, screen door, stairway,
river, bridge, bookcase, blind, coffee table, toilet, flower, book, hill, bench,
countertop, stove, palm, kitchen island, computer, swivel chair, boat, bar, arcade machine, hovel,
bus, towel, light, truck, tower, chandelier, awning, streetlight, booth, television,
airplane, dirt track, apparel, pole, land, bannister, escalator, ottoman, bottle, buffet,
poster, stage, van, ship, fountain, conveyer belt, canopy, washer, plaything, swimming pool,
stool, barrel, basket, waterfall, tent, bag, minibike, cradle, oven, ball,
food, step, tank, trade name, microwave, pot, animal, bicycle, lake, dishwasher,
screen, blanket, sculpture, hood, sconce, vase, traffic light, tray, ashcan, fan,
pier, crt screen, plate, monitor, bulletin board, shower, radiator, glass, clock, flag
""".replace("\n", " ").strip().split(", "))
UNKNOWN = len(NAMES)

# The 35 classes of stuff in the official split; the other 115 are objects. From the column `Stuff`
# of `data/object150_info.csv` in the authors' semantic-segmentation-pytorch; BachGAN's release
# reads `objectSplit35-115.mat`. A tree and a rock are objects there, a house and a tower are stuff.
STUFF = tuple(NAMES.index(name) for name in (
    "wall", "building", "sky", "floor", "ceiling", "road", "grass", "sidewalk", "earth",
    "mountain", "water", "house", "sea", "rug", "field", "sand", "skyscraper", "grandstand",
    "path", "runway", "stairway", "river", "bridge", "hill", "hovel", "tower", "dirt track",
    "land", "escalator", "stage", "conveyer belt", "swimming pool", "waterfall", "lake", "pier"))
THINGS = tuple(c for c in range(UNKNOWN) if c not in STUFF)


def pieces(label: np.ndarray, things: tuple[int, ...] = THINGS, least: int = LEAST) -> np.ndarray:
    """Instances of a label map (H, W): its connected pieces, numbered from 1, (H, W) int64.

    Pixels that touch at a corner belong together, as in Suzuki's border following, which the
    paper uses; a hole is no piece, as it is in the release. Classes come in rising order, their
    pieces from top to bottom.

    things : classes whose pieces count; all else is 0.
    least  : a piece with fewer than so many pixels in (height - 1) * (width - 1) of its box is
             left out, as in the release.
    """
    from scipy.ndimage import find_objects
    from scipy.ndimage import label as connect

    found, number = np.zeros(label.shape, np.int64), 0
    for c in np.intersect1d(label, things):
        parts, _ = connect(label == c, np.ones((3, 3)))
        for k, place in enumerate(find_objects(parts), 1):
            height, width = (side.stop - side.start - 1 for side in place)
            if height * width >= least:
                number += 1
                found[place][parts[place] == k] = number
    return found


class ADE20K(Real):
    """Scenes indoors and outdoors: 20,210 train, 2,000 val photographs; 150 classes and unknown.

    `instance` numbers the connected pieces of things from 1; :func:`pieces` says which. Boxes
    are drawn around them.

    Parameters
    ----------
    root  : the folder `ADEChallengeData2016`, or one that holds it.
    size  : side, or (height, width); the frame is stretched to it, 256 x 256 in the papers.
    least : the smallest piece that counts, in pixels of the item; 0 keeps all.
    count, flip, seed : see :class:`synthbook.datasets.images.Real`.
    """

    name = "ade20k"
    class_names = (*NAMES, "unknown")
    palette = np.concatenate([distinct_colours(UNKNOWN), np.full((1, 3), 128, np.uint8)])

    def __init__(self, split: str = "train", *, root: str | Path | None = None,
                 size: int | tuple[int, int] = 256, least: int = LEAST,
                 count: int | None = None, flip: bool = False, seed: int = 0):
        if split not in FOLDERS:
            raise BookError(f"unknown split {split!r}: ADE20K has {' and '.join(FOLDERS)}")
        if least < 0:
            raise BookError(f"ade20k: least={least} is out of range: give a number of pixels")
        part = FOLDERS[split]
        expected = (f"ROOT/images/{part}/ADE_{split}_*.jpg and "
                    f"ROOT/annotations/{part}/ADE_{split}_*.png, ROOT=ADEChallengeData2016")
        root = require_root(self.name, root, expected)
        root = root / "ADEChallengeData2016" if (root / "ADEChallengeData2016").is_dir() else root
        photos, maps = (root / kind / part for kind in ("images", "annotations"))
        for folder in (photos, maps):
            require_root(self.name, folder, expected)
        files = [Files(photo, (maps / photo.relative_to(photos)).with_suffix(".png"))
                 for photo in sorted(find_images(photos))]
        require_labels(self.name, files, photos, expected)
        table = np.array([UNKNOWN, *range(UNKNOWN)])
        super().__init__(split, files, table, size=as_size(size), count=count, flip=flip, seed=seed)
        self.least = least

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        item = super().__getitem__(i)
        turn = (-1,) if self.flip and self.mirrored(i) else ()  # numbered before it is mirrored
        found = pieces(item["label"].flip(turn).numpy(), least=self.least)
        return item | {"instance": torch.from_numpy(found).flip(turn)}
