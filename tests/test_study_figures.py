"""Taking part in a study: with keys, mouse and finger in a page, and what the kernel writes."""

import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from browsing import browser  # noqa: F401
from PIL import Image
from test_study import made, pictures, replies

from synthbook.figures.study import PAGE_NOTE, Activity, sprite
from synthbook.files import BookError
from synthbook.plots import pixels
from synthbook.study import Study, read_answers
from synthbook.study.answers import csv_text

EXPOSURE = 0.3  # seconds
DARK, LIGHT = -1.0, 1.0  # real pictures are dark, generated ones light


def shaded(exposure=EXPOSURE):
    """A study in which everybody can tell."""
    return Study("two shades", torch.full((6, 3, 4, 4), DARK),
                 {"light": torch.full((6, 3, 4, 4), LIGHT)}, each=2, exposure=exposure)


class Page(HTMLParser):
    """Addresses that a page's elements name."""

    def __init__(self, text):
        super().__init__()
        self.asked = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.asked += [value for key, value in attributes if key in ("src", "href")]


# ---------------------------------------------------------------------------- what is told


def test_the_sprite_holds_every_picture_as_the_trials_number_them():
    study = made()
    sheet = np.asarray(Image.open(io.BytesIO(sprite(study))))
    everything = torch.cat([study.real, *study.generated.values()])
    for k, picture in enumerate(everything):
        y, x = k // 16 * 4, k % 16 * 4
        assert (sheet[y:y + 4, x:x + 4] == pixels(picture)).all()


def test_the_page_gets_the_trials_of_every_seat():
    study, told = made(), Activity(made()).describe()
    assert json.dumps(told) and len(told["trials"]) == study.seats == told["seats"]
    for seat in (1, 2, 40):
        for row, trial in zip(told["trials"][seat - 1], study.trials(seat), strict=True):
            test, condition, real, generated, side = row
            assert told["tests"][test] == trial.test and (real, generated) == (
                trial.real, trial.generated)
            assert told["conditions"][condition] == trial.condition
            assert ("left", "right")[side] == trial.real_side


def test_the_page_asks_nobody_for_anything():
    text = Activity(made(), title="</script><b>").html()
    assert "://" not in text and Page(text).asked == []
    assert not re.search(r"\bfetch\(|XMLHttpRequest|sendBeacon|WebSocket|localStorage", text)
    assert "</script><b>" not in text


# --------------------------------------------------------------------------- taking part


@pytest.fixture
def tab(browser):  # noqa: F811
    page = browser.new_context(accept_downloads=True, has_touch=True).new_page()
    page.troubles, page.asked = [], []
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    page.set_content(f"<!doctype html><body>{Activity(shaded()).html()}")
    yield page
    assert page.troubles == []
    assert [url for url in page.asked if not url.startswith(("blob:", "data:"))] == []
    page.context.close()


PIXEL = """(canvas) => [...canvas.getContext("2d").getImageData(1, 1, 1, 1).data]"""


def shades(tab):
    """What the two panes show: `dark`, `light` or nothing."""
    seen = [canvas.evaluate(PIXEL) for canvas in tab.locator("canvas").all()]
    return [None if alpha == 0 else "dark" if red < 128 else "light" for red, _, _, alpha in seen]


def begin(tab, seat=1):
    tab.get_by_label(re.compile("Your number")).fill(str(seat))
    tab.get_by_role("button", name="begin").click()


def asked(tab):
    """Wait for the question."""
    tab.get_by_role("button", name="left is real").and_(tab.locator(":enabled")).wait_for()


def real_side(tab, trial, seat=1):
    return shaded().trials(seat)[trial].real_side


def take(tab, seat=1, keys=True, wrong=()):
    """Answer all trials; those whose numbers are in `wrong`, wrongly."""
    begin(tab, seat)
    for number, trial in enumerate(shaded().trials(seat)):
        tab.keyboard.press("Space") if keys else tab.get_by_role("button", name="show").tap()
        asked(tab)
        left = (trial.real_side == "left") != (number in wrong)
        if keys:
            tab.keyboard.press("ArrowLeft" if left else "ArrowRight")
        else:
            tab.get_by_role("button", name=f"{'left' if left else 'right'} is real").tap()


def saved(tab, tmp_path):
    with tab.expect_download() as download:
        tab.get_by_role("button", name="save my answers").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_pictures_are_seen_for_the_time_that_was_set_and_on_their_sides(tab):
    begin(tab)
    assert shades(tab) == [None, None]
    tab.evaluate("""() => {
      const canvas = document.querySelector("canvas");
      window.seen = [];
      const watch = (now) => {
        if (canvas.getContext("2d").getImageData(1, 1, 1, 1).data[3]) seen.push(now);
        requestAnimationFrame(watch);
      };
      requestAnimationFrame(watch);
    }""")
    tab.keyboard.press("Space")
    tab.wait_for_function("seen.length > 3")
    wanted = ["dark", "light"] if real_side(tab, 0) == "left" else ["light", "dark"]
    assert shades(tab) == wanted
    asked(tab)
    assert shades(tab) == [None, None]
    first, last = tab.evaluate("[seen[0], seen.at(-1)]")
    assert abs((last - first) / 1000 - EXPOSURE) < 0.15  # two frames, on a busy machine more


def test_answers_count_only_after_the_pictures_are_gone(tab):
    begin(tab)
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("Space")
    tab.keyboard.press("ArrowLeft")
    assert "Trial 1 of 4" in tab.get_by_role("status").inner_text()
    asked(tab)
    tab.keyboard.press("ArrowLeft")
    assert "Trial 2 of 4" in tab.get_by_role("status").inner_text()


@pytest.mark.parametrize("keys", [True, False])
def test_keys_and_fingers_leave_the_same_file(tab, tmp_path, keys):
    take(tab, 3, keys, wrong={1})
    path = saved(tab, tmp_path)
    assert path.name == "two-shades-person-3.csv"
    answers = read_answers(path)
    assert [a.confused for a in answers] == [False, True, False, False]
    assert [(a.test, a.real, a.generated, a.real_side) for a in answers] == [
        (t.test, t.real, t.generated, t.real_side) for t in shaded().trials(3)]
    assert all(EXPOSURE - 0.02 < a.exposure < EXPOSURE + 0.3 for a in answers)
    assert all(a.who == "person" and a.participant == 3 and a.seconds < 30 for a in answers)
    assert Activity(shaded(), folder=tmp_path / "class").save(path.read_text())


def test_the_end_tells_the_share_and_the_next_one_starts_afresh(tab):
    take(tab, 2, wrong={0, 1, 2, 3})
    told = tab.locator(".study").inner_text()
    assert "2 of 2 in the paired test and in 2 of 2 in the unpaired test" in told
    assert PAGE_NOTE in told
    tab.get_by_role("button", name="next participant").click()
    assert tab.get_by_label(re.compile("Your number")).input_value() == "3"
    tab.get_by_role("button", name="begin").click()
    assert "Trial 1 of 4" in tab.get_by_role("status").inner_text()


def test_a_number_that_has_no_seat_does_not_begin(tab):
    for wrong in ("0", "41", ""):
        begin(tab, wrong)
        assert not tab.get_by_role("button", name="show").is_visible()


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_is_wider_than_the_page_and_targets_hold_a_finger(tab, width):
    tab.set_viewport_size({"width": width, "height": 800})
    begin(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("show", "left is real", "right is real"):
        box = tab.get_by_role("button", name=name).bounding_box()
        assert box["height"] >= 32 and box["width"] >= 100


def test_without_script_and_on_paper_it_is_a_sentence(browser, tab):  # noqa: F811
    tab.emulate_media(media="print")
    assert tab.locator(".nojs").is_visible() and not tab.locator("button:visible").count()
    page = browser.new_context(java_script_enabled=False).new_page()
    page.set_content(f"<!doctype html><body>{Activity(shaded()).html()}")
    assert page.locator(".nojs").is_visible() and page.locator("button").count() == 0
    page.context.close()


def test_two_studies_of_a_page_do_not_meet(browser):  # noqa: F811
    page = browser.new_page()
    both = Activity(shaded()).html() + Activity(shaded(), "Another").html()
    page.set_content(f"<!doctype html><body>{both}")
    assert page.locator(".sf-figure").count() == 2
    page.get_by_role("button", name="begin").first.click()
    assert page.get_by_role("button", name="begin").count() == 1
    page.close()


# ---------------------------------------------------------------------------- in Jupyter


class Live:
    """What the kernel sends back."""

    def __init__(self):
        self.sent = []

    def send(self, content):
        self.sent.append(content)


def test_the_kernel_writes_one_file_a_participant_and_overwrites_none(tmp_path):
    activity, live, answers = Activity(made(), folder=tmp_path / "class"), Live(), replies(wrong=2)
    message = {"kind": "save", "id": 0.5, "text": csv_text(answers)}
    activity.heard(live, message)
    path = tmp_path / "class" / "toy-person-1.csv"
    assert live.sent == [{"id": 0.5, "said": f"Saved as {path}."}] and read_answers(path) == answers
    activity.heard(live, message)
    assert "is there already" in live.sent[1]["said"] and len(list(path.parent.iterdir())) == 1
    activity.heard(live, {"kind": "other"})
    assert len(live.sent) == 2


def test_answers_to_other_trials_are_not_written(tmp_path):
    activity = Activity(made(), folder=tmp_path / "class")
    for answers in (replies()[:-1], replies("coin"), replies(study=made(seed=1)),
                    replies(study=Study("other", pictures(0), {"good": pictures(0)}, each=2))):
        with pytest.raises(BookError, match="not to the trials of this study"):
            activity.save(csv_text(answers))
    with pytest.raises(BookError, match="does not begin with the columns"):
        activity.save("../../elsewhere")
    assert not list(tmp_path.iterdir())


def test_a_cell_shows_html_in_a_page_and_a_widget_in_jupyter(monkeypatch):
    activity = Activity(made())
    monkeypatch.setenv("SYNTHBOOK_STATIC", "1")
    assert set(activity._repr_mimebundle_()) == {"text/html"}
    monkeypatch.delenv("SYNTHBOOK_STATIC")
    assert "application/vnd.jupyter.widget-view+json" in activity._repr_mimebundle_()
    live = activity.widget()
    assert "answers" in live.description["note"] and "export default { render }" in live._esm
    assert not re.search(r"^import |^export (?!default)", live._esm, re.M)


def test_the_widget_sends_answers_to_the_kernel_and_tells_what_it_says(browser):  # noqa: F811
    live = Activity(shaded()).widget()
    page = browser.new_page()
    page.set_content("<!doctype html><body><div class='study'></div>")
    page.evaluate("""async ([module, description]) => {
      const url = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
      const { default: { render } } = await import(url), heard = [];
      window.sent = [];
      const model = { get: () => description, on: (_, f) => heard.push(f), off: () => {},
        send: (message) => {
          sent.push(message);
          heard.forEach((f) => f({ id: message.id, said: "Saved there." }));
        } };
      render({ model, el: document.querySelector(".study") });
    }""", [live._esm, live.description])
    take(page, 5)
    page.get_by_role("button", name="save my answers").click()
    page.get_by_text("Saved there.").wait_for()
    sent = page.evaluate("sent")
    assert len(sent) == 1 and sent[0]["kind"] == "save"
    assert sent[0]["text"].count("\n") == 5 and ",person,5,4," in sent[0]["text"]
    page.close()
