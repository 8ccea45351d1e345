"""The published setting of Semantic Pyramid, as far as it could be verified.

From readers of the paper: VGG-16 of Places365, its five pools, fc7 and fc8; latents of 128;
224 x 224 pixels; least squares; one level for each sample, each alike. From independent
re-implementations that agree: both weights 0.1, Adam at 0.0001 with betas 0 and 0.999, three in
ten samples with a region, an average of decay 0.999, widths and blocks, 500,000 steps of 32
images. The paper's own batch and number of steps are not known, nor is the form of its
co-normalisation. Not as in those: buffers are averaged, too; conditional batch norm is told one
level's samples from another's no more than there; pairs for diversity are the whole batch; the
bound of the diversity term is kept.

Pictures are read from a folder with one folder for each category: ROOT/train/CATEGORY/*.jpg and
ROOT/val/CATEGORY/*.jpg, as Places365-Standard's small images in "easy directory" form.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from synthbook.datasets.generated import to_image
from synthbook.datasets.images import (
    centre_box,
    find_images,
    mirror_half,
    read_image,
    require_root,
    resize_image,
)
from synthbook.files import BookError
from synthbook.semantic_pyramid import recipe as small
from synthbook.semantic_pyramid.levels import Shapes
from synthbook.semantic_pyramid.masks import Sampling
from synthbook.semantic_pyramid.network import Config
from synthbook.semantic_pyramid.vgg import WIDTHS, places365
from synthbook.training import Batch, Recipe

WEIGHTS = "vgg16-places365.safetensors"  # beside `train` and `val`
EXPECTED = f"ROOT/train/CATEGORY/*.jpg, ROOT/val/CATEGORY/*.jpg and ROOT/{WEIGHTS}"
SHAPES: Shapes = (*((w, 224 >> k, 224 >> k) for k, w in enumerate(WIDTHS, 1)), (4096,), (365,))
MODEL = Config(SHAPES, 365, 224, latent=128, channels=(64, 128, 256, 512, 512),
               critic=(64, 128, 256, 512, 1024, 1024), embedding=128, norm="batch", spectral=True)
WEIGHED = small.Weights(reconstruction=0.1, emphasis=(1,) * 7, diversity=0.1, limit=10.0,
                        pairs=1.0, pool=True, rate_g=1e-4, rate_d=1e-4)


@dataclass(frozen=True)
class Published:
    """Model, sampling, objective and length of the published run."""

    model: Config = MODEL
    sampling: Sampling = Sampling((1,) * 7)
    weights: small.Weights = WEIGHED
    batch: int = 32
    steps: int = 500_000
    dataset: str = "places365"


class Places365(Dataset):
    """Photographs with categories: `image` (3, H, W) in [-1, 1], the centre, and `category`."""

    def __init__(self, split: str, root: str | Path | None, size: int, count: int | None = None):
        root = require_root("places365", root, EXPECTED)
        if split not in ("train", "val") or not (root / split).is_dir():
            raise BookError(f"places365: there is no {root / split}; expected: {EXPECTED}")
        self.size = size
        self.category_names = tuple(sorted(p.name for p in (root / "train").iterdir()
                                           if p.is_dir() and p.name[0] != "."))
        numbers = {name: k for k, name in enumerate(self.category_names)}
        files = sorted(find_images(root / split))
        strange = [p for p in files if p.relative_to(root / split).parts[0] not in numbers]
        if not files or strange:
            what = f"{strange[0]} is in no category of train" if strange else "there is no image"
            raise BookError(f"places365: {what}; expected: {EXPECTED}")
        kept = len(files) if count is None else min(count, len(files))
        self.files = [files[k * len(files) // kept] for k in range(kept)]
        self.categories = [numbers[p.relative_to(root / split).parts[0]] for p in self.files]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        photo, size = read_image(self.files[i]), (self.size, self.size)
        pixels = resize_image(photo, size, centre_box(*photo.size, size))
        return {"image": to_image(torch.from_numpy(pixels)),
                "category": torch.tensor(self.categories[i])}


def published_recipe(root: str | Path, *, setting: Published = Published(), classifier=places365,
                     images: int | None = None, workers: int = 8) -> Recipe:
    """The published recipe on Places365 in the folder `root`, which also holds the weights.

    setting, classifier : others of the same form, for tests; `images`: length of the run.
    """
    model = setting.model
    train = Places365("train", root, model.size)
    shown = Places365("val", root, model.size, count=16)
    if len(train.category_names) != model.categories:
        raise BookError(f"places365: {Path(root) / 'train'} has {len(train.category_names)} "
                        f"categories, not {model.categories}; expected: {EXPECTED}")
    network = classifier(Path(root) / WEIGHTS, model.size)

    @cache
    def held() -> Batch:
        return default_collate([shown[i] for i in range(len(shown))])

    return small.assembled(
        setting, lambda: train, lambda: network, batch=setting.batch, held=held, decay_to=1.0,
        images=images or setting.steps * setting.batch, augment=mirror_half, workers=workers)
