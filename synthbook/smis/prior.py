"""Sample where the encoder has put its codes.

Training pulls the codes of a class towards N(0, 1), but not all the way: the aggregated posterior,
the mixture of all training pictures' posteriors, keeps a mean and a covariance of its own, and
N(0, 1) draws codes that the decoder has seldom seen. A Gaussian fitted to that mixture after
training (ex-post density estimation: Ghosh et al., ICLR 2020) draws codes that it knows. The
paper samples N(0, 1); both are measured.
"""

import torch
from torch.utils.data import Dataset

from synthbook.layers import one_hot
from synthbook.smis.network import SMIS


@torch.no_grad()
def fit_prior(model: SMIS, data: Dataset, count: int = 2000, least: int = 50) -> None:
    """Set the model's `centre` and `spread` from the first `count` items of `data`.

    A class that fewer than `least` of them hold keeps N(0, 1). Latent maps keep it too.
    """
    config = model.config
    if config.latent_map:
        return
    owners, z = model.centre.shape
    number = torch.zeros(owners)
    total, square = torch.zeros(owners, z), torch.zeros(owners, z, z)
    count = min(count, len(data))
    for first in range(0, count, 64):
        batch = [data[i] for i in range(first, min(first + 64, count))]
        onehot = one_hot(torch.stack([item["label"] for item in batch]), config.classes)
        posterior = model.encoder(torch.stack([item["image"] for item in batch]), onehot)
        mu, logvar = (x.view(len(batch), owners, z) for x in posterior)
        has = onehot.amax((2, 3)) if config.split else torch.ones(len(batch), 1)
        number += has.sum(0)
        total += torch.einsum("bk,bki->ki", has, mu)
        square += torch.einsum("bk,bki,bkj->kij", has, mu, mu)
        square += torch.diag_embed(torch.einsum("bk,bki->ki", has, logvar.exp()))
    for k in (number >= least).nonzero().flatten().tolist():
        mean = total[k] / number[k]
        covariance = square[k] / number[k] - torch.outer(mean, mean)
        model.centre[k] = mean
        model.spread[k] = torch.linalg.cholesky(covariance + 1e-6 * torch.eye(z))
