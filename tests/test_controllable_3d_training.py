"""How the 3D controllable model is trained: terms, variants, a few pictures learned, what ships."""

from dataclasses import asdict, fields, replace

import pytest
import torch
from tiny_cars import Few, model, pictures, setting

from synthbook import catalogue, headings, models
from synthbook.controllable_3d import Config, Controllable3D, Vanilla, looks, recipe
from synthbook.controllable_3d.config import VARIANTS
from synthbook.controllable_3d.deviations import DEVIATIONS, deviations
from synthbook.datasets import dataset
from synthbook.files import BookError
from synthbook.training import train

PLAIN = [name for name in VARIANTS if name != "no-condition"]


def made(chosen, images=8, batch=4, count=8):
    return replace(recipe.assembled(chosen, lambda: Few(count), lambda: pictures(4),
                                    images=images, batch=batch), snapshots=1)


def batch_of(count=4):
    few = Few(count)
    return {"image": few.image, "background": few.background}


# --------------------------------------------------------------------------------- one step


@pytest.mark.parametrize("variant", PLAIN)
def test_every_variant_takes_a_step_and_looks_at_itself(variant, tmp_path):
    run = train(made(setting(variant), images=4), out=tmp_path, progress=False)
    last, chosen = run.log[-1], run.recipe.config
    assert run.images == 4 and {"g_logistic", "d_logistic", "spread"} <= set(last)
    assert ("g_compactness" in last) == bool(chosen.weights.compactness)
    assert ("g_depth" in last) == ("g_colour" in last) == bool(chosen.weights.consistency)
    assert ("offset" in last) == (variant != "gan")
    assert len(list((tmp_path / "snapshots").glob("*.png"))) == 1


@pytest.mark.parametrize("variant, heads", [("controllable-3d", 2), ("no-condition", 1),
                                            ("gan", 1)])
def test_backgrounds_alone_are_judged_only_with_the_condition(variant, heads):
    chosen = setting(variant, "ground")
    nets = made(chosen).build()
    assert nets["discriminator"].heads == heads
    scratch = {"step": 0, "done": 0.0}
    recipe.generator_loss(chosen, nets, batch_of(), scratch)
    assert len(scratch["fake"]) == 4 * heads
    given = batch_of() if heads == 2 else {"image": batch_of()["image"]}
    loss, terms = recipe.discriminator_loss(chosen, nets, given, scratch)
    assert loss.isfinite() and "d_r1" not in terms
    scratch["step"] = chosen.weights.r1_every - 1
    assert "d_r1" in recipe.discriminator_loss(chosen, nets, given, scratch)[1]


def test_the_loss_is_the_weighted_sum_of_its_terms():
    chosen = setting(compactness=0.7, consistency=0.3, colour=2.0)
    nets = made(chosen).build()
    loss, terms = recipe.generator_loss(chosen, nets, batch_of(), {"step": 0, "done": 0.0})
    wanted = (terms["g_logistic"] + 0.7 * terms["g_compactness"]
              + 0.3 * (terms["g_depth"] + 2 * terms["g_colour"]))
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-5)
    loss.backward()
    assert all(p.grad is not None for name, p in nets["generator"].named_parameters())


def test_the_consistency_weight_changes_gradients_of_the_2d_generator_only():
    grads = []
    for weight in (1e-9, 50.0):
        chosen = setting(consistency=weight)
        torch.manual_seed(0)
        nets = made(chosen).build()
        torch.manual_seed(1)
        recipe.generator_loss(chosen, nets, batch_of(), {"step": 0, "done": 0.0})[0].backward()
        grads.append({name: p.grad.clone() for name, p in nets["generator"].named_parameters()})
    moved = {name.partition(".")[0] for name in grads[0]
             if not torch.allclose(grads[0][name], grads[1][name], rtol=1e-3, atol=1e-8)}
    assert moved == {"painter"}


# ----------------------------------------------------------------------------------- a run


def test_a_run_is_the_same_for_a_seed_and_goes_on_where_it_stopped(tmp_path):
    def runs(**more):
        return train(made(setting(), images=16), seed=3, progress=False, **more).best["generator"]

    one = runs().state_dict()
    train(made(setting(), images=16), seed=3, progress=False, out=tmp_path, max_minutes=0)
    two = runs(out=tmp_path, resume=True).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_few_pictures_are_learned():
    """Fitted to the pictures of another model, given its draws: layers and poses suffice."""
    torch.manual_seed(1)
    target, learner = model(seed=3), model(seed=4)
    draws = target.draw(4, torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = target(draws).image
    optimiser = torch.optim.Adam(learner.parameters(), 1e-2)
    errors = []
    for _ in range(50):
        loss = (learner(draws).image - wanted).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        errors.append(loss.item())
    assert errors[-1] < 0.25 * errors[0]


def test_both_sides_move_and_the_average_follows():
    run = train(made(setting(), images=8), seed=5, progress=False)
    torch.manual_seed(5)
    for name, network in made(setting()).build().items():
        start = dict(network.named_parameters())
        end = dict(run.networks[name].named_parameters())
        assert all(not torch.equal(start[key], end[key]) for key in start)
    ahead, behind = (dict(nets["generator"].named_parameters())
                     for nets in (run.networks, run.averaged))
    assert any(not torch.equal(ahead[key], behind[key]) for key in ahead)


# ---------------------------------------------------------------------- looks on the way


def test_the_probe_tells_how_objects_sit_in_their_primitives():
    chosen = setting()
    nets = made(chosen).build()
    told = looks.probe(nets["generator"].eval(), nets["discriminator"].eval(), pictures(6))
    assert 0 < told["filled"] < 1 and 0 < told["area"] < 1 and told["offset"] < 8
    assert told["depth"] >= 0 and told["colour"] >= 0


def test_a_snapshot_shows_scenes_layers_and_edits():
    made_model = model()
    image = looks.snapshot(made_model).unflatten(0, (8, 8))
    assert image.shape == (8, 8, 3, 16, 16)
    for column in (1, 2, 3, 4, 5, 6, 7):
        assert not torch.equal(image[:, 0], image[:, column])
    assert looks.snapshot(Vanilla(replace(made_model.config, primitive="none"))).shape == (
        64, 3, 16, 16)


def test_centroids_are_the_middle_of_mass():
    alpha = torch.zeros(1, 1, 8, 8)
    alpha[..., 2:4, 5:8] = 0.5
    assert looks.centroids(alpha).tolist() == [[6.5, 3.0]]


# ----------------------------------------------------------------- variants, data, what ships


def test_variants_differ_in_what_their_names_say():
    base = setting().model
    told = {name: {f.name for f in fields(Config)
                   if getattr(setting(name).model, f.name) != getattr(base, f.name)}
            for name in PLAIN}
    assert told == {
        "controllable-3d": set(), "ellipsoid": {"primitive"}, "point": {"primitive"},
        "anchored": {"anchored"}, "held": {"anchored"},
        "pose-mlp": {"poses"}, "no-rotation": {"rotation"}, "two-d": {"poses"},
        "no-2d": {"paint", "texture"}, "no-compactness": set(), "no-consistency": set(),
        "gan": {"primitive"}}
    weights = {name: setting(name).weights for name in PLAIN}
    assert weights["no-compactness"] == replace(recipe.Weights(), compactness=0.0)
    assert weights["no-consistency"] == replace(recipe.Weights(), consistency=0.0)
    assert all(f"controllable-3d/{name}" in catalogue.MODELS for name in PLAIN)
    assert "controllable-3d/no-condition-ground" in catalogue.MODELS
    with pytest.raises(BookError, match="train no-condition-ground"):
        recipe.setting_of("no-condition", "cars", 32)


def test_backgrounds_go_with_no_picture():
    scenes = dataset("cars", count=3, size=32, background="ground")
    bare = dataset("cars", count=2, size=32, background="ground", fewest=0, most=0, seed=1)
    joined = recipe.Pictures(scenes, bare)
    assert len(joined) == 3 and set(joined[0]) == {"image", "background"}
    assert torch.equal(joined[0]["image"], scenes[0]["image"])
    assert torch.equal(joined[2]["background"], bare[0]["image"])
    assert bare.scene(0).camera != scenes.scene(0).camera
    assert set(recipe.Pictures(scenes)[1]) == {"image"}


@pytest.mark.parametrize("name, data", [
    ("controllable-3d", "cars"), ("point", "cars"), ("gan", "cars"),
    ("controllable-3d-ground", "cars"), ("controllable-3d-room", "furniture"),
    ("controllable-3d-table", "fruit")])
def test_weights_are_stored_and_loaded(name, data, tmp_path):
    full = models.parse(f"controllable-3d/{name}@{data}-32-s0")
    recipe_of = models.recipe(full, "smoke")
    white = not name.endswith(("-ground", "-room", "-table"))
    assert recipe_of.config.model.background == ("white" if white else "sphere")
    assert recipe_of.config.model.footprint == dataset(data).footprint
    torch.manual_seed(0)
    nets = recipe_of.build()
    run = models.Run(recipe_of, nets, {}, images=64, seconds=1.0, device="cpu")
    path = models.write_weights(run, full, tmp_path, "by hand", "smoke")
    loaded = models.load(str(full), weights=path)
    assert isinstance(loaded, Vanilla if name == "gan" else Controllable3D)
    assert asdict(loaded.config) == asdict(recipe_of.config.model)
    draws = loaded.draw(2, torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(loaded(draws).image, nets["generator"].eval()(draws).image,
                              atol=0.02)


def test_weights_from_before_footprints_load_as_they_were():
    stored = asdict(Config(16))
    del stored["footprint"]
    loaded = catalogue.MODELS["controllable-3d/controllable-3d"].assemble({"model": stored})
    assert loaded.config == Config(16) and loaded.config.footprint == (0.40, 0.17)


def test_each_background_has_its_judge():
    for name, row in catalogue.MODELS.items():
        if name.startswith("controllable-3d/"):
            (data,) = row.datasets
            judge = models.recipe(models.parse(f"{row.judge}@{data}-32-s0"), "smoke").config
            found = [b for b in ("ground", "room", "table") if name.endswith(f"-{b}")] or ["white"]
            assert judge.knobs.get("background", "white") == found[0]
            assert judge.classes == len(dataset(data).class_names)
            assert judge.headed == (data == "cars")


def test_a_small_set_is_small_for_the_model_and_not_for_its_judge(monkeypatch):
    counts = []
    for room in (recipe, headings):
        monkeypatch.setattr(room, "cached", lambda source: counts.append(len(source)) or source)
    for name in ("controllable-3d/controllable-3d-table", "judges/pose-table"):
        models.recipe(models.parse(f"{name}@fruit-32-s0"), "ablation").data()
    assert counts == [1_000, 1_000, 10_000]


def test_short_names_and_wrong_data():
    assert str(models.parse("controllable-3d")) == "controllable-3d/controllable-3d@cars-64-s0"
    for name, data, known in (("point", "faces", "cars"),
                              ("controllable-3d-table", "cars", "fruit"),
                              ("controllable-3d-room", "fruit", "furniture"),
                              ("controllable-3d-ground", "furniture", "cars")):
        words = f"{name} has no dataset '{data}': choose one of {known}"
        with pytest.raises(BookError, match=words) as caught:
            models.parse(f"controllable-3d/{name}@{data}-32-s0")
        assert "\n" not in str(caught.value)


def test_deviations_are_told_with_the_numbers_in_use():
    rows = deviations(recipe.Weights(degrees=12.0, r1=3.0))
    assert all(len(row) == 4 and all(text.strip() for text in row) for row in rows)
    told = {part: text for part, _, text, _ in rows}
    assert len(told) == len(rows) == len(DEVIATIONS)
    assert told["consistency"].endswith("12 degrees") and told["R1"].startswith("weight 1.5")
