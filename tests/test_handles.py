"""The page model without weights: each handle does what it says, and nothing else."""

import math

import numpy as np
import onnxruntime
import pytest
import torch

from synthbook.figures import FIGURES, handles
from synthbook.figures.export import Limits, exported
from synthbook.figures.handles import MASK, MOST, PAPER, REACH, SIDE, UNDER

OUTPUTS = ("collage", "mixed", "view", "apart")
REACHES = {"boxes": {"collage"}, "mask": {"mixed"}, "mood": {"mixed"}, "camera": {"view"},
           "ground": {"view", "apart"}, "noise": {"collage", "view"}}


@pytest.fixture(scope="module")
def page():
    return handles.page_model()


FIRST = {name: one.value for name, one in handles.inputs().items()}


def collage(boxes):
    return handles.model().collage(boxes, FIRST["noise"])


def mixed(mask, mood=0):
    return handles.model().mixed(mask, torch.tensor([[float(mood)]]))


def view(crate=(-0.45, 0.1, 20), egg=(0.45, -0.25, -35), camera=(0, 0)):
    """The picture with things at (x, z, yaw) and the camera (turn, height)."""
    ground = torch.tensor([[crate, egg]], dtype=torch.float32)
    return handles.model().view(ground[..., :2] * REACH, ground[..., 2],
                                torch.tensor([camera], dtype=torch.float32), FIRST["noise"])


def cards(*rows):
    """Boxes (1, MOST, 6) of (paper, x0, y0, x1, y1)."""
    boxes = torch.zeros(1, MOST, 6)
    for k, row in enumerate(rows):
        boxes[0, k] = torch.tensor([1.0, *row])
    return boxes


def colour_at(image, x, y):
    """The colour 0..255 of an image (1, 3, S, S) at a place in [0, 1]."""
    side = image.shape[-1]
    return (image[0, :, int(y * side), int(x * side)] + 1) * 127.5


def nearest_paper(colour):
    return min(PAPER, key=lambda name: (colour - torch.tensor(PAPER[name])).abs().sum())


def centre_of(picture, empty):
    """Mean place (x, y) in [0, 1] of the pixels that differ."""
    there = (picture - empty)[0].abs().sum(0) > 0.3
    y, x = there.nonzero().double().mean(0) / picture.shape[-1]
    return float(x), float(y)


# ------------------------------------------------------------------------------ all handles


def test_outputs_are_pictures_of_the_promised_sizes(page):
    outputs = page.run(page.examples(3))
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "collage": (3, 3, SIDE, SIDE), "mixed": (3, 3, MASK, MASK), "view": (3, 3, SIDE, SIDE),
        "apart": (3, 1)}
    for name in OUTPUTS[:3]:
        assert -1 <= outputs[name].min() < outputs[name].max() <= 1


@pytest.mark.parametrize("name", REACHES)
def test_an_input_moves_its_own_outputs_and_no_other(page, name):
    values, others = page.examples(4), page.examples(4, seed=1)
    before, after = page.run(values), page.run(values | {name: others[name]})
    moved = {k for k in OUTPUTS if not torch.equal(before[k], after[k])}
    assert moved == REACHES[name]


def test_examples_of_a_batch_do_not_meet(page):
    values = page.examples(3)
    whole = page.run(values)
    for k in range(3):
        single = page.run({name: value[k:k + 1] for name, value in values.items()})
        for name in OUTPUTS:
            torch.testing.assert_close(single[name], whole[name][k:k + 1], atol=1e-4, rtol=0)


def test_the_exported_model_is_faithful_and_small(page, monkeypatch):
    monkeypatch.setattr("synthbook.figures.export.INPUTS", 3)
    proto, report = exported(page, Limits(), handles.MODEL)
    assert report["storage"] == "int8" and report["bytes"] < Limits().int8
    assert report["inputs"]["boxes"] == ["N", MOST, 6] and set(report["outputs"]) == set(OUTPUTS)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    values = page.examples(2, seed=5)
    (apart,) = session.run(["apart"], {k: v.numpy() for k, v in values.items()})
    np.testing.assert_allclose(apart, page.run(values)["apart"], atol=1e-6)


def test_the_figures_offer_every_input_and_start_alike():
    figures = [FIGURES[f"handles-{name}"]() for name in ("boxes", "mask", "ground")]
    assert {one.name for figure in figures for one in figure.inputs} == set(REACHES)
    assert {one.kind for figure in figures for one in figure.inputs} == {
        "boxes", "mask", "pictures", "ground", "sliders", "draw"}
    for figure in figures:
        assert figure.alt and figure.export == handles.MODEL
        for name, value in figure.values().items():
            assert torch.equal(value, FIRST[name])


# ------------------------------------------------------------------------------ the collage


@pytest.mark.parametrize("paper", range(len(PAPER)))
def test_a_card_has_the_colour_of_its_class(paper):
    image = collage(cards((paper, 0.2, 0.3, 0.6, 0.7)))
    assert nearest_paper(colour_at(image, 0.4, 0.5)) == list(PAPER)[paper]


def test_of_two_cards_the_one_that_ends_lower_is_in_front():
    high, low = (0, 0.2, 0.1, 0.7, 0.6), (3, 0.4, 0.3, 0.9, 0.8)
    for rows in ((high, low), (low, high)):
        image = collage(cards(*rows))
        assert nearest_paper(colour_at(image, 0.55, 0.45)) == "sea"
        assert nearest_paper(colour_at(image, 0.3, 0.3)) == "coral"


def test_no_card_leaves_the_hills_and_a_card_leaves_the_rest_of_them():
    hills = collage(torch.zeros(1, MOST, 6))
    absent = cards((1, 0.2, 0.3, 0.6, 0.7))
    absent[..., 0] = 0
    assert torch.equal(collage(absent), hills)
    image = collage(cards((1, 0.1, 0.1, 0.4, 0.4)))
    torch.testing.assert_close(image[..., SIDE // 2:], hills[..., SIDE // 2:], atol=1e-3, rtol=0)


def test_a_card_throws_its_shadow_down_and_to_the_right():
    hills = collage(torch.zeros(1, MOST, 6))
    image = collage(cards((1, 0.3, 0.3, 0.6, 0.6)))
    dark = lambda x, y: float((colour_at(hills, x, y) - colour_at(image, x, y)).mean())
    assert dark(0.615, 0.45) > 8 > dark(0.26, 0.45) >= 0
    assert dark(0.45, 0.615) > 8 > dark(0.45, 0.26) >= 0


# ------------------------------------------------------------------------------ the mask


def test_the_mask_lets_one_mood_through_where_it_is_and_nothing_elsewhere():
    mask = torch.zeros(1, MASK, MASK)
    place = mixed(mask)
    mask[:, 10:30, 20:50] = 1
    for mood in range(len(UNDER)):
        whole = mixed(torch.ones(1, MASK, MASK), mood)
        both = mixed(mask, mood)
        inside = mask[:, None].bool().expand_as(both)
        torch.testing.assert_close(both[inside], whole[inside], atol=1e-6, rtol=0)
        assert torch.equal(both[~inside], place[~inside])
        assert (whole - place).abs().mean() > 0.05


def test_moods_are_one_place_drawn_by_the_data():
    pictures = handles.inputs()["mood"]
    assert len(pictures.pictures) == len(pictures.names) == len(UNDER) == len(set(pictures.names))
    for k, picture in enumerate(pictures.pictures):
        whole = mixed(torch.ones(1, MASK, MASK), k)
        torch.testing.assert_close(whole[0], picture, atol=1e-6, rtol=0)


# ------------------------------------------------------------------------------ the pad


FAR, GONE = (0.9, 0.9, 0), (0, -80, 0)  # out of the way; behind the camera


def egg_at(x, z, camera=(0, 0)):
    """Where the egg is in the picture: the crate is the same in both."""
    crate = (-0.9, 0.9, 0)
    return centre_of(view(crate, (x, z, 0), camera), view(crate, GONE, camera))


def test_right_on_the_pad_is_right_in_the_picture_and_away_is_higher_up():
    x, y = egg_at(0, 0)
    assert egg_at(0.5, 0)[0] > x + 0.1 > x - 0.1 > egg_at(-0.5, 0)[0]
    assert egg_at(0, 0.5)[1] < y - 0.02 < y + 0.02 < egg_at(0, -0.5)[1]


def test_a_camera_turned_by_half_a_circle_sees_the_other_side():
    assert egg_at(0.5, 0)[0] > 0.55 and egg_at(0.5, 0, camera=(1, 0))[0] < 0.45
    left, right = view(camera=(-1, 0)), view(camera=(1, 0))
    assert (left - right).abs().mean() < 1e-3


def test_a_higher_camera_sees_less_sky():
    sky = lambda image: (image[0, 2] > image[0, 0]).float()[: SIDE // 3].mean()
    assert sky(view(camera=(0, -1))) > sky(view(camera=(0, 1))) + 0.3


def test_yaw_turns_a_thing_clockwise_as_seen_from_above():
    wide = []
    for yaw in (0, 90):
        picture = view(FAR, (0, 0, yaw))
        blue = (picture[0, 2] - picture[0, 0]) > 0.2
        wide.append(int(blue[SIDE // 2:].any(0).sum()))
    assert wide[0] > wide[1] + 5  # the long axis across, and then away
    ahead = torch.tensor([[[0.0], [0.0], [1.0]]])
    assert handles.turned(ahead, torch.tensor([90.0]))[0, 0, 0] == pytest.approx(-1)


def test_a_nearer_thing_hides_a_farther_one():
    def red(crate, egg):
        picture = view(crate, egg)[0]
        return int((picture[0] - (picture[1] + picture[2]) / 2 > 0.35).sum())

    free = red((0, 0.5, 0), (0.9, -0.9, 0))
    assert red((0, 0.5, 0), (0, -0.4, 0)) < 0.7 * free < free < red((0, -0.4, 0), (0, 0.5, 0))


def test_things_shade_the_ground_away_from_the_sun():
    shaded, free = view(FAR, (0, 0, 0)), view(FAR, GONE)
    blue = (shaded[0, 2] - shaded[0, 0]) > 0
    shadow = ((free - shaded).mean(1)[0] > 0.1) & ~blue
    x = shadow.nonzero()[:, 1].double().mean() / SIDE
    assert shadow.sum() > 40 and x > 0.5  # the sun is at the left


def test_metres_between_the_things(page):
    ground = torch.tensor([[[-0.5, 0.25, 10], [0.25, -0.75, 0]]])
    apart = page.run(FIRST | {"ground": ground})["apart"]
    assert float(apart) == pytest.approx(REACH * math.hypot(0.75, 1.0), rel=1e-6)


@pytest.mark.parametrize("shape", [handles.sphere, handles.cube])
def test_rays_meet_a_shape_where_geometry_says(shape):
    start = torch.tensor([[[0.0, 0.3, 3.0], [0.0, 0.2, 0.0], [-4.0, -4.0, -4.0]]])
    way = torch.tensor([[[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [2.0, 2.0, 2.0]]])
    hit, inside = shape(start, way)
    reached = start[0, :, :2] + way[0, :, :2] * hit[0, :2]
    norm = reached.norm(dim=0) if shape is handles.sphere else reached.abs().amax(0)
    torch.testing.assert_close(norm, torch.ones(2))
    assert (inside[0] > 0).tolist() == [True, True, False] and (hit[0, :2] > 0).all()
