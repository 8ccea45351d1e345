"""What the 3D controllable models of one table are measured by, beside the true renderer.

Sets of pictures are compared, as they are drawn and after random moves, turns and removals; then
each handle is held to what it says, by judges that see final pictures only (:mod:`.judged`). What
only a model with layers has is from :mod:`.measure` and :mod:`.views`.
"""

from functools import cached_property

import torch
from torch import Tensor, nn

from synthbook import metrics, yardsticks
from synthbook.baselines.layout2im import Layout2Im
from synthbook.controllable_3d import judged, measure
from synthbook.controllable_3d.boxed import Boxed
from synthbook.controllable_3d.judged import Crossed, share
from synthbook.controllable_3d.looks import fixed, further
from synthbook.controllable_3d.network import Controllable3D
from synthbook.controllable_3d.oracle import TrueRenderer
from synthbook.controllable_3d.scenes import Scene
from synthbook.controllable_3d.views import across, snug
from synthbook.datasets import dataset
from synthbook.streams import stream
from synthbook.yardsticks import SEED, Row, Rows

CARD = {
    "intended change": ("move_slope", "closest to the oracle"),
    "leakage": ("leakage", "smaller is better"),
    "realism": ("kid_judge", "smaller is better"),
}
EDITS = ("moved", "turned", "alone")  # sets of pictures beside those as drawn
AT_ONCE = 64  # scenes that are rendered together


def part(value, which: slice):
    """Some of the scenes of a `Scene`, or of a tuple of tensors in it."""
    return value[which] if isinstance(value, Tensor) else type(value)(
        *(part(one, which) for one in value))


def pictures(model: Controllable3D, scene: Scene) -> tuple[Tensor, Tensor]:
    """Pictures of any number of scenes, and their backgrounds, (B, 3, H, W) each."""
    found = [model.render(part(scene, slice(k, k + AT_ONCE)))[:2]
             for k in range(0, len(scene.look), AT_ONCE)]
    return tuple(torch.cat(images).clamp(-1, 1) for images in zip(*found))


def obeyed(model: Controllable3D, scene: Scene, judge: nn.Module, flat: bool) -> Row:
    """How the objects of scenes, in which all are there, follow their handles; by the judge.

    flat : whether primitives are boxes on the picture, which neither turn nor have a camera.

    Headings, `turn_...` and `slip`, are measured where the judge reads them.
    """
    count = len(scene.look)
    moves = measure.motion(model, scene, measure.shifted(scene), judge)
    away, wander = measure.offsets(model, scene, judge)
    row = {**{f"move_{key}": value for key, value in measure.obedience(moves, count).items()},
           **({"slip": judged.slip(model, scene, judge)} if judge.config.headed else {}),
           "offset": metrics.mean_estimate(away),
           "one_object": share(measure.single(model, scene, judge)),
           "order_right": share(judged.order(model, scene, judge)),
           "removed": share(judged.removed(model, scene, judge)),
           "leakage": share(judged.leakage(model, scene, judge))}
    if flat:
        return row
    around = measure.motion(model, scene, [scene.seen_from(further(scene, degrees))
                                           for degrees in measure.ORBITS], judge)
    return row | {f"orbit_{key}": value
                  for key, value in measure.obedience(around, count).items()} | {
        "wander": metrics.mean_estimate(wander),
        **(judged.turns(model, scene, judge) if judge.config.headed else {}),
        "colour_shift": share(judged.colour_shift(model, scene, judge))}


def layered(model: Controllable3D, scene: Scene) -> Row:
    """What a model's layers tell of the same scenes.

    `outside`: the most that anything but an object changes when it moves; `warp_...` and
    `view_...`: what is left after an object is turned, and how it looks from another side;
    `area` of the picture that a primitive covers, `object_area` that its object does, and how
    tightly the one holds the other, `snug`.
    """
    picture = model.render(scene)
    depth, colour = measure.consistency(model, scene)
    psnr, shared = across(model, scene)
    rendered, refined = picture.rendered.alpha, picture.layers.alpha
    return {"outside": metrics.mean_estimate(measure.leaks(model, scene)),
            "warp_depth": metrics.mean_estimate(depth),
            "warp_colour": metrics.mean_estimate(colour),
            "view_psnr": share(psnr), "view_share": share(shared),
            "area": share(rendered.mean((2, 3, 4))),
            "object_area": share(refined.mean((2, 3, 4))), "snug": share(snug(rendered, refined))}


class Setup(yardsticks.Setup):
    """What all rows and models of one table share; the judge may read headings, too."""

    @property
    def ground(self) -> bool:
        """Whether there is a background to learn."""
        return self.knobs.get("background", "white") != "white"

    def real_of(self, **numbers: int) -> Tensor:
        """Held-out pictures with so many objects (knobs `fewest`, `most`), (B, 3, H, W)."""
        data = dataset(self.dataset, "val", size=self.size, seed=SEED + 1,
                       count=self.budget.images, **{**self.knobs, **numbers})
        return torch.stack([data[i]["image"] for i in range(len(data))])

    @cached_property
    def known(self) -> dict[str, dict[str, Tensor]]:
        """Features of real pictures in each space: all, those of one object, of none."""
        sets = {"": self.real, "alone": self.real_of(fewest=1, most=1)}
        if self.ground:
            sets["behind"] = self.real_of(fewest=0, most=0)
        return {name: {key: space(images) for key, space in self.spaces.items()}
                for name, images in sets.items()}

    def likeness(self, images: Tensor, edit: str = "") -> Row:
        """KID and Frechet distance of pictures to real ones, in each space.

        edit : `moved` and `turned` are held against the same real pictures, `alone` against
               those of one object, `behind` against backgrounds; their names end so.
        """
        row, end = {}, edit and f"_{edit}"
        for key, space in self.spaces.items():
            sets = self.known[edit if edit in self.known else ""][key], space(images)
            row |= {f"kid_{key}{end}": metrics.kid(*sets, space),
                    f"fd_{key}{end}": metrics.fd(*sets, space)}
        if not edit:
            first = self.spaces["judge"]
            row["precision"], row["recall"] = metrics.precision_recall(
                self.known[""]["judge"], first(images), first)
        return row

    def edited(self, model: Controllable3D, scene: Scene, seed: int) -> Row:
        """The distances of the same scenes moved, turned, and with one primitive each."""
        row: Row = {}
        for edit in EDITS:
            generator = stream(edit, seed)
            new = (judged.one_kept(scene, generator) if edit == "alone"
                   else judged.redrawn(scene, edit, generator))
            row |= self.likeness(pictures(model, new)[0], edit)
        return row

    def behind(self, backgrounds: Tensor) -> Row:
        """Distances of backgrounds, and the share of them in which the judge sees an object."""
        seen = measure.blobs((judged.objects_in(self.judge, backgrounds) > 0.5).float())
        return self.likeness(backgrounds, "behind") | {
            "behind_cars": metrics.mean_estimate((seen > 0).float(), "judge")}

    def all_of(self, model: Controllable3D, seed: int, flat: bool = False,
               broken: bool = False) -> tuple[Row, Tensor]:
        """Every row of a model, or of the renderer; and its pictures.

        broken : only what a model with crossed handles can be caught by.
        """
        source = model.model if broken else model
        scene = source.sample(self.budget.images, fixed(seed))
        images, backgrounds = pictures(model, scene)
        row = {} if broken else self.likeness(images) | self.edited(model, scene, seed)
        if not broken:
            row["count_right"] = share(judged.counted(model, scene, self.judge))
            if self.ground:
                row |= self.behind(backgrounds)
        everything = torch.ones(2 * self.budget.layouts, source.config.primitives,
                                dtype=torch.bool)
        scene = source.sample(len(everything), fixed(seed + 1), everything)
        return row | obeyed(model, scene, self.judge, flat), images

    # --------------------------------------------------------------------- reference rows

    @cached_property
    def oracle(self) -> Row:
        """The data's own renderer, told the same."""
        return self.all_of(TrueRenderer(self.data("test", 1)), 0)[0]

    @cached_property
    def references(self) -> Rows:
        """Rows that are the same for every model: the renderer, real pictures, their mean."""
        mean = self.images("train").mean(0, keepdim=True).expand(self.budget.images, -1, -1, -1)
        return {"oracle": self.oracle, "floor": self.likeness(self.images("test")),
                "trivial": self.likeness(mean)}

    def broken(self, model: Controllable3D | None, images: Tensor, seed: int, flat: bool) -> Row:
        """A model that every metric must catch: a few noisy pictures, and handles crossed."""
        few = images[:8].repeat(-(-len(images) // 8), 1, 1, 1)[:len(images)]
        grain = torch.randn(few.shape, generator=stream("grain", seed))
        spoilt = self.likeness((few + 0.4 * grain).clamp(-1, 1))
        return spoilt | (self.all_of(Crossed(model), seed, flat, broken=True)[0] if model else {})

    @torch.no_grad()
    def evaluate(self, model: nn.Module, seed: int) -> tuple[Row, Rows]:
        """Every metric of a model, and the reference rows.

        A GAN without primitives has no handles: it is measured by its pictures alone. Layout2Im
        is given boxes for handles, and has no layers.
        """
        if isinstance(model, Layout2Im):
            model = Boxed(model, TrueRenderer(self.data("test", 1)))
        if isinstance(model, (Controllable3D, Boxed)):
            flat = model.config.poses == "picture"
            rows, images = self.all_of(model, seed, flat)
            if isinstance(model, Controllable3D):
                everything = torch.ones(2 * self.budget.layouts, model.config.primitives,
                                        dtype=torch.bool)
                rows |= layered(model, model.sample(len(everything), fixed(seed + 1), everything))
            broken = self.broken(model, images, seed, flat)
        else:
            images = self.sampled(model, seed)
            rows, broken = self.likeness(images), self.broken(None, images, seed, False)
        return rows, self.references | {"broken": broken}

    def sampled(self, model: nn.Module, seed: int) -> Tensor:
        """As many pictures of a GAN without primitives as the budget says, (B, 3, H, W)."""
        draws = model.draw(self.budget.images, fixed(seed))
        return torch.cat([model(part(draws, slice(k, k + AT_ONCE))).image
                          for k in range(0, self.budget.images, AT_ONCE)])
