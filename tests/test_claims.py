"""The ledger: its files, its arithmetic, and verdicts that only real evidence can give."""

import json
import math
import re
import subprocess
from pathlib import Path

import pytest
from fabricated import around, data, find, place  # noqa: F401  (data is a fixture)

from synthbook import claims, evaluation, models
from synthbook.claims import evidence, ledger, verdict
from synthbook.claims.verdict import Measured, difference, judge, pooled, ratio
from synthbook.cli import main
from synthbook.files import BookError, write_json

CLAIMS = [pytest.param(slug, c, id=f"{slug}-{c.id}")
          for slug in claims.slugs() for c in claims.claims_of(slug)]
SEEDS = range(5)
REFERENCES = ("oracle", "floor", "trivial", "retrieval", "untrained")


# -------------------------------------------------------------------------- the files


@pytest.mark.parametrize(("slug", "claim"), CLAIMS)
def test_a_claim_is_complete_and_its_test_measures_what_it_asks(slug, claim):
    assert len(claim.statement) > 30 and claim.where and claim.command.startswith("python ")
    data = claim.data.rpartition("-")[0]
    assert claim.needs or all(data in models.MODELS[m].datasets for m in claim.models)
    stored = {"model": "fabricated", "metrics": {m: around(0.5) for m in claim.metrics},
              "references": {row: {m: around(0.5) for m in claim.metrics} for row in REFERENCES}}
    results = {m.partition("/")[2]: evidence.Result(stored, claim.scale)
               for m in (*claim.models, *claim.measurements)}
    measured = verdict.TESTS[claim.test](results)
    assert set(measured) == {t.quantity for t in claim.thresholds}


@pytest.mark.parametrize(("slug", "claim"), CLAIMS)
def test_a_test_that_lacks_any_metric_says_which(slug, claim):
    results = {m.partition("/")[2]: evidence.Result({"model": m, "metrics": {}, "references": {}},
                                                    claim.scale)
               for m in (*claim.models, *claim.measurements)}
    with pytest.raises(verdict.Missing, match="|".join(claim.metrics)):
        verdict.TESTS[claim.test](results)


def test_the_smis_ledger_has_the_claims_of_its_fact_sheet():
    ids = [c.id for c in claims.claims_of("smis")]
    assert [i for i in ids if i[-1].isdigit()] == [f"S{n}" for n in range(1, 12)]


def test_thresholds_are_parsed():
    parsed = ledger.threshold("map's PSNR - vector's, rebuilt >= -0.25")
    assert parsed == claims.Threshold("map's PSNR - vector's, rebuilt", ">=", -0.25)
    assert str(parsed) == "map's PSNR - vector's, rebuilt >= -0.25"
    assert ledger.threshold("mOCD / mCSD <= 0.5").holds(0.5)
    assert not ledger.threshold("mOCD / mCSD <= 0.5").holds(0.51)


@pytest.mark.parametrize("line", ["mOCD < 0.5", "<= 0.5", "mOCD <= x", "mOCD <= 1e-3", "mOCD"])
def test_an_unreadable_threshold_is_refused(line):
    with pytest.raises(BookError, match="cannot read the threshold"):
        ledger.threshold(line)


@pytest.mark.parametrize("broken", [
    "slug: x", "slug: x\nclaims: [{id: A}]", "[", "slug: other\nclaims: []", "3"])
def test_a_malformed_ledger_is_refused(tmp_path, broken):
    path = tmp_path / "x.yml"
    path.write_text(broken)
    with pytest.raises(BookError, match="no ledger"):
        ledger.read(path)


def test_an_unknown_test_or_scale_in_a_ledger_is_refused(tmp_path):
    text = (Path(ledger.__file__).parent / "smis.yml").read_text()
    for old, new in (("test: class_control", "test: os.system"), ("ablation", "huge"),
                     ("seeds: [0, 1, 2, 3, 4]", "seeds: 3"), ("where: introduction", "hue: 1")):
        path = tmp_path / "smis.yml"
        path.write_text(text.replace(old, new))
        with pytest.raises(BookError, match="os.system|huge|no ledger"):
            ledger.read(path)


# ---------------------------------------------------------------------- the arithmetic


def test_a_ratio_of_exact_values_is_exact_and_of_others_is_wider_than_either():
    assert ratio(Measured(2, 2, 2), Measured(4, 4, 4)) == Measured(0.5, 0.5, 0.5)
    r = ratio(Measured(1.0, 0.9, 1.1), Measured(2.0, 1.9, 2.1))
    assert 0.9 / 2.1 < r.low < 0.45 < r.value == 0.5 < 0.55 < r.high < 1.1 / 1.9


def test_a_ratio_covers_the_truth_as_often_as_it_says():
    import numpy as np

    rng, hits = np.random.default_rng(0), 0
    for a, b in zip(rng.normal(3.0, 0.1, 2000), rng.normal(2.0, 0.1, 2000)):
        r = ratio(Measured(a, a - 0.196, a + 0.196), Measured(b, b - 0.196, b + 0.196))
        hits += r.low <= 1.5 <= r.high
    assert 0.935 < hits / 2000 < 0.965


def test_a_ratio_with_zero_leaves_a_side_open_or_refuses():
    assert ratio(Measured(1, 0.5, 2), Measured(1, 0, 2)).high == math.inf
    assert ratio(Measured(1, -0.5, 2), Measured(1, 1, 1)).low == 0
    assert ratio(Measured(0, 0, 1), Measured(2, 1, 3)) == Measured(0, 0, 1)
    with pytest.raises(verdict.Missing):
        ratio(Measured(1, 1, 1), Measured(0, 0, 1))


def test_a_difference_adds_its_errors_in_quadrature():
    d = difference(Measured(5, 2, 8), Measured(1, 0.8, 1.2), times=20)
    assert d == Measured(-15, -20, -10)


def test_pooling_seeds_keeps_both_their_spread_and_the_error_they_share():
    alone = Measured(0.5, 0.4, 0.6)
    assert pooled([alone]) == alone
    shared = pooled([Measured(-0.5, -0.6, -0.4)] * 5)
    assert (shared.low, shared.high) == pytest.approx((-0.6, -0.4))
    exact = pooled([Measured(x, x, x) for x in (-1.0, 0.0, 1.0)])
    assert exact.value == 0 and exact.high == pytest.approx(4.30265 / math.sqrt(3), rel=1e-4)
    logs = pooled([Measured(x, x, x) for x in (1.0, 100.0)])
    assert logs.value == pytest.approx(10)


@pytest.mark.parametrize(("seeds", "status"), [
    ([(0.3, 0.25, 0.35)], "reproduced"),
    ([(0.7, 0.65, 0.75)], "not reproduced"),
    ([(0.45, 0.35, 0.55)], "inconclusive"),  # the interval straddles 0.5
    ([(0.2, 0.2, 0.2)] * 4 + [(0.51, 0.51, 0.51)], "inconclusive"),  # the seeds do
    ([(0.2, 0.19, 0.21)] * 5, "reproduced"),
])
def test_a_threshold_is_judged_by_interval_and_by_seeds(seeds, status):
    at_most = claims.Threshold("q", "<=", 0.5)
    assert judge(at_most, [Measured(*s) for s in seeds]).status == status
    mirrored = {"reproduced": "not reproduced", "not reproduced": "reproduced"}.get(status, status)
    at_least = claims.Threshold("q", ">=", 0.5)
    assert judge(at_least, [Measured(*s) for s in seeds]).status == mirrored


# ------------------------------------------------------------------------ the verdicts


def test_without_results_every_claim_is_not_tested_and_says_what_it_needs(data):
    for row in claims.report("smis")[0]["claims"]:
        assert row["status"] == "not tested" and row["value"] is None and row["needs"]
        assert row["threshold"] is not None and row["seeds"] and row["command"]
    assert find("smis", "S2b")["needs"] == [
        f"a result of smis/{name}@places-32, seeds 0, 1, 2" for name in ("bicyclegan", "dscgan")]
    assert find("smis", "S1")["needs"] == [
        "a result of smis/groupdnet@places-32, seeds 0, 1, 2, 3, 4"]


def test_evidence_on_the_right_side_reproduces_a_claim(data):
    for seed in SEEDS:
        place(data, seed=seed)
    row = find("smis", "S1")
    assert row["status"] == "reproduced" and row["needs"] == []
    assert row["value"] == pytest.approx(0.1)
    assert row["low"] < row["value"] < row["high"] < row["threshold"] == 0.5
    assert row["commit"] == "c0ffee" and len(row["conditions"][0]["points"]) == 5
    assert find("smis", "S7")["status"] == "reproduced"


def test_evidence_on_the_wrong_side_does_not(data):
    for seed in SEEDS:
        place(data, seed=seed, mocd=0.03)
    assert find("smis", "S1")["status"] == "not reproduced"


def test_one_failing_condition_decides(data):
    for seed in SEEDS:
        place(data, seed=seed, mocd=0.008)
    row = find("smis", "S1")
    assert [c["status"] for c in row["conditions"]] == ["reproduced", "not reproduced"]
    assert row["status"] == "not reproduced" and row["quantity"] == "mOCD / oracle's mCSD"


def test_an_interval_or_seeds_across_the_threshold_are_inconclusive(data):
    for seed in SEEDS:
        place(data, seed=seed, mocd=0.0051, half=0.2)
    assert find("smis", "S1")["status"] == "inconclusive"
    for seed in SEEDS:
        place(data, seed=seed, mocd=0.02 if seed == 4 else 0.002)
    assert find("smis", "S1")["status"] == "inconclusive"


def test_one_missing_seed_leaves_a_claim_not_tested(data):
    for seed in (0, 1, 2, 4):
        place(data, seed=seed)
    row = find("smis", "S1")
    assert row["status"] == "not tested"
    assert row["needs"] == ["a result of smis/groupdnet@places-32, seed 3"]


def test_a_missing_metric_leaves_a_claim_not_tested(data):
    for seed in SEEDS:
        place(data, seed=seed)
    assert find("smis", "S11")["needs"][-1] == (
        "mixture_own_error among the metrics of smis/groupdnet@places-32-s0")


@pytest.mark.parametrize(("change", "words"), [
    ({"scale": "smoke"}, "evaluation of .* at scale ablation: it was at smoke"),
    ({"trained": "laptop"}, "training of .* at scale ablation: it was at laptop"),
    ({"images": 999}, "one number of training images for all models"),
    ({"scale": "ship"}, "one evaluation scale for all models"),
])
def test_evidence_from_less_or_unequal_effort_does_not_count(data, change, words):
    for seed in SEEDS:
        place(data, seed=seed, **(change if seed == 2 else {}))
    row = find("smis", "S1")
    assert row["status"] == "not tested"
    assert any(re.search(words, need) for need in row["needs"])


@pytest.mark.parametrize("weights", [True, False])
def test_a_result_of_other_weights_is_refused(data, weights):
    for seed in SEEDS:
        path = place(data, seed=seed, weights=weights)
    assert find("smis", "S1")["status"] == "reproduced"  # the record stands in for the weights
    result = data / "results" / "smis" / "groupdnet@places-32-s4.json"
    write_json(result, json.loads(result.read_text()) | {"weights": "0" * 64})
    with pytest.raises(BookError, match="other weights"):
        claims.report("smis")
    path.with_suffix(".json").unlink()
    if not weights:
        assert "the weights of" in find("smis", "S1")["needs"][-1]


def test_a_damaged_result_is_refused(data):
    place(data, weights=False)
    (data / "results" / "smis" / "groupdnet@places-32-s0.json").write_text("{")
    with pytest.raises(BookError, match="damaged"):
        claims.report("smis")


def test_rerun_evaluates_what_has_weights_and_stores_it(data, monkeypatch, capsys):
    for seed in SEEDS:
        place(data, seed=seed, mocd=0.03)
    asked = []

    def evaluate(name, *, scale):
        asked.append((name, scale))
        path = data / "results" / f"{name}.json"
        result = json.loads(path.read_text())
        result["metrics"]["mocd"] = around(0.002)
        return result

    monkeypatch.setattr(evaluation, "evaluate", evaluate)
    rows = claims.report("smis", rerun=True)[0]["claims"]
    assert rows[0]["status"] == "reproduced"
    assert asked == [(f"smis/groupdnet@places-32-s{s}", "ablation") for s in SEEDS]
    assert "smis/vspade@places-32-s0 has no weights here" in capsys.readouterr().err


def test_retrain_trains_by_the_command_line_and_installs_the_weights(data, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    commands = []

    def run(command, check):
        commands.append(command[2:])
        name, folder = command[4], Path(command[command.index("--out") + 1])
        made = folder / f"{name}.safetensors"
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_bytes(b"new")
        made.with_suffix(".json").write_text("{}")
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    name = models.parse("smis/vspade@places-32-s1")
    evidence.retrain([name], "ablation")
    assert commands[0][:4] == ["synthbook", "train", str(name), "--scale"]
    assert name.weights.read_bytes() == b"new" and name.weights.with_suffix(".json").exists()
    monkeypatch.setattr(subprocess, "run", lambda c, check: subprocess.CompletedProcess(c, 2))
    with pytest.raises(BookError, match="training smis/vspade@places-32-s1 failed"):
        evidence.retrain([name], "ablation")


# -------------------------------------------------------------------- the command line


def test_an_unknown_slug_is_one_line(capsys):
    assert main(["claims", "nonesuch"]) == 2
    error = capsys.readouterr().err
    assert "no ledger of 'nonesuch': choose one of" in error and error.count("\n") == 1


def test_json_has_the_published_structure(data, capsys):
    asked = {"id", "statement", "status", "value", "low", "high", "threshold", "seeds", "scale",
             "commit", "command"}
    for arguments, slug in ((["smis"], "smis"), ([], None)):
        assert main(["claims", *arguments, "--json"]) == 0
        printed = json.loads(capsys.readouterr().out)
        assert set(printed) == {"slug", "claims"} and printed["slug"] == slug
        assert all(asked <= set(row) for row in printed["claims"])


def test_text_shows_every_claim_with_its_status(data, capsys):
    for seed in SEEDS:
        place(data, seed=seed)
    assert main(["claims"]) == 0
    printed = capsys.readouterr().out
    assert "smis: 2 reproduced, 12 not tested" in printed
    assert "mOCD / mCSD: 0.1 [" in printed and "a result of smis/bicyclegan@places-32" in printed
