"""Windows around primitives and places that the 2D generator is told."""

from dataclasses import replace

import pytest
import torch
from tiny_cars import model, scene

from synthbook.controllable_3d import config, orbit
from synthbook.controllable_3d.windows import corners, cut, put
from synthbook.files import BookError


def test_a_window_is_what_a_slice_is():
    picture = torch.randn(3, 2, 12, 12)
    corner = torch.tensor([[0.0, 0.0], [4.0, 1.0], [6.0, 6.0]])
    found = cut(picture, corner, 6)
    for one, (x, y), window in zip(picture, corner.int().tolist(), found):
        assert torch.equal(window, one[:, y:y + 6, x:x + 6])
    back = put(found, corner, 12)
    inside = put(torch.ones(3, 1, 6, 6), corner, 12)
    assert torch.equal(back, picture * inside) and inside.sum() == 3 * 36


def test_corners_keep_windows_on_the_picture_and_centred():
    where = torch.tensor([[6.0, 6.0], [0.0, 11.9], [8.2, -3.0]])
    assert corners(where, 12, 6).tolist() == [[3, 3], [0, 6], [5, 0]]


def test_gradients_reach_what_was_cut():
    picture = torch.zeros(1, 1, 8, 8, requires_grad=True)
    put(cut(picture, torch.tensor([[2.0, 1.0]]), 4), torch.tensor([[2.0, 1.0]]), 8).sum().backward()
    assert picture.grad.sum() == 16 and picture.grad[0, 0, 1:5, 2:6].eq(1).all()


def test_a_window_as_large_as_the_picture_changes_nothing():
    whole, framed = model(), model(window=16)
    framed.load_state_dict(whole.state_dict())
    with torch.no_grad():
        a, b = (made.render(scene(made)).layers for made in (whole, framed))
    for one, other in zip(a, b):
        assert torch.allclose(one, other, atol=1e-5)


def test_outside_of_its_window_a_primitive_is_transparent():
    made = model(window=8)
    one = scene(made)
    with torch.no_grad():
        picture = made.render(one)
    corner = corners(picture.rendered.middle.flatten(0, 1), 16, 8)
    inside = put(torch.ones(len(corner), 1, 8, 8), corner, 16).view_as(picture.layers.alpha)
    assert picture.layers.alpha[inside == 0].eq(0).all()
    assert picture.layers.alpha[inside == 1].max() > 0.1


def test_what_is_not_kept_need_not_be_painted():
    made = model(window=8)
    one = scene(made, everything=False)
    assert not one.keep.all()
    with torch.no_grad():
        whole, spared = made.render(one), made.render(one, hidden=False)
    assert torch.allclose(whole.image, spared.image, atol=1e-6)
    assert spared.layers.rgb[~one.keep].eq(0).all()
    assert torch.allclose(whole.layers.rgb[one.keep], spared.layers.rgb[one.keep], atol=1e-6)


@pytest.mark.parametrize("window", (7, -2, 18))
def test_windows_are_even_and_no_larger_than_the_picture(window):
    with pytest.raises(BookError, match="choose 0 or an even number up to 16"):
        model(window=window)


@pytest.mark.parametrize("kind", ("cuboid", "ellipsoid"))
def test_an_anchored_solid_shows_where_each_point_of_it_is(kind):
    made = model(anchored=True, primitive=kind, texture=8)
    one = scene(made, 1)
    pose = one.pose._replace(translation=torch.zeros_like(one.pose.translation))
    one = one._replace(pose=pose, camera=orbit(torch.tensor([0.3]), torch.tensor([0.6])))
    with torch.no_grad():
        front, back = (made.primitives(s) for s in (one, one.turned(0, torch.pi)))
    assert made.painter.inputs == made.config.features + 4
    x = []
    for drawn in (front, back):
        seen = drawn.alpha[0, 0, 0] > 0.5
        place = (drawn.features[0, 0, -3:] / drawn.alpha[0, 0])[:, seen]
        assert seen.sum() > 4 and place.abs().max() <= 1
        x.append(float(place[0].mean()))
    assert abs(x[0] + x[1]) < 0.1 < abs(x[0])  # the other end is seen after a half turn


def test_anchored_points_carry_their_places():
    made = model(anchored=True, primitive="point")
    where, features = made.appearance(torch.randn(1, 2, 6))
    assert torch.equal(features[..., -3:], where)
    assert features.shape[-1] == made.config.shown == made.config.features + 3


def test_the_larger_model_paints_in_windows():
    large = config("anchored", 64)
    assert large.window == 44 and large.anchored and replace(large, window=0).window == 0
