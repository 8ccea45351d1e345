"""The catalogue: what each variant's name means, and that all of them can be trained and loaded."""

import copy
from dataclasses import replace

import pytest
import torch

from synthbook import catalogue, models
from synthbook.datasets.generated import SPLITS
from synthbook.files import BookError
from synthbook.smis import SMIS
from synthbook.smis.mulnet import Streams
from synthbook.smis.network import WholeImageEncoder
from synthbook.training import Run

SMIS_NAMES = [name for name in models.MODELS if name.startswith("smis/")]
ASKED = ("groupdnet", "vspade", "spade", "bicyclegan", "dscgan", "pix2pixhd", "groupnet",
         "groupenc", "mulnet", "groupdnet-unsplit", "groupdnet-map", "groupdnet-norm",
         *(f"{net}-{knob}" for net in ("groupdnet", "vspade", "groupnet", "mulnet")
           for knob in ("light", "8", "40")))


def name_of(model, data="places"):
    return models.parse(f"{model}@{data}-32-s0")


def made(model, data="places"):
    """The recipe of a model and its untrained networks."""
    recipe = models.recipe(name_of(model, data), "smoke")
    torch.manual_seed(0)
    return recipe, recipe.build()


def test_the_catalogue_has_all_that_claims_and_tables_ask_for():
    assert {f"smis/{name}" for name in ASKED} == set(SMIS_NAMES)
    assert {"judges/segmenter", "judges/segmenter-8", "judges/segmenter-40"} < set(models.MODELS)


@pytest.mark.parametrize("model", [n for n in SMIS_NAMES if not n.startswith("smis/mulnet-")])
def test_every_model_is_trained_stored_and_loaded(model, tmp_path):
    recipe, nets = made(model)
    run = Run(recipe, nets, copy.deepcopy(nets), images=64, seconds=1.0, device="cpu")
    run.recipe = replace(recipe, data=lambda: [])
    path = models.write_weights(run, name_of(model), tmp_path, "by hand", "smoke")
    module = models.load(str(name_of(model)), weights=path)
    onehot = torch.zeros(1, module.config.classes, 32, 32)
    onehot[:, 0] = 1
    image = module(onehot, module.prior(1, torch.Generator().manual_seed(0)))
    assert image.shape == (1, 3, 32, 32) and image.isfinite().all()
    assert (module.encoder is not None) == ("encoder" in nets)
    if module.encoder is not None:
        assert module.encode(image, onehot).shape[1] == module.prior(1).shape[1]


@pytest.mark.parametrize(("model", "knobs"), [
    ("groupdnet", {"classes": 16}), ("groupdnet-light", {"classes": 16, "light": 1.0}),
    ("vspade-8", {"classes": 8}), ("mulnet-40", {"classes": 40})])
def test_a_suffix_turns_a_knob_of_places(model, knobs):
    recipe, _ = made(f"smis/{model}")
    assert recipe.config.knobs == knobs
    assert recipe.config.model.classes == knobs["classes"]


def test_variants_differ_from_groupdnet_in_what_their_names_say():
    base = made("smis/groupdnet")[0].config.model
    norm = made("smis/groupdnet-norm")[0].config.model
    assert norm == replace(base, encoder_norm=True)
    assert made("smis/groupdnet-map")[0].config.model == replace(base, latent_map=True)
    unsplit, nets = made("smis/groupdnet-unsplit")
    assert unsplit.config.model == base and isinstance(nets["encoder"], WholeImageEncoder)
    mulnet, nets = made("smis/mulnet")
    assert mulnet.config.model == made("smis/groupnet")[0].config.model
    assert isinstance(nets["generator"], Streams)


@pytest.mark.parametrize("model", ["groupdnet-unsplit", "mulnet"])
def test_a_variants_own_modules_are_loaded_with_it(model):
    recipe, nets = made(f"smis/{model}")
    module = models.MODELS[f"smis/{model}"].assemble(
        {"model": {k: getattr(recipe.config.model, k)
                   for k in recipe.config.model.__dataclass_fields__}})
    assert isinstance(module, SMIS)
    assert type(module.encoder) is type(nets["encoder"])
    assert type(module.generator) is type(nets["generator"])


@pytest.mark.parametrize("model", [f"smis/{name}" for name in ASKED if "-" not in name])
def test_every_network_takes_the_classes_of_faces(model):
    recipe, nets = made(model, "faces")
    config = recipe.config.model
    assert config.classes == 8
    onehot = torch.zeros(1, 8, 32, 32)
    assert nets["generator"].eval()(onehot, torch.zeros(1, *config.latent_shape)).shape[1] == 3


def test_knobs_of_places_are_not_for_faces():
    with pytest.raises(BookError, match="groupdnet-8 has no dataset 'faces': choose .* places"):
        models.parse("smis/groupdnet-8@faces-32-s0")
    with pytest.raises(BookError, match="unknown dataset 'mars'"):
        models.parse("smis/groupdnet-8@mars-32-s0")


def test_judges_and_rivals_are_of_the_same_data():
    for name, model in models.MODELS.items():
        if not name.startswith("smis/"):
            continue
        suffix = next((s for s in catalogue.KNOBS if name.endswith(s)), "")
        assert model.rivals == {"vspade": f"smis/vspade{suffix}"}
        assert model.rivals["vspade"] in models.MODELS
        fewer = suffix if suffix in ("-8", "-40") else ""
        assert model.judge == f"judges/segmenter{fewer}" and model.judge in models.MODELS


def test_smaller_banks_are_parts_of_the_training_scenes():
    for part in (4, 16):
        made = models.recipe(name_of(f"bachgan/bachgan-bank{part}"), "ablation").config.model
        whole = models.recipe(name_of("bachgan/bachgan"), "ablation").config.model
        assert made == replace(whole, bank=SPLITS["train"] // part) and whole.bank is None


def test_all_that_boxes_are_compared_by_have_one_judge():
    for name, model in models.MODELS.items():
        if name.startswith("bachgan/"):
            assert model.judge == "judges/segmenter-40" in models.MODELS
            assert name not in model.rivals.values() and set(model.rivals.values()) <= set(
                models.MODELS)


@pytest.mark.parametrize("scale", ["ablation", "ship"])
def test_equal_effort(scale):
    """All models see equally many images in equal batches with equal rates."""
    found = set()
    for name in SMIS_NAMES:
        recipe = models.recipe(name_of(name), scale)
        rates = tuple(p.lr for p in recipe.players.values())
        found.add((recipe.images, recipe.batch, rates, recipe.decay_to, recipe.decay_from))
    assert len(found) == 1
