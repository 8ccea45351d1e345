"""Decoding, resizing, cropping and borders: what the readers of real datasets share."""

import io

import numpy as np
import pytest
import torch
from miniatures import RNG, message, photo, save
from PIL import Image

from synthbook.datasets import images
from synthbook.files import BookError


@pytest.mark.parametrize("old", [(7, 9), (16, 32), (5, 5)])
@pytest.mark.parametrize("new", [(7, 9), (3, 4), (16, 10), (1, 1)])
def test_ids_are_resized_as_by_a_slow_loop(old, new):
    ids = RNG.integers(0, 200, old, dtype=np.uint8)
    slow = [[ids[int((i + 0.5) * old[0] / new[0]), int((j + 0.5) * old[1] / new[1])]
             for j in range(new[1])] for i in range(new[0])]
    assert (images.resize_ids(ids.astype(np.int64), new) == np.array(slow)).all()


@pytest.mark.parametrize("new", [(8, 16), (2, 4), (1, 2), (16, 32)])
def test_ids_are_resized_as_by_pillow_at_the_papers_ratio(new):
    ids = RNG.integers(0, 200, (8, 16), dtype=np.uint8)
    pillow = Image.fromarray(ids).resize((new[1], new[0]), Image.Resampling.NEAREST)
    assert (images.resize_ids(ids, new) == np.asarray(pillow)).all()


def test_photograph_and_ids_stay_aligned_when_resized():
    ids = np.kron(RNG.integers(0, 2, (8, 8)), np.ones((8, 8), dtype=np.int64))
    picture = Image.fromarray((ids * 255).astype(np.uint8)).convert("RGB")
    small = images.resize_image(picture, (16, 16))
    assert ((small[..., 0] > 127) == images.resize_ids(ids, (16, 16))).all()


@pytest.mark.parametrize("width, height, size",
                         [(40, 20, (8, 8)), (20, 40, (8, 8)), (21, 9, (4, 6)), (9, 9, (4, 4))])
def test_centre_box_is_the_largest_centred_box_of_the_aspect(width, height, size):
    left, top, right, bottom = images.centre_box(width, height, size)
    assert 0 <= left <= right <= width and 0 <= top <= bottom <= height
    assert right - left == width or bottom - top == height
    assert abs(left - (width - right)) <= 1 and abs(top - (height - bottom)) <= 1
    assert abs((right - left) * size[0] - (bottom - top) * size[1]) <= max(size)


def test_edges_mark_every_pixel_that_differs_from_a_neighbour():
    label = torch.from_numpy(RNG.integers(0, 3, (2, 6, 7)))
    instance = torch.from_numpy(RNG.integers(0, 2, (2, 6, 7)))
    slow = torch.zeros(2, 6, 7)
    for b, i, j in np.ndindex(2, 6, 7):
        for y, x in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
            if 0 <= y < 6 and 0 <= x < 7:
                same = (label[b, y, x] == label[b, i, j]) & (instance[b, y, x] == instance[b, i, j])
                slow[b, i, j] = max(slow[b, i, j], float(~same))
    assert torch.equal(images.edges(label, instance), slow)
    assert images.edges(label, instance).dtype == torch.float32


@pytest.mark.parametrize("array", [photo(6, 5), RNG.integers(0, 9, (6, 5), dtype=np.uint8)])
def test_png_cut_anywhere_is_refused_or_loses_nothing(tmp_path, array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    whole, refused = buffer.getvalue(), 0
    for length in range(len(whole)):
        path = tmp_path / "cut.png"
        path.write_bytes(whole[:length])
        try:
            assert (np.asarray(images.decode(path)) == array).all()
        except BookError as error:
            refused += 1
            assert str(path) in str(error) and "\n" not in str(error)
    assert refused > 0.7 * len(whole)


def test_missing_file_says_so(tmp_path):
    assert "does not exist" in message(lambda: images.decode(tmp_path / "no.png"))


def test_transparent_pixels_become_white(tmp_path):
    array = np.zeros((2, 2, 4), dtype=np.uint8)
    array[0, :, 3] = 255
    read = np.asarray(images.read_image(save(tmp_path / "a.png", array)))
    assert (read[0] == 0).all() and (read[1] == 255).all()


def test_photograph_lying_on_its_side_is_turned_upright(tmp_path):
    picture, exif = Image.fromarray(photo(4, 10)), Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "a.png", exif=exif)
    upright = images.read_image(tmp_path / "a.png")
    assert upright.size == (4, 10)
    assert (np.asarray(upright) == np.rot90(np.asarray(picture), -1)).all()


def test_deep_photograph_and_coloured_label_map_are_refused(tmp_path):
    deep = save(tmp_path / "deep.png", np.full((2, 2), 40_000, dtype=np.uint16))
    assert "8-bit" in message(lambda: images.read_image(deep))
    assert "one channel" in message(lambda: images.read_ids(save(tmp_path / "c.png", photo(2, 2))))


def test_ids_survive_palette_and_sixteen_bits(tmp_path):
    ids = np.array([[0, 3], [7, 1]], dtype=np.uint8)
    picture = Image.fromarray(ids)
    picture.putpalette(RNG.integers(0, 256, 768, dtype=np.uint8).tobytes())
    picture.save(tmp_path / "palette.png")
    assert picture.mode == "P"
    assert (images.read_ids(tmp_path / "palette.png") == ids).all()
    deep = save(tmp_path / "deep.png", ids.astype(np.uint16) * 5_000)
    assert (images.read_ids(deep) == ids.astype(np.int64) * 5_000).all()
