"""Semantic Pyramid's figure: the module behind its controls, and that the page runs the same."""

import json

import pytest
import torch
from tiny_pyramid import TINY, classifier, generator, pictures

from synthbook import models
from synthbook.figures import semantic_pyramid as ours
from synthbook.figures.export import Limits, exported
from synthbook.files import BookError, read_tensors
from synthbook.semantic_pyramid import LEVELS, SemanticPyramid, editing
from synthbook.semantic_pyramid.chosen import Chosen
from synthbook.semantic_pyramid.classifier import classifier_config, trained

OWN = torch.tensor([0, 2, 5])  # of six categories: two kinds of place in three moods


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    pyramid = SemanticPyramid(TINY, classifier())
    pyramid.generator.load_state_dict(generator().state_dict())
    return pyramid.eval()


@pytest.fixture(scope="module")
def module(network):
    return Chosen(network, classifier(), pictures(), OWN, moods=3).eval()


def number(k):
    return torch.full((1, 1), float(k))


def close(got, wanted):
    """Features of one picture and of a batch may differ by roundings, which the network grows."""
    torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-4)


def run(module, picture=0, level="conv5", hole=None, mood=0):
    size = TINY.size
    z = torch.randn(1, TINY.latent, generator=torch.Generator().manual_seed(2))
    hole = torch.zeros(1, size, size) if hole is None else hole
    with torch.no_grad():
        return *module(number(picture), number(LEVELS.index(level)), hole, number(mood), z), z


@pytest.mark.parametrize("level", LEVELS)
def test_without_a_hole_one_level_alone_is_supplied(module, network, level):
    for k in range(3):
        image, _, z = run(module, k, level)
        x = pictures()[k:k + 1]
        wanted = network(z, network.features(x), network.masks(1, level), OWN[k:k + 1])
        close(image, wanted)


@pytest.mark.parametrize("level", LEVELS)
def test_a_hole_supplies_finer_levels_outside_where_the_level_has_places(module, network, level):
    hole = torch.zeros(1, TINY.size, TINY.size)
    hole[:, 4:12, 6:14] = 1
    image, _, z = run(module, 1, level, hole)
    if level in LEVELS[1:5]:
        wanted = editing.repaint(network, z, pictures()[1:2], hole[None], level, OWN[1:2])
        close(image, wanted)
    else:
        assert torch.equal(image, run(module, 1, level)[0])


def test_a_mood_changes_the_category_within_its_kind(module, network):
    x = pictures()[2:3]  # of kind 1, mood 2
    for mood, told in ((0, 5), (1, 3), (2, 4), (3, 5)):
        image, seen, z = run(module, 2, "fc7", mood=mood)
        wanted = network(z, network.features(x), network.masks(1, "fc7"), torch.tensor([told]))
        close(image, wanted)
        share = classifier()(image).softmax(1)[0]
        close(seen[0, 0], share[3:].sum())
        close(seen[0, 1], share[told % 3] + share[3 + told % 3])


def test_the_page_runs_the_same(module, monkeypatch):
    monkeypatch.setattr(ours, "subjects", lambda size: (pictures(), OWN))
    monkeypatch.setattr(ours, "MOODS", ("one", "two", "three"))
    model = ours.around(module)
    _, report = exported(model, Limits(), "semantic-pyramid/test")
    assert report["outputs"]["image"] == ["N", 3, TINY.size, TINY.size]
    monkeypatch.setattr(ours, "shipped", lambda: model)
    told = ours.levels().describe()
    assert json.dumps(told)
    assert [one["name"] for one in told["inputs"]] == ["picture", "level", "hole", "mood", "z"]
    assert set(model.run(ours.levels().values())) == {"image", "seen"}


def test_the_classifier_is_kept_once_and_another_is_refused(tmp_path):
    name = ours.MODEL
    path = models.parse(name).weights
    assert not any(key.startswith("classifier.") for key in read_tensors(path)[0])
    loaded = models.load(name)
    for key, value in trained(classifier_config("places", 32)).state_dict().items():
        assert torch.equal(loaded.classifier.state_dict()[key], value)
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    record = json.loads(path.with_suffix(".json").read_text())
    record["borrowed"] = {"classifier": "0" * 64}
    copy.with_suffix(".json").write_text(json.dumps(record))
    with pytest.raises(BookError, match="was trained with another classifier than .*train it"):
        models.load(name, weights=copy)
