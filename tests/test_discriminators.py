"""Shapes of what discriminators say, what each part of it can see, and what it is given."""

import torch
from torch import nn

from synthbook.discriminators import (
    MultiScaleDiscriminator,
    PatchDiscriminator,
    SegmentationDiscriminator,
)


def onehot(batch, classes, size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(0, classes, (batch, size, size), generator=generator)
    return nn.functional.one_hot(label, classes).movedim(-1, 1).float()


def test_the_segmentation_discriminator_labels_pixels_and_scores_patches():
    network = SegmentationDiscriminator(5, width=4)
    for size in (32, 64):
        logits, score, features = network(torch.randn(2, 3, size, size))
        assert logits.shape == (2, 6, size, size)
        assert score.shape == (2, 1, size // 8, size // 8)
        assert [f.shape[-1] for f in features] == [
            size // 2, size // 4, size // 8, size // 8, size // 4, size // 2, size]
        assert all(len(f) == 2 for f in features)


def test_every_parameter_of_the_segmentation_discriminator_learns():
    network = SegmentationDiscriminator(3, width=4)
    logits, score, _ = network(torch.randn(2, 3, 32, 32))
    (logits.square().sum() + score.square().sum()).backward()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())


def test_images_are_judged_one_by_one():
    for network, maps in ((SegmentationDiscriminator(3, width=4), ()),
                          (MultiScaleDiscriminator(3, width=4), (onehot(3, 3, 32),))):
        network.eval()
        image = torch.randn(3, 3, 32, 32)
        together, alone = network(image, *maps), network(image[1:2], *(m[1:2] for m in maps))
        for a, b in zip(flat(together), flat(alone), strict=True):
            assert torch.allclose(a[1:2], b, atol=1e-5)


def flat(outputs):
    """All tensors of nested lists."""
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    return [t for part in outputs for t in flat(part)]


def test_a_patch_score_sees_seventy_pixels():
    network = PatchDiscriminator(3, width=4).eval()
    for layer in network.layers[1:]:
        layer[1] = nn.Identity()  # instance norm joins all pixels, however weakly
    image = torch.randn(1, 3, 128, 128, requires_grad=True)
    score, _ = network(image)
    score[0, 0, score.shape[2] // 2, score.shape[3] // 2].backward()
    seen = image.grad.abs().sum((0, 1)) > 0
    assert seen.any(0).sum() == seen.any(1).sum() == 70


def test_patch_discriminators_see_the_image_at_two_scales():
    network = MultiScaleDiscriminator(4, width=4)
    scores, features = network(torch.randn(2, 3, 64, 64), onehot(2, 4, 64))
    assert len(scores) == 2 and len(features) == 8
    assert [f.shape[1] for f in features] == [4, 8, 16, 32] * 2
    assert [f.shape[-1] for f in features[::4]] == [33, 17]
    assert all(s.shape[:2] == (2, 1) for s in scores)


def test_the_second_scale_averages_as_the_release_does():
    network = MultiScaleDiscriminator(0, width=4).eval()
    image, none = torch.randn(1, 3, 8, 8), torch.zeros(1, 0, 8, 8)
    half = torch.empty(1, 3, 4, 4)
    for y in range(4):
        for x in range(4):  # 3 x 3 windows, cut at the border
            window = image[:, :, max(0, 2 * y - 1):2 * y + 2, max(0, 2 * x - 1):2 * x + 2]
            half[:, :, y, x] = window.mean((2, 3))
    score, _ = network.scales[1](half)
    assert torch.allclose(network(image, none)[0][1], score, atol=1e-5)


def test_patch_discriminators_depend_on_the_label_map():
    network = MultiScaleDiscriminator(4, width=4).eval()
    image = torch.randn(1, 3, 32, 32)
    one, two = (network(image, onehot(1, 4, 32, seed))[0] for seed in (0, 1))
    assert all((a - b).abs().max() > 1e-4 for a, b in zip(one, two))


def test_the_published_discriminators_size():
    count = sum(p.numel() for p in PatchDiscriminator(3 + 8).parameters())
    convolutions = [(11, 64), (64, 128), (128, 256), (256, 512), (512, 1)]
    biases = 64 + 1  # layers before an instance norm have none
    assert count == sum(16 * a * b for a, b in convolutions) + biases
