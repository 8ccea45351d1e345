"""The square of boxes in a browser: pointer, keys, finger; a kernel that answers at once."""

import contextlib
import json

import pytest
import torch
from browsing import browser  # noqa: F401

from synthbook.figures.inputs import Boxes
from synthbook.figures.outputs import Change, Image
from synthbook.figures.web import kernel_module, stylesheet

CELLS, MOST = 8, 3
ANSWER = """
const made = (boxes) => Float32Array.from({ length: 3 * 64 }, (_, p) =>
  Math.sin(boxes.reduce((sum, v, k) => sum + v * (k + 1), p)));
const heard = new Set(), model = {
  get: () => (DESCRIPTION), on: (_, act) => heard.add(act), off: (_, act) => heard.delete(act),
  send: ({ id }, _, [buffer]) => queueMicrotask(() => [...heard].forEach((act) => act(
    { id, names: ["image"], shapes: [[1, 3, 8, 8]] }, [made(new Float32Array(buffer))]))) };
render({ model, el: document.body });
"""


@pytest.fixture
def opened(browser):  # noqa: F811
    """Open a page with one box; a function that reads the boxes, and the page."""
    with contextlib.ExitStack() as closing:
        def show(**settings):
            value = torch.zeros(1, MOST, 6)
            value[0, 0] = torch.tensor([1, 1, 0.25, 0.25, 0.5, 0.5])
            given = Boxes("boxes", "Boxes", value, ("cat", "dog"), [[200, 0, 0], [0, 0, 200]],
                          CELLS, {"nothing": torch.zeros(MOST, 6)})
            told = {"name": "it", "title": "It", "model": "it", "fixed": {},
                    "inputs": [given.describe()],
                    "outputs": [Image("image", "Picture").describe(),
                                Change("image", "What changed", "boxes").describe(),
                                Image("image", "Before", small=True, before=True).describe()]}
            tab = browser.new_context(viewport={"width": 900, "height": 700}, **settings).new_page()
            closing.callback(tab.context.close)
            script = kernel_module().replace("export default { render };", "")
            script += ANSWER.replace("DESCRIPTION", json.dumps(told))
            tab.set_content(f"<style>{stylesheet()}</style><body></body>")
            tab.add_script_tag(content=f"(() => {{{script}}})()")
            tab.evaluate("synthbookFigures.get('it').ready")
            return tab

        yield show


def boxes(tab):
    """The boxes that are there: class and corners, in cells."""
    tab.evaluate("synthbookFigures.get('it').idle()")
    value = tab.evaluate("[...synthbookFigures.get('it').inputs.boxes.value]")
    rows = [value[k:k + 6] for k in range(0, 6 * MOST, 6)]
    return [[round(kind), *(v * CELLS for v in corners)] for there, kind, *corners in rows if there]


def drag(tab, *places):
    """From the first place to the last, in cells."""
    at = tab.locator(".sf-boxes").bounding_box()
    points = [(at["x"] + u * at["width"] / CELLS, at["y"] + v * at["height"] / CELLS)
              for u, v in places]
    tab.mouse.move(*points[0])
    tab.mouse.down()
    for point in points[1:]:
        tab.mouse.move(*point, steps=3)
    tab.mouse.up()


def test_a_box_is_moved_resized_drawn_and_taken_back(opened):
    tab = opened()
    assert boxes(tab) == [[1, 2, 2, 4, 4]]
    drag(tab, (3, 3), (4.3, 2.8))
    assert boxes(tab) == [[1, 3, 2, 5, 4]]
    drag(tab, (5, 4), (6.1, 5.9))
    assert boxes(tab) == [[1, 3, 2, 6, 6]]
    drag(tab, (4.5, 4), (40, 4))  # within the square
    assert boxes(tab) == [[1, 5, 2, 8, 6]]
    drag(tab, (0.5, 0.5), (2.4, 1.4))
    assert boxes(tab) == [[1, 5, 2, 8, 6], [0, 0, 0, 3, 2]]
    for wanted in ([[1, 5, 2, 8, 6]], [[1, 3, 2, 6, 6]], [[1, 3, 2, 5, 4]], [[1, 2, 2, 4, 4]]):
        tab.get_by_role("button", name="undo").click()
        assert boxes(tab) == wanted


def test_keys_move_resize_and_delete(opened):
    tab = opened()
    tab.get_by_role("button", name="dog, 25 to 50 % across, 25 to 50 % down").focus()
    for key in ("ArrowRight", "ArrowUp", "Shift+ArrowDown", "Shift+ArrowRight"):
        tab.keyboard.press(key)
    assert boxes(tab) == [[1, 3, 1, 6, 4]]
    tab.get_by_role("button", name="add a box").click()  # it has the focus
    tab.keyboard.press("ArrowLeft")
    assert boxes(tab)[1] == [0, 2, 3, 4, 5]
    tab.keyboard.press("Delete")
    assert boxes(tab) == [[1, 3, 1, 6, 4]]
    tab.keyboard.press("Backspace")  # the focus went on to the other box
    assert boxes(tab) == []


def test_a_double_click_a_layout_and_a_button_clear(opened):
    tab = opened()
    at = tab.locator(".sf-box").first.bounding_box()
    tab.mouse.dblclick(at["x"] + at["width"] / 2, at["y"] + at["height"] / 2)
    assert boxes(tab) == []
    tab.get_by_role("button", name="undo").click()
    tab.get_by_role("button", name="nothing").click()
    assert boxes(tab) == []
    tab.get_by_role("button", name="undo").click()
    tab.get_by_role("button", name="delete box").click()
    assert boxes(tab) == []


def test_boxes_can_be_pushed_flat_and_never_beyond_the_most(opened):
    tab = opened()
    tab.locator(".sf-box").first.focus()
    for _ in range(2):
        tab.keyboard.press("Shift+ArrowLeft")
    assert boxes(tab) == [[1, 2, 2, 2, 4]]
    for _ in range(MOST):
        tab.get_by_role("button", name="add a box").click()
    assert len(boxes(tab)) == MOST
    assert f"{MOST} boxes already" in tab.get_by_role("status").inner_text()


def test_change_is_told_inside_the_box_and_elsewhere_and_the_old_picture_stays(opened):
    tab = opened()
    pictures = tab.locator("canvas[role=img]")
    first = pictures.nth(0).evaluate("(e) => e.toDataURL()")
    drag(tab, (3, 3), (5, 3))
    boxes(tab)
    assert pictures.nth(0).evaluate("(e) => e.toDataURL()") != first
    assert pictures.nth(2).evaluate("(e) => e.toDataURL()") == first
    assert "inside the box" in tab.locator(".sf-figure").inner_text()
    tab.get_by_role("button", name="nothing").click()
    boxes(tab)
    assert "inside the box" not in tab.locator(".sf-figure").inner_text()


def test_a_finger_draws(opened):
    tab = opened(has_touch=True)
    at = tab.locator(".sf-boxes").bounding_box()
    tab.touchscreen.tap(at["x"] + 0.8 * at["width"], at["y"] + 0.9 * at["height"])
    assert boxes(tab)[1] == [0, 6, 7, 7, 8]
