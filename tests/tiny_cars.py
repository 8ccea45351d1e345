"""A model of three primitives and a few channels, for tests: generator, critic, pictures."""

from dataclasses import replace

import torch

from synthbook.controllable_3d import Config, Controllable3D, recipe
from synthbook.controllable_3d.config import VARIANTS

TINY = Config(16, primitives=3, latent=6, features=4, texture=2, points=6, hidden=16, channels=8,
              critic=8)
SMALL = {name: getattr(TINY, name) for name in
         ("latent", "features", "texture", "points", "hidden", "channels", "critic")}


def model(seed=0, **changed):
    """A generator whose features, alphas and depths already differ from place to place."""
    torch.manual_seed(seed)
    made = Controllable3D(replace(TINY, **changed)).eval()
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if name.endswith("last.weight"):
                parameter *= 8
    return made


def scene(made, count=2, seed=1, everything=True):
    """Scenes of a model, with all primitives there unless told otherwise."""
    keep = torch.ones(count, made.config.primitives, dtype=torch.bool) if everything else None
    with torch.no_grad():
        return made.sample(count, torch.Generator().manual_seed(seed), keep)


def setting(variant="controllable-3d", background="white", data="cars", **weights):
    """A variant's setting with the tiny sizes."""
    full = recipe.setting_of(variant, data, 32, background=background)
    changed = {"size": 16, **SMALL}
    if "texture" in VARIANTS[variant]:
        changed["texture"] = 3
    return replace(full, model=replace(full.model, **changed),
                   weights=replace(full.weights, **weights))


def pictures(count=4, seed=0):
    """White pictures (count, 3, 16, 16) in [-1, 1], each with a box of its own colour."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.ones(count, 3, 16, 16)
    for one in image:
        x, y = torch.randint(2, 9, (2,), generator=generator).tolist()
        one[:, y:y + 4, x:x + 6] = torch.rand(3, 1, 1, generator=generator) * 1.6 - 0.9
    return image


class Few(torch.utils.data.Dataset):
    """So many of these pictures, and backgrounds of one tone each."""

    def __init__(self, count=8):
        self.image = pictures(count)
        self.background = torch.linspace(-0.5, 0.9, count)[:, None, None, None].expand_as(
            self.image).contiguous()

    def __len__(self):
        return len(self.image)

    def __getitem__(self, i):
        return {"image": self.image[i], "background": self.background[i]}
