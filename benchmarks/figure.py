"""How long a figure takes to answer: in the built page, in a browser, and in the kernel.

Run `python benchmarks/figure.py [--site _build/html] [--page index.html] [--figure smis-paint]`;
prints JSON, times in milliseconds. Nothing else should run on the machine meanwhile. The page
computes with one thread in any case, and so does PyTorch here.
"""

import argparse
import functools
import http.server
import json
import platform
import shutil
import statistics
import threading
import time
from pathlib import Path

import torch
from playwright.sync_api import sync_playwright

from synthbook.figures import FIGURES
from synthbook.figures.encode import to_bytes
from synthbook.figures.live import LiveFigure

STROKES = 50
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu"]

FIRST = """async (name) => {
  const root = document.querySelector(`synthbook-figure[name="${name}"]`);
  root.scrollIntoView();
  while (!Object.keys(synthbookFigures.get(name).outputs).length) {
    await new Promise((wake) => setTimeout(wake, 5));
  }
  const first = performance.now();
  await synthbookFigures.get(name).ready;
  return { first_picture: first, ready: performance.now() };
}"""

STROKE = """async ([name, count]) => {
  const figure = synthbookFigures.get(name), one = figure.description.inputs[0];
  const input = figure.inputs[one.name], times = [];
  const [height, width] = one.kind === "boxes" ? [1, 1] : one.value.shape.slice(1);
  for (let k = 0; k < count; k++) {
    const next = input.value.slice(), row = (7 * k) % height, from = (11 * k) % (width >> 1);
    const ink = (next[row * width + from] + 1 + k % 3) % (one.classes?.length ?? 2);
    if (one.kind === "boxes") next.set([1, 0, k % 8 / 16, 0.25, k % 8 / 16 + 0.375, 0.75]);
    else for (let y = row; y < Math.min(height, row + 7); y++) {
      next.fill(ink, y * width + from, y * width + from + (width >> 1));
    }
    const start = performance.now();
    input.set(next);
    await figure.idle();
    times.push(performance.now() - start);
  }
  return times;
}"""


def summary(times: list[float]) -> dict[str, float]:
    """Median, 95th percentile and least of milliseconds."""
    return {"median": round(statistics.median(times), 1),
            "p95": round(statistics.quantiles(times, n=20)[-1], 1), "least": round(min(times), 1)}


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, *args):
        pass


def in_page(site: Path, page: str, name: str) -> dict:
    """From opening the page to its first picture, and from a stroke to the new picture."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.goto(f"http://127.0.0.1:{server.server_port}/{page}")
        opened = tab.evaluate(FIRST, name)
        strokes = tab.evaluate(STROKE, [name, STROKES])
        version = browser.version
        browser.close()
    server.shutdown()
    return {"browser": version, **{key: round(value) for key, value in opened.items()},
            "new_picture": summary(strokes)}


def in_kernel(name: str) -> dict:
    """From the widget's message to its answer, without the way between kernel and browser."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    figure = FIGURES[name]()
    widget, sent = LiveFigure(figure), []
    widget.send = lambda content, buffers=None: sent.append(content)
    made = time.perf_counter() - start
    values, times = figure.values(), []
    message = {"kind": "run", "id": 1, "names": list(values),
               "shapes": [list(value.shape) for value in values.values()]}
    buffers = [memoryview(to_bytes(value)) for value in values.values()]
    for _ in range(STROKES + 5):
        start = time.perf_counter()
        widget._answer(widget, message, buffers)
        times.append(1000 * (time.perf_counter() - start))
    if errors := [content["error"] for content in sent if "error" in content]:
        raise SystemExit(errors[0])
    return {"made": round(1000 * made), "answer": summary(times[5:])}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--site", type=Path, default=Path("_build/html"))
    parser.add_argument("--page", default="index.html")
    parser.add_argument("--figure", default="smis-paint")
    given = parser.parse_args()
    print(json.dumps({
        "figure": given.figure, "machine": platform.machine(),
        "page": in_page(given.site, given.page, given.figure),
        "kernel": in_kernel(given.figure)}, indent=2))
