"""What the readers of real datasets share: files to tensors, the same way for every dataset.

Photographs are resized with Pillow's antialiased bicubic filter, maps of ids by nearest
neighbour; both treat a pixel as a square around its centre, so that they stay aligned.
"""

import colorsys
import io
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import Dataset

from synthbook.datasets.generated import to_image
from synthbook.files import BookError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error,
              Image.DecompressionBombError)
ID_MODES = ("1", "L", "P", "I", "I;16", "I;16B", "I;16L", "I;16N")


@dataclass(frozen=True)
class Files:
    """Where one item is kept; a map that the dataset has not is None."""

    image: Path
    label: Path | None = None
    instance: Path | None = None


def distinct_colours(count: int) -> np.ndarray:
    """(count, 3) uint8: hue and lightness from Roberts's R2 low-discrepancy sequence."""
    hls = [((0.6 + 0.754878 * k) % 1, 0.3 + 0.5 * ((0.5 + 0.569840 * k) % 1), 0.65)
           for k in range(count)]
    colours = np.array([colorsys.hls_to_rgb(*one) for one in hls])
    return np.round(255 * colours).astype(np.uint8).reshape(count, 3)


def decode(path: Path, content: bytes | None = None) -> Image.Image:
    """The decoded file, upright, in its own mode; a damaged one raises :class:`BookError`.

    content : the file's bytes where they are at hand; `path` then only names them.
    """
    try:
        with Image.open(path if content is None else io.BytesIO(content)) as image:
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            return image
    except FileNotFoundError as error:
        raise BookError(f"{path} does not exist") from error
    except UNREADABLE as error:
        reason = "not an image" if isinstance(error, UnidentifiedImageError) else error
        message = f"{path} is damaged or cannot be read ({reason}); restore or remove it"
        raise BookError(message) from error


def read_image(path: Path, content: bytes | None = None) -> Image.Image:
    """An 8-bit RGB photograph; what is transparent becomes white. As :func:`decode`."""
    image = decode(path, content)
    if image.mode == "F" or image.mode.startswith("I"):
        raise BookError(f"{path} has more than 8 bits a channel; convert it to 8-bit RGB")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")


def read_ids(path: Path) -> np.ndarray:
    """A one-channel map of ids, (H, W) integers; 8-bit, 16-bit and palette PNGs are read."""
    image = decode(path)
    if image.mode not in ID_MODES:
        raise BookError(f"{path} holds {image.mode} colours, not ids; it must have one channel")
    ids = np.asarray(image)
    return ids.astype(np.uint8) if ids.dtype == bool else ids


def resize_image(image: Image.Image, size: tuple[int, int],
                 box: tuple[int, int, int, int] | None = None) -> np.ndarray:
    """`box` (left, top, right, bottom) of an RGB image at `size` (H, W): (H, W, 3) uint8."""
    height, width = size
    cropped = image if box is None else image.crop(box)
    return np.array(cropped.resize((width, height), Image.Resampling.BICUBIC))


def resize_ids(ids: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) ids at `size`: each pixel takes the id at its centre; no id is invented."""
    rows, columns = ((2 * np.arange(new) + 1) * old // (2 * new)
                     for new, old in zip(size, ids.shape, strict=True))
    return ids[rows[:, None], columns]


def centre_box(width: int, height: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The largest centred box, (left, top, right, bottom), with the aspect of `size` (H, W)."""
    h, w = size
    if width * h > height * w:
        box_width, box_height = max(1, round(height * w / h)), height
    else:
        box_width, box_height = width, max(1, round(width * h / w))
    left, top = (width - box_width) // 2, (height - box_height) // 2
    return left, top, left + box_width, top + box_height


def edges(label: Tensor, instance: Tensor) -> Tensor:
    """Borders of classes and instances, (..., H, W) float32: 1 on both sides of a border.

    With Cityscapes ids this is the instance-edge map of pix2pixHD (Wang et al., 2018, section
    3.3): a pixel whose id differs from that of one of its four neighbours.
    """
    down = (label.diff(dim=-2) != 0) | (instance.diff(dim=-2) != 0)
    right = (label.diff(dim=-1) != 0) | (instance.diff(dim=-1) != 0)
    edge = torch.zeros(label.shape, dtype=torch.bool, device=label.device)
    edge[..., 1:, :] |= down
    edge[..., :-1, :] |= down
    edge[..., :, 1:] |= right
    edge[..., :, :-1] |= right
    return edge.float()


def mirror_half(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """A batch of items with about half of them mirrored, images and maps alike."""
    some = torch.rand(len(batch["image"]), device=batch["image"].device) < 0.5
    return {key: torch.where(some.view(-1, *[1] * (x.dim() - 1)), x.flip(-1), x)
            if x.dim() >= 3 else x for key, x in batch.items()}


def find_images(folder: Path) -> Iterator[Path]:
    """Images anywhere under `folder`, in no order; hidden files and link loops are left out."""
    seen = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        folders[:] = [] if real in seen else [name for name in folders if name[0] != "."]
        if real not in seen:
            yield from (Path(parent, name) for name in files
                        if name[0] != "." and name.lower().endswith(SUFFIXES))
        seen.add(real)


def as_size(size: int | Sequence[int]) -> tuple[int, int]:
    """(height, width) from either a side or a pair."""
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if len(pair) != 2 or not all(isinstance(side, int) and side > 0 for side in pair):
        raise BookError(f"size {size!r} is not a number of pixels; give a side or (height, width)")
    return pair


def require_root(name: str, root: str | Path | None, expected: str) -> Path:
    """The dataset's folder, or one line that says what is expected there."""
    if root is None:
        raise BookError(f"{name}: no folder given, pass root=ROOT; expected: {expected}")
    if not Path(root).is_dir():
        raise BookError(f"{name}: there is no folder {root}; expected: {expected}")
    return Path(root)


def require_labels(name: str, files: Sequence[Files], folder: Path, expected: str) -> None:
    """Raise when there is no item, or one whose label or instance map is missing."""
    if not files:
        raise BookError(f"{name}: there is no image in {folder}; expected: {expected}")
    maps = [(f.image, path) for f in files for path in (f.label, f.instance) if path is not None]
    missing = [(image, path) for image, path in maps if not path.is_file()]
    if missing:
        image, path = missing[0]
        others = f" ({len(missing) - 1} more are missing)" if len(missing) > 1 else ""
        raise BookError(f"{name}: {image} has no {path}{others}; expected: {expected}")


def id_ranges(ids: np.ndarray) -> str:
    """Sorted ids for a message: `0..33, 255`."""
    runs = np.split(ids, np.flatnonzero(np.diff(ids) != 1) + 1)
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}..{run[-1]}" for run in runs)


def look_up(ids: np.ndarray, table: np.ndarray, path: Path) -> np.ndarray:
    """Class of every id, (H, W); `table[id]` is the class, -1 where the id is unknown."""
    classes = table.take(ids, mode="clip")
    wrong = (classes < 0) | (ids < 0) | (ids >= len(table))
    if wrong.any():
        known = id_ranges(np.flatnonzero(table >= 0))
        unknown = ids[wrong].min()
        raise BookError(f"{path} holds the unknown label id {unknown}; known are {known}")
    return classes


class Real(Dataset):
    """A dataset that is read from files; items have the form of a generated one's.

    An item is a dict: `image` (3, H, W) float32 in [-1, 1]; `label` (H, W) int64, 0 to K-1;
    `instance` (H, W) int64, 0 where there is none; `index` int64.

    Parameters
    ----------
    split : name of the split, for display.
    files : where each item is.
    table : (ids,) int64, class of each id in the label files, -1 where an id is unknown.
    size  : (height, width) of the items.
    crop  : cut the largest centred box of that aspect first, else stretch the whole frame.
    count : keep at most so many items, evenly spaced; all unless given.
    flip  : mirror about half of the items, chosen from `seed`, `epoch` and the index alone.
        Set the attribute `epoch` before each pass so that an item is seen both ways.
    """

    name: str
    class_names: tuple[str, ...]
    palette: np.ndarray  # (K, 3) uint8

    def __init__(self, split: str, files: Sequence[Files], table: np.ndarray, *,
                 size: tuple[int, int], crop: bool = False, count: int | None = None,
                 flip: bool = False, seed: int = 0):
        if count is not None and count < 1:
            raise BookError(f"{self.name}: count {count} is out of range: keep at least one item")
        total = len(files)
        kept = total if count is None else min(count, total)
        self.files = tuple(files[k * total // kept] for k in range(kept))
        self.split, self.table, self.size, self.crop = split, table, size, crop
        self.flip, self.seed, self.epoch = flip, seed, 0

    @property
    def num_classes(self) -> int:
        """K, the number of classes."""
        return len(self.class_names)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        if not 0 <= i < len(self.files):
            raise IndexError(f"item {i} of {len(self.files)}")
        files = self.files[i]
        photo = read_image(files.image)
        box = centre_box(*photo.size, self.size) if self.crop else (0, 0, *photo.size)
        label = look_up(self._ids(files.label, photo, files), self.table, files.label)
        instance = self.instances(self._ids(files.instance, photo, files))
        item = {"image": to_image(torch.from_numpy(resize_image(photo, self.size, box)))}
        for key, ids in (("label", label), ("instance", instance)):
            small = resize_ids(ids[box[1]:box[3], box[0]:box[2]], self.size)
            item[key] = torch.from_numpy(small.astype(np.int64))
        if self.flip and self.mirrored(i):
            item = {key: value.flip(-1) for key, value in item.items()}
        return item | {"index": torch.tensor(i)}

    def mirrored(self, i: int) -> bool:
        """Whether item `i` is mirrored in this epoch."""
        words = np.random.SeedSequence([self.seed, self.epoch, i])
        return bool(np.random.default_rng(words).random() < 0.5)

    def instances(self, ids: np.ndarray) -> np.ndarray:
        """Instance of every pixel from the ids in the instance file."""
        return ids

    def _ids(self, path: Path | None, photo: Image.Image, files: Files) -> np.ndarray:
        width, height = photo.size
        if path is None:
            return np.zeros((height, width), dtype=np.uint8)
        ids = read_ids(path)
        if ids.shape != (height, width):
            raise BookError(
                f"{path} is {ids.shape[1]}x{ids.shape[0]} pixels, its image {files.image} "
                f"{width}x{height}: they must be of one size"
            )
        return ids
