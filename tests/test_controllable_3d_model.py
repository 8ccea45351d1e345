"""What the 3D controllable model promises: explicit handles that change only what they name."""

import copy
from dataclasses import replace

import pytest
import torch
from tiny_cars import TINY, model, scene

from synthbook.controllable_3d import (
    Camera,
    Config,
    Pose,
    Turn,
    Vanilla,
    build,
    compactness,
    config,
    geometric_consistency,
    orbit,
    prior,
)
from synthbook.controllable_3d.discriminator import BACKGROUND, COMPOSITE, Discriminator, flags
from synthbook.controllable_3d.generator_2d import adain
from synthbook.controllable_3d.looks import centroids, projections
from synthbook.files import BookError

KINDS = ("cuboid", "ellipsoid", "point")


# ------------------------------------------------------------------------ shapes and ranges


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_and_ranges(kind):
    made = model(primitive=kind)
    with torch.no_grad():
        picture = made.render(scene(made, 2))
    assert picture.image.shape == picture.background.shape == (2, 3, 16, 16)
    assert picture.image.abs().max() <= 1 and picture.background.eq(1).all()
    rgb, alpha, depth = picture.layers
    assert rgb.shape == (2, 3, 3, 16, 16) and rgb.abs().max() <= 1
    assert alpha.shape == depth.shape == picture.share.shape == (2, 3, 1, 16, 16)
    assert alpha.min() >= 0 and (alpha <= picture.rendered.alpha).all() and alpha.max() > 0.1
    centre = picture.rendered.centre[..., None, None, None]
    assert (depth - centre).abs().max() <= 1.2 + 1e-6
    assert picture.rendered.features.shape == (2, 3, TINY.features, 16, 16)


def test_a_background_of_features_depends_on_the_camera_and_its_own_latent_alone():
    made = model(background="sphere")
    start = scene(made)
    with torch.no_grad():
        first = made.render(start).background
        assert first.abs().max() <= 1 and first.std() > 1e-3
        assert torch.equal(first, made.render(start.moved(0, torch.ones(3) * 0.1)).background)
        assert torch.equal(first, made.render(start.without(1)).background)
        other = start._replace(behind=start.behind.flip(0))
        assert not torch.allclose(first, made.render(other).background, atol=1e-3)
        seen = start.seen_from(orbit(torch.tensor([0.3, 2.0]), torch.tensor([0.5, 0.5])))
        assert not torch.allclose(first, made.render(seen).background, atol=1e-3)


def test_without_a_2d_generator_layers_are_what_is_rendered():
    made = model(paint=False)
    with torch.no_grad():
        picture = made.render(scene(made))
    assert picture.rendered.features.shape[2] == 3
    assert torch.equal(picture.layers.alpha, picture.rendered.alpha)
    assert torch.equal(picture.layers.depth, picture.rendered.depth)
    assert not hasattr(made, "painter")


def test_a_gan_without_primitives_has_the_same_latents():
    torch.manual_seed(0)
    made = build(replace(TINY, primitive="none"))
    assert isinstance(made, Vanilla)
    picture = made(made.draw(2, torch.Generator().manual_seed(0)))
    assert picture.image.shape == (2, 3, 16, 16) and picture.layers is None
    assert picture.image.abs().max() <= 1


def test_adain_gives_every_channel_its_mean_and_deviation():
    torch.manual_seed(0)
    x, weight, bias = torch.randn(2, 5, 9, 9) * 3 + 1, torch.randn(2, 5), torch.randn(2, 5)
    y = adain(x, weight, bias)
    assert torch.allclose(y.mean((2, 3)), bias, atol=1e-5)
    assert torch.allclose(y.std((2, 3), correction=0), (1 + weight).abs(), atol=1e-4)


# ----------------------------------------------------------------------------- the handles


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("edit", ["move", "turn", "look", "size"])
def test_an_edit_changes_one_layer_and_pixels_where_it_was_or_is(kind, edit):
    made = model(primitive=kind)
    start = scene(made, 3)
    if edit == "size":
        scale = start.pose.scale.clone()
        scale[:, 1] *= 1.3
        end = start._replace(pose=start.pose._replace(scale=scale))
    else:
        end = {"move": lambda: start.moved(1, torch.tensor([0.2, 0.0, 0.1])),
               "turn": lambda: start.turned(1, 0.9),
               "look": lambda: start.repainted(1, torch.ones(TINY.latent))}[edit]()
    with torch.no_grad():
        before, after = made.render(start), made.render(end)
    for one, other in zip(before.layers, after.layers):
        assert torch.equal(one[:, [0, 2]], other[:, [0, 2]])
        assert not torch.equal(one[:, 1], other[:, 1])
    allowed = 2 * (before.layers.alpha[:, 1] + after.layers.alpha[:, 1])
    change = (before.image - after.image).abs().amax(1, keepdim=True)
    assert change.max() > 0.05 and (change <= allowed + 1e-5).all()
    assert allowed.min() < 0.01


def test_a_primitive_that_is_dropped_takes_its_own_layer_and_no_other():
    made = model()
    start = scene(made)
    with torch.no_grad():
        whole, less = made.render(start), made.render(start.without(2))
        back = made.render(start.without(2).restored(2))
    assert torch.equal(whole.image, back.image)
    for one, other in zip(whole.layers, less.layers):
        assert torch.equal(one, other)
    assert less.share[:, 2].eq(0).all() and whole.share[:, 2].max() > 0.05
    gone = (whole.image - less.image).abs().amax(1, keepdim=True)
    assert gone.max() > 0.05 and (gone <= 2 * whole.layers.alpha[:, 2] + 1e-5).all()
    with torch.no_grad():
        nothing = made.render(start.without(0).without(1).without(2))
    assert torch.equal(nothing.image, nothing.background)


def test_a_primitive_that_is_added_looks_as_it_does_elsewhere():
    made = model()
    start = scene(made)
    more = start.added(start.look[:, 0], Pose(*(x[:, :1] for x in start.pose)))
    with torch.no_grad():
        before, after = made.render(start), made.render(more)
    assert after.layers.alpha.shape[1] == 4
    assert torch.allclose(after.layers.rgb[:, 3], before.layers.rgb[:, 0], atol=1e-5)
    assert torch.allclose(after.layers.alpha[:, :3], before.layers.alpha, atol=1e-5)


def test_the_order_of_primitives_has_no_meaning():
    made, order = model(), [2, 0, 1]
    start = scene(made)
    swapped = start._replace(look=start.look[:, order], keep=start.keep[:, order],
                             pose=Pose(*(x[:, order] for x in start.pose)))
    with torch.no_grad():
        assert torch.allclose(made.render(start).image, made.render(swapped).image, atol=1e-5)


def test_objects_follow_their_primitives_across_the_picture():
    made = model()
    start = scene(made, 2)
    end = start.moved(0, torch.tensor([0.25, 0.0, 0.0]))
    with torch.no_grad():
        alpha = [made.render(one).rendered.alpha[:, 0] for one in (start, end)]
    moved = centroids(alpha[1]) - centroids(alpha[0])
    told = (projections(end, 16) - projections(start, 16))[:, 0]
    assert (moved - told).norm(dim=-1).max() < 1 < told.norm(dim=-1).max()


def test_turning_world_and_camera_together_changes_nothing():
    made = model()
    start = scene(made)
    turn = torch.tensor([0.8, -1.1])
    c, s = turn.cos(), turn.sin()
    zero, one = torch.zeros(2), torch.ones(2)
    about = torch.stack([c, zero, s, zero, one, zero, -s, zero, c], -1).reshape(2, 3, 3)
    pose = start.pose
    world = Pose(about[:, None] @ pose.rotation,
                 (about[:, None] @ pose.translation[..., None])[..., 0], pose.scale)
    camera = Camera(start.camera.rotation @ about.transpose(1, 2), start.camera.translation)
    with torch.no_grad():
        first = made.render(start).image
        second = made.render(start._replace(pose=world, camera=camera)).image
    assert torch.allclose(first, second, atol=2e-3)


# ---------------------------------------------------------------------------- what is drawn


def test_draws_follow_the_seed_and_the_prior():
    made = model()
    one, two = (made.draw(64, torch.Generator().manual_seed(3)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip((*one.camera, one.look, one.place, one.keep),
                                                 (*two.camera, two.look, two.place, two.keep)))
    place = made.draw(400, torch.Generator().manual_seed(0)).place
    assert place[..., :2].norm(dim=-1).max() <= 0.65
    pose = scene(made, 8).pose
    assert torch.equal(pose.translation[..., 1], -pose.scale[..., 1])
    assert (pose.scale > 0.1).all() and (pose.scale < 0.6).all()


def test_boxes_on_the_picture_cover_what_a_camera_sees():
    made = model(poses="picture")
    start = scene(made, 4)
    assert start.camera.rotation.eq(torch.eye(3)).all()
    generator = torch.Generator().manual_seed(5)
    places = prior.draw_places(torch.ones(4, 3, dtype=torch.bool), generator)
    camera = orbit(torch.rand(4) * 6, torch.rand(4) * 0.4 + 0.3)
    flat = prior.on_picture(places, camera)
    points = torch.stack([places[..., 0], torch.full_like(places[..., 0], -0.15),
                          places[..., 1]], -1)
    seen = points @ camera.rotation.transpose(1, 2) + camera.translation[:, None]
    wanted = seen[..., :2] / seen[..., 2:]
    assert torch.allclose(flat[..., :2] / (flat[..., 2:] + 2), wanted, atol=1e-5)
    assert torch.equal(flat[..., 2].argsort(1), seen[..., 2].argsort(1))


def test_a_pose_network_poses_from_the_layout_alone():
    made = model(poses="network")
    draws = made.draw(2, torch.Generator().manual_seed(0))
    pose = made.arrange(draws).pose
    assert pose.translation.abs().max() < 1
    other = made.arrange(draws._replace(place=draws.place + 1, look=draws.look + 1)).pose
    assert all(torch.equal(a, b) for a, b in zip(pose, other))
    moved = made.arrange(draws._replace(layout=draws.layout + 1)).pose
    assert not torch.allclose(pose.translation, moved.translation)


def test_without_rotation_primitives_stand_parallel():
    pose = scene(model(rotation=False)).pose
    assert torch.allclose(pose.rotation, torch.eye(3).expand_as(pose.rotation))


# ------------------------------------------------------------------------------- gradients


def reached(made):
    """The parts of a model that have a gradient other than zero."""
    return {name.partition(".")[0] for name, p in made.named_parameters()
            if p.grad is not None and p.grad.any()}


@pytest.mark.parametrize("kind", ["cuboid", "point"])
def test_the_consistency_loss_reaches_only_the_2d_generator(kind):
    made = model(primitive=kind)
    draws = made.draw(3, torch.Generator().manual_seed(0))
    turn = Turn(torch.tensor([0, 1, 2]), torch.full((3,), 0.4))
    picture, (first, second) = made(draws, turn)
    assert first.rgb.shape == (3, 3, 16, 16) and second.depth.shape == (3, 1, 16, 16)
    row = torch.arange(3)
    assert torch.allclose(first.alpha, picture.layers.alpha[row, turn.which], atol=1e-5)
    assert torch.allclose(first.depth, picture.layers.depth[row, turn.which], atol=1e-5)
    geometric_consistency(first, second, soft=True).total().backward()
    assert reached(made) == {"painter"}


def test_compactness_reaches_sizes_and_poses_only():
    for poses in ("prior", "network"):
        made = model(poses=poses)
        with torch.no_grad():
            last = (made.arrangement.layers if poses == "network"
                    else made.arrangement.size.layers)[-1]
            last.bias += 1.5  # large, so that the loss has a slope
        compactness(made(made.draw(4)).rendered.alpha).backward()
        assert reached(made) == {"arrangement"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_picture_reaches_every_part(kind):
    made = model(primitive=kind, background="sphere")
    made(made.draw(4)).image.square().mean().backward()
    assert reached(made) == {"arrangement", "appearance", "painter", "sky", "sky_painter"}


# ------------------------------------------------------------------------ the discriminator


def test_the_flag_chooses_a_score():
    torch.manual_seed(0)
    critic, image = Discriminator(TINY, 2).eval(), torch.rand(4, 3, 16, 16) * 2 - 1
    assert torch.equal(critic(image), critic(image, flags(4, 0)))
    both = critic(image[:2].repeat(2, 1, 1, 1), flags(2, 2))
    assert both.shape == (4,) and not torch.allclose(both[:2], both[2:], atol=1e-4)
    assert flags(1, 2).tolist() == [COMPOSITE, BACKGROUND, BACKGROUND]
    with pytest.raises(ValueError, match="expected a tensor of shape"):
        critic(torch.zeros(1, 3, 32, 32))


# ------------------------------------------------------------------------------ wrong input


def test_wrong_input_gets_one_clear_line():
    made = model()
    start = scene(made)
    cases = [
        (lambda: start.moved(3, torch.zeros(3)), "primitive 3 is not in a scene of 3: choose 0"),
        (lambda: start.without(-1), "primitive -1 is not"),
        (lambda: made.draw(0), "0 scenes cannot be drawn"),
        (lambda: made.render(start._replace(look=start.look[..., :4])), r"are \(B, N, 6\), not"),
        (lambda: made.render(start._replace(keep=start.keep[:, :2])), "keep is .* take"),
        (lambda: made.render(start._replace(behind=start.behind[:1])), "behind is"),
        (lambda: Config(primitive="cone"), "unknown 'cone': choose one of cuboid"),
        (lambda: Config(size=20), "multiple of 8"),
        (lambda: Config(primitives=0), "0 primitives make no scene"),
        (lambda: Config(primitive="point", paint=False), "points have no surface"),
        (lambda: config("four-d", 32), "unknown variant 'four-d': choose one of controllable-3d"),
    ]
    for call, text in cases:
        with pytest.raises(BookError, match=text) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_editing_leaves_the_scene_that_it_began_with():
    made = model()
    start = scene(made)
    before = copy.deepcopy(start)
    start.moved(0, torch.ones(3)), start.turned(1, 1.0), start.without(2)
    start.repainted(0, torch.zeros(TINY.latent))
    assert torch.equal(before.look, start.look) and torch.equal(before.keep, start.keep)
    assert all(torch.equal(a, b) for a, b in zip(before.pose, start.pose))
