"""The published ledger agrees with the stored results, whose thresholds are older than they are."""

import json
import subprocess
from pathlib import Path

import pytest

from synthbook import claims, evaluation, models
from synthbook.claims import history, ledger, published
from synthbook.claims.verdict import Missing
from synthbook.cli import main
from synthbook.files import BookError, sha256, write_json

SLUGS = claims.slugs()
EVERY = [pytest.param(slug, c, id=f"{slug}-{c.id}") for slug in SLUGS
         for c in claims.claims_of(slug)]
SEEDS = range(5)


# ------------------------------------------------------------------- what the book publishes


@pytest.mark.parametrize("slug", SLUGS)
def test_no_published_claim_disagrees_with_the_stored_results(slug):
    assert published.disagreements(slug) == []


@pytest.mark.parametrize(("slug", "claim"), EVERY)
def test_no_result_is_older_than_the_thresholds_it_is_held_against(slug, claim):
    if not history.checkout():
        pytest.skip("no history, or a shallow one: git fetch --unshallow")
    try:
        results = ledger.gather(claim)
    except Missing:
        return  # no verdict, and every verdict has been here
    assert history.doubts(slug, claim.id, claim.thresholds, ledger.training(results)) == []


# ------------------------------------------------------------------ fabricated ledger and git


LEDGER = """\
slug: toy
claims:
  - {id: T1, thresholds: [mOCD / mCSD <= 0.5, LPIPS >= 0.70]}
  - {id: T2, thresholds: [KID <= 0]}
"""
T1 = (ledger.threshold("LPIPS >= 0.7"), ledger.threshold("mOCD / mCSD <= 0.5"))
NAME = "toy/net@places-32-s0"


def git(root, *arguments):
    command = ("git", "-C", str(root), "-c", "user.name=A", "-c", "user.email=a@b.example",
               "-c", "commit.gpgsign=false", *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def commit(root, text, where="synthbook/claims/toy.yml"):
    """Write a file and commit it; the commit's name."""
    path = root / where
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "x")
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty repository in place of the book's."""
    made = tmp_path / "checkout"
    (made / "synthbook").mkdir(parents=True)
    git(made, "init", "--quiet")
    monkeypatch.setattr(history, "PACKAGE", made / "synthbook")
    return made


def test_thresholds_that_a_training_knew_are_accepted(root):
    first = commit(root, LEDGER)
    second = commit(root, LEDGER.replace("KID <= 0", "KID <= 1") + "# reworded\n")
    for known in (first, second, first[:10]):
        assert history.doubts("toy", "T1", T1, [(NAME, known)]) == []


@pytest.mark.parametrize("change", [
    ("<= 0.5", "<= 0.4"), ("mOCD / mCSD <= 0.5, ", ""), (", LPIPS", ", mIoU >= 0, LPIPS"),
    ("id: T1", "id: T3"), ("T1, thresholds", "T1, was"), ("slug: toy", "["),
])
def test_a_threshold_that_was_set_added_or_dropped_later_is_caught(root, change):
    before, after = commit(root, LEDGER.replace(*change)), commit(root, LEDGER)
    (line,) = history.doubts("toy", "T1", T1, [(NAME, before), (NAME, after)])
    assert "thresholds of T1 are younger than toy/net@places-32-s0, made at" in line
    assert before[:10] in line


def test_a_model_that_was_trained_before_there_was_a_ledger_is_caught(root):
    before = commit(root, "", "README")
    commit(root, LEDGER)
    assert "T1 are younger" in history.doubts("toy", "T1", T1, [(NAME, before)])[0]


@pytest.mark.parametrize("record", ["unknown", "", "0" * 40, "{}+", "--help", "HEAD", "{}:x"])
def test_a_training_at_an_unknown_or_changed_commit_is_in_doubt(root, record):
    record = record.format(commit(root, LEDGER))
    (line,) = history.doubts("toy", "T1", T1, [(NAME, record)])
    assert line == f"{NAME} made at a commit of this history: its record says {record}"


def test_without_a_whole_history_nothing_is_asked(root, tmp_path, monkeypatch):
    commit(root, LEDGER)
    commit(root, LEDGER, "more.yml")
    assert history.checkout() == root
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth", "1", root.as_uri(), str(shallow))
    nested = root / "site-packages"  # an installed package inside another project's checkout
    nested.mkdir()
    alone = tmp_path / "alone"
    alone.mkdir()
    for place in (shallow, nested, alone):
        monkeypatch.setattr(history, "PACKAGE", place / "synthbook")
        (place / "synthbook").mkdir(exist_ok=True)
        assert history.checkout() is None
        assert history.doubts("toy", "T1", T1, [(NAME, "unknown")]) == []


# ------------------------------------------------------------------ fabricated results of smis


@pytest.fixture
def data(tmp_path, monkeypatch, root):
    """A data folder with results for the claims of GroupDNet alone, trained at a known commit."""
    here = tmp_path / "data"
    for module in (models, evaluation, published):
        monkeypatch.setattr(module, "data_dir", lambda: here)
    text = (Path(ledger.__file__).parent / "smis.yml").read_text()
    return here, commit(root, text, "synthbook/claims/smis.yml")


def place(here, made, mocd=0.002, seed=0):
    """Fabricated weights, their record and their result."""
    path = here / "weights" / "smis" / f"groupdnet@places-32-s{seed}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"weights")
    write_json(path.with_suffix(".json"),
               {"sha256": sha256(path), "scale": "ablation", "commit": made})
    around = lambda value: {"value": value, "low": value * 0.95, "high": value * 1.05}
    write_json(here / "results" / "smis" / f"groupdnet@places-32-s{seed}.json", {
        "model": f"smis/groupdnet@places-32-s{seed}", "scale": "ablation", "seed": 0,
        "commit": "c0ffee", "weights": sha256(path), "images": 24_000,
        "metrics": {"mocd": around(mocd), "mcsd": around(0.02), "lpips": around(0.2)},
        "references": {"oracle": {"mcsd": around(0.021), "lpips": around(0.21)}}})


def row(number):
    return next(c for c in claims.report("smis")[0]["claims"] if c["id"] == number)


def test_a_verdict_needs_trainings_that_knew_its_thresholds(data, root):
    here, made = data
    for seed in SEEDS:
        place(here, made, seed=seed)
    assert row("S1")["status"] == row("S7")["status"] == "reproduced"
    text = (root / "synthbook/claims/smis.yml").read_text()
    before = commit(root, text.replace("mOCD / mCSD <= 0.5", "mOCD / mCSD <= 0.6"),
                    "synthbook/claims/smis.yml")
    for seed in (1, 3):
        place(here, before, seed=seed)
    assert row("S7")["status"] == "reproduced"  # its own thresholds were there
    claim = row("S1")
    assert claim["status"] == "not tested" and claim["value"] is None and not claim["conditions"]
    assert claim["needs"] == [
        "results from after its thresholds: thresholds of S1 are younger than "
        f"smis/groupdnet@places-32, made at {before[:10]}, seeds 1, 3"]


def test_saving_publishes_what_results_say_and_a_later_change_is_named(data, capsys):
    here, made = data
    for seed in SEEDS:
        place(here, made, seed=seed)
    with pytest.raises(BookError, match="no published ledger at .*claims smis --save"):
        published.disagreements("smis")
    assert main(["claims", "smis", "--json", "--save"]) == 0
    printed = json.loads(capsys.readouterr().out)["claims"]
    path = here / "results" / "smis" / "claims.json"
    stored = json.loads(path.read_text())
    assert [{"slug": "smis", **c} for c in stored["claims"]] == printed
    assert set(stored["results"]) == {f"smis/groupdnet@places-32-s{s}" for s in SEEDS}
    assert published.disagreements("smis") == []

    for seed in SEEDS:
        place(here, made, mocd=0.03, seed=seed)
    lines = published.disagreements("smis")
    assert any(line.startswith("S1: published as 'reproduced', results say 'not reproduced'; they "
                               "differ in conditions, high, low") for line in lines)
    assert not any(line.startswith("S2b") for line in lines)


def test_a_published_entry_that_was_edited_is_named(data):
    here, made = data
    for seed in SEEDS:
        place(here, made, seed=seed)
    path = published.save(claims.report("smis")[0])
    stored = json.loads(path.read_text())
    for change in ({"status": "inconclusive"}, {"threshold": 0.6}, {"value": 0.1001},
                   {"seeds": [0]}, {"statement": "All is well."}):
        edited = [c | change if c["id"] == "S1" else c for c in stored["claims"]]
        write_json(path, stored | {"claims": edited})
        (line,) = published.disagreements("smis")
        assert line.startswith("S1: published as ") and line.endswith(*change)
    write_json(path, stored | {"claims": stored["claims"][1:]})
    assert published.disagreements("smis") == ["S1 is in the ledger and not published"]
    write_json(path, stored | {"results": stored["results"] | {
        "smis/groupdnet@places-32-s4": "0" * 64}})
    lines = published.disagreements("smis")
    assert lines[0] == ("S1: other results than those published, of smis/groupdnet@places-32-s4")


def test_numbers_that_another_processor_rounds_otherwise_still_agree():
    assert published.same([{"a": 0.1 + 0.2}], [{"a": 0.3}])
    assert published.same(0.0, 0) and not published.same(0.3, 0.3001)
    assert not published.same({"a": 1.0}, {"b": 1.0}) and not published.same([1.0], [1.0, 2.0])
    assert not published.same(1.0, None) and not published.same(None, 1.0)


def test_without_its_history_nothing_is_published(data, monkeypatch, capsys):
    here, _ = data
    monkeypatch.setattr(history, "checkout", lambda: None)
    assert main(["claims", "smis", "--save"]) == 2
    error = capsys.readouterr().err
    assert "whole history" in error and error.count("\n") == 1
    assert not (here / "results").exists()
