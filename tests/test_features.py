"""The networks behind the metrics: their weights, what they refuse, and how they were made."""

import importlib.util
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from synthbook import metrics
from synthbook.files import BookError, data_dir, read_json, sha256
from synthbook.metrics import features

ROOT = Path(__file__).parent.parent


def waves(shift: float, size: int = 64) -> torch.Tensor:
    """(1, 3, size, size): a smooth image that needs no random numbers."""
    y, x = torch.meshgrid(*[torch.linspace(0, 1, size)] * 2, indexing="ij")
    channels = [torch.sin(9 * x + shift), torch.cos(7 * y * x - shift), 2 * (x - shift > y) - 1.0]
    return 0.8 * torch.stack(channels)[None]


def converter():
    spec = importlib.util.spec_from_file_location("make", ROOT / "data/make/convolutions.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_shipped_alexnet_is_the_one_its_provenance_describes():
    path = data_dir() / "weights" / "judges" / "alexnet.safetensors"
    assert sha256(path) == read_json(path.with_suffix(".json"))["sha256"]
    assert path.stat().st_size < 5_000_000


def test_lpips_of_a_fixed_pair_stays_what_the_published_weights_gave():
    """The same weights reproduce five published LPIPS values (see alexnet.json)."""
    values = metrics.lpips(waves(0.0), waves(0.4)), metrics.lpips(waves(0.0), waves(0.05))
    assert torch.cat(values).tolist() == pytest.approx([0.24358, 0.01871], abs=1e-4)


def test_loading_a_network_leaves_the_global_random_state_and_the_console_alone(capfd):
    from synthbook.metrics.perceptual import lpips_network

    before = torch.random.get_rng_state()
    lpips_network.__wrapped__(torch.device("cpu"))
    metrics.untrained.__wrapped__()
    metrics.convolutions()
    assert torch.equal(before, torch.random.get_rng_state())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("extractor", [metrics.alexnet, metrics.untrained])
def test_an_extractor_gives_finite_features_whatever_batch_and_size(extractor):
    images = torch.cat([waves(s, 32) for s in (0.0, 0.2, 0.4)])
    found = extractor()(images)
    assert found.shape == (3, extractor().dim) and found.isfinite().all() and found.std() > 0
    assert torch.allclose(found, extractor()(images, batch=1), atol=1e-5)
    assert torch.equal(extractor()(found), found)


def test_the_untrained_network_is_fixed_by_its_seed():
    image = waves(0.1)
    again = metrics.untrained.__wrapped__(0)(image)
    assert torch.equal(metrics.untrained(0)(image), again)
    assert not torch.allclose(metrics.untrained(1)(image), again)


def test_features_of_another_width_are_refused():
    with pytest.raises(BookError, match=r"features \(N, 256\) of alexnet, got \(5, 7\)"):
        metrics.alexnet()(torch.zeros(5, 7))


class Segmenter(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3)

    def features(self, x):
        return self.first(x).mean((2, 3))


def test_a_judge_is_any_network_with_features():
    judge = metrics.judge("segmenter", Segmenter())
    assert (judge.name, judge.dim) == ("segmenter", 4)
    assert judge(waves(0.0)).shape == (1, 4)
    with pytest.raises(BookError, match="has no method `features`"):
        metrics.judge("segmenter", nn.Conv2d(3, 4, 3))


def test_inception_is_never_fetched_unasked(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    images = torch.zeros(30, 3, 64, 64)
    with pytest.raises(BookError, match="inception.download=True., or read fd_alexnet"):
        metrics.fid(images, images)


def test_a_failed_download_and_a_damaged_file_are_one_line_each(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(BookError, match="cannot download Inception's weights .no network."):
        metrics.inception(download=True)
    path = tmp_path / "checkpoints" / features.INCEPTION
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"half a file")
    with pytest.raises(BookError, match="damaged"):
        metrics.inception()


def test_vgg16_says_how_it_is_made(monkeypatch, tmp_path):
    monkeypatch.setenv("SYNTHBOOK_CACHE", str(tmp_path))
    with pytest.raises(BookError, match="data/make/convolutions.py"):
        metrics.convolutions("vgg16")
    with pytest.raises(BookError, match="unknown network"):
        metrics.convolutions("resnet")


def test_the_converter_reads_arrays_of_a_pickle_without_running_it():
    value = {"net": {"kernel": np.arange(6, dtype=np.float32).reshape(1, 2, 3),
                     "bias": np.ones(2, np.float32)}}
    read = converter().read_arrays(pickle.dumps(value, 3))
    assert np.array_equal(read["net"]["kernel"], value["net"]["kernel"])
    assert np.array_equal(read["net"]["bias"], value["net"]["bias"])


class Trap:
    def __reduce__(self):
        return os.mkdir, (os.environ["TRAP"],)


@pytest.mark.parametrize("value", [{"net": Trap()}, {"net": np.ones(2)}, {"net": {1, 2}}])
def test_the_converter_refuses_what_is_not_float32_arrays(value, monkeypatch, tmp_path):
    monkeypatch.setenv("TRAP", str(tmp_path / "sprung"))
    with pytest.raises(BookError):
        converter().read_arrays(pickle.dumps(value, 3))
    assert not (tmp_path / "sprung").exists()
