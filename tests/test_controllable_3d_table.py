"""Models beside the true renderer: the measures hold on what obeys, and catch what does not."""

import copy
import json
import math
from dataclasses import replace

import pytest
import torch
from tiny_cars import model, scene, setting

from synthbook import evaluation, files, game, headings, models
from synthbook.baselines import layout2im
from synthbook.controllable_3d import cameras, judged, measure, poses, views
from synthbook.controllable_3d.boxed import Boxed
from synthbook.controllable_3d.network import build
from synthbook.controllable_3d.oracle import TrueRenderer
from synthbook.controllable_3d.scenes import Scene
from synthbook.datasets import dataset
from synthbook.datasets.raycast.scene import PARTS
from synthbook.headings import HeadingConfig, HeadingJudge
from synthbook.metrics import Extractor
from synthbook.training import Recipe, Run
from synthbook.yardsticks import Budget

CARS = dataset("cars", "test", size=32, count=4)
ROWS = {"oracle", "floor", "trivial", "broken"}


class Painted(HeadingJudge):
    """A judge that takes all that is not white for a car."""

    def __init__(self):
        super().__init__(HeadingConfig(width=4))

    def forward(self, image):
        car = (image < 0.9).any(1).float() * 20 - 10
        logits = torch.full((len(image), 6, *image.shape[-2:]), -30.0)
        logits[:, 0], logits[:, PARTS] = 0.0, car
        return logits


JUDGE = Painted()
ORACLE = TrueRenderer(CARS)


def truth(count=2, seed=0):
    """Scenes of the renderer in which all cars are there."""
    return ORACLE.sample(count, torch.Generator().manual_seed(seed),
                         torch.ones(count, 3, dtype=torch.bool))


# ------------------------------------------------------------------------------- the oracle


@pytest.mark.parametrize("data", [
    CARS, dataset("furniture", "test", size=32, background="white"),
    dataset("fruit", "test", size=32, background="white", jitter=0.0)], ids=lambda d: d.name)
def test_the_oracle_draws_the_dataset_s_own_pictures(data):
    for i in range(2):
        drawn, item = data.scene(i), data[i]
        look = torch.tensor([[[c.shape, c.paint, c.scale] for c in drawn.objects]])
        n = len(drawn.objects)
        asked = Scene(look, poses.of_cars(item["pose"][None, :n], item["extent"][None, :n]),
                      cameras.from_extrinsics(item["camera"][None]), torch.zeros(1, 4),
                      item["shown"][None, :n])
        made = TrueRenderer(data).render(asked).image[0]
        assert (made - item["image"]).abs().mean() < 2e-3
        assert torch.allclose(judged.commanded(asked.pose)[0].cos(),
                              item["pose"][:n, 2].cos(), atol=1e-5)


def test_an_edit_keeps_the_room_and_the_photograph():
    for name in ("furniture", "fruit"):
        oracle = TrueRenderer(dataset(name, "test", size=32))
        start = oracle.sample(2, torch.Generator().manual_seed(0))
        edit = start.without(0).moved(1, torch.tensor([0.2, 0.0, 0.0]))
        before, after = oracle.scene(start, 0), oracle.scene(edit, 0)
        assert before.backdrop == after.backdrop and before.objects != after.objects
        assert getattr(before, "photograph", 0) == getattr(after, "photograph", 0)
        shown = [oracle.render(one) for one in (start, edit)]
        assert torch.equal(shown[0].background, shown[1].background)
        assert not torch.equal(shown[0].image, shown[1].image)
        assert oracle.scene(start, 1).backdrop != before.backdrop
        if name == "fruit":
            assert oracle.scene(start, 1).photograph != before.photograph


def test_the_oracle_obeys_and_keeps_the_rest():
    start = truth(3)
    moves = measure.motion(ORACLE, start, measure.shifted(start)[:1], JUDGE)
    rows = measure.obedience(moves, 3)
    assert rows["slope"].value == pytest.approx(1, abs=0.15) and rows["r2"].value > 0.8
    crossed = measure.motion(judged.Crossed(ORACLE), start, measure.shifted(start)[:1], JUDGE)
    assert measure.obedience(crossed, 3)["slope"].value < 0
    assert judged.leakage(ORACLE, start, JUDGE).max() < 1e-3
    cleared = judged.removed(ORACLE, start, JUDGE)
    assert cleared[cleared.isfinite()].min() == 1


def test_the_nearer_car_is_seen_unless_depths_are_crossed():
    start = truth(4, seed=2)
    right = judged.order(ORACLE, start, JUDGE)
    assert right.shape == (4, 2) and right[right.isfinite()].mean() > 0.95

    class Behind:
        """The farther of the two is drawn over the nearer."""
        config = ORACLE.config

        def render(self, asked):
            both = ORACLE.render(asked)
            if asked.keep.sum(1).max() < 2:
                return both
            depth = cameras.Camera(*asked.camera)
            centre = (asked.pose.translation - depth.centre[:, None]).norm(dim=-1)
            far = torch.where(asked.keep, centre, -1).argmax(1)
            keep = torch.nn.functional.one_hot(far, 3).bool()
            top = ORACLE.render(asked._replace(keep=keep)).image
            car = (top < 0.9).any(1, keepdim=True)
            return both._replace(image=torch.where(car, top, both.image))

    wrong = judged.order(Behind(), start, JUDGE)
    assert wrong[wrong.isfinite()].mean() < 0.05


class Told(Painted):
    """A judge that is told the true angle of the scene that is drawn next."""

    def __init__(self, noise=0.0):
        super().__init__()
        self.noise = noise

    def angles(self, image, mask):
        yaw, place, camera = self.asked
        seen = headings.seen_angles(yaw, place, camera)
        return (seen + self.noise * torch.randn_like(seen)).flatten()


def test_headings_are_compared_before_and_after():
    start, judge = truth(2), Told()

    class Spied:
        config = ORACLE.config

        def __init__(self, answer):
            self.answer = answer

        def render(self, asked):
            shown = self.answer(asked)
            judge.asked = (judged.commanded(shown.pose) + 0.8, shown.pose.translation[..., ::2],
                           shown.camera.extrinsics)
            return ORACLE.render(shown)

    well = judged.turns(Spied(lambda s: s), start, judge)
    assert well["turn_error"].value < 0.1 and well["turn_flips"].value == 0
    deaf = Spied(lambda s: s._replace(pose=s.pose._replace(rotation=start.pose.rotation)))
    assert judged.turns(deaf, start, judge)["turn_error"].value == pytest.approx(90, abs=0.1)
    assert judged.slip(Spied(lambda s: s), start, judge).value < 0.1

    def swivel(s):
        return s._replace(pose=s.pose.turned(2 * s.pose.translation[..., 0]))

    assert judged.slip(Spied(swivel), start, judge).value > 5


def test_scenes_are_moved_turned_and_thinned_as_said():
    start = truth(40)
    moved = judged.redrawn(start, "moved", torch.Generator().manual_seed(0))
    change = (moved.pose.translation - start.pose.translation).abs() > 1e-6
    assert (change.sum(-1) == 1).all() and not change[..., 1].any()
    assert 0.3 < change[..., 0].float().mean() < 0.7
    turned = judged.redrawn(start, "turned", torch.Generator().manual_seed(0))
    assert torch.equal(turned.pose.translation, start.pose.translation)
    assert headings.apart(judged.commanded(turned.pose),
                          judged.commanded(start.pose)).mean() > 1
    kept = judged.one_kept(start, torch.Generator().manual_seed(0)).keep
    assert (kept.sum(1) == 1).all() and kept.float().mean(0).min() > 0.1


def test_medians_and_shares_leave_out_what_is_not_known():
    values = torch.tensor([1.0, math.nan, 3.0, 2.0, 50.0, 2.0])
    found = judged.median_estimate(values, torch.tensor([0, 0, 1, 2, 3, 4]))
    assert found.value == 2 and found.low <= 2 <= found.high and found.n == 5
    share = judged.share(torch.tensor([[1.0, math.nan], [0.0, 1.0]]))
    assert share.value == pytest.approx(0.75) and share.n == 2
    assert judged.share(torch.tensor([[math.nan]])).n == 0


# --------------------------------------------------------------------------------- two sides


def test_boxes_by_hand_and_how_tightly_they_hold():
    alpha = torch.zeros(1, 2, 1, 8, 8)
    alpha[0, 0, 0, 2:6, 1:7] = 1
    assert views.boxes(alpha)[0].tolist() == [[1, 2, 7, 6], [0, 0, 0, 0]]
    inner = torch.zeros_like(alpha)
    inner[0, 0, 0, 2:5, 1:5] = 0.9
    found = views.snug(alpha, inner)[0]
    assert found[0].item() == pytest.approx(12 / 24) and found[1].isnan()


@torch.no_grad()
def test_an_object_with_true_depth_agrees_with_itself_from_another_side():
    made = model(texture=1, size=32)

    class True3D(type(made)):
        def refine(self, rendered, look, keep=None):
            layers = super().refine(rendered, look, keep)
            return layers._replace(rgb=0 * layers.rgb, alpha=rendered.alpha, depth=rendered.depth)

    true = True3D(made.config).eval()
    true.load_state_dict(made.state_dict())
    start = scene(made, 3)
    psnr, found = views.across(true, start, 20.0)
    other = views.across(made, start, 20.0)
    assert psnr.shape == found.shape == (3, 3)
    assert psnr.nanmean() > 25 and found.nanmean() > other[1].nanmean()


# --------------------------------------------------------------- boxes in the place of handles

LAYOUT2IM = layout2im.Config(6, (32, 32), (2,), **layout2im.SIZES[32])


def boxed(seed=0):
    """An untrained Layout2Im under the handles, and scenes for it."""
    torch.manual_seed(seed)
    made = Boxed(layout2im.model(LAYOUT2IM).eval(), ORACLE)
    generator = torch.Generator().manual_seed(seed)
    return made, made.sample(3, generator, torch.ones(3, 3, dtype=torch.bool))


def test_boxes_are_told_where_the_renderer_shows_cars():
    made, start = boxed()
    rows = made.boxes(start)
    assert rows.shape == (3, 3, 5) and set(rows[..., 0].unique().tolist()) <= {-1, 2}
    alone = start.without(0).without(1)
    image = ORACLE.render(alone._replace(look=alone.look[..., :3])).image
    for row, car in zip(made.boxes(alone)[:, 2], (image < 0.99).any(1)):
        y, x = car.nonzero().unbind(1)
        told = torch.stack([x.min(), y.min(), x.max() + 1, y.max() + 1])
        assert (row[1:] - told).abs().max() <= 1  # pixels of which a car has less than half
    assert (made.boxes(alone)[:, :2, 0] == -1).all()
    moved = made.boxes(alone.moved(2, torch.tensor([0.3, 0.0, 0.0])))
    assert (moved[:, 2, 1:] != made.boxes(alone)[:, 2, 1:]).any(1).all()


@torch.no_grad()
def test_a_model_of_boxes_is_given_nothing_but_boxes_and_latents():
    made, start = boxed(1)
    image = made.render(start).image
    assert image.shape == (3, 3, 32, 32) and (made.render(start).background == 1).all()
    other = start._replace(look=torch.cat([start.look[..., :3], -start.look[..., 3:]], -1))
    assert not torch.equal(made.render(other).image, image)
    paints = start.look.clone()
    paints[..., 1] = (paints[..., 1] + 1) % 10  # no box tells the paint
    assert torch.equal(made.render(start._replace(look=paints)).image, image)


# ----------------------------------------------------------------------------- one evaluation


def fake_run(config, networks):
    made = Recipe(config, lambda: [], lambda: networks, {}, images=64, batch=8)
    return Run(made, networks, copy.deepcopy(networks), images=64, seconds=6.0, device="cpu")


def untrained(variant, data="cars"):
    """The setting and the networks of a variant that is not trained."""
    torch.manual_seed(0)
    if variant == "layout2im":
        return game.Setting(LAYOUT2IM, "cars", {"background": "white"}), {
            "generator": layout2im.Generator(LAYOUT2IM), "encoder": layout2im.Encoder(LAYOUT2IM)}
    background = {"furniture": "room", "fruit": "table"}.get(data, "white")
    chosen = setting(variant.removesuffix(f"-{background}"), background, data)
    chosen = replace(chosen, model=replace(chosen.model, size=32))
    return chosen, {"generator": build(chosen.model)}


@pytest.mark.parametrize("variant, data", [
    ("controllable-3d", "cars"), ("gan", "cars"), ("layout2im", "cars"),
    ("controllable-3d-room", "furniture"), ("controllable-3d-table", "fruit")])
def test_a_trained_model_is_evaluated_by_its_name(variant, data, tmp_path, monkeypatch):
    folder = tmp_path / "data" / "weights"
    (folder / "judges").mkdir(parents=True)
    (tmp_path / "data" / "art").mkdir()
    monkeypatch.setattr(files, "__file__", str(tmp_path / "synthbook" / "files.py"))
    monkeypatch.setitem(evaluation.BUDGETS, "smoke", Budget(20, 1))
    means = Extractor("means", 6, lambda x: torch.cat([x.mean((2, 3)), x.std((2, 3))], 1))
    monkeypatch.setattr(evaluation, "feature_spaces", lambda judge, size: {"judge": means})
    for known in (evaluation.judge_for, evaluation.shared_setup):
        known.cache_clear()
    name = models.parse(f"controllable-3d/{variant}@{data}-32-s0")
    of = models.MODELS[name.model].judge
    headed = data == "cars"
    judge = HeadingConfig(6 if headed else 7, width=4, dataset=data, headed=headed)
    for what, config, parts in (
            (models.parse(f"{of}@{data}-32-s0"), judge, {"judge": HeadingJudge(judge)}),
            (name, *untrained(variant, data))):
        models.write_weights(fake_run(config, parts), what, folder, "by hand", "smoke")
    result = evaluation.evaluate(str(name), scale="smoke")
    assert set(result["references"]) == ROWS
    assert {"kid_judge", "fd_judge"} <= set(result["metrics"])
    facing = {"turn_error", "turn_flips", "slip"}
    handles = {"order_right", "fd_judge_moved", "move_slope"} | (facing if headed else set())
    assert headed or not facing & {*result["metrics"], *result["references"]["oracle"]}
    assert headed or "behind_cars" in result["metrics"]
    assert (handles <= set(result["metrics"])) == (variant != "gan")
    assert ("view_psnr" in result["metrics"]) == variant.startswith("controllable-3d")
    assert handles <= set(result["references"]["oracle"])
    assert json.loads(json.dumps(result)) == result
    if variant != "gan":
        assert [row["metric"] for row in evaluation.control_card(result)] == [
            "move_slope", "leakage", "kid_judge"]
