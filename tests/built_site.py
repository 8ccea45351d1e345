"""The built site, a browser, and a reader who opens its pages over http or straight from files.

`SYNTHBOOK_SITE` names the site's folder. Without a browser or a site the tests that use these
fixtures are skipped on a reader's machine and fail where `CI` is set.
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

import pytest
import yaml
from browsing import BROWSERS

ROOT = Path(__file__).resolve().parent.parent
SITE = (ROOT / os.environ.get("SYNTHBOOK_SITE", "_build/smoke/html")).resolve()
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

    def open(self, path: str, script: str = "", **context):
        """A tab on `path`, with everything it asks for and complains of recorded.

        `script` runs in it before any of the page's own.
        """
        tab, visit = self.browser.new_page(**{"viewport": DESK, **context}), Visit()
        if script:
            tab.add_init_script(script)
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


@pytest.fixture(scope="module")
def site() -> Path:
    if not (SITE / "index.html").is_file():
        missing(f"no built site at {SITE}: run `make test`")
    return SITE


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def http_base(site):
    handler = functools.partial(Quiet, directory=str(site))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module")
def readers(browser, site, http_base) -> dict[str, Reader]:
    bases = {"http": http_base, "file": site.as_uri() + "/"}
    return {name: Reader(browser, base) for name, base in bases.items()}


@pytest.fixture(params=["http", "file"])
def reader(request, readers) -> Reader:
    return readers[request.param]


@pytest.fixture(params=pages())
def path(request) -> str:
    return request.param
