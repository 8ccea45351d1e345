"""Live figures: descriptions, the page's tag, the widget, and what the kernel answers."""

import base64
import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
import tiny
import torch
from PIL import Image as Picture
from tiny import CLASSES, SIZE, inputs
from torch import nn

from synthbook import figures
from synthbook.figures.encode import (
    data_url,
    from_bytes,
    packed,
    small_numbers,
    to_bytes,
    unpacked,
)
from synthbook.figures.export import PageModel
from synthbook.figures.inputs import (
    Boxes,
    Canvas,
    Choice,
    Draw,
    Ground,
    Mask,
    Pictures,
    Sliders,
    Styles,
)
from synthbook.figures.live import LiveFigure, answer
from synthbook.figures.outputs import Caption, Change, Image
from synthbook.files import BookError

PALETTE = [[0, 0, 0], [255, 255, 255]]
SHOTS = torch.linspace(-1, 1, 3)[:, None, None, None].expand(3, 3, 4, 6)
BOX = [[1.0, 1, 0.25, 0, 0.5, 1], [0, 0, 0, 0, 0, 0]]
KINDS = [
    Canvas("label", "Map", torch.ones(1, 5, 7), CLASSES, PALETTE, {"none": torch.zeros(5, 7)}),
    Styles("style", "Style", torch.full((1, 2, 3), -1.5), torch.zeros(2, 4, 4, 3), 2.0, ["hue"]),
    Sliders("light", "Light", torch.tensor([[0.5, -1]]), ["a", "b"], -1, 2, 0.5),
    Sliders("step", "Step", torch.zeros(1, 1), ["a"], 0, 2, 1, ["low", "middle", "high"]),
    Pictures("pick", "Pick", torch.tensor([[2.0]]), SHOTS, "abc"),
    Pictures("lend", "Lend", torch.tensor([[0.0, 3]]), SHOTS, "abc", True,
             torch.tensor([[1, 0], [0, 0], [1, 1]])),
    Mask("mask", "Mask", torch.ones(1, 5, 7), "image"),
    Boxes("boxes", "Boxes", torch.tensor([BOX]), CLASSES, PALETTE),
    Boxes("placed", "Boxes", torch.tensor([BOX]), CLASSES, PALETTE, 4, {"a": torch.tensor(BOX)}),
    Choice("word", "Word", torch.ones(1, 1), ["yes", "no"]),
    Ground("ground", "Ground", torch.tensor([[[0.5, -1, 90.0]]]), ["car"]),
    Draw("noise", "Noise", torch.ones(1, 4)),
]


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """The tiny figure's model has a name."""
    monkeypatch.setitem(figures.PAGE_MODELS, tiny.NAME, tiny.page_model)


# --------------------------------------------------------------------------------- inputs


@pytest.mark.parametrize("one", KINDS, ids=lambda one: f"{one.kind}-{one.name}")
class TestInput:
    def test_its_description_survives_json_and_holds_its_value(self, one):
        told = json.loads(json.dumps(one.describe(), allow_nan=False))
        assert (told["kind"], told["name"], told["label"]) == (one.kind, one.name, one.label)
        assert torch.equal(unpacked(told["value"]), one.value)

    def test_its_random_examples_are_values_it_accepts_and_the_same_for_a_seed(self, one):
        drawn = one.random(40, torch.Generator().manual_seed(3))
        assert drawn.dtype == torch.float32 and drawn.shape[1:] == one.value.shape[1:]
        assert torch.equal(drawn, one.random(40, torch.Generator().manual_seed(3)))
        assert len(drawn.flatten(1).unique(dim=0)) > 1
        settings = {k: v for k, v in vars(one).items() if k != "value"}
        for value in drawn:
            assert torch.equal(type(one)(value=value[None], **settings).value[0], value)


def described(kind):
    """The description of the first input of a kind."""
    return next(one for one in KINDS if one.kind == kind).describe()


def test_settings_are_told_as_the_page_reads_them():
    canvas, styles, boxes = map(described, ("canvas", "styles", "boxes"))
    assert canvas["classes"] == ["sky", "ground"] and canvas["palette"] == PALETTE
    assert base64.b64decode(canvas["layouts"][0]["data"]) == bytes(35)
    assert (styles["range"], styles["n"], styles["axes"]) == (2.0, 4, ["hue"])
    assert len(base64.b64decode(styles["swatches"])) == 2 * 4 * 4 * 3
    assert boxes["most"] == 2 and described("ground")["names"] == ["car"]
    assert boxes["cells"] == 100 and "layouts" not in boxes
    placed = next(one for one in KINDS if one.name == "placed").describe()
    assert placed["cells"] == 4 and placed["layouts"][0]["name"] == "a"
    assert torch.equal(unpacked(placed["layouts"][0]["value"]), torch.tensor(BOX))
    assert described("choice")["names"] == ["yes", "no"]
    assert described("mask")["over"] == "image"
    low, step = KINDS[2].describe(), KINDS[3].describe()
    assert (low["low"], low["high"], low["step"]) == (-1, 2, 0.5) and "ticks" not in low
    assert step["ticks"] == ["low", "middle", "high"]


def test_pictures_travel_as_thumbnails_with_the_classes_they_hold():
    one, lend = KINDS[4].describe(), KINDS[5].describe()
    assert (one["perClass"], lend["perClass"]) == (False, True) and "present" not in one
    assert list(base64.b64decode(lend["present"])) == [1, 0, 0, 0, 1, 1]
    shown = Picture.open(io.BytesIO(base64.b64decode(one["thumbnails"][2].partition(",")[2])))
    assert shown.size == (6, 4) and np.asarray(shown).min() == 255


def test_absent_classes_are_never_drawn_from_a_picture():
    lend = KINDS[5]
    drawn = lend.random(200, torch.Generator().manual_seed(0))
    assert set(drawn[:, 0].tolist()) == {0, 1, 3} and set(drawn[:, 1].tolist()) == {0, 3}


def test_a_small_picture_from_before_has_its_numbers_under_it():
    told = Image("a", "A", small=True, before=True, caption=Caption("b", "{0} m")).describe()
    assert told["small"] and told["before"] and told["caption"]["of"] == "b"


@pytest.mark.parametrize(("make", "words"), [
    (lambda: Draw("a b", "Noise", torch.ones(1, 4)), "that of a model's argument"),
    (lambda: Draw("a", " ", torch.ones(1, 4)), "needs a visible label"),
    (lambda: Draw("a", "A", torch.ones(2, 4)), r"\[2, 4\], not one example"),
    (lambda: Draw("a", "A", torch.full((1, 1), torch.nan)), "not finite"),
    (lambda: Canvas("a", "A", torch.full((1, 2, 2), 2), CLASSES, PALETTE), "from 0 to 1"),
    (lambda: Canvas("a", "A", torch.zeros(1, 2, 2), CLASSES, PALETTE[:1]), "name and a colour"),
    (lambda: Canvas("a", "A", torch.zeros(1, 2, 2), CLASSES, PALETTE, {"b": torch.zeros(2, 3)}),
     "layout 'b' is"),
    (lambda: Styles("a", "A", torch.full((1, 2, 2), 3), torch.zeros(2, 4, 4, 3)), "from -2.5"),
    (lambda: Styles("a", "A", torch.zeros(1, 2, 2), torch.zeros(2, 4, 3, 3)), "swatches are"),
    (lambda: Styles("a", "A", torch.zeros(1, 2, 3), torch.zeros(2, 4, 4, 3)), "1 names of axes"),
    (lambda: Sliders("a", "A", torch.zeros(1, 2), ["b"]), "1 names do not fit"),
    (lambda: Sliders("a", "A", torch.full((1, 1), 9), ["b"]), "not between 0.0 and 1.0"),
    (lambda: Sliders("a", "A", torch.zeros(1, 1), ["b"], ticks=["c"]), "1 ticks do not fit 101"),
    (lambda: Pictures("a", "A", torch.full((1, 1), 3), SHOTS, "abc"), "from 0 to 2"),
    (lambda: Pictures("a", "A", torch.zeros(1, 2), SHOTS, "abc"), r"its value is \(1, 1\)"),
    (lambda: Pictures("a", "A", torch.zeros(1, 1), SHOTS, "ab"), "every picture needs a name"),
    (lambda: Boxes("a", "A", torch.tensor([[[1.0, 0, 0.5, 0, 0.2, 1]]]), CLASSES, PALETTE),
     "x0 <= x1"),
    (lambda: Boxes("a", "A", torch.zeros(1, 1, 6), CLASSES, PALETTE, 0), "at least one cell"),
    (lambda: Boxes("a", "A", torch.zeros(1, 1, 6), CLASSES, PALETTE,
                   layouts={"b": torch.zeros(2, 6)}), r"a layout is \[2, 6\], not \[1, 6\]"),
    (lambda: Choice("a", "A", torch.zeros(1, 1), ["b"]), "two words or more"),
    (lambda: Choice("a", "A", torch.full((1, 1), 2), ["b", "c"]), "from 0 to 1"),
    (lambda: Ground("a", "A", torch.tensor([[[0, 0, 181.0]]]), ["b"]), "-180 to 180"),
    (lambda: Image("a", ""), "needs a visible label"),
    (lambda: Caption("a", "no number"), "must name its numbers"),
    (lambda: Caption("a", "{0} {b}"), "must name its numbers"),
    (lambda: Caption("a", "{0}", digits=-1), "digits are 0 to 6"),
])
def test_a_wrong_setting_is_one_line(make, words):
    with pytest.raises(BookError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_numbers_travel_as_little_endian_float32():
    value = torch.tensor([[1.0, -2.5]])
    assert to_bytes(value) == bytes.fromhex("0000803f000020c0")
    assert packed(value) == {"shape": [1, 2], "data": "AACAPwAAIMA="}
    assert torch.equal(from_bytes(memoryview(to_bytes(value)), [2, 1]), value.T)
    assert base64.b64decode(small_numbers(torch.tensor([0, 255]))) == b"\x00\xff"
    assert data_url(SHOTS[0]).startswith("data:image/png;base64,")
    for shape in ([3], [-1, -2], [2, 2]):
        with pytest.raises(ValueError, match="are no numbers of shape"):
            from_bytes(to_bytes(value), shape)


# --------------------------------------------------------------------------------- figures


class Tag(HTMLParser):
    """Elements of a tag with their attributes, and the texts inside."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts = {}, {}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements[tag] = dict(attributes)
        self.last = tag

    def handle_data(self, data):
        self.texts[self.last] = self.texts.get(self.last, "") + data


def test_the_tag_is_html_that_holds_description_poster_and_words():
    figure = tiny.figure(size=256)
    text = figure.html()
    assert text.count("</script>") == 1 and text.count("<figure>") == text.count("<b>") == 0
    tag = Tag(text)
    assert set(tag.elements) == {"synthbook-figure", "script", "img", "p"}
    assert tag.elements["synthbook-figure"]["name"] == "tiny"
    assert tag.elements["synthbook-figure"]["model"] == tiny.NAME
    assert re.fullmatch("[0-9a-f]{16}", tag.elements["synthbook-figure"]["key"])
    told = json.loads(tag.texts["script"])
    assert told == json.loads(json.dumps(figure.describe()))
    assert [one["kind"] for one in told["inputs"]] == ["canvas", "styles", "sliders"]
    assert [one["kind"] for one in told["outputs"]] == ["image", "change", "caption"]
    assert told["title"] == 'A "tiny" <figure>' and told["size"] == 256
    assert "JavaScript" in tag.texts["p"]


def test_the_poster_is_the_picture_of_the_first_values_with_alt_text():
    figure = tiny.figure()
    poster = Tag(figure.html()).elements["img"]
    assert poster["alt"] == "Sky above ground, </script> & more"
    assert Tag(tiny.figure(alt="").html()).elements["img"]["alt"] == figure.title
    shown = Picture.open(io.BytesIO(base64.b64decode(poster["src"].partition(",")[2])))
    module, first = tiny.page_model().module, figure.values()
    image = module(first["label"], first["colour"], first["light"])[0][0]
    wanted = ((image + 1) * 127.5).round().byte().movedim(0, -1).numpy()
    assert (np.asarray(shown) == wanted).all()
    assert torch.equal(figure.render_defaults()["image"][0], image)


def test_fixed_inputs_have_no_control_and_reach_the_model():
    light = torch.full((1, 1), 0.75)
    figure = tiny.figure(inputs=inputs()[:2], fixed={"light": light})
    told = figure.describe()
    assert [one["name"] for one in told["inputs"]] == ["label", "colour"]
    assert torch.equal(unpacked(told["fixed"]["light"]), light)
    brighter = figure.render_defaults()["mean"] - tiny.figure().render_defaults()["mean"]
    assert brighter.item() > 0.1


@pytest.mark.parametrize(("changed", "words"), [
    ({"inputs": inputs()[:2]}, "it sets colour, label, the model takes colour, label, light"),
    ({"fixed": {"light": torch.zeros(1, 1)}}, "it sets colour, label, light, light"),
    ({"fixed": {"light": torch.zeros(1, 2)}, "inputs": inputs()[:2]}, "the model takes"),
    ({"outputs": (Caption("mean", "{0}"),)}, "it shows no image"),
    ({"outputs": (Image("photo", "P"),)}, "the model returns image, mean, not 'photo'"),
    ({"outputs": (Image("image", "P"), Change("mean", "C"))}, "no image of that name"),
    ({"outputs": (Image("image", "P"), Change("image", "C", "light"))}, "no canvas, mask or boxes"),
    ({"outputs": (Image("image", "P", caption=Caption("sum", "{0}")),)}, "no numbers for"),
    ({"title": " "}, "needs a title"),
    ({"size": 0}, "size must be above 0"),
])
def test_parts_that_do_not_fit_are_one_line(changed, words):
    with pytest.raises(BookError, match=words):
        tiny.figure(**changed)
    with pytest.raises(BookError, match="lower case letters"):
        tiny.figure("Not A Name")


def test_in_the_built_book_it_is_html_and_in_jupyter_a_widget_too(monkeypatch):
    monkeypatch.setenv("SYNTHBOOK_STATIC", "1")
    assert tiny.figure()._repr_mimebundle_() == {"text/html": tiny.figure().html()}
    monkeypatch.setenv("SYNTHBOOK_STATIC", "")
    bundle = tiny.figure()._repr_mimebundle_()
    assert bundle["text/html"] == tiny.figure().html()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert len(repr(tiny.figure())) < 60


# --------------------------------------------------------------------------------- the kernel


@pytest.fixture
def widget(monkeypatch):
    """A live widget whose answers are kept in `sent`."""
    sent = []
    monkeypatch.setattr(LiveFigure, "send", lambda _, *message: sent.append(message))
    made = LiveFigure(tiny.figure())
    made.sent = sent
    return made


def ask(widget, values, **changed):
    """Send a message as the page's script does, and return the answer."""
    content = {"kind": "run", "id": 7, "names": list(values),
               "shapes": [list(v.shape) for v in values.values()], **changed}
    widget._handle_custom_msg(content, [memoryview(to_bytes(v)) for v in values.values()])
    return widget.sent.pop()


def test_the_widget_holds_the_description_and_the_same_script_as_the_page(widget):
    assert widget.description == tiny.figure().describe()
    assert "export default { render }" in widget._esm and "--pst-color" in widget._css


def test_a_message_is_answered_by_what_the_module_returns(widget):
    values = tiny.page_model().examples(1, seed=5)
    told, buffers = ask(widget, values)
    assert told == {"id": 7, "names": ["image", "mean"], "shapes": [[1, 3, SIZE, SIZE], [1, 1]]}
    wanted = tiny.page_model().module(*values.values())
    for buffer, shape, tensor in zip(buffers, told["shapes"], wanted):
        assert torch.equal(from_bytes(buffer, shape), tensor)


def test_what_is_not_sent_keeps_its_first_value(widget):
    light = torch.full((1, 1), 0.5)
    told, buffers = ask(widget, {"light": light})
    first = tiny.figure().values() | {"light": light}
    wanted = tiny.page_model().run(first)["image"]
    assert torch.equal(from_bytes(buffers[0], told["shapes"][0]), wanted)


@pytest.mark.parametrize(("values", "changed", "words"), [
    ({"photo": torch.zeros(1)}, {}, "the model has no input 'photo'"),
    ({"light": torch.zeros(1, 2)}, {}, "input 'light' is [1, 2], the model takes [1, 1]"),
    ({"light": torch.zeros(1, 1)}, {"shapes": [[2, 1]]}, "4 bytes are no numbers of shape [2, 1]"),
    ({"light": torch.zeros(1, 1)}, {"names": []}, "the message names other inputs than it holds"),
])
def test_what_cannot_be_run_is_one_plain_sentence(widget, values, changed, words):
    (told,) = ask(widget, values, **changed)
    assert told == {"id": 7, "error": words}


class Breaks(nn.Module):
    def forward(self, label, colour, light):
        if light.item():
            raise RuntimeError("expected scalar type\n  Float")
        return tiny.Tiny()(label, colour, light)


def test_a_module_that_fails_is_one_plain_sentence(monkeypatch, widget):
    broken = PageModel(Breaks(), tiny.page_model().inputs, ("image", "mean"))
    widget._figure = tiny.figure(render=broken)
    (told,) = ask(widget, {"light": torch.ones(1, 1)})
    assert told["error"] == "The model could not run (expected scalar type Float)."
    assert "names" in ask(widget, {"light": torch.zeros(1, 1)})[0]


def test_other_messages_are_left_alone_and_answers_carry_no_gradient(widget):
    widget._handle_custom_msg({"kind": "hello"}, [])
    widget._handle_custom_msg("hello", [])
    assert widget.sent == []
    outputs = answer(tiny.figure(), {"names": [], "shapes": []}, [])
    assert not any(value.requires_grad for value in outputs.values())


def test_the_registries_cost_no_torch():
    code = ("import sys, synthbook, synthbook.figures.stamp, synthbook.figures.web\n"
            "assert synthbook.figures.FIGURES and synthbook.figures.PAGE_MODELS\n"
            "assert 'torch' not in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True)
