"""The oracles of `cars`: the same scene with one thing changed, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from traffic import many

from synthbook.datasets.cars import Cars
from synthbook.datasets.cars.dataset import CLASSES
from synthbook.datasets.raycast.sampling import blocks
from synthbook.files import BookError


def near(mask):
    """The mask grown by one pixel in all eight directions."""
    padded = np.pad(mask, 1)
    h, w = mask.shape
    return np.any([padded[i:i + h, j:j + w] for i in range(3) for j in range(3)], axis=0)


@pytest.mark.parametrize("change", [
    {"x": 0.1, "z": -0.2}, {"yaw": 2.0}, {"paint": 0}, {"shape": 5}, {"scale": 0.8},
    {"shown": False}])
@pytest.mark.parametrize("background", ["white", "room"])
def test_changing_one_car_changes_nothing_else(change, background):
    cars = Cars(size=48, background=background)
    for scene in many(cars, first=10)[:1]:
        k = 1
        (name, value), *_ = change.items()
        if getattr(scene.cars[k], name) == value:
            change = {name: 1}
        edited = cars.with_car(scene, k, **change)
        before, after = cars.render(scene), cars.render(edited)
        touched = cars.masks(scene)[k] | cars.masks(edited)[k]
        changed = (before.image != after.image).any(2)
        assert changed.any() and not changed[~near(touched)].any()
        assert not (before.instance != after.instance)[~near(touched)].any()
        for other in (0, 2):
            assert np.array_equal(cars.masks(scene)[other], cars.masks(edited)[other])


def test_a_car_that_is_gone_leaves_the_others_their_numbers():
    cars = Cars(size=48)
    scene = many(cars)[0]
    gone = cars.without_car(scene, 0)
    assert set(np.unique(cars.render(gone).instance)) <= {0, 2, 3}
    assert not cars.masks(gone)[0].any()
    alone = replace(scene, cars=scene.cars[1:])
    assert np.array_equal(cars.render(gone).image, cars.render(alone).image)
    assert cars.without_car(gone, 0) == gone


def test_a_turned_car_keeps_its_place_and_a_full_turn_its_pixels():
    cars = Cars(size=64, fewest=1, most=1)
    scene = cars.scene(2)
    yaw = scene.cars[0].yaw
    full = cars.with_car(scene, 0, yaw=yaw + 2 * np.pi)
    assert (cars.render(scene).image != cars.render(full).image).mean() < 0.01
    half = cars.with_car(scene, 0, yaw=yaw + np.pi)
    change = (cars.render(scene).image != cars.render(half).image).any(2)
    assert change.sum() > 40  # front and back differ
    a, b = (np.argwhere(cars.masks(s)[0]).mean(0) for s in (scene, half))
    assert np.abs(a - b).max() < 2


def test_redrawing_a_class_changes_its_pixels_only():
    rng = np.random.default_rng(0)
    for background, classes in (("white", [2]), ("ground", [1, 2]), ("room", [0, 1, 2])):
        cars = Cars(size=48, background=background)
        scene = many(cars)[0]
        before = cars.render(scene)
        for c in classes:
            changed = np.zeros((48, 48), bool)
            some = (blocks(cars.view(scene, 3).label, 3) == c).any(0)
            for _ in range(3):
                redrawn = cars.redraw(scene, c, rng)
                after = cars.render(redrawn)
                changed |= (before.image != after.image).any(2)
                assert np.array_equal(before.label, after.label)
                assert np.array_equal(before.instance, after.instance)
            assert changed[before.label == c].mean() > 0.5
            assert not changed[~some].any()
    with pytest.raises(BookError, match="wheel always looks the same"):
        cars.redraw(scene, CLASSES.index("wheel"), rng)


def test_a_shadow_darkens_the_ground_by_the_cars_alone():
    plain, shaded = (Cars(size=64, shadow=value) for value in (0.0, 1.0))
    scene = many(plain, 1)[0]
    a, b = plain.render(scene), shaded.render(scene)
    assert np.array_equal(a.label, b.label)
    darker = a.image.astype(int) - b.image
    assert darker.min() >= 0 and darker.max() > 40
    assert not darker[a.instance > 0][::7].any() or darker[a.instance > 0].mean() < 6
    bare = plain.without_car(scene, 0)
    assert np.array_equal(plain.render(bare).image, shaded.render(bare).image)
