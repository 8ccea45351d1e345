"""Semantic Pyramid's generator, masks and losses: what enters, what cannot, slow versions."""

import pytest
import torch
from tiny_pyramid import TINY, classifier, generator, pictures

from synthbook.files import BookError
from synthbook.semantic_pyramid import (
    LEVELS,
    Config,
    Discriminator,
    Generator,
    Sampling,
    SemanticPyramid,
    level,
    masked,
    nothing,
    only,
    repaint,
    sample,
)
from synthbook.semantic_pyramid.levels import MAPS
from synthbook.semantic_pyramid.masks import at_size, rectangles

SHAPES = TINY.shapes
Z = torch.randn(3, TINY.latent, generator=torch.Generator().manual_seed(4))
CATEGORY = torch.tensor([0, 2, 5])


@pytest.fixture(scope="module")
def features():
    return classifier().pyramid(pictures())


# ------------------------------------------------------------------------------- the levels


def test_levels_are_called_by_name_or_number():
    assert [level(name) for name in LEVELS] == list(range(7)) == [level(k) for k in range(7)]
    assert level("CONV5") == 4
    for wrong in ("fc6", 7, -1, True, None):
        with pytest.raises(BookError, match="choose one of conv1, .*fc8, or 0 to 6"):
            level(wrong)


@pytest.mark.parametrize("wrong, words", [
    ({"shapes": SHAPES[:6]}, "five levels"), ({"size": 64}, "half of 64 pixels"),
    ({"categories": 7}, "fc8 7 wide"), ({"norm": "layer"}, "a norm of"),
    ({"channels": (9, 8, 8, 8, 8)}, "groups of eight"), ({"critic": (8, 8)}, "three of the critic"),
    ({"shapes": ((4, 16, 16), (6, 4, 4), *SHAPES[2:])}, "twice as large")])
def test_a_config_that_cannot_be_built_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        Config(**{**vars(TINY), **wrong})


# ---------------------------------------------------------------------------- the generator


def test_images_have_their_shape_and_range(features):
    image = generator()(Z, features, only(SHAPES, 3, "conv1", "fc8"), CATEGORY)
    assert image.shape == (3, 3, 32, 32) and image.abs().max() <= 1 and image.isfinite().all()


def test_one_more_convolution_at_full_size_and_then_the_colours(features):
    made, seen = generator(fine=6), []
    made.norm.register_forward_hook(lambda *call: seen.append(call[-1]))
    image = made(Z, features, only(SHAPES, 3, "conv2"), CATEGORY)
    last = seen[0].relu().repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(image, made.colour(made.fine(last).relu()).tanh())
    assert made.fine.weight.shape[0] == 6 and image.shape == (3, 3, 32, 32)
    assert not [name for name in generator().state_dict() if name.startswith("fine")]


@pytest.mark.parametrize("norm", ["group", "batch"])
def test_an_absent_level_adds_exactly_nothing(features, norm):
    made = generator(norm=norm)
    without = made(Z, [None] * 7, [None] * 7, CATEGORY)
    assert torch.equal(without, made(Z, features, nothing(SHAPES, 3), CATEGORY))
    assert torch.equal(without, made(Z, features, [None] * 7, CATEGORY))
    some = only(SHAPES, 3, "conv4")
    alone = [f if k == 3 else None for k, f in enumerate(features)]
    assert torch.equal(made(Z, features, some, CATEGORY), made(Z, alone, some, CATEGORY))


@pytest.mark.parametrize("k", range(7))
def test_what_is_under_a_zero_mask_never_changes_a_bit(features, k):
    made = generator()
    masks = only(SHAPES, 3, *(one for one in range(7) if one != k))
    if k < MAPS:  # half of the level is supplied, the other half is not
        masks[k][..., : SHAPES[k][2] // 2] = 1
    image = made(Z, features, masks, CATEGORY)
    for junk in (1e6, float("nan"), float("inf")):
        changed = list(features)
        changed[k] = torch.where(masks[k] > 0, features[k], junk)
        assert torch.equal(image, made(Z, changed, masks, CATEGORY))


@pytest.mark.parametrize("k", range(7))
def test_a_supplied_level_a_latent_and_a_category_matter(features, k):
    made, masks = generator(), only(SHAPES, 3, k)
    image = made(Z, features, masks, CATEGORY)
    assert not torch.equal(image, made(Z, features, nothing(SHAPES, 3), CATEGORY))
    assert not torch.equal(image, made(Z + 1, features, masks, CATEGORY))
    assert not torch.equal(image, made(Z, features, masks, CATEGORY.roll(1)))


def test_features_begin_louder_than_noise_which_no_weight_can_make_louder():
    shapes = ((24, 16, 16), (48, 8, 8), (72, 4, 4), (96, 4, 4), (128, 2, 2), (64,), (10,))
    torch.manual_seed(0)
    model = Generator(Config(shapes, 10, 32))
    fed = []
    for feed in model.feeds[:MAPS]:
        feed.register_forward_hook(lambda module, given, out: fed.append(out.detach().std()))
    x = [torch.randn(8, *shape).relu() for shape in shapes]
    masks, z, category = only(shapes, 8, *range(7)), torch.randn(8, 64), torch.arange(8)
    with torch.no_grad():
        before = model(z, x, masks, category)
        assert min(fed) > 2  # noise arrives with deviation 1
        for block in model.blocks:
            block.skip.weight.mul_(1_000)
            block.skip.bias.mul_(1_000)
            block.conv_1.weight.mul_(1_000)
        after = model(z, x, masks, category)
    assert torch.allclose(before, after, atol=2e-3)


def test_samples_do_not_mix(features):
    made, masks = generator(), only(SHAPES, 3, "conv3")
    whole = made(Z, features, masks, CATEGORY)
    first = made(Z[:1], [f[:1] for f in features], [m[:1] for m in masks], CATEGORY[:1])
    assert torch.allclose(whole[:1], first, atol=1e-5)


def test_gradients_reach_features_only_where_they_are_supplied(features):
    hole = rectangles(3, 32, Sampling(least=0.5, most=0.6), torch.Generator().manual_seed(0))
    masks = repaint(SHAPES, hole, "conv5")
    free = [f.clone().requires_grad_() for f in features]
    generator()(Z, free, masks, CATEGORY).square().sum().backward()
    for f, mask in zip(free, masks):
        assert not f.grad[(mask == 0).expand_as(f)].any()
        assert bool(f.grad.any()) == bool(mask.any())
    assert free[0].grad.any() and not free[6].grad.any()


def test_features_masks_and_categories_that_do_not_fit_are_refused(features):
    made, masks = generator(), nothing(SHAPES, 3)
    short = [*features[:4], features[4][..., :1], *features[5:]]
    for wrong, words in ((features[:6], "7 levels"), (short, r"conv5 is \(3, 8, 2, 2\)")):
        with pytest.raises(BookError, match=words):
            made(Z, wrong, masks, CATEGORY)
    with pytest.raises(BookError, match="mask of fc7"):
        made(Z, features, [*masks[:5], torch.ones(3, 12), masks[6]], CATEGORY)
    with pytest.raises(BookError, match="out of range: choose 0 to 5"):
        made(Z, features, masks, CATEGORY + 1)
    with pytest.raises(BookError, match=r"\(3,\) integers"):
        made(Z, features, masks, CATEGORY.float())


def test_the_discriminator_scores_each_sample_by_itself_with_its_category():
    torch.manual_seed(0)
    critic, image = Discriminator(TINY).eval(), pictures()
    score = critic(image, CATEGORY)
    assert score.shape == (3,)
    assert torch.allclose(score[1:2], critic(image[1:2], CATEGORY[1:2]), atol=1e-5)
    other = critic(image, torch.tensor([1, 2, 5]))
    assert other[0] != score[0] and torch.equal(other[1:], score[1:])


def test_the_whole_model_prepares_reads_and_generates(features):
    model = SemanticPyramid(TINY, classifier())
    image = pictures()
    made = model.generate(image, "conv2")
    assert made.shape == (3, 3, 32, 32) and torch.equal(made, model.generate(image, 1))
    assert not torch.equal(made, model.generate(image, "conv2", seed=1))
    model.train()
    assert not model.classifier.training and not any(
        p.requires_grad for p in model.classifier.parameters())
    with pytest.raises(BookError, match="give a category"):
        model(Z, [None] * 7, [None] * 7)


# -------------------------------------------------------------------------------- the masks


def test_levels_and_regions_are_drawn_as_often_as_they_should_be():
    sampling, count = Sampling((1, 2, 1, 0, 2, 3, 3), regions=0.25), 24_000
    drawn, masks = sample(SHAPES, 32, count, sampling, torch.Generator().manual_seed(0))
    share = torch.bincount(drawn, minlength=7) / count
    expected = torch.tensor(sampling.frequency) / 12
    assert (share - expected).abs().max() < 4 * (0.25 / count) ** 0.5
    assert share[3] == 0
    parts = (masks[0].amax((1, 2, 3)) > 0) & (drawn > 0)
    assert not parts[drawn >= MAPS].any()
    able = (drawn > 0) & (drawn < MAPS)
    assert parts[able].float().mean().item() == pytest.approx(0.25, abs=0.02)


def test_masks_are_those_of_their_mode():
    drawn, masks = sample(SHAPES, 32, 400, Sampling((1,) * 7, regions=0.5),
                          torch.Generator().manual_seed(1))
    assert [tuple(m.shape) for m in masks] == [(400, 1, *s[1:]) for s in SHAPES]
    for b in range(400):
        s, part = int(drawn[b]), 0
        assert masks[s][b].min() == 1  # the level itself, everywhere
        assert all(masks[k][b].max() == 0 for k in range(s + 1, 7))  # nothing coarser
        finer = [masks[k][b, 0] for k in range(min(s, MAPS))]
        if s < MAPS and s and finer[0].any():
            hole = 1 - finer[0]
            part += 1
            assert 0 < hole.mean() <= 0.8**2
            rows, columns = hole.amax(1), hole.amax(0)
            assert torch.equal(hole, rows[:, None] * columns[None])  # one rectangle
        elif s:
            assert not any(m.any() for m in finer)


def test_the_same_region_is_at_all_sizes():
    hole = torch.zeros(1, 1, 32, 32)
    hole[..., 8:24, 16:32] = 1
    for side in (16, 8, 4):
        small = at_size(hole, side)
        assert torch.equal(small.repeat_interleave(32 // side, 2).repeat_interleave(32 // side, 3),
                           hole)
    masks = repaint(SHAPES, hole, "conv4")
    assert masks[3].min() == 1 and not masks[4].any() and not masks[6].any()
    assert all(torch.equal(masks[k], 1 - at_size(hole, SHAPES[k][1])) for k in range(3))


def test_masks_that_make_no_sense_are_refused():
    for which in ("conv1", "fc7"):
        with pytest.raises(BookError, match=f"nothing is repainted at {which}"):
            repaint(SHAPES, torch.zeros(1, 1, 32, 32), which)
    with pytest.raises(BookError, match="a hole is"):
        repaint(SHAPES, torch.full((1, 1, 32, 32), 0.5), "conv5")
    for wrong in ({"frequency": (1,) * 6}, {"frequency": (0,) * 7}, {"regions": 2.0},
                  {"least": 0.9}):
        with pytest.raises(ValueError):
            Sampling(**wrong)


def test_masking_is_a_product_that_nothing_leaks_through():
    x = torch.tensor([[2.0, float("nan")], [float("inf"), -3.0]]).view(1, 1, 2, 2)
    mask = torch.tensor([[0.5, 0.0], [0.0, 1.0]]).view(1, 1, 2, 2)
    assert masked(x, mask).flatten().tolist() == [1, 0, 0, -3]
