"""What Semantic Pyramid is measured by: quantities by hand, painters, and that all catch a fake."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_pyramid import KNOWN, TINY, pictures
from torch import nn

from synthbook.baselines import decoders
from synthbook.datasets.places import MOODS
from synthbook.files import BookError
from synthbook.metrics import Extractor
from synthbook.semantic_pyramid import (
    LEVELS,
    ResidualClassifier,
    SemanticPyramid,
    measure,
    painters,
    quantities,
)
from synthbook.semantic_pyramid.classifier import untrained
from synthbook.semantic_pyramid.editing import compose, relabel, repaint
from synthbook.yardsticks import Budget

SIXTY = replace(KNOWN, categories=60)
CONFIG = replace(TINY, shapes=SIXTY.shapes, categories=60)
MEANS = Extractor("means", 6, lambda x: 5 * torch.cat([x.mean((2, 3)), x.std((2, 3))], 1))
LEVEL = {"ssim", "psnr", "lpips", "diversity", "right", "right_judge", "kid_judge", "fd_judge",
         "c2st", "pair_c2st", "error", *(f"error_at_{name}" for name in LEVELS)}
BETTER = {"diversity": 1, "kid_judge": -1, "fd_judge": -1, "c2st": -1, "pair_c2st": -1}
EDITS = {"repaint_inside": 1, "repaint_outside": -1, "repaint_psnr_outside": 1, "masked_change": -1,
         "repaint_kid_judge": -1, "compose_psnr_outside": 1, "compose_kid_judge": -1,
         "grey_kid_judge": -1, "drawing_kid_judge": -1}


def asked_of(which):
    """The names of all metrics of a level."""
    return {key.replace("error", f"error_{which}") if key.startswith("error")
            else f"{key}_{which}" for key in LEVEL}


@pytest.fixture(scope="module")
def setup(tmp_path_factory):
    """A small table with classifiers that learnt nothing, and features that cost nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNTHBOOK_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(measure, "POOL", 500)
        torch.manual_seed(0)
        judge = ResidualClassifier(replace(SIXTY, widths=(8,) * 5)).eval()
        made = measure.Setup(judge, {"judge": MEANS}, "places", 32, {"styles": "natural"},
                             Budget(24, 2, 2, 24))
        made.__dict__["classifier"] = untrained(SIXTY, pictures(16, seed=9))
        assert made.kin and len(made.train) == 24
        yield made


@pytest.fixture(scope="module")
def model(setup):
    torch.manual_seed(1)
    made = SemanticPyramid(CONFIG, setup.classifier)
    with torch.no_grad():
        made.generator.start.weight.mul_(3)  # latents and categories matter already
        for block in made.generator.blocks:
            block.norm_0.scale.weight.normal_(0, 0.3)
    return made.eval().requires_grad_(False)


# ------------------------------------------------------------------------------ quantities


def test_feature_errors_worked_out_by_hand():
    real, fake = torch.tensor([[0.0], [2.0]]), torch.tensor([[2.0], [4.0]])
    assert quantities.feature_gaps([real], [fake])[0].tolist() == pytest.approx([math.sqrt(2)] * 2)
    assert quantities.feature_gaps([real], [real])[0].tolist() == [0, 0]
    strangers = torch.randn(2, 400, 5, 4, 4, generator=torch.Generator().manual_seed(0))
    (gap,) = quantities.feature_gaps(strangers[:1], strangers[1:])
    assert gap.shape == (400,) and gap.mean().item() == pytest.approx(2 / math.sqrt(math.pi), 0.01)
    (large,) = quantities.feature_gaps(100 * strangers[:1], 100 * strangers[1:])
    assert torch.allclose(gap, large)


def test_rank_correlation_of_one_picture():
    rising = torch.arange(7.0)
    swapped = rising[[1, 0, 2, 3, 4, 5, 6]]
    values = torch.stack([rising, -rising, torch.ones(7), swapped], 1)
    found = quantities.rank_correlation(values)
    assert found.tolist() == pytest.approx([1, -1, 0, 1 - 6 * 2 / (7 * 48)])
    tied = torch.tensor([0.0, 0, 1])[:, None]
    assert quantities.rank_correlation(tied).item() == pytest.approx(math.sqrt(3) / 2)


def square(count=1):
    region = torch.zeros(count, 1, 8, 8)
    region[:, :, 2:6, 2:6] = 1
    return region


def test_inside_and_outside_are_told_apart():
    draws = torch.zeros(1, 2, 3, 8, 8)
    draws[0, 1] = 0.5 * square()[0] + 0.125 * (1 - square()[0])
    inside, outside = quantities.spread(draws, square())
    assert inside.item() == pytest.approx(0.125) and outside.item() == pytest.approx(0.125 / 4)
    reference = torch.zeros(2, 3, 8, 8)
    image = reference + 0.2 * (1 - square(2)) + square(2)
    psnr = quantities.psnr_outside(image, reference, square(2))
    assert psnr.tolist() == pytest.approx([20.0, 20.0], abs=1e-4)
    assert quantities.psnr_outside(reference + square(2), reference, square(2)).tolist() == [60, 60]


def test_a_seam_is_a_step_that_was_not_there():
    flat = torch.zeros(1, 3, 8, 8)
    assert quantities.seam(flat, flat, square()).item() == 0
    assert quantities.seam(flat + square(), flat, square()).item() == pytest.approx(0.5)
    assert quantities.seam(flat, flat + square(), square()).item() == pytest.approx(-0.5)
    ramp = torch.linspace(-1, 1, 8).expand(1, 3, 8, 8)
    assert quantities.step_at_border(ramp, square()).item() == pytest.approx(1 / 7 / 2)


def test_colours_and_drawings():
    image = torch.full((1, 3, 8, 8), -1.0)
    image[:, 0, :, 4:] = 1  # red beside black
    plain = quantities.grey(image)
    assert quantities.chroma(plain).item() == pytest.approx(0, abs=1e-6)
    assert quantities.chroma(image).item() == pytest.approx(0.5 * (4 / 9))
    assert plain[0, 1, 0, 7].item() == pytest.approx(2 * 0.299 - 1, abs=1e-6)
    lines = quantities.drawing(image)
    assert lines[0, :, :, 3:5].max() < lines[0, :, :, 1].min() == 1
    assert torch.equal(quantities.drawing(torch.zeros(1, 3, 8, 8)), torch.ones(1, 3, 8, 8))


class Eye(nn.Module):
    """A judge that sees mean colours in four by four places, and names category 0 for dark."""

    def maps(self, image):
        return nn.functional.adaptive_avg_pool2d(image, 4)

    def forward(self, image):
        bright = image.mean((1, 2, 3))
        return torch.stack([-bright, bright], 1)


def test_a_region_is_nearer_to_whose_it_is():
    one, other = pictures(3, 1), pictures(3, 2)
    region = painters.middle(one)
    pasted = one * region + other * (1 - region)
    assert region.sum((1, 2, 3)).tolist() == [256] * 3
    for image, share in ((pasted, 1), (other, 0), (one, 1)):
        assert quantities.nearer(image, one, other, region, Eye()).mean() == share


def test_names_are_counted(setup):
    made = measure.Setup(Eye(), {}, "places", 32, {}, Budget(4, 1))
    made.__dict__["classifier"] = Eye()
    images = torch.stack([torch.full((3, 32, 32), v) for v in (-1.0, -0.5, 0.5, 1.0)])
    found = made.named(images, torch.tensor([0, 1, 1, 1, 5]), "right")
    assert found["right"].value == found["right_judge"].value == 0.75


# ---------------------------------------------------------------------------------- painters


def test_kin_are_other_pictures_of_the_same_category(setup):
    task, kin = setup.asked, setup.kin
    one, other = (kin(task, "fc8", d) for d in (0, 1))
    assert torch.equal(task.images[5], setup.test[5]["image"])
    assert not (one == task.images).flatten(1).all(1).any() and not torch.equal(one, other)
    members = kin.members[int(task.category[3])]
    assert all(kin.pool[i]["category"] == task.category[3] for i in members)
    alone = painters.Kin(setup.test, kin.pool, 1)
    with pytest.raises(BookError, match="no other picture of category .* draw more"):
        alone(task, "fc8", 0)


def test_another_mood_is_compatible_and_the_renderer_keeps_the_layout(setup):
    task = setup.asked
    new = painters.another_mood(task.category)
    assert torch.equal(new // len(MOODS), task.category // len(MOODS))
    assert (new != task.category).all() and len((new - task.category).unique()) > 4
    n = 3
    changed = painters.restyled(setup.test, task.scenes[n], np.random.default_rng(0),
                                int(new[n]) % len(MOODS))
    assert setup.test.category(changed) == new[n]
    before, after = (setup.test.render(scene) for scene in (task.scenes[n], changed))
    assert (before.label == after.label).mean() > 0.97
    assert (before.image != after.image).mean() > 0.2


def test_retrieval_finds_the_picture_itself_and_then_another(setup):
    found = painters.Retrieved(setup.classifier, setup.train, ("conv5", "fc7"))
    images = torch.stack([setup.train[i]["image"] for i in range(4)])
    task = painters.Task(images, torch.zeros(4, dtype=torch.long), [None] * 4)
    for which in found.levels:
        assert torch.equal(found(task, which, 0), images)
        second = found(task, which, 1)
        assert not (second == images).flatten(1).all(1).any()


def test_a_models_answers_follow_level_seed_and_draw(setup, model):
    few = setup.asked.first(3)
    paint = painters.Model(model, 0)
    one = paint(few, "conv5", 0)
    assert torch.equal(one, painters.Model(model, 0)(few, "conv5", 0))
    for other in (paint(few, "conv5", 1), painters.Model(model, 1)(few, "conv5", 0),
                  paint(few, "conv4", 0), paint.relabelled(few, "conv5", 59 - few.category)):
        assert not torch.allclose(one, other, atol=1e-4)
    alone = painters.Model(SemanticPyramid(CONFIG, setup.classifier, ["conv5"]))
    assert alone.levels == ("conv5",) and not alone.edits
    with pytest.raises(BookError, match="this model knows conv5, not fc8"):
        alone(few, "fc8", 0)


def test_edits_are_choices_of_features_masks_and_category(setup, model):
    x, other = setup.asked.images[:3], setup.asked.images[3:6]
    y, z, region = setup.asked.category[:3], model.latents(3), painters.middle(x)
    painted = repaint(model, z, x, region, "conv5", y)
    blank = torch.where(region > 0, 0.0, x)
    assert painted.shape == x.shape and not torch.allclose(painted, blank)
    assert torch.equal(compose(model, z, x, x, region, "conv5", y), painted)
    assert not torch.allclose(compose(model, z, x, other, region, "conv4", y),
                              compose(model, z, x, x, region, "conv4", y), atol=1e-4)
    assert torch.equal(relabel(model, z, x, y, "fc7"),
                       model(z, model.features(x), model.masks(3, "fc7"), y))
    with pytest.raises(BookError, match="nothing is repainted at fc7"):
        compose(model, z, x, other, region, "fc7", y)


def test_what_masks_keep_out_is_not_heard(setup, model, monkeypatch):
    few, paint = setup.asked.first(3), painters.Model(model)
    assert paint.reached_by_masked(few) == 0
    leaky = [m.clone() for m in model.masks(3, "conv5")]
    leaky[5] += 1
    monkeypatch.setattr(type(model), "masks", lambda self, count, *levels: leaky)
    assert paint.reached_by_masked(few) > 0


# ------------------------------------------------------------------------------ whole tables


@pytest.fixture(scope="module")
def result(setup, model):
    return setup.evaluate(model, 0)


def test_a_model_has_what_can_be_measured_of_it(result):
    rows, references = result
    assert set().union(*map(asked_of, LEVELS)) <= set(rows)
    assert {"order_ssim", "order_lpips", "order_diversity"} <= set(rows)
    assert "kid_judge_fc8_minus_conv1" in rows
    assert set(EDITS) <= set(rows) and "renamed_judge_conv5" in rows and "kept_fc8" in rows
    assert rows["masked_change"].value == 0
    assert all(len(rows[key].blocks) > 1 for key in (  # what rivals are compared by
        *(f"kid_judge_{name}" for name in LEVELS), "repaint_kid_judge"))
    assert set(references) == {"oracle", "renderer", "floor", "trivial", "retrieval", "untrained",
                               "broken"}
    for metric, _ in measure.CARD.values():
        assert metric in rows and metric in references["oracle"]
    assert asked_of("conv5") <= set(references["retrieval"]) and (
        "ssim_conv1" not in references["retrieval"])
    assert rows["error_conv3"] == rows["error_conv3_at_conv3"]


def test_every_metric_catches_the_broken_model(result):
    oracle, broken = result[1]["oracle"], result[1]["broken"]
    better = EDITS | {f"{key}_conv5": sign for key, sign in BETTER.items()}
    for key, sign in better.items():
        good, bad = oracle[key].value, broken[key].value
        assert sign * good > sign * bad, key
    assert broken["repaint_outside"].value > broken["repaint_inside"].value == 0
    assert oracle["repaint_outside"].value == broken["diversity_fc8"].value == 0


def test_a_perfect_answer_is_told_from_strangers(setup, result):
    rows = setup.reference(painters.Same(setup.asked.images))
    floor = result[1]["floor"]
    assert rows["ssim_conv5"].value == pytest.approx(1) and rows["lpips_conv5"].value == 0
    assert all(rows[f"error_conv1_at_{name}"].value == 0 for name in LEVELS)
    assert floor["ssim_conv1"].value < 0.7 and floor["lpips_conv1"].value > 0.05
    assert floor["error_fc8"].value > 0.5
    assert result[1]["trivial"]["diversity_conv1"].value == 0
    assert result[1]["trivial"]["kid_judge_fc8"].value > 10 * abs(floor["kid_judge_fc8"].value)


def test_the_renderers_other_mood_keeps_more_than_a_stranger(result):
    oracle, floor = result[1]["oracle"], result[1]["floor"]
    assert oracle["structure_conv5"].value < floor["error_conv5_at_conv4"].value
    assert oracle["grey_chroma"].value > 0.02


def test_decoders_and_specialists_are_measured_by_the_same_lines(setup, model):
    torch.manual_seed(0)
    inverter = decoders.Inverter(decoders.Config(SIXTY.shapes, 32, ("conv5", "fc8"), (8, 8, 8)),
                                 setup.classifier).eval()
    rows, references = setup.evaluate(inverter, 0)
    wanted = asked_of("conv5") | asked_of("fc8")
    assert set(rows) == wanted and rows["diversity_fc8"].value == 0
    assert set(references["broken"]) == asked_of("conv5") | asked_of("fc8")
