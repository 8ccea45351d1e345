"""DeepFashion In-shop (Liu et al., CVPR 2016) with human parsing, as SMIS uses it.

The masks are not part of DeepFashion: a parser trained on CIHP (Gong et al., ECCV 2018) is run
on every photograph, and its 20 classes are merged into the 8 that SMIS names in appendix B. The
tree is that of SMIS's own loader; images may also lie in subfolders, masks then in the same ones:

    ROOT/train/NAME.jpg    ROOT/cihp_train_mask/NAME.png
    ROOT/test/NAME.jpg     ROOT/cihp_test_mask/NAME.png

Which photographs form SMIS's two splits was not published.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from synthbook.datasets.images import (
    Files,
    Real,
    as_size,
    find_images,
    read_ids,
    require_labels,
    require_root,
)
from synthbook.files import BookError

SPLITS = ("train", "test")

# Colours of our own: hair brown, two skins, the rest from Okabe and Ito's palette.
CLASSES = (
    ("hair", (96, 60, 35)),
    ("face", (255, 208, 176)),
    ("skin", (213, 150, 110)),
    ("top-clothes", (0, 114, 178)),
    ("bottom-clothes", (86, 180, 233)),
    ("socks", (0, 158, 115)),
    ("shoes", (204, 121, 167)),
    ("background", (235, 235, 235)),
)
NAMES = tuple(name for name, _ in CLASSES)

# CIHP's classes in the order of their ids, each with the class that it becomes. SMIS does not
# say where hats, glasses, gloves, dresses and scarves go: here as in a re-implementation.
CIHP = (
    ("background", "background"),
    ("hat", "hair"),
    ("hair", "hair"),
    ("glove", "top-clothes"),
    ("sunglasses", "face"),
    ("upper-clothes", "top-clothes"),
    ("dress", "top-clothes"),
    ("coat", "top-clothes"),
    ("socks", "socks"),
    ("pants", "bottom-clothes"),
    ("torso-skin", "skin"),
    ("scarf", "top-clothes"),
    ("skirt", "bottom-clothes"),
    ("face", "face"),
    ("left-arm", "skin"),
    ("right-arm", "skin"),
    ("left-leg", "skin"),
    ("right-leg", "skin"),
    ("left-shoe", "shoes"),
    ("right-shoe", "shoes"),
)
MERGE = np.array([NAMES.index(merged) for _, merged in CIHP], dtype=np.int64)


def merge_cihp(label: Tensor) -> Tensor:
    """CIHP's 20 classes merged into SMIS's 8; int64 in, int64 of the same shape out."""
    if label.numel() and not 0 <= label.min() <= label.max() < len(CIHP):
        raise BookError(f"CIHP labels are 0..{len(CIHP) - 1}, not {label.min()}..{label.max()}")
    return torch.from_numpy(MERGE).to(label.device)[label]


class DeepFashion(Real):
    """Photographs of clothed people with 8 classes; no instances.

    SMIS has no validation split: it trains on `train` and reports on `test`.

    Parameters
    ----------
    root   : folder that holds `train`, `test` and their masks.
    size   : side, or (height, width); the frame is stretched to it, 256 x 256 in the paper.
    merged : the masks hold the 8 classes already, in the order of `class_names`; else CIHP's 20.
    count, flip, seed : see :class:`synthbook.datasets.images.Real`.
    """

    name = "deepfashion"
    class_names = NAMES
    palette = np.array([colour for _, colour in CLASSES], dtype=np.uint8)

    def __init__(self, split: str = "train", *, root: str | Path | None = None,
                 size: int | tuple[int, int] = 256, merged: bool = False,
                 count: int | None = None, flip: bool = False, seed: int = 0):
        if split not in SPLITS:
            raise BookError(f"unknown split {split!r}: DeepFashion has {' and '.join(SPLITS)}")
        mask = f"cihp_{split}_mask"
        expected = f"ROOT/{split}/NAME.jpg and ROOT/{mask}/NAME.png"
        root = require_root(self.name, root, expected)
        for folder in (root / split, root / mask):
            require_root(self.name, folder, expected)
        photos = sorted(find_images(root / split))
        files = [Files(photo, (root / mask / photo.relative_to(root / split)).with_suffix(".png"))
                 for photo in photos]
        require_labels(self.name, files, root / split, expected)
        if not merged:
            require_unmerged(files[:: max(1, len(files) // 16)])
        table = np.arange(len(CLASSES)) if merged else MERGE
        super().__init__(split, files, table, size=as_size(size), count=count, flip=flip, seed=seed)


def require_unmerged(files: list[Files]) -> None:
    """Raise when masks cannot be CIHP's: no face, limb, shoe or trousers in any of them.

    Merged masks hold ids that CIHP also has, so that reading them as CIHP's would go unnoticed.
    """
    if all(read_ids(file.label).max() < len(CLASSES) for file in files):
        raise BookError(
            f"deepfashion: the masks in {files[0].label.parent} hold no id above 7, "
            "CIHP's go to 19; if they are merged already, pass merged=True"
        )
