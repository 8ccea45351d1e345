"""What judges see of objects that are moved, turned, hidden and taken away; final pictures only.

A judge labels pixels and says which way cars face; it never sees a layer of the model. So the
data's own renderer can be held to the same measures: it is the oracle (:mod:`.oracle`). Of other
objects no heading is read.

Axes: B scenes, N primitives of a scene, H W pixels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from synthbook.controllable_3d.looks import projections
from synthbook.controllable_3d.measure import (
    LEAST,
    SHIFTS,
    TURNS,
    blobs,
    inside,
    only,
    shifted,
)
from synthbook.controllable_3d.network import Controllable3D
from synthbook.controllable_3d.poses import Pose, yaw
from synthbook.controllable_3d.scenes import Scene
from synthbook.datasets.raycast.scene import PARTS
from synthbook.headings import HeadingJudge, apart, bearings
from synthbook.metrics.estimate import Estimate, mean_estimate
from synthbook.streams import stream

AWAY = 0.5  # scene units by which one object is put before or behind another
DIFFER = 0.1  # on the scale [0, 1]: pixels of two objects that are less apart cannot be told
REACH = 0.6  # scene units from the origin within which handles are drawn anew


def objects_in(judge: HeadingJudge, image: Tensor) -> Tensor:
    """How sure the judge is of an object at every pixel of pictures (B, 3, H, W): (B, H, W)."""
    return torch.cat([judge(part).softmax(1)[:, PARTS:].sum(1) for part in image.split(64)])


def alone(model: Controllable3D, scene: Scene) -> Tensor:
    """The picture of every primitive by itself, (B, N, 3, H, W)."""
    return torch.stack([model.render(only(scene, k)).image
                        for k in range(scene.look.shape[1])], 1)


def commanded(pose: Pose) -> Tensor:
    """The yaws (B, N) of upright poses, radians about the world's y axis."""
    return torch.atan2(pose.rotation[..., 0, 2], pose.rotation[..., 0, 0])


def read_yaws(model: Controllable3D, scene: Scene, judge: HeadingJudge) -> Tensor:
    """The yaw that the judge reads from each object's own picture, (B, N) radians.

    nan where the primitive is not well inside the picture, or no object is seen.
    """
    size, images = model.config.size, alone(model, scene).flatten(0, 1)
    mask = objects_in(judge, images)
    told = torch.cat([judge.angles(*part) for part in zip(images.split(64), mask.split(64))])
    seen = (mask > 0.5).float().mean((1, 2)) >= LEAST
    places = scene.pose.translation[..., ::2]
    found = told.view(places.shape[:2]) - bearings(places, scene.camera.extrinsics)
    well = inside(projections(scene, size), size) & seen.view_as(found)
    return torch.where(well, found, torch.nan)


def told_and_read(model: Controllable3D, scene: Scene, judge: HeadingJudge
                  ) -> tuple[Tensor, Tensor]:
    """Headings of the objects in which the judge sees one, told and read, (M,) radians each.

    Against the rays on which they are seen, as a picture shows them.
    """
    found = read_yaws(model, scene, judge)
    bearing = bearings(scene.pose.translation[..., ::2], scene.camera.extrinsics)
    known = found.isfinite()
    return (commanded(scene.pose) + bearing)[known], (found + bearing)[known]


def median_estimate(values: Tensor, units: Tensor, seed: int = 0) -> Estimate:
    """Median of values (M,), bootstrapped over units (M,), the scenes that they are of."""
    known = values.isfinite()
    values, units = values[known].double().cpu(), units[known].cpu()
    if not len(values):
        return Estimate(*[float("nan")] * 3, 0, "judge")
    names, which = units.unique(return_inverse=True)
    parts = [values[which == k] for k in range(len(names))]
    generator = stream("median", seed)
    drawn = [torch.cat([parts[k] for k in torch.randint(len(parts), (len(parts),),
                                                        generator=generator)]).median()
             for _ in range(300)]
    low, high = torch.stack(drawn).quantile(torch.tensor([0.025, 0.975]).double()).tolist()
    middle = float(values.median())
    return Estimate(middle, min(low, middle), max(high, middle), len(names), "judge")


def share(values: Tensor) -> Estimate:
    """Mean of what is known among values of any shape, with scenes along the first axis."""
    known = values.isfinite()
    units = torch.arange(len(values))[(...,) + (None,) * (values.dim() - 1)].expand(values.shape)
    if not known.any():
        return Estimate(*[float("nan")] * 3, 0, "judge")
    return mean_estimate(values[known], "judge", units=units[known.cpu()])


def turns(model: Controllable3D, scene: Scene, judge: HeadingJudge) -> dict[str, Estimate]:
    """T2: objects are told to turn; what is read after, less what is read before, is compared.

    So any fixed angle between a primitive's front and its object's falls out. `turn_error`: median
    degrees; `turn_flips`: share that is more than a right angle off.
    """
    before, errors = read_yaws(model, scene, judge), []
    for angle in TURNS:
        turn = torch.full_like(before, angle)
        after = read_yaws(model, scene._replace(pose=scene.pose.turned(turn)), judge)
        errors.append(apart(after - before, turn))
    error = torch.stack(errors, 1)
    units = torch.arange(len(error))[:, None, None].expand(error.shape)
    flips = torch.where(error.isnan(), torch.nan, (error > torch.pi / 2).float())
    return {"turn_error": median_estimate(error.rad2deg().flatten(), units.flatten()),
            "turn_flips": share(flips)}


def slip(model: Controllable3D, scene: Scene, judge: HeadingJudge) -> Estimate:
    """Median degrees by which an object seems to turn in the world while it is only moved."""
    before = read_yaws(model, scene, judge)
    error = torch.stack([apart(read_yaws(model, edit, judge), before)
                         for edit in shifted(scene)], 1)
    units = torch.arange(len(error))[:, None, None].expand(error.shape)
    return median_estimate(error.rad2deg().flatten(), units.flatten())


def ahead(scene: Scene, by: float) -> Scene:
    """The first two primitives alone, the second so far behind the first, seen by the camera.

    Both are turned so that the camera sees their sides: else long ones would stand in one another.
    """
    centre, place = scene.camera.centre, scene.pose.translation
    away = (place[:, 0] - centre) * place.new_tensor([1.0, 0.0, 1.0])
    put = place[:, 0] + by * away / away.norm(dim=1, keepdim=True)
    put = torch.stack([put[:, 0], place[:, 1, 1], put[:, 2]], 1)
    moved = torch.cat([place[:, :1], put[:, None], place[:, 2:]], 1)
    sideways = yaw(torch.pi / 2 - bearings(moved[:, :1, ::2], scene.camera.extrinsics))
    rotation = torch.cat([sideways.expand(-1, 2, -1, -1), scene.pose.rotation[:, 2:]], 1)
    keep = torch.zeros_like(scene.keep)
    keep[:, :2] = True
    pose = scene.pose._replace(rotation=rotation, translation=moved)
    return scene._replace(pose=pose, keep=keep)


def order(model: Controllable3D, scene: Scene, judge: HeadingJudge) -> Tensor:
    """T4: where two objects overlap, the share of pixels that show the nearer one, (B, 2).

    Once the second is behind the first, once before it. A pixel shows the object to whose own
    picture it is closer; nan where they do not overlap or look alike. The outermost pixels of the
    nearer one do not count: they mix it with what is behind.
    """
    found = []
    for by in (AWAY, -AWAY):
        placed = ahead(scene, by)
        both = model.render(placed).image
        single = [model.render(only(placed, k)).image for k in (0, 1)]
        near, far = single if by > 0 else single[::-1]
        differ = (near - far).abs().mean(1) / 2 > DIFFER
        edge = F.max_pool2d((objects_in(judge, near) <= 0.5).float()[:, None], 3, 1, 1)[:, 0]
        where = differ & (edge == 0) & (objects_in(judge, far) > 0.5)
        right = ((both - near).abs().mean(1) < (both - far).abs().mean(1)) & where
        found.append(right.sum((1, 2)) / where.sum((1, 2)))  # 0 / 0 is nan
    return torch.stack(found, 1)


def counted(model: Controllable3D, scene: Scene, judge: HeadingJudge) -> Tensor:
    """T7: whether the judge sees as many separate objects as are kept, (B,) in {0, 1}."""
    seen = blobs((objects_in(judge, model.render(scene).image) > 0.5).float())
    return (seen == scene.keep.sum(1)).float()


def removed(model: Controllable3D, scene: Scene, judge: HeadingJudge) -> Tensor:
    """Share of an object's own pixels that show no object once it is taken away, (B, N)."""
    masks = objects_in(judge, alone(model, scene).flatten(0, 1)).view(
        *scene.look.shape[:2], model.config.size, model.config.size) > 0.5
    found = []
    for k in range(masks.shape[1]):
        others = masks[:, [j for j in range(masks.shape[1]) if j != k]].any(1)
        own = masks[:, k] & ~others
        left = (objects_in(judge, model.render(scene.without(k)).image) > 0.5) & own
        found.append(1 - left.sum((1, 2)) / own.sum((1, 2)))
    return torch.stack(found, 1)


def leakage(model: Controllable3D, scene: Scene, judge: HeadingJudge) -> Tensor:
    """Change in [0, 1] of a pixel away from an object that moves, (B, N).

    Away from where the judge sees it alone, before and after, and the two pixels around.
    """
    before, own = model.render(scene).image, objects_in(judge, alone(model, scene).flatten(0, 1))
    own, found = own.view(*scene.look.shape[:2], *own.shape[1:]), []
    shift = torch.tensor([SHIFTS[0], 0.0, 0.0]).to(scene.pose.translation)
    for k in range(scene.look.shape[1]):
        edit = scene.moved(k, shift)
        after = objects_in(judge, model.render(only(edit, k)).image)
        near = F.max_pool2d(torch.maximum(own[:, k], after)[:, None], 5, 1, 2)
        rest = (near[:, 0] < 0.5).float()
        change = (model.render(edit).image - before).abs().mean(1) / 2
        found.append((rest * change).sum((1, 2)) / rest.sum((1, 2)).clamp(min=1))
    return torch.stack(found, 1)


def colour_shift(model: Controllable3D, scene: Scene, judge: HeadingJudge) -> Tensor:
    """How far an object's mean colour goes while it turns, (B, N), over strangers' distance."""
    def mean(one: Scene) -> Tensor:
        images = alone(model, one)
        mask = objects_in(judge, images.flatten(0, 1))
        mask = mask.view(*images.shape[:2], 1, *images.shape[-2:])
        return (images * mask).sum((3, 4)) / mask.sum((3, 4)).clamp(min=1e-3)

    start = mean(scene)
    moved = torch.stack([(mean(scene._replace(pose=scene.pose.turned(
        torch.full_like(start[..., 0], angle)))) - start).norm(dim=-1) for angle in TURNS]).mean(0)
    strangers = (start - start.roll(1, 0)).norm(dim=-1).mean()
    return moved / strangers.clamp(min=1e-6)


def redrawn(scene: Scene, how: str, generator: torch.Generator) -> Scene:
    """Scenes with new handles: `moved` along x or z to U(-0.6, 0.6), `turned` by U(0, 2 pi).

    Every primitive, each by its own draw; objects may come to stand in one another.
    """
    shape = scene.look.shape[:2]
    first, second = torch.rand(2, *shape, generator=generator).to(scene.pose.translation)
    if how == "turned":
        return scene._replace(pose=scene.pose.turned(2 * torch.pi * first))
    place, to = scene.pose.translation, REACH * (2 * first - 1)
    x, y, z = place.unbind(-1)
    along = second < 0.5
    place = torch.stack([torch.where(along, to, x), y, torch.where(along, z, to)], -1)
    return scene._replace(pose=scene.pose._replace(translation=place))


def one_kept(scene: Scene, generator: torch.Generator) -> Scene:
    """Scenes of which one primitive, drawn at random, is kept."""
    count, n = scene.keep.shape
    which = torch.randint(n, (count,), generator=generator).to(scene.keep.device)
    return scene._replace(keep=F.one_hot(which, n).bool())


class Crossed:
    """A model that every measure of its handles must catch: it takes each for its opposite.

    Left for right and near for far, turns the other way round.
    """

    def __init__(self, model: Controllable3D):
        self.model, self.config = model, model.config

    def render(self, scene: Scene):
        """The picture of the scene with its poses crossed."""
        pose = scene.pose
        crossed = pose._replace(rotation=pose.rotation.transpose(-1, -2),
                                translation=pose.translation * pose.translation.new_tensor(
                                    [-1.0, 1.0, -1.0]))
        return self.model.render(scene._replace(pose=crossed))

