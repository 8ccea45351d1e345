"""What the chapter on BachGAN shows: edits of boxes, maps as pictures, its tables and plots."""

import numpy as np
import pytest
import torch
from few_boxes import CLASSES, SIZE, THINGS

from synthbook.bachgan import editing, layout_of, showing
from synthbook.bachgan.network import VARIANTS, BachGAN, Config
from synthbook.bachgan.painting import Painter
from synthbook.datasets import dataset
from synthbook.datasets.things import things

CONFIG = Config(CLASSES, SIZE, channels=(12, 8), hidden=(4,), things=THINGS)
BOXES = np.array([[2, 1, 2, 6, 8], [3, 10, 4, 20, 12]])
PALETTE = np.arange(3 * CLASSES).reshape(CLASSES, 3) * 10


# --------------------------------------------------------------------------------- editing


def test_a_scene_is_asked_for_with_its_own_boxes():
    data = dataset("places", "val", size=32, background=1.0)
    item, named = editing.asked(data, 3), things(data)
    label = item["label"].numpy()
    assert len(item["boxes"]) and set(item["boxes"][:, 0]) <= set(named)
    for c, x0, y0, x1, y1 in item["boxes"]:
        assert (label[y0:y1, x0:x1] == c).any()
    assert set(np.unique(label)) & set(named) == set(item["boxes"][:, 0])


def test_areas_and_what_is_covered():
    assert editing.areas(BOXES).tolist() == [30, 80]
    mask = editing.covered(BOXES, CONFIG)
    assert mask.shape == SIZE and mask.sum() == 110 and mask[2, 1] and not mask[2, 6]


@pytest.mark.parametrize("by, x", [(3, (4, 9)), (-9, (0, 5)), (99, (19, 24))])
def test_a_box_moves_and_stays_inside(by, x):
    made = editing.moved(BOXES, 0, by, SIZE[1])
    assert tuple(made[0, [1, 3]]) == x
    assert (made[1] == BOXES[1]).all() and (made[:, [0, 2, 4]] == BOXES[:, [0, 2, 4]]).all()


def test_a_mirrored_layout_is_the_layout_mirrored():
    plain, turned = (layout_of(boxes, THINGS, CLASSES, SIZE)
                     for boxes in (BOXES, editing.mirrored(BOXES, SIZE[1])))
    assert torch.equal(turned, plain.flip(-1)) and not torch.equal(turned, plain)


def test_change_inside_and_outside():
    before, inside = torch.zeros(3, *SIZE), editing.covered(BOXES, CONFIG)
    after = torch.where(inside, 0.5, -0.2).expand(3, -1, -1)
    assert editing.change(before, after, inside) == pytest.approx((0.25, 0.1))


def test_holes_are_where_no_map_and_no_box_knows_anything():
    memory = torch.zeros(2, CLASSES, *SIZE)
    assert editing.hole(memory) == 1
    memory[0, 1, :4], memory[1, 0, 2:8] = 1, 1
    assert editing.hole(memory) == pytest.approx(0.5)
    assert not editing.without_things(torch.ones(CLASSES, 2, 2), CONFIG)[list(THINGS)].any()
    assert editing.without_things(torch.ones(CLASSES, 2, 2), CONFIG).sum() == 4 * (CLASSES - 3)


# -------------------------------------------------------------------------------- pictures


def test_layouts_are_white_where_nothing_is_asked_and_averaged_where_boxes_overlap():
    boxes = np.array([[2, 0, 0, 8, 8], [3, 4, 4, 12, 12]])
    image = showing.drawn(boxes, CONFIG, PALETTE)
    colours = torch.from_numpy(PALETTE).float() / 127.5 - 1
    assert torch.equal(image[:, 15, 23], torch.ones(3))
    assert torch.allclose(image[:, 0, 0], colours[2])
    assert torch.allclose(image[:, 5, 5], (colours[2] + colours[3]) / 2)
    told = showing.told(boxes, CONFIG, PALETTE)
    assert torch.allclose(told[:, 5, 5], colours[2])  # of two as large the lower class
    assert torch.equal(told[:, 15, 23], torch.ones(3))


def test_holes_are_hatched():
    image = showing.painted(torch.zeros(2, CLASSES, *SIZE), PALETTE, hatched=True)
    assert image.shape == (2, 3, *SIZE) and len(image.unique()) == 2 and image.max() < 1


def test_stages_go_from_the_map_to_what_the_network_gets():
    bank = torch.randint(0, CLASSES, (6, *SIZE), dtype=torch.uint8)
    step = Painter(BachGAN(CONFIG).eval(), bank)(BOXES)
    rows = showing.stages(step, CONFIG, PALETTE)
    assert len(rows) == 3 and all(len(row) == 4 for row in rows)
    inside = editing.covered(BOXES, CONFIG)
    for (whole, erased, bare, given), label, memory in zip(rows, step.maps, step.memory):
        colours = torch.from_numpy(PALETTE).float() / 127.5 - 1
        assert torch.allclose(whole.movedim(0, -1), colours[label])
        assert torch.equal(erased[:, ~inside], whole[:, ~inside])
        assert set(erased[:, inside].unique().tolist()) <= {torch.tensor(v).item() for v in (
            0.62, 0.82)}
        thing = torch.isin(label, torch.tensor(THINGS))
        assert torch.equal(bare[:, ~inside & ~thing], whole[:, ~inside & ~thing])
        assert torch.equal(given, showing.painted(memory, PALETTE, hatched=True))


# ------------------------------------------------------------------------- tables and plots


def test_the_table_of_who_sees_what_has_every_variant():
    rows = {row[0]: row[1:] for row in showing.seen_by()}
    assert set(rows) == set(VARIANTS) and all(row[2] == "boxes" for row in rows.values())
    assert rows["bachgan"][:2] == ["boxes and 3 maps, fused", "best"]
    assert rows["bachgan-1"][0] == "boxes and 1 map, fused"
    assert rows["spade-boxes"][:2] == ["boxes", "–"] and rows["spade-seg"][3] == "the label map"
    assert rows["segmentation"][:2] == ["the label map", "the true one"]


def test_corners_are_marked_with_what_the_table_holds():
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[1:5, 1:5] = True
    figure = showing.corners(mask, (2, 2, 6, 4), "house")
    right = figure.axes[1]
    assert [text.get_text() for text in right.texts] == ["+ 12", "− 4", "− 3", "+ 1"]
    assert right.get_xlabel() == "12 − 4 − 3 + 1 = 6 pixels in the box"
    assert mask[2:4, 2:6].sum() == 6


def rows_of(names):
    return [{"strength": s, **{n: {"value": k + s, "low": k + s - 1, "high": k + s + 2}
                               for k, n in enumerate(names)}} for s in (0.0, 1.0)]


def test_plots_of_relevance_show_every_guess_that_was_measured():
    names = ["top-1", "kin-1", "random-1", "top-1 - kin-1", "top-1 - random-1"]
    left, right = showing.relevance(rows_of(names)).axes
    assert len(left.containers) == 3 and len(right.containers) == 2
    left, _ = showing.relevance(rows_of([*names, "best guess"])).axes
    assert len(left.containers) == 4
    drawn = left.containers[1].lines[0].get_ydata()
    assert drawn.tolist() == [0, 1]


def test_the_plot_of_cost_is_of_the_stored_benchmark():
    found = showing.stored("retrieval")
    left, right = showing.cost(found).axes
    speeds = found["compared"]["queries_per_second"]
    assert [bar.get_width() for bar in left.patches] == [
        speeds["loop"], speeds["product"], speeds["ours"]]
    assert right.lines[0].get_xdata().tolist() == [
        row["candidates"] for row in found["against_size"]]


def test_channels_and_strips_have_a_row_for_each_name():
    figure = showing.channels({"a": torch.rand(CLASSES, 4, 4), "b": torch.rand(CLASSES, 4, 4)},
                              {"x": 0, "y": 2, "z": 4})
    assert [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()] == ["a", "b"]
    pictures = [[torch.zeros(3, 4, 4)] * 2] * 3
    figure = showing.strip(pictures, ["u", "v"], ["a", "b", "c"], [[BOXES, BOXES[:1]]])
    assert [axes.get_title() for axes in figure.axes[:2]] == ["u", "v"]
    assert [len(axes.patches) for axes in figure.axes] == [4, 2, 0, 0, 0, 0]  # two lines a box
