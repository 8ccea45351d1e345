"""mCSD and mOCD in one batched pass against the plain loop over pairs.

Run `python benchmarks/control.py`; prints medians of seconds and the agreement of the values.
"""

import itertools
import statistics
import time

import torch

from synthbook import metrics


def plain(samples, label, changed):
    """LPIPS of every pair, masked inside and outside, one pair at a time."""
    inside, outside = [], []
    for images, where, c in zip(samples, label, changed):
        mask = (where == c).float()
        pairs = list(itertools.combinations(images, 2))
        for kept, values in ((mask, inside), (1 - mask, outside)):
            one = [metrics.lpips((a * kept)[None], (b * kept)[None]) for a, b in pairs]
            values.append(torch.cat(one).mean())
    return torch.stack(inside), torch.stack(outside)


def timed(function, arguments, rounds=3):
    """The result and the median of seconds."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        result = function(*arguments)
        seconds.append(time.perf_counter() - start)
    return result, statistics.median(seconds)


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    samples = torch.rand(12, 5, 3, 64, 64, generator=generator) * 2 - 1
    label = torch.randint(0, 4, (12, 64, 64), generator=generator)
    changed = torch.arange(12) % 4
    timed(metrics.masked_changes, (samples[:1], label[:1], changed[:1]), 1)
    slow, slow_seconds = timed(plain, (samples, label, changed))
    fast, fast_seconds = timed(metrics.masked_changes, (samples, label, changed))
    error = max(float((a - b).abs().max()) for a, b in zip(slow, fast))
    print(f"pair by pair {slow_seconds:.2f} s, batched {fast_seconds:.2f} s: "
          f"{slow_seconds / fast_seconds:.1f} times faster, largest difference {error:.1e}")
