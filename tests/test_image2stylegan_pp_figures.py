"""Image2StyleGAN++'s figures: the module behind their controls, stored embeddings, the embedder."""

import json

import pytest
import torch
from test_stylegan2_figures import directions, network, reader

from synthbook import models
from synthbook.figures import embedder
from synthbook.figures import image2stylegan_pp as ours
from synthbook.figures.encode import png
from synthbook.figures.export import Limits, exported
from synthbook.files import BookError, write_tensors
from synthbook.image2stylegan_pp import (
    Copy,
    Pace,
    Settings,
    Weights,
    quality,
    reached,
    render,
    start,
    transferred,
)
from synthbook.image2stylegan_pp.embedding import Embedding
from synthbook.image2stylegan_pp.held import Held, store, stored


def embeddings(count=3):
    """Codes of some pictures in the small network, whose fitted noise is not the first."""
    at = start(network(), count, "random", seed=3)
    generator = torch.Generator().manual_seed(4)
    return Embedding(at.w, tuple(a + 0.3 * torch.randn(a.shape, generator=generator)
                                 for a in at.added), at.first)


@pytest.fixture(scope="module")
def model():
    return ours.around(Held(network(), embeddings(), directions(), reader()))


def run(model, **changed):
    values = {name: one.value for name, one in ours.controls(model.module).items()}
    values["mask"] = torch.zeros_like(values["mask"])
    return model.run(values | changed)


def number(k):
    return torch.full((1, 1), float(k))


def test_at_rest_it_is_the_embedding(model):
    for k in range(3):
        wanted = render(network(), embeddings()[[k]]).clamp(-1, 1)
        torch.testing.assert_close(run(model, picture=number(k))["image"], wanted)


def test_less_of_the_fitted_noise_is_less_of_it(model):
    plain = embeddings()[[0]]
    got = run(model, share=torch.zeros(1, 1))["image"]
    torch.testing.assert_close(got, render(network(), plain, "first").clamp(-1, 1))
    half = run(model, share=torch.full((1, 1), 0.5))["image"]
    assert (half - got).abs().max() > 0.01 and (half - run(model)["image"]).abs().max() > 0.01


@pytest.mark.parametrize("place", range(3))
def test_copied_features_are_those_of_equation_five(model, place):
    layer = model.module.places[place]
    mask = torch.zeros(1, 32, 32)
    mask[:, 8:20, 4:24] = 1
    got = run(model, other=number(2), mask=mask, layer=number(place))["image"]
    held = embeddings()
    wanted = transferred(network(), held[[2]], held[[0]], mask[None], Copy((layer,)))
    torch.testing.assert_close(got, wanted.clamp(-1, 1))
    beyond = 1 - reached(mask[None], network().config, (layer,))
    assert beyond.any()
    assert ((got - run(model)["image"]) * beyond).abs().max() == 0
    assert (got - run(model)["image"]).abs().max() > 0.01


def test_a_slider_moves_every_row_of_w(model):
    levels = torch.zeros(1, len(directions().names))
    levels[0, 2] = 1.5
    plain = embeddings()[[0]]
    moved = Embedding(plain.w + 1.5 * directions().steps[2], plain.added, plain.first)
    got = run(model, levels=levels)
    torch.testing.assert_close(got["image"], render(network(), moved).clamp(-1, 1))
    torch.testing.assert_close(got["readings"], reader().readings(got["image"]))


def test_the_page_runs_the_same(model):
    _, report = exported(model, Limits(), "image2stylegan-pp/test")
    assert report["inputs"]["mask"] == ["N", 32, 32]
    assert report["outputs"]["image"] == ["N", 3, 32, 32]


@pytest.mark.parametrize("figure", [ours.traits, ours.paste])
def test_figures_describe_themselves(model, monkeypatch, figure):
    monkeypatch.setattr(ours, "shipped", lambda: model)
    told = figure().describe()
    assert json.dumps(told)
    assert told["inputs"][0]["names"] == list(ours.NAMES[:3])
    assert figure().values()["mask"].any() == (figure is ours.paste)


def test_embeddings_survive_a_round_trip_and_others_are_refused(tmp_path):
    path, config = tmp_path / "held.safetensors", network().config
    store(path, embeddings(), {"weights": "abc"})
    found, about = stored(path, config)
    assert about["weights"] == "abc"
    torch.testing.assert_close(found.w, embeddings().w, atol=2e-3, rtol=2e-3)
    for a, b in zip(found.added, embeddings().added):
        torch.testing.assert_close(a, b, atol=2e-3, rtol=2e-3)
    write_tensors(path, {"w": torch.zeros(2, 3)})
    with pytest.raises(BookError, match="no embeddings in this generator: run python data/make"):
        stored(path, config)


def test_what_does_not_fit_is_refused():
    with pytest.raises(BookError, match="do not fit a reader of"):
        Held(network(), embeddings(), directions(directions().names[::-1]), reader())
    short = Embedding(embeddings().w[:, :3], embeddings().added, embeddings().first)
    with pytest.raises(BookError, match=r"\(3, 3, 16\) do not fit a generator of 8 rows"):
        Held(network(), short, directions(), reader())


def test_the_embeddings_that_ship_are_those_of_the_weights_that_ship():
    network = models.load(ours.MODEL)
    found, about = stored(ours.table(), network.config)
    assert about["weights"] == models.record(models.parse(ours.MODEL).weights)["sha256"]
    assert about["names"].split(", ") == list(ours.NAMES) and len(found) == len(ours.subjects())
    told = torch.tensor([float(value) for value in about["psnr_own"].split()])
    reached_here = quality(render(network, found), ours.subjects())
    torch.testing.assert_close(reached_here, told, atol=0.5, rtol=0)  # stored as fp16


# ------------------------------------------------------------------------- the reader's pictures


@pytest.fixture
def widget():
    pace = Pace(4, 0.05)
    plain = Settings(weights=Weights(percept=0.0), w=pace, noise=pace)
    pictures = {"grey": torch.zeros(3, 32, 32), "white": torch.ones(3, 32, 32)}
    return embedder.Embedder(network(), None, pictures, plain, every=2)


def file(name, content):
    return {"name": name, "content": memoryview(content)}


def test_an_embedding_is_shown_as_it_goes(widget):
    said = []
    widget.said.observe(lambda change: said.append(change["new"]), "value")
    widget.embed()
    assert [words.partition(",")[0] for words in said] == [
        "w: step 2 of 4", "w: step 4 of 4", "noise: step 2 of 4", "noise: step 4 of 4"]
    assert widget.made.value == png(render(network(), widget.at)[0])
    assert widget.fresh.value != widget.made.value and not widget.button.disabled


def test_a_picture_that_is_dropped_in_is_cut_scaled_and_chosen(widget):
    wide = torch.full((3, 40, 90), -1.0)
    wide[:, :, 25:65] = 1  # the middle square
    widget.dropped([file("mine.png", png(wide))])
    assert widget.choice.value == "mine.png"
    torch.testing.assert_close(widget.pictures["mine.png"], torch.ones(3, 32, 32))
    assert widget.wanted.value == png(torch.ones(3, 32, 32)) and "memory" in widget.said.value


def test_what_is_no_picture_is_told_in_a_line_and_changes_nothing(widget):
    before = dict(widget.pictures)
    widget.dropped([file("words.png", b"no picture")])
    assert "words.png is damaged or cannot be read" in widget.said.value
    assert "\n" not in widget.said.value
    widget.dropped([file("large.png", b"0" * (embedder.MOST + 1))])
    assert "choose a picture of at most 20 MB" in widget.said.value
    assert widget.pictures == before and widget.choice.value == "grey"


def test_nothing_that_is_dropped_in_is_written(widget, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    widget.dropped([file("mine.png", png(torch.zeros(3, 8, 8)))])
    widget.embed()
    assert widget.choice.value == "mine.png" and not list(tmp_path.iterdir())


def test_without_a_kernel_it_is_a_sentence(widget, monkeypatch):
    monkeypatch.setenv("SYNTHBOOK_STATIC", "1")
    shown = widget._repr_mimebundle_()
    assert shown["text/plain"] == embedder.NO_KERNEL and embedder.NO_KERNEL in shown["text/html"]
    monkeypatch.delenv("SYNTHBOOK_STATIC")
    assert "application/vnd.jupyter.widget-view+json" in widget._repr_mimebundle_()
