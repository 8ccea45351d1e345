"""Inversions of features: by pixels, by untrained networks, by decoders that are trained."""

from dataclasses import replace

import pytest
import torch
from test_semantic_pyramid_training import few
from tiny_pyramid import KNOWN, TINY, batch, classifier, pictures

from synthbook import catalogue
from synthbook.baselines import decoders, inversion
from synthbook.files import BookError
from synthbook.semantic_pyramid import level
from synthbook.training import Player, Recipe, train

SETTING = decoders.Setting(decoders.Config(TINY.shapes, 32, critic=(8, 8, 8)), KNOWN, "random",
                           decoders.VARIANTS["deepsim"])
QUICK = {"pixels": inversion.Pixels(40), "prior": replace(inversion.SMALL, steps=40, width=8,
                                                          inputs=4)}


@pytest.fixture(scope="module")
def network():
    return classifier()


# ------------------------------------------------------------------------- by optimisation


def test_total_variation_and_error_worked_out_by_hand():
    image = torch.zeros(2, 3, 2, 2)
    image[1, :, :, 1] = 0.5  # across: two steps of 0.5 in two places; down: none
    image[1, :, 1, 1] = 1.0  # across 0.5 and 1; down 0 and 0.5
    assert inversion.total_variation(image).tolist() == [0, (0.25 + 1) / 2 + 0.25 / 2]
    wanted = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
    assert inversion.relative_error(wanted, wanted).tolist() == [0, 0]
    found = inversion.relative_error(torch.tensor([[0.0, 4.0], [1.0, 2.0]]), wanted)
    assert found.tolist() == pytest.approx([9 / 25, 4.0])


@pytest.mark.parametrize("method", inversion.METHODS)
def test_an_inversion_finds_features(network, method):
    features = lambda x: network.pyramid(x)[level("conv2")]
    wanted = features(pictures(2))
    invert = inversion.METHODS[method]
    start, made = (invert(features, wanted, 32, replace(QUICK[method], steps=steps))
                   for steps in (0, QUICK[method].steps))
    assert made.shape == (2, 3, 32, 32) and made.abs().max() <= 1 and not made.requires_grad
    before, after = (inversion.relative_error(features(x), wanted) for x in (start, made))
    assert (after < 0.7 * before).all()
    assert torch.equal(invert(features, wanted, 32, replace(QUICK[method], steps=0)), start)


@pytest.mark.parametrize("method", inversion.METHODS)
def test_features_of_another_level_or_size_are_refused(network, method):
    features = lambda x: network.pyramid(x)[level("fc7")]
    with pytest.raises(BookError, match=r"are \(2, 12\), those wanted \(2, 6\): take both from"):
        inversion.METHODS[method](features, torch.zeros(2, 6), 32, QUICK[method])


def test_smoothness_is_asked_for(network):
    features = lambda x: network.pyramid(x)[level("fc8")]
    wanted = features(pictures(2))
    rough, smooth = (inversion.total_variation(inversion.by_pixels(
        features, wanted, 32, inversion.Pixels(30, smooth=weight))) for weight in (0.0, 5.0))
    assert (smooth < 0.75 * rough).all()


# -------------------------------------------------------------------------------- decoders


def test_decoders_answer_as_the_pyramid_is_asked(network):
    torch.manual_seed(0)
    made, image = decoders.Inverter(SETTING.model, network).eval(), pictures()
    for which in made.levels:
        one = made.generate(image, which)
        assert one.shape == (3, 3, 32, 32) and one.abs().max() <= 1
        assert torch.equal(one, made.generate(image, which, seed=5, category=torch.arange(3)))
        assert torch.allclose(one[:1], made.generate(image[:1], which), atol=1e-5)
    assert not torch.allclose(made.generate(image, "conv3"), made.generate(image, "fc8"))
    with pytest.raises(BookError, match="no decoder of conv1: choose one of conv3, conv5, fc7"):
        made.generate(image, "conv1")


def networks(setting=SETTING):
    torch.manual_seed(0)
    nets = {"decoders": decoders.DecoderSet(setting.model), "classifier": classifier()}
    return nets | {"critic": decoders.Critic(setting.model)}


def test_each_decoder_has_its_own_part_of_the_batch(network):
    nets, given, scratch = networks(), batch(4), {}
    loss, terms = decoders.decoder_loss(SETTING, nets, given, scratch)
    w = SETTING.weights
    expected = (w.image * terms["g_image"] + w.features * terms["g_features"]
                + w.adversarial * terms["g_adversarial"])
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    known = network.pyramid(given["image"])
    for k, name in enumerate(decoders.LEVELS):
        one = nets["decoders"].by_level[name](known[level(name)][k:k + 1])
        assert torch.allclose(scratch["fake"][k:k + 1], one, atol=1e-5)
    with pytest.raises(ValueError, match="4 levels need batches of 4 pictures or more, not 3"):
        decoders.decoder_loss(SETTING, nets, batch(3), {})


def test_each_player_moves_its_own_network():
    nets, given, scratch = networks(), batch(4), {}
    nets["critic"].requires_grad_(False)
    decoders.decoder_loss(SETTING, nets, given, scratch)[0].backward()
    assert all(p.grad is not None for p in nets["decoders"].parameters())
    nets["critic"].requires_grad_(True)
    loss, terms = decoders.critic_loss(nets, given, scratch)
    loss.backward()
    assert all(p.grad is not None for p in nets["critic"].parameters())
    assert set(terms) == {"d_least_squares", "d_real", "d_fake"}


def test_the_critic_is_told_the_features():
    critic, given = networks()["critic"].eval(), batch(4)
    known = classifier().pyramid(given["image"])
    told = [known[level(name)][k:k + 1] for k, name in enumerate(decoders.LEVELS)]
    others = [known[level(name)][3 - k:4 - k] for k, name in enumerate(decoders.LEVELS)]
    score = critic(given["image"], told)
    assert score.shape == (4,) and not torch.allclose(score, critic(given["image"], others))


def test_squared_error_of_pixels_alone_learns_a_few_pictures(tmp_path):
    plain = replace(SETTING, weights=decoders.Weights(rate=3e-3))
    nets = networks()
    nets.pop("critic")
    loss = lambda *a: decoders.decoder_loss(plain, *a)
    made = Recipe(plain, few, lambda: nets, {"decoders": Player(("decoders",), loss, 3e-3)},
                  images=4 * 60, batch=4)
    first = decoders.probe(plain, nets, batch(4))
    run = train(made, progress=False)
    after = decoders.probe(plain, run.networks, batch(4))
    assert set(run.log[-1]) >= {"g_image"} and "g_adversarial" not in run.log[-1]
    assert sum(after[f"psnr_{name}"] > first[f"psnr_{name}"] + 2 for name in decoders.LEVELS) >= 3


def test_decoders_are_models_of_the_book():
    for name in decoders.VARIANTS:
        model = catalogue.MODELS[f"semantic-pyramid/{name}"]
        assert model.parts == ("decoders", "classifier")
        assert model.rivals == {"semantic-pyramid": "semantic-pyramid/semantic-pyramid"}
    assert decoders.VARIANTS["l2-decoder"].adversarial == 0
    core = catalogue.MODELS["semantic-pyramid/semantic-pyramid"]
    assert core.images == catalogue.MODELS["semantic-pyramid/deepsim"].images and not core.rivals
