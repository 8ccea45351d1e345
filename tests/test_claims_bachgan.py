"""BachGAN's ledger: what its claims read, a measurement without a model, rivals that change."""

import json

import pytest
from fabricated import around, data, find, place  # noqa: F401  (data is a fixture)

from synthbook import claims, models
from synthbook.claims import history, verdict
from synthbook.claims.verdict import Measured
from synthbook.files import BookError, sha256, write_json

SEEDS = range(1, 4)


def test_the_ledger_has_the_claims_of_its_fact_sheet():
    found = claims.claims_of("bachgan")
    assert [c.id for c in found if c.id[-1].isdigit()] == [f"B{n}" for n in range(1, 13)]
    assert all(c.seeds == tuple(SEEDS) for c in found if c.models)
    assert {c.data for c in found} == {"places-32"} and {c.scale for c in found} == {"ablation"}
    runs = {(m, s) for c in found for m in c.models for s in c.seeds}
    assert len(runs) == len(SEEDS) * len({m for m, _ in runs}) == 42


def test_a_pair_that_a_claim_reads_is_one_that_is_evaluated():
    """`kid_judge_minus_X` asks for a model whose rival X the claim needs as well."""
    for c in claims.claims_of("bachgan"):
        for pair in (m for m in c.metrics if m.startswith("kid_judge_minus_")):
            called = pair.removeprefix("kid_judge_minus_")
            rivals = {models.MODELS[m].rivals[called] for m in c.models
                      if called in models.MODELS[m].rivals}
            assert rivals & set(c.models), (c.id, pair)


def test_a_difference_turned_round_keeps_its_interval():
    assert verdict.reverse(Measured(-0.2, -0.3, -0.15)) == Measured(0.2, 0.15, 0.3)


# ------------------------------------------------------- a measurement that needs no training


def relevance(data, kin=0.1, **changed):
    """Store a fabricated measurement of how right backgrounds are; `kin` at strength 1."""
    rows = [{"strength": s, "top-1 - random-1": around(0.1 + s / 10),
             "top-1 - kin-1": {"value": kin * s, "low": kin * s - 0.02, "high": kin * s + 0.02}}
            for s in (0.0, 0.5, 1.0)]
    write_json(data / "results" / "bachgan" / "relevance.json", {
        "command": "python data/make/relevance.py", "commit": "c0ffee", "rows": rows} | changed)


def test_a_claim_may_stand_on_a_measurement_without_any_model(data):
    row = find("bachgan", "B9")
    assert row["status"] == "not tested" and row["models"] == []
    assert row["needs"] == ["a measurement bachgan/relevance"]
    relevance(data)
    row = find("bachgan", "B9")
    assert row["status"] == "reproduced" and row["commit"] == "c0ffee"
    assert row["value"] == pytest.approx(0.2) and row["measurements"] == ["bachgan/relevance"]
    relevance(data, kin=-0.1)
    assert find("bachgan", "B9")["status"] == "not reproduced"
    relevance(data, kin=0.01)
    assert find("bachgan", "B9")["status"] == "inconclusive"
    relevance(data, rows=[])
    assert find("bachgan", "B9")["needs"] == [
        "top-1 - kin-1 at strength 0 among the metrics of bachgan/relevance"]


@pytest.mark.parametrize("rows", [3, [3], [{"strength": "x"}], [{}], None])
def test_a_damaged_measurement_is_refused(data, rows):
    relevance(data, rows=rows)
    with pytest.raises(BookError, match="relevance.json is damaged: .*data/make/relevance.py"):
        claims.report("bachgan")


def test_a_measurement_from_before_its_thresholds_does_not_count(data, monkeypatch, tmp_path):
    relevance(data)
    monkeypatch.setattr(history, "checkout", lambda: tmp_path)
    monkeypatch.setattr(history, "known", lambda root, commit: True)
    monkeypatch.setattr(history, "thresholds_at", lambda root, commit, slug: {})
    row = find("bachgan", "B9")
    assert row["status"] == "not tested" and row["value"] is None
    assert "thresholds of B9 are younger than bachgan/relevance" in row["needs"][0]


# ---------------------------------------------------------------------------------- pairs


def placed(data, without):
    """Results whose relevance effect is 0.2 at strength 1, and `without` at strength 0."""
    for seed in SEEDS:
        place(data, "bachgan/bachgan", seed, accuracy_background=0.8, **{
            "kid_judge_minus_kin-3": -0.2, "kid_judge_minus_random-3": -0.3})
        place(data, "bachgan/bachgan-b0", seed, **{"kid_judge_minus_kin-3": -without})
        for name in ("kin-3", "random-3", "kin-3-b0"):
            place(data, f"bachgan/{name}", seed, accuracy_background=0.6)
    row = find("bachgan", "B6")
    return row["status"], row["quantity"]


@pytest.mark.parametrize(("without", "status", "quantity"), [
    (0.001, "reproduced", "relevance effect"), (-0.02, "reproduced", "relevance effect"),
    (0.2, "not reproduced", "relevance effect at strength 0 - half of that at 1"),
    (-0.2, "not reproduced", "relevance effect turned round at strength 0 - half of that at 1"),
    (0.1, "inconclusive", "relevance effect at strength 0 - half of that at 1")])
def test_relevance_must_vanish_where_boxes_call_for_nothing(data, without, status, quantity):
    assert placed(data, without) == (status, quantity)


def test_a_rival_that_was_trained_again_needs_a_new_comparison(data):
    for seed in SEEDS:
        rival = place(data, "bachgan/spade-boxes", seed)
        place(data, "bachgan/bachgan", seed, **{"kid_judge_minus_spade-boxes": -0.1})
        path = data / "results" / "bachgan" / f"bachgan@places-32-s{seed}.json"
        write_json(path, json.loads(path.read_text()) | {
            "rivals": {f"bachgan/spade-boxes@places-32-s{seed}": sha256(rival)}})
    assert find("bachgan", "B1")["status"] == "reproduced"
    rival.write_bytes(b"trained again")
    write_json(rival.with_suffix(".json"), {"sha256": sha256(rival), "scale": "ablation"})
    result = data / "results" / "bachgan" / "spade-boxes@places-32-s3.json"
    write_json(result, json.loads(result.read_text()) | {"weights": sha256(rival)})
    assert find("bachgan", "B1")["needs"] == [
        "a result of bachgan/bachgan@places-32 that compares it with today's "
        "bachgan/spade-boxes@places-32, seed 3"]
