"""What classes cost: GroupDNet, GroupNet and MulNet with 4 to 64 classes of one fixed width.

Run `python benchmarks/classes.py`; prints JSON and, with `--save`, writes it to
`data/results/smis/cost.json`. A step encodes a batch, rebuilds it, and moves all weights; its
time is the processor's, on one thread, that of the fastest of a few steps. Memory is what the
process holds at its peak, less what it held after a step of one convolution, which loads the
libraries; every point has a process of its own.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from synthbook import losses
from synthbook.files import data_dir, write_json
from synthbook.layers import conv3x3, one_hot, reparameterise
from synthbook.smis import Config
from synthbook.smis.recipe import model

NAMES = {"groupdnet": "GroupDNet", "groupnet": "GroupNet", "mulnet": "MulNet"}
CLASSES = (4, 8, 16, 32, 64)
WIDTH, HIDDEN = (16, 16, 8, 4), 4  # channels and hidden channels of one class
SIZE, BATCH, STEPS = 32, 8, 8


def fixed_width(name: str, classes: int) -> Config:
    """The config of K classes: every block as wide, for each class, as with any other K."""
    merging = (classes, classes // 2, classes // 4)
    groups = merging if name == "groupdnet" else (classes,) * 3
    return Config(classes, (SIZE, SIZE), groups, tuple(w * classes for w in WIDTH),
                  (HIDDEN * classes,) * 3)


def measured(name: str, classes: int) -> dict:
    """Parameters, seconds of a training step and megabytes at the peak."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    image = torch.rand(BATCH, 3, SIZE, SIZE) * 2 - 1
    label = torch.randint(0, classes, (BATCH, SIZE, SIZE))
    onehot = one_hot(label, classes)
    moved(conv3x3(3, 3), lambda net: net(image).abs().mean())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def loss(net: nn.Module) -> Tensor:
        mu, logvar = net.encoder(image, onehot)
        rebuilt = net.generator(onehot, reparameterise(mu, logvar))
        return (rebuilt - image).abs().mean() + 1e-3 * losses.kl(mu, logvar)

    network = model(name, fixed_width(name, classes))
    seconds = moved(network, loss, STEPS)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"model": NAMES[name], "classes": classes,
            "parameters": sum(p.numel() for p in network.parameters()),
            "seconds_per_step": round(seconds, 4), "megabytes": round((peak - before) / 1024, 1)}


def moved(network: nn.Module, loss: Callable[[nn.Module], Tensor], steps: int = 1) -> float:
    """Train for some steps, laid out in memory as for training; seconds of the fastest."""
    network.to(memory_format=torch.channels_last)
    optimiser, seconds = torch.optim.Adam(network.parameters()), []
    for _ in range(steps):
        start = time.process_time()
        optimiser.zero_grad()
        loss(network).backward()
        optimiser.step()
        seconds.append(time.process_time() - start)
    return min(seconds)


def apart(name: str, classes: int) -> dict:
    """:func:`measured` in a process of its own."""
    done = subprocess.run([sys.executable, __file__, name, str(classes)], check=True,
                          capture_output=True, text=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(measured(sys.argv[1], int(sys.argv[2]))))
        sys.exit()
    result = {
        "command": "python benchmarks/classes.py --save", "torch": torch.__version__.split("+")[0],
        "threads": 1, "batch": BATCH, "size": SIZE, "channels_per_class": WIDTH,
        "hidden_per_class": HIDDEN, "rows": [apart(n, k) for k in CLASSES for n in NAMES]}
    print(json.dumps(result, indent=1))
    if "--save" in sys.argv:
        write_json(data_dir() / "results" / "smis" / "cost.json", result)
