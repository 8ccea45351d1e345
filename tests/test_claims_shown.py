"""How the ledger is shown: words, tables, cards to unfold, and the picture of all conditions."""

import re

import pytest

from synthbook import claims
from synthbook.claims import forest, ledger, shown, verdict
from synthbook.claims.verdict import Measured, judge


def measured(claim, scale=1.0, half=0.1):
    """A row of the ledger with fabricated measurements: `scale` times each threshold."""
    conditions = []
    for t in claim.thresholds:
        middle = scale * t.bound if t.bound else scale - 1
        conditions.append(judge(t, [Measured(middle, middle - half, middle + half)
                                    for _ in claim.seeds]))
    decided = verdict.overall(conditions)
    return {"conditions": [ledger.plain(c) for c in conditions], "status": decided.status,
            "needs": []}


@pytest.fixture(scope="module")
def empty():
    """The ledgers as they are without any result."""
    papers = claims.report()
    for paper in papers:
        for row in paper["claims"]:
            row |= {"conditions": [], "status": "not tested", "needs": ["a result"]}
    return papers


@pytest.fixture(scope="module")
def full(empty):
    """The same with a verdict for every claim but the last."""
    made = []
    for paper in empty:
        known = claims.claims_of(paper["slug"])
        rows = [row | measured(c, (0.5, 2.0, 1.0)[k % 3])
                for k, (row, c) in enumerate(zip(paper["claims"], known))]
        made.append({"slug": paper["slug"], "claims": [*rows[:-1], paper["claims"][-1]]})
    return made


# ---------------------------------------------------------------------------------- words


@pytest.mark.parametrize(("low", "value", "high", "text"), [
    (0.565, 0.648, 0.738, "0.648 [0.565, 0.738]"), (5.14, 6.18, 7.39, "6.2 [5.1, 7.4]"),
    (-0.0024, -0.00188, -0.00136, "−0.00188 [−0.00240, −0.00136]"),
    (-0.0011, -0.00001, 0.0011, "0.0000 [−0.0011, 0.0011]"), (None, 3.0, 5.0, "3.0 [open, 5.0]"),
    (7.0, 7.0, 7.0, "7.00 [7.00, 7.00]"), (0.0, 0.0, 0.0, "0 [0, 0]"),
    (None, 250.0, None, "250 [open, open]")])
def test_numbers_have_the_digits_that_their_interval_allows(low, value, high, text):
    assert forest.estimate({"low": low, "value": value, "high": high}) == text


def test_a_threshold_is_never_parted_from_its_sign():
    row = {"id": "S1", "quantity": "a quantity of many words " * 3, "relation": ">=",
           "threshold": -0.25}
    lines = forest.asked(row).split("\n")
    assert len(lines) > 1 and lines[0].startswith(r"$\mathbf{S1}$")
    assert lines[-1].endswith("\xa0≥\xa0−0.25")


# -------------------------------------------------------------------------------- pictures


def test_without_verdicts_every_threshold_is_drawn(empty):
    figure = forest.forest(empty)
    rows = [row for paper in empty for row in forest.rows_of(paper)]
    assert sum(len(axes.get_yticks()) for axes in figure.axes) == len(rows)
    assert len(rows) == sum(len(c.thresholds) for s in claims.slugs() for c in claims.claims_of(s))
    assert all(row["value"] is None and row["status"] == "not tested" for row in rows)


def test_with_verdicts_every_interval_and_every_seed_is_drawn(full):
    figure = forest.forest(full)
    dots = sum(len(line.get_xdata()) for axes in figure.axes for line in axes.get_lines()
               if line.get_markerfacecolor() == "white")
    rows = [row for paper in full for row in forest.rows_of(paper)]
    assert dots == sum(len(row["points"]) for row in rows) > 40
    for axes in figure.axes:
        least, most = axes.get_xlim()
        assert all(least <= x <= most for line in axes.get_lines()
                   for x in line.get_xdata() if line.get_color() != "0.8")


def test_differences_and_ratios_stand_apart_and_a_claim_is_named_once_in_each():
    both = {"relation": ">=", "status": "inconclusive", "points": [1.0]}
    open_ = {"value": 1.0, "low": None, "high": None}
    rows = [{"quantity": "a", "threshold": 0.5} | both | open_,
            {"quantity": "b", "threshold": 0.5} | both | open_ | {"value": 0.0, "points": [0.0]},
            {"quantity": "c", "threshold": 0.0} | both | open_]
    figure = forest.forest([{"slug": "toy", "claims": [{"id": "T1", "conditions": rows}]}])
    ratios, differences = figure.axes
    assert (ratios.get_xscale(), differences.get_xscale()) == ("log", "linear")
    words = [[label.get_text() for label in axes.get_yticklabels()] for axes in figure.axes]
    assert [len(one) for one in words] == [2, 1]
    assert ["T1" in text for one in words for text in one] == [True, False, True]


def test_a_difference_is_drawn_from_its_threshold_at_its_own_scale():
    axes = forest.new_figure(4, 2).subplots()
    row = {"quantity": "d", "relation": "<=", "threshold": -2.0, "value": 2.0, "low": 0.0,
           "high": 6.0, "points": [-2.0, 6.0], "status": "not reproduced", "id": ""}
    (placed,) = forest.difference_axis(axes, [row])
    assert [placed[k] for k in ("threshold", "low", "value", "high")] == [0, 0.25, 0.5, 1]
    assert placed["points"] == [0, 1]


# ------------------------------------------------------------------------- tables and cards


def test_the_summary_counts_every_claim_once(full):
    cells = re.findall(r"<td>(\d+)</td>", shown.summary(full).data)
    *statuses, whole = map(int, cells[-5:])
    assert sum(statuses) == whole == sum(len(paper["claims"]) for paper in full)
    assert statuses[-1] == len(full)  # the last claim of each


def test_a_card_says_all_that_a_claim_is(full, empty):
    for papers in (full, empty):
        page = shown.cards(papers).data
        assert page.count("<details") == sum(len(p["claims"]) for p in papers)
        for paper in papers:
            assert f'id="claims-{paper["slug"]}"' in page
            for row in paper["claims"]:
                assert shown.text(row["statement"]) in page and row["command"] in page
                assert all(shown.text(c["quantity"]) in page for c in row["asked"])
    assert page.count("○</span> not tested") == page.count("<details")
    assert "✗</span> not reproduced" in shown.cards(full).data


def test_what_is_not_tested_says_what_it_needs(full, empty):
    page = shown.untested(empty).data
    assert page.count("a result") == sum(len(p["claims"]) for p in empty)
    assert shown.untested(full).data.count("a result") == len(full)
    done = [p | {"claims": p["claims"][:-1]} for p in full]
    assert shown.untested(done).data == "Every claim has a verdict."


def test_trainings_that_lack_are_counted_once(empty, monkeypatch, tmp_path):
    monkeypatch.setattr("synthbook.models.data_dir", lambda: tmp_path)
    names = {str(n) for p in empty for found in ledger.wanted(
        claims.claims_of(p["slug"])).values() for n in found}
    assert sum(shown.lacking(empty).values()) == len(names) > 10


def test_the_tables_of_equations_and_deviations_have_all_rows():
    from synthbook.claims import deviations, equations

    page = shown.equation_table().data
    every = [e for slug in equations.slugs() for e in equations.equations_of(slug)]
    assert page.count("<tr>") == len(every) + 1
    written = [e for e in every
               if (equations.CHECKOUT / "chapters" / f"{e.slug}.ipynb").exists()]
    assert written and all(f"#equation-{e.label}" in page for e in written)
    assert all(shown.text(e.says) in page for e in every)
    assert page.count("#equation-") == len(written)
    assert shown.deviation_table().data.count('scope="row"') == len(deviations.table())


@pytest.mark.parametrize(("config", "link"), [
    ("repository: {url: ''}", None), ("title: x", None),
    ("repository: {url: 'https://a.example/b/', branch: dev}", "https://a.example/b/blob/dev/"),
    ("repository: {url: 'https://a.example/b'}", "https://a.example/b/blob/main/")])
def test_lines_are_links_only_where_the_repository_has_an_address(config, link, tmp_path,
                                                                  monkeypatch):
    (tmp_path / "_config.yml").write_text(config)
    monkeypatch.setattr(shown, "CHECKOUT", tmp_path)
    shown.repository.cache_clear()
    said = shown.link(shown.Place("a.b:c", "a/b.py", 3, 5))
    shown.repository.cache_clear()
    assert re.sub("<.*?>", "", said) == "a/b.py, lines 3–5"
    assert (f'href="{link}a/b.py#L3-L5"' in said) if link else ("href" not in said)


def test_text_of_a_ledger_cannot_break_the_page():
    assert shown.text("a <b>\n & c") == "a &lt;b&gt; &amp; c"
