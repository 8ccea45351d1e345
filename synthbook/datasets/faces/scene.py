"""A portrait before it is drawn: parts, pose, proportions, styles and the seed of its detail."""

from dataclasses import dataclass, replace

import numpy as np

from synthbook.datasets.faces.paint import CLASSES, STYLES

FAMILIES = {
    "bald": ("bald", "balding"),
    "short": ("shortCombover", "shortComboverChops", "buzzcut", "fade"),
    "curly": ("curly", "curlyHighTop"),
    "bob": ("bobCut", "bobBangs"),
    "long": ("long", "extraLong", "sideShave"),
    "tied": ("pigtails", "bunUndercut", "straightBun", "curlyBun"),
    "mohawk": ("mohawk",),
}
CHOICES = {
    "hair": {"bald": 2, "balding": 2, "shortCombover": 6, "shortComboverChops": 4, "buzzcut": 4,
             "fade": 5, "curly": 6, "curlyHighTop": 6, "bobCut": 6, "bobBangs": 6, "long": 6,
             "extraLong": 5, "sideShave": 5, "pigtails": 5, "bunUndercut": 4, "straightBun": 3,
             "curlyBun": 3, "mohawk": 3},
    "headwear": {"none": 78, "cap": 11, "beanie": 11},
    "glasses": {"none": 66, "square": 13, "round": 13, "sun": 8},
    "beard": {"none": 62, "beardMustache": 13, "pyramid": 6, "walrus": 5, "goatee": 9,
              "soulPatch": 5},
    "eyes": {"open": 48, "wide": 24, "happy": 12, "wink": 9, "sleep": 7},
    "nose": {"mediumRound": 45, "smallRound": 45, "wrinkles": 10},
    "mouth": {"smile": 24, "bigSmile": 18, "grin": 14, "lips": 16, "smirk": 12, "frown": 8,
              "surprise": 8},
    "clothing": {"squared": 30, "rounded": 35, "small": 15, "checkered": 20},
    "pattern": {"plain": 50, "stripes": 25, "dots": 25},
    "backdrop": {"plain": 18, "gradient": 16, "disc": 18, "split": 12, "arch": 12, "rays": 8,
                 "dots": 8, "waves": 8},
}
UNDER_HATS = ("bald", "balding", "buzzcut", "bobCut", "long", "extraLong")


@dataclass(frozen=True)
class Pose:
    """Where the sitter is: shift in units of the 64 x 64 drawing, scale, turn of the head."""

    dx: float
    dy: float
    scale: float
    degrees: float


@dataclass(frozen=True)
class Shape:
    """Proportions, as factors (1 = as drawn) or shifts in units."""

    face_width: float
    face_height: float
    eye_gap: float
    eye_size: float
    eye_dy: float
    mouth_size: float
    mouth_dy: float
    shoulders: float


@dataclass(frozen=True)
class Scene:
    """Every random draw of one portrait. `styles` is (K, S) numbers in [0, 1]; `noise` seeds
    the stochastic detail alone."""

    hair: str
    headwear: str
    glasses: str
    beard: str
    eyes: str
    nose: str
    mouth: str
    clothing: str
    pattern: str
    backdrop: str
    pose: Pose
    shape: Shape
    styles: tuple[tuple[float, ...], ...]
    noise: int


def draw_style(rng: np.random.Generator) -> tuple[float, ...]:
    """One class's style: independent and uniform, (S,)."""
    return tuple(float(v) for v in rng.random(len(STYLES)))


def draw_scene(rng: np.random.Generator, jitter: float, variety: float, matched: bool) -> Scene:
    """Draw a portrait. `jitter` scales the pose, `variety` the proportions (both 0 to 1);
    `matched` gives the beard the style of the hair."""
    chosen = {}
    for part, weights in CHOICES.items():
        share = np.cumsum(list(weights.values()), dtype=float)
        chosen[part] = list(weights)[int(np.searchsorted(share, rng.random() * share[-1], "right"))]
    under = UNDER_HATS[rng.integers(len(UNDER_HATS))]
    if chosen["headwear"] != "none" and chosen["hair"] not in UNDER_HATS:
        chosen["hair"] = under
    if chosen["clothing"] in ("small", "checkered"):
        chosen["pattern"] = "plain"
    g = np.clip(rng.standard_normal(12), -2, 2)
    pose = Pose(dx=jitter * 1.6 * g[0], dy=jitter * 1.2 * g[1], scale=1 + jitter * 0.04 * g[2],
                degrees=jitter * 5 * g[3])
    shape = Shape(
        face_width=1 + variety * 0.035 * g[4], face_height=1 + variety * 0.03 * g[5],
        eye_gap=variety * 0.35 * g[6], eye_size=1.12 + variety * 0.08 * g[7],
        eye_dy=variety * 0.3 * g[8], mouth_size=1.12 + variety * 0.1 * g[9],
        mouth_dy=variety * 0.35 * g[10], shoulders=1.04 + variety * 0.05 * g[11])
    styles = [draw_style(rng) for _ in CLASSES]
    if matched:
        styles[3] = (styles[2][0] * 9 / 13, *styles[2][1:])
    return Scene(**chosen, pose=pose, shape=shape, styles=tuple(styles),
                 noise=int(rng.integers(2**32)))


def restyled(scene: Scene, c: int, style: tuple[float, ...]) -> Scene:
    """The same scene with the style of class `c` replaced."""
    return replace(scene, styles=(*scene.styles[:c], style, *scene.styles[c + 1:]))


def family(hair: str) -> str:
    """The family of a hair style."""
    return next(name for name, styles in FAMILIES.items() if hair in styles)
