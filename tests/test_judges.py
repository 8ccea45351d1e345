"""The segmenter: shapes, what its features see, that it learns, and its recipe."""

import pytest
import torch

from synthbook import judges, models
from synthbook.judges import Segmenter, SegmenterConfig


def test_shapes_at_every_size():
    segmenter = Segmenter(SegmenterConfig(5, width=4)).eval()
    for size in (32, 64):
        image = torch.randn(2, 3, size, size)
        assert segmenter(image).shape == (2, 5, size, size)
        levels = segmenter.pyramid(image)
        assert [x.shape[-1] for x in levels] == [size, size // 2, size // 4, size // 8, size // 16]
        assert [x.shape[1] for x in levels] == [4, 8, 16, 24, 32]


def test_features_are_means_and_spreads_of_the_deepest_levels():
    segmenter = Segmenter(SegmenterConfig(5, width=4)).eval()
    image = torch.randn(3, 3, 32, 32)
    *_, fine, coarse = segmenter.pyramid(image)
    expected = [fine.mean((2, 3)), fine.std((2, 3)), coarse.mean((2, 3)), coarse.std((2, 3))]
    found = segmenter.features(image)
    assert found.shape == (3, 2 * (24 + 32))
    assert torch.equal(found, torch.cat(expected, 1))
    assert torch.allclose(found[1:2], segmenter.features(image[1:2]), atol=1e-5)


def test_a_segmenter_learns_two_images():
    torch.manual_seed(0)
    segmenter = Segmenter(SegmenterConfig(2, width=4))
    label = torch.zeros(2, 32, 32, dtype=torch.long)
    label[0, :, 16:], label[1, 10:20] = 1, 1
    image = torch.where(label[:, None] == 1, 0.5, -0.5).expand(-1, 3, -1, -1)
    image = image + 0.1 * torch.randn(2, 3, 32, 32)
    optimiser = torch.optim.Adam(segmenter.parameters(), 1e-2)
    first = None
    for _ in range(60):
        loss, terms = judges.segmentation_loss({"segmenter": segmenter},
                                               {"image": image, "label": label}, {})
        first = first or loss.item()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.4 * first
    assert terms["pixel_accuracy"] > 0.95


def test_the_loss_shifts_colours_by_chance_and_leaves_the_batch_alone():
    seen = []

    def spy(image):
        seen.append(image)
        return torch.zeros(len(image), 2, 8, 8)

    batch = {"image": torch.full((64, 3, 8, 8), 0.5), "label": torch.zeros(64, 8, 8).long()}
    torch.manual_seed(0)
    loss, terms = judges.segmentation_loss({"segmenter": spy}, batch, {})
    shown = seen[0][:, 0, 0, 0]
    assert torch.equal(batch["image"], torch.full((64, 3, 8, 8), 0.5))
    assert shown.std() > 0.05 and (shown - 0.5).abs().max() <= 0.3 + 1e-6
    assert torch.equal(seen[0], shown.view(-1, 1, 1, 1).expand(-1, 3, 8, 8))
    assert loss.item() == pytest.approx(torch.tensor(2.0).log().item())
    assert terms["pixel_accuracy"] == 1


def test_the_recipe_knows_its_data():
    for data, classes in (("places", 16), ("faces", 8)):
        recipe = judges.segmenter_recipe(data, 32, images=64)
        assert (recipe.config.classes, recipe.config.dataset) == (classes, data)
        segmenter = recipe.build()["segmenter"].eval()
        accuracy = recipe.probe({"segmenter": segmenter})["held_out_accuracy"]
        assert 0 <= accuracy < 0.9  # untrained


def test_a_stored_config_builds_the_same_judge():
    config = SegmenterConfig(8, 4, "places", 32, {"classes": 8})
    stored = {"classes": 8, "width": 4, "dataset": "places", "size": 32, "knobs": {"classes": 8}}
    rebuilt = models.MODELS["judges/segmenter"].assemble(stored)
    assert rebuilt.config == config
    rebuilt.load_state_dict(Segmenter(config).state_dict())
