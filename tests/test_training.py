"""The loop: bit-identical resume, accumulation of progress, refusals."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from synthbook.files import BookError, read_tensors
from synthbook.training import Batches, Player, Recipe, schedule, train, update_ema


@dataclass(frozen=True)
class Tiny:
    width: int = 8


class Dots(torch.utils.data.Dataset):
    """Forty fixed random images."""

    def __init__(self):
        self.images = torch.randn(40, 3, 8, 8, generator=torch.Generator().manual_seed(5))

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return {"image": self.images[i]}


def critic_loss(nets, batch, scratch):
    noisy = batch["image"] + torch.randn_like(batch["image"])
    score = nets["critic"](noisy).mean()
    return F.softplus(-score), {"critic": score}


def maker_loss(nets, batch, scratch):
    fake = nets["maker"](torch.randn_like(batch["image"]))
    return F.softplus(-nets["critic"](fake).mean()), {"maker": fake.mean()}


def tiny_recipe(images=160):
    def build():
        net = lambda out: nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8),
                                        nn.Dropout(0.3), nn.ReLU(), nn.Conv2d(8, out, 1))
        return {"maker": net(3), "critic": net(1)}

    return Recipe(Tiny(), Dots, build, {"maker": Player(("maker",), maker_loss, 1e-3),
                                        "critic": Player(("critic",), critic_loss, 1e-3)},
                  images=images, batch=8, ema={"maker": 0.9}, decay_to=0.1,
                  sample=lambda nets: nets["maker"](torch.ones(4, 3, 8, 8)).tanh(), snapshots=4)


def state(run):
    return {f"{k}/{n}": v.clone() for k, net in {**run.networks, **{
        "ema_" + k: v for k, v in run.averaged.items()}}.items()
        for n, v in net.state_dict().items()}


def test_resumed_run_equals_unbroken_run_bit_for_bit(tmp_path):
    whole = train(tiny_recipe(), out=tmp_path / "whole", progress=False)

    def stop_at_7(run):
        if run.step == 7:
            raise KeyboardInterrupt

    folder = tmp_path / "broken"
    with pytest.raises(KeyboardInterrupt):
        train(tiny_recipe(), out=folder, progress=False, hooks=[stop_at_7], checkpoint_minutes=0)
    resumed = train(tiny_recipe(), out=folder, resume=True, progress=False)
    assert resumed.step == whole.step == 20
    for name, value in state(whole).items():
        assert torch.equal(value, state(resumed)[name]), name
    steps = [json.loads(line)["step"] for line in (folder / "log.jsonl").open()]
    assert steps == sorted(set(steps)) == [row["step"] for row in whole.log]


def test_run_killed_at_random_resumes_identically(tmp_path):
    script = (f"import sys; sys.path.insert(0, {str(os.path.dirname(__file__))!r})\n"
              "import torch; torch.set_num_threads(1)\n"
              "import test_training as t\n"
              "t.train(t.tiny_recipe(480), out=sys.argv[1], resume=True, progress=False,"
              " checkpoint_minutes=0)\n")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", script]
    broken = subprocess.Popen([*command, str(tmp_path / "broken")], env=environment)
    mark = tmp_path / "broken" / "checkpoint.safetensors"
    while not mark.exists():
        assert broken.poll() is None
        time.sleep(0.02)
    time.sleep(random.random() * 0.5)
    broken.send_signal(signal.SIGKILL)
    broken.wait()
    for name in ("broken", "whole"):
        subprocess.run([*command, str(tmp_path / name)], env=environment, check=True)
    one, two = (read_tensors(tmp_path / n / "checkpoint.safetensors")[0]
                for n in ("broken", "whole"))
    assert one.keys() == two.keys()
    for name in one:
        assert torch.equal(one[name], two[name]), name


TWO = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import torch
torch.set_num_threads(1)
import test_training as t
from synthbook.files import write_tensors
rank = int(os.environ["RANK"])
run = t.train(t.tiny_recipe(80), out=sys.argv[2], progress=False, device="cpu")
assert run.main == (rank == 0)
late = t.train(t.tiny_recipe(80), progress=False, device="cpu", max_minutes=60 * (1 - rank))
assert late.step == 1, late.step  # one process is over its time: both stop
state = {k: v.detach() for k, v in run.best["critic"].named_parameters()}
write_tensors(Path(sys.argv[2]) / f"rank{rank}", state, {"step": str(run.step)})
"""


def test_two_processes_train_one_network(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    out, here = tmp_path / "out", os.path.dirname(__file__)
    world = {**os.environ, "OMP_NUM_THREADS": "1", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
             "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    both = [subprocess.Popen([sys.executable, "-c", TWO, here, str(out)],
                             env={**world, "RANK": rank, "LOCAL_RANK": rank}) for rank in "01"]
    assert [process.wait(timeout=600) for process in both] == [0, 0]
    (one, first), (two, second) = (read_tensors(out / f"rank{rank}") for rank in range(2))
    assert first == second == {"step": "10"}
    assert one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)
    steps = [json.loads(line)["step"] for line in (out / "log.jsonl").open()]
    assert steps == sorted(set(steps)) and steps[-1] == 10
    alone = train(tiny_recipe(80), progress=False, device="cpu").best["critic"]
    assert not torch.equal(alone.get_parameter("0.weight"), one["0.weight"])


def test_another_seed_is_another_run(tmp_path):
    one, two = (train(tiny_recipe(40), seed=s, progress=False) for s in (0, 1))
    assert not torch.equal(state(one)["maker/0.weight"], state(two)["maker/0.weight"])


def test_a_run_is_not_overwritten_unless_it_goes_on(tmp_path):
    train(tiny_recipe(40), out=tmp_path, progress=False)
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    with pytest.raises(BookError, match="add --resume"):
        train(tiny_recipe(40), seed=1, out=tmp_path, progress=False)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == kept


def test_resume_refuses_another_run_and_a_damaged_checkpoint(tmp_path):
    train(tiny_recipe(40), out=tmp_path, progress=False)
    with pytest.raises(BookError, match="another run"):
        train(tiny_recipe(40), seed=3, out=tmp_path, resume=True, progress=False)
    file = tmp_path / "checkpoint.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(BookError, match="damaged"):
        train(tiny_recipe(40), out=tmp_path, resume=True, progress=False)


def test_each_player_moves_only_its_networks():
    frozen = {}

    def loss(nets, batch, scratch):
        frozen.update({k: any(p.requires_grad for p in n.parameters()) for k, n in nets.items()})
        return maker_loss(nets, batch, scratch)

    recipe = tiny_recipe(8)
    before = {}

    def build():
        nets = recipe.build()
        before.update(nets["critic"].state_dict())
        before.update({k: v.clone() for k, v in before.items()})
        return nets

    run = train(Recipe(Tiny(), Dots, build, {"maker": Player(("maker",), loss, 1e-2)}, 8, 8),
                progress=False)
    assert frozen == {"maker": True, "critic": False}
    assert torch.equal(run.networks["critic"].state_dict()["0.weight"], before["0.weight"])


def test_divergence_stops_with_one_line():
    def broken(nets, batch, scratch):
        loss = nets["maker"](batch["image"]).mean() * float("nan")
        return loss, {"loss": loss}

    recipe = tiny_recipe(160)
    recipe = Recipe(Tiny(), Dots, recipe.build, {"maker": Player(("maker",), broken, 1e-3)}, 160, 8)
    with pytest.raises(BookError, match="training diverged"):
        train(recipe, progress=False)


def test_batches_cover_an_epoch_once_and_split_over_processes():
    whole = list(Batches(40, 8, seed=1, start=0, stop=10))
    assert sorted(sum(whole[:5], [])) == list(range(40))
    assert whole[:5] != whole[5:]
    assert list(Batches(40, 8, 1, 3, 10)) == whole[3:]
    parts = [list(Batches(40, 8, 1, 0, 10, rank, 2)) for rank in range(2)]
    assert [sorted(a + b) for a, b in zip(*parts)] == [sorted(b) for b in whole]
    with pytest.raises(BookError, match="fewer than one batch"):
        Batches(4, 8, 0, 0, 1)


def test_ema_is_the_weighted_mean_and_copies_buffers():
    a, b = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    with torch.no_grad():
        b.weight.fill_(3.0)
        b.running_mean.fill_(7.0)
    update_ema(a, b, 0.75)
    assert torch.allclose(a.weight, torch.full((2,), 1.5))
    assert torch.equal(a.running_mean, b.running_mean)


def test_schedule_is_flat_then_falls_to_its_share():
    assert schedule(0.0, 0.1) == schedule(0.49, 0.1) == 1.0
    assert schedule(1.0, 0.1) == pytest.approx(0.1)
    assert schedule(0.75, 0.1) == pytest.approx(0.55)


def test_the_fall_of_the_rates_may_begin_later():
    assert schedule(0.6, 0.0, 0.6) == 1.0
    assert schedule(0.8, 0.0, 0.6) == pytest.approx(0.5)
    assert schedule(1.0, 0.0, 0.6) == pytest.approx(0.0)


def test_all_players_of_a_step_see_the_same_augmented_batch_again_after_a_resume(tmp_path):
    def recipe(seen):
        def watch(nets, batch, scratch):
            seen.append(batch["image"].sum().item())
            return critic_loss(nets, batch, scratch)

        made = tiny_recipe(40)
        flip = lambda b: b | {"image": b["image"] * torch.randn(len(b["image"]), 1, 1, 1)}
        return replace(made, augment=flip, players={
            name: Player(("critic",), watch, 1e-3) for name in ("one", "two")})

    whole, broken = [], []

    def stop(run):
        if run.step == 2:
            raise KeyboardInterrupt

    train(recipe(whole), progress=False)
    with pytest.raises(KeyboardInterrupt):
        train(recipe(broken), out=tmp_path, progress=False, hooks=[stop], checkpoint_minutes=0)
    train(recipe(broken), out=tmp_path, resume=True, progress=False)
    assert whole[::2] == whole[1::2] and len(set(whole)) == 5
    assert broken == whole


def test_without_an_average_the_best_networks_are_the_trained_ones():
    run = train(replace(tiny_recipe(16), ema={}), progress=False)
    assert run.best == run.networks and run.averaged == {}
    run = train(tiny_recipe(16), progress=False)
    assert run.best["maker"] is run.averaged["maker"]
    assert run.best["critic"] is run.networks["critic"]
