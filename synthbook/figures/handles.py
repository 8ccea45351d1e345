"""A page model without weights: what boxes, a mask, a ground pad and a new draw can do.

Three small pictures, each an analytic formula of its handle, so that they show the framework and
nothing else. Learned generators of later chapters take the same inputs in the same form.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbook.datasets import dataset
from synthbook.datasets.places import MOODS, natural
from synthbook.datasets.places.scenes import frozen
from synthbook.figures.export import PageModel
from synthbook.figures.figure import Figure
from synthbook.figures.input import Input
from synthbook.figures.inputs import Boxes, Draw, Ground, Mask, Pictures, Sliders
from synthbook.figures.outputs import Caption, Change, Image, Output

SIDE = 80  # pixels of the collage and of the view
MASK = 64  # pixels of the mask and of the pictures that it mixes
MOST = 6  # boxes
RIDGES, WAVES = 3, 4  # rows of hills, waves that each is made of
PAPER = {"coral": (214, 92, 74), "amber": (236, 176, 76), "leaf": (104, 150, 96),
         "sea": (62, 122, 146), "plum": (122, 84, 128)}
THINGS = ("crate", "egg")
REACH = 1.1  # metres from the middle of the pad to its border
SKY, HAZE = (0.56, 0.74, 0.86), (0.99, 0.92, 0.80)
HILLS = ((0.66, 0.76, 0.76), (0.48, 0.63, 0.62), (0.33, 0.49, 0.47))
GROUND, RUG = (0.79, 0.74, 0.60), (0.93, 0.89, 0.80)
SUN = (-0.48, 0.78, -0.40)  # the way to it, of length 1
AWAY, WIDE = 4.8, 0.36  # metres from the camera to the pad, half the view in metres at 1 m
PLACE, SEED = 11, 3  # the scene that the mask paints on, and the seed of its styles
SHOWN, UNDER = 1, (4, 3, 2, 0)  # of its moods: the one shown, and those under the mask


def column(values) -> Tensor:
    """Three numbers, such as a colour in [0, 1], as (3, 1)."""
    return torch.tensor(values).view(3, 1)


def grid(side: int) -> tuple[Tensor, Tensor]:
    """The centres of side * side pixels, x to the right and y down, each (P,) in [0, 1]."""
    centres = (torch.arange(side) + 0.5) / side
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    return x.flatten(), y.flatten()


def picture(image: Tensor, side: int) -> Tensor:
    """(N, 3, side * side) in [0, 1] to (N, 3, side, side) in [-1, 1]."""
    return image.clamp(0, 1).view(-1, 3, side, side) * 2 - 1


def hills(noise: Tensor, azimuth: Tensor, elevation: Tensor) -> Tensor:
    """Sky and rows of hills behind one another, (N, 3, P) in [0, 1].

    noise              : (N, RIDGES, 2 WAVES), N(0, 1): what waves each ridge is made of.
    azimuth, elevation : (N or 1, P) radians, where each pixel looks.
    """
    sky = (elevation.clamp(0, 0.7) / 0.7).sqrt()[:, None]
    image = column(HAZE) + (column(SKY) - column(HAZE)) * sky
    order = torch.arange(1.0, WAVES + 1).view(WAVES, 1)
    angle = azimuth[:, None] * (3 * order - 1)
    waves = torch.cat([angle.sin() / order, angle.cos() / order], 1)
    ridges = torch.tanh(noise @ waves)  # (N, RIDGES, P)
    for k, colour in enumerate(HILLS):
        height = 0.17 - 0.055 * k + 0.045 * ridges[:, k]
        cover = torch.sigmoid((height - elevation) * 250)[:, None]
        image = image + (column(colour) - image) * cover
    return image


def distance(x: Tensor, y: Tensor, box: Tensor, radius: float) -> Tensor:
    """Signed distance of points (N or 1, B or 1, P) to rounded boxes (N, B, 4), inside < 0."""
    x0, y0, x1, y1 = box[..., None].unbind(2)
    across = (x - (x0 + x1) / 2).abs() - (x1 - x0).abs() / 2 + radius
    down = (y - (y0 + y1) / 2).abs() - (y1 - y0).abs() / 2 + radius
    outside = (across.clamp(min=0) ** 2 + down.clamp(min=0) ** 2 + 1e-12).sqrt()
    return outside + torch.maximum(across, down).clamp(max=0) - radius


def sphere(start: Tensor, way: Tensor) -> tuple[Tensor, Tensor]:
    """Where rays (N, 3, P) meet the unit sphere: steps along `way`, and > 0 where they do."""
    a, b = (way * way).sum(1), (start * way).sum(1)
    inside = b * b - a * ((start * start).sum(1) - 1)
    return (-b - inside.clamp(min=0).sqrt()) / a, inside / a


def cube(start: Tensor, way: Tensor) -> tuple[Tensor, Tensor]:
    """Where rays (N, 3, P) meet the cube [-1, 1]: steps along `way`, and > 0 where they do."""
    each = 1 / torch.where(way.abs() < 1e-6, 1e-6, way)
    middle, reach = -start * each, each.abs()
    near, far = (middle - reach).amax(1), (middle + reach).amin(1)
    return near, (far - near) * (way * way).sum(1).sqrt()


# of each thing: what rays meet, half its size in metres, a bluntness of its edges, its colour
SHAPES = ((cube, (0.38, 0.38, 0.38), 9, (0.84, 0.40, 0.31)),
          (sphere, (0.56, 0.36, 0.36), 1, (0.24, 0.47, 0.58)))


def turned(vector: Tensor, yaw: Tensor) -> Tensor:
    """Vectors (N or 1, 3, P) as seen from a thing turned by yaw (N,) degrees, clockwise from
    above."""
    angle = (yaw * (math.pi / 180))[:, None]
    x, y, z = vector.unbind(1)
    return torch.stack([x * angle.cos() - z * angle.sin(), y + 0 * angle,
                        x * angle.sin() + z * angle.cos()], 1)


def local(point: Tensor, place: Tensor, yaw: Tensor, k: int) -> Tensor:
    """Points (N, 3, P) in the frame of thing k, in which it reaches from -1 to 1."""
    half = column(SHAPES[k][1])
    x, z = place[:, k].unbind(1)
    centre = torch.stack([x, x * 0 + half[1], z], 1)
    return turned(point - centre[..., None], yaw[:, k]) / half


def rays(camera: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A camera that circles the pad: eye (N, 3, 1), directions (N, 3, P) of length 1, azimuth and
    elevation (N, P)."""
    x, y = grid(side)
    u, v = (2 * x - 1) * WIDE, (1 - 2 * y) * WIDE
    turn, height = camera[:, :1] * math.pi, 1.7 + 0.9 * camera[:, 1:]
    down = torch.atan((height - 0.62) / AWAY)  # it looks at a point above the pad's middle
    ahead, lift = down.cos() + v * down.sin(), v * down.cos() - down.sin()
    azimuth, flat = turn + torch.atan(u / ahead), (u * u + ahead * ahead).sqrt()
    way = torch.stack([azimuth.sin() * flat, lift, azimuth.cos() * flat], 1)
    way = way / (1 + u * u + v * v).sqrt()
    eye = torch.stack([-AWAY * turn.sin(), height, -AWAY * turn.cos()], 1)
    return eye, way, azimuth, torch.asin(way[:, 1])


class Handles(nn.Module):
    """Boxes, a mask and a ground pad to three pictures.

    Inputs, float32, in this order:
        boxes  (N, MOST, 6)  present, number of the paper, x0, y0, x1, y1 in [0, 1]
        mask   (N, MASK, MASK) 0 or 1
        mood   (N, 1)        which of UNDER the mask lets through
        ground (N, 2, 3)     x, z in [-1, 1] and yaw in degrees of crate and egg
        camera (N, 2)        in [-1, 1]: half circles that it has turned, and how high it is
        noise  (N, RIDGES, 2 WAVES) N(0, 1), the waves of the hills
    Outputs: `collage` (N, 3, SIDE, SIDE), `mixed` (N, 3, MASK, MASK), `view` like the collage, all
    in [-1, 1]; `apart` (N, 1), metres between crate and egg.
    """

    def __init__(self):
        super().__init__()
        self.register_buffer("moods", moods())

    def forward(self, boxes: Tensor, mask: Tensor, mood: Tensor, ground: Tensor, camera: Tensor,
                noise: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        place = ground[:, :, :2] * REACH
        apart = ((place[:, 0] - place[:, 1]) ** 2).sum(1, keepdim=True).sqrt()
        return (self.collage(boxes, noise), self.mixed(mask, mood),
                self.view(place, ground[:, :, 2], camera, noise), apart)

    def collage(self, boxes: Tensor, noise: Tensor) -> Tensor:
        """Cards on a landscape; of two, the one that ends lower lies in front."""
        x, y = grid(SIDE)
        card, there = boxes[:, :, 2:], boxes[:, :, :1]
        cover = torch.sigmoid(-distance(x, y, card, 0.03) * 1.6 * SIDE) * there
        drop = torch.tensor([0.012, 0.022, 0.012, 0.022])
        shade = torch.sigmoid(-distance(x, y, card + drop, 0.03) / 0.014) * there
        through = (1 - cover) * (1 - 0.45 * shade)  # what a card leaves of all behind it
        low = boxes[:, :, 5] + 1e-4 * torch.arange(MOST)
        front = (low[:, None] > low[:, :, None])[..., None]  # (N, B, B, 1): second over first
        seen = cover * torch.where(front, through[:, None], 1.0).prod(2)
        chosen = (boxes[:, :, 1:2] - torch.arange(len(PAPER))).abs() < 0.5
        paper = chosen.float() @ (torch.tensor(list(PAPER.values())) / 255)
        light = 1.06 - 0.12 * (y - card[:, :, 1:2]) / (card[:, :, 3:] - card[:, :, 1:2] + 0.05)
        back = hills(noise, (2 * x - 1)[None], (0.5 - 0.72 * y)[None])
        image = back * through.prod(1, keepdim=True) + paper.transpose(1, 2) @ (seen * light)
        return picture(image, SIDE)

    def mixed(self, mask: Tensor, mood: Tensor) -> Tensor:
        """The place as it is, and in another mood where the mask is."""
        moods = self.moods.float() / 127.5 - 1
        chosen = ((mood - torch.arange(len(UNDER))).abs() < 0.5).float()
        other = (chosen @ moods[1:].flatten(1)).view(-1, 3, MASK, MASK)
        return moods[:1] + (other - moods[:1]) * mask[:, None]

    def view(self, place: Tensor, yaw: Tensor, camera: Tensor, noise: Tensor) -> Tensor:
        """Crate and egg on a rug under the sun, ray-cast with four rays for each pixel."""
        eye, way, azimuth, elevation = rays(camera, 2 * SIDE)
        steps = eye[:, 1] / (-way[:, 1]).clamp(min=1e-4)  # to the ground
        floor = eye + way * steps[:, None]
        border = torch.tensor([[[-1.0, -1.0, 1.0, 1.0]]]) * (REACH + 0.15)
        edge = distance(floor[:, 0:1], floor[:, 2:], border, 0.25)
        earth = column(GROUND) + (column(RUG) - column(GROUND)) * torch.sigmoid(-edge * 40)
        earth = earth * (0.42 + 0.58 * sunlit(floor, place, yaw))[:, None]
        earth = earth + (column(HAZE) - earth) * (1 - torch.exp(-steps / 14))[:, None]
        image = hills(noise, azimuth, elevation)
        image = image + (earth - image) * torch.sigmoid(-way[:, 1:2] * 400)
        nearest = torch.full_like(steps, 1e3)
        for k, (meet, half, blunt, colour) in enumerate(SHAPES):
            start, along = local(eye, place, yaw, k), turned(way, yaw[:, k]) / column(half)
            hit, inside = meet(start, along)
            first = (inside > 0) & (hit < nearest)
            at = (start + along * hit[:, None]).clamp(-1, 1)
            normal = turned(at ** blunt / column(half), -yaw[:, k])
            normal = normal / (normal * normal).sum(1, keepdim=True).clamp(min=1e-12).sqrt()
            facing = (normal * column(SUN)).sum(1).clamp(min=0)
            facing = facing * sunlit(eye + way * hit[:, None], place, yaw, without=k)
            shine = (0.46 + 0.16 * normal[:, 1] + 0.66 * facing)[:, None]
            image = torch.where(first[:, None], column(colour) * shine, image)
            nearest = torch.where(first, hit, nearest)
        return F.avg_pool2d(picture(image, 2 * SIDE), 2)


def sunlit(point: Tensor, place: Tensor, yaw: Tensor, without: int = -1) -> Tensor:
    """How much of the sun points (N, 3, P) see past the things, (N, P) in [0, 1], soft."""
    light = torch.ones_like(point[:, 0])
    sun = column(SUN)[None]
    for k, (meet, half, _, _) in enumerate(SHAPES):
        if k != without:
            hit, inside = meet(local(point, place, yaw, k), turned(sun, yaw[:, k]) / column(half))
            light = light * (1 - torch.sigmoid(inside * 9) * torch.sigmoid(hit * 12))
    return light


def moods() -> Tensor:
    """One place as SHOWN and as UNDER the mask, (1 + M, 3, MASK, MASK) bytes."""
    data = dataset("places", "val", size=MASK, styles="natural")
    scene, pictures = data.scene(PLACE), []
    for mood in (SHOWN, *UNDER):
        styles = natural.styles(np.random.default_rng(SEED), len(data.class_names), scene.kind,
                                mood)
        now = data.render(replace(scene, mood=mood, styles=frozen(styles)))
        pictures.append(torch.tensor(now.image).movedim(2, 0))
    return torch.stack(pictures)


MODEL = "figures/handles"
CARDS = ((0, 0.08, 0.45, 0.38, 0.90), (1, 0.30, 0.30, 0.62, 0.70), (3, 0.55, 0.50, 0.90, 0.83),
         (4, 0.66, 0.10, 0.86, 0.30))


def inputs() -> dict[str, Input]:
    """What readers can set, by name, in the order of the model."""
    boxes = torch.zeros(1, MOST, 6)
    boxes[0, :len(CARDS), 0] = 1
    boxes[0, :len(CARDS), 1:] = torch.tensor(CARDS)
    x, y = grid(MASK)
    corner = (x + 0.35 * y > 0.72).view(1, MASK, MASK)
    noise = torch.randn(1, RIDGES, 2 * WAVES, generator=torch.Generator().manual_seed(SEED))
    found = (
        Boxes("boxes", "Cards", boxes, classes=tuple(PAPER), palette=tuple(PAPER.values())),
        Mask("mask", "Where", corner, over="mixed"),
        Pictures("mood", "When", torch.zeros(1, 1), names=[MOODS[k] for k in UNDER],
                 pictures=model().moods[1:].float() / 127.5 - 1),
        Ground("ground", "From above", torch.tensor([[[-0.45, 0.1, 20], [0.45, -0.25, -35]]]),
               names=THINGS),
        Sliders("camera", "Camera", torch.tensor([[0.15, 0.1]]), names=("turn", "height"),
                low=-1, high=1, step=0.05),
        Draw("noise", "Hills", noise))
    return {one.name: one for one in found}


@cache
def model() -> Handles:
    """The network, which has nothing to learn."""
    return Handles().eval()


def page_model() -> PageModel:
    """The network with random examples of its inputs."""
    return PageModel(model(), {name: one.random for name, one in inputs().items()},
                     ("collage", "mixed", "view", "apart"))


def figure(name: str, title: str, alt: str, shown: Sequence[str], outputs: Sequence[Output]
           ) -> Figure:
    """A figure of this model with some of its inputs; the others keep their first value."""
    known = inputs()
    return Figure(name, [known[k] for k in shown], page_model(), MODEL, outputs=outputs,
                  title=title, alt=alt,
                  fixed={k: one.value for k, one in known.items() if k not in shown})


def boxes() -> Figure:
    """Cards on hills: boxes and a new draw."""
    return figure("handles-boxes", "Cards in a landscape",
                  "Four coloured cards with soft shadows before rows of hills.",
                  ("boxes", "noise"), [Image("collage", "Collage", pixelated=False)])


def mask() -> Figure:
    """A place in two moods: a mask, a choice of pictures, and what changed."""
    return figure("handles-mask", "Another season, where you paint",
                  "A house, a tree and animals on a summer meadow; at the right it is night.",
                  ("mask", "mood"), [Image("mixed", "Picture"),
                                     Change("mixed", "What changed", within="mask")])


def ground() -> Figure:
    """Things under a camera: a ground pad, sliders, a new draw and a number in words."""
    return figure("handles-ground", "Two things on a rug",
                  "A red crate and a blue egg on a rug, with soft shadows, before hills.",
                  ("ground", "camera", "noise"),
                  [Image("view", "View", pixelated=False),
                   Caption("apart", "crate and egg are {0} m apart")])
