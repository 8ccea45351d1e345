"""Readers of real datasets, on miniatures of the official trees."""

from pathlib import Path

import numpy as np
import pytest
import torch
from miniatures import message, photo, save
from PIL import Image
from torch.utils.data import DataLoader

from synthbook.datasets import images
from synthbook.datasets.cityscapes import CLASSES, Cityscapes
from synthbook.datasets.deepfashion import CIHP, DeepFashion, merge_cihp
from synthbook.datasets.folder import Folder
from synthbook.datasets.images import distinct_colours


# Cityscapes

NAMES = ["aachen_000000_000019", "bonn_000003_000019", "bonn_000012_000019"]


def frame_ids(k):
    """Label ids and instance ids of frame k: road, a building, two cars that touch, a group."""
    label = np.full((16, 32), 7, dtype=np.uint8)
    label[:6, 4 * k:4 * k + 8] = 11
    label[8:12, 4:16], label[13:, 20:] = 26, 24
    instance = label.astype(np.uint16)
    instance[8:12, 4:10], instance[8:12, 10:16] = 26_000, 26_001
    return label, instance


@pytest.fixture
def cityscapes(tmp_path):
    root = tmp_path / "cityscapes"
    for split in ("train", "val"):
        for k, name in enumerate(NAMES):
            place = f"{split}/{name.split('_')[0]}/{name}"
            label, instance = frame_ids(k)
            save(root / f"leftImg8bit/{place}_leftImg8bit.png", photo())
            save(root / f"leftImg8bit_blurred/{place}_leftImg8bit_blurred.png", photo())
            save(root / f"gtFine/{place}_gtFine_labelIds.png", label)
            save(root / f"gtFine/{place}_gtFine_instanceIds.png", instance)
            save(root / f"gtFine/{place}_gtFine_color.png", photo())
    return root


def one(root, pattern):
    return sorted(Path(root).rglob(pattern))[0]


def test_cityscapes_items_have_the_form_of_every_dataset(cityscapes):
    data = Cityscapes("val", root=cityscapes)
    batch = next(iter(DataLoader(data, batch_size=3)))
    assert batch["image"].shape == (3, 3, 256, 512) and batch["image"].dtype == torch.float32
    assert -1 <= batch["image"].min() < -0.5 and 0.5 < batch["image"].max() <= 1
    for key in ("label", "instance"):
        assert batch[key].shape == (3, 256, 512) and batch[key].dtype == torch.int64
    assert batch["index"].tolist() == [0, 1, 2]
    assert len(data) == 3 and data.name == "cityscapes"
    assert data.num_classes == len(data.class_names) == 35
    assert data.palette.shape == (35, 3) and data.palette.dtype == np.uint8
    with pytest.raises(IndexError):
        data[3]


def test_cityscapes_pairs_each_frame_with_its_own_maps(cityscapes):
    data = Cityscapes("train", root=cityscapes, size=(16, 32))
    for k, item in enumerate(data):
        label, instance = frame_ids(k)
        pixels = np.asarray(Image.open(data.files[k].image)).astype(np.float32)
        assert NAMES[k] in data.files[k].image.name
        assert (item["label"].numpy() == label).all()
        assert (item["instance"].numpy() == np.where(instance >= 1000, instance, 0)).all()
        assert torch.allclose(item["image"], torch.from_numpy(pixels / 127.5 - 1).movedim(-1, 0))


def test_cityscapes_knows_the_official_ids_and_no_other(cityscapes):
    path = one(cityscapes, "train/**/*labelIds.png")
    for value in range(256):
        save(path, np.full((16, 32), value, dtype=np.uint8))
        data = Cityscapes(root=cityscapes, size=4)
        if value < 34 or value == 255:
            assert (data[0]["label"] == min(value, 34)).all()
        else:
            line = message(lambda: data[0])
            assert f"unknown label id {value}; known are 0..33, 255" in line and str(path) in line
    names = dict(CLASSES)
    assert [CLASSES[i][0] for i in (0, 7, 26, 33, 34)] == [
        "unlabeled", "road", "car", "bicycle", "license plate"]
    assert names["license plate"] == names["car"] and names["road"] == (128, 64, 128)


def test_cityscapes_edges_are_those_of_the_official_instance_ids(cityscapes):
    data = Cityscapes(root=cityscapes, size=(16, 32), edges=True)
    raw = torch.from_numpy(frame_ids(1)[1].astype(np.int64))
    expected = images.edges(raw, torch.zeros_like(raw))
    assert torch.equal(data[1]["edge"], expected)
    assert expected[10, 9] == expected[10, 10] == 1 and expected[10, 7] == 0
    assert "edges=True" in message(lambda: Cityscapes(root=cityscapes, edges=True, instances=False))


def test_cityscapes_number_as_size_is_the_height_of_a_wide_frame(cityscapes):
    assert Cityscapes(root=cityscapes, size=8)[0]["image"].shape == (3, 8, 16)
    assert "size" in message(lambda: Cityscapes(root=cityscapes, size=(8, 0)))


def test_cityscapes_reads_the_blurred_frames_when_asked(cityscapes):
    plain = Cityscapes(root=cityscapes, size=8)
    blurred = Cityscapes(root=cityscapes, size=8, blurred=True)
    assert torch.equal(plain[1]["label"], blurred[1]["label"])
    assert not torch.equal(plain[1]["image"], blurred[1]["image"])
    assert blurred.files[1].image.parts[-4] == "leftImg8bit_blurred"


def test_cityscapes_without_instance_maps(cityscapes):
    for path in cityscapes.rglob("*instanceIds.png"):
        path.unlink()
    line = message(lambda: Cityscapes(root=cityscapes))
    assert "instanceIds.png (2 more are missing)" in line
    assert (Cityscapes(root=cityscapes, instances=False, size=4)[0]["instance"] == 0).all()


def test_cityscapes_refuses_a_wrong_tree_and_names_the_right_one(cityscapes, tmp_path):
    tree = "expected: ROOT/leftImg8bit/train/<city>/*_leftImg8bit.png and ROOT/gtFine/train/<city>/"
    line = message(lambda: Cityscapes())
    assert "no folder given" in line and tree in line
    line = message(lambda: Cityscapes(root=tmp_path / "nowhere"))
    assert f"no folder {tmp_path / 'nowhere'};" in line and tree in line
    line = message(lambda: Cityscapes(root=cityscapes / "leftImg8bit"))
    assert f"no folder {cityscapes / 'leftImg8bit/leftImg8bit/train'};" in line and tree in line
    assert "no folder" in message(lambda: Cityscapes("test", root=cityscapes))
    (cityscapes / "leftImg8bit/test/berlin").mkdir(parents=True)
    assert "gtFine/test;" in message(lambda: Cityscapes("test", root=cityscapes))
    (cityscapes / "gtFine/test").mkdir()
    assert "there is no image in" in message(lambda: Cityscapes("test", root=cityscapes))
    line = message(lambda: Cityscapes("dev", root=cityscapes))
    assert line == "unknown split 'dev': choose one of train, val, test"
    label = one(cityscapes, "train/**/*labelIds.png")
    label.unlink()
    line = message(lambda: Cityscapes(root=cityscapes))
    assert str(label) in line and NAMES[0] in line and tree in line


def test_cityscapes_refuses_maps_that_do_not_fit(cityscapes):
    data = Cityscapes(root=cityscapes, size=4)
    save(data.files[0].label, np.zeros((8, 16), dtype=np.uint8))
    line = message(lambda: data[0])
    assert "16x8" in line and "32x16" in line and str(data.files[0].label) in line
    save(data.files[1].instance, np.zeros((8, 16), dtype=np.uint16))
    assert str(data.files[1].instance) in message(lambda: data[1])
    whole = data.files[2].image.read_bytes()
    data.files[2].image.write_bytes(whole[:len(whole) // 2])
    line = message(lambda: data[2])
    assert str(data.files[2].image) in line and "damaged" in line


# Flips and counts, common to all readers


def test_flip_mirrors_all_maps_together_and_only_by_seed_epoch_and_index(cityscapes):
    plain = Cityscapes(root=cityscapes, size=(16, 32), edges=True)
    flipped = Cityscapes(root=cityscapes, size=(16, 32), edges=True, flip=True, seed=3)
    again = Cityscapes(root=cityscapes, size=(16, 32), edges=True, flip=True, seed=3)
    seen = set()
    for epoch in range(6):
        flipped.epoch = again.epoch = epoch
        for i in (2, 0, 1):
            item, base = flipped[i], plain[i]
            seen.add((i, flipped.mirrored(i)))
            for key in ("image", "label", "instance", "edge"):
                expected = base[key].flip(-1) if flipped.mirrored(i) else base[key]
                assert torch.equal(item[key], expected)
                assert torch.equal(item[key], again[i][key])
    assert len(seen) == 6
    share = np.mean([flipped.mirrored(i) for i in range(1000)])
    assert 0.45 < share < 0.55
    other = Cityscapes(root=cityscapes, flip=True, seed=4)
    assert any(other.mirrored(i) != flipped.mirrored(i) for i in range(20))


def test_count_keeps_evenly_spaced_items(tmp_path):
    for k in range(10):
        save(tmp_path / f"train/{k}.png", photo(4, 4))
    kept = Folder(root=tmp_path, count=4).files
    assert [f.image.name for f in kept] == ["0.png", "2.png", "5.png", "7.png"]
    assert len(Folder(root=tmp_path, count=99)) == 10
    assert "count 0" in message(lambda: Folder(root=tmp_path, count=0))


# DeepFashion


@pytest.fixture
def deepfashion(tmp_path):
    root = tmp_path / "deepfashion"
    mask = np.kron(np.arange(20, dtype=np.uint8).reshape(4, 5), np.ones((3, 2), dtype=np.uint8))
    for split in ("train", "test"):
        for name in ("MEN/Denim/id_00000080/01_1_front", "flat"):
            save(root / split / f"{name}.jpg", photo(12, 10))
            save(root / f"cihp_{split}_mask/{name}.png", mask)
            save(root / f"cihp_{split}_mask/{name}_vis.png", photo(12, 10))
    return root


@pytest.mark.parametrize("part, merged", [
    ("background", "background"), ("hat", "hair"), ("hair", "hair"), ("glove", "top-clothes"),
    ("sunglasses", "face"), ("upper-clothes", "top-clothes"), ("dress", "top-clothes"),
    ("coat", "top-clothes"), ("socks", "socks"), ("pants", "bottom-clothes"),
    ("torso-skin", "skin"), ("scarf", "top-clothes"), ("skirt", "bottom-clothes"),
    ("face", "face"), ("left-arm", "skin"), ("right-arm", "skin"), ("left-leg", "skin"),
    ("right-leg", "skin"), ("left-shoe", "shoes"), ("right-shoe", "shoes")])
def test_each_cihp_class_goes_to_its_merged_class(part, merged):
    label = torch.full((2, 3), [name for name, _ in CIHP].index(part))
    out = merge_cihp(label)
    assert out.shape == (2, 3) and out.dtype == torch.int64
    assert {DeepFashion.class_names[k] for k in out.unique()} == {merged}


def test_merge_uses_the_order_of_cihp_and_refuses_other_ids():
    assert [name for name, _ in CIHP][:6] == [
        "background", "hat", "hair", "glove", "sunglasses", "upper-clothes"]
    assert [CIHP[i][0] for i in (9, 10, 13, 18, 19)] == [
        "pants", "torso-skin", "face", "left-shoe", "right-shoe"]
    assert set(merge_cihp(torch.arange(20)).tolist()) == set(range(8))
    for wrong in (-1, 20):
        assert "0..19" in message(lambda wrong=wrong: merge_cihp(torch.tensor([3, wrong])))


def test_deepfashion_reads_flat_and_nested_names_and_merges(deepfashion):
    data = DeepFashion("test", root=deepfashion, size=(12, 10))
    assert len(data) == 2 and data.num_classes == 8 and data.palette.shape == (8, 3)
    assert len({tuple(colour) for colour in data.palette}) == 8
    for item in data:
        raw = torch.arange(20).reshape(4, 5).repeat_interleave(3, 0).repeat_interleave(2, 1)
        assert torch.equal(item["label"], merge_cihp(raw))
        assert (item["instance"] == 0).all() and item["instance"].shape == (12, 10)
    assert DeepFashion(root=deepfashion)[0]["image"].shape == (3, 256, 256)


def test_deepfashion_masks_merged_beforehand_are_read_only_when_said_so(deepfashion):
    raw = deepfashion / "cihp_train_mask/flat.png"
    assert "unknown label id 8; known are 0..7" in message(
        lambda: DeepFashion(root=deepfashion, merged=True)[0])
    for path in (deepfashion / "cihp_train_mask").rglob("*[!s].png"):
        save(path, np.asarray(Image.open(path)) % 8)
    assert "merged=True" in message(lambda: DeepFashion(root=deepfashion))
    item = DeepFashion(root=deepfashion, merged=True, size=(12, 10))[1]
    assert (item["label"].numpy() == np.asarray(Image.open(raw))).all()


def test_deepfashion_refuses_a_wrong_tree_and_names_the_right_one(deepfashion, tmp_path):
    tree = "expected: ROOT/train/NAME.jpg and ROOT/cihp_train_mask/NAME.png"
    assert tree in message(lambda: DeepFashion())
    assert tree in message(lambda: DeepFashion(root=tmp_path / "nowhere"))
    assert "has train and test" in message(lambda: DeepFashion("val", root=deepfashion))
    mask = deepfashion / "cihp_train_mask/flat.png"
    for value, part in ((20, "known are 0..19"), (255, "unknown label id 255")):
        save(mask, np.full((12, 10), value, dtype=np.uint8))
        assert part in message(lambda: DeepFashion(root=deepfashion)[1])
    save(mask, np.zeros((10, 12), dtype=np.uint8))
    assert "12x10" in message(lambda: DeepFashion(root=deepfashion)[1])
    mask.write_bytes(b"")
    assert str(mask) in message(lambda: DeepFashion(root=deepfashion)[1])
    mask.unlink()
    line = message(lambda: DeepFashion(root=deepfashion))
    assert str(mask) in line and tree in line
    for path in (deepfashion / "train").rglob("*.jpg"):
        path.unlink()
    assert "no image in" in message(lambda: DeepFashion(root=deepfashion))


# Any folder


def test_folder_reads_any_tree_and_formats_and_crops_the_centre(tmp_path):
    wide = np.zeros((8, 20, 3), dtype=np.uint8)
    wide[:, 6:14] = 255
    save(tmp_path / "a.PNG", wide)
    save(tmp_path / "b/c.jpg", wide)
    save(tmp_path / "b/d/e.webp", wide)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "._a.png").write_bytes(b"a ghost")
    (tmp_path / "b/loop").symlink_to(tmp_path)
    data = Folder(root=tmp_path, size=8)
    assert [str(f.image.relative_to(tmp_path)) for f in data.files] == [
        "a.PNG", "b/c.jpg", "b/d/e.webp"]
    assert torch.equal(data[0]["image"], torch.ones(3, 8, 8))
    assert all(item["image"].mean() > 0.9 for item in data)
    assert (data[0]["label"] == 0).all() and (data[0]["instance"] == 0).all()
    assert data.class_names == ("image",) and data.num_classes == 1


def test_folder_splits_are_disjoint_and_complete(tmp_path):
    for k in range(25):
        save(tmp_path / f"{k:02d}.png", photo(4, 4))
    parts = {s: {f.image.name for f in Folder(s, root=tmp_path).files}
             for s in ("train", "val", "test")}
    assert sorted(set.union(*parts.values())) == [f"{k:02d}.png" for k in range(25)]
    assert sum(map(len, parts.values())) == 25
    assert [len(parts[s]) for s in ("train", "val", "test")] == [21, 2, 2]


def test_folder_follows_split_folders_where_there_are_any(tmp_path):
    save(tmp_path / "train/a.png", photo(4, 4))
    save(tmp_path / "val/b.png", photo(4, 4))
    assert [f.image.name for f in Folder("val", root=tmp_path).files] == ["b.png"]
    line = message(lambda: Folder("test", root=tmp_path))
    assert "has train, val but no test" in line


def test_folder_reads_labels_of_the_same_name(tmp_path):
    ids = np.array([[0, 1], [2, 1]], dtype=np.uint8)
    for name in ("a", "b/c"):
        save(tmp_path / f"photos/{name}.jpg", photo(2, 2))
        save(tmp_path / f"maps/{name}.png", ids)
    knobs = {"root": tmp_path / "photos", "labels": tmp_path / "maps", "size": 2}
    data = Folder(**knobs, classes=("sky", "sea", "sand"))
    assert len(data) == 2 and (data[1]["label"].numpy() == ids).all()
    assert data.class_names == ("sky", "sea", "sand") and data.palette.shape == (3, 3)
    assert Folder(**knobs, classes=5).class_names[4] == "class 4"
    line = message(lambda: Folder(**knobs, classes=2)[0])
    assert "unknown label id 2; known are 0..1" in line
    assert "classes=K" in message(lambda: Folder(**knobs))
    assert "at least one" in message(lambda: Folder(**knobs, classes=0))
    (tmp_path / "maps/b/c.png").unlink()
    assert str(tmp_path / "maps/b/c.png") in message(lambda: Folder(**knobs, classes=3))


def test_folder_refuses_what_it_cannot_use(tmp_path):
    expected = "expected: PNG, JPEG or WebP images anywhere under ROOT"
    assert "no folder given" in message(lambda: Folder())
    assert expected in message(lambda: Folder(root=tmp_path / "nowhere"))
    line = message(lambda: Folder(root=tmp_path))
    assert "no image in" in line and expected in line
    save(tmp_path / "a.png", photo(4, 4))
    assert "1 images, too few for val" in message(lambda: Folder("val", root=tmp_path))
    assert "unknown split" in message(lambda: Folder("dev", root=tmp_path))
    (tmp_path / "a.png").write_text("words")
    assert "not an image" in message(lambda: Folder(root=tmp_path)[0])


def test_distinct_colours_are_distinct():
    assert len({tuple(colour) for colour in distinct_colours(150)}) == 150
