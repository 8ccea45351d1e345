"""Figures of an open page, and a person who moves every control of theirs.

Each kind of input has a list of moves made with real pointer and keyboard events. A move that
changes nothing that can be seen is a dead control; so is a control that no move has touched.
"""

import contextlib
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Locator, Page

PATIENCE = 60_000  # milliseconds until something has surely failed

START = """([name, ms]) => Promise.race([
  synthbookFigures.get(name).ready.then(() => "ready"),
  new Promise((wake) => setTimeout(() => wake("never ready"), ms)),
])"""
IDLE = "(name) => synthbookFigures.get(name).idle()"
SIGHT = """(root) => {
  const hash = (parts) => parts.join("|").split("").reduce(
    (sum, one) => (Math.imul(sum, 31) + one.charCodeAt(0)) | 0, 7);
  const all = (what, make) => [...root.querySelectorAll(what)].map(make);
  const picture = all("canvas[role=img]", (one) => one.toDataURL());
  return { picture: hash(picture), all: hash([...picture, root.innerText,
    ...all("canvas", (one) => one.toDataURL()), ...all("[style]", (one) => one.style.cssText),
    ...all("input", (one) => one.value + one.checked)]) };
}"""
WATCH = """(root) => {
  for (const kind of ["pointerdown", "keydown", "change"]) {
    root.addEventListener(kind, ({ target }) => {
      const control = target.closest("button, input, [tabindex]")
        ?? target.closest("label")?.control ?? target.closest(".sf-wheel")?.querySelector("button");
      if (control) control.dataset.moved = "";
    }, true);
  }
}"""
UNMOVED = """(root) => [...root.querySelectorAll("button, input, [tabindex]")]
  .filter((one) => one.offsetParent !== null && !("moved" in one.dataset))
  .map((one) => one.getAttribute("aria-label") ?? one.closest("label")?.innerText ?? one.outerHTML)
"""
OUTPUTS = """(name) => Object.fromEntries(Object.entries(synthbookFigures.get(name).outputs)
  .map(([key, { shape, data }]) => [key, { shape: [...shape], data: [...data] }]))"""


class Shown:
    """One figure on an open page."""

    def __init__(self, tab: Page, name: str):
        tag = tab.locator(f'synthbook-figure[name="{name}"]')
        self.tab, self.name = tab, name
        self.root = tag if tag.count() else tab.locator(".sf-figure")  # in Jupyter there is no tag

    def start(self) -> None:
        """Scroll to the figure and wait until its model has drawn."""
        self.root.scroll_into_view_if_needed()
        said = self.tab.evaluate(START, [self.name, PATIENCE])
        assert said == "ready", f"{self.name}: {self.root.locator('[role=status]').inner_text()}"

    @property
    def description(self) -> dict[str, Any]:
        return self.tab.evaluate("(name) => synthbookFigures.get(name).description", self.name)

    def value(self, name: str) -> list[float]:
        """The numbers of an input."""
        script = "([name, key]) => [...synthbookFigures.get(name).inputs[key].value]"
        return self.tab.evaluate(script, [self.name, name])

    def set(self, values: dict[str, list[float]]) -> None:
        """Give inputs other numbers and wait for the picture."""
        script = "([name, all]) => Object.entries(all).forEach(([key, value]) => " \
                 "synthbookFigures.get(name).inputs[key].set(value))"
        self.tab.evaluate(script, [self.name, values])
        self.tab.evaluate(IDLE, self.name)

    def outputs(self) -> dict[str, dict[str, list]]:
        """What the model returned last: shape and numbers by name."""
        return self.tab.evaluate(OUTPUTS, self.name)

    def sight(self) -> dict[str, int]:
        """Hashes of the pictures, and of all that can be seen but the focus."""
        self.tab.evaluate(IDLE, self.name)
        return self.root.evaluate(SIGHT)

    @contextlib.contextmanager
    def seen(self, move: str, part: str = "picture") -> Iterator[None]:
        """What is done inside must change the `picture`, or `all` that can be seen."""
        before = self.sight()
        yield
        assert self.sight()[part] != before[part], f"{self.name}: dead control: {move}"

    def drag(self, pad: Locator, *places: tuple[float, float]) -> None:
        """Press the mouse at the first place of `pad`, in [0, 1], and release it at the last."""
        pad.scroll_into_view_if_needed()
        box = pad.bounding_box()
        at = [(box["x"] + u * box["width"], box["y"] + v * box["height"]) for u, v in places]
        self.tab.mouse.move(*at[0])
        self.tab.mouse.down()
        for place in at[1:]:
            self.tab.mouse.move(*place, steps=4)
        self.tab.mouse.up()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.tab.keyboard.press(key)

    def choices(self, label: str, within: Locator | None = None) -> Locator:
        """The options of a radio group."""
        place = within or self.root
        return place.get_by_role("radiogroup", name=label, exact=True).first.locator("label")

    def button(self, name: str, within: Locator | None = None) -> Locator:
        return (within or self.root).get_by_role("button", name=name, exact=True).first

    def panel(self, label: str) -> Locator:
        """The tools under a legend that begins with `label`."""
        legend = self.tab.locator("legend", has_text=re.compile(rf"^\s*{re.escape(label)}"))
        return self.root.locator("fieldset", has=legend).first

    def move_all(self) -> None:
        """Move every control; AssertionError names the first one that is dead."""
        self.root.evaluate(WATCH)
        for one in self.description["inputs"]:
            MOVES[one["kind"]](self, one)
        assert self.root.evaluate(UNMOVED) == []


def others_first(options: Locator) -> list[int]:
    """The options of a radio group, the one that is chosen last: each click changes the choice."""
    chosen = [one.locator("input").is_checked() for one in options.all()]
    return sorted(range(len(chosen)), key=lambda k: chosen[k])


def grid(figure: Shown, one: dict[str, Any]) -> None:
    """A label map or a mask: every class, brush and button, by mouse and by keyboard."""
    pad = figure.root.get_by_role("application", name=one["label"])
    panel = figure.panel(one["label"] if one["kind"] == "mask" else "Paint")
    colours, brushes = figure.choices("Class", panel), figure.choices("Brush", panel)
    count, (_, height, width) = colours.count(), one["value"]["shape"]

    def ink(u: float, v: float) -> None:
        """Choose a class that is there somewhere, but not at (u, v)."""
        cells = figure.value(one["name"])
        under = cells[int(v * height) * width + int(u * width)]
        common = (k for k, _ in Counter(cells).most_common() if k != under)
        colours.nth(int(next(common, (under + 1) % count))).click()

    for k in others_first(colours):
        with figure.seen(f"class {k}", "all"):
            colours.nth(k).click()
    for k in range(4):
        brushes.nth(k).click()
        ink(0.3, 0.2 + 0.15 * k)
        with figure.seen(f"brush {k}"):
            figure.drag(pad, (0.2, 0.2 + 0.15 * k), (0.4, 0.2 + 0.15 * k))
    with figure.seen("undo"):
        figure.button("undo", panel).click()
    figure.drag(pad, (0.7, 0.3), (0.7, 0.3))  # the cursor is where the pointer was
    pad.focus()
    with figure.seen("brush by key", "all"):
        figure.press("[")
    with figure.seen("cursor by key", "all"):
        figure.press("ArrowRight", "ArrowDown")
    figure.press("]", *["ArrowLeft"] * 30)
    ink(0.24, 0.31)
    pad.focus()
    with figure.seen("space paints"):
        figure.press(" ")
    ink(0.5, 0.9)
    brushes.nth(4).click()
    with figure.seen("fill"):
        figure.drag(pad, (0.5, 0.9))
    ink(0.5, 0.9)
    brushes.nth(5).click()
    with figure.seen("pick", "all"):
        figure.drag(pad, (0.5, 0.9))
    for layout in one.get("layouts", []):
        with figure.seen(layout["name"]):
            figure.button(f"start from {layout['name']}", panel).click()
    again = "clear" if one["kind"] == "mask" else "reset"
    with figure.seen(again):
        figure.button(again, panel).click()
    with figure.seen("patterns", "all"):
        panel.get_by_label("patterns").click()
    brushes.nth(3).click()
    ink(0.7, 0.5)
    figure.drag(pad, (0.6, 0.5), (0.8, 0.5))  # what follows has something to act on
    colours.nth(int(Counter(figure.value(one["name"])).most_common(1)[0][0])).click()


def styles(figure: Shown, one: dict[str, Any]) -> None:
    panel = figure.panel(one["label"])
    wheel, knob = panel.locator(".sf-wheel"), panel.locator(".sf-wheel button")
    with figure.seen("wheel"):
        figure.drag(wheel, (0.5, 0.5), (0.7, 0.35))
    with figure.seen("wheel, further"):
        figure.drag(wheel, (0.3, 0.7))
    knob.focus()
    for key in ("ArrowRight", "ArrowUp"):
        with figure.seen(f"wheel, {key}"):
            figure.press(*[key] * 3)
    ranges(figure, panel.locator("input[type=range]"), one)
    for name in ("draw new", "draw all"):
        with figure.seen(name):
            figure.button(name, panel).click()


def ranges(figure: Shown, inputs: Locator, one: dict[str, Any]) -> None:
    """Every slider by key and by pointer."""
    assert inputs.count() > 0
    for slider in inputs.all():
        name = f"slider {slider.evaluate('(e) => e.labels[0].innerText')} of {one['label']}"
        full = slider.evaluate("(e) => e.value === e.max")
        slider.focus()
        with figure.seen(f"{name} by key"):
            figure.press("ArrowLeft" if full else "ArrowRight")
        with figure.seen(f"{name} by pointer"):
            figure.drag(slider, (0.2 if slider.evaluate("(e) => e.value > e.min") else 0.6, 0.5))


def sliders(figure: Shown, one: dict[str, Any]) -> None:
    ranges(figure, figure.panel(one["label"]).locator("input[type=range]"), one)


def pictures(figure: Shown, one: dict[str, Any]) -> None:
    options = figure.choices(one["label"])
    order = others_first(options)
    absent = [k for k in order if "sf-absent" in (options.nth(k).get_attribute("class") or "")]
    for k in order:
        with figure.seen(f"{one['label']}, picture {k}", "all" if k in absent else "picture"):
            options.nth(k).click()
    if one["perClass"]:
        with figure.seen("for all classes"):
            figure.button("for all classes").click()


def boxes(figure: Shown, one: dict[str, Any]) -> None:
    pad, colours = figure.root.locator(".sf-boxes"), figure.choices("Class")
    there = figure.root.get_by_role("button", name=re.compile("% across,"))
    for k in others_first(colours):
        with figure.seen(f"class {k}", "all"):
            colours.nth(k).click()
    for box in there.all():
        box.focus()
        with figure.seen("a box, by key"):
            figure.press("ArrowRight")
        with figure.seen("a box, resized by key"):
            figure.press("Shift+ArrowUp")
    with figure.seen("delete by key"):
        figure.press("Delete")
    with figure.seen("undo"):
        figure.button("undo").click()
    there.last.focus()
    figure.press("Delete")
    with figure.seen("drawing a box"):
        figure.drag(pad, (0.04, 0.04), (0.3, 0.25))
    with figure.seen("moving a box"):
        figure.drag(pad, (0.17, 0.15), (0.25, 0.2))
    with figure.seen("resizing a box"):
        figure.drag(pad, (0.38, 0.3), (0.5, 0.4))
    with figure.seen("deleting by a double click"):
        at = pad.bounding_box()
        figure.tab.mouse.dblclick(at["x"] + 0.2 * at["width"], at["y"] + 0.17 * at["height"])
    while there.count() < one["most"]:
        with figure.seen("add a box"):
            figure.button("add a box").click()
        figure.press("ArrowLeft")
    with figure.seen("a box too many is refused", "all"):
        figure.button("add a box").click()
    with figure.seen("delete box"):
        figure.button("delete box").click()
    for layout in one.get("layouts", []):
        with figure.seen(layout["name"]):
            figure.button(layout["name"]).click()
    if "layouts" in one:
        figure.button(one["layouts"][0]["name"]).click()


def ground(figure: Shown, one: dict[str, Any]) -> None:
    pad = figure.root.locator(".sf-ground")
    for k, thing in enumerate(pad.get_by_role("button").all()):
        x, z, _ = figure.value(one["name"])[3 * k:3 * k + 3]
        with figure.seen(f"moving {one['names'][k]}"):
            figure.drag(pad, (0.5 + x / 2, 0.5 - z / 2), (0.5 + x / 3, 0.6 - z / 3))
        with figure.seen(f"turning {one['names'][k]}"):
            figure.drag(thing.locator("i"), (0.5, 0.5), (2.5, 1.5))
        thing.focus()
        for keys in (["ArrowLeft"], ["ArrowUp"], [","] * 5, ["."] * 10):
            with figure.seen(f"{one['names'][k]}, {keys[0]}"):
                figure.press(*keys)


def choice(figure: Shown, one: dict[str, Any]) -> None:
    options = figure.choices(one["label"])
    for k in others_first(options):
        with figure.seen(f"{one['label']}: {one['names'][k]}"):
            options.nth(k).click()


def draw(figure: Shown, one: dict[str, Any]) -> None:
    for _ in range(2):
        with figure.seen(one["label"]):
            figure.button("new draw", figure.panel(one["label"])).click()


MOVES = {"canvas": grid, "mask": grid, "styles": styles, "sliders": sliders,
         "pictures": pictures, "boxes": boxes, "ground": ground, "choice": choice,
         "draw": draw}
