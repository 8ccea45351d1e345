"""The classifier whose stages are the pyramid, and a judge of another build that shares nothing.

Both tell the sixty categories of `places`: kind of place, season and time of day, in the colours
that these have (`styles="natural"`). Labels are smoothed (Szegedy et al. 2016), so that fc8 says
how like the other categories a picture is, not its own one alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from synthbook.datasets import dataset
from synthbook.datasets.cache import cached
from synthbook.files import BookError, data_dir, read_tensors, verified
from synthbook.judges import block, softened
from synthbook.layers import check_shape
from synthbook.metrics.estimate import Estimate, mean_estimate
from synthbook.semantic_pyramid.levels import Shapes
from synthbook.training import Batch, Networks, Player, Recipe

KNOBS = {"styles": "natural"}  # of `places`: else season and time of day would not show
NAME = "judges/classifier"
HALVED = {32: (True, True, True, False, True), 64: (True,) * 5}  # conv5 has places: 2 x 2


@dataclass(frozen=True)
class ClassifierConfig:
    """Sizes of a classifier and the data it is trained on.

    Parameters
    ----------
    categories : K.
    widths     : channels of the five stages.
    halved     : which stages end in a 2 x 2 max-pool.
    hidden     : width of fc6 and fc7.
    smoothing  : share of the label that is spread over all categories.
    """

    categories: int
    widths: tuple[int, ...] = (24, 48, 72, 96, 128)
    halved: tuple[bool, ...] = HALVED[64]
    hidden: int = 256
    smoothing: float = 0.1
    dataset: str = "places"
    size: int = 64
    knobs: dict = field(default_factory=dict)

    def __post_init__(self):
        if len(self.widths) != 5 or len(self.halved) != 5 or self.size % 2 ** sum(self.halved):
            raise ValueError("five widths and five stages, which halve the size without a rest; "
                             f"got {self.widths}, {self.halved} at {self.size} pixels")

    @property
    def shapes(self) -> Shapes:
        """Shapes of the features of the seven levels."""
        found, side = [], self.size
        for width, halved in zip(self.widths, self.halved):
            side //= 1 + halved
            found.append((width, side, side))
        return *found, (self.hidden,), (self.categories,)


class Frozen(nn.Module):
    """A network that can be frozen: then it stays in evaluation mode, whoever trains around it."""

    frozen = False

    def freeze(self):
        """Evaluation mode from now on, and no gradient for weights; images still get theirs."""
        self.frozen = True
        return self.eval().requires_grad_(False)

    def train(self, mode: bool = True):
        """Training mode, unless frozen."""
        return super().train(mode and not self.frozen)


class Classifier(Frozen):
    """Five stages of two convolutions, each after VGG (Simonyan and Zisserman 2015), and fc6-8.

    Convolutions have batch norm. A level's features are the output of its stage, after its pool;
    of fc7 after its ReLU; of fc8 the logits.
    """

    def __init__(self, config: ClassifierConfig):
        super().__init__()
        self.config = config
        self.stages = nn.ModuleList(block(a, b) for a, b in pairwise((3, *config.widths)))
        channels, side, _ = config.shapes[4]
        self.fc6 = nn.Linear(channels * side * side, config.hidden)
        self.fc7 = nn.Linear(config.hidden, config.hidden)
        self.fc8 = nn.Linear(config.hidden, config.categories)

    @property
    def shapes(self) -> Shapes:
        """Shapes of the features of the seven levels."""
        return self.config.shapes

    def pyramid(self, image: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [-1, 1] to the features of conv1 to conv5, fc7 and fc8."""
        check_shape(image, B=None, C=3, H=self.config.size, W=self.config.size)
        levels, x = [], image
        for stage, halved in zip(self.stages, self.config.halved):
            x = stage(x)
            x = F.max_pool2d(x, 2) if halved else x
            levels.append(x)
        x = F.relu(self.fc7(F.relu(self.fc6(x.flatten(1)))))
        return [*levels, x, self.fc8(x)]

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] to logits (B, K)."""
        return self.pyramid(image)[-1]

    def features(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, D): means and spreads of the two deepest maps, for KID and FD."""
        deep = self.pyramid(image)[3:5]
        return torch.cat([s for x in deep for s in (x.mean((2, 3)), x.std((2, 3)))], 1)


# ------------------------------------------------------------------------- the other judge


class Residual(nn.Module):
    """Two 3x3 convolutions after normalisation and GELU, and a shortcut (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.norm_0, self.norm_1 = nn.GroupNorm(8, inputs), nn.GroupNorm(8, outputs)
        self.conv_0 = nn.Conv2d(inputs, outputs, 3, stride, 1)
        self.conv_1 = nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H / stride, W / stride)."""
        y = self.conv_0(F.gelu(self.norm_0(x)))
        return self.shortcut(x) + self.conv_1(F.gelu(self.norm_1(y)))


class ResidualClassifier(Frozen):
    """A residual network of the same task, without pools: it stands beside the one that trained.

    Strides, group norm, GELU and a mean over places where the other has pools, batch norm, ReLU
    and fully connected layers. A picture made to please the one gains nothing here.
    """

    def __init__(self, config: ClassifierConfig):
        super().__init__()
        self.config, w = config, config.widths
        self.stem = nn.Conv2d(3, w[0], 3, 1, 1)
        self.blocks = nn.ModuleList(
            Residual(a, b, 2 if k < 3 else 1) for k, (a, b) in enumerate(pairwise(w)))
        self.head = nn.Linear(w[-1], config.categories)

    def maps(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] to the last features, (B, C, H / 8, W / 8)."""
        check_shape(image, B=None, C=3, H=self.config.size, W=self.config.size)
        x = self.stem(image)
        for layer in self.blocks:
            x = layer(x)
        return F.gelu(x)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] to logits (B, K)."""
        return self.head(self.maps(image).mean((2, 3)))

    def features(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, D): means and spreads of the last features, for KID and FD."""
        x = self.maps(image)
        return torch.cat([x.mean((2, 3)), x.std((2, 3))], 1)


ARCHITECTURES = {"classifier": Classifier, "classifier-residual": ResidualClassifier}


# ------------------------------------------------------------------------- what it is worth


@torch.no_grad()
def logits_of(network: nn.Module, images: Tensor, batch: int = 128) -> Tensor:
    """Logits (N, K) of images (N, 3, H, W), `batch` at a time."""
    return torch.cat([network(part) for part in images.split(batch)])


def accuracy_rows(network: nn.Module, images: Tensor, category: Tensor,
                  moods: int | None = None) -> dict[str, Estimate]:
    """`top1` and `top5` on images (N, 3, H, W) of categories (N,).

    moods : seasons and times of day of each kind of place; if given, also how often the `kind`
            and the `mood` are right.
    """
    ranked = logits_of(network, images).topk(5, 1).indices.cpu()
    first = ranked[:, 0]
    rows = {"top1": first == category, "top5": (ranked == category[:, None]).any(1)}
    if moods:
        rows |= {"kind": first // moods == category // moods,
                 "mood": first % moods == category % moods}
    return {name: mean_estimate(right.double()) for name, right in rows.items()}


# ------------------------------------------------------------------------------ training


def classification_loss(config: ClassifierConfig, nets: Networks, batch: Batch, scratch: dict):
    """Cross-entropy with smoothed labels; half the images mirrored, some blurred a little."""
    image = batch["image"]
    mirrored = torch.rand(len(image), 1, 1, 1, device=image.device) < 0.5
    logits = nets["classifier"](softened(torch.where(mirrored, image.flip(-1), image)))
    loss = F.cross_entropy(logits.float(), batch["category"], label_smoothing=config.smoothing)
    return loss, {"loss": loss, "top1": (logits.argmax(1) == batch["category"]).float().mean()}


def classifier_config(data: str, size: int, **knobs: Any) -> ClassifierConfig:
    """The small config for a dataset that has categories."""
    knobs = {**(KNOBS if data == "places" else {}), **knobs}
    names = getattr(dataset(data, size=size, **knobs), "category_names", ())
    if len(names) < 2 or size not in HALVED:
        raise BookError(f"no classifier for {data} at {size} pixels: it takes a dataset with "
                        f"categories, at {' or '.join(map(str, HALVED))} pixels")
    return ClassifierConfig(len(names), halved=HALVED[size], dataset=data, size=size, knobs=knobs)


def classifier_recipe(architecture: str, data: str, size: int, *, images: int, batch: int = 32,
                      count: int | None = None, **knobs: Any) -> Recipe:
    """The recipe of a classifier: `classifier`, which is the pyramid, or `classifier-residual`."""
    config = classifier_config(data, size, **knobs)
    held = dataset(data, "val", size=size, count=256, **config.knobs)

    @cache
    def shown() -> tuple[Tensor, Tensor]:
        items = [held[i] for i in range(len(held))]
        return tuple(torch.stack([item[key] for item in items]) for key in ("image", "category"))

    def probe(nets: Networks) -> dict[str, float]:
        pictures, truth = shown()
        device = next(nets["classifier"].parameters()).device
        found = logits_of(nets["classifier"], pictures.to(device)).argmax(1).cpu()
        return {"held_out_top1": float((found == truth).float().mean())}

    return Recipe(
        config=config,
        data=lambda: cached(dataset(data, "train", size=size, count=count, **config.knobs)),
        build=lambda: {"classifier": ARCHITECTURES[architecture](config)},
        players={"classifier": Player(("classifier",), partial(classification_loss, config), 2e-3,
                                      (0.9, 0.99), 1e-5)},
        images=images, batch=batch, ema={"classifier": 0.99}, decay_to=0.02, decay_from=0.3,
        probe=probe, snapshots=8)


# ------------------------------------------------------------------------ where it is from


def stored_config(stored: dict) -> ClassifierConfig:
    """A config from JSON, whose lists are tuples here."""
    return ClassifierConfig(**{k: tuple(v) if isinstance(v, list) else v
                               for k, v in stored.items()})


def weights_path(data: str, size: int) -> Path:
    """Where the book keeps the classifier of a dataset."""
    return data_dir() / "weights" / f"{NAME}@{data}-{size}-s0.safetensors"


def borrowed(stored: dict) -> dict[str, Path]:
    """Where the classifier of a stored setting is kept, if it is the book's."""
    if stored.get("source", "trained") != "trained" or "classifier" not in stored:
        return {}
    config = stored_config(stored["classifier"])
    return {"classifier": weights_path(config.dataset, config.size)}


def trained(config: ClassifierConfig) -> Classifier:
    """The book's classifier of a dataset, frozen; BookError if it is not there or of others."""
    path = weights_path(config.dataset, config.size)
    if not path.is_file():
        raise BookError(f"no classifier at {path}: train {NAME}@{config.dataset}-{config.size}-s0 "
                        "first, its stages are the pyramid")
    try:
        found = stored_config(verified(path)["config"])
    except (KeyError, TypeError, ValueError) as error:
        raise BookError(f"{path} holds no classifier of this version of the book: train "
                        "it again") from error
    if found != config:
        raise BookError(f"{path} is of other data or sizes than asked: train {NAME} again with "
                        "the same knobs")
    network = Classifier(found)
    network.load_state_dict({k: v.float() if v.is_floating_point() else v
                             for k, v in read_tensors(path)[0].items()})
    return network.freeze()


@torch.no_grad()
def untrained(config: ClassifierConfig, images: Tensor | None = None, seed: int = 0) -> Classifier:
    """The control: the same network with random weights, frozen.

    images : (N, 3, H, W), whose statistics the batch norms take, so that every level has the
             spread it would have in training; without, they leave features as they are.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Classifier(config)
    if images is not None:
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 1.0
        network.train()
        network.pyramid(images)
    return network.freeze()


def first_images(data: Dataset, count: int = 256) -> Tensor:
    """The first images of a dataset, (min(count, N), 3, H, W)."""
    return torch.stack([data[i]["image"] for i in range(min(count, len(data)))])


def agreement(first: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    """How often two pyramids' fc8 name the same category, in [0, 1]."""
    return float((first[-1].argmax(1) == other[-1].argmax(1)).float().mean())
