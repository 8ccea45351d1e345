"""The training time machine: a run that works and runs that fail, scrubbed side by side.

`data/make/time_machine.py` trains the runs and keeps their frames and probes; this shows them.
"""

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from IPython.display import HTML

from synthbook.attempts import Attempt
from synthbook.figures.recorded import controls, page
from synthbook.files import BookError, data_dir, verified


class Chart(NamedTuple):
    """Probes drawn over the images seen, in one small chart below each run.

    probes : their names in the record; the second is drawn dashed. All runs share one scale.
    digits : of the numbers below.
    """

    label: str
    probes: tuple[str, ...]
    digits: int = 3


def time_machine(paper: str, attempts: Sequence[Attempt],
                 charts: Sequence[tuple[str, tuple[str, ...], int]], title: str,
                 unit: str = "images", shown: str = "pictures of fixed layouts",
                 seeds: str = "One seed.") -> HTML:
    """The recorded runs of `paper` beside one another, as self-contained HTML.

    One slider chooses how many images were seen; pictures, markers in the charts and numbers
    follow. Without JavaScript and in print the last snapshot is shown. `charts` are the fields of
    :class:`Chart`; `unit` is what the runs see, `shown` what the pictures are, `seeds` how many
    seeds there are. Raises BookError where a record is missing or damaged, or where the runs
    cannot be compared.
    """
    charts = [Chart(*fields) for fields in charts]
    folder = data_dir() / "results" / paper / "time-machine"
    records = [verified(folder / f"{one.name}.png") for one in attempts]
    check(records, charts, folder)
    seen, rows = records[0]["images"], records[0]["rows"]
    height, width = records[0]["pitch"]
    tops = [max(max(r["probes"][p]) for r in records for p in chart.probes) for chart in charts]
    texts: list[list[str]] = []
    columns = []
    for one, record in zip(attempts, records):
        drawn = []
        for chart, top in zip(charts, tops):
            lines = [record["probes"][p] for p in chart.probes]
            texts.append([" / ".join(f"{v:.{chart.digits}f}" for v in at) for at in zip(*lines)])
            drawn.append(curve(chart, lines, top, texts[-1][-1], len(texts) - 1))
        encoded = base64.b64encode((folder / f"{one.name}.png").read_bytes()).decode("ascii")
        columns.append(f"""<div class="run" role="group" aria-label="{html.escape(one.title)}">
<p class="head"><strong>{html.escape(one.title)}</strong><span>{html.escape(one.changed)}</span></p>
<div class="window"><img src="data:image/png;base64,{encoded}" alt="{html.escape(one.title)}: \
{html.escape(shown)}, from top to bottom {html.escape(", ".join(rows))}"></div>
{"".join(drawn)}<p class="notice">{html.escape(one.notice)}</p></div>""")
    names = "".join(f"<span>{html.escape(name)}</span>" for name in rows)
    labels = "".join(f"<span>{html.escape(chart.label)}</span>" for chart in charts)
    slider = {f"{unit} seen": [f"{count:,d}" for count in seen]}
    last = len(seen) - 1
    body = f"""{controls(title, slider, start=last, play=True)}
<div class="runs" role="group" tabindex="0" aria-label="{html.escape(title)}">
<div class="names" aria-hidden="true"><span></span><div>{names}</div>{labels}</div>
{"".join(columns)}</div>"""
    style = (f"--frames: {len(seen)}; --frame: {last}; --charts: {len(charts)}; "
             f"--shape: {width * records[0]['columns']} / {height * len(rows)}")
    origin = (f"Recorded: {len(attempts)} trainings, the same {seen[-1]:,d} {unit} each, "
              f"{len(seen)} snapshots. {seeds}")
    return page(body, origin, {"sliders": list(slider.values()), "texts": texts,
                               "printed": last}, "machine", style)


def check(records: Sequence[Mapping[str, Any]], charts: Sequence[Chart], folder: Path) -> None:
    """Raise unless the records have the same snapshots, pictures and the charts' probes."""
    for key in ("images", "rows", "columns", "pitch"):
        if len({str(record.get(key)) for record in records}) != 1 or key not in records[0]:
            raise BookError(f"the runs in {folder} differ in {key!r}: record all of them again")
    for record in records:
        missing = {p for chart in charts for p in chart.probes} - set(record.get("probes", ()))
        if missing:
            raise BookError(f"{folder / record['name']}.json has no probe "
                            f"{', '.join(sorted(missing))}: record the run again")


def curve(chart: Chart, lines: Sequence[Sequence[float]], top: float, said: str,
          number: int) -> str:
    """One small chart: the lines on a scale from 0 to `top`, a marker, the marker's numbers."""
    drawn = "".join(
        '<polyline points="' + " ".join(
            f"{100 * k / max(1, len(line) - 1):.4g},{100 - 100 * value / (top or 1):.4g}"
            for k, value in enumerate(line)) + '"/>' for line in lines)
    return (f'<div class="chart"><svg viewBox="0 0 100 100" preserveAspectRatio="none" '
            f'role="img" aria-label="{html.escape(chart.label)} while training">{drawn}</svg>'
            f'<i class="marker"></i><p data-texts="{number}">{said}</p></div>')
