"""The training time machine: how the page shows runs that were recorded, and what ships."""

import io
from dataclasses import asdict
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from browsing import browser  # noqa: F401
from PIL import Image
from told_runs import Told, made

from synthbook import files
from synthbook.figures import time_machine as machine
from synthbook.files import BookError, read_json, sha256, verified, write_json
from synthbook.plots import pixels
from synthbook.smis import failures

CHARTS = (("error", ("error",), 2), ("in / out", ("inside", "outside"), 3))
ATTEMPTS = (Told("one"), Told("two", "Two </script>&"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two runs of three snapshots: frame k of a run is one shade, brighter with k."""
    where = tmp_path / "results" / "paper" / "time-machine"
    monkeypatch.setattr(machine, "data_dir", lambda: tmp_path)
    for n, attempt in enumerate(ATTEMPTS):
        frames = [torch.full((2, 1, 3, 4, 4), k - 1.0) for k in range(3)]
        path = where / f"{attempt.name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(made().sprite(frames)).save(path)
        write_json(path.with_suffix(".json"), {
            "name": attempt.name, "images": [8, 400, 1200], "rows": ["real", "drawn"],
            "columns": 1, "pitch": [6, 6], "sha256": sha256(path),
            "probes": {"error": [0.5, 0.25, 0.125 + n], "inside": [0, 0.1, 0.2],
                       "outside": [0, 0.01, 0.02]}})
    return where


class Page(HTMLParser):
    """Attributes of every element by tag, and the text of every element with `data-texts`."""

    def __init__(self, text):
        super().__init__()
        self.found, self.said, self.number = {}, {}, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.setdefault(tag, []).append(dict(attributes))
        self.number = dict(attributes).get("data-texts")

    def handle_data(self, text):
        if self.number is not None:
            self.said[int(self.number)] = text
        self.number = None


def shown():
    return machine.time_machine("paper", ATTEMPTS, CHARTS, "Two runs").data


def test_the_last_snapshot_stands_without_script(folder):
    page = Page(shown())
    box, controls = page.found["div"][:2]
    assert "--frame: 2" in box["style"] and "--frames: 3" in box["style"]
    assert "--shape: 6 / 12" in box["style"]
    assert "hidden" in controls and page.found["input"][0]["value"] == "2"
    assert page.found["input"][0]["aria-valuetext"] == "1,200"
    assert [image["alt"].partition(":")[0] for image in page.found["img"]] == [
        "A title", "Two </script>&"]
    assert page.said == {0: "0.12", 1: "0.200 / 0.020", 2: "1.12", 3: "0.200 / 0.020"}


def test_one_scale_for_all_runs_of_a_chart(folder):
    lines = [one["points"] for one in Page(shown()).found["polyline"]]
    assert lines[0] == "0,55.56 50,77.78 100,88.89" and lines[3] == "0,55.56 50,77.78 100,0"
    assert lines[1] == "0,100 50,50 100,0" and lines[2] == "0,100 50,95 100,90"


def test_nothing_is_asked_of_a_host_and_texts_cannot_break_out(folder):
    text = shown()
    assert "://" not in text
    assert len(Page(text).found["script"]) == 2


@pytest.mark.parametrize("change, words", [
    ({"images": [8, 400, 1600]}, "differ in 'images'"),
    ({"rows": ["real"]}, "differ in 'rows'"),
    ({"probes": {"error": [1, 1, 1], "inside": [1, 1, 1]}}, "no probe outside"),
    ({"sha256": "0"}, "damaged or was altered"),
])
def test_runs_that_cannot_be_compared_are_refused(folder, change, words):
    write_json(folder / "two.json", read_json(folder / "two.json") | change)
    with pytest.raises(BookError, match=words):
        shown()


def test_a_missing_run_is_refused(folder):
    (folder / "two.png").unlink()
    with pytest.raises(BookError, match="two.png does not exist"):
        shown()


@pytest.fixture
def tab(browser, folder):  # noqa: F811
    page = browser.new_page()
    page.set_content(f"<!doctype html><body>{shown()}{shown()}")
    yield page
    page.close()


def seen(tab):
    """For each run of the first figure: the shade and the first number that a reader sees."""
    shades, run = [], tab.locator(".machine").first.locator(".run")
    for window in run.locator(".window").all():
        box = window.bounding_box()
        clip = {"x": box["x"] + box["width"] / 4, "y": box["y"] + box["height"] / 8,
                "width": 2, "height": 2}
        picture = Image.open(io.BytesIO(tab.screenshot(clip=clip))).convert("L")
        shades.append(picture.getpixel((0, 0)))
    numbers = [one.locator("p[data-texts]").first.inner_text() for one in run.all()]
    return shades, numbers


def test_keys_move_all_runs_together_and_no_other_figure(tab):
    assert seen(tab) == ([255, 255], ["0.12", "1.12"])
    other = tab.locator(".machine").nth(1)
    slider = tab.get_by_label("images seen").first
    markers = tab.locator(".machine").first.locator(".marker")
    right = [one.bounding_box()["x"] for one in markers.all()]
    slider.focus()
    tab.keyboard.press("ArrowLeft")
    assert seen(tab) == ([128, 128], ["0.25", "0.25"])
    assert slider.get_attribute("aria-valuetext") == "400"
    tab.keyboard.press("Home")
    assert seen(tab) == ([0, 0], ["0.50", "0.50"])
    assert all(now.bounding_box()["x"] < then for now, then in zip(markers.all(), right))
    assert other.locator("p[data-texts]").first.inner_text() == "0.12"


def test_the_button_plays_from_the_start_and_pauses(tab):
    button = tab.get_by_role("button").first
    slider = tab.get_by_label("images seen").first
    tab.clock.install()
    button.focus()
    tab.keyboard.press("Enter")
    assert slider.input_value() == "0" and "pause" in button.inner_text()
    tab.clock.run_for(700)
    assert slider.input_value() == "1"
    tab.keyboard.press("Enter")
    tab.clock.run_for(5000)
    assert slider.input_value() == "1" and "play" in button.inner_text()
    tab.keyboard.press("Enter")
    tab.clock.run_for(5000)
    assert slider.input_value() == "2" and "play" in button.inner_text()


def test_print_shows_the_last_snapshot(tab):
    tab.get_by_label("images seen").first.fill("0")
    tab.emulate_media(media="print")
    assert not tab.get_by_role("button").first.is_visible()
    assert seen(tab) == ([255, 255], ["0.12", "1.12"])


def test_without_script_the_last_snapshot_is_seen(browser, folder):  # noqa: F811
    page = browser.new_context(java_script_enabled=False).new_page()
    page.set_content(f"<!doctype html><body>{shown()}")
    assert seen(page) == ([255, 255], ["0.12", "1.12"])
    assert not page.locator(".controls").is_visible()
    page.close()


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_is_wider_than_the_page(tab, width):
    tab.set_viewport_size({"width": width, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    slider, button = (tab.get_by_label("images seen").first, tab.get_by_role("button").first)
    assert slider.bounding_box()["width"] >= 120 and button.bounding_box()["height"] >= 32


# ------------------------------------------------------------------------- what ships

MB = 1_000_000


@pytest.fixture(scope="module")
def shipped():
    """The record of every run of SMIS."""
    folder = files.data_dir() / "results" / "smis" / "time-machine"
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 1.5 * MB
    return {one.name: verified(folder / f"{one.name}.png") for one in failures.ATTEMPTS}


def test_the_shipped_runs_are_those_of_the_table(shipped):
    for attempt in failures.ATTEMPTS:
        record = shipped[attempt.name]
        assert record["config"]["weights"] == asdict(attempt.weights), attempt.name
        assert record["config"]["model"]["split"] == (attempt.variant != "vspade")
        assert tuple(record["images"]) == failures.COUNTS
        assert tuple(record["rows"]) == failures.ROWS
    figure = machine.time_machine("smis", failures.ATTEMPTS, failures.CHARTS, "SMIS").data
    assert figure.count('src="data:image/png;base64,') == len(failures.ATTEMPTS)


def test_what_the_captions_say_was_measured(shipped):
    def last(probe):
        return {name: record["probes"][probe][-1] for name, record in shipped.items()}

    error, nats = last("rebuilt_error"), last("nats")
    inside, outside = last("change_inside"), last("change_outside")
    assert min(error, key=error.get) == "no-game"
    assert max(nats, key=nats.get) == "no-kl" and nats["no-kl"] > 2 * nats["good"]
    assert nats["no-rebuilding"] < 0.2 * nats["good"]
    assert inside["no-rebuilding"] < 0.4 * inside["good"]
    assert outside["one-latent"] > 0.7 * inside["one-latent"]
    assert outside["good"] < 0.2 * inside["good"]


def test_every_failure_differs_from_the_run_that_works_in_one_thing():
    good, *failed = failures.ATTEMPTS
    plain = asdict(good.weights)
    changed = {one.name: {k for k, v in asdict(one.weights).items() if v != plain[k]}
               | ({"variant"} if one.variant != good.variant else set()) for one in failed}
    assert changed == {"no-game": {"warm"}, "no-kl": {"kl"}, "one-latent": {"variant"},
                       "no-rebuilding": {"l1", "feature_matching", "warm"}}


def pictures(name):
    """The last frame of a run: (rows, columns, 32, 32, 3) bytes."""
    path = files.data_dir() / "results" / "smis" / "time-machine" / f"{name}.png"
    sheet = np.asarray(Image.open(path))[:, -34 * len(failures.LAYOUTS):]
    tiles = sheet.reshape(len(failures.ROWS), 34, len(failures.LAYOUTS), 34, 4)
    return tiles.transpose(0, 2, 1, 3, 4)[:, :, :32, :32, :3].astype(float)


def test_the_last_row_redraws_the_sky_and_with_one_latent_everything():
    _, label, sky = failures.held()
    mask = (label[list(failures.LAYOUTS)] == sky).numpy()
    good, one = pictures("good"), pictures("one-latent")
    moved = np.abs(good[4] - good[2]).mean(-1)
    assert moved[mask].mean() > 5 * moved[~mask].mean()
    assert np.array_equal(one[4], one[3])


def test_the_real_pictures_are_the_same_in_every_run(shipped):
    image = failures.held()[0][list(failures.LAYOUTS)]
    for name in shipped:
        assert np.array_equal(pictures(name)[0], pixels(image)), name
