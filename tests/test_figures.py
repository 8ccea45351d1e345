"""Recorded figures and live ones, panels with their truth, and numbers for the text."""

import base64
import io
import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from browsing import browser  # noqa: F401
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image

from synthbook import plots, reading
from synthbook.figures.recorded import recorded
from synthbook.files import BookError

SLIDERS = {"class": ["sky", "tree"], "draw": ["as it was", "first", "second"]}
CAPTIONS = [f"{name}, {draw}" for name in SLIDERS["class"] for draw in SLIDERS["draw"]]
FRAMES = torch.linspace(-1, 1, 6).view(6, 1, 1, 1).expand(6, 3, 4, 5)


class Page(HTMLParser):
    """The elements of a figure, with their attributes and text."""

    def __init__(self, figure):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(figure.data)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes), []))
        if tag not in ("img", "input"):
            self.open.append(len(self.elements) - 1)

    def handle_endtag(self, tag):
        assert self.elements[self.open.pop()][0] == tag

    def handle_data(self, text):
        for k in self.open:
            self.elements[k][2].append(text)

    def all(self, tag, **attributes):
        """(attributes, text) of every element of a kind."""
        return [(found, "".join(text)) for name, found, text in self.elements
                if name == tag and attributes.items() <= found.items()]

    @property
    def data(self):
        (_, text), = self.all("script", type="application/json")
        return json.loads(text)


def pixel(encoded):
    """The colour of a frame's first pixel."""
    return Image.open(io.BytesIO(base64.b64decode(encoded))).getpixel((0, 0))


def test_the_first_frame_stands_without_script():
    page = Page(recorded(FRAMES, CAPTIONS, "A scene", SLIDERS))
    (image, _), = page.all("img")
    assert image["alt"] == "A scene: sky, as it was"
    assert (image["width"], image["height"]) == ("5", "4")
    assert pixel(image["src"].removeprefix("data:image/png;base64,")) == (0, 0, 0)
    (group, _), = page.all("div", **{"class": "controls"})
    assert "hidden" in group and group["aria-label"] == "A scene"
    assert "Recorded: 6 frames." in page.all("p", **{"class": "origin"})[0][1]


def test_every_slider_has_one_label_and_a_step_for_each_value():
    page = Page(recorded(FRAMES, CAPTIONS, "A scene", SLIDERS))
    labels = page.all("label")
    inputs = [attributes for attributes, _ in page.all("input", type="range")]
    assert [text.strip() for _, text in labels] == ["classsky", "drawas it was"]
    assert [(i["min"], i["max"], i["step"]) for i in inputs] == [("0", "1", "1"), ("0", "2", "1")]
    assert [i["aria-valuetext"] for i in inputs] == ["sky", "as it was"]
    assert all("data-lm-suppress-shortcuts" in i for i in inputs)  # else JupyterLab eats arrows


def test_frames_run_through_the_last_slider_first():
    data = Page(recorded(FRAMES, CAPTIONS, "A scene", SLIDERS)).data
    shown = [pixel(data["pictures"][k])[0] for k in data["order"]]
    assert shown == [0, 51, 102, 153, 204, 255]
    assert data["texts"] == [CAPTIONS]
    assert data["sliders"] == list(SLIDERS.values())


def test_equal_frames_are_stored_once():
    data = Page(recorded([FRAMES[0], FRAMES[5], FRAMES[0]], ["a", "b", "c"], "", {"x": "012"})).data
    assert len(data["pictures"]) == 2 and data["order"] == [0, 1, 0]


def test_texts_cannot_break_out():
    nasty = '</script><script>alert("1")</script>&amp;'
    page = Page(recorded(FRAMES[:2], [nasty, nasty], nasty, {nasty: [nasty, nasty]}))
    assert len(page.all("script")) == 2
    assert page.data["texts"] == [[nasty, nasty]] and page.data["title"] == nasty
    (image, _), = page.all("img")
    assert image["alt"] == f"{nasty}: {nasty}"
    assert page.all("label")[0][1].strip() == 2 * nasty


def test_nothing_is_asked_of_a_host():
    text = recorded(FRAMES, CAPTIONS, "A scene", SLIDERS).data
    assert "://" not in text and "src=\"data:" in text


@pytest.mark.parametrize("frames, captions, sliders, words", [
    (FRAMES[:5], CAPTIONS, SLIDERS, "6 frames, but there are 5 frames and 6 captions"),
    (FRAMES, CAPTIONS[:1], SLIDERS, "6 frames and 1 captions"),
    (FRAMES, CAPTIONS, {}, "needs a slider"),
    (FRAMES[:0], [], {"x": []}, "needs a slider"),
    ([torch.zeros(3, 4, 4), torch.zeros(3, 4, 5)], "ab", {"x": "ab"}, "one size"),
    (torch.zeros(2, 4, 4), "ab", {"x": "ab"}, "one size"),
])
def test_what_does_not_fit_is_refused(frames, captions, sliders, words):
    with pytest.raises(BookError, match=words):
        recorded(frames, captions, "A scene", sliders)


@pytest.fixture
def tab(browser):  # noqa: F811
    page = browser.new_page()
    yield page
    page.close()


def test_keys_move_the_sliders_and_the_picture_follows(tab):
    figure = recorded(FRAMES, CAPTIONS, "A scene", SLIDERS)
    tab.set_content(f"<!doctype html>{figure.data}{figure.data}")
    data = Page(figure).data
    first, second = tab.locator(".recorded").all()
    first.get_by_label("class").focus()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Tab")
    tab.keyboard.press("End")
    image = first.locator("img")
    assert image.get_attribute("alt") == "A scene: tree, second"
    assert image.get_attribute("src").endswith(data["pictures"][data["order"][5]])
    assert first.locator(".said").inner_text() == "tree, second"
    assert first.locator("output").all_inner_texts() == ["tree", "second"]
    assert second.locator("img").get_attribute("alt") == "A scene: sky, as it was"


def test_panels_legend_boxes_and_matrix_draw_what_they_are_given():
    figure, axes = plots.panels(list(FRAMES[:3]), ["a", "b", "c"], columns=2)
    assert len(axes) == 4 and [one.get_title() for one in axes] == ["a", "b", "c", ""]
    assert [len(one.images) for one in axes] == [1, 1, 1, 0]
    plots.legend(axes[0], ["sky", "sea"], np.array([[0, 0, 255], [0, 255, 0]], np.uint8))
    legend = axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["sky", "sea"]
    assert [patch.get_facecolor()[:3] for patch in legend.get_patches()] == [(0, 0, 1), (0, 1, 0)]
    plots.boxes(axes[1], np.array([[1, 0, 1, 3, 4]]), ["sky", "sea"])
    assert axes[1].patches[0].get_bbox().bounds == (-0.5, 0.5, 3, 3)
    assert [text.get_text() for text in axes[1].texts] == ["sea"]
    drawn = plots.matrix(axes[2], np.array([[1.0, np.nan], [np.nan, 1.0]]), ["sky", "sea"], "r")
    assert drawn.get_clim() == (-1, 1)


def test_a_glued_number_is_what_myst_nb_reads(monkeypatch):
    from myst_nb.ext.glue import glue as reference

    kept = []
    for module in ("synthbook.reading", "myst_nb.ext.glue"):
        name = "display" if module.startswith("synthbook") else "ipy_display"
        monkeypatch.setattr(f"{module}.{name}", lambda *a, **k: kept.append((a, k)))
    reading.glue("a-number", np.float64(1.25))
    reference("a-number", 1.25, display=False)
    assert kept[0] == kept[1]


def live_cells():
    """The code of the data chapter up to its sliders, but for the figures between."""
    path = Path(__file__).resolve().parent.parent / "chapters" / "data.ipynb"
    sources = ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]
               if cell["cell_type"] == "code"]
    first = next(k for k, text in enumerate(sources) if "def redrawn(" in text)
    head = "\n".join(line for line in sources[0].splitlines() if not line.startswith("%"))
    return [head, 'data = dataset("places", "val")', *sources[first:first + 2]]


def test_in_jupyter_the_data_chapter_has_live_sliders(monkeypatch):
    shown = []
    monkeypatch.delenv("SYNTHBOOK_STATIC", raising=False)
    monkeypatch.setattr("ipywidgets.widgets.interaction.display", shown.append)
    shell = InteractiveShell()
    shell.run_cell("\n".join(live_cells())).raise_error()
    names = shell.user_ns
    (panel,) = shown
    assert [slider.description for slider in panel.children[:4]] == [
        "index", "name", "draw", "light"]
    assert names["look"].widget is panel
