"""The sizes of a model, and the variants that its chapter compares.

==============  ===================================================================
variant         what differs from `controllable-3d`
==============  ===================================================================
ellipsoid       primitives are ellipsoids
point           primitives are clouds of points
anchored        the 2D generator sees where on its primitive a point is: which end is which
held            so it does, and the consistency loss weighs ten times as much
pose-mlp        poses and sizes come from a network, as in the paper, not from a prior
no-rotation     all primitives stand parallel to the world's axes (R = I)
two-d           primitives are upright boxes on the picture; there is no camera
no-2d           no 2D generator: the primitives' own colours are the picture
no-compactness, no-consistency, no-condition: a loss or the flag c is left out (recipe)
gan             no primitives: one network from latents to the picture, at rates of its own
==============  ===================================================================

Without a rotation or a 2D generator there is nothing for the consistency loss to compare: these
have none.
"""

from dataclasses import dataclass
from typing import Any

from synthbook.datasets.cars import Cars
from synthbook.files import BookError

PRIMITIVES = ("cuboid", "ellipsoid", "point", "none")
POSES = ("prior", "network", "picture")
BACKGROUNDS = ("white", "sphere")


@dataclass(frozen=True)
class Config:
    """Sizes of a 3D controllable generator or one of its relatives.

    Parameters
    ----------
    size       : H = W of the pictures, a multiple of 8.
    primitive  : `cuboid`, `ellipsoid` or `point`; `none` for a GAN without primitives.
    primitives : N that a scene is drawn with; a trained model renders any number.
    latent     : Z, of every primitive and of the background.
    features   : C, of a primitive's surface or of its points.
    texture    : T, side of the block of features that a solid carries.
    points     : P, of a point cloud.
    hidden     : width of the networks that read latents.
    channels   : of the 2D generator at full size; twice as many at half of it.
    poses      : `prior`, on the ground; `network`, from a latent of the scene; `picture`, boxes
                 on the picture that no camera sees.
    rotation   : whether primitives on the ground have a yaw.
    paint      : whether the 2D generator refines what is rendered.
    anchored   : whether the 2D generator also sees where on its primitive every point is, x, y
                 and z in the primitive's own frame.
    window     : side of the square around a primitive's centre that the 2D generator is given,
                 pixels, even; 0 for the whole picture.
    background : `white`, or `sphere`, the inside of a sphere with features, painted by a 2D
                 generator of its own.
    footprint  : half length and half width of a middling object of the data, scene units; two
                 of these stand where two primitives are drawn, and do not meet.
    critic     : channels of the discriminator at full size; below up to `widest` times as many.
    """

    size: int = 32
    primitive: str = "cuboid"
    primitives: int = 3
    latent: int = 32
    features: int = 8
    texture: int = 4
    points: int = 32
    hidden: int = 128
    channels: int = 20
    poses: str = "prior"
    rotation: bool = True
    paint: bool = True
    anchored: bool = False
    window: int = 0
    background: str = "white"
    footprint: tuple[float, float] = Cars.footprint
    critic: int = 32
    widest: int = 3

    def __post_init__(self):
        for value, known in ((self.primitive, PRIMITIVES), (self.poses, POSES),
                             (self.background, BACKGROUNDS)):
            if value not in known:
                raise BookError(f"unknown {value!r}: choose one of {', '.join(known)}")
        if self.size % 8 or self.size < 16:
            raise BookError(f"a size of {self.size} pixels does not go here: choose a multiple of "
                            "8 from 16 on")
        if self.primitives < 1:
            raise BookError(f"{self.primitives} primitives make no scene: choose 1 or more")
        if self.window % 2 or not 0 <= self.window <= self.size:
            raise BookError(f"a window of {self.window} pixels does not go here: choose 0 or "
                            f"an even number up to {self.size}")
        if not self.paint and self.primitive == "point":
            raise BookError("points have no surface to show: choose cuboid or ellipsoid, or paint")

    @property
    def colours(self) -> int:
        """Numbers at every point of a primitive's surface: C, or 3 where none paints over it."""
        return self.features if self.paint else 3

    @property
    def shown(self) -> int:
        """Numbers that the 2D generator sees of every point: C, and its place if anchored."""
        return self.colours + 3 * self.anchored


VARIANTS: dict[str, dict[str, Any]] = {  # what changes in Config; in Weights under "weights"
    "controllable-3d": {},
    "ellipsoid": {"primitive": "ellipsoid"},
    "point": {"primitive": "point"},
    "anchored": {"anchored": True},
    "held": {"anchored": True, "weights": {"consistency": 20.0}},
    "pose-mlp": {"poses": "network"},
    "no-rotation": {"rotation": False, "weights": {"consistency": 0.0}},
    "two-d": {"poses": "picture", "weights": {"consistency": 0.0}},
    "no-2d": {"paint": False, "texture": 8, "weights": {"consistency": 0.0}},
    "no-compactness": {"weights": {"compactness": 0.0}},
    "no-consistency": {"weights": {"consistency": 0.0}},
    "no-condition": {"weights": {"condition": False}},
    "gan": {"primitive": "none",
            "weights": {"compactness": 0.0, "consistency": 0.0, "condition": False,
                        "rate_d": 3e-4, "r1": 3.0}},  # else the discriminator wins
}


SIZES = {32: {"channels": 16, "critic": 32},
         64: {"channels": 16, "critic": 16, "widest": 6, "window": 44}}


def config(variant: str, size: int, background: str = "white", **changed: Any) -> Config:
    """The small config of a variant at 32 or 64 pixels; BookError for an unknown variant.

    background : as in :class:`Config`; changed : further settings.
    """
    if variant not in VARIANTS:
        raise BookError(f"unknown variant {variant!r}: choose one of {', '.join(VARIANTS)}")
    own = {key: value for key, value in VARIANTS[variant].items() if key != "weights"}
    own |= SIZES.get(size, {})
    return Config(size=size, background=background, **{**own, **changed})
