"""Traits of portraits and the judge that reads them."""

import numpy as np
import pytest
import torch

from synthbook import judges, models
from synthbook.datasets.cache import cached
from synthbook.datasets.faces import Faces
from synthbook.datasets.traits import NAMES, TRAITS, WithTraits, trait_table, trait_values
from synthbook.judges import JUDGES, PROPOSES, Reader, ReaderConfig, agreement, agreement_rows

GRADED = tuple(trait.graded for trait in TRAITS)
TINY = ReaderConfig(("flag", "tone"), (False, True), (0.25, 3.0), (0.5, 2.0), width=4)


def test_traits_are_those_of_the_scene():
    faces = Faces(size=32, count=400)
    table = trait_table(faces, 400)
    assert table.shape == (400, len(NAMES)) and len(set(NAMES)) == len(NAMES)
    glasses = torch.tensor([faces.scene(i).glasses != "none" for i in range(400)])
    assert torch.equal(table[:, NAMES.index("glasses")].bool(), glasses)
    plain = table[:, [not graded for graded in GRADED]]
    assert plain.unique().tolist() == [0, 1] and (0.08 < plain.mean(0)).all()
    assert (plain.mean(0) < 0.75).all()
    bald = torch.tensor([faces.scene(i).hair == "bald" for i in range(400)])
    assert torch.equal(table[:, NAMES.index("light hair")].isnan(), bald)
    assert table.isnan().sum() == bald.sum() > 0


@pytest.mark.parametrize("trait", TRAITS, ids=lambda trait: trait.name)
def test_a_trait_can_be_set_alone(trait):
    faces, t = Faces(size=32, count=60), NAMES.index(trait.name)
    low, high = ([trait_values(change(faces.scene(i))) for i in range(60)]
                 for change in (trait.low, trait.high))
    gap = np.array(high) - np.array(low)
    assert (gap[~np.isnan(gap[:, t]), t] > 0).all()
    if not trait.graded:
        assert (np.array(low)[:, t] == 0).all() and (np.array(high)[:, t] == 1).all()
    others = [u for u, name in enumerate(NAMES) if u != t
              and not (trait.name == "long hair" and name == "light hair")]  # bald, then not
    assert np.nanmax(np.abs(gap[:, others])) == 0


@pytest.mark.parametrize("trait", [trait for trait in TRAITS if trait.graded],
                         ids=lambda trait: trait.name)
def test_graded_traits_are_set_about_one_deviation_off(trait):
    faces = Faces(size=32, count=500)
    values = trait_table(faces, 500)[:, NAMES.index(trait.name)]
    mean, deviation = values.nanmean(), values[~values.isnan()].std()
    low, high = (trait.read(change(faces.scene(1))) for change in (trait.low, trait.high))
    assert -1.6 < (low - mean) / deviation < -0.6 and 0.6 < (high - mean) / deviation < 1.6


def test_rendered_traits_differ_where_they_should():
    faces = Faces(size=32, count=20, jitter=0)
    scene = faces.scene(0)
    label = faces.render(scene).label
    for name, c in (("light background", 0), ("dark skin", 1), ("light clothes", 7)):
        trait = TRAITS[NAMES.index(name)]
        low, high = (faces.render(change(scene)).image.astype(float).mean(2)[label == c].mean()
                     for change in (trait.low, trait.high))
        assert (high < low) if name == "dark skin" else (high > low)


def test_items_hold_their_traits(tmp_path, monkeypatch):
    monkeypatch.setenv("SYNTHBOOK_CACHE", str(tmp_path))
    portraits = WithTraits(cached(Faces(size=32, count=3), progress=False))
    item = portraits[2]
    assert len(portraits) == 3 and {"image", "label", "traits"} <= set(item)
    assert np.array_equal(item["traits"], trait_values(Faces(size=32).scene(2)), equal_nan=True)


# ------------------------------------------------------------------------------- the reader


def test_shapes_at_every_size():
    for size in (32, 64):
        config = ReaderConfig(("a", "b", "c"), (False, True, True), (0.5, 0, 0), (0.5, 1, 1), 4,
                              size=size)
        reader = Reader(config).eval()
        image = torch.randn(2, 3, size, size)
        assert reader(image).shape == (2, 2, 3)
        assert reader.eyes[0].pyramid(image)[-1].shape[2:] == (4, 4)
        assert reader.features(image).shape[0] == 2 and reader.features(image).dim() == 2


def test_the_two_networks_share_nothing():
    reader = Reader(TINY).eval()
    image = torch.randn(2, 3, 32, 32)
    first, second = reader.readings(image, PROPOSES), reader.readings(image, JUDGES)
    assert not torch.allclose(first, second)
    before = reader.features(image)
    for parameter in reader.eyes[PROPOSES].parameters():
        parameter.data += 1
    assert torch.equal(reader.readings(image, JUDGES), second)
    assert torch.equal(reader.features(image), before)


def test_readings_are_deviations_from_the_mean():
    reader = Reader(TINY).eval()
    for eye in reader.eyes:
        eye.head.weight.data.zero_()
        eye.head.bias.data = torch.tensor([40.0, -1.5])
    assert torch.allclose(reader.readings(torch.randn(3, 3, 32, 32), batch=2),
                          torch.tensor([[1.5, -1.5]]).expand(3, 2), atol=1e-5)


def test_the_loss_leaves_out_what_is_not_known():
    def reader(image):
        return torch.zeros(2, len(image), 2, requires_grad=True)

    batch = {"image": torch.zeros(2, 3, 32, 32),
             "traits": torch.tensor([[1.0, 7.0], [0.0, torch.nan]])}
    loss, _ = judges.reading_loss(TINY, {"reader": reader}, batch, {})
    log2 = np.log(2)
    assert loss.item() == pytest.approx((log2 + log2 + 2.0**2 / 2) / 3, rel=1e-5)
    batch["traits"][1, 1] = 3.0  # its mean, which is what the network says
    loss, _ = judges.reading_loss(TINY, {"reader": reader}, batch, {})
    assert loss.item() == pytest.approx((log2 + log2 + 2.0**2 / 2) / 4, rel=1e-5)


def test_a_reader_learns_what_two_kinds_of_image_say():
    torch.manual_seed(0)
    reader = Reader(TINY)
    flag, tone = torch.arange(16) % 2, torch.linspace(-1, 1, 16)
    image = 0.5 * tone[:, None, None, None].expand(-1, 3, 32, 32).clone()
    image[flag == 1, :, 8:16] += 0.4
    batch = {"image": image, "traits": torch.stack([flag, 3 + 2 * tone], 1).float()}
    optimiser = torch.optim.Adam(reader.parameters(), 5e-3)
    for _ in range(40):
        loss, _ = judges.reading_loss(TINY, {"reader": reader}, batch, {})
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for eye in (PROPOSES, JUDGES):
        r = agreement(reader.train().readings(image, eye), batch["traits"])
        assert (r > 0.9).all()


def test_agreement_is_pearsons_r_over_what_is_known():
    rng = np.random.default_rng(0)
    a, b = torch.from_numpy(rng.normal(size=(2, 40, 3)))
    b = a + b
    b[5, 1] = b[9, 1] = torch.nan
    found = agreement(a, b)
    for t in range(3):
        known = b[:, t].isfinite()
        wanted = np.corrcoef(a[known, t], b[known, t])[0, 1]
        assert found[t].item() == pytest.approx(wanted, rel=1e-6)
    twice = torch.ones(40)
    twice[:7] = 2
    assert torch.allclose(agreement(a, b, twice),
                          agreement(torch.cat([a, a[:7]]), torch.cat([b, b[:7]])))
    assert agreement(a, torch.ones(40, 3)).isnan().all()


def test_a_judges_rows_hold_every_trait_and_their_mean():
    reader = Reader(TINY).eval()
    images = torch.randn(30, 3, 32, 32)
    readings = reader.readings(images)
    rows = agreement_rows(reader, images, readings + 0.01 * torch.randn(30, 2))
    assert set(rows) == {"r", "r_flag", "r_tone"}
    assert all(row.low <= row.value <= row.high <= 1 and row.n == 30 for row in rows.values())
    assert rows["r"].value == pytest.approx(
        (rows["r_flag"].value + rows["r_tone"].value) / 2)


def test_the_recipe_knows_its_data_and_builds_what_is_stored(tmp_path, monkeypatch):
    monkeypatch.setenv("SYNTHBOOK_CACHE", str(tmp_path))
    name = models.parse("judges/reader", "laptop")
    assert str(name) == "judges/reader@faces-32-s0"
    recipe = models.recipe(name, "smoke")
    config = recipe.config
    assert config.names == NAMES and config.graded == GRADED and config.size == 32
    shares = [m for m, graded in zip(config.means, GRADED) if not graded]
    deviations = [d for d, graded in zip(config.deviations, GRADED) if not graded]
    assert all(d == pytest.approx((m * (1 - m)) ** 0.5, abs=1e-3)
               for m, d in zip(shares, deviations))
    stored = {**vars(config), "names": list(config.names), "graded": list(config.graded),
              "means": list(config.means), "deviations": list(config.deviations)}
    rebuilt = models.MODELS["judges/reader"].assemble(stored)
    assert rebuilt.config == config
    rebuilt.load_state_dict(recipe.build()["reader"].state_dict())
    assert sum(p.numel() for p in rebuilt.parameters()) < 200_000
