"""Bodies of cars: convex solids between planes, and wheels.

A car's own frame has x towards its front, y down and z to its side; it stands on y = 0. Sizes are
in scene units. A side view is drawn with heights, which are -y.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from synthbook.datasets.raycast.solids import Solid, solid


@dataclass(frozen=True)
class Shape:
    """A kind of car.

    Parameters
    ----------
    name   : as readers see it.
    length : half of it.
    width  : half of it.
    nose   : height of the front edge of the bonnet.
    belt   : height of the body.
    roof   : height of the roof.
    cabin  : x of the foot of the windscreen, of its top, of the top of the rear window, of its
             foot; in half lengths.
    bonnet : x where the bonnet meets the body's full height, in half lengths.
    wheel  : radius.
    axle   : x of the wheels, in half lengths.
    post   : width of the frame around the windows.
    """

    name: str
    length: float
    width: float
    nose: float
    belt: float
    roof: float
    cabin: tuple[float, float, float, float]
    bonnet: float = 0.4
    wheel: float = 0.078
    axle: float = 0.62
    post: float = 0.016

    @cached_property
    def body(self) -> Solid:
        """The lower part, from the floor to the belt."""
        x, w = self.length, self.width
        low = 0.55 * self.wheel
        front, back = self.nose, self.belt
        outline = ((0.94 * x, low), (x, 0.5 * (low + front)), (0.965 * x, front),
                   (self.bonnet * x, back), (-0.955 * x, back), (-x, 0.6 * back),
                   (-0.95 * x, low))
        corners = [((sx, 0.0, 0.75 * sz), 0.93 * x + 0.64 * w) for sx in (1, -1) for sz in (1, -1)]
        shoulders = [((0.0, -1.1, sz), 1.1 * back + 0.9 * w) for sz in (1, -1)]
        return solid(outline, w, corners + shoulders)

    @cached_property
    def top(self) -> Solid:
        """The cabin, from a little below the belt to the roof; four planes of it have windows.

        The planes: windscreen, roof, rear window, floor, right side, left side, then the bevels.
        """
        x, w = self.length, self.width
        a, b, c, d = (v * x for v in self.cabin)
        foot = self.belt - 0.02
        lean = 0.24
        sides = [((0.0, -lean, sz), lean * foot + 0.93 * w) for sz in (1, -1)]
        at_roof = 0.93 * w - lean * (self.roof - foot)
        bevels = [((0.0, -1.0, sz), self.roof + at_roof - 0.022) for sz in (1, -1)]
        return solid(((a, foot), (b, self.roof), (c, self.roof), (d, foot)), None, sides + bevels)

    @cached_property
    def wheels(self) -> np.ndarray:
        """Centres of the four wheels, (4, 3)."""
        x, z = self.axle * self.length, self.width - 0.8 * self.tyre
        return np.array([(sx * x, -self.wheel, sz * z) for sx in (1, -1) for sz in (1, -1)])

    @property
    def tyre(self) -> float:
        """Half the breadth of a wheel."""
        return 0.38 * self.wheel

    @property
    def extent(self) -> np.ndarray:
        """Half length, half height and half width of the box around the car, (3,)."""
        return np.array([self.length, self.roof / 2, self.width + 0.2 * self.tyre])


SHAPES = (
    Shape("saloon", 0.42, 0.170, 0.165, 0.190, 0.320, (0.40, 0.14, -0.42, -0.78)),
    Shape("hatchback", 0.36, 0.165, 0.170, 0.195, 0.335, (0.48, 0.18, -0.66, -0.93), 0.5),
    Shape("estate", 0.43, 0.170, 0.165, 0.190, 0.325, (0.40, 0.16, -0.80, -0.94)),
    Shape("coupe", 0.41, 0.172, 0.140, 0.178, 0.285, (0.34, 0.02, -0.36, -0.90), 0.36, 0.080),
    Shape("jeep", 0.38, 0.178, 0.205, 0.230, 0.385, (0.36, 0.22, -0.80, -0.90), 0.4, 0.092),
    Shape("van", 0.43, 0.178, 0.210, 0.235, 0.425, (0.84, 0.52, -0.90, -0.95), 0.86),
    Shape("pickup", 0.45, 0.175, 0.190, 0.212, 0.355, (0.42, 0.22, -0.16, -0.24), 0.44, 0.088),
    Shape("mini", 0.31, 0.158, 0.165, 0.190, 0.330, (0.50, 0.28, -0.62, -0.90), 0.52, 0.072),
)
