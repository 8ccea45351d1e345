"""The built site, opened in a real browser: over http and straight from files, with no network."""

# ruff: noqa: F811
import re
from urllib.parse import unquote, urldefrag

import pytest
from built_site import (  # noqa: F401
    GENERATED,
    browser,
    http_base,
    pages,
    path,
    reader,
    readers,
    site,
)

pytestmark = pytest.mark.site


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
