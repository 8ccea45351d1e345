"""StyleGAN2's generator: modulation, noise, W and W+, truncation, its exported form."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from synthbook.discriminators import ResidualDiscriminator
from synthbook.equalised import EqualConv, EqualLinear, blur
from synthbook.figures.export import (
    Limits,
    PageModel,
    exported,
    float32_model,
    gmac,
    parity,
)
from synthbook.files import BookError
from synthbook.stylegan2 import (
    Config,
    Mapping,
    ModulatedConv,
    StyleGAN2,
    config,
    every_row,
    mix,
    sample,
    truncate,
)
from synthbook.stylegan2.layers import double

TINY = Config(16, (12, 10, 8), latent=6)
ROWS = TINY.rows


def tiny(seed=0):
    """A small network whose noise matters."""
    torch.manual_seed(seed)
    model = StyleGAN2(TINY).eval()
    with torch.no_grad():
        model.synthesis.strengths.uniform_(0.2, 0.5)
        model.mapping.mean.normal_(0, 0.3)
    return model


def noise_of(model, count=3, seed=1):
    return model.synthesis.draw_noise(count, torch.Generator().manual_seed(seed))


def w_plus(count=3, seed=2):
    return torch.randn(count, ROWS, TINY.latent, generator=torch.Generator().manual_seed(seed))


# ------------------------------------------------------------------------------- modulation


def grouped(layer, x, w):
    """The paper's form: weights of its own for every image, as groups of one convolution."""
    style = layer.style(w)
    weight = layer.weight * layer.scale * style[:, None, :, None, None]  # (B, O, I, k, k)
    if layer.demodulate:
        weight = weight / (weight.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    count, _, height, width = x.shape
    y = F.conv2d(x.reshape(1, -1, height, width), weight.flatten(0, 1),
                 padding=weight.shape[-1] // 2, groups=count)
    return y.view(count, -1, height, width)


@pytest.mark.parametrize("kernel, demodulate", [(3, True), (3, False), (1, False)])
def test_modulation_equals_weights_of_their_own_for_every_image(kernel, demodulate):
    torch.manual_seed(0)
    layer = ModulatedConv(7, 5, 6, kernel, demodulate=demodulate)
    x, w = torch.randn(3, 7, 9, 8, requires_grad=True), torch.randn(3, 6, requires_grad=True)
    fast, slow = layer(x, w), grouped(layer, x, w)
    assert torch.allclose(fast, slow, atol=1e-5)
    given, seen = torch.randn_like(fast), (x, w, *layer.parameters())
    for one, other in zip(torch.autograd.grad(fast, seen, given),
                          torch.autograd.grad(slow, seen, given)):
        assert torch.allclose(one, other, atol=1e-5 * max(1, other.abs().max()))


def test_demodulation_makes_unit_variance_whatever_the_style():
    torch.manual_seed(0)
    layer = ModulatedConv(32, 16, 6)
    x, w = torch.randn(4, 32, 48, 48), 5 * torch.randn(4, 6)
    inside = layer(x, w)[..., 1:-1, 1:-1]
    assert inside.var((2, 3)).sub(1).abs().max() < 0.25
    assert inside.var((2, 3)).mean().item() == pytest.approx(1, abs=0.03)
    layer.demodulate = False
    assert layer(x, w).var() > 4


def test_equalised_layers_keep_the_variance_and_learn_at_their_rate():
    torch.manual_seed(0)
    x = torch.randn(512, 256)
    for rate in (1.0, 0.01):
        layer = EqualLinear(256, 64, rate=rate)
        before = layer(x)
        assert before.var().item() == pytest.approx(1, abs=0.1)
        with torch.no_grad():
            layer.weight += 0.1  # what a step of Adam moves, whatever the layer
        moved = (layer(x) - before).std().item()
        assert moved == pytest.approx(0.1 * rate, rel=0.2)
    assert EqualConv(64, 32, 3)(torch.randn(2, 64, 16, 16))[..., 1:-1, 1:-1].var().item() \
        == pytest.approx(1, abs=0.1)
    assert EqualLinear(4, 3, bias=1.0, rate=0.1)(torch.zeros(1, 4)).tolist() == [[1.0] * 3]


def test_doubling_is_the_papers_filter_but_for_the_border():
    torch.manual_seed(0)
    x, weight = torch.randn(2, 3, 6, 6), torch.randn(4, 3, 3, 3)
    ours = F.conv2d(double(x), weight, padding=1)
    spread = F.conv_transpose2d(x, weight.flip(2, 3).transpose(0, 1), stride=2)
    theirs = 4 * blur(spread, 1)
    assert theirs.shape == ours.shape
    assert torch.allclose(ours[..., 2:-2, 2:-2], theirs[..., 2:-2, 2:-2], atol=1e-5)


def test_the_filter_halves_and_keeps_what_is_constant():
    x = torch.full((1, 2, 8, 8), 3.0)
    assert blur(x, 1).shape == (1, 2, 7, 7) and blur(x, 2).shape == (1, 2, 9, 9)
    assert torch.allclose(blur(x, 1)[..., 1:-1, 1:-1], torch.tensor(3.0))
    point = torch.zeros(1, 1, 7, 7)
    point[..., 3, 3] = 64
    row = torch.tensor([1.0, 3, 3, 1])
    assert torch.equal(blur(point, 0)[0, 0], row[:, None] * row)


# ------------------------------------------------------------------------------- the config


@pytest.mark.parametrize("wrong, words", [
    ({"size": 48}, "48 is no power of 2"), ({"size": 4, "channels": (8,)}, "from 8 on"),
    ({"size": 32}, "32 pixels take 4 widths"), ({"channels": (8, 8, 8, 8, 0)}, "take 5 widths"),
    ({"latent": 0}, "above 0"), ({"depth": 0}, "above 0"), ({"rate": 0.0}, "above 0")])
def test_a_config_that_cannot_be_built_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        Config(**wrong)


def test_layers_rows_and_noise_at_64_pixels():
    big = config(64)
    assert big.sizes == (4, 8, 8, 16, 16, 32, 32, 64, 64) and big.rows == 10
    assert big.layers[:3] == ("4.1", "8.0", "8.1") and big.layers[-1] == "64.1"
    assert config(32).channels == big.channels[:4] and config(32).rows == 8
    for part in (StyleGAN2(big), ResidualDiscriminator(big.channels)):
        assert 4e5 < sum(p.numel() for p in part.parameters()) < 8e5


@pytest.mark.parametrize("size, most", [(32, 0.12), (64, 0.7)])
def test_generators_stay_within_the_budget_of_their_scale(size, most):
    model = StyleGAN2(config(size)).requires_grad_(False)
    z = lambda count, generator: torch.randn(count, model.config.latent, generator=generator)
    assert gmac(PageModel(model, {"z": z}, ("image",))) <= most


# ------------------------------------------------------------------------- W, W+ and noise


def test_images_have_their_shape_and_w_is_the_same_w_plus_in_all_rows():
    model, noise = tiny(), noise_of(tiny())
    w = w_plus()[:, 0]
    image = model.synthesis(w, noise)
    assert image.shape == (3, 3, 16, 16)
    torch.testing.assert_close(image, model.synthesis(w[:, None].repeat(1, ROWS, 1), noise))
    changed = model.synthesis(w_plus(), noise)
    assert not torch.equal(image, changed)


@pytest.mark.parametrize("row", range(ROWS))
def test_every_row_of_w_plus_moves_the_image(row):
    model, w = tiny(), w_plus().requires_grad_()
    model.synthesis(w, noise_of(model)).square().sum().backward()
    assert w.grad[:, row].any()


def test_w_of_one_row_is_spread_over_all():
    w = torch.randn(2, TINY.latent)
    assert torch.equal(every_row(w, TINY)[:, 3], w) and every_row(w, TINY).shape[1] == ROWS


def test_given_noise_makes_bit_identical_images_and_other_noise_others():
    model, z = tiny(), torch.randn(3, TINY.latent)
    image = model(z, noise=noise_of(model))
    assert torch.equal(image, model(z, noise=noise_of(model)))
    assert not torch.equal(image, model(z, noise=noise_of(model, seed=2)))
    assert not torch.equal(model(z), model(z))  # drawn anew
    shared = [n[:1] for n in noise_of(model)]
    repeated = [n.expand(3, -1, -1, -1) for n in shared]
    torch.testing.assert_close(model(z, noise=shared), model(z, noise=repeated))


def test_noise_times_its_strength_may_be_given_instead():
    model, w = tiny(), w_plus()
    noise = noise_of(model)
    scaled = model.synthesis.scaled(noise)
    assert all(torch.equal(s, k * n)
               for s, k, n in zip(scaled, model.synthesis.strengths, noise))
    torch.testing.assert_close(model.synthesis(w, scaled, scaled=True), model.synthesis(w, noise))
    free = [s.detach().requires_grad_() for s in scaled]
    with torch.no_grad():
        model.synthesis.strengths.zero_()
    model.synthesis(w, free, scaled=True).square().sum().backward()
    assert all(n.grad.any() for n in free)


def test_noise_has_no_effect_before_it_is_learned():
    model, w = StyleGAN2(TINY), w_plus()
    assert not model.synthesis.strengths.any()
    assert torch.equal(model.synthesis(w, noise_of(model)),
                       model.synthesis(w, noise_of(model, seed=5)))


def test_noise_or_w_that_do_not_fit_are_refused_with_the_shapes_that_do():
    model, w = tiny(), w_plus()
    good = noise_of(model)
    shapes = r"one map a layer, \(3 or 1, 1, h, h\) with h = 4, 8, 8, 16, 16; got \("
    for wrong in (good[:-1], [*good[:-1], good[-1][..., :8]], [n[:2] for n in good],
                  [*good[:-1], good[-1].repeat(1, 2, 1, 1)], [*good[:-1], good[-1][0]]):
        with pytest.raises(BookError, match=shapes):
            model.synthesis(w, wrong)
    with pytest.raises(BookError, match="got none"):
        model.synthesis(w, [])
    with pytest.raises(BookError, match=r"w is \(B, 6\), or \(B, 6, 6\) with one row a layer; "
                                        r"got \(3, 5, 6\)"):
        model.synthesis(w[:, :5], good)
    with pytest.raises(ValueError, match="expected a tensor of shape"):
        model(torch.zeros(3, 5))


def test_features_can_be_read_copied_and_blended_by_layer():
    model, noise, w = tiny(), noise_of(tiny()), w_plus()
    found = {}

    def keep(name, x):
        found[name] = x
        return x

    image = model.synthesis(w, noise, edit=keep)
    assert torch.equal(image, model.synthesis(w, noise))
    assert tuple(found) == TINY.layers
    assert [x.shape[1:] for x in found.values()] == [
        (width, size, size) for width, size in zip((12, 10, 10, 8, 8), TINY.sizes)]
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1

    def blend(name, x):  # the left half of every image's features from the next image
        return mask * x.roll(1, 0) + (1 - mask) * x if name == "8.1" else x

    edited = model.synthesis(w, noise, edit=blend)
    assert (edited - image)[..., :4].abs().mean() > 5 * (edited - image)[..., -4:].abs().mean()
    whole = model.synthesis(w, noise, edit=lambda name, x: found[name].roll(1, 0)
                            if name == "16.1" else x)
    assert not torch.equal(whole, image)


def test_truncation_moves_to_the_mean_and_at_0_all_latents_make_one_image():
    model, z = tiny(), torch.randn(4, TINY.latent)
    noise = [n[:1] for n in noise_of(model)]
    images = model(z, 0.0, noise)
    mean = model.synthesis(model.mean_w[None], noise)
    assert torch.allclose(images, mean.expand_as(images), atol=1e-6)
    w = model.mapping(z)
    half = truncate(w, model.mean_w, 0.5)
    assert torch.allclose((half - model.mean_w).norm(dim=1) * 2, (w - model.mean_w).norm(dim=1))
    assert torch.allclose(model.styles(z), w, atol=1e-6)


def test_the_mean_of_w_is_tracked_while_training_and_only_then():
    torch.manual_seed(0)
    mapping, expected = Mapping(TINY), torch.zeros(TINY.latent)
    for _ in range(5):
        w = mapping(torch.randn(8, TINY.latent))
        expected = 0.995 * expected + 0.005 * w.detach().mean(0)
    assert torch.allclose(mapping.mean, expected, atol=1e-7) and mapping.mean.any()
    mapping.eval()(torch.randn(8, TINY.latent))
    assert torch.allclose(mapping.mean, expected, atol=1e-7)
    assert "mean" in mapping.state_dict()


def test_only_the_direction_of_z_counts():
    model, z = tiny(), torch.randn(3, TINY.latent)
    assert torch.allclose(model.mapping(z), model.mapping(7 * z), atol=1e-5)


def test_mixing_takes_rows_before_the_cut_from_the_first():
    a, b = w_plus(), w_plus(seed=9)
    assert torch.equal(mix(a, b, 0), b) and torch.equal(mix(a, b, ROWS), a)
    two = mix(a, b, 2)
    assert torch.equal(two[:, :2], a[:, :2]) and torch.equal(two[:, 2:], b[:, 2:])
    each = mix(a, b, torch.tensor([1, ROWS, 4]))
    for i, cut in enumerate((1, ROWS, 4)):
        assert torch.equal(each[i], mix(a, b, cut)[i])


def test_samples_are_the_seeds():
    model = tiny()
    with torch.no_grad():
        model.synthesis.colours[-1].bias += 3
    images = sample(model, 5, seed=3)
    assert images.shape == (5, 3, 16, 16) and images.max() == 1
    assert torch.equal(images, sample(model, 5, seed=3))
    assert not torch.equal(images, sample(model, 5, seed=4))
    assert torch.allclose(sample(model, 4, batch=3, truncation=0.5),
                          sample(model, 4, truncation=0.5), atol=1e-5)


def test_images_and_their_exported_form_agree():
    model = tiny().requires_grad_(False)

    class Steered(nn.Module):
        def __init__(self):
            super().__init__()
            self.synthesis = model.synthesis

        def forward(self, w, *noise):
            return self.synthesis(w, noise)

    draw = lambda size: lambda count, g: torch.randn(count, 1, size, size, generator=g)
    inputs = {"w": lambda count, g: torch.randn(count, ROWS, TINY.latent, generator=g),
              **{f"noise_{k}": draw(size) for k, size in enumerate(TINY.sizes)}}
    page = PageModel(Steered().eval(), inputs, ("image",))
    assert parity(page, float32_model(page), page.examples(20))["max"] < 0.05
    proto, report = exported(page, Limits(mean=5, p999=30), "steered")
    assert report["inputs"]["w"] == ["N", ROWS, TINY.latent]
