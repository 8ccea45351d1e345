"""A result and its references: form, storage, refusals, and the card that chapters end with."""

import copy
import json
import shutil
from dataclasses import replace

import pytest
import torch
from layouts import TINY

from synthbook import bachgan, evaluation, files, game, judges, metrics, models, stylegan2
from synthbook.baselines import spade
from synthbook.datasets.things import things
from synthbook.files import BookError
from synthbook.metrics import Extractor
from synthbook.smis import SMIS, recipe
from synthbook.stylegan2 import recipe as stylegan2_recipe
from synthbook.training import Recipe, Run
from synthbook.yardsticks import BUDGETS, Budget

SMIS_NAME = models.parse("smis/groupdnet@places-32-s0")
JUDGE_NAME = models.parse("judges/segmenter@places-32-s0")
ROWS = ("oracle", "floor", "trivial", "broken")


def fake_run(config, networks):
    made = Recipe(config, lambda: [], lambda: networks, {}, images=64, batch=8)
    return Run(made, networks, copy.deepcopy(networks), images=64, seconds=6.0, device="cpu",
               log=[{"step": 8, "images": 64, "seconds": 6.0, "held_out_accuracy": 0.5}])


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A book whose data folder holds untrained weights of a small model and a judge."""
    real = files.data_dir()
    shutil.copytree(real / "art", tmp_path / "data" / "art")
    (tmp_path / "data" / "weights" / "judges").mkdir(parents=True)
    for path in (real / "weights" / "judges").glob("alexnet.*"):
        shutil.copy(path, tmp_path / "data" / "weights" / "judges")
    monkeypatch.setattr(files, "__file__", str(tmp_path / "synthbook" / "files.py"))
    torch.manual_seed(0)
    knobs = {"classes": 8}
    model = SMIS(replace(TINY, classes=8, groups=(8, 4, 2, 1)))
    setting = recipe.Setting(model.config, "places", knobs)
    run = fake_run(setting, {"generator": model.generator, "encoder": model.encoder})
    models.write_weights(run, SMIS_NAME, tmp_path / "data" / "weights", "by hand", "smoke")
    config = judges.SegmenterConfig(8, 4, "places", 32, knobs)
    run = fake_run(config, {"segmenter": judges.Segmenter(config)})
    models.write_weights(run, JUDGE_NAME, tmp_path / "data" / "weights", "by hand", "smoke")
    return tmp_path


@pytest.fixture
def quick(monkeypatch):
    """Few images, and features that cost nothing."""
    means = Extractor("means", 6, lambda x: torch.cat([x.mean((2, 3)), x.std((2, 3))], 1))
    monkeypatch.setitem(BUDGETS, "smoke", Budget(20, 1, 2, 24))
    monkeypatch.setattr(evaluation, "feature_spaces", lambda judge, size: {"judge": means})
    caches = evaluation.judge_for, evaluation.shared_setup
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def test_a_smis_result_has_its_rows_and_references(book, quick):
    result = evaluation.evaluate(str(SMIS_NAME), scale="smoke")
    assert result["model"] == str(SMIS_NAME) and result["scale"] == "smoke"
    assert result["weights"] == models.record(SMIS_NAME.weights)["sha256"]
    assert set(result["references"]) == set(ROWS)
    wanted = {"lpips", "mcsd", "mocd", "miou", "pixel_accuracy", "kid_judge", "fd_judge",
              "precision", "recall"}
    assert set(result["metrics"]) == wanted | {
        "rebuilt_psnr", "rebuilt_ssim", "rebuilt_lpips", "encoded_lpips", "encoded_mcsd",
        "encoded_mocd", "images_per_second", "mixture_own_error", "mixture_other_error",
        "morph_forward"} | {f"normal_{key}" for key in wanted}
    for row in ("oracle", "trivial", "broken"):
        assert set(result["references"][row]) == wanted
    assert set(result["references"]["floor"]) == {"kid_judge", "fd_judge"}
    for estimate in result["metrics"].values():
        assert set(estimate) - {"blocks"} == {"value", "low", "high", "n", "extractor"}
    assert json.loads(json.dumps(result)) == result
    oracle, trivial = (result["references"][k] for k in ("oracle", "trivial"))
    assert trivial["mcsd"]["value"] == trivial["lpips"]["value"] == 0
    assert oracle["mcsd"]["value"] > oracle["mocd"]["value"]


def test_a_model_without_codes_has_what_can_be_measured_without(book, quick):
    name = models.parse("smis/spade@places-32-s0")
    setting = game.Setting(spade.Config(8, (32, 32), channels=(12, 12, 8), hidden=(6, 6)),
                           "places", {"classes": 8})
    run = fake_run(setting, {"generator": spade.Generator(setting.model)})
    models.write_weights(run, name, book / "data" / "weights", "by hand", "smoke")
    result = evaluation.evaluate(str(name), scale="smoke")
    assert set(result["metrics"]) == {
        "lpips", "mcsd", "mocd", "miou", "pixel_accuracy", "kid_judge", "fd_judge", "precision",
        "recall", "images_per_second"}
    assert [result["metrics"][key]["value"] for key in ("lpips", "mcsd", "mocd")] == [0, 0, 0]
    assert set(result["references"]) == set(ROWS)


def test_a_model_is_compared_with_the_rival_and_by_the_judge_of_its_own_data(book, quick):
    for path in (book / "data" / "weights").rglob("*@places-32-s0.*"):
        name = path.name.replace("segmenter", "segmenter-8").replace("groupdnet", "vspade-8")
        shutil.copy(path, path.with_name(name))
        shutil.move(path, path.with_name(path.name.replace("groupdnet", "groupdnet-8")))
    (book / "data" / "weights" / "judges" / "segmenter@places-32-s0.safetensors").unlink()
    rival, net = "smis/vspade-8@places-32-s0", "smis/groupdnet-8@places-32-s0"
    first = evaluation.evaluate(net, scale="smoke")
    assert first["rivals"] == {} and "kid_judge_minus_vspade" not in first["metrics"]
    evaluation.save(first)
    evaluation.save(evaluation.evaluate(rival, scale="smoke"))  # whichever is evaluated last
    weights = models.record(models.parse(rival).weights)["sha256"]
    for result in (evaluation.stored(net), evaluation.evaluate(net, scale="smoke")):
        assert result["metrics"]["kid_judge_minus_vspade"]["value"] == 0  # it is the same network
        assert result["rivals"] == {rival: weights}


PLAIN = Extractor("judge", 12, lambda x: x.flatten(1))


def kid_of(model, real, fake):
    """A result with nothing in it but a KID and the floor it is read beside."""
    found, floor = ({"kid_judge": metrics.kid(real, images, PLAIN).as_dict()}
                    for images in (fake, real.flip(0) / 2))
    return {"model": model, "weights": model, "rivals": {}, "metrics": found,
            "references": {"floor": floor}}


def test_comparing_blocks_is_comparing_pictures():
    """A KID difference from two stored results is that of the two sets of pictures."""
    real, mine, theirs = torch.rand(3, 60, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    result = kid_of("a", real, mine)
    assert evaluation.compare(result, "b", json.loads(json.dumps(kid_of("b", real, theirs))))
    wanted = metrics.kid_difference(real, mine, theirs, PLAIN)
    found = result["metrics"]["kid_judge_minus_b"]
    assert [found[k] for k in ("value", "low", "high")] == pytest.approx(
        [wanted.value, wanted.low, wanted.high], abs=1e-7)
    assert found["n"] == wanted.n and result["rivals"] == {"b": "b"}


def test_results_against_other_real_pictures_are_not_compared():
    real, other, mine = torch.rand(3, 60, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    result = kid_of("a", real, mine)
    assert not evaluation.compare(result, "b", kid_of("b", other, mine))
    assert result["rivals"] == {} and set(result["metrics"]) == {"kid_judge"}


BOXES = {"bachgan/bachgan": {}, "bachgan/spade-boxes": {"condition": "boxes", "maps": 0},
         "bachgan/kin-3": {"source": "kin"},
         "bachgan/segmentation": {"condition": "label", "maps": 1, "source": "truth"}}


@pytest.mark.parametrize("model", BOXES)
def test_bachgan_and_its_relatives_have_results(book, quick, monkeypatch, model):
    monkeypatch.setenv("SYNTHBOOK_CACHE", str(book / "cache"))
    name = models.parse(f"{model}@places-32-s0")
    monkeypatch.setitem(models.MODELS, model, replace(
        models.MODELS[model], judge="judges/segmenter"))
    knobs = {"background": 1.0, "classes": 8, "styles": "plain"}
    torch.manual_seed(0)
    config = bachgan.Config(8, (32, 32), channels=(12, 12, 8), hidden=(6, 6),
                            things=things(evaluation.dataset("places", classes=8)),
                            **BOXES[model])
    setting = game.Setting(config, "places", knobs)
    run = fake_run(setting, {"generator": bachgan.Network(config)})
    models.write_weights(run, name, book / "data" / "weights", "by hand", "smoke")
    result = evaluation.evaluate(str(name), scale="smoke")
    assert set(result["references"]) == {*ROWS, "means"} and result["rivals"] == {}
    assert {"accuracy_things", "added_iou", "kid_judge"} <= set(result["metrics"])
    assert ("held_iou" in result["metrics"]) == (model in ("bachgan/bachgan", "bachgan/kin-3"))
    assert json.loads(json.dumps(result)) == result
    assert [row["metric"] for row in evaluation.control_card(result)][0] == "added_iou"


def test_stylegan2_and_its_judge_have_results(book, quick, monkeypatch):
    monkeypatch.setenv("SYNTHBOOK_CACHE", str(book / "cache"))
    folder, judge = book / "data" / "weights", models.parse("judges/reader@faces-32-s0")
    reader = models.recipe(judge, "smoke").config
    run = fake_run(replace(reader, width=4), {"reader": judges.Reader(replace(reader, width=4))})
    models.write_weights(run, judge, folder, "by hand", "smoke")
    name = models.parse("stylegan2/stylegan2@faces-32-s0")
    torch.manual_seed(0)
    config = stylegan2.Config(32, (8, 8, 8, 6), latent=12)
    model = stylegan2.StyleGAN2(config)
    run = fake_run(stylegan2_recipe.Setting(config),
                   {"mapping": model.mapping, "synthesis": model.synthesis})
    models.write_weights(run, name, folder, "by hand", "smoke")
    result = evaluation.evaluate(str(name), scale="smoke")
    assert set(result["references"]) == {*ROWS, "copies"}
    likeness = {"kid_judge", "fd_judge", "precision", "recall", "c2st", "copying", "lpips"}
    for row in ("floor", "trivial", "copies"):
        assert set(result["references"][row]) == likeness
    assert likeness | {"trait_change", "plain_trait_leakage", "change_dark_skin", "fit_beard",
                       "precision_psi_0.5", "noise_share", "strength_32.1", "reach_4.1",
                       "path_length", "path_spread"} < set(result["metrics"])
    for estimate in result["metrics"].values():
        assert set(estimate) - {"blocks"} == {"value", "low", "high", "n", "extractor"}
    assert json.loads(json.dumps(result)) == result
    value = lambda row, key: result["references"][row][key]["value"]
    assert value("copies", "copying") > 0.9 > value("floor", "copying")
    assert value("trivial", "lpips") == value("trivial", "recall") == 0 < value("oracle", "lpips")
    assert result["metrics"]["noise_moves"]["value"] == 0 < value("oracle", "noise_moves")
    assert [row["metric"] for row in evaluation.control_card(result)] == [
        "trait_change", "trait_leakage", "kid_judge"]
    rows = evaluation.evaluate(str(judge), scale="smoke")["metrics"]
    assert {"r", "r_glasses", "r_turn"} < set(rows) and abs(rows["r"]["value"]) < 0.8


def test_a_judges_result_has_every_class(book, quick):
    result = evaluation.evaluate("judges/segmenter@places-32-s0", scale="smoke")
    assert result["references"] == {} and result["images"] == 64
    names = evaluation.dataset("places", "test", size=32, classes=8).class_names
    assert {"miou", "pixel_accuracy"} < set(result["metrics"])
    assert {k.removeprefix("iou_") for k in result["metrics"] if k[:4] == "iou_"} <= set(names)
    assert 0 <= result["metrics"]["pixel_accuracy"]["value"] < 0.9
    assert evaluation.evaluate("judges/segmenter@places-32-s0", scale="smoke") == result


ESTIMATE = {"value": 0.25, "low": 0.2, "high": 0.3, "n": 40, "extractor": "lpips"}


def test_stored_numbers_have_eight_digits_and_nothing_else_is_touched():
    given = {"a": [1 / 3, 2, None, "x"], "b": {"c": 1e-9 / 3, "d": -12345.678912345}, "e": True}
    assert evaluation.shortened(given) == {
        "a": [0.33333333, 2, None, "x"], "b": {"c": 3.3333333e-10, "d": -12345.679}, "e": True}
    assert evaluation.shortened(given)["e"] is True


def result_of(weights="abc", name=JUDGE_NAME, keys=("mcsd", "mocd", "kid_judge")):
    return {"model": str(name), "weights": weights,
            "metrics": {k: ESTIMATE | {"value": 0.25 + i} for i, k in enumerate(keys)},
            "references": {"oracle": {k: ESTIMATE | {"value": 0.5} for k in keys},
                           "floor": {"kid_judge": ESTIMATE}}}


def test_a_stored_result_is_that_of_the_weights_that_ship(book):
    with pytest.raises(BookError, match="no result at .*evaluate judges/segmenter.* --save"):
        evaluation.stored(str(JUDGE_NAME))
    result = result_of(models.record(JUDGE_NAME.weights)["sha256"])
    path = evaluation.save(result)
    assert path == book / "data" / "results" / f"{JUDGE_NAME}.json"
    assert evaluation.stored(str(JUDGE_NAME)) == result
    evaluation.save(result_of("other"))
    with pytest.raises(BookError, match="is of other weights: run"):
        evaluation.stored(str(JUDGE_NAME))
    for content in ("{}", "[]", '{"weights": '):
        path.write_text(content)
        with pytest.raises(BookError, match="damaged"):
            evaluation.stored(str(JUDGE_NAME))


def test_what_cannot_be_evaluated_is_refused_in_one_line(book):
    with pytest.raises(BookError, match="figures/tiny has no evaluation"):
        evaluation.paper_of("figures/tiny")
    for name, says in (("smis/groupdnet@deepfashion-256-s0", "has no evaluation"),
                       ("smis/vspade@places-32-s0", "no weights at"),
                       ("smis/nonsense", "unknown model")):
        with pytest.raises(BookError, match=says) as caught:
            evaluation.evaluate(name, scale="smoke")
        assert "\n" not in str(caught.value)


def test_what_could_not_be_measured_is_a_dash():
    result = result_of(keys=("mcsd", "kid_judge"))
    result["metrics"]["mcsd"] = dict.fromkeys(("value", "low", "high"))
    result["references"]["floor"]["kid_judge"] = {"value": None}
    lines = evaluation.table(result).splitlines()
    assert lines[1].split() == ["mcsd", "-", "0.5000"]
    assert lines[2].split()[0] == "kid_judge" and lines[2].split()[-1] == "0.5000"


def test_the_table_puts_references_beside_each_metric():
    lines = evaluation.table(result_of()).splitlines()
    assert lines[0].split() == ["metric", str(JUDGE_NAME), "oracle", "floor"]
    assert lines[1].split() == ["mcsd", "0.2500", "[0.2000,", "0.3000]", "0.5000"]
    assert lines[3].split() == ["kid_judge", "2.2500", "[0.2000,", "0.3000]", "0.5000", "0.2500"]


@pytest.mark.parametrize(("name", "keys"), [
    (SMIS_NAME, ("mcsd", "mocd", "kid_judge")),
    (models.parse("bachgan/bachgan@places-32-s0"), ("added_iou", "added_outside", "kid_judge"))])
def test_the_control_card_holds_three_numbers_beside_the_oracle(name, keys):
    card = evaluation.control_card(result_of(name=name, keys=keys))
    assert [row["quantity"] for row in card] == ["intended change", "leakage", "realism"]
    assert [row["metric"] for row in card] == list(keys)
    assert all(row["reading"] for row in card)
    assert [row["value"] for row in card] == [0.25, 1.25, 2.25]
    assert all(row["oracle"] == 0.5 and row["low"] == 0.2 and row["n"] == 40 for row in card)


def test_models_of_the_same_data_share_what_they_are_compared_with(book, quick):
    budget = Budget(20, 1, 2)
    setup = evaluation.setup_for(SMIS_NAME, {"classes": 8}, budget)
    rival = replace(SMIS_NAME, model="smis/vspade", seed=3)
    assert evaluation.setup_for(rival, {"classes": 8}, budget) is setup
    assert evaluation.setup_for(rival, {"classes": 8, "light": 1.0}, budget) is not setup
    assert evaluation.setup_for(rival, {"classes": 8}, Budget(21, 1, 2)) is not setup
    before = files.read_json(JUDGE_NAME.weights.with_suffix(".json"))
    JUDGE_NAME.weights.write_bytes(b"another judge")
    files.write_json(JUDGE_NAME.weights.with_suffix(".json"),
                     before | {"sha256": files.sha256(JUDGE_NAME.weights)})
    assert evaluation.setup_for(rival, {"classes": 8}, budget) is not setup
