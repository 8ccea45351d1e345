"""Embed the pictures that the figures of the chapter on Image2StyleGAN++ edit.

    python data/make/embedded.py

reads the generator that ships and writes, with its SHA-256 and every picture's PSNR,
data/results/image2stylegan-pp/embedded-32.safetensors. Some minutes on one core.
"""

import torch

from synthbook import models
from synthbook.figures.image2stylegan_pp import MODEL, NAMES, subjects, table
from synthbook.image2stylegan_pp import alexnet_taps, embed, quality, render
from synthbook.image2stylegan_pp.held import store
from synthbook.image2stylegan_pp.measure import FULL


def main() -> None:
    """Embed and write them."""
    model, x = models.load(MODEL).requires_grad_(False), subjects()
    at = embed(model, x, "sequential", FULL.settings, alexnet_taps())
    reached = {noise: quality(render(model, at, noise), x) for noise in ("first", "own", "fresh")}
    for k, name in enumerate(NAMES):
        print(name, *(f"{noise} {psnr[k]:.1f} dB" for noise, psnr in reached.items()), sep=", ")
    weights = models.record(models.parse(MODEL).weights)["sha256"]
    table().parent.mkdir(parents=True, exist_ok=True)
    store(table(), at, {"weights": weights, "names": ", ".join(NAMES), **{
        f"psnr_{noise}": " ".join(f"{value:.2f}" for value in psnr)
        for noise, psnr in reached.items()}})


if __name__ == "__main__":
    main()
