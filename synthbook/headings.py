"""The judge of objects and of how they stand: it labels pixels, and says which way each one faces.

A picture shows how a car is turned against the ray on which it is seen, not against the world. So
that angle is what the judge learns, as a unit vector at every pixel of a car: a convolution then
sees the same for cars that look the same, wherever they are. With the camera and the car's place
it gives the yaw.

An orange or a round table has no front. So headings are read on `cars` alone: of `furniture` and
`fruit` the judge labels pixels and no more, and no heading is judged.

Axes: B pictures, H W pixels, M objects.
"""

from dataclasses import dataclass, field
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from synthbook.datasets import dataset
from synthbook.datasets.cache import Cached, cached
from synthbook.datasets.raycast.scene import PARTS
from synthbook.judges import Segmenter, SegmenterConfig, softened
from synthbook.metrics.estimate import Estimate, mean_estimate
from synthbook.training import Batch, Networks, Player, Recipe

FLIP = 0.5 * torch.pi  # an angle that is further off takes the front for the back


@dataclass(frozen=True)
class HeadingConfig:
    """`classes` labels; `width` channels at full resolution, of both networks.

    headed : whether the objects of the data have a front; without, there is one network.
    """

    classes: int = 6
    width: int = 8
    dataset: str = "cars"
    size: int = 32
    knobs: dict = field(default_factory=dict)
    headed: bool = True


class HeadingJudge(nn.Module):
    """Two U-Nets that share no weight: one labels pixels, one tells which way objects face."""

    def __init__(self, config: HeadingConfig):
        super().__init__()
        self.config = config
        labels = SegmenterConfig(config.classes, config.width, config.dataset, config.size)
        self.labels = Segmenter(labels)
        if config.headed:
            self.headings = Segmenter(SegmenterConfig(2, config.width, config.dataset,
                                                      config.size))

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] to logits of the classes (B, K, H, W)."""
        return self.labels(image)

    def features(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, D), of the network that labels pixels, for KID and FD."""
        return self.labels.features(image)

    def angles(self, image: Tensor, mask: Tensor) -> Tensor:
        """The angle of the one car that covers `mask` (B, H, W) in [0, 1], radians (B,).

        Against the ray on which it is seen, see :func:`seen_angles`. The mean of the unit vectors
        of its pixels.
        """
        vectors = F.normalize(self.headings(image), dim=1)
        return torch.atan2(*(vectors * mask[:, None]).sum((2, 3)).flip(1).unbind(1))


def seen_angles(yaw: Tensor, place: Tensor, camera: Tensor) -> Tensor:
    """How cars are turned against the rays on which they are seen, (B, N) radians.

    Parameters
    ----------
    yaw    : (B, N) radians about the world's y axis; at 0 a car faces +x, at pi/2 it faces -z.
    place  : (B, N, 2), x and z of their centres.
    camera : (B, 3, 4), [R | t].
    """
    return yaw + bearings(place, camera)


def bearings(place: Tensor, camera: Tensor) -> Tensor:
    """Directions (B, N) on the ground from the camera (B, 3, 4) to places (B, N, 2), radians.

    Measured from +x towards +z, against which yaws turn.
    """
    centre = -(camera[:, :, 3, None] * camera[:, :, :3]).sum(1)
    away = place - centre[:, None, ::2]
    return torch.atan2(away[..., 1], away[..., 0])


def apart(one: Tensor, other: Tensor) -> Tensor:
    """The angle between two directions, 0 to pi, of angles in radians of one shape."""
    return torch.atan2((one - other).sin(), (one - other).cos()).abs()


class WithHeadings(Dataset):
    """Pictures of `cars` with the angles of their cars: `image`, `label`, `instance`, `angle`.

    `angle` is (4,), the first of no car, then one for each instance.
    """

    def __init__(self, source: Cached, angle: Tensor):
        self.source, self.angle = source, angle

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        item = self.source[i]
        return {key: item[key] for key in ("image", "label", "instance")} | {
            "angle": self.angle[i]}


def angles_of(source: Dataset) -> Tensor:
    """The angles of all cars of a dataset `cars`, (N, 4); from its scenes, nothing is rendered."""
    truths = [source.truth(source.scene(i)) for i in range(len(source))]
    pose, camera = (torch.stack([torch.from_numpy(t[key]) for t in truths])
                    for key in ("pose", "camera"))
    seen = seen_angles(pose[..., 2], pose[..., :2], camera)
    return F.pad(seen, (1, 0))


def heading_loss(nets: Networks, batch: Batch, scratch: dict):
    """Cross-entropy of labels; and 1 - cos of the angle between true and told headings on cars.

    The second where headings are read.
    """
    judge, image = nets["judge"], softened(batch["image"])
    gain = 0.8 + 0.4 * torch.rand(len(image), 1, 1, 1, device=image.device)
    image = (image * gain).clamp(-1, 1)
    labels = F.cross_entropy(judge(image).float(), batch["label"])
    if not judge.config.headed:
        return labels, {"labels": labels}
    wanted = batch["angle"].gather(1, batch["instance"].flatten(1)).view_as(batch["instance"])
    told = F.normalize(judge.headings(image).float(), dim=1)
    agree = told[:, 0] * wanted.cos() + told[:, 1] * wanted.sin()
    car = (batch["instance"] > 0).float()
    turned = (car * (1 - agree)).sum() / car.sum().clamp(min=1)
    return labels + turned, {"labels": labels, "headings": turned}


def heading_rows(judge: HeadingJudge, items: list[dict[str, Tensor]]) -> dict[str, Estimate]:
    """How well headings are read from held-out items of `cars` that show one car each.

    `heading_error`: degrees, a mean over cars; `heading_flips`: share that is more than a right
    angle off; `heading_right`: share within 20 degrees.
    """
    image, label, pose, camera = (torch.stack([item[key] for item in items])
                                  for key in ("image", "label", "pose", "camera"))
    with torch.no_grad():
        told = torch.cat([judge.angles(part, (own >= PARTS).float())
                          for part, own in zip(image.split(64), label.split(64))])
    error = apart(told, seen_angles(pose[..., 2], pose[..., :2], camera)[:, 0])
    return {"heading_error": mean_estimate(error.rad2deg()),
            "heading_right": mean_estimate((error < torch.pi / 9).float()),
            "heading_flips": mean_estimate((error > FLIP).float())}


def label_rows(judge: HeadingJudge, items: list[dict[str, Tensor]]) -> dict[str, Estimate]:
    """`held_out_accuracy`, the share of pixels of items that are labelled right."""
    image, label = (torch.stack([item[key] for item in items]) for key in ("image", "label"))
    with torch.no_grad():
        told = torch.cat([judge(part).argmax(1) for part in image.split(64)])
    return {"held_out_accuracy": mean_estimate((told == label).float().mean((1, 2)))}


def heading_recipe(data: str, size: int, *, images: int, batch: int = 16,
                   count: int | None = None, **knobs) -> Recipe:
    """The recipe of the judge of a ray-cast dataset."""
    kind = dataset(data, size=size, **knobs)
    config = HeadingConfig(len(kind.class_names), dataset=data, size=size, knobs=knobs,
                           headed=kind.headed)

    def training() -> Dataset:
        source = dataset(data, "train", size=size, count=count, **knobs)
        kept = cached(source)
        return WithHeadings(kept, angles_of(source)) if config.headed else kept

    @cache
    def held() -> list[dict[str, Tensor]]:
        return list(map(dataset(data, "val", size=size, most=1, **knobs).__getitem__, range(128)))

    def probe(nets: Networks) -> dict[str, float]:
        device = next(nets["judge"].parameters()).device
        shown = [{key: value.to(device) for key, value in item.items()} for item in held()]
        rows = heading_rows if config.headed else label_rows
        return {name: row.value for name, row in rows(nets["judge"], shown).items()}

    return Recipe(
        config=config, data=training, build=lambda: {"judge": HeadingJudge(config)},
        players={"judge": Player(("judge",), heading_loss, 2e-3, (0.9, 0.99), 1e-5)},
        images=images, batch=batch, ema={"judge": 0.99}, decay_to=0.02, probe=probe, snapshots=8)
