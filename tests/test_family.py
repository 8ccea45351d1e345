"""Models side by side: which results count, and what is said of them."""

import re

import pytest
from fabricated import data, place  # noqa: F401  (data is a fixture)

from synthbook.claims import family
from synthbook.claims.verdict import Measured

TITLES = {"GroupDNet": "smis/groupdnet", "VSPADE": "smis/vspade", "SPADE": "smis/spade"}


def test_every_seed_that_was_trained_and_evaluated_at_the_scale_counts(data):
    for seed in (0, 2, 10):
        place(data, seed=seed)
    place(data, seed=1, scale="laptop")
    place(data, seed=3, trained="smoke")
    place(data, "smis/groupdnet-map", seed=4)  # another model, whose name begins alike
    place(data, "smis/vspade", seed=0, scale="laptop")
    found = family.members(TITLES)
    assert [(m.title, list(m.results)) for m in found] == [("GroupDNet", [0, 2, 10])]


def test_weights_that_do_not_ship_count_by_their_record(data):
    place(data, seed=1, weights=False)
    assert list(family.results_of("smis/groupdnet", "places-32", "ablation")) == [1]


def test_a_mean_is_over_seeds_and_a_metric_that_one_seed_lacks_has_none(data):
    for seed, change in enumerate((0.02, 0.08)):
        place(data, seed=seed, mcsd=change)
    place(data, seed=0, kid_judge=0.1, mcsd=0.02)
    (member,) = family.members(TITLES)
    assert member.mean(family.metric("mcsd")).value == pytest.approx(0.04)  # geometric
    assert member.mean(family.leak).value == pytest.approx((0.1 * 0.025) ** 0.5)
    assert member.mean(family.metric("kid_judge")) is None


def test_the_table_has_a_row_for_each_model_and_says_what_is_not_measured(data):
    place(data, half=0.0)
    place(data, "smis/vspade", half=0.0, kid_judge=0.25)
    columns = {"inside": family.metric("mcsd"), "KID": family.metric("kid_judge")}
    html = family.compared(family.members(TITLES), columns, "Relatives").data
    cells = [re.findall(r"<t[hd][^>]*>([^<]*)", row) for row in html.split("<tr>")[2:]]
    assert [row[:2] for row in cells] == [["GroupDNet", "1"], ["VSPADE", "1"]]
    assert cells[0][3] == "–" and cells[1][3].startswith("0.250")


def test_the_plane_names_every_model_that_has_both_changes_and_shows_the_oracle(data):
    place(data)
    place(data, "smis/vspade", mocd=0.2)
    shown = family.control(family.members(TITLES), "GroupDNet", Measured(0.15, 0.14, 0.16))
    (axes,) = shown.axes
    assert {"GroupDNet", "VSPADE", "oracle"} <= {t.get_text() for t in axes.texts}
    assert axes.get_yscale() == "log" and axes.get_xlim()[1] >= 0.15
