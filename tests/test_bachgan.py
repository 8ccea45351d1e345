"""BachGAN: substitution, fusion, what each variant hears, its game, painting from boxes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from few_boxes import CLASSES, SIZE, THINGS, random_boxes
from test_variants import multiplications

from synthbook import game
from synthbook.bachgan import (
    BachGAN,
    Config,
    Fusion,
    MemoryBank,
    Network,
    config,
    layout_of,
    rasterise,
    recipe,
    substitute,
)
from synthbook.bachgan.layout import pack
from synthbook.bachgan.network import VARIANTS, encode
from synthbook.bachgan.painting import Painter
from synthbook.discriminators import SegmentationDiscriminator
from synthbook.files import BookError

TINY = Config(6, (16, 16), channels=(12, 12, 8), hidden=(6, 6), things=THINGS)


def tiny(variant):
    return replace(TINY, **VARIANTS[variant])


def batch_of(variant="bachgan", count=4):
    """A batch as training has it: images, labels, boxes and as many maps as the variant takes."""
    rng = np.random.default_rng(0)
    model, size = tiny(variant), (16, 16)
    label = torch.from_numpy(rng.integers(0, CLASSES, (count, 4, 4)))
    label = label.repeat_interleave(4, 1).repeat_interleave(4, 2)
    image = torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    maps = label.flip(-1)[:, None].repeat(1, model.maps, 1, 1) if model.maps else \
        label[:, None][:, :0]
    if model.condition == "label":
        maps = label[:, None]
    return {"image": image, "label": label, "maps": maps,
            "boxes": pack([random_boxes(rng, size) for _ in range(count)])}


# ----------------------------------------------------------------- substitution and fusion


def test_substitution_equals_a_literal_loop():
    rng = np.random.default_rng(3)
    maps = torch.from_numpy(rng.integers(0, CLASSES + 1, (2, 3, *SIZE)))
    maps[maps == CLASSES] = 255
    layout = rasterise(pack([random_boxes(rng), random_boxes(rng)]), CLASSES, SIZE)
    slow = torch.zeros(2, 3, CLASSES, *SIZE)
    for b, i, y, x in np.ndindex(2, 3, *SIZE):
        if maps[b, i, y, x] < CLASSES:
            slow[b, i, maps[b, i, y, x], y, x] = 1  # one-hot
        if layout[b, :, y, x].any():
            slow[b, i, :, y, x] = 0  # erased in every box
        for c in THINGS:
            slow[b, i, c, y, x] = layout[b, c, y, x]  # the query's things, everywhere
    assert torch.equal(substitute(encode(maps, CLASSES), layout, THINGS), slow)


def test_a_remembered_thing_outside_the_boxes_leaves_a_hole():
    maps = torch.full((1, 1, *SIZE), 1)
    maps[..., 10:14, 10:14] = 5
    layout = layout_of([[2, 0, 0, 6, 6]], THINGS, CLASSES, SIZE)[None]
    found = substitute(encode(maps, CLASSES), layout, THINGS)[0, 0]
    assert found[:, 12, 12].sum() == 0 and found[1, 8, 8] == 1
    assert found[:, 3, 3].tolist() == [0, 0, 1, 0, 0, 0]


def test_nothing_remembered_leaves_the_layout():
    layout = layout_of([[2, 0, 0, 6, 6]], THINGS, CLASSES, SIZE)[None]
    nothing = torch.full((1, 2, *SIZE), 255)
    assert torch.equal(substitute(encode(nothing, CLASSES), layout, THINGS),
                       layout[:, None].expand(-1, 2, -1, -1, -1))


@pytest.mark.parametrize("m", [1, 3, 5])
def test_fusion_equals_its_formula(m):
    torch.manual_seed(0)
    fusion, layout = Fusion(CLASSES), torch.rand(2, CLASSES, *SIZE)
    memory = torch.rand(2, m, CLASSES, *SIZE)
    f = lambda x: F.relu(F.conv2d(x, fusion.first.weight, fusion.first.bias, padding=1))
    g = lambda x: F.relu(F.conv2d(x, fusion.second.weight, fusion.second.bias, padding=1))
    m_0 = f(layout)
    for i in range(m):
        m_0 = m_0 + f(memory[:, i]) / m
    made = fusion(layout, memory)
    assert torch.allclose(made, g(m_0) + f(layout), atol=1e-5)
    assert made.shape == layout.shape and made.max() > 1
    assert torch.allclose(made, fusion(layout, memory.flip(1)), atol=1e-5)  # order is no matter


@torch.no_grad()
def test_the_condition_begins_as_the_layout_and_half_of_memory():
    torch.manual_seed(0)
    layout = torch.zeros(1, 40, 16, 16)
    layout[:, 3, 4:12, 4:12] = 1
    memory = layout[:, None].repeat(1, 3, 1, 1, 1)
    memory[:, :, 7] = 1 - layout[:, 3]  # one background everywhere else
    made = Fusion(40)(layout, memory)
    assert made[0, 3, 6:10, 6:10].mean() == pytest.approx(1.5, abs=0.4)
    assert made[0, 7, :, :2].mean() == pytest.approx(0.5, abs=0.4)
    assert made.abs().mean() < 0.15


def test_fusion_learns_from_the_layout_and_from_every_map():
    fusion = Fusion(CLASSES)
    layout = torch.rand(1, CLASSES, *SIZE, requires_grad=True)
    memory = torch.rand(1, 3, CLASSES, *SIZE, requires_grad=True)
    (fusion(layout, memory) * torch.randn(1, CLASSES, *SIZE)).sum().backward()
    assert layout.grad.any() and memory.grad.flatten(2).any(2).all()
    assert all(p.grad.any() for p in fusion.parameters())


@pytest.mark.parametrize("classes, thousands", [(35, 22), (151, 411)])
def test_the_published_modules_size(classes, thousands):
    assert round(sum(p.numel() for p in Fusion(classes).parameters()) / 1e3) == thousands


# ------------------------------------------------------------------------------- variants


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_hears_what_its_name_says(variant):
    torch.manual_seed(0)
    model, batch = BachGAN(tiny(variant)).eval(), batch_of(variant)
    layout = rasterise(batch["boxes"], CLASSES, (16, 16))
    with torch.no_grad():
        image = model(layout, batch["maps"])
        assert image.shape == (4, 3, 16, 16) and image.abs().max() <= 1
        other = model(layout, batch["maps"].roll(1, 0))
        bare = model(torch.zeros_like(layout), batch["maps"])
    assert (image - other).abs().max().item() > 1e-5 or model.config.maps == 0
    assert torch.equal(image, bare) == (model.config.condition == "label")


def test_only_fusion_has_its_module_and_only_one_variant_a_head():
    for variant in VARIANTS:
        network = Network(tiny(variant))
        assert hasattr(network, "fusion") == (tiny(variant).condition == "fusion")
        assert hasattr(network, "segment") == (variant == "spade-seg")


def test_retrieval_alone_is_conditioned_on_the_substituted_map():
    network, batch = Network(tiny("bachgan-r")), batch_of("bachgan-r")
    layout = rasterise(batch["boxes"], CLASSES, (16, 16))
    expected = substitute(encode(batch["maps"], CLASSES), layout, THINGS)[:, 0]
    assert torch.equal(network.condition(layout, batch["maps"]), expected)


def test_a_wrong_number_of_maps_is_refused():
    layout = torch.zeros(1, CLASSES, 16, 16)
    with pytest.raises(BookError, match="fusion takes 3 label maps .* got 2"):
        Network(TINY)(layout, torch.zeros(1, 2, 16, 16, dtype=torch.long))
    with pytest.raises(ValueError, match="expected a tensor of shape"):
        Network(TINY)(layout[..., :8], torch.zeros(1, 3, 16, 16, dtype=torch.long))
    for wrong in ({"condition": "boxes"}, {"condition": "map"}, {"maps": 0},
                  {"condition": "guess"}, {"source": "guess"}):
        with pytest.raises(ValueError, match="maps?|unknown"):
            replace(TINY, **wrong)


@pytest.mark.parametrize("size", [32, 64])
def test_variants_are_of_one_size(size):
    weights = [sum(p.numel() for p in Network(config(v, size, 40, range(19, 40))).parameters())
               for v in VARIANTS]
    assert max(weights) < 1.07 * min(weights)


@pytest.mark.parametrize("size, variant, most", [
    (32, "spade-boxes", 0.12), (32, "bachgan", 0.19),  # a convolution of 40 classes for each map
    (64, "spade-boxes", 0.7), (64, "bachgan", 0.7)])
def test_generators_stay_within_the_budget_of_their_scale(size, variant, most):
    made = config(variant, size, 40, range(19, 40))
    cost = multiplications(Network(made), torch.zeros(1, 40, size, size),
                           torch.zeros(1, made.maps, size, size, dtype=torch.long), made.segment)
    assert cost <= most


# --------------------------------------------------------------------------------- the game


def networks(variant):
    torch.manual_seed(0)
    return {"generator": Network(tiny(variant)),
            "discriminator": SegmentationDiscriminator(len(THINGS) + 1, 4)}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_loss_moves_the_whole_generator(variant):
    nets, scratch = networks(variant), {"done": 0.5}
    setting = game.Setting(tiny(variant), weights=recipe.Weights())
    nets["discriminator"].requires_grad_(False)
    loss, terms = recipe.generator_loss(setting, nets, batch_of(variant), scratch)
    assert ("g_labels" in terms) == (variant == "spade-seg")
    expected = sum(getattr(setting.weights, k.removeprefix("g_")) * v for k, v in terms.items())
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    loss.backward()
    assert all(p.grad is not None and p.grad.any() for p in nets["generator"].parameters())
    nets["discriminator"].requires_grad_(True)
    loss, _ = recipe.discriminator_loss(setting, nets, batch_of(variant), scratch)
    loss.backward()
    assert all(p.grad is not None for p in nets["discriminator"].parameters())


def test_the_discriminator_never_learns_what_memory_said():
    losses = []
    for maps in (batch_of()["maps"], batch_of()["maps"].roll(1, 0)):
        nets, scratch = networks("bachgan"), {}
        nets["discriminator"].eval()
        nets["generator"].forward = lambda layout, maps: torch.zeros(4, 3, 16, 16)
        setting = game.Setting(TINY, weights=recipe.Weights())
        batch = batch_of() | {"maps": maps, "label": torch.randint(0, 6, (4, 16, 16))}
        recipe.generator_loss(setting, nets, batch, scratch)
        losses.append(recipe.discriminator_loss(setting, nets, batch, scratch)[0].item())
    assert losses[0] == losses[1]


@pytest.mark.parametrize("variant", ["bachgan", "bachgan-r", "spade-boxes", "segmentation"])
def test_a_variant_learns_eight_images(variant):
    torch.manual_seed(0)
    batch = batch_of(variant, 8)
    colours = torch.rand(8, CLASSES, 3) * 1.6 - 0.8
    batch["image"] = torch.stack([colours[b][batch["label"][b]].movedim(-1, 0) for b in range(8)])
    network = Network(replace(tiny(variant), channels=(20, 20, 16), hidden=(10, 10)))
    layout = rasterise(batch["boxes"], CLASSES, (16, 16))
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    errors = []
    for _ in range(50):
        errors.append((network(layout, batch["maps"]) - batch["image"]).abs().mean())
        optimiser.zero_grad()
        errors[-1].backward()
        optimiser.step()
    assert errors[-1] < 0.6 * errors[0]


def test_deviations_are_told_with_the_weights_in_use():
    rows = recipe.deviations(recipe.Weights(l1=3.25))
    assert all(len(row) == 4 and all(text.strip() for text in row) for row in rows)
    assert len({part for part, *_ in rows}) == len(rows) == len(recipe.DEVIATIONS)
    assert "3.25" in {part: text for part, _, text, _ in rows}["perceptual loss"]


# -------------------------------------------------------------------------------- painting


def bank_maps(count=9):
    rng = np.random.default_rng(4)
    coarse = torch.from_numpy(rng.integers(0, CLASSES, (count, 4, 4), dtype=np.uint8))
    return coarse.repeat_interleave(4, 1).repeat_interleave(4, 2)


@pytest.mark.parametrize("variant", [
    v for v in VARIANTS if tiny(v).source in ("top", "random")])
def test_painting_shows_every_step(variant):
    torch.manual_seed(0)
    model, boxes = BachGAN(tiny(variant)).eval(), [[2, 0, 0, 6, 6], [5, 8, 4, 12, 16]]
    made = Painter(model, bank_maps())(boxes)
    m = model.config.maps
    assert made.maps.shape == (m, 16, 16) and made.memory.shape == (m, CLASSES, 16, 16)
    assert torch.equal(made.layout, layout_of(boxes, THINGS, CLASSES, (16, 16)))
    with torch.no_grad():
        assert torch.equal(made.image, model(made.layout[None], made.maps[None])[0])
        assert torch.equal(made.condition, model.generator.condition(
            made.layout[None], made.maps[None])[0])
    if model.config.source == "top" and m:
        expected = MemoryBank(bank_maps().numpy(), THINGS).top(boxes, m)
        assert made.index.tolist() == expected[0].tolist()
        assert 0 not in Painter(model, bank_maps())(boxes, key=0).index
    again = Painter(model, bank_maps())(boxes[::-1])
    assert torch.equal(again.image, made.image)  # the order of boxes does not matter


def test_painting_without_boxes_remembers_nothing():
    model = BachGAN(TINY).eval()
    made = Painter(model, bank_maps())([])
    assert (made.maps == 255).all() and not made.layout.any() and not made.memory.any()
    assert made.image.isfinite().all()


def test_adding_a_box_changes_the_layout_there_and_may_change_what_is_remembered():
    painter = Painter(BachGAN(TINY).eval(), bank_maps())
    before = painter([[2, 0, 0, 6, 6]])
    after = painter([[2, 0, 0, 6, 6], [5, 8, 8, 12, 12]])
    changed = (before.layout != after.layout).any(0)
    assert changed[8:12, 8:12].all() and changed.sum() == 16
    assert not torch.equal(before.image, after.image)


def test_a_painter_refuses_what_it_cannot_paint():
    for variant in ("segmentation", "kin-3"):
        with pytest.raises(BookError, match="follow from a scene, not from boxes"):
            Painter(BachGAN(tiny(variant)), bank_maps())
    with pytest.raises(BookError, match=r"the bank's maps are \(8, 16\)"):
        Painter(BachGAN(TINY), bank_maps()[:, :8])
    with pytest.raises(BookError, match="boxes name things"):
        Painter(BachGAN(TINY).eval(), bank_maps())([[1, 0, 0, 3, 3]])
