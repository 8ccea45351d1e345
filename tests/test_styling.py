"""A SMIS network behind the controls of a figure: wheels, borrowed styles, a morph."""

from dataclasses import replace

import pytest
import torch
from layouts import TINY, scene

from synthbook.layers import one_hot
from synthbook.smis import SMIS, applications
from synthbook.smis.styling import Styled, strongest_axes

SEEN = (0, 1, 2)  # classes that the scenes hold; they never hold class 3


def network(fitted=True):
    """An untrained network whose norms and, where `fitted`, prior are not those it starts with."""
    torch.manual_seed(0)
    model = SMIS(TINY).eval().requires_grad_(False)
    for name, buffer in model.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    if fitted:
        model.centre.normal_()
        model.spread.copy_(torch.linalg.cholesky(covariance()))
    return model


def covariance():
    """Covariances (4, 3, 3) with well separated variances."""
    axes = torch.linalg.qr(torch.randn(4, 3, 3, generator=torch.Generator().manual_seed(2)))[0]
    variance = torch.tensor([4.0, 1.0, 0.25]) * torch.tensor([1.0, 2.0, 0.5, 1.5])[:, None]
    return axes @ torch.diag_embed(variance) @ axes.mT


def controls(count=1, axes=2, seed=0):
    """Random styles, no picture, no morph."""
    style = torch.randn(count, 4, axes, generator=torch.Generator().manual_seed(seed))
    return {"style": style, "picture": torch.zeros(count, 4), "target": torch.zeros(count, 1),
            "morph": torch.zeros(count, 1)}


def styled(model=None, count=2, axes=2):
    image, label, _ = scene(count)
    return Styled(model or network(), image, label, axes), image, label


def test_a_wheel_draws_from_the_prior():
    module, *_ = styled(axes=3)
    many = controls(20_000, axes=3)
    z = module.latents(**many)
    assert torch.allclose(z.mean(0), module.centre, atol=0.1)
    centred = z - z.mean(0)
    found = torch.einsum("nki,nkj->kij", centred, centred) / len(z)
    assert torch.allclose(found, covariance(), atol=0.3)
    assert torch.allclose(module.share, torch.ones(4))


def test_axes_are_the_strongest_and_point_the_same_way():
    axes, share = strongest_axes(network().spread, 2)
    lengths = axes.square().sum(1)
    for c, scale in enumerate((1.0, 2.0, 0.5, 1.5)):
        assert torch.allclose(lengths[c], scale * torch.tensor([4.0, 1.0]), rtol=1e-4)
        assert torch.allclose(covariance()[c] @ axes[c], axes[c] * lengths[c], atol=1e-4)
    assert torch.allclose(share, torch.full((4,), 5 / 5.25))
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    assert (largest > 0).all()


def test_a_style_moves_the_latent_of_its_class_only():
    module, *_ = styled()
    still = controls()
    for c in range(4):
        style = still["style"].clone()
        style[0, c, 1] += 0.7
        moved = module.latents(**still | {"style": style}) - module.latents(**still)
        assert moved[0, c].norm() > 0.1
        assert moved[0, [k for k in range(4) if k != c]].abs().max() == 0


def test_an_image_is_the_networks_own_for_the_same_latents():
    model = network()
    module, _, label = styled(model)
    chosen = controls(2)
    chosen["picture"] = torch.tensor([[1.0, 0, 2, 0], [2, 2, 0, 1]])
    chosen["morph"] = torch.tensor([[0.3], [0.8]])
    z = module.latents(**chosen).flatten(1)[..., None, None]
    expected = model(one_hot(label, 4), z)
    assert torch.allclose(module(label.float(), **chosen), expected, atol=1e-6)
    one = {name: value[1:] for name, value in chosen.items()}
    assert torch.allclose(module(label[1:].float(), **one), expected[1:], atol=1e-5)


def test_borrowed_styles_are_a_mixture():
    model = network(fitted=False)
    module, image, label = styled(model, count=3)
    source = (2, 0, 1, 1)
    chosen = controls() | {"style": torch.zeros(1, 4, 2),
                           "picture": torch.tensor([source]).float() + 1}
    expected = applications.mix(model, image, label, label[1], source)
    assert torch.allclose(module(label[1:2].float(), **chosen)[0], expected, atol=1e-6)


def test_a_borrowed_style_is_a_swap_and_deaf_to_the_wheel():
    model = network()
    module, image, label = styled(model)
    chosen = controls()
    wheel = module.latents(**chosen).flatten(1)[..., None, None]
    codes = model.encode(image, one_hot(label, 4))
    chosen["picture"][0, 2] = 2
    swapped = model.swap(wheel, codes[1:], 2)
    assert torch.equal(module.latents(**chosen).flatten(1)[..., None, None], swapped)
    other = controls(seed=1)["style"]
    moved = module.latents(**chosen | {"style": other}) - module.latents(**chosen)
    assert moved[0, 2].abs().max() == 0 and (moved[0, [0, 1, 3]].norm(dim=1) > 0).all()


def test_a_picture_lends_no_style_of_a_class_that_it_lacks():
    module, *_ = styled()
    chosen = controls()
    wheel = module.latents(**chosen)
    lent = module.latents(**chosen | {"picture": torch.ones(1, 4)})
    assert torch.equal(lent[0, 3], wheel[0, 3])
    assert torch.equal(lent[0, SEEN], module.codes[0, SEEN])


def test_a_morph_is_the_papers():
    model = network(fitted=False)
    module, image, label = styled(model)
    label[1][label[1] == 1] = 0  # the second picture has no class 1
    module = Styled(model, image, label, 2)
    steps = controls(5) | {"style": torch.zeros(5, 4, 2), "picture": torch.ones(5, 4),
                           "target": torch.ones(5, 1),
                           "morph": torch.linspace(0, 1, 5)[:, None]}
    expected = applications.morph(model, image, label, 5)
    assert torch.allclose(module(label[:1].float().expand(5, -1, -1), **steps), expected,
                          atol=1e-5)


def test_a_morph_begins_at_the_chosen_styles_and_ends_at_the_targets():
    module, *_ = styled()
    chosen = controls() | {"target": torch.ones(1, 1)}
    begin = module.latents(**chosen)
    end = module.latents(**chosen | {"morph": torch.ones(1, 1)})
    middle = module.latents(**chosen | {"morph": torch.full((1, 1), 0.5)})
    assert torch.equal(begin, module.latents(**controls()))
    assert torch.equal(end[0, SEEN], module.codes[1, SEEN])
    assert torch.equal(end[0, 3], begin[0, 3])
    assert torch.allclose(middle, (begin + end) / 2, atol=1e-6)


def test_places_find_the_style_of_a_latent():
    module, *_ = styled()
    chosen = controls(3)
    z = module.latents(**chosen)
    assert torch.allclose(module.places(z), chosen["style"], atol=1e-4)
    off = z + torch.randn(z.shape, generator=torch.Generator().manual_seed(5))
    nearest = module.latents(**chosen | {"style": module.places(off)})
    for other in (z, nearest + 0.1 * (z - nearest)):
        assert ((off - nearest).norm(dim=2) <= (off - other).norm(dim=2) + 1e-5).all()


def test_an_image_follows_the_styles_of_the_classes_that_it_holds():
    module, _, label = styled()
    chosen = controls()
    style = chosen["style"].requires_grad_()
    module(label[:1].float(), **chosen).square().sum().backward()
    assert (style.grad[0, SEEN].norm(dim=1) > 0).all()
    assert style.grad[0, 3].abs().max() == 0  # a class that the map does not hold


@pytest.mark.parametrize("config", [replace(TINY, split=False), replace(TINY, latent_map=True)])
def test_a_network_without_a_vector_for_each_class_is_refused(config):
    image, label, _ = scene(1)
    with pytest.raises(ValueError, match="latent vector for each class"):
        Styled(SMIS(config), image, label)


def test_more_axes_than_a_latent_has_are_refused():
    image, label, _ = scene(1)
    with pytest.raises(ValueError, match="axes"):
        Styled(network(), image, label, 4)
