"""What a model is measured by: the oracle, trivial and broken rows, and samplers of models."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from flags import Flags
from layouts import TINY

from synthbook import yardsticks
from synthbook.datasets import dataset
from synthbook.datasets.truth import grown
from synthbook.layers import one_hot
from synthbook.metrics import Extractor
from synthbook.smis import SMIS, measure
from synthbook.yardsticks import Budget

DATA = Flags("test", size=32)
SMALL = Budget(images=24, layouts=2, draws=2)
MODEL = replace(TINY, classes=3, groups=(3, 1), channels=(12, 12, 8), hidden=(6, 6))


def scenes(count=4):
    return [DATA.scene(i) for i in range(count)]


def still(chosen, draw, redrawn=None):
    """A sampler without any diversity."""
    return measure.Oracle(DATA)(chosen, 0)


def test_the_oracle_redraws_one_class_and_nothing_else():
    oracle, chosen = measure.Oracle(DATA, seed=3), scenes()
    labels = yardsticks.label_maps(DATA, chosen)
    before = torch.stack([DATA.tensors(s)["image"] for s in chosen])
    for c in range(3):
        assert torch.equal(oracle(chosen, 0, c), before)
        after = oracle(chosen, 1, c)
        changed = (after - before).abs().amax(1) > 0
        assert torch.equal(changed, labels == c)
        assert torch.equal(after, oracle(chosen, 1, c))
        has = [k for k in range(len(chosen)) if (labels[k] == c).any()]
        assert all(not torch.equal(after[k], oracle(chosen, 2, c)[k]) for k in has)


def test_the_oracle_renders_what_it_was_asked_before_only_once():
    class Counted(Flags):
        rendered = 0

        def render(self, scene):
            Counted.rendered += 1
            return super().render(scene)

    data = Counted("test", size=32)
    oracle, chosen = measure.Oracle(data), yardsticks.layouts(data, 4)
    assert yardsticks.layouts(data, 4)[2] is chosen[2] is yardsticks.layouts(data, 6)[2]
    first = oracle(chosen, 1, 0)
    assert Counted.rendered == 4
    assert torch.equal(oracle(yardsticks.layouts(data, 4), 1, 0), first) and Counted.rendered == 4
    others = oracle(chosen, 2, 0), oracle(chosen[:3], 1, 0), oracle(chosen, 1)
    assert Counted.rendered == 15
    fresh = measure.Oracle(data)
    again = fresh(chosen, 2, 0), fresh(chosen[:3], 1, 0), fresh(chosen, 1)
    assert all(torch.equal(a, b) for a, b in zip(others, again))


def test_the_oracle_redraws_all_classes_together():
    oracle, chosen = measure.Oracle(DATA), scenes()
    one, two = oracle(chosen, 0), oracle(chosen, 1)
    labels = yardsticks.label_maps(DATA, chosen)
    assert all(((one - two).abs().amax(1) > 0)[labels == c].all() for c in range(3))
    assert not torch.equal(one, measure.Oracle(DATA, seed=1)(chosen, 0))


@pytest.mark.parametrize("name", ["places", "faces"])
def test_the_oracle_of_a_drawn_dataset_leaves_the_interior_of_other_classes(name):
    data = dataset(name, "test", size=32)
    chosen = [data.scene(i) for i in range(3)]
    labels, oracle = yardsticks.label_maps(data, chosen), measure.Oracle(data)
    for c in labels.unique().tolist():
        changed = (oracle(chosen, 1, c) - oracle(chosen, 0, c)).abs().amax(1) > 0
        assert not changed[~grown(labels == c)].any()


def test_label_maps_are_the_renderers():
    labels = yardsticks.label_maps(DATA, scenes())
    assert labels.shape == (4, 32, 32) and labels.dtype == torch.int64
    assert torch.equal(labels[1], DATA[1]["label"])


def test_control_of_a_perfect_sampler_leaks_nothing():
    result = measure.control(measure.Oracle(DATA), DATA, SMALL)
    assert result["mocd"].value == 0 < result["mcsd"].value
    assert result["lpips"].value > result["mcsd"].value
    assert result["mcsd"].n == SMALL.layouts


def test_control_of_a_constant_sampler_is_zero_everywhere():
    result = measure.control(still, DATA, SMALL)
    assert [result[k].value for k in ("lpips", "mcsd", "mocd")] == [0, 0, 0]


def test_control_catches_the_broken_model():
    result = measure.control(measure.Broken(measure.Oracle(DATA), DATA), DATA, SMALL)
    oracle = measure.control(measure.Oracle(DATA), DATA, SMALL)
    assert result["mocd"].value > 0.25 * oracle["mcsd"].value
    assert result["mcsd"].value < 0.6 * oracle["mcsd"].value
    assert result["lpips"].value < 0.6 * oracle["lpips"].value


def test_control_redraws_present_classes_with_every_draw():
    asked = []

    def spy(chosen, draw, redrawn=None):
        asked.append((len(chosen), draw, redrawn))
        return still(chosen, draw)

    measure.control(spy, DATA, SMALL)
    whole, single = asked[:2], asked[2:]
    assert whole == [(2, 0, None), (2, 1, None)]
    assert single == [(n, d, c) for c, n in ((0, 2), (1, 2), (2, 1)) for d in (0, 1)]


class NearestColour(torch.nn.Module):
    """A judge for flags in fixed colours: each pixel is the class of the closest one."""

    colours = torch.tensor([[-0.8, 0.0, 0.6], [0.7, 0.7, -0.5], [0.0, -0.7, -0.7]])

    def forward(self, image):
        return -(image[:, None] - self.colours.view(1, 3, 3, 1, 1)).square().sum(2)


def painted(chosen, draw, redrawn=None):
    """A sampler that paints each class in its colour, a little lighter or darker."""
    generator = torch.Generator().manual_seed(draw)
    label = yardsticks.label_maps(DATA, chosen)
    image = NearestColour.colours[label].movedim(-1, 1)
    return (image + 0.2 * torch.rand(len(chosen), 1, 1, 1, generator=generator) - 0.1).clamp(-1, 1)


MEANS = Extractor("means", 6, lambda x: 5 * torch.cat([x.mean((2, 3)), x.std((2, 3))], 1))


def test_realism_tells_a_good_sampler_from_a_broken_one():
    real = painted([DATA.scene(i) for i in range(100, 200)], 9)
    chosen = scenes(100)
    labels = yardsticks.label_maps(DATA, chosen)
    good, bad = (yardsticks.realism(measure.pictures(sampler, chosen), labels, 3, real,
                                    NearestColour(), {"means": MEANS})
                 for sampler in (painted, measure.Broken(painted, DATA)))
    assert good["miou"].value == good["pixel_accuracy"].value == 1
    assert bad["miou"].value < 0.5
    assert bad["kid_means"].value > 2 * abs(good["kid_means"].value)
    assert bad["fd_means"].value > 3 * good["fd_means"].value
    assert good["precision"].value > 0.5 > bad["precision"].value
    assert set(good) == {"miou", "pixel_accuracy", "kid_means", "fd_means", "precision", "recall"}


def test_every_layout_is_drawn_once():
    counts = []

    def spy(chosen, draw, redrawn=None):
        counts.append((len(chosen), draw))
        return painted(chosen, draw)

    assert len(measure.pictures(spy, scenes(130))) == 130
    assert counts == [(100, 0), (30, 100)]


def test_class_means_are_the_mean_colours_of_the_training_images():
    train = Flags("train", size=32)
    trivial = measure.ClassMeans(DATA, train, count=6)
    for c in range(3):
        pixels = [item["image"][:, item["label"] == c] for item in (train[i] for i in range(6))]
        assert torch.allclose(trivial.colours[c], torch.cat(pixels, 1).mean(1), atol=1e-5)
    made = trivial(scenes(), 5, 1)
    assert torch.equal(made[2], trivial.colours[DATA[2]["label"]].movedim(-1, 0))
    assert torch.equal(made, trivial(scenes(), 0))


def test_the_broken_model_is_shifted_and_changes_all_but_the_class_asked_for():
    chosen, broken = scenes(), measure.Broken(painted, DATA)
    made, labels = painted(chosen, 0), yardsticks.label_maps(DATA, chosen)
    off = (broken(chosen, 0) - made.roll(32 // 3, -1)).abs()
    assert 0.1 < off.mean() < 0.5
    for c in range(3):
        changed = (broken(chosen, 1, c) - broken(chosen, 0, c)).abs().amax(1) > 0
        assert not changed[labels == c].any() and changed[labels != c].all()


def test_encoded_styles_are_carried_into_the_class_alone():
    class Copy(torch.nn.Module):
        """A model whose code of a class is its mean colour, and which paints with it."""

        config = MODEL

        def encode(self, image, onehot):
            total = torch.einsum("bkhw,bchw->bkc", onehot, image)
            return total / onehot.sum((2, 3)).clamp_min(1)[..., None]

        def swap(self, z, other, c):
            return torch.cat([z[:, :c], other[:, c:c + 1], z[:, c + 1:]], 1)

        def forward(self, onehot, z):
            return torch.einsum("bkhw,bkc->bchw", onehot, z).clamp(-1, 1)

    oracle = measure.Oracle(DATA)
    result = measure.control(measure.Encoded(Copy(), oracle), DATA, SMALL)
    truth = measure.control(oracle, DATA, SMALL)
    assert result["mocd"].value < 1e-6
    assert result["mcsd"].value == pytest.approx(truth["mcsd"].value, rel=0.3)


def test_a_models_latents_depend_on_the_draw_alone():
    torch.manual_seed(0)
    model = SMIS(MODEL).eval()
    sampler, other = measure.ModelSampler(model, DATA, 4), measure.ModelSampler(model, DATA, 4)
    torch.rand(7)  # the global stream has no part in it
    for draw in (0, 1):
        assert torch.equal(sampler.latents(3, draw), other.latents(3, draw))
    assert not torch.equal(sampler.latents(3, 0), sampler.latents(3, 1))
    assert not torch.equal(sampler.latents(3, 0), measure.ModelSampler(model, DATA).latents(3, 0))
    assert torch.equal(sampler(scenes(), 1), other(scenes(), 1))


def test_a_model_redraws_the_latent_of_one_class():
    class Recorder(SMIS):
        def forward(self, onehot, z):
            self.onehot, self.z = onehot, z
            return onehot[:, :3]

    model = Recorder(MODEL).eval()
    sampler, seen = measure.ModelSampler(model, DATA), {}
    for draw in (0, 1, 2):
        sampler(scenes(), draw, 1)
        seen[draw] = model.z.unflatten(1, (3, -1))
    assert torch.equal(model.onehot.argmax(1), yardsticks.label_maps(DATA, scenes()))
    for draw in (1, 2):
        assert torch.equal(seen[draw][:, [0, 2]], seen[0][:, [0, 2]])
        assert not torch.equal(seen[draw][:, 1], seen[0][:, 1])
    assert not torch.equal(seen[1][:, 1], seen[2][:, 1])
    sampler(scenes(), 0)
    assert torch.equal(model.z.unflatten(1, (3, -1)), seen[0])


class Copier:
    """A model that gives back what it encoded, a little brighter."""

    config = MODEL

    def encode(self, image, onehot):
        assert torch.equal(onehot, one_hot(onehot.argmax(1), 3))
        return image

    def __call__(self, onehot, z):
        return (z + 0.1).clamp(-1, 1)


def test_rebuilding_compares_each_image_with_itself():
    class Grey(Flags):
        def tensors(self, scene, index=-1):
            item = super().tensors(scene, index)
            return item | {"image": item["image"] * 0.8}

    result = measure.rebuilding(Copier(), Grey("test", size=32), 4)
    assert result["rebuilt_psnr"].value == pytest.approx(10 * np.log10(4 / 0.01), abs=1e-3)
    assert 0.8 < result["rebuilt_ssim"].value < 1
    assert 0 < result["rebuilt_lpips"].value < 0.2
    assert all(row.n == 4 for row in result.values())
