"""The figures of cars on the ground: the page's renderers are the book's, handles do their own."""

import math

import numpy as np
import pytest
import torch

from synthbook.controllable_3d import composition
from synthbook.controllable_3d.caster import BEHIND, Caster, Kind, shares
from synthbook.controllable_3d.config import config
from synthbook.controllable_3d.handled import Handled, looked_up
from synthbook.controllable_3d.network import build
from synthbook.controllable_3d.primitives import Surface
from synthbook.controllable_3d.renderer import textured
from synthbook.datasets.cars import Camera, Car, Cars
from synthbook.datasets.cars.scene import Scene
from synthbook.datasets.raycast.sampling import means
from synthbook.figures import controllable_3d as ours
from synthbook.figures.export import Limits, exported
from synthbook.files import BookError


def run(**changed):
    values = {name: one.value for name, one in ours.cast_controls().items()}
    return ours.page_model().run(values | changed)


@pytest.mark.parametrize("background", BEHIND)
@pytest.mark.parametrize("shapes", [(0, 1, 2), (3, 4, 5), (6, 7, 0)])
def test_it_is_the_renderer_of_the_data(background, shapes):
    data = Cars("test", size=32, background=background)
    rng = np.random.default_rng(shapes[0])
    kinds = tuple(Kind(shape, int(rng.integers(10)), 0.9 + 0.1 * k)
                  for k, shape in enumerate(shapes))
    poses = rng.uniform((-0.6, -0.6, -3), (0.6, 0.6, 3), (3, 3)).astype(np.float32)
    camera = Camera(float(rng.uniform(0, 6)), float(rng.uniform(0.3, 0.7)))
    cars = tuple(Car(kind.shape, kind.paint, *map(float, pose), kind.scale)
                 for kind, pose in zip(kinds, poses))
    view = data.view(Scene(camera, ours.BACKDROP, cars), 2)
    made, _, share = Caster(kinds, ours.BACKDROP, 32)(
        torch.from_numpy(poses)[None], torch.tensor([[camera.azimuth, camera.elevation]]),
        torch.ones(1, 3), torch.tensor([[float(BEHIND.index(background))]]))
    error = ((made[0] + 1) * 127.5 - torch.from_numpy(means(view.colour, 2))).abs()
    assert error.mean() < 0.05 and (error > 2).float().mean() < 0.003  # rays at a very edge
    for k in range(3):
        assert share[0, k] == pytest.approx((view.instance == k + 1).mean(), abs=2e-3)


def test_shares_are_those_of_the_composition():
    generator = torch.Generator().manual_seed(0)
    alpha, depth = torch.rand(2, 2, 4, 1, 5, 5, generator=generator)
    wanted = composition.visible(alpha, depth)
    got = shares(alpha.flatten(2), depth.flatten(2)).view_as(wanted)
    torch.testing.assert_close(got, wanted)


def test_a_car_that_is_taken_away_leaves_what_is_behind_it():
    solid = torch.ones(1, 3)
    solid[0, 0] = 0
    first, without = run(), run(solid=solid)
    assert without["shares"][0, 0] == 0 and first["shares"][0, 0] > 1
    others = torch.ones(1, 3) - solid
    alone = run(solid=others)["image"]
    empty = run(solid=torch.zeros(1, 3))["image"]
    touched = (alone - empty).abs().amax(1) > 0
    assert torch.equal(first["image"].movedim(1, -1)[~touched],
                       without["image"].movedim(1, -1)[~touched])


def test_a_move_changes_only_where_the_car_was_or_is():
    ground = ours.cast_controls()["ground"].value.clone()
    only = torch.tensor([[0.0, 1, 0]])
    empty = run(solid=torch.zeros(1, 3))["image"]
    moved = ground.clone()
    moved[0, 1, 0] -= 0.4
    outline = [(run(ground=one, solid=only)["image"] - empty).abs().amax(1) > 0
               for one in (ground, moved)]
    change = (run(ground=moved)["image"] - run()["image"]).abs().amax(1)
    assert (change > 0).any() and change[~(outline[0] | outline[1])].max() == 0


def test_the_pad_is_the_ground_as_the_first_camera_sees_it():
    only, ground = torch.tensor([[1.0, 0, 0]]), torch.zeros(1, 3, 3)
    empty = run(solid=torch.zeros(1, 3))["image"]

    def centre(x, z):
        ground[0, 0] = torch.tensor([x, z, 0.0])
        seen = (run(ground=ground, solid=only)["image"] - empty).abs().amax(1)[0] > 0.02
        return [float(axis.float().mean()) for axis in seen.nonzero(as_tuple=True)]

    assert centre(0.5, 0)[1] > centre(-0.5, 0)[1] + 10  # to the right
    assert centre(0, 0.8)[0] < centre(0, -0.8)[0] - 5  # away is up


def test_the_camera_goes_around():
    quarter = torch.full((1, 1), 90.0)
    ground = ours.cast_controls()["ground"].value.clone()
    turned = ground.clone()  # the same as turning all cars the other way
    c, s = math.cos(math.pi / 2), math.sin(math.pi / 2)
    x, z, yaw = ground.unbind(-1)
    turned[..., 0], turned[..., 1], turned[..., 2] = c * x + s * z, -s * x + c * z, yaw + 90
    white = torch.zeros(1, 1)
    a = run(orbit=quarter, behind=white)["depth"]
    b = run(ground=turned, behind=white)["depth"]
    assert (a - b).abs().mean() < 1e-3


def test_the_exported_model_is_the_same():
    _, report = exported(ours.page_model(), Limits(), ours.MODEL)
    assert report["bytes"] < 400_000 and report["parity"]["mean"] < 0.1


# ------------------------------------------------------------------------ a trained generator


def generator(variant: str = "controllable-3d", **changed):
    torch.manual_seed(0)
    return build(config(variant, 32, **changed)).eval()


def scene_and_draws(model, count: int = 4):
    keep = torch.ones(count, 3, dtype=torch.bool)
    draws = model.draw(count, torch.Generator().manual_seed(1), keep)
    centre = draws.camera.centre
    camera = torch.stack([torch.atan2(centre[:, 2], centre[:, 0]),
                          torch.asin(-centre[:, 1] / centre.norm(dim=1))], 1)
    return model.arrange(draws), draws, camera


@pytest.mark.parametrize("variant", ["controllable-3d", "ellipsoid", "point", "no-2d"])
@torch.no_grad()
def test_behind_handles_a_model_draws_what_it_draws_in_front(variant):
    model = generator(variant)
    scene, draws, camera = scene_and_draws(model)
    wanted = model.render(scene)
    image, _, share = Handled(model)(draws.place, camera, torch.ones(4, 3), draws.look)
    torch.testing.assert_close(image, wanted.image, atol=1e-4, rtol=0)
    torch.testing.assert_close(share, wanted.share.mean((2, 3, 4)), atol=1e-5, rtol=0)


@torch.no_grad()
def test_an_alpha_of_zero_takes_an_object_away():
    model = generator()
    scene, draws, camera = scene_and_draws(model)
    alpha = torch.tensor([[1.0, 0, 1]]).expand(4, 3)
    image, _, share = Handled(model)(draws.place, camera, alpha, draws.look)
    torch.testing.assert_close(image, model.render(scene.without(1)).image, atol=1e-4, rtol=0)
    assert (share[:, 1] == 0).all()


@pytest.mark.parametrize("side", [2, 4, 8])
def test_features_by_weights_are_those_by_sampling(side):
    torch.manual_seed(side)
    point, texture = 2.6 * torch.rand(2, 3, 5, 5, 3) - 1.3, torch.randn(2, 3, 6, *[side] * 3)
    solid = torch.ones(2, 3, 5, 5)
    torch.testing.assert_close(looked_up(texture, point),
                               textured(Surface(solid, solid, point), texture))


@pytest.mark.parametrize("changed", [{"background": "sphere"}, {"poses": "network"}])
def test_models_without_these_handles_are_refused(changed):
    with pytest.raises(BookError, match="choose controllable-3d, ellipsoid or point"):
        Handled(generator(**changed))


@pytest.mark.parametrize("variant", ["controllable-3d", "point", "held"])
def test_a_trained_generator_exports_within_its_limits(variant):
    _, report = exported(ours.learned_page_model(generator(variant)), Limits(), "learned")
    assert report["gmac"] < 0.1 and report["parity"]["p999"] < 0.1
