"""The ring of points: losses, data, networks side by side, what is counted and drawn."""

import pytest
import torch
from torch import nn
from torch.utils.data import default_collate

from synthbook import losses
from synthbook.conditional_gans import drawing, ring
from synthbook.training import train

SMALL = ring.Config(runs=3, latent=2, width=8)


def built(config=SMALL, seed=0):
    torch.manual_seed(seed)
    return {"generator": ring.Generator(config), "discriminator": ring.Discriminator(config)}


def batch(count=16):
    data = ring.Ring(count)
    return default_collate([data[i] for i in range(count)])


# ---------------------------------------------------------------------------------- losses


def test_logistic_losses_are_the_logarithms_of_the_paper():
    real, fake = torch.tensor([1.5, -0.5]), torch.tensor([0.25, -2.0])
    d_real, d_fake = real.sigmoid(), fake.sigmoid()
    want = -(d_real.log().mean() + (1 - d_fake).log().mean())
    assert torch.allclose(losses.logistic_d(real, fake), want)
    assert torch.allclose(losses.logistic_g(fake), -d_fake.log().mean())
    assert torch.allclose(losses.minimax_g(fake), (1 - d_fake).log().mean())


def test_both_generator_losses_raise_scores_and_one_saturates():
    slopes = {}
    for loss in (losses.logistic_g, losses.minimax_g):
        score = torch.tensor([-200.0, -8.0, 0.0, 200.0], requires_grad=True)
        value = loss(score)
        value.backward()
        assert value.isfinite() and (score.grad <= 0).all()
        slopes[loss] = -score.grad * len(score)
    assert slopes[losses.logistic_g][:3].tolist() == pytest.approx([1, 0.99966, 0.5], abs=1e-4)
    assert slopes[losses.minimax_g][:3].tolist() == pytest.approx([0, 0.00034, 0.5], abs=1e-4)


@pytest.mark.parametrize("shape", [(5, 2), (3, 5, 2), (4, 3, 6, 6)])
def test_r1_is_the_mean_squared_slope(shape):
    weight = torch.randn(shape[1:] if len(shape) != 3 else shape[2:])
    x = torch.randn(shape, requires_grad=True)
    items = 2 if len(shape) == 3 else 1
    score = 3 * (x * weight).flatten(items).sum(-1)
    assert torch.allclose(losses.r1(score, x), 9 * weight.square().sum())


def test_r1_reaches_the_weights():
    network, x = nn.Sequential(nn.Linear(2, 1), nn.Tanh()), torch.randn(6, 2, requires_grad=True)
    losses.r1(network(x)[:, 0], x).backward()
    assert network[0].weight.grad.abs().sum() > 0


# ------------------------------------------------------------------------------------ data


def test_points_are_about_the_centre_of_their_mode():
    data = ring.Ring(8_000)
    for c, centre in enumerate(ring.centres()):
        mine = data.point[data.mode == c]
        assert 850 < len(mine) < 1150
        assert torch.allclose(mine.mean(0), centre, atol=0.01)
        assert torch.allclose(mine.std(0), torch.full((2,), ring.SPREAD), atol=0.005)


def test_the_same_seed_gives_the_same_points():
    assert torch.equal(ring.Ring(50, 3).point, ring.Ring(50, 3).point)
    assert not torch.equal(ring.Ring(50, 3).point, ring.Ring(50, 4).point)


# -------------------------------------------------------------------------------- networks


def test_perceptrons_are_plain_networks_side_by_side():
    torch.manual_seed(0)
    many, x = ring.Perceptrons(3, 2, 8, 1), torch.randn(3, 5, 2)
    for r in range(3):
        layers = []
        for weight, bias in zip(many.weights, many.biases):
            layer = nn.Linear(weight.shape[1], weight.shape[2])
            layer.weight.data, layer.bias.data = weight[r].T, bias[r, 0]
            layers += [layer, nn.LeakyReLU(0.2)]
        plain = nn.Sequential(*layers[:-1])
        assert torch.allclose(many(x)[r], plain(x[r]), atol=1e-6)


def gradients(nets, player, setting, items):
    for network in nets.values():
        network.zero_grad()
    torch.manual_seed(1)
    loss, _ = player(setting, nets, items, {})
    loss.backward()
    key = "generator" if player is ring.generator_loss else "discriminator"
    return [p.grad.clone() for p in nets[key].parameters()]


@pytest.mark.parametrize("player", [ring.discriminator_loss, ring.generator_loss])
@pytest.mark.parametrize("penalty", [0.0, 0.5])
def test_runs_never_meet(player, penalty):
    setting = ring.Setting(SMALL, ring.Rules(r1=penalty))
    nets, items = built(), batch()
    before = gradients(nets, player, setting, items)
    with torch.no_grad():
        for network in nets.values():
            for weight in network.parameters():
                weight[1:] += 1.0
    after = gradients(nets, player, setting, items)
    assert all(torch.equal(a[0], b[0]) for a, b in zip(before, after))
    assert any(not torch.equal(a[1], b[1]) for a, b in zip(before, after))


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("shown", [False, True])
def test_only_who_is_told_the_class_can_use_it(asked, shown):
    nets = built(ring.Config(runs=2, latent=2, width=8, asked=asked, shown=shown))
    first, second = torch.zeros(4, dtype=torch.long), torch.full((4,), 5)
    z, x = torch.randn(2, 4, 2), torch.randn(2, 4, 2)
    same = [torch.equal(net(a, first), net(a, second))
            for net, a in ((nets["generator"], z), (nets["discriminator"], x))]
    assert same == [not asked, not shown]


def test_a_wrong_shape_is_refused():
    nets = built()
    with pytest.raises(ValueError, match="R=3 B=4"):
        nets["generator"](torch.zeros(2, 4, 2), torch.zeros(4, dtype=torch.long))


def test_a_conditional_gan_learns_to_obey():
    config = ring.Config(runs=2, width=32, asked=True, shown=True)
    recipe = ring.recipe(ring.Setting(config), points=64 * 150)
    run = train(recipe, progress=False, device="cpu")
    fresh = recipe.build()
    obeyed = [min(one.obeyed for one in ring.counted(nets)) for nets in (run.best, fresh)]
    assert obeyed[0] > 0.6 > 0.2 > obeyed[1]


def test_one_thread_lasts_as_long_as_the_game_and_no_longer():
    before, seen = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        run = ring.play(ring.Setting(SMALL), steps=2, batch=8,
                        hooks=[lambda run: seen.append(torch.get_num_threads())])
        assert run.images == 16 and seen == [1, 1] and torch.get_num_threads() == 2
        with pytest.raises(RuntimeError), ring.one_thread():
            raise RuntimeError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


# --------------------------------------------------------------------------------- measure


def test_counts_of_known_clouds():
    mode = ring.in_turn(64)
    perfect = ring.centres()[mode]
    collapsed = ring.centres()[torch.zeros_like(mode)]
    turned = ring.centres()[(mode + 1) % ring.MODES]
    astray = torch.zeros(64, 2)
    found = ring.count(torch.stack([perfect, collapsed, turned, astray]), mode)
    assert [(one.modes, one.near, one.obeyed) for one in found] == [
        (8, 1, 1), (1, 1, 0.125), (8, 1, 0), (0, 0, 0)]


def test_a_mode_needs_a_quarter_of_its_fair_share():
    mode = torch.zeros(128, dtype=torch.long)  # a fair share is 16, a quarter of it 4
    for few, modes in ((3, 1), (4, 2)):
        points = ring.centres()[mode].clone()
        points[:few] = ring.centres()[3]
        assert ring.count(points[None], mode)[0].modes == modes


def test_samples_repeat_and_leave_the_random_state_alone():
    nets, mode = built(), ring.in_turn(20)
    state = torch.get_rng_state()
    first = ring.sample(nets, mode)
    assert torch.equal(state, torch.get_rng_state())
    assert first.shape == (3, 20, 2) and torch.equal(first, ring.sample(nets, mode))


def test_the_pull_is_the_slope_of_a_points_loss():
    nets = built()
    mode = ring.in_turn(256)
    for saturating in (False, True):
        points = ring.sample(nets, mode).requires_grad_()
        score = nets["discriminator"](points, mode)
        loss = losses.minimax_g if saturating else losses.logistic_g
        total = sum(loss(s[None]) for s in score.flatten())
        (slope,) = torch.autograd.grad(total, points)
        assert torch.allclose(ring.pull(nets, saturating), slope.norm(dim=-1).mean(1))


# -------------------------------------------------------------------------------- pictures


def test_a_dot_is_drawn_where_its_point_is():
    undecided = torch.full((90, 90), 0.5)
    blank = drawing.picture(torch.zeros(0, 2), undecided)
    image = drawing.picture(torch.tensor([[0.6, -0.9], [40.0, 0.0]]), undecided)
    y, x = (image != blank).any(0).nonzero().float().mean(0).tolist()
    assert (x + 0.5) / 90 * 2 - 1 == pytest.approx(0.6 / drawing.REACH, abs=0.03)
    assert 1 - (y + 0.5) / 90 * 2 == pytest.approx(-0.9 / drawing.REACH, abs=0.03)


def test_the_surface_is_the_discriminators_probability():
    nets = built(ring.Config(runs=2, latent=2, width=8, asked=True, shown=True))
    drawn = drawing.surface(nets, 10, mode=3)
    place = drawing.plane(10)[2, 7]
    score = nets["discriminator"](place.expand(2, 1, 2), torch.tensor([3]))
    assert torch.allclose(drawn[:, 2, 7], score[:, 0].sigmoid())
    assert place[0] > 0 and place[1] > 0  # to the right of the middle, and above it


def test_a_film_keeps_a_picture_at_each_count_and_does_not_change_the_training():
    setting = ring.Setting(SMALL)
    film = drawing.Film((64, 192), size=30)
    alone, watched = (train(ring.recipe(setting, points=192), hooks=hooks, progress=False,
                            device="cpu") for hooks in ([], [film]))
    assert film.sheet.shape == (4, 3, 30, 30)
    assert torch.equal(film.sheet[1], film.frames[1][0])
    for a, b in zip(alone.networks["generator"].parameters(),
                    watched.networks["generator"].parameters()):
        assert torch.equal(a, b)
