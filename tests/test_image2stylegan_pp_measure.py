"""What embeddings are measured by: arms, edits, whole tables, and results of no weights."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from tiny_generator import PIXELS, SIZE, looking, made, tiny
from torch import nn

from synthbook import models
from synthbook.claims import evidence
from synthbook.files import BookError, sha256, write_json
from synthbook.image2stylegan_pp import Embedding, Pace, Settings, start
from synthbook.image2stylegan_pp import applied, copied, measure, quantities
from synthbook.image2stylegan_pp.masks import box, centre
from synthbook.image2stylegan_pp.reachable import Solve
from synthbook.metrics import Extractor
from synthbook.stylegan2 import Config, StyleGAN2
from synthbook.yardsticks import Budget

MEANS = Extractor("means", 6, lambda x: torch.cat([x.mean((2, 3)), x.std((2, 3))], 1))
QUICK = Settings(PIXELS, Pace(6, 0.05), Pace(6, 0.1))


def noise(count=2, seed=0, size=SIZE):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1

# ------------------------------------------------------------------------------- the arms


@pytest.fixture(scope="module")
def found():
    """A generator, images, and their embeddings in every order, after a few steps."""
    model = tiny()
    x = made(model, 3)
    settings = {order: QUICK for order in measure.ORDERS}
    return model, x, measure.arms(model, x, settings, looking())


def test_every_arm_moves_what_its_name_says(found):
    model, x, arms = found
    assert set(arms) == set(measure.ARMS)
    begun = start(model, 3)
    for name, at in arms.items():
        moved = not torch.equal(at.w, begun.w)
        noisy = any(not torch.equal(a, b) for a, b in zip(at.added, at.first))
        assert moved == (name != "noise") and noisy == (name not in ("w", "wplus"))
    assert torch.equal(arms["w"].w, arms["w"].w[:, :1].expand_as(begun.w))


def test_rows_of_reconstruction_are_differences_portrait_by_portrait(found):
    model, x, arms = found
    rows = measure.reconstruction(model, x, arms, 0)
    value = {name: row.value for name, row in rows.items()}
    assert {f"psnr_{arm}{end}" for arm in measure.ARMS for end in ("", "_fresh")} < set(rows)
    assert value["noise_gain"] == pytest.approx(value["psnr_sequential"] - value["psnr_wplus"])
    assert value["wplus_minus_w"] == pytest.approx(value["psnr_wplus"] - value["psnr_w"])
    assert value["fresh_minus_joint"] == pytest.approx(
        value["psnr_sequential_fresh"] - value["psnr_joint_fresh"])
    assert value["psnr_sequential"] > value["psnr_sequential_first"]


def test_noise_that_is_zero_repairs_nothing(found):
    model, x, arms = found
    bare = {name: replace(at, added=tuple(map(torch.zeros_like, at.added)))
            for name, at in arms.items()}
    rows = measure.spectra(model, x, bare)
    assert rows["high_sequential"].value == rows["raw_high"].value == 0
    assert all(row.value == 0 for name, row in rows.items() if name.startswith("reduced"))
    assert measure.spectra(model, x, arms)["raw_high"].value > 0


def test_an_order_gets_the_best_rates_of_its_grid():
    model = tiny()
    x = made(model, 2)
    effort = measure.Effort(2, QUICK, rates=((1e-6, 0.1), (1e-6,)))
    assert measure.chosen(model, x, "w", effort, looking()).w.rate == 0.1
    alone = replace(effort, rates=((0.2,), (0.3,)))
    assert measure.chosen(model, x, "w", alone, looking()).noise.rate == 0.3


def test_half_way_is_between_neighbours(found):
    _, _, arms = found
    at = arms["sequential"]
    middle = measure.pairs(at)
    assert torch.allclose(middle.w, (at.w + at.w.roll(-1, 0)) / 2)
    assert torch.allclose(middle.added[3], (at.added[3] + at.added[3].roll(-1, 0)) / 2)


# ------------------------------------------------------------------------------ the edits


class Eye(nn.Module):
    def pyramid(self, x):
        return [x, F.avg_pool2d(x, 2)]


class Judge(nn.Module):
    """A judge that sees colours alone."""

    def __init__(self):
        super().__init__()
        self.eyes = nn.ModuleList([Eye(), Eye()])


def bench(count=20, settings=QUICK):
    model = tiny()
    x = made(model, count)
    at = start(model, count, "random", 1)
    real = noise(40, 4)
    return applied.Bench(model, x, at, settings, looking(), MEANS, MEANS(real), real, real, Judge())


def test_the_truth_is_at_0_and_strangers_at_1():
    own = bench()
    assert own.away(own.x).max() == 0
    assert own.away(own.x.roll(1, 0)).mean().item() == pytest.approx(1, abs=1e-5)


def test_a_true_fill_is_perfect_and_the_edge_of_a_paste_shows():
    own = bench()
    rows = applied.filled(own, own.x, centre(SIZE, 6), "true")
    assert rows["away_true"].value == 0 and rows["psnr_true"].value == quantities.BEST
    assert rows["lpips_true"].value == pytest.approx(0, abs=1e-6)
    real = replace(own, real=own.x)
    assert applied.seams(real, own.x, "x")["seam_x"].value == pytest.approx(1, abs=1e-5)
    black = own.x.clone()
    black[..., :8] = -1
    assert applied.seams(real, black, "x")["seam_x"].value > 1.5
    assert applied.seams(real, black, "x")["c2st_seam_x"].value > 0.9


def test_strokes_that_are_followed_and_that_are_not():
    own = bench()
    mask = box(SIZE, 4, 12, 12, 16).expand(20, -1, -1, -1)
    colour = torch.tensor([1.0, -1.0, 0.0]).expand(20, 3)
    painted = torch.where(mask > 0, colour[:, :, None, None], own.x)
    given = applied.Strokes(mask, colour, painted, painted, mask)
    rows = applied.followed(own, given, painted)
    assert rows["stroke_error"].value == pytest.approx(0, abs=1e-6)
    assert rows["scribble_outside"].value == 0 < rows["scribble_inside"].value
    still = applied.followed(own, given, own.x)
    assert still["stroke_error"].value > 0.1 and still["scribble_inside"].value == 0


def test_an_embedding_copied_into_itself_changes_nothing():
    own = bench(20)
    same = Embedding(own.at.w[:1].expand(20, -1, -1), tuple(
        a[:1].expand(20, -1, -1, -1) for a in own.at.added), tuple(
        a[:1].expand(20, -1, -1, -1) for a in own.at.first))
    rows = copied.copies(replace(own, at=same))
    assert rows["fidelity_copy"].value == rows["fidelity_average"].value == quantities.BEST
    # the same portrait at two places of a batch may differ by a rounding
    assert max(rows["outside_copy"].value, rows["beyond"].value) < 1e-6
    assert abs(rows["kid_copy_minus_average"].value) < 1e-6
    mixed = copied.copies(own)
    assert max(mixed[f"fidelity_{how}"].value for how in ("copy", "average")) < quantities.BEST
    assert mixed["beyond"].value == 0 < mixed["outside_copy"].value
    assert copied.for_layers(own.model, 8, {"channels": 0.5}) == {"channels": (0, 5)}


# ------------------------------------------------------------------------------ one table


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The whole table of an untrained generator of 32 pixels, after one step of each stage."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNTHBOOK_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setitem(measure.EFFORTS, 40, replace(
            measure.EFFORTS[40], settings=Settings(w=Pace(1, 0.05), noise=Pace(1, 0.1)),
            solve=Solve(1, 2), project=1))
        patch.setattr(applied.metrics, "lpips", lambda a, b: (a - b).abs().mean((1, 2, 3)))
        torch.manual_seed(0)
        model = StyleGAN2(Config(32, (8, 6, 6, 4), latent=4)).eval().requires_grad_(False)
        model.synthesis.strengths.fill_(0.1)
        setup = measure.Setup(Judge(), {"judge": MEANS}, "faces", 32, {}, Budget(40, 3, 2, 24))
        setup.__dict__["taps"] = looking()
        return setup.evaluate(model, 0)


def test_the_table_has_all_that_claims_read_beside_its_references(table):
    from synthbook import claims

    rows, references = table
    here = {*rows, "away_centre_minus_telea", "away_half_minus_telea",
            "away_centre_minus_biharmonic", "away_half_minus_biharmonic"}  # need packages
    asked = {m for c in claims.claims_of("image2stylegan-pp") for m in c.metrics}
    assert asked <= here
    assert all(math.isfinite(row.value) and row.low <= row.value <= row.high
               for row in rows.values())
    assert set(references) == {"oracle", "trivial", "broken", "floor"}
    assert {key for key, _ in measure.CARD.values()} <= set(references["oracle"]) & set(rows)


def test_references_are_on_their_sides(table):
    _, references = table
    oracle, trivial, broken = (references[k] for k in ("oracle", "trivial", "broken"))
    assert oracle["psnr_sequential"].value == quantities.BEST > oracle["psnr_w_fresh"].value > 20
    assert broken["psnr_sequential"].value < trivial["psnr_sequential"].value < 25
    assert oracle["stroke_error"].value < 0.05 < trivial["stroke_error"].value
    assert trivial["scribble_inside"].value == 0 < oracle["scribble_inside"].value
    assert oracle["scribble_outside"].value < 0.1 * broken["scribble_outside"].value
    assert oracle["gram_after"].value < trivial["gram_after"].value
    assert oracle["seam_ours"].value < trivial["seam_ours"].value
    assert oracle["psnr_beside"].value == quantities.BEST


# --------------------------------------------------------------- a paper without weights


def test_nothing_is_trained_for_an_embedding():
    name = models.parse("image2stylegan-pp/embedding@faces-32-s0")
    base = models.parse("stylegan2/stylegan2@faces-32-s0")
    assert name.trained == base == base.trained and name.weights == base.weights
    assert models.parse("image2stylegan-pp", "ablation") == name
    with pytest.raises(BookError, match="nothing is trained for image2stylegan-pp/embedding@faces"
                                        "-32-s0: it uses the weights of stylegan2/stylegan2@faces"):
        models.recipe(name, "smoke")


def test_a_result_of_embeddings_is_of_the_generators_weights(tmp_path, monkeypatch):
    from synthbook import evaluation

    for module in (models, evaluation):
        monkeypatch.setattr(module, "data_dir", lambda: tmp_path)
    name = models.parse("image2stylegan-pp/embedding@faces-32-s0")
    name.weights.parent.mkdir(parents=True)
    name.weights.write_bytes(b"generator")
    write_json(name.weights.with_suffix(".json"), {
        "sha256": sha256(name.weights), "scale": "ablation", "commit": "trained"})
    result = {"model": str(name), "scale": "ablation", "seed": 0, "commit": "measured",
              "images": 9, "weights": sha256(name.weights), "metrics": {}, "references": {}}
    write_json(tmp_path / "results" / f"{name}.json", result)
    found = evidence.find(name.model, "faces-32", 0, "ablation")
    assert found.commit == "measured"  # thresholds must be older than that
    write_json(tmp_path / "results" / f"{name}.json", result | {"weights": "0" * 64})
    with pytest.raises(BookError, match="other weights"):
        evidence.find(name.model, "faces-32", 0, "ablation")
