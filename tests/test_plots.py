"""Pictures: bytes, grids, colours, figures; and the tables that chapters show."""

import io

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from synthbook import plots, reading


def pixels_of(figure):
    """The figure as drawn, (H, W, 3) bytes."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return np.asarray(Image.open(file).convert("RGB"))


def test_pixels_round_trip_every_byte():
    values = torch.arange(256.0).view(1, 16, 16).repeat(3, 1, 1)
    image = values / 127.5 - 1
    assert np.array_equal(plots.pixels(image), values.movedim(0, -1).numpy())
    assert plots.pixels(torch.tensor([-3.0, 0.0, 3.0]).view(3, 1, 1)).tolist() == [[[0, 128, 255]]]
    assert plots.pixels(torch.zeros(2, 4, 3, 5, 6)).shape == (2, 4, 5, 6, 3)


def test_grid_keeps_every_tile_and_is_white_between():
    images = torch.rand(5, 3, 4, 6) * 2 - 1
    sheet = plots.grid(images, columns=3, gap=2)
    assert sheet.shape == (4 * 2 + 2, 6 * 3 + 2 * 2, 3)
    tiles = plots.pixels(images)
    for k in range(5):
        y, x = k // 3 * 6, k % 3 * 8
        assert np.array_equal(sheet[y:y + 4, x:x + 6], tiles[k])
    assert (sheet[4:6] == 255).all() and (sheet[:, 6:8] == 255).all()
    assert (sheet[6:, 16:] == 255).all()  # the place of the sixth
    assert plots.grid(images).shape[1] == 3 * 6 + 4  # about square


def test_colours_name_their_classes():
    palette = np.array([[0, 0, 0], [255, 128, 7], [20, 200, 90]], np.uint8)
    label = torch.tensor([[[0, 1], [2, 1]]])
    image = plots.colour(label, palette)
    assert image.shape == (1, 3, 2, 2)
    assert np.array_equal(plots.pixels(image), palette[label.numpy()])


def test_difference_is_white_where_nothing_changed_and_has_a_fixed_scale():
    a = torch.zeros(2, 3, 4, 4)
    b = a.clone()
    b[0, :, 0, 0], b[0, :, 0, 1], b[0, :, 0, 2] = 0.5, 1.0, -1.0
    b[1, 0, 0, 0] = 0.75  # one channel of three
    change = plots.difference(a, b, full=0.5)
    assert change.shape == (2, 3, 4, 4) and change.min() >= -1 and change.max() <= 1
    assert (change[0, :, 1:] == 1).all()
    light = change.mean(1)
    assert light[0, 0, 1] == light[0, 0, 2] < light[0, 0, 0] < 1  # 1.0 is full, 0.5 is half
    assert (1 - light[0, 0, 0]) == pytest.approx((1 - light[0, 0, 1]).item() / 2)
    assert (1 - light[1, 0, 0]) == pytest.approx((1 - light[0, 0, 0]).item() / 2)
    assert torch.equal(plots.difference(b, a, full=0.5), change)
    assert torch.equal(plots.difference(a, b), plots.difference(a, b, full=0.3))


def test_saved_grids_are_enlarged_by_whole_pixels(tmp_path):
    images = torch.rand(2, 3, 4, 4) * 2 - 1
    plots.save_images(tmp_path / "new" / "grid.png", images, columns=2, scale=3)
    saved = np.asarray(Image.open(tmp_path / "new" / "grid.png"))
    sheet = plots.grid(images, 2)
    assert saved.shape == (12, 30, 3)
    assert np.array_equal(saved[::3, ::3], sheet) and np.array_equal(saved[1::3, 2::3], sheet)


def test_figures_are_white_of_their_size_and_no_global_state():
    from matplotlib import pyplot

    figure = plots.new_figure(2, 1)
    assert isinstance(figure, Figure) and figure.get_layout_engine() is not None
    drawn = pixels_of(figure)
    assert drawn.shape == (100, 200, 3) and (drawn == 255).all()
    assert pyplot.get_fignums() == []


def test_a_shown_grid_names_rows_and_columns():
    figure = plots.show(torch.zeros(6, 3, 8, 8), columns=3, rows=["real", "made"],
                        heads=["a", "b", "c"])
    (axes,) = figure.axes
    assert [t.get_text() for t in axes.get_xticklabels()] == ["a", "b", "c"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["real", "made"]
    assert [round(x) for x in axes.get_xticks()] == [4, 14, 24]
    assert pixels_of(figure).std() > 5


def test_curves_follow_the_log_and_leave_out_what_it_lacks():
    log = [{"images": 1000, "g_l1": 0.5}, {"images": 2000}, {"images": 4000, "g_l1": 0.25}]
    axes = plots.new_figure(3, 2).subplots()
    plots.curves(log, ["g_l1", "nothing"], axes)
    (line,) = axes.lines
    assert line.get_xdata().tolist() == [1, 4] and line.get_ydata().tolist() == [0.5, 0.25]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["g l1"]
    assert axes.get_xlabel() == "thousand images"


@pytest.mark.parametrize("groups, lines", [
    ((4, 4, 2, 1), 4 + 4 + 2), ((3, 2), 4), ((1, 1), 1)])
def test_a_decoders_groups_are_bars_joined_where_channels_pass(groups, lines):
    figure = plots.groups(groups, (64,) * (len(groups) + 1), 32)
    (axes,) = figure.axes
    assert len(axes.patches) == sum(groups)
    assert len(axes.lines) == lines
    words = [t.get_text() for t in axes.texts]
    assert "32 × 32" in words and f"{groups[0]} group{'s' if groups[0] > 1 else ''}" in words
    heights = [sum(p.get_height() for p in axes.patches if round(p.get_x() + 0.24) == i)
               for i in range(len(groups))]
    assert all(0.6 < h <= 1 for h in heights)


def test_wide_images_have_wide_blocks():
    words = [t.get_text() for t in plots.groups((2, 1), (8, 8, 4), (16, 32)).axes[0].texts]
    assert "8 × 16" in words and "16 × 32" in words and "4 channels" in words


def test_tables_escape_what_they_are_given():
    html = reading.table(["<b>", "a & b"], [["<script>x</script>", 0.12345], ["plain", "<i>"]],
                         caption="1 < 2", marked=[1]).data
    assert "<script>" not in html and "&lt;script&gt;x&lt;/script&gt;" in html
    assert "<i>" not in html and "<b>" not in html and "a &amp; b" in html
    assert "<caption>1 &lt; 2</caption>" in html and "0.123" in html
    assert html.count("class=oracle") == 1


def test_intervals_are_written_out():
    found = reading.interval({"value": 0.12345, "low": 0.1, "high": 0.2})
    assert found == "0.123 [0.100,\xa00.200]"
    assert reading.interval({"value": 2, "low": 1, "high": 3}, 1) == "2.0 [1.0,\xa03.0]"


def test_a_shown_source_is_the_packages_own():
    shown = reading.show_source(plots.pixels).data
    assert shown.startswith("def pixels(") and not shown.endswith("\n")
