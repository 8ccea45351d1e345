"""How Semantic Pyramid is trained: classifiers, who moves whom, what ships, the published form."""

from dataclasses import replace

import pytest
import torch
from PIL import Image
from tiny_pyramid import KNOWN, TINY, batch, classifier, networks, pictures

from synthbook import catalogue, files, models
from synthbook.files import BookError
from synthbook.semantic_pyramid import Classifier, ResidualClassifier, SemanticPyramid, recipe
from synthbook.semantic_pyramid import classifier as classifiers
from synthbook.semantic_pyramid import published, vgg
from synthbook.semantic_pyramid.deviations import DEVIATIONS, deviations
from synthbook.semantic_pyramid.masks import Sampling
from synthbook.training import train

# --------------------------------------------------------------------------- classifiers


def test_features_have_the_shapes_that_the_config_tells():
    network, image = classifier(), pictures()
    levels = network.pyramid(image)
    assert tuple(tuple(f.shape[1:]) for f in levels) == KNOWN.shapes == network.shapes
    assert torch.equal(levels[-1], network(image))
    assert all((f >= 0).all() for f in levels[:6]) and levels[6].min() < 0
    big = replace(KNOWN, size=64, halved=classifiers.HALVED[64])
    assert [s[1] for s in big.shapes[:5]] == [32, 16, 8, 4, 2]
    with pytest.raises(ValueError, match="expected a tensor of shape"):
        network.pyramid(torch.zeros(1, 3, 64, 64))
    with pytest.raises(ValueError, match="five stages"):
        replace(KNOWN, widths=(4, 4))


def test_a_frozen_classifier_stays_as_it_is():
    network, image = classifier(), pictures()
    before = network(image)
    network.train()
    assert not network.training and torch.equal(network(image), before)
    x = image.clone().requires_grad_()
    network(x).square().sum().backward()
    assert x.grad.any() and all(p.grad is None for p in network.parameters())


def test_the_control_is_random_but_of_calibrated_spread():
    seen = pictures(16, seed=9)
    calibrated = classifiers.untrained(KNOWN, seen)
    again = classifiers.untrained(KNOWN, seen)
    assert torch.equal(calibrated(seen), again(seen))
    other = classifiers.untrained(KNOWN, seen, seed=1)
    assert not torch.allclose(calibrated(seen), other(seen))
    plain = classifiers.untrained(KNOWN)
    assert calibrated.pyramid(seen)[3].std() > 2 * plain.pyramid(seen)[3].std()


def test_the_judge_shares_no_layer_with_the_pyramid_and_has_features():
    judge = ResidualClassifier(replace(KNOWN, widths=(8,) * 5)).eval()
    image = pictures()
    assert judge(image).shape == (3, 6) and judge.features(image).shape == (3, 16)
    assert classifier().features(image).shape == (3, 32)
    kinds = lambda network: {type(m) for m in network.modules()} & {
        torch.nn.BatchNorm2d, torch.nn.GroupNorm}
    assert not kinds(judge) & kinds(classifier())


@pytest.mark.parametrize("architecture", classifiers.ARCHITECTURES)
def test_a_classifier_learns_a_few_pictures(architecture):
    torch.manual_seed(0)
    config = replace(KNOWN, widths=(8,) * 5)
    nets = {"classifier": classifiers.ARCHITECTURES[architecture](config)}
    optimiser = torch.optim.Adam(nets["classifier"].parameters(), 1e-2)
    for _ in range(25):
        loss, terms = classifiers.classification_loss(config, nets, batch(6), {})
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert terms["top1"] >= 5 / 6
    assert loss > 0.2  # smoothed labels: no certainty pays


def test_accuracy_is_counted():
    logits = torch.eye(10)[[0, 1, 2, 9]]
    rows = classifiers.accuracy_rows(lambda x: x, logits, torch.tensor([0, 1, 3, 4]), moods=5)
    assert rows["top1"].value == 0.5 and rows["kind"].value == 0.75
    assert rows["mood"].value == 0.75 and rows["top5"].value >= 0.5


# -------------------------------------------------------------------------------- the game


SETTING = recipe.Setting(TINY, KNOWN, "random", Sampling(regions=1.0),
                         recipe.Weights(reconstruction=3.0, diversity=0.1))


def test_each_player_moves_its_own_network():
    nets, given, scratch = networks(), batch(), {}
    for name in ("discriminator", "classifier"):
        nets[name].requires_grad_(False)
    loss, terms = recipe.generator_loss(SETTING, nets, given, scratch)
    assert set(terms) == {"g_adversarial", "g_reconstruction", "g_diversity"}
    expected = (terms["g_adversarial"] + 3 * terms["g_reconstruction"]
                + 0.1 * terms["g_diversity"])
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    loss.backward()
    moved = {n for n, p in nets["generator"].named_parameters() if p.grad is not None}
    assert {"start.weight", "colour.weight", "embed.weight"} <= moved
    assert not scratch["fake"].requires_grad
    nets["discriminator"].requires_grad_(True)
    loss, _ = recipe.discriminator_loss(SETTING, nets, given, scratch)
    loss.backward()
    assert all(p.grad is not None for p in nets["discriminator"].parameters())


def test_without_diversity_there_is_one_image():
    calls, nets = [], networks()
    made = nets["generator"]
    spied = {**nets, "generator": lambda *a: calls.append(1) or made(*a)}
    plain = replace(SETTING, weights=recipe.Weights(diversity=0.0))
    _, terms = recipe.generator_loss(plain, spied, batch(), {})
    assert len(calls) == 1 and "g_diversity" not in terms


def few(count=4):
    class Few(torch.utils.data.Dataset):
        def __len__(self):
            return count

        def __getitem__(self, i):
            return {key: value[i] for key, value in batch(count).items()}
    return Few()


def test_a_short_training_finds_the_fine_features_of_a_few_pictures(tmp_path):
    weights = recipe.Weights(reconstruction=10.0, diversity=0.0, rate_g=4e-3)
    setting = replace(SETTING, weights=weights, sampling=Sampling((1, 0, 0, 0, 0, 0, 0)))
    made = recipe.assembled(setting, few, classifier, images=4 * 160, batch=4, held=batch)
    run = train(replace(made, snapshots=2, ema={}), out=tmp_path, progress=False)
    torch.manual_seed(0)
    before = recipe.probe(setting, networks(), batch())
    after = run.log[-1]
    assert after["error_conv1"] < 0.6 * before["error_conv1"]
    assert {f"{what}_{name}" for what in ("error", "moved", "agrees")
            for name in recipe.LEVELS} <= set(after)
    kept = classifier().state_dict()
    trained = run.networks["classifier"].state_dict()
    assert all(torch.equal(kept[key], trained[key]) for key in kept)
    assert len(list((tmp_path / "snapshots").glob("*.png"))) == 2


def test_variants_differ_in_what_their_names_say():
    changed = {name: set(row) for name, row in recipe.VARIANTS.items()}
    assert changed.pop("semantic-pyramid") == set() and all(changed.values())
    assert recipe.VARIANTS["only-conv5"]["sampling"].frequency == (0, 0, 0, 0, 1, 0, 0)
    for name in recipe.VARIANTS:
        assert f"semantic-pyramid/{name}" in catalogue.MODELS
    with pytest.raises(BookError, match="unknown variant 'conv9'"):
        recipe.recipe("conv9", "places", 32, images=8)


def test_deviations_are_told_with_the_numbers_in_use():
    rows = deviations(recipe.Weights(reconstruction=0.7, limit=3.0), Sampling((1,) * 7))
    assert all(len(row) == 4 and all(text.strip() for text in row) for row in rows)
    told = {part: text for part, _, text, _ in rows}
    assert len(told) == len(rows) == len(DEVIATIONS)
    assert told["weight of features"] == "0.7"
    assert told["bound of diversity"].startswith("at most 3")


# ------------------------------------------------------------------------------ what ships


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A book without weights, of whose data only the art is the real one's."""
    real = files.data_dir()
    (tmp_path / "weights").mkdir()
    (tmp_path / "art").symlink_to(real / "art")
    for module in (files, classifiers, models):
        monkeypatch.setattr(module, "data_dir", lambda: tmp_path)
    return tmp_path


def stored(name, made, nets, folder):
    run = models.Run(replace(made, data=few), nets, {}, images=64, seconds=1.0, device="cpu")
    return models.write_weights(run, models.parse(name), folder / "weights", "by hand", "smoke")


def test_a_stored_classifier_is_the_pyramid_of_a_stored_model(book):
    name, model = "judges/classifier@places-32-s0", "semantic-pyramid@places-32-s0"
    full = f"semantic-pyramid/{model}"
    strict = models.recipe(models.parse(full), "ablation")
    with pytest.raises(BookError, match="train judges/classifier@places-32-s0 first"):
        strict.build()
    assert models.recipe(models.parse(full), "smoke").config.source == "random"
    made = models.recipe(models.parse(name), "smoke")
    assert made.config.categories == 60 and made.config.knobs == {"styles": "natural"}
    torch.manual_seed(0)
    path = stored(name, made, made.build(), book)
    assert isinstance(models.load(name, weights=path), Classifier)
    strict = models.recipe(models.parse(full), "ablation")
    assert strict.config.source == "trained"
    path = stored(full, strict, strict.build(), book)
    module, image = models.load(full, weights=path), pictures()
    assert isinstance(module, SemanticPyramid)
    assert torch.allclose(module.classifier(image), classifiers.trained(made.config)(image))
    assert module.generate(image, "conv3").shape == (3, 3, 32, 32)
    with pytest.raises(BookError, match="of other data or sizes"):
        classifiers.trained(replace(made.config, hidden=8))


def test_no_classifier_for_data_without_categories_or_other_sizes():
    with pytest.raises(BookError, match="no classifier for places at 48 pixels"):
        classifiers.classifier_config("places", 48)


# --------------------------------------------------------------------- as it was published


def test_vgg_has_the_published_levels_and_later_layers_leave_them_alone():
    with torch.device("meta"):
        network = vgg.VGG16()
        levels = network.pyramid(torch.zeros(2, 3, 224, 224))
    assert tuple(tuple(f.shape[1:]) for f in levels) == network.shapes == published.SHAPES
    assert not any(m.inplace for m in network.modules() if isinstance(m, torch.nn.ReLU))
    assert published.MODEL.categories == 365


def test_weights_that_are_no_vgg_or_may_hold_code_are_refused(tmp_path):
    with pytest.raises(BookError, match="may hold code: save torchvision's vgg16 state dict"):
        vgg.places365(tmp_path / "vgg16.pth")
    path = tmp_path / "vgg.safetensors"
    files.write_tensors(path, {"features.0.weight": torch.zeros(64, 3, 3, 3)})
    with pytest.raises(BookError, match="classifier.0.bias is nothing, not"):
        vgg.places365(path)


def test_the_published_recipe_reads_a_folder_of_categories(tmp_path):
    setting = replace(published.Published(), model=TINY, batch=2)
    for split, count in (("train", 2), ("val", 1)):
        for k in range(TINY.categories):
            for i in range(count):
                path = tmp_path / split / f"c{k}" / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (40, 36), (40 * k, 90, 200)).save(path)
    made = published.published_recipe(tmp_path, setting=setting, images=4, workers=0,
                                      classifier=lambda path, size: classifier())
    assert (made.images, made.batch, made.players["generator"].lr) == (4, 2, 1e-4)
    run = train(replace(made, snapshots=1), progress=False)
    assert run.images == 4 and run.log[-1]["error_fc8"] >= 0
    assert made.data().category_names == tuple(f"c{k}" for k in range(6))
    with pytest.raises(BookError, match="has 6 categories, not 365"):
        published.published_recipe(tmp_path)
    (tmp_path / "val" / "other").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "val" / "other" / "0.png")
    with pytest.raises(BookError, match="in no category of train"):
        published.Places365("val", tmp_path, 32)
    with pytest.raises(BookError, match="expected: ROOT/train/CATEGORY"):
        published.published_recipe(tmp_path / "nowhere")
