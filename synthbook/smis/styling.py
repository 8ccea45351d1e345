"""A GroupDNet as the thing that a reader plays with: every control is an argument.

The latent of each class comes from one of three hands. A *wheel* moves it along the strongest axes
of the class's fitted Gaussian (:mod:`synthbook.smis.prior`); a *picture* lends the code that the
encoder reads from it; a *morph* walks from either towards a second picture. All of it is tensor
arithmetic on raw control values, so the module runs in a kernel and, exported, in a page.

Axes: N batch, K classes, Z latent channels of a class, D axes of a wheel, P pictures.
"""

import torch
from torch import Tensor, nn

from synthbook.layers import check_shape, one_hot
from synthbook.smis.network import SMIS


class Styled(nn.Module):
    """The generator of `network` behind the controls of a figure.

    Parameters
    ----------
    network : a SMIS with one latent vector for each class; ValueError for any other.
    images  : (P, 3, H, W) in [-1, 1], pictures whose styles can be borrowed.
    labels  : (P, H, W) integers, their label maps.
    axes    : D, how many axes a wheel has, at most Z.
    """

    def __init__(self, network: SMIS, images: Tensor, labels: Tensor, axes: int = 4):
        super().__init__()
        config = network.config
        if not config.split or config.latent_map:
            raise ValueError("only a network with one latent vector for each class has wheels")
        if not 1 <= axes <= config.latent:
            raise ValueError(f"{axes} axes of a latent with {config.latent} channels")
        self.config, self.generator = config, network.generator
        onehot = one_hot(labels, config.classes)
        with torch.no_grad():
            codes = network.encode(images, onehot).view(len(images), *network.centre.shape)
        directions, share = strongest_axes(network.spread, axes)
        self.register_buffer("centre", network.centre.clone())
        self.register_buffer("axes", directions)
        self.register_buffer("share", share)
        self.register_buffer("codes", codes)
        self.register_buffer("holds", onehot.amax((2, 3)))
        self.register_buffer("classes", torch.arange(config.classes).float())
        self.register_buffer("pictures", torch.arange(len(images)).float())
        self.train(network.training)

    def forward(self, label: Tensor, style: Tensor, picture: Tensor, target: Tensor,
                morph: Tensor) -> Tensor:
        """Images (N, 3, H, W) in [-1, 1]. All arguments are float32.

        label   : (N, H, W) class numbers 0 to K - 1.
        style   : (N, K, D) places on the wheels, in standard deviations of the prior.
        picture : (N, K) the picture that lends a class its style: 0 is none, the wheel; p + 1 is
            picture p. One that does not hold the class lends nothing.
        target  : (N, 1) index of the picture that the morph goes to, 0 to P - 1.
        morph   : (N, 1) share of the way, 0 to 1; classes that the target lacks stay.
        """
        check_shape(label, N=None, H=self.config.size[0], W=self.config.size[1])
        onehot = (label.unsqueeze(1) == self.classes.view(1, -1, 1, 1)).float()
        z = self.latents(style, picture, target, morph)
        return self.generator(onehot, z.flatten(1)[..., None, None])

    def latents(self, style: Tensor, picture: Tensor, target: Tensor, morph: Tensor) -> Tensor:
        """The latent of every class, (N, K, Z); arguments as in :meth:`forward`."""
        z = self.centre + (self.axes @ style.unsqueeze(-1)).squeeze(-1)
        z = self.walk(z, picture - 1, torch.ones_like(morph))
        return self.walk(z, target.expand(-1, self.config.classes), morph)

    def places(self, z: Tensor) -> Tensor:
        """The style (N, K, D) whose latents are nearest to `z` (N, K, Z)."""
        along = ((z - self.centre).unsqueeze(-2) @ self.axes).squeeze(-2)
        return along / self.axes.square().sum(1)

    def walk(self, z: Tensor, picture: Tensor, share: Tensor) -> Tensor:
        """`z` (N, K, Z) moved by `share` (N, 1) of the way to the codes of pictures (N, K).

        Classes stay for which there is no such picture or it does not hold them.
        """
        lent, known = self.lent(picture)
        share = share.unsqueeze(-1) * known
        return (1 - share) * z + share * lent

    def lent(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Codes (N, K, Z) of pictures given by indices (N, K), and (N, K, 1): 1 where one is lent.

        Written as a sum over all pictures, of which at most one counts.
        """
        chosen = (picture.unsqueeze(-1) == self.pictures).float() * self.holds.T
        lent = (chosen.unsqueeze(-1) * self.codes.transpose(0, 1)).sum(2)
        return lent, chosen.sum(-1, keepdim=True)


def strongest_axes(spread: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Principal axes of Gaussians from their Cholesky factors (K, Z, Z).

    Returns the `count` strongest axes (K, Z, count), each as long as the standard deviation along
    it, and the share of the variance (K,) that they hold together. The largest entry of every
    axis is positive, so that an axis points the same way on every machine.
    """
    covariance = spread.double() @ spread.double().mT
    variance, axes = torch.linalg.eigh(covariance)
    variance, axes = variance.flip(-1).clamp_min(0), axes.flip(-1)
    largest = axes.gather(-2, axes.abs().argmax(-2, keepdim=True))
    scaled = axes * largest.sign() * variance.sqrt().unsqueeze(-2)
    share = variance[..., :count].sum(-1) / variance.sum(-1)
    return scaled[..., :count].float(), share.float()
