"""The built site, opened in a real browser: over http and straight from files, with no network.

`SYNTHBOOK_SITE` names the site's folder. Without a browser or a site these tests are skipped on a
reader's machine and fail where `CI` is set.
"""

import functools
import http.server
import os
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
import yaml

pytestmark = pytest.mark.site

ROOT = Path(__file__).resolve().parent.parent
SITE = (ROOT / os.environ.get("SYNTHBOOK_SITE", "_build/smoke/html")).resolve()
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()
GENERATED = {"genindex.html", "search.html"}
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}

READY = """async () => {
  if (window.MathJax && MathJax.startup) await MathJax.startup.promise;
  const views = () => [...document.querySelectorAll(
    'script[type="application/vnd.jupyter.widget-view+json"]')];
  const drawn = (view) => view.parentElement.querySelector(".jupyter-widgets");
  for (let i = 0; i < 100 && !views().every(drawn); i++)
    await new Promise((wake) => setTimeout(wake, 100));
  return {
    title: document.title,
    headings: document.querySelectorAll("article h1").length,
    formulas: document.querySelectorAll(".math").length,
    typeset: document.querySelectorAll(".math mjx-container").length,
    mathErrors: [...document.querySelectorAll("mjx-merror")].map((e) => e.textContent),
    widgets: views().length,
    widgetsDrawn: views().filter(drawn).length,
    images: [...document.images].map((i) => ({
      src: i.currentSrc.slice(0, 200), alt: i.getAttribute("alt"), loaded: i.naturalWidth > 0 })),
    links: [...document.querySelectorAll("a[href]")].map((a) => a.href),
    ids: [...document.querySelectorAll("[id]")].map((e) => e.id),
  };
}"""

OVERFLOW = """() => {
  const scrollsItself = (e) => e && e !== document.body
    && (getComputedStyle(e).overflowX !== "visible" || scrollsItself(e.parentElement));
  const wide = [...document.querySelectorAll("article *")].filter((e) =>
    e.getBoundingClientRect().right > window.innerWidth + 1 && !scrollsItself(e.parentElement));
  return {
    page: document.documentElement.scrollWidth, window: window.innerWidth,
    widest: wide.slice(0, 5).map((e) => e.tagName + ": " + e.textContent.slice(0, 80)),
  };
}"""


def missing(what: str) -> None:
    """Skip, or fail where a skipped test would be a hole."""
    (pytest.fail if os.environ.get("CI") not in (None, "", "0", "false") else pytest.skip)(what)


def pages() -> list[str]:
    """The pages that the table of contents promises, as paths in the site."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))

    def names(entry: dict) -> Iterator[str]:
        yield from (entry[k] for k in ("root", "file") if k in entry)
        for group in ("parts", "chapters", "sections"):
            for child in entry.get(group, []):
                yield from names(child)

    return [re.sub(r"\.(md|ipynb)$", "", name) + ".html" for name in names(toc)]


@dataclass
class Visit:
    """What one page did while it was open, and what stood in it."""

    facts: dict = field(default_factory=dict)
    overflow: dict = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


class Reader:
    """A person with a browser who reads the site at one address."""

    def __init__(self, browser, base: str):
        self.browser, self.base = browser, base
        self.visits: dict[str, Visit] = {}

    def open(self, path: str, **context):
        """A tab on `path`, with everything it asks for and complains of recorded."""
        tab, visit = self.browser.new_page(**{"viewport": DESK, **context}), Visit()
        tab.on("request", lambda r: visit.requests.append(r.url))
        tab.on("requestfailed", lambda r: visit.troubles.append(f"failed: {r.url}"))
        tab.on("pageerror", lambda e: visit.troubles.append(f"error: {e}"))
        tab.on("response", lambda r: r.status < 400 or visit.troubles.append(f"missing: {r.url}"))
        tab.on("console", lambda m: m.type != "error" or visit.troubles.append(m.text))
        tab.goto(self.base + path, wait_until="load")
        return tab, visit

    def visit(self, path: str) -> Visit:
        """Read `path` once, at a desk and then on a phone."""
        if path not in self.visits:
            tab, visit = self.open(path)
            visit.facts = tab.evaluate(READY)
            tab.set_viewport_size(PHONE)
            tab.wait_for_timeout(300)
            visit.overflow = tab.evaluate(OVERFLOW)
            tab.close()
            self.visits[path] = visit
        return self.visits[path]


@pytest.fixture(scope="session")
def site() -> Path:
    if not (SITE / "index.html").is_file():
        missing(f"no built site at {SITE}: run `make test`")
    return SITE


@pytest.fixture(scope="session")
def browser(site):
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        missing("no browser: install chromium to open the site")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield chromium
        chromium.close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def http_base(site):
    handler = functools.partial(Quiet, directory=str(site))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="session")
def readers(browser, site, http_base) -> dict[str, Reader]:
    bases = {"http": http_base, "file": site.as_uri() + "/"}
    return {name: Reader(browser, base) for name, base in bases.items()}


@pytest.fixture(params=["http", "file"])
def reader(request, readers) -> Reader:
    return readers[request.param]


@pytest.fixture(params=pages())
def path(request) -> str:
    return request.param


def test_every_page_of_the_contents_was_built_and_no_other(site):
    built = {p.relative_to(site).as_posix() for p in site.rglob("*.html")}
    built = {p for p in built if not p.startswith(("_static/", "_sources/"))}
    assert built - GENERATED == set(pages())


def test_nothing_leaves_the_host(reader, path):
    asked = reader.visit(path).requests
    assert asked
    assert [u for u in asked if not u.startswith((reader.base, "data:", "blob:"))] == []


def test_no_page_names_a_foreign_resource(site):
    foreign = re.compile(
        r"<(?:script|link|img|iframe|source|video|audio|object|embed)\b[^>]*?"
        r"\s(?:src|href|data)=[\"'](?:https?:)?//[^\"']*|\b(?:unpkg\.com|jsdelivr\.net"
        r"|cdnjs\.cloudflare\.com|googleapis\.com)[^\"'\s]*"
    )
    found = {
        page.relative_to(site).as_posix(): hits
        for page in site.rglob("*.html")
        if (hits := foreign.findall(page.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_no_page_complains(reader, path):
    assert reader.visit(path).troubles == []


def test_every_page_has_one_heading_and_a_title(reader, path):
    facts = reader.visit(path).facts
    assert facts["headings"] == 1
    assert facts["title"].strip()


def test_formulas_are_typeset(reader, path):
    facts = reader.visit(path).facts
    assert facts["typeset"] == facts["formulas"]
    assert facts["mathErrors"] == []


def test_widgets_are_drawn(reader, path):
    facts = reader.visit(path).facts
    assert facts["widgetsDrawn"] == facts["widgets"]


def test_every_image_loads_and_says_what_it_shows(reader, path):
    images = reader.visit(path).facts["images"]
    assert [i["src"] for i in images if not i["loaded"]] == []
    filename = re.compile(r"^\s*$|\.(png|jpe?g|svg|gif|webp)$")
    assert [i for i in images if i["alt"] is None or filename.search(i["alt"])] == []


def test_no_internal_link_is_broken(readers, site):
    reader = readers["http"]
    ids = {path: set(reader.visit(path).facts["ids"]) for path in pages()}
    broken = []
    for path in pages():
        for link in reader.visit(path).facts["links"]:
            address, fragment = urldefrag(link)
            if not address.startswith(reader.base):
                continue
            target = unquote(address.removeprefix(reader.base).split("?")[0]) or "index.html"
            whole = (site / target).is_file() and (
                not fragment or target not in ids or unquote(fragment) in ids[target]
            )
            if not whole:
                broken.append(f"{path}: {link}")
    assert broken == []


def test_nothing_scrolls_sideways_on_a_phone(reader, path):
    overflow = reader.visit(path).overflow
    assert overflow["page"] <= overflow["window"], overflow["widest"]


def test_search_finds_a_word_of_the_landing_page(reader):
    tab, visit = reader.open("search.html?q=leakage")
    tab.wait_for_selector("#search-results li a", timeout=15_000)
    found = tab.locator("#search-results li a").evaluate_all("links => links.map((a) => a.href)")
    tab.wait_for_timeout(300)
    tab.close()
    assert any("index.html" in link for link in found), found
    assert visit.troubles == []


def test_the_dark_theme_is_dark_and_readable(reader):
    tab, visit = reader.open("index.html", color_scheme="dark")
    light = tab.evaluate("""() => {
      const luminance = (colour) => {
        const part = colour.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
          .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
      };
      const style = (e) => getComputedStyle(document.querySelector(e));
      return { text: luminance(style("article p").color),
               back: luminance(style("body").backgroundColor) };
    }""")
    tab.close()
    assert light["back"] < 0.1
    assert (light["text"] + 0.05) / (light["back"] + 0.05) > 4.5
    assert visit.troubles == []
