"""Every loss against numbers worked out by hand, and the way its gradients point."""

import math

import pytest
import torch

from synthbook import losses


def value(tensor):
    return pytest.approx(tensor, abs=1e-6)


def test_hinge_losses():
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-3.0, 0.0, 1.0])
    assert losses.hinge_d(real, fake).item() == value((0 + 0.5 + 2) / 3 + (0 + 1 + 2) / 3)
    assert losses.hinge_g(fake).item() == value((3 + 0 - 1) / 3)


def test_hinge_gradients_part_the_scores_and_stop_at_the_margin():
    real = torch.tensor([2.0, 0.5], requires_grad=True)
    fake = torch.tensor([-2.0, 0.5], requires_grad=True)
    losses.hinge_d(real, fake).backward()
    assert real.grad.tolist() == [0, -0.5] and fake.grad.tolist() == [0, 0.5]
    fake.grad = None
    losses.hinge_g(fake).backward()
    assert fake.grad.tolist() == [-0.5, -0.5]  # descent raises every score


def test_kl_closed_form():
    mu = torch.tensor([[1.0, 0.0], [0.0, -2.0]]).view(2, 2, 1, 1)
    logvar = torch.tensor([[0.0, math.log(4)], [0.0, 0.0]]).view(2, 2, 1, 1)
    first = 0.5 * 1 + 0.5 * (4 - 1 - math.log(4))
    second = 0.5 * 4
    assert losses.kl(mu, logvar).item() == value((first + second) / 2)
    assert losses.kl(torch.zeros(3, 8, 2, 2), torch.zeros(3, 8, 2, 2)).item() == 0


def test_kl_equals_torchs_and_sums_over_the_latent():
    torch.manual_seed(0)
    mu, logvar = torch.randn(5, 6, 2, 2), torch.randn(5, 6, 2, 2)
    posterior = torch.distributions.Normal(mu, (0.5 * logvar).exp())
    prior = torch.distributions.Normal(torch.zeros_like(mu), 1.0)
    expected = torch.distributions.kl_divergence(posterior, prior).sum((1, 2, 3)).mean()
    assert losses.kl(mu, logvar).item() == pytest.approx(expected.item(), rel=1e-5)
    twice = [torch.cat([x, x], 1) for x in (mu, logvar)]
    assert losses.kl(*twice).item() == pytest.approx(2 * expected.item(), rel=1e-5)


def test_kl_gradient_leads_to_the_prior():
    mu = torch.tensor([[1.0, -1.0]], requires_grad=True)
    logvar = torch.tensor([[1.0, -1.0]], requires_grad=True)
    losses.kl(mu, logvar).backward()
    assert mu.grad.tolist() == [[1, -1]]
    assert logvar.grad[0, 0] > 0 > logvar.grad[0, 1]


def test_feature_matching_averages_layers_and_trains_the_generated_side_only():
    fake = [torch.tensor([1.0, 3.0], requires_grad=True), torch.zeros(2, 2, requires_grad=True)]
    real = [torch.tensor([0.0, 0.0], requires_grad=True), torch.ones(2, 2, requires_grad=True)]
    loss = losses.feature_matching(fake, real)
    assert loss.item() == value((2 + 1) / 2)
    loss.backward()
    assert fake[0].grad.tolist() == [0.25, 0.25] and (fake[1].grad == -0.125).all()
    assert all(r.grad is None for r in real)


def test_feature_matching_refuses_unequal_lists():
    with pytest.raises(ValueError):
        losses.feature_matching([torch.zeros(1)], [torch.zeros(1)] * 2)


def test_class_weights_give_every_present_class_the_same_say():
    label = torch.tensor([[[0, 0, 0, 0], [0, 0, 1, 1]]])
    weight = losses.class_weights(label, 3)
    assert weight.tolist() == value([8 / 6 / 2, 8 / 2 / 2, 0])
    assert (weight[label].mean()).item() == value(1)
    says = [weight[label][label == c].sum().item() for c in (0, 1)]
    assert says[0] == value(says[1])


def test_class_weights_of_a_few_pixels_are_floored():
    label = torch.zeros(1, 100, 100, dtype=torch.long)
    label[0, 0, 0] = 1
    weight = losses.class_weights(label, 2)
    assert weight[1] / weight[0] == pytest.approx(0.9999 / 0.002, rel=1e-4)


def logits_of(label, classes, height):
    """(B, K, H, W) logits that name `label` with this margin."""
    return torch.nn.functional.one_hot(label, classes).movedim(-1, 1).float() * height


def test_segmentation_losses_of_an_undecided_discriminator():
    label = torch.tensor([[[0, 1], [2, 2]]])
    flat = torch.zeros(1, 4, 2, 2)  # three classes and `generated`, all alike
    assert losses.segmentation_d(flat, flat, label).item() == value(2 * math.log(4))
    assert losses.segmentation_g(flat, label).item() == value(math.log(4))


def test_segmentation_losses_of_a_perfect_discriminator():
    label = torch.tensor([[[0, 1], [2, 2]]])
    real = logits_of(label, 4, 40.0)
    fake = logits_of(torch.full_like(label, 3), 4, 40.0)
    assert losses.segmentation_d(real, fake, label).item() == value(0)
    assert losses.segmentation_g(real, label).item() == value(0)
    assert losses.segmentation_g(fake, label).item() == pytest.approx(40, rel=1e-4)
    assert losses.segmentation_d(fake, real, label).item() == pytest.approx(80, rel=1e-4)


def test_segmentation_losses_balance_the_classes():
    label = torch.tensor([[[0, 0, 0, 1]]])
    wrong_small, wrong_large = (logits_of(label, 3, 30.0) for _ in range(2))
    wrong_small[..., 3:] = logits_of(torch.tensor([[[0]]]), 3, 30.0)
    wrong_large[..., :3] = logits_of(torch.tensor([[[1, 1, 1]]]), 3, 30.0)
    small, large = (losses.segmentation_g(x, label).item() for x in (wrong_small, wrong_large))
    assert [small, large] == pytest.approx([15, 15], rel=1e-4)


def test_segmentation_gradients_oppose_each_other():
    label = torch.tensor([[[0, 1]]])
    fake = torch.zeros(1, 3, 1, 2, requires_grad=True)
    losses.segmentation_g(fake, label).backward()
    pulled = fake.grad.clone()
    assert (pulled.gather(1, label[:, None]) < 0).all() and (pulled[:, 2] > 0).all()
    fake.grad = None
    losses.segmentation_d(torch.zeros(1, 3, 1, 2), fake, label).backward()
    assert (fake.grad[:, 2] < 0).all() and (fake.grad.gather(1, label[:, None]) > 0).all()
