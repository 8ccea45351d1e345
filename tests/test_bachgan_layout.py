"""Boxes: the layout they make, the discriminator's target, boxes from truth, refusals."""

import numpy as np
import pytest
import torch
from few_boxes import CLASSES, SIZE, THINGS, random_boxes
from miniatures import photo, save

from synthbook.bachgan import layout_of, rasterise
from synthbook.bachgan.layout import boxes_of, checked, pack, target
from synthbook.datasets import dataset
from synthbook.datasets.things import things, wholes
from synthbook.files import BookError


def test_a_layout_is_the_union_of_each_classs_boxes():
    rng = np.random.default_rng(0)
    for _ in range(20):
        boxes = random_boxes(rng)
        slow = np.zeros((CLASSES, *SIZE), np.float32)
        for c, x0, y0, x1, y1 in boxes:
            for y in range(y0, y1):
                for x in range(x0, x1):
                    slow[c, y, x] = 1
        assert np.array_equal(layout_of(boxes, THINGS, CLASSES, SIZE), slow)


def test_packed_boxes_of_several_pictures_are_painted_alike():
    rng = np.random.default_rng(1)
    pictures = [random_boxes(rng), np.zeros((0, 5), np.int64), random_boxes(rng)[:2]]
    packed = pack(pictures, most=9)
    assert packed.shape == (3, 9, 5) and (packed[1, :, 0] == -1).all()
    for one, boxes in zip(rasterise(packed, CLASSES, SIZE), pictures):
        assert torch.equal(one, layout_of(boxes, THINGS, CLASSES, SIZE))


@pytest.mark.parametrize("boxes, same_as", [
    ([], []),
    ([[2, -3, -3, 5, 5]], [[2, 0, 0, 5, 5]]),
    ([[2, 20, 10, 99, 99]], [[2, 20, 10, 24, 16]]),
    ([[2, 30, 0, 40, 5]], []),
    ([[2, 4, 4, 4, 9]], []),
    ([[3, 1, 1, 5, 5], [3, 1, 1, 5, 5]], [[3, 1, 1, 5, 5]]),
    ([[3, 1, 1, 5, 5], [3, 2, 2, 4, 4]], [[3, 1, 1, 5, 5]]),
    (np.array([[2.0, 1.0, 1.0, 5.0, 5.0]]), [[2, 1, 1, 5, 5]])])
def test_what_odd_boxes_mean(boxes, same_as):
    first, second = (layout_of(b, THINGS, CLASSES, SIZE) for b in (boxes, same_as))
    assert torch.equal(first, second) and first.any() == bool(same_as)


def test_boxes_of_two_classes_overlap():
    layout = layout_of([[2, 0, 0, 6, 6], [5, 3, 3, 9, 9]], THINGS, CLASSES, SIZE)
    assert layout[:, 4, 4].tolist() == [0, 0, 1, 0, 0, 1]
    assert layout.sum(0).max() == 2


@pytest.mark.parametrize("boxes, message", [
    ([[4, 0, 0, 3, 3]], "class 4 cannot be placed: boxes name things, classes 2, 3, 5"),
    ([[9, 0, 0, 3, 3]], "class 9 cannot be placed"),
    ([[2, 5, 0, 3, 3]], "ends before it begins"),
    ([[2, 0.5, 0, 3, 3]], "not whole"), ([[2, float("nan"), 0, 3, 3]], "not whole"),
    ([[2, 0, 0, 3]], "cannot be read"), ([2, 0, 0, 3, 3], "cannot be read"),
    ([["a", "b", "c", "d", "e"]], "cannot be read")])
def test_wrong_boxes_are_refused_in_one_line(boxes, message):
    with pytest.raises(BookError, match=message) as caught:
        layout_of(boxes, THINGS, CLASSES, SIZE)
    assert "\n" not in str(caught.value)


def test_the_discriminators_target_knows_the_boxes_alone():
    rows = [[5, 0, 0, 10, 10], [2, 4, 4, 8, 8], [3, 4, 4, 8, 8]]
    for order in (rows, rows[::-1]):
        map_ = target(pack([checked(order, THINGS, SIZE)]), THINGS, SIZE)[0]
        assert map_[2, 2] == 2 and map_[12, 12] == 3  # things 2, 3, 5 are 0, 1, 2; none is 3
        assert map_[5, 5] == 0  # the smallest box; among equals the lower class
    empty = target(pack([np.zeros((0, 5))]), THINGS, SIZE)
    assert (empty == 3).all()


def test_the_target_agrees_with_the_layout():
    packed = pack([random_boxes(np.random.default_rng(k)) for k in range(6)])
    layout, map_ = rasterise(packed, CLASSES, SIZE), target(packed, THINGS, SIZE)
    assert torch.equal(map_ == len(THINGS), layout.amax(1) == 0)
    for t, c in enumerate(THINGS):
        assert (layout[:, c][map_ == t] == 1).all()
        alone = (layout[:, c] == 1) & (layout.sum(1) == 1)
        assert (map_[alone] == t).all()


def test_boxes_from_maps_are_the_datasets_own():
    data = dataset("places", "val", size=32, count=8)
    assert things(data) == tuple(range(8, 16))
    for i in range(8):
        rendered = data.render(data.scene(i))
        found = boxes_of(rendered.label, rendered.instance, things(data))
        assert np.array_equal(found, data.boxes(data.scene(i)))
        assert len(boxes_of(rendered.label, rendered.instance, (8,))) == (found[:, 0] == 8).sum()
    background = np.zeros((8, 8), int)
    assert boxes_of(background, background, THINGS).shape == (0, 5)


def test_a_car_is_one_thing_with_all_its_parts():
    data = dataset("cars", "val", size=32, count=8)
    whole = wholes(data)
    assert things(data) == (2,) and whole.tolist() == [0, 1, 2, 2, 2, 2]
    for i in range(8):
        rendered = data.render(data.scene(i))
        found = boxes_of(whole[rendered.label], rendered.instance, things(data))
        assert np.array_equal(found, data.boxes(data.scene(i))) and len(found)
    assert np.array_equal(wholes(dataset("places", classes=16)), np.arange(16))


def test_things_of_cityscapes_are_people_and_vehicles(tmp_path):
    stem = "bonn/bonn_000000_000001_"
    save(tmp_path / f"leftImg8bit/val/{stem}leftImg8bit.png", photo())
    label, instance = np.full((16, 32), 7, np.uint8), np.full((16, 32), 7, np.uint16)
    for number, columns in enumerate((slice(2, 8), slice(6, 12))):  # the second hides the first
        label[4:10, columns], instance[4:10, columns] = 26, 26_000 + number
    label[0:3, 0:3], instance[0:3, 0:3] = 26, 26  # a group has no instance
    save(tmp_path / f"gtFine/val/{stem}gtFine_labelIds.png", label)
    save(tmp_path / f"gtFine/val/{stem}gtFine_instanceIds.png", instance)
    data = dataset("cityscapes", "val", root=tmp_path, size=(16, 32))
    assert [data.class_names[c] for c in things(data)] == [
        "person", "rider", "car", "truck", "bus", "caravan", "trailer", "train", "motorcycle",
        "bicycle"]
    item = data[0]
    boxes = boxes_of(item["label"].numpy(), item["instance"].numpy(), things(data))
    assert boxes.tolist() == [[26, 2, 4, 6, 10], [26, 6, 4, 12, 10]]


@pytest.mark.parametrize("classes, first", [(8, 4), (16, 8), (40, 19)])
def test_things_are_the_classes_of_sprites(classes, first):
    data = dataset("places", classes=classes)
    assert things(data) == tuple(range(first, classes))
    assert {"sky", "grass", "ground", "sea"} & set(data.class_names[first:]) == set()
    with pytest.raises(BookError, match="no things"):
        things(dataset("faces"))
