"""CG-Norm and CG-Block against loops over groups, and the small layers around them."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from synthbook import layers
from synthbook.layers import ConditionalGroupBlock, ConditionalGroupNorm

GROUPS = (1, 2, 4, 8)


def label_map(batch=3, classes=8, size=16, seed=0):
    """A one-hot map (B, K, H, W) in which every class occurs."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(0, classes, (batch, size, size), generator=generator)
    return layers.one_hot(label, classes)


def randomise(module, seed=0):
    """Weights, biases and running statistics far from their initial values."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
        for name, buffer in module.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(torch.randn(buffer.shape, generator=generator))
            if name.endswith("running_var"):
                buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.5)
    return module


def slow_conv(x, conv, groups):
    """A grouped convolution as one plain convolution for each slice of channels."""
    a, b = x.shape[1] // groups, conv.weight.shape[0] // groups
    parts = []
    for g in range(groups):
        bias = None if conv.bias is None else conv.bias[g * b:(g + 1) * b]
        parts.append(F.conv2d(x[:, g * a:(g + 1) * a], conv.weight[g * b:(g + 1) * b], bias,
                              padding=conv.padding))
    return torch.cat(parts, 1)


def slow_shrink(onehot, size):
    """Mean of every square block of pixels, one at a time."""
    step = onehot.shape[-1] // size
    out = onehot.new_empty(*onehot.shape[:2], size, size)
    for y in range(size):
        for x in range(size):
            block = onehot[:, :, y * step:(y + 1) * step, x * step:(x + 1) * step]
            out[:, :, y, x] = block.mean((2, 3))
    return out


def slow_norm(x, onehot, norm, groups):
    """CG-Norm channel by channel, its statistics written out."""
    small = slow_shrink(onehot, x.shape[-1])
    hidden = slow_conv(small, norm.shared, groups).clamp(min=0)
    gamma, beta = slow_conv(hidden, norm.gamma, groups), slow_conv(hidden, norm.beta, groups)
    out = torch.empty_like(x)
    for c in range(x.shape[1]):
        if norm.training:
            mean = x[:, c].sum() / x[:, c].numel()
            variance = ((x[:, c] - mean) ** 2).sum() / x[:, c].numel()
        else:
            mean, variance = norm.norm.running_mean[c], norm.norm.running_var[c]
        normed = (x[:, c] - mean) / (variance + 1e-5).sqrt()
        out[:, c] = normed * (1 + gamma[:, c]) + beta[:, c]
    return out


def slow_block(x, onehot, block, groups, norm_groups):
    """CG-Block: two normalised convolutions and the shortcut."""
    leak = lambda t: torch.where(t > 0, t, 0.2 * t)
    y = slow_conv(leak(slow_norm(x, onehot, block.norm_0, norm_groups)), block.conv_0, groups)
    y = slow_conv(leak(slow_norm(y, onehot, block.norm_1, norm_groups)), block.conv_1, groups)
    if block.learned_shortcut:
        x = slow_conv(slow_norm(x, onehot, block.norm_s, norm_groups), block.conv_s, groups)
    return x + y


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("groups", GROUPS)
def test_group_norm_equals_a_loop_over_groups_and_channels(groups, training):
    norm = randomise(ConditionalGroupNorm(16, 8, groups, 24)).train(training).double()
    x, onehot = torch.randn(3, 16, 4, 4).double() * 2 + 1, label_map().double()
    slow = slow_norm(x, onehot, norm, groups)
    assert torch.allclose(norm(x, onehot), slow, atol=1e-9)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("groups, norm_groups, widths", [
    (1, None, (8, 8)), (2, None, (16, 8)), (4, None, (8, 16)), (8, None, (16, 16)),
    (2, 8, (16, 8)), (4, 8, (16, 16))])
def test_block_equals_a_loop_over_groups(groups, norm_groups, widths, training):
    block = ConditionalGroupBlock(*widths, 8, groups, 16, norm_groups)
    block = randomise(block).train(training).double()
    x, onehot = torch.randn(3, widths[0], 8, 8).double(), label_map().double()
    slow = slow_block(x, onehot, block, groups, norm_groups or groups)
    assert block.learned_shortcut == (widths[0] != widths[1])
    assert torch.allclose(block(x, onehot), slow, atol=1e-9)


def test_with_one_group_the_norm_is_spade():
    norm = randomise(ConditionalGroupNorm(6, 8, 1, 10)).eval()
    x, onehot = torch.randn(2, 6, 16, 16), label_map(2)
    plain = nn.Sequential(nn.Conv2d(8, 10, 3, padding=1), nn.ReLU())
    plain[0].load_state_dict(norm.shared.state_dict())
    hidden = plain(onehot)
    gamma, beta = (F.conv2d(hidden, c.weight, c.bias, padding=1) for c in (norm.gamma, norm.beta))
    normed = F.batch_norm(x, norm.norm.running_mean, norm.norm.running_var)
    assert torch.allclose(norm(x, onehot), normed * (1 + gamma) + beta, atol=1e-5)


def test_a_group_reads_its_own_channels_and_classes_only():
    block = randomise(ConditionalGroupBlock(8, 16, 8, 4, 8)).eval()
    x, onehot = torch.randn(2, 8, 8, 8), label_map(2, size=8)
    before = block(x, onehot)
    changed, moved = x.clone(), onehot.clone()
    changed[:, 2:4] += 1  # the channels of the second of four groups
    moved[:, 2:4] = moved[:, 2:4].roll(1, -1)  # its classes
    for after in (block(changed, onehot), block(x, moved)):
        differs = (after - before).abs().amax((0, 2, 3)) > 0
        assert differs.tolist() == [False] * 4 + [True] * 4 + [False] * 8


def test_training_moves_the_running_statistics_that_evaluation_uses():
    norm = ConditionalGroupNorm(4, 2, 2, 4)
    x, onehot = torch.randn(8, 4, 8, 8) * 3 + 5, label_map(8, 2, 8)
    for _ in range(60):
        norm.train()(x, onehot)
    assert torch.allclose(norm.norm.running_mean, x.mean((0, 2, 3)), rtol=0.02)
    assert torch.allclose(norm.eval()(x, onehot), norm.train()(x, onehot), atol=0.05)


def test_spectral_norm_limits_a_blocks_convolutions():
    block = ConditionalGroupBlock(8, 16, 8, 2, 8, spectral=True)
    with torch.no_grad():
        for name in ("conv_0", "conv_1", "conv_s"):
            getattr(block, name).parametrizations.weight.original.mul_(50)
    for _ in range(30):
        block(torch.randn(2, 8, 8, 8), label_map(2))
    for name in ("conv_0", "conv_1", "conv_s"):
        weight = getattr(block.eval(), name).weight.flatten(1)
        assert torch.linalg.matrix_norm(weight, 2).item() == pytest.approx(1, abs=0.02), name
    assert not hasattr(block.norm_0.gamma, "parametrizations")


def test_shrinking_averages_every_block():
    onehot = label_map()
    for size in (1, 2, 8):
        small = layers.shrink(onehot, (size, size))
        assert torch.allclose(small, slow_shrink(onehot, size), atol=1e-6)
        assert torch.allclose(small.sum(1), torch.ones(3, size, size), atol=1e-6)
    assert layers.shrink(onehot, (16, 16)) is onehot
    assert layers.shrink(torch.rand(1, 2, 8, 16), (4, 4)).shape == (1, 2, 4, 4)


def test_one_hot_marks_each_pixels_class():
    label = torch.tensor([[[0, 2], [1, 2]]])
    onehot = layers.one_hot(label, 4)
    assert onehot.shape == (1, 4, 2, 2) and onehot.dtype == torch.float32
    assert torch.equal(onehot.argmax(1), label) and torch.equal(onehot.sum(1), torch.ones(1, 2, 2))


def test_masked_mean_looks_at_its_region_only():
    x = torch.tensor([[[1.0, 2.0], [3.0, 10.0]], [[5.0, 5.0], [5.0, 9.0]]])[None, None]
    weight = torch.tensor([[1.0, 0.5], [0.5, 0.0]])[None, None, None]
    assert torch.allclose(layers.masked_mean(x, weight), torch.tensor([[[1.75, 5.0]]]))
    assert torch.equal(layers.masked_mean(x, 0 * weight), torch.zeros(1, 1, 2))


def test_reparameterised_samples_have_the_posteriors_moments():
    torch.manual_seed(0)
    mu = torch.full((20_000,), 1.5)
    z = layers.reparameterise(mu, torch.full_like(mu, -1.0))
    assert z.mean().item() == pytest.approx(1.5, abs=0.02)
    assert z.var().item() == pytest.approx(torch.tensor(-1.0).exp().item(), rel=0.05)


def test_samples_pass_gradients_to_the_posterior():
    mu, logvar = torch.zeros(4, requires_grad=True), torch.zeros(4, requires_grad=True)
    z = layers.reparameterise(mu, logvar)
    z.sum().backward()
    assert torch.equal(mu.grad, torch.ones(4))
    assert torch.allclose(logvar.grad, 0.5 * z.detach())


def test_shapes_are_checked_by_name():
    x = torch.zeros(2, 3, 4)
    layers.check_shape(x, B=None, C=3, H=4)
    with pytest.raises(ValueError, match=r"\(B=any C=4 H=4\), got \(2, 3, 4\)"):
        layers.check_shape(x, B=None, C=4, H=4)
    with pytest.raises(ValueError, match="expected a tensor of shape"):
        layers.check_shape(x, B=2, C=3)


def test_xavier_sets_every_convolution_and_reaches_under_spectral_norm():
    network = nn.Sequential(layers.conv3x3(64, 64, spectral=True), layers.conv3x3(64, 64))
    assert layers.xavier(network, 0.02) is network
    spread = 0.02 * (2 / (9 * 64 + 9 * 64)) ** 0.5
    for weight in (network[0].parametrizations.weight.original, network[1].weight):
        assert weight.std().item() == pytest.approx(spread, rel=0.03)
    assert not network[0].bias.any() and not network[1].bias.any()
