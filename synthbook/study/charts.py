"""Confusion rates as a picture."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from synthbook.metrics.estimate import Estimate
from synthbook.plots import new_figure
from synthbook.study.trials import TESTS

MARKS = "osD^vP"


def of_rates(rates: Mapping[tuple[str, str, str], Estimate]) -> Figure:
    """A panel for each test: rates with intervals, by condition, side by side for who answered.

    rates : by (who, test, condition), in [0, 1], as `rates` and `pooled` give them; conditions
            stand in the order of their first appearance.
    """
    people = list(dict.fromkeys(who for who, _, _ in rates))
    conditions = list(dict.fromkeys(name for _, _, name in rates))
    figure = new_figure(7.6, 2.8)
    panels = figure.subplots(1, len(TESTS), sharey=True)
    for axes, test in zip(panels, TESTS):
        axes.axhline(0.5, color="0.4", linestyle=":")
        for k, who in enumerate(people):
            shown = [(x, rates[who, test, name]) for x, name in enumerate(conditions)
                     if (who, test, name) in rates]
            at = [x + 0.16 * (k - (len(people) - 1) / 2) for x, _ in shown]
            values = [one.value for _, one in shown]
            ends = [[max(0.0, one.value - one.low) for _, one in shown],
                    [max(0.0, one.high - one.value) for _, one in shown]]
            axes.errorbar(at, values, ends, fmt=MARKS[k % len(MARKS)], capsize=3, label=who)
        axes.set(title=test, ylim=(-0.03, 1.03))
        axes.set_xticks(range(len(conditions)), conditions)
    panels[0].set_ylabel("confusion rate")
    panels[-1].legend(frameon=False, fontsize="small")
    return figure
