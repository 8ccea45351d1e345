"""GroupDNet's relatives: streams, whole-image encoders, latent maps, classes, what they cost."""

from dataclasses import replace

import pytest
import torch
from layouts import TINY, scene
from torch import nn

from synthbook import models
from synthbook.baselines import spade
from synthbook.smis import SMIS, Encoder, Generator, config
from synthbook.smis.mulnet import StreamEncoder, Streams, one_stream
from synthbook.smis.network import WholeImageEncoder

GROUPNET = replace(TINY, groups=(4, 4, 4), channels=(16, 16, 12, 8), hidden=(8, 8, 4))


# ------------------------------------------------------------------------------- MulNet


def handed_out(grouped, streams):
    """Give each of K streams its share of a grouped network's weights."""
    own = streams.state_dict()
    for key, value in grouped.state_dict().items():
        if f"streams.0.{key}" not in own:
            own[key] = value
            continue
        shares = value.chunk(len(streams.streams)) if value.dim() else [value] * 4
        for k, share in enumerate(shares):
            own[f"streams.{k}.{key}"] = share
    streams.load_state_dict(own)
    return streams


def test_mulnet_computes_what_groupnet_computes_one_class_at_a_time():
    torch.manual_seed(0)
    image, _, onehot = scene(2)
    with torch.no_grad():
        grouped = Generator(GROUPNET)
        z = torch.randn(2, *GROUPNET.latent_shape)
        grouped(onehot, z)  # batch statistics of its own
        streams = handed_out(grouped, Streams(GROUPNET))
        for mode in (True, False):
            made = [net.train(mode)(onehot, z) for net in (grouped, streams)]
            assert torch.allclose(*made, atol=1e-5) and made[0].std() > 0.01
        encoder = Encoder(GROUPNET)
        streams = handed_out(encoder, StreamEncoder(GROUPNET))
        for a, b in zip(encoder(image, onehot), streams(image, onehot)):
            assert torch.allclose(a, b, atol=1e-5)
    million = [sum(p.numel() for p in net.parameters()) for net in (encoder, streams)]
    assert million[0] == million[1]


def test_a_stream_of_mulnet_is_one_class_wide():
    stream = one_stream(GROUPNET)
    assert (stream.classes, stream.channels, stream.hidden) == (1, (4, 4, 3, 2), (2, 2, 1))


def test_a_style_enters_mulnet_through_its_own_stream():
    torch.manual_seed(0)
    model = SMIS(GROUPNET, StreamEncoder, Streams).eval()
    _, _, onehot = scene(1)
    z = model.prior(1)
    heard = []
    for stream in model.generator.streams:
        stream.register_forward_hook(lambda m, inputs, out: heard.append(out))
    with torch.no_grad():
        model(onehot, z)
        model(onehot, model.swap(z, model.prior(1), 1))
    before, after = heard[:4], heard[4:]
    assert [torch.equal(a, b) for a, b in zip(before, after)] == [True, False, True, True]


# --------------------------------------------------------------------- encoders and maps


def test_the_whole_image_encoder_shows_every_class_everything():
    torch.manual_seed(0)
    encoder = WholeImageEncoder(TINY).eval()
    image, label, onehot = scene()
    image.requires_grad_()
    mu, logvar = encoder(image, onehot)
    for c in range(3):
        (seen,) = torch.autograd.grad(mu[:, c * 3].sum(), image, retain_graph=True)
        assert (seen.abs().sum(1) > 0).float().mean() > 0.99
    absent = slice(9, 12)
    assert not mu[:, absent].any() and not logvar[:, absent].any()


def test_a_map_coarser_than_the_decoders_start_is_repeated():
    model = replace(TINY, latent_map=True, groups=(4, 4, 2), channels=(16, 16, 8, 8),
                    hidden=(8, 8, 8))
    assert model.latent_shape == (12, 4, 4)  # and the decoder begins at 8 x 8
    torch.manual_seed(0)
    generator = Generator(model).eval()
    seen = []
    generator.input.register_forward_pre_hook(lambda m, inputs: seen.append(inputs[0]))
    _, _, onehot = scene(1)
    z = torch.randn(1, 12, 4, 4)
    generator(onehot, z)
    assert torch.equal(seen[0], z.repeat_interleave(2, 2).repeat_interleave(2, 3))


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("classes", [4, 8, 16, 24, 32, 40, 64])
def test_groups_divide_the_channels_for_any_number_of_classes(classes, size):
    found = {name: config(name, size, classes)
             for name in ("groupdnet", "groupnet", "mulnet", "groupdnet-map", "groupenc", "vspade")}
    net = found["groupdnet"]
    assert net.groups[0] == classes and net.groups[-1] < classes or classes == 4
    assert set(found["groupnet"].groups) == {classes}
    assert all(a % b == 0 for a, b in zip(net.groups, net.groups[1:]))
    grown = max(1, classes / 16) ** 0.5
    assert abs(sum(net.channels) / sum(config("groupdnet", size).channels) / grown - 1) < 0.1


# ------------------------------------------------------------------------- what they cost


def multiplications(network, *inputs):
    """Multiply-adds of one image, in thousand millions."""
    total = []

    def count(layer, given, out):
        shown = given[0] if isinstance(layer, nn.ConvTranspose2d) else out
        total.append(shown.numel() * layer.weight[0].numel())

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            layer.register_forward_hook(count)
    with torch.no_grad():
        network.eval()(*inputs)
    return sum(total) / 1e9


@pytest.fixture(scope="module")
def costs():
    """Multiplications and thousands of parameters of every generator, by size and variant."""
    found = {}
    for size in (32, 64):
        for name in models.MODELS:
            if name.startswith("smis/"):
                recipe = models.recipe(models.parse(f"{name}@places-{size}-s0"), "smoke")
                model = recipe.config.model
                generator = recipe.build()["generator"]
                cost = multiplications(generator, torch.zeros(1, model.classes, size, size),
                                       torch.zeros(1, *model.latent_shape))
                thousand = sum(p.numel() for p in generator.parameters()) / 1e3
                found[size, name.partition("/")[2]] = cost, thousand
    for (size, name), (cost, thousand) in sorted(found.items()):
        print(f"{size} {name:20s} {cost:.3f} GMAC {thousand:6.0f} k")
    return found


@pytest.mark.parametrize("size, most", [(64, 0.7), (32, 0.12)])
def test_generators_stay_within_the_budget_of_their_scale(costs, size, most):
    heavy = {name: cost for (n, name), (cost, _) in costs.items() if n == size and cost > most}
    assert heavy == {}
    assert max(thousand for _, thousand in costs.values()) <= 3_000


@pytest.mark.parametrize("size", [32, 64])
def test_what_is_compared_is_of_like_size(costs, size):
    """The rivals of a claim within a factor of three in weights, none smaller than GroupDNet.

    GroupNet and MulNet are: they have GroupDNet's widths, and groups save weights.
    """
    base = costs[size, "groupdnet"][1]
    for name in ("vspade", "groupenc", "spade", "pix2pixhd", "bicyclegan", "dscgan"):
        assert base <= costs[size, name][1] <= 3 * base, name
    for name in ("groupnet", "mulnet"):
        assert base / 2 <= costs[size, name][1] <= base, name


@pytest.mark.parametrize("size", [32, 64])
def test_spade_is_as_wide_as_vspade(size):
    vspade = config("vspade", size)
    assert spade.SIZES[size] == (vspade.channels, vspade.hidden)
