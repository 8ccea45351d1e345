"""Retrieval: exact scores and ranking, whatever the boxes; a bank in parts; what is refused."""

import runpy
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from synthbook import metrics
from synthbook.bachgan import MemoryBank, layout_of, search
from synthbook.bachgan.layout import boxes_of
from synthbook.bachgan.retrieval import disjoint, integral, without
from synthbook.datasets import dataset
from synthbook.files import BookError

ROOT = Path(__file__).resolve().parent.parent
THINGS, CLASSES, SIZE = (2, 3, 5), 6, (20, 24)


def random_labels(count, seed=0):
    """Label maps (N, H, W) of overlapping rectangles of all classes; some classes are rare."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((count, *SIZE), np.uint8)
    for label in labels:
        for _ in range(rng.integers(1, 7)):
            y, x = rng.integers(0, SIZE[0]), rng.integers(0, SIZE[1])
            h, w = rng.integers(1, 12, 2)
            label[y:y + h, x:x + w] = rng.integers(CLASSES)
    return labels


def random_boxes(rng, least=1):
    """Up to six boxes, many of them overlapping, some outside, without area or twice."""
    rows = []
    for _ in range(rng.integers(least, 7)):
        x, y = rng.integers(-4, SIZE[1]), rng.integers(-4, SIZE[0])
        w, h = rng.integers(0, 14, 2)
        rows.append((rng.choice(THINGS), x, y, x + w, y + h))
    if rng.random() < 0.3 and rows:
        rows.append(rows[0])
    return np.array(rows, np.int64).reshape(-1, 5)


def slow_scores(labels, boxes):
    """The sheet's formula as it stands: paint every box, count every pixel; exact fractions."""
    painted = {c: np.zeros(SIZE, bool) for c in THINGS}
    for c, x0, y0, x1, y1 in boxes.tolist():
        for y in range(max(y0, 0), min(y1, SIZE[0])):
            for x in range(max(x0, 0), min(x1, SIZE[1])):
                painted[c][y, x] = True
    asked = [c for c in THINGS if painted[c].any()]
    scores = []
    for label in labels:
        shared = sum(int((painted[c] & (label == c)).sum()) for c in asked)
        union = sum(int(painted[c].sum()) + int((label == c).sum()) for c in asked) - shared
        scores.append(Fraction(shared, union) if asked else Fraction(0))
    return scores


def slow_ranking(scores, m, leave=()):
    """Best first, lower index first among equals."""
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    return [i for i in order if i not in leave][:m]


# ---------------------------------------------------------------------------- exactness


def test_the_ranking_is_that_of_a_reference_that_counts_pixels():
    labels, rng = random_labels(60), np.random.default_rng(1)
    bank = MemoryBank(labels, THINGS)
    for q in range(200):
        boxes = random_boxes(rng)
        slow = slow_scores(labels, boxes)
        assert np.array_equal(bank.scores(boxes), [float(s) for s in slow])
        if any(slow):
            index, scores = bank.top(boxes, 9, key=q % 60)
            assert index.tolist() == slow_ranking(slow, 9, {q % 60})
            assert scores.tolist() == [float(slow[i]) for i in index]


def test_scores_are_the_metrics():
    labels, rng = random_labels(30), np.random.default_rng(2)
    for _ in range(20):
        boxes = random_boxes(rng)
        layout = layout_of(boxes, THINGS, CLASSES, SIZE).expand(30, -1, -1, -1)
        expected = metrics.layout_similarity(layout, torch.from_numpy(labels), THINGS)
        assert np.array_equal(MemoryBank(labels, THINGS).scores(boxes), expected.numpy())


def test_scores_worked_out_by_hand():
    labels = np.zeros((3, *SIZE), np.uint8)
    labels[0, 0:4, 0:4] = 2  # the box exactly
    labels[1, 0:4, 2:6] = 2  # half of it, and as much beside it
    labels[1, 10:20] = 5  # a thing that was not asked for costs nothing
    boxes = np.array([[2, 0, 0, 4, 4]])
    assert MemoryBank(labels, THINGS).scores(boxes).tolist() == [1, 8 / 24, 0]
    both = np.array([[2, 0, 0, 4, 4], [5, 0, 10, 24, 20]])  # summed over classes, then divided
    assert MemoryBank(labels, THINGS).scores(both).tolist() == [
        16 / (16 + 240), (8 + 240) / (24 + 240), 0]


def test_mirrored_scenes_score_as_much_for_mirrored_boxes():
    labels, boxes = random_labels(20), random_boxes(np.random.default_rng(3), 3)
    mirrored = boxes.copy()
    mirrored[:, 1], mirrored[:, 3] = SIZE[1] - boxes[:, 3], SIZE[1] - boxes[:, 1]
    assert np.array_equal(MemoryBank(labels, THINGS).scores(boxes),
                          MemoryBank(labels[..., ::-1], THINGS).scores(mirrored))


def test_large_maps_do_not_overflow():
    labels = np.full((2, 300, 300), 2, np.uint8)
    labels[1, 150:] = 0
    bank = MemoryBank(labels, THINGS)
    assert bank.sums[2].dtype == np.uint32
    assert bank.scores([[2, 0, 0, 300, 300]]).tolist() == [1, 0.5]
    full = MemoryBank(np.full((1, 200, 200), 2, np.uint8), THINGS)  # beyond signed 16 bits
    assert full.sums[2].dtype == np.uint16 and full.scores([[2, 0, 0, 200, 200]]) == [1]


# ---------------------------------------------------------------------------- its parts


def test_rectangles_are_cut_without_loss_or_overlap():
    rng = np.random.default_rng(0)
    for _ in range(100):
        corners = np.sort(rng.integers(0, 15, (rng.integers(1, 6), 2, 2)), 1).reshape(-1, 4)
        given = [tuple(r) for r in corners.tolist() if r[0] < r[2] and r[1] < r[3]]
        asked, covered = np.zeros((2, 15, 15), int)
        for x0, y0, x1, y1 in given:
            asked[y0:y1, x0:x1] = 1
        for x0, y0, x1, y1 in disjoint(given):
            assert x0 < x1 and y0 < y1
            covered[y0:y1, x0:x1] += 1
        assert np.array_equal(covered, asked)


def test_a_rectangle_is_left_alone_by_one_beside_it_and_swallowed_by_one_around_it():
    assert without((2, 2, 5, 5), (5, 2, 8, 5)) == [(2, 2, 5, 5)]
    assert without((2, 2, 5, 5), (0, 0, 9, 9)) == []
    assert len(without((0, 0, 9, 9), (3, 3, 5, 5))) == 4


def test_integral_images_count_what_is_above_and_left():
    mask = np.random.default_rng(0).random((5, 7, 3)) < 0.5
    sums = integral(mask).reshape(6, 8, 3)
    for y in range(6):
        for x in range(8):
            assert sums[y, x].tolist() == mask[:y, :x].sum((0, 1)).tolist()


def test_only_candidates_that_hold_a_class_take_memory_for_it():
    labels = random_labels(40)
    bank = MemoryBank(labels, THINGS)
    for c in THINGS:
        assert bank.holders[c].tolist() == np.flatnonzero((labels == c).any((1, 2))).tolist()
    held = sum(len(h) for h in bank.holders.values())
    assert bank.nbytes == held * 21 * 25 * 2 < 3 * 40 * 21 * 25 * 2


# ------------------------------------------------------------- ties, oneself, nothing asked


def test_among_equals_the_lower_index_comes_first():
    labels = np.repeat(random_labels(1), 7, 0)
    labels[4] = 0
    labels[4, 2:6, 2:6] = 3
    index, scores = MemoryBank(labels, THINGS).top([[3, 2, 2, 6, 6]], 5)
    assert index.tolist() == [4, 0, 1, 2, 3] and scores[0] == 1
    nowhere = MemoryBank(np.zeros((5, *SIZE), np.uint8), THINGS)
    assert nowhere.top([[3, 2, 2, 6, 6]], 3)[0].tolist() == [0, 1, 2]


def test_a_query_never_finds_itself_nor_its_like():
    labels = random_labels(12)
    label = labels[7]
    label[3:9, 3:9] = 2
    boxes = np.array([[2, 3, 3, 9, 9]])
    bank = MemoryBank(labels, THINGS)
    assert bank.top(boxes, 1)[0].tolist() == [7]
    assert 7 not in bank.top(boxes, 11, key=7)[0]
    drive = MemoryBank(labels, THINGS, keys=np.arange(12) // 4)  # frames of three drives
    assert set(drive.top(boxes, 8, key=1)[0].tolist()) == {0, 1, 2, 3, 8, 9, 10, 11}


@pytest.mark.parametrize("boxes", [[], [[2, 4, 4, 4, 9]], [[2, 30, 0, 40, 5]]])
def test_a_query_without_boxes_finds_nothing(boxes):
    bank = MemoryBank(random_labels(5), THINGS)
    index, scores = bank.top(boxes, 3)
    assert index.tolist() == [-1] * 3 and scores.tolist() == [0] * 3
    assert not bank.scores(boxes).any()
    index, scores = search(random_labels(5), THINGS, [np.array(boxes)], 3, chunk=2)
    assert index.tolist() == [[-1] * 3] and scores.tolist() == [[0] * 3]


def test_boxes_are_clipped_and_their_order_does_not_matter():
    bank, boxes = MemoryBank(random_labels(20), THINGS), random_boxes(np.random.default_rng(5), 4)
    assert np.array_equal(bank.scores(boxes), bank.scores(boxes[::-1]))
    assert np.array_equal(bank.scores(boxes), bank.scores(np.concatenate([boxes, boxes])))
    assert np.array_equal(bank.scores([[2, -5, -5, 6, 6]]), bank.scores([[2, 0, 0, 6, 6]]))


# ------------------------------------------------------------------------ a bank in parts


@pytest.mark.parametrize("chunk", [1, 7, 30, 100])
def test_a_bank_in_parts_answers_as_a_whole_one(chunk):
    labels, rng = random_labels(30), np.random.default_rng(6)
    labels[20:] = labels[:10]  # equal scores across parts
    queries = [random_boxes(rng, 0) for _ in range(25)]
    own = rng.integers(0, 30, 25).tolist()
    index, scores = search(labels, THINGS, queries, 4, own=own, chunk=chunk)
    bank = MemoryBank(labels, THINGS)
    for q, boxes in enumerate(queries):
        expected = bank.top(boxes, 4, key=own[q])
        assert index[q].tolist() == expected[0].tolist()
        assert scores[q].tolist() == expected[1].tolist()


# ------------------------------------------------------------------------------- refusals


def test_what_cannot_be_asked_is_refused():
    bank = MemoryBank(random_labels(4), THINGS)
    with pytest.raises(BookError, match="box of class 4 .* classes 2, 3, 5"):
        bank.top([[4, 0, 0, 3, 3]], 1)
    for m, key in ((0, None), (5, None), (4, 0)):
        with pytest.raises(BookError, match=f"cannot retrieve {m} of"):
            bank.top([[2, 0, 0, 3, 3]], m, key=key)
    with pytest.raises(BookError, match="fewer than 4 label maps"):
        search(random_labels(4), THINGS, [np.array([[2, 0, 0, 3, 3]])], 4, own=[1], chunk=2)


@pytest.mark.parametrize("labels", [
    np.zeros((3, 4), np.uint8), np.zeros((0, 4, 4), np.uint8), np.zeros((2, 4, 4))])
def test_what_cannot_be_remembered_is_refused(labels):
    with pytest.raises(BookError, match="label maps .N, H, W. of whole numbers"):
        MemoryBank(labels, THINGS)
    with pytest.raises(BookError, match="4 label maps need as many keys"):
        MemoryBank(random_labels(4), THINGS, keys=np.arange(3))


def test_a_scene_is_the_best_answer_to_its_own_boxes_among_scenes_without_them():
    data = dataset("places", "val", size=32, count=6)
    rendered = [data.render(data.scene(i)) for i in range(6)]
    labels = np.stack([r.label for r in rendered])
    things = tuple(range(8, 16))
    bank = MemoryBank(labels, things)
    for i, r in enumerate(rendered):
        boxes = boxes_of(r.label, r.instance, things)
        assert len(boxes) and bank.top(boxes, 1)[0].tolist() == [i]


def test_the_benchmarks_methods_compute_the_same():
    bench = runpy.run_path(str(ROOT / "benchmarks" / "retrieval.py"))
    rng = np.random.default_rng(8)
    labels = rng.integers(0, CLASSES, (5, 8, 8), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
    queries = [random_boxes(rng) for _ in range(6)] + [np.array([[3, 5, 5, 60, 60]])]
    queries = [q for q in queries if MemoryBank(labels, THINGS).scores(q).any()]
    product = bench["Product"](labels, THINGS).scores(queries)
    assert len(queries) > 2
    for boxes, row in zip(queries, product):
        assert np.array_equal(row, MemoryBank(labels, THINGS).scores(boxes))
        assert np.array_equal(bench["loop"](labels, THINGS, boxes), row)


def test_the_metric_is_zero_without_boxes_and_refuses_what_does_not_fit():
    labels = torch.from_numpy(random_labels(3)).long()
    empty = torch.zeros(3, CLASSES, *SIZE)
    assert metrics.layout_similarity(empty, labels, THINGS).tolist() == [0, 0, 0]
    own = torch.nn.functional.one_hot(labels, CLASSES).movedim(-1, 1)
    present = (own[:, THINGS].flatten(1).amax(1) > 0).double()
    assert torch.equal(metrics.layout_similarity(own, labels, THINGS), present)
    with pytest.raises(BookError, match="do not fit"):
        metrics.layout_similarity(empty, labels[:2], THINGS)
