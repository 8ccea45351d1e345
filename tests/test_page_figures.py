"""Every figure of the built site in a real browser: it starts, answers like the kernel, and lives.

The pages are those of `SYNTHBOOK_SITE`; a figure on a new page is tested without a new line here.
"""

# ruff: noqa: F811
import re
import time
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from built_site import (  # noqa: F401
    OVERFLOW,
    PHONE,
    ROOT,
    SITE,
    Reader,
    browser,
    http_base,
    missing,
    pages,
    reader,
    readers,
    site,
)
from moving import MOVES, PATIENCE, Shown

from synthbook.figures.encode import unpacked
from synthbook.figures.export import Limits, page_model

pytestmark = pytest.mark.site

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
RUNTIME = "_static/figures/ort-"
METERED = """Object.defineProperty(navigator, "connection", { value: { saveData: true } })"""
COUNT = """window.posted = 0;
const post = Worker.prototype.postMessage;
Worker.prototype.postMessage = function (...given) { posted += 1; post.apply(this, given); };"""
LISTEN = """(root) => {
  window.said = [];
  new MutationObserver(() => said.push(root.querySelector("[role=status]").innerText))
    .observe(root, { subtree: true, childList: true, characterData: true });
}"""
HURRY = """async ([name, key, count]) => {
  const { inputs, idle } = synthbookFigures.get(name), value = inputs[key].value.slice();
  const before = posted;
  for (let k = 1; k <= count; k++) {
    inputs[key].set(value.map((v) => v * (1 - k / count)));
    if (k % 10 === 0) await new Promise((wake) => setTimeout(wake, 1));
  }
  await idle();
  return posted - before;
}"""
OUTSIDE = """(root) => {
  const { left, right } = root.getBoundingClientRect();
  const swiped = (e) => e !== root
    && (getComputedStyle(e).overflowX !== "visible" || swiped(e.parentElement));
  return [...root.querySelectorAll("*")].filter((e) => {
    const edges = e.getBoundingClientRect();
    return e.offsetParent && edges.width && !swiped(e.parentElement)
      && (edges.left < left - 1 || edges.right > right + 1);
  }).map((e) => e.outerHTML.slice(0, 120));
}"""
CHECK = """async () => (await axe.run({ include: [["synthbook-figure"], [".recorded"]]
  .filter(([ours]) => document.querySelector(ours)) })).violations
  .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((n) => n.html).join(" ")}`)"""


def figures() -> dict[str, list[str]]:
    """The names of the figures on every page of the site that has any."""
    found = {}
    for path in pages():
        text = (SITE / path).read_text(encoding="utf-8") if (SITE / path).is_file() else ""
        if names := re.findall(r'<synthbook-figure name="([^"]+)"', text):
            found[path] = names
    return found


FIGURES = figures() or {"": [""]}  # without a site each test is skipped, or fails
CROWDED = max(FIGURES, key=lambda path: len(FIGURES[path]))
RECORDED = [path for path in pages() if (SITE / path).is_file()
            and 'class="recorded' in (SITE / path).read_text(encoding="utf-8")]
by_page = pytest.mark.parametrize("path", FIGURES)
by_figure = pytest.mark.parametrize(("path", "name"), [(p, n) for p in FIGURES for n in FIGURES[p]])


def assets(visit) -> list[str]:
    """Addresses of the figures' large files that a page has asked for."""
    return [url for url in visit.requests if "/_static/figures/" in url
            and ("/models/" in url or "/ort-" in url)]


def started(tab, path: str) -> list[Shown]:
    """All figures of a page, running."""
    shown = [Shown(tab, name) for name in FIGURES[path]]
    for figure in shown:
        figure.start()
    return shown


@pytest.fixture(scope="module")
def desk(readers) -> Iterator:
    """A page over http with its figures running; each is opened once."""
    tabs = {}

    def opened(path: str):
        if path not in tabs:
            tabs[path], _ = readers["http"].open(path)
            started(tabs[path], path)
        return tabs[path]

    yield opened
    for tab in tabs.values():
        tab.close()


# ------------------------------------------------------------------------------ it starts


def test_the_book_has_every_kind_of_input(desk):
    kinds = {one["kind"] for path, names in FIGURES.items() for name in names
             for one in Shown(desk(path), name).description["inputs"]}
    assert kinds == set(MOVES)


@by_page
def test_every_figure_starts_and_asks_no_other_host(reader: Reader, path):
    tab, visit = reader.open(path)
    for figure in started(tab, path):
        for output in figure.outputs().values():
            assert output["shape"][0] == 1 and np.isfinite(output["data"]).all()
        drawn = figure.root.locator("canvas[role=img]").first
        assert drawn.evaluate("(e) => e.width * e.height") > 1000
        assert not figure.root.locator(".poster").is_visible()
    loaded, workers = assets(visit), len(tab.workers)
    tab.close()
    foreign = [u for u in visit.requests if not u.startswith((reader.base, "data:", "blob:"))]
    assert foreign == [] and visit.troubles == []
    assert len(loaded) == len(set(loaded)) > 0  # figures share what they load
    assert workers == 1


def test_page_files_are_no_larger_than_the_button_says(desk, site):
    for path, names in FIGURES.items():
        for name in names:
            told = Shown(desk(path), name).description
            slug = told["model"].replace("/", "--")
            files = [*site.glob(f"{RUNTIME}*.js"),
                     *site.glob(f"_static/figures/models/{slug}-*.js")]
            assert sum(file.stat().st_size for file in files) == told["bytes"] > 1_000_000


# ------------------------------------------------------------------------------ it answers


@by_figure
def test_page_and_kernel_give_the_same_picture(desk, path, name):
    figure, limits = Shown(desk(path), name), Limits()
    told = figure.description
    model, shapes = page_model(told["model"]), {o["name"]: o["value"]["shape"]
                                                for o in told["inputs"]}
    fixed = {key: unpacked(value) for key, value in told["fixed"].items()}
    for seed in range(3):
        drawn = model.examples(1, seed)
        figure.set({key: drawn[key].flatten().tolist() for key in shapes})
        given = {key: torch.tensor(figure.value(key), dtype=drawn[key].dtype).reshape(shape)
                 for key, shape in shapes.items()}
        assert all(torch.equal(given[key], drawn[key]) for key in shapes)
        wanted = model.run(fixed | given)
        for key, got in figure.outputs().items():
            error = np.abs(np.reshape(got["data"], got["shape"]) - wanted[key].numpy())
            image = wanted[key].ndim == 4
            error *= 127.5 if image else 255 / (1 + wanted[key].abs().max().item())
            assert error.mean() <= limits.mean
            assert np.quantile(error, 0.999) <= limits.p999


@by_figure
def test_every_control_changes_something_visible(readers, path, name):
    tab, visit = readers["http"].open(path)
    figure = Shown(tab, name)
    figure.start()
    figure.move_all()
    tab.close()
    assert visit.troubles == []


def test_while_one_picture_is_drawn_only_the_newest_request_waits(readers):
    tab, _ = readers["http"].open("chapters/figures.html", script=COUNT)
    figure = Shown(tab, "handles-ground")
    figure.start()
    runs = tab.evaluate(HURRY, [figure.name, "camera", 100])
    hurried = figure.outputs()
    figure.set({"camera": [0.0, 0.0]})
    again = figure.outputs()
    tab.close()
    assert 1 <= runs < 50
    assert hurried == again  # the last of the hundred asked for this, too


def test_a_finger_paints(browser, readers):
    tab, _ = readers["http"].open("index.html", has_touch=True, viewport=PHONE)
    figure = started(tab, "index.html")[0]
    canvas = figure.root.get_by_role("application").first
    canvas.scroll_into_view_if_needed()
    with figure.seen("a tap"):
        for u in (0.2, 0.5, 0.8):
            box = canvas.bounding_box()
            tab.touchscreen.tap(box["x"] + u * box["width"], box["y"] + 0.5 * box["height"])
    tab.close()


@pytest.mark.parametrize("path", RECORDED)
def test_every_slider_of_a_recorded_figure_changes_its_picture(reader: Reader, path):
    tab, visit = reader.open(path)
    for recorded in tab.locator(".recorded").all():
        pictures = recorded.locator(".runs, :scope > img").first
        for slider in recorded.locator("input[type=range]").all():
            slider.focus()
            slider.press("Home")
            first = pictures.screenshot()
            slider.press("End")
            assert pictures.screenshot() != first, slider.evaluate("(e) => e.labels[0].innerText")
    tab.close()
    assert visit.troubles == []


# ------------------------------------------------------------------------------ for everyone


def slow_line(route) -> None:
    """Files arrive one after another, so that the page has time to say how far it is."""
    time.sleep(0.2)
    route.continue_()


def test_nothing_is_loaded_on_a_metered_line_before_the_button(readers):
    tab, visit = readers["http"].open(CROWDED, script=METERED)
    figure = Shown(tab, FIGURES[CROWDED][0])
    figure.root.scroll_into_view_if_needed()
    size = round(figure.description["bytes"] / 1e6)
    load = figure.root.get_by_role("button", name=f"load {size} MB")
    tab.wait_for_timeout(300)
    assert assets(visit) == [] and load.is_visible()
    figure.root.evaluate(LISTEN)
    tab.route("**/_static/figures/**", slow_line)
    load.click()
    figure.start()
    assert assets(visit) and not load.is_visible()
    said = tab.evaluate("said")
    tab.close()
    assert len([words for words in said if re.search(r"[Ll]oading.* \d+ %", words)]) > 2, said


def test_what_cannot_be_loaded_is_said_and_tried_again(readers):
    tab, _ = readers["http"].open("search.html")
    tab.route("**/_static/figures/models/**", lambda route: route.abort())
    tab.goto(readers["http"].base + CROWDED)
    figure = Shown(tab, FIGURES[CROWDED][0])
    figure.root.scroll_into_view_if_needed()
    again = figure.root.get_by_role("button", name="try again")
    again.wait_for(timeout=PATIENCE)
    assert "could not be loaded" in figure.root.get_by_role("status").inner_text()
    assert figure.root.locator("canvas[role=img]").first.evaluate("(e) => e.width") > 16
    tab.unroute("**/_static/figures/models/**")
    again.click()
    figure.start()
    tab.close()


@by_page
def test_without_javascript_the_poster_stands(reader: Reader, path):
    tab, _ = reader.open(path, java_script_enabled=False)
    for name in FIGURES[path]:
        root = tab.locator(f'synthbook-figure[name="{name}"]')
        poster = root.locator(".poster")
        assert poster.is_visible() and poster.bounding_box()["width"] > 150
        assert poster.evaluate("(e) => e.naturalWidth") > 16 and poster.get_attribute("alt")
        assert root.locator(".nojs").is_visible()
        assert root.locator("button, input").count() == 0
    tab.close()


@by_page
def test_paper_shows_pictures_and_no_controls(desk, path):
    tab = desk(path)
    tab.emulate_media(media="print")
    for name in FIGURES[path]:
        root = Shown(tab, name).root
        pictures = root.locator(".poster, canvas[role=img]")
        assert any(one.is_visible() for one in pictures.all())
        assert not any(one.is_visible() for one in root.locator("button, input").all())
    tab.emulate_media(media="screen")


@by_page
def test_a_phone_holds_every_figure(readers, path):
    tab, _ = readers["http"].open(path, viewport=PHONE)
    for figure in started(tab, path):
        assert figure.root.evaluate(OUTSIDE) == [], figure.name
    overflow = tab.evaluate(OVERFLOW)
    tab.close()
    assert overflow["page"] <= overflow["window"], overflow["widest"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", sorted({*FIGURES, *RECORDED}))
def test_an_accessibility_checker_finds_nothing(readers, path, scheme):
    if not AXE.is_file():
        missing("no axe-core: run `make vendor`")
    tab, _ = readers["http"].open(path, color_scheme=scheme)
    if path in FIGURES:
        started(tab, path)
    tab.add_script_tag(path=str(AXE))
    found = tab.evaluate(CHECK)
    tab.close()
    assert found == []
