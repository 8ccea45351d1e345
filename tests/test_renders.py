"""Readers of the pictures that 3D controllable synthesis was trained on, on miniatures."""

import numpy as np
import pytest
import torch
from miniatures import message, photo, save

from synthbook import dataset
from synthbook.datasets.renders import PARTS, CarRenders, Structured3D

COUNTS = {0: 2, 1: 3, 2: 1, 3: 2}


@pytest.fixture
def renders(tmp_path):
    """Pictures of n objects have the grey 40 n; depths and boxes lie beside them."""
    for n, scenes in COUNTS.items():
        for scene in range(scenes):
            folder = tmp_path / f"car{n}_bg1/train/{scene:03d}"
            save(folder / f"{scene:03d}_0.png", np.full((8, 12, 3), 40 * n, np.uint8))
            np.save(folder / f"{scene:03d}_depth0.npy", np.zeros((8, 12)))
            np.savez(folder / "bboxes.npz", np.zeros(4))
    save(tmp_path / "indoor1_bg0/test/a/a_0.png", photo())
    return tmp_path


def test_renders_of_every_number_of_objects_and_none_of_the_backgrounds(renders):
    data = dataset("car-renders", root=renders, size=4)
    items = [data[i] for i in range(len(data))]
    assert len(items) == sum(COUNTS[n] for n in (1, 2, 3))
    assert sorted(int(item["category"]) for item in items) == [1, 1, 1, 2, 3, 3]
    for item in items:
        grey = 40 * int(item["category"]) / 127.5 - 1
        torch.testing.assert_close(item["image"], torch.full((3, 4, 4), grey))
        assert item["label"].shape == (4, 4) and not item["label"].any()
    assert data.category_names[2] == "2 objects" and data.num_classes == 1


def test_backgrounds_are_renders_of_no_object(renders):
    data = CarRenders(root=renders, objects=[0])
    assert len(data) == COUNTS[0] and {int(item["category"]) for item in data} == {0}


def test_rooms_and_white_backgrounds_are_other_folders(renders):
    assert len(CarRenders("test", root=renders, kind="indoor", objects=(1,), background=False)) == 1
    line = message(lambda: CarRenders("test", root=renders, objects=(1,), background=False))
    assert "car1_bg0" in line and "expected: ROOT/car1_bg1/train/SCENE/*.png" in line


@pytest.mark.parametrize("knobs, words", [
    ({"split": "dev"}, "choose one of train, val, test"), ({"kind": "fruit"}, "car, indoor"),
    ({"objects": ()}, "name numbers from 0 to 9"), ({"objects": (1, 10)}, "out of range"),
    ({"objects": (4,)}, "there is no folder"), ({"root": None}, "no folder given"),
    ({"count": 0}, "at least one")])
def test_renders_refuse_what_they_cannot_use(renders, knobs, words):
    assert words in message(lambda: CarRenders(**{"root": renders} | knobs))


def test_a_folder_without_pictures_is_refused(renders):
    (renders / "car5_bg1/train/000").mkdir(parents=True)
    assert "there is no image" in message(lambda: CarRenders(root=renders, objects=(5,)))


# --------------------------------------------------------------------------- Structured3D


def room(root, scene, position="0", furniture="empty", name="rgb_rawlight.png"):
    place = f"scene_{scene:05d}/2D_rendering/90/perspective/{furniture}/{position}/{name}"
    return save(root / place, photo(9, 16))


@pytest.fixture
def rooms(tmp_path):
    for scene in (2999, 0, 3000, 3250, 3499, 3500):
        room(tmp_path / "Structured3D", scene)
    for other in ({"furniture": "full"}, {"name": "albedo.png"}, {"position": "1"}):
        room(tmp_path / "Structured3D", 0, **other)
    panorama = "Structured3D/scene_00000/2D_rendering/90/panorama/empty/rgb_rawlight.png"
    save(tmp_path / panorama, photo())
    return tmp_path


@pytest.mark.parametrize("split, scenes", [
    ("train", [0, 0, 2999]), ("val", [3000]), ("test", [3250, 3499])])
def test_rooms_are_split_by_number_of_the_scene(rooms, split, scenes):
    data = dataset("structured3d", split, root=rooms, size=8)
    assert [int(f.image.parts[-7][6:]) for f in data.files] == scenes
    assert all(f.image.name == "rgb_rawlight.png" for f in data.files)
    assert data[0]["image"].shape == (3, 8, 8) and not data[0]["label"].any()


def test_every_scene_is_in_one_split():
    numbers = [n for first, last in PARTS.values() for n in range(first, last + 1)]
    assert numbers == list(range(3500))


def test_rooms_with_furniture_and_the_inner_folder_as_root(rooms):
    data = Structured3D(root=rooms / "Structured3D", furniture="full")
    assert len(data) == 1 and "full" in data.files[0].image.parts


@pytest.mark.parametrize("knobs, words", [
    ({"split": "dev"}, "choose one of train, val, test"),
    ({"furniture": "simple"}, "empty or full"),
    ({"split": "val", "furniture": "full"}, "no image of val, scenes 3000 to 3249"),
    ({"root": None}, "expected: ROOT/scene_00000/2D_rendering/ROOM/perspective/empty")])
def test_rooms_refuse_what_they_cannot_use(rooms, knobs, words):
    assert words in message(lambda: Structured3D(**{"root": rooms} | knobs))


def test_a_damaged_picture_is_named(rooms):
    path = room(rooms / "Structured3D", 1)
    path.write_bytes(b"no picture")
    data = Structured3D(root=rooms)
    index = [f.image for f in data.files].index(path)
    assert str(path) in message(lambda: data[index])
