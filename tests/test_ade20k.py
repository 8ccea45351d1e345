"""The reader of ADE20K, on a miniature of the official tree, and boxes around pieces of things."""

import numpy as np
import pytest
import torch
from miniatures import message, photo, save
from torch.utils.data import DataLoader

from synthbook.bachgan.layout import boxes_of
from synthbook.datasets import dataset
from synthbook.datasets.ade20k import NAMES, STUFF, THINGS, UNKNOWN, ADE20K, pieces
from synthbook.datasets.things import things

SKY, CAR, PERSON = (NAMES.index(name) for name in ("sky", "car", "person"))


def annotation(k):
    """Ids of scene k: sky over what is not annotated, two cars, a person with a hole, a speck."""
    ids = np.zeros((32, 48), np.uint8)
    ids[:16] = SKY + 1
    ids[18:26, 2 + k:14] = CAR + 1
    ids[18:26, 16:30] = CAR + 1
    ids[4:30, 34:44] = PERSON + 1
    ids[10:20, 37:41] = SKY + 1  # seen through the arms
    ids[28:30, 4:6] = CAR + 1
    return ids


@pytest.fixture
def root(tmp_path):
    for part, short in (("training", "train"), ("validation", "val")):
        for k in range(3):
            name = f"{part}/ADE_{short}_{k + 1:08d}"
            save(tmp_path / f"ADEChallengeData2016/images/{name}.jpg", photo(32, 48))
            save(tmp_path / f"ADEChallengeData2016/annotations/{name}.png", annotation(k))
    return tmp_path / "ADEChallengeData2016"


# ---------------------------------------------------------------------------- the classes


def test_the_official_split_has_35_classes_of_stuff_and_115_of_things():
    assert len(NAMES) == len(set(NAMES)) == UNKNOWN == 150
    assert (len(set(STUFF)), len(THINGS)) == (35, 115)
    assert not set(STUFF) & set(THINGS) and UNKNOWN not in THINGS
    ids = {name: NAMES.index(name) + 1 for name in ("wall", "person", "car", "bus", "flag")}
    assert ids == {"wall": 1, "person": 13, "car": 21, "bus": 81, "flag": 150}
    assert {"sky", "water", "lake", "pier"} <= {NAMES[c] for c in STUFF}
    assert {"tree", "rock", "car", "flag"} <= {NAMES[c] for c in THINGS}


def test_things_are_asked_of_the_data(root):
    assert things(ADE20K(root=root)) == THINGS


# ------------------------------------------------------------------------------ the reader


def test_items_have_the_form_of_every_dataset(root):
    data = dataset("ade20k", "val", root=root)
    batch = next(iter(DataLoader(data, batch_size=3)))
    assert batch["image"].shape == (3, 3, 256, 256) and batch["image"].dtype == torch.float32
    for key in ("label", "instance"):
        assert batch[key].shape == (3, 256, 256) and batch[key].dtype == torch.int64
    assert batch["index"].tolist() == [0, 1, 2]
    assert len(data) == 3 and data.num_classes == len(data.class_names) == 151
    assert data.palette.shape == (151, 3) and data.palette.dtype == np.uint8
    assert len({tuple(colour) for colour in data.palette}) == 151


def test_ids_become_classes_and_what_is_not_annotated_is_unknown(root):
    data = ADE20K(root=root, size=(32, 48))
    for k, item in enumerate(data):
        ids = annotation(k).astype(int)
        assert f"{k + 1:08d}" in data.files[k].image.name
        assert (item["label"].numpy() == np.where(ids, ids - 1, 150)).all()
    path = data.files[0].label
    save(path, np.full((32, 48), 150, np.uint8))
    assert (data[0]["label"] == 149).all()
    save(path, np.full((32, 48), 151, np.uint8))
    line = message(lambda: data[0])
    assert "unknown label id 151; known are 0..150" in line and str(path) in line


def test_root_is_the_unpacked_folder_or_the_one_around_it(root):
    inside, around = (ADE20K(root=one, size=8) for one in (root, root.parent))
    assert inside.files == around.files
    assert ADE20K("val", root=root).files[0].image.name == "ADE_val_00000001.jpg"


def test_a_wrong_tree_is_refused_and_the_right_one_named(root):
    tree = ("expected: ROOT/images/training/ADE_train_*.jpg and "
            "ROOT/annotations/training/ADE_train_*.png, ROOT=ADEChallengeData2016")
    assert "no folder given" in message(lambda: ADE20K()) and tree in message(lambda: ADE20K())
    line = message(lambda: ADE20K(root=root / "images"))
    assert f"no folder {root / 'images/images/training'};" in line and tree in line
    assert message(lambda: ADE20K("test", root=root)) == (
        "unknown split 'test': ADE20K has train and val")
    assert "least=-1 is out of range" in message(lambda: ADE20K(root=root, least=-1))
    missing = root / "annotations/training/ADE_train_00000002.png"
    missing.unlink()
    line = message(lambda: ADE20K(root=root))
    assert str(missing) in line and tree in line
    for path in (root / "images/training").iterdir():
        path.unlink()
    assert "no image in" in message(lambda: ADE20K(root=root))
    small = root / "annotations/validation/ADE_val_00000001.png"
    save(small, annotation(0)[:16])
    line = message(lambda: ADE20K("val", root=root)[0])
    assert "48x16" in line and "48x32" in line and str(small) in line


def test_a_mirrored_item_has_the_same_instances_mirrored(root):
    plain, flipped = (ADE20K(root=root, size=(32, 48), flip=f) for f in (False, True))
    seen = set()
    for flipped.epoch in range(6):
        for i in range(3):
            seen.add(flipped.mirrored(i))
            for key in ("image", "label", "instance"):
                expected = plain[i][key]
                assert torch.equal(flipped[i][key], expected.flip(-1) if flipped.mirrored(i)
                                   else expected)
    assert seen == {True, False}


# ------------------------------------------------------------------------ pieces and boxes


def test_boxes_are_drawn_around_pieces_of_things(root):
    item = ADE20K(root=root, size=(32, 48))[1]
    boxes = boxes_of(item["label"].numpy(), item["instance"].numpy(), THINGS)
    assert boxes.tolist() == [[PERSON, 34, 4, 44, 30], [CAR, 3, 18, 14, 26],
                              [CAR, 16, 18, 30, 26]]
    assert (item["instance"].numpy()[10:20, 37:41] == 0).all()  # the hole is sky
    every = ADE20K(root=root, size=(32, 48), least=0)[1]
    assert [CAR, 4, 28, 6, 30] in boxes_of(
        every["label"].numpy(), every["instance"].numpy(), THINGS).tolist()


def slow(mask):
    """Pieces of a mask by flooding from every pixel, corners included; sets of pixels."""
    left, found = {tuple(p) for p in np.argwhere(mask)}, []
    while left:
        piece, edge = set(), {min(left)}
        while edge:
            piece |= edge
            edge = {(y + dy, x + dx) for y, x in edge for dy in (-1, 0, 1) for dx in (-1, 0, 1)}
            edge = (edge & left) - piece
        left -= piece
        found.append(piece)
    return found


@pytest.mark.parametrize("least", [0, 6, 30])
def test_pieces_equal_a_flood(least):
    label = np.random.default_rng(0).choice([SKY, CAR, PERSON, UNKNOWN], (14, 18), p=[
        0.3, 0.3, 0.3, 0.1])
    expected = []
    for c in (PERSON, CAR):
        for piece in slow(label == c):
            height, width = (max(p[k] for p in piece) - min(p[k] for p in piece) for k in (0, 1))
            if height * width >= least:
                expected.append(piece)
    made = pieces(label, least=least)
    parts = [{tuple(p) for p in np.argwhere(made == k)} for k in range(1, made.max() + 1)]
    assert parts == expected and len(expected) > (least < 30)


def test_stuff_and_the_unknown_have_no_pieces():
    assert not pieces(np.full((20, 20), SKY)).any() and not pieces(np.full((20, 20), UNKNOWN)).any()
    assert pieces(np.full((20, 20), SKY), things=(SKY,)).all()
    edge = np.full((7, 6), CAR)  # 6 x 5 between first and last: just enough
    assert pieces(edge).all() and not pieces(edge[:, :5]).any()
