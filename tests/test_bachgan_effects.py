"""Memory and relevance effect from stored results: arithmetic, what is missing, the plot."""

import pytest

from synthbook.bachgan import effects
from synthbook.files import BookError, write_json


@pytest.fixture
def book(tmp_path, monkeypatch):
    monkeypatch.setattr(effects, "data_dir", lambda: tmp_path)
    return tmp_path


def place(book, name, **values):
    estimates = {key: {"value": v, "low": v - 0.02, "high": v + 0.01} for key, v in values.items()}
    write_json(book / "results" / "bachgan" / f"{name}.json", {"metrics": estimates})


def test_effects_are_the_differences_that_the_text_defines(book):
    """KID(boxes) = 0.5, KID(random-3) = 0.3, KID(kin-3) = 0.2, KID(top-3) = 0.1."""
    place(book, "random-3@places-32-s1", **{"kid_judge_minus_spade-boxes": 0.3 - 0.5})
    place(book, "bachgan@places-32-s1", **{"kid_judge_minus_kin-3": 0.1 - 0.2,
                                           "kid_judge_minus_random-3": 0.1 - 0.3})
    memory, relevance, beside = (effects.differences(name, 1.0, 1) for name in effects.PARTS)
    assert [row["value"] for row in (memory, relevance, beside)] == pytest.approx([0.2, 0.1, 0.2])
    assert (memory["low"], memory["high"]) == pytest.approx((0.19, 0.22))
    assert all("missing" not in row for row in (memory, relevance, beside))


def test_a_strength_has_its_own_models(book):
    place(book, "bachgan-b0@places-32-s0", **{"kid_judge_minus_kin-3": 0.004})
    assert effects.differences("relevance", 0.0, 0)["value"] == -0.004
    assert effects.differences("relevance", 0.5, 0)["missing"] == (
        "a result of bachgan/bachgan-b50@places-32-s0")
    assert effects.differences("relevance, against any random map", 0.0, 0)["missing"] == (
        "kid_judge_minus_random-3 in the result of bachgan/bachgan-b0@places-32-s0")


def test_without_any_result_the_plot_says_so(book):
    rows = effects.gathered()
    assert len(rows) == 27 and len(effects.missing(rows)) == 18  # two effects share a result
    figure = effects.plot(rows)
    assert [text.get_text() for text in figure.axes[0].texts] == ["no result is stored yet"]


def test_the_plot_has_every_seed_and_says_how_much_is_missing(book):
    for seed, value in enumerate((-0.1, -0.2)):
        place(book, f"bachgan@places-32-s{seed}", **{"kid_judge_minus_kin-3": value})
        place(book, f"bachgan-b0@places-32-s{seed}", **{"kid_judge_minus_kin-3": 0.0})
    axes = effects.plot(effects.gathered(seeds=(0, 1))).axes[0]
    line = next(one for one in axes.get_lines() if one.get_label().startswith("relevance"))
    assert list(line.get_ydata()) == pytest.approx([0, 0.15])
    seeds = [one.get_ydata()[0] for one in axes.get_lines() if one.get_markerfacecolor() == "white"]
    assert sorted(seeds) == pytest.approx([0, 0, 0.1, 0.2])
    assert axes.get_title() == "14 of 18 points are missing: their models have no result yet"


def test_a_damaged_result_is_refused(book):
    path = book / "results" / "bachgan" / "bachgan@places-32-s1.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(BookError, match="damaged"):
        effects.gathered()
