"""How the networks' cost grows with the number of classes: arithmetic, picture, stored numbers."""

import json
import runpy

import pytest
from prose import ROOT

from synthbook import smis
from synthbook.files import BookError
from synthbook.smis import costs
from synthbook.smis.recipe import model

ROWS = [{"model": name, "classes": k, "parameters": 100 * k, "seconds_per_step": times * k**2,
         "megabytes": 7.0} for k in (8, 2, 4)
        for name, times in (("GroupDNet", 1.0), ("GroupNet", 2.0), ("MulNet", 4.0))]


def test_growth_and_its_exponent():
    assert costs.series(ROWS, "MulNet", "seconds_per_step") == ([2, 4, 8], [16.0, 64.0, 256.0])
    assert costs.growth(ROWS, "GroupNet", "seconds_per_step") == 16
    for quantity, power in (("parameters", 1), ("seconds_per_step", 2), ("megabytes", 0)):
        assert costs.exponent(ROWS, "GroupNet", quantity) == pytest.approx(power, abs=1e-12)
    assert costs.against(ROWS, "GroupDNet", "MulNet", "seconds_per_step") == [0.25] * 3


def test_the_picture_has_a_line_for_each_model_and_one_to_compare_with():
    figure = costs.draw(ROWS)
    assert [axes.get_title() for axes in figure.axes] == list(costs.QUANTITIES.values())
    for axes in figure.axes:
        named = {line.get_label(): line for line in axes.get_lines()}
        assert list(named) == [*costs.LOOKS, "proportional to K"]
    times = named["MulNet"], named["proportional to K"]
    assert list(times[0].get_ydata()) == [7.0] * 3 and list(times[1].get_ydata()) == [7, 14, 28]


@pytest.mark.parametrize(("value", "text"), [
    (0.05, "0.05"), (2, "2"), (500, "500"), (1000, "1 k"), (2e5, "200 k"), (5e6, "5 M")])
def test_ticks_are_short(value, text):
    assert costs.spoken(value) == text


def test_stored_parameters_are_those_of_the_networks():
    stored = costs.stored()
    bench = runpy.run_path(str(ROOT / "benchmarks" / "classes.py"))
    names = {title: name for name, title in bench["NAMES"].items()}
    assert {row["model"] for row in stored["rows"]} == set(costs.LOOKS) == set(names)
    small = [row for row in stored["rows"] if row["classes"] <= 8]
    assert len(small) == 6
    for row in small:
        name = names[row["model"]]
        network = model(name, bench["fixed_width"](name, row["classes"]))
        assert isinstance(network, smis.SMIS)
        assert sum(p.numel() for p in network.parameters()) == row["parameters"]


def test_without_measurements_it_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.setattr(costs, "data_dir", lambda: tmp_path)
    with pytest.raises(BookError, match=r"run python benchmarks/classes.py --save"):
        costs.stored()
    path = tmp_path / "results" / "smis" / "cost.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"rows": []}))
    with pytest.raises(BookError, match="damaged: no batch"):
        costs.stored()
