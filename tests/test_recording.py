"""How runs of a training time machine are recorded: frames, probes, and where they come from."""

import json
from dataclasses import asdict, dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from told_runs import Told, made
from torch import nn

from synthbook.files import BookError, verified, write_json
from synthbook.plots import save_images
from synthbook.training import Player, Recipe, train


def test_a_sprite_holds_every_picture_in_its_place_with_clear_gaps():
    frames = torch.arange(2 * 3 * 2).view(2, 3, 2, 1, 1, 1).expand(2, 3, 2, 3, 4, 5) / 6 - 1
    sheet = made().sprite(list(frames))
    assert sheet.shape == (3 * 6, 4 * 7, 4)
    for f in range(2):
        for row in range(3):
            for column in range(2):
                y, x = row * 6, (f * 2 + column) * 7
                shade = round(float(frames[f, row, column, 0, 0, 0] + 1) * 127.5)
                assert (sheet[y:y + 4, x:x + 5] == [shade, shade, shade, 255]).all()
                assert not sheet[y + 4:y + 6, x:x + 7, 3].any()
                assert not sheet[y:y + 6, x + 5:x + 7, 3].any()


class Noise(torch.utils.data.Dataset):
    """Sixteen fixed random images."""

    def __len__(self):
        return 16

    def __getitem__(self, i):
        return {"image": torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(i))}


@dataclass(frozen=True)
class Run(Told):
    """A run of one small network, whose batch normalisation a careless probe would disturb."""

    def recipe(self, images):
        def loss(nets, batch, scratch):
            noisy = batch["image"] + torch.randn_like(batch["image"])
            return (nets["maker"](noisy) - batch["image"]).abs().mean(), {}

        build = lambda: {"maker": nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3))}
        return Recipe(Told("config"), Noise, build, {"maker": Player(("maker",), loss, 1e-2)},
                      images=images, batch=8, ema={"maker": 0.5})


PAPER = SimpleNamespace(
    ROWS=("up", "down"),
    frame=lambda recipe, nets: nets["maker"](torch.ones(6, 3, 4, 4)).unflatten(0, (2, 3)),
    probes=lambda recipe, nets: {"weight": float(nets["maker"][0].weight.mean())})


def test_recording_keeps_frames_probes_and_where_they_come_from(tmp_path):
    path = made().record("paper", PAPER, Run("calm"), tmp_path, (8, 32))
    record = verified(path)
    assert record["images"] == [8, 32] and record["rows"] == ["up", "down"]
    assert record["command"] == "python data/make/time_machine.py paper calm"
    assert record["config"] == asdict(Told("config")) and record["seed"] == 0
    early, late = record["probes"]["weight"]
    assert early != late
    sheet = np.asarray(Image.open(path))
    assert record["pitch"] == [6, 6] and record["columns"] == 3
    assert sheet.shape == (6 * 2, 6 * 3 * 2, 4)
    first, second = np.split(sheet, 2, 1)
    assert (first != second).any()


FINISHED = SimpleNamespace(
    ROWS=("up", "down"), COUNTS=(8, 32), SIZE=4,
    chosen=lambda pictures: pictures[:6].unflatten(0, (2, 3)),
    charted=lambda row: {"weight": row["weight"]})


def finished(folder, config):
    """What a training leaves: two snapshots of eight pictures, its log, its weights' record."""
    drawn = torch.rand(2, 8, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for count, images in zip(FINISHED.COUNTS, drawn):
        save_images(folder / "snapshots" / f"{count:08d}.png", images, 4)
    log = [{"images": n, "weight": n / 8, "other": 1} for n in (8, 16, 32)]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in log))
    told = {key: "told" for key in ("seed", "commit", "command", "batch", "device", "minutes",
                                    "torch")}
    write_json(folder / "paper" / "calm.json", {**told, "config": config, "parameters": 5})
    return drawn


def test_a_finished_training_is_gathered_as_if_recorded(tmp_path):
    drawn = finished(tmp_path / "run", asdict(Told("config")))
    attempt = SimpleNamespace(name="calm", recipe=lambda: Run("calm").recipe(32))
    path = made().gathered("paper", FINISHED, attempt, tmp_path, tmp_path / "run")
    record = verified(path)
    assert record["images"] == [8, 32] and record["probes"] == {"weight": [1.0, 4.0]}
    assert record["command"] == "told" and "parameters" not in record
    expected = made().sprite(list(drawn[:, :6].unflatten(1, (2, 3))))
    assert np.array_equal(np.asarray(Image.open(path)), expected)
    other = SimpleNamespace(name="wild", recipe=lambda: Recipe(Told("else"), Noise, dict, {},
                                                               images=32, batch=8))
    with pytest.raises(BookError, match="no training of wild: its config is another"):
        made().gathered("paper", FINISHED, other, tmp_path, tmp_path / "run")


def test_a_training_cut_short_is_refused_with_the_count_that_is_missing(tmp_path):
    finished(tmp_path / "run", asdict(Told("config")))
    log = tmp_path / "run" / "log.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:2]))
    attempt = SimpleNamespace(name="calm", recipe=lambda: Run("calm").recipe(32))
    with pytest.raises(BookError, match="has no line at 32 images: was the training cut short"):
        made().gathered("paper", FINISHED, attempt, tmp_path, tmp_path / "run")


def test_recording_does_not_change_the_training():
    recorder = made().Recorder(PAPER, (8, 24))
    alone, watched = (train(Run("calm").recipe(32), hooks=hooks, progress=False)
                      for hooks in ([], [recorder]))
    assert len(recorder.frames) == len(recorder.rows) == 2
    for name, value in alone.networks["maker"].state_dict().items():
        assert torch.equal(value, watched.networks["maker"].state_dict()[name]), name
