"""What BachGAN is measured by: tasks, memory, painters, an added box, and that all catch a fake."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from synthbook import models
from synthbook.bachgan import BachGAN, Config, measure
from synthbook.bachgan.layout import layout_of
from synthbook.bachgan.measure import Addition, Task, followed
from synthbook.bachgan.memory import Remembering
from synthbook.baselines import layout2im
from synthbook.datasets.things import things
from synthbook.metrics import Extractor
from synthbook.yardsticks import Budget

KNOBS = {"background": 1.0, "classes": 16, "styles": "plain"}
MEANS = Extractor("means", 6, lambda x: 5 * torch.cat([x.mean((2, 3)), x.std((2, 3))], 1))
BETTER = {  # which way is better; what must be as the oracle has it is better high
    "miou": 1, "pixel_accuracy": 1, "accuracy_things": 1, "accuracy_background": 1,
    "kid_judge": -1, "fd_judge": -1, "precision": 1, "recall": 1, "layout_similarity": 1,
    "added_iou": 1, "added_inside": 1, "added_lpips_inside": 1, "added_outside": -1,
    "added_lpips_outside": -1}


@pytest.fixture(scope="module")
def setup(tmp_path_factory):
    """A small table with the book's judge, and features that cost nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNTHBOOK_CACHE", str(tmp_path_factory.mktemp("cache")))
        made = measure.Setup(models.load("judges/segmenter@places-32-s0"), {"judge": MEANS},
                             "places", 32, KNOBS, Budget(40, 2, 2, 48))
        assert made.asked and made.addition
        yield made


def network(setup, **changed):
    """An untrained BachGAN of a few channels."""
    torch.manual_seed(0)
    config = Config(16, (32, 32), channels=(12, 12, 8), hidden=(6, 6),
                    things=things(setup.test), **changed)
    return BachGAN(config).eval()


def painter(setup, **changed):
    return measure.Model(network(setup, **changed), setup.memory)


# ------------------------------------------------------------------------ tasks and memory


def test_tasks_hold_the_scenes_that_were_asked_for(setup):
    task = setup.asked
    assert torch.equal(task.labels, setup.labels)
    assert torch.equal(task.images[3], setup.test[3]["image"])
    assert np.array_equal(task.boxes[3], setup.test.boxes(setup.scenes[3]))
    assert len(setup.memory.bank) == 48 and setup.memory.bank.source.seed == 0


@pytest.mark.parametrize("first", [None, 20])
@pytest.mark.parametrize(("source", "m"), [("top", 3), ("kin", 2), ("random", 3), ("truth", 1),
                                           ("top", 0)])
def test_memory_gives_what_training_would(setup, source, m, first):
    trained = Remembering(setup.memory.queries, setup.memory.bank, source, m, first)
    maps = setup.memory.maps(setup.asked, source, m, first)
    assert maps.dtype == torch.int64
    assert torch.equal(maps, torch.stack([trained[i]["maps"] for i in range(40)]))


def test_random_maps_belong_to_a_scene_whatever_its_boxes(setup):
    addition, memory = setup.addition, setup.memory
    assert torch.equal(memory.maps(addition.before, "random", 3),
                       memory.maps(addition.after, "random", 3))
    assert torch.equal(memory.maps(addition.after, "random", 3),
                       memory.maps(setup.asked, "random", 3)[addition.after.numbers])


def test_retrieval_follows_the_boxes_of_the_task(setup):
    addition, memory = setup.addition, setup.memory
    assert not torch.equal(memory.maps(addition.before, "top", 3),
                           memory.maps(addition.after, "top", 3))
    asked = memory.maps(setup.asked, "top", 3)[addition.after.numbers]
    assert torch.equal(memory.maps(addition.after, "top", 3), asked)


# ------------------------------------------------------------------------------ one box more


def test_an_addition_is_one_object_that_shows(setup):
    addition = setup.addition
    before, after = addition.before, addition.after
    assert 5 <= len(addition.boxes) <= 10
    for k in range(len(addition.boxes)):
        box, n = addition.boxes[k], int(after.numbers[k])
        assert np.array_equal(after.boxes[k], np.concatenate([before.boxes[k], box[None]]))
        assert sorted(map(tuple, after.boxes[k])) == sorted(map(tuple, setup.asked.boxes[n]))
        _, x0, y0, x1, y1 = box.tolist()
        assert addition.inside[k].sum() == (x1 - x0) * (y1 - y0)
        changed = before.labels[k] != after.labels[k]
        assert changed.sum() >= 5 and (changed & ~addition.inside[k]).sum() <= 3
        assert torch.equal(after.images[k], setup.asked.images[n])


def addition_of(label_before, label_after, box):
    make = lambda label: Task(torch.tensor([0]), [np.array([box])], label[None],
                              torch.zeros(1, 3, *label.shape))
    return Addition(make(label_before), make(label_after), torch.tensor([box]))


class Reds(nn.Module):
    """A judge: red pixels are class 1, all others class 0."""

    def forward(self, image):
        return torch.stack([torch.zeros_like(image[:, 0]), image[:, 0]], 1)


def test_what_followed_worked_out_by_hand():
    label = torch.zeros(32, 32, dtype=torch.long)
    after = label.clone()
    after[8:16, 8:12] = 1  # 32 pixels, half of the box
    addition = addition_of(label, after, (1, 8, 8, 16, 16))
    before = -torch.ones(1, 3, 32, 32)
    image = before.clone()
    image[:, 0, 8:16, 10:14] = 1  # 16 of the 32 pixels, and as many wrong ones
    image[:, 0, 0:4, 0:4] = 1  # outside
    rows = followed(addition, before, image, Reds())
    assert rows["added_iou"].value == pytest.approx(16 / 48)
    assert rows["added_inside"].value == pytest.approx(32 / 64 / 3)
    assert rows["added_outside"].value == pytest.approx(16 / (32 * 32 - 64) / 3)
    assert rows["added_lpips_inside"].value > 0 < rows["added_lpips_outside"].value
    assert all(row.n == 1 for row in rows.values())
    still = followed(addition, image, image, Reds(), "held")
    assert still["held_iou"].value == pytest.approx(16 / 48)
    assert still["held_inside"].value == still["held_lpips_outside"].value == 0


def test_memory_is_held_where_it_is_said_to_be(setup):
    asked = []

    class Spy(nn.Module):
        config = network(setup).config

        def forward(self, layout, maps):
            asked.append((layout.flatten(2).amax(2).sum(), maps))
            return torch.zeros(len(layout), 3, 32, 32)

    spy = measure.Model(Spy(), setup.memory)
    setup.held(spy)
    (few, old), (more, held) = asked
    assert torch.equal(old, held) and few < more
    assert torch.equal(old, setup.memory.maps(setup.addition.before, "top", 3))
    spy(setup.addition.after)
    assert not torch.equal(asked[-1][1], held)


# --------------------------------------------------------------------------------- painters


def test_mean_colours_are_those_of_the_classes(setup):
    means = measure.Means(setup.memory.bank)
    image, boxes = means(setup.asked), setup.asked.boxes
    number = len(boxes[0]) - 1
    c, x0, y0, x1, y1 = boxes[0][number]
    alone = Task(torch.tensor([0]), [boxes[0][number:]], setup.asked.labels[:1],
                 setup.asked.images[:1])
    inside = means(alone)[0, :, y0:y1, x0:x1]
    colour = means.colours[things(setup.test).index(c)][:, None, None]
    assert torch.equal(inside, colour.expand_as(inside))
    free = torch.stack([layout_of(rows, things(setup.test), 16, (32, 32)).amax(0) == 0
                        for rows in boxes])
    assert all(torch.equal(one[:, f], means.picture[:, f]) for one, f in zip(image, free))
    bank = [setup.memory.bank[i] for i in range(48)]
    pixels = torch.cat([item["image"][:, item["label"] == c] for item in bank], 1)
    assert torch.allclose(colour.flatten(), pixels.mean(1), atol=1e-5)


def test_the_photograph_is_the_best_scored_scenes(setup):
    image = measure.Photograph(setup.memory)(setup.asked)
    index = setup.memory.index(setup.asked, "top", 1)[7, 0]
    assert torch.equal(image[7], setup.memory.bank[int(index)]["image"])


def test_a_latent_stays_with_its_box_when_another_is_added(setup):
    torch.manual_seed(0)
    config = layout2im.Config(16, (32, 32), things(setup.test), **layout2im.SIZES[32])
    seen = []

    class Spy(nn.Module):
        def forward(self, boxes, z):
            seen.append((boxes, z))
            return torch.zeros(len(boxes), 3, 32, 32)

    spy = Spy()
    spy.config = config
    paint = measure.Model(spy, setup.memory, 3)
    paint(setup.addition.before), paint(setup.addition.after)
    (boxes, z), (more, others) = seen
    for k in range(len(boxes)):
        n = int((boxes[k, :, 0] >= 0).sum())
        assert torch.equal(boxes[k, :n], more[k, :n]) and torch.equal(z[k, :n], others[k, :n])
        assert more[k, n, 0] == setup.addition.boxes[k, 0]
    assert paint.maps(setup.asked) is None and not paint.recalls


def test_accuracy_is_split_by_what_is_truly_there(setup):
    thing = torch.isin(setup.labels, torch.tensor(things(setup.test)))
    wrong = torch.where(thing, setup.labels, (setup.labels + 1) % 8)

    class Always(nn.Module):
        def forward(self, image):
            return nn.functional.one_hot(wrong, 16).movedim(-1, 1).float()

    blind = measure.Setup(Always(), {}, "places", 32, KNOBS, setup.budget)
    blind.__dict__["memory"] = setup.memory
    rows = blind.split(setup.asked.images)
    assert rows["accuracy_things"].value == 1 and rows["accuracy_background"].value == 0


# ------------------------------------------------------------------------------ whole tables


@pytest.fixture(scope="module")
def references(setup):
    return setup.references


def test_the_oracle_is_at_the_judges_ceiling(setup, references):
    oracle = references["oracle"]
    assert oracle["pixel_accuracy"].value > 0.93 < oracle["accuracy_background"].value
    assert oracle["accuracy_things"].value > 0.85 and oracle["added_iou"].value > 0.7
    assert oracle["added_outside"].value < 0.01 < 0.1 < oracle["added_inside"].value
    assert abs(oracle["kid_judge"].value) < 3 * oracle["kid_judge"].high
    assert set(references) == {"oracle", "floor", "trivial", "means"}
    assert set(references["floor"]) == {"kid_judge", "fd_judge"}


def test_trivial_answers_fail_where_they_must(references):
    oracle, photograph, means = (references[k] for k in ("oracle", "trivial", "means"))
    assert photograph["pixel_accuracy"].value < 0.8 * oracle["pixel_accuracy"].value
    assert photograph["added_outside"].value > 3 * oracle["added_outside"].value
    assert photograph["layout_similarity"].value < oracle["layout_similarity"].value
    assert means["added_outside"].value == 0
    assert means["kid_judge"].value > 5 * abs(photograph["kid_judge"].value)


def test_every_metric_catches_the_broken_model(setup, references):
    maps = setup.memory.maps(setup.asked, "random", 1)
    broken = setup.row(measure.Broken(painter(setup)), maps)
    assert set(broken) == set(BETTER) == set(references["oracle"])
    for key, sign in BETTER.items():
        good, bad = references["oracle"][key].value, broken[key].value
        assert sign * good > sign * bad + 0.2 * abs(good), key
    assert broken["added_outside"].value > broken["added_inside"].value


@pytest.mark.parametrize("changed", [
    {}, {"condition": "boxes", "maps": 0}, {"condition": "label", "maps": 1, "source": "truth"}])
def test_a_model_has_what_can_be_measured_of_it(setup, references, changed):
    model = network(setup, **changed)
    rows, found = setup.evaluate(model, 0)
    added = {key.replace("added", "held") for key in BETTER if key.startswith("added")}
    exchanged = {f"{source}_{key}" for source in ("kin", "random") for key in (
        "kid_judge", "kid_judge_minus_own", "accuracy_things", "accuracy_background")}
    wanted = set(BETTER)
    if changed.get("maps") == 0:
        wanted -= {"layout_similarity"}
    assert set(rows) == (wanted if changed else wanted | added | exchanged)
    assert set(found) == {"oracle", "floor", "trivial", "means", "broken"}
    if changed.get("source") == "truth":
        assert rows["layout_similarity"] == references["oracle"]["layout_similarity"]


def test_layout2im_is_measured_by_the_same_lines(setup):
    torch.manual_seed(0)
    model = layout2im.model(layout2im.Config(16, (32, 32), things(setup.test),
                                             **layout2im.SIZES[32])).eval()
    rows, found = setup.evaluate(model, 0)
    assert set(rows) == set(BETTER) - {"layout_similarity"}
    assert found["broken"]["added_iou"].value < 0.3


def test_exchanged_memory_is_that_of_the_other_source(setup):
    """A network that paints what the first map says is as right as that map."""
    class Painted(nn.Module):
        config = SimpleNamespace(source="top", maps=1, bank=None, classes=16, size=(32, 32))

        def forward(self, layout, maps):
            return (maps / 16).expand(-1, 3, -1, -1).contiguous()

    class Reader(nn.Module):
        def forward(self, image):
            label = (image[:, 0] * 16).round().long()
            return nn.functional.one_hot(label, 16).movedim(-1, 1).float()

    read = measure.Setup(Reader(), {"judge": MEANS}, "places", 32, KNOBS, setup.budget)
    for key in ("memory", "asked", "addition", "real"):
        read.__dict__[key] = getattr(setup, key)
    paint = measure.Model(Painted(), setup.memory)
    rows = read.exchanged(paint, paint(setup.asked))
    thing = torch.isin(setup.labels, torch.tensor(things(setup.test)))
    for source in ("kin", "random"):
        right = setup.memory.maps(setup.asked, source, 1)[:, 0] == setup.labels
        assert rows[f"{source}_accuracy_background"].value == pytest.approx(
            right[~thing].float().mean().item())
        assert rows[f"{source}_kid_judge_minus_own"].value != 0
    assert "top_kid_judge" not in rows
