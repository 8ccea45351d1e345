"""The twelve kinds of place: their ground, their far ridges and what stands where."""

from typing import NamedTuple

# height of a sprite, as a fraction of the picture, when it stands at 0.82 of its height
HEIGHTS = {
    "house": 0.37, "church": 0.42, "hut": 0.32, "office": 0.50, "hotel": 0.44, "store": 0.48,
    "pine": 0.40, "leaf tree": 0.42, "palm": 0.44, "bush": 0.20, "flower": 0.25, "cactus": 0.33,
    "car": 0.22, "truck": 0.23, "bus": 0.27, "sailboat": 0.36, "motorboat": 0.25, "ship": 0.29,
    "sheep": 0.28, "deer": 0.34, "camel": 0.34,
}


class Stand(NamedTuple):
    """How many things of one class stand where; lengths are fractions of the picture."""

    what: str
    least: int
    most: int
    top: float  # the base of the thing lies between top and bottom
    bottom: float


class Kind(NamedTuple):
    """A kind of place. `plan` is `land`, `lake`, `shore`, `quay` or `road`."""

    name: str
    plan: str
    ground: str
    way: str  # class of the path, the road or the water
    ridges: tuple[str, ...]
    stands: tuple[Stand, ...]


FAR, MIDDLE, NEAR = (0.63, 0.72), (0.72, 0.84), (0.86, 0.97)
KINDS = (
    Kind("meadow", "land", "bloom", "path", ("mountain", "hill"), (
        Stand("leaf tree", 1, 2, *FAR), Stand("house", 0, 1, *FAR), Stand("sheep", 1, 2, *MIDDLE),
        Stand("flower", 1, 2, *NEAR), Stand("bush", 0, 1, *MIDDLE))),
    Kind("hills", "land", "grass", "path", ("hill", "hill"), (
        Stand("church", 0, 1, *FAR), Stand("house", 0, 1, *FAR), Stand("leaf tree", 0, 1, *FAR),
        Stand("pine", 0, 2, *MIDDLE), Stand("sheep", 1, 2, *MIDDLE), Stand("bush", 0, 2, *NEAR))),
    Kind("farm", "land", "field", "path", ("woods",), (
        Stand("house", 1, 1, *FAR), Stand("leaf tree", 0, 1, *FAR), Stand("sheep", 0, 2, *MIDDLE),
        Stand("truck", 0, 1, 0.80, 0.92), Stand("flower", 0, 1, *NEAR),
        Stand("bush", 0, 1, *NEAR))),
    Kind("forest", "land", "grass", "path", ("woods",), (
        Stand("hut", 0, 1, *FAR), Stand("pine", 2, 3, *FAR), Stand("leaf tree", 0, 1, *MIDDLE),
        Stand("deer", 1, 2, *MIDDLE), Stand("bush", 0, 1, *NEAR))),
    Kind("park", "land", "grass", "path", ("woods",), (
        Stand("office", 0, 1, 0.60, 0.64), Stand("store", 0, 1, 0.60, 0.64),
        Stand("leaf tree", 1, 2, *MIDDLE), Stand("bush", 1, 2, *MIDDLE),
        Stand("flower", 1, 2, *NEAR), Stand("deer", 0, 1, *NEAR))),
    Kind("lake", "lake", "grass", "lake", ("mountain", "woods"), (
        Stand("hut", 0, 1, 0.60, 0.62), Stand("pine", 0, 2, 0.60, 0.63),
        Stand("sailboat", 1, 1, 0.72, 0.77), Stand("motorboat", 0, 1, 0.74, 0.79),
        Stand("deer", 0, 1, 0.93, 0.97), Stand("pine", 0, 1, 0.93, 0.98))),
    Kind("snow", "land", "snow", "path", ("mountain", "woods"), (
        Stand("church", 0, 1, *FAR), Stand("hut", 0, 1, *FAR), Stand("pine", 1, 3, *MIDDLE),
        Stand("deer", 0, 1, *MIDDLE), Stand("car", 0, 1, 0.88, 0.95))),
    Kind("desert", "land", "dune", "road", ("mountain",), (
        Stand("hut", 0, 1, *FAR), Stand("palm", 0, 1, *FAR), Stand("camel", 1, 2, *MIDDLE),
        Stand("cactus", 1, 2, *MIDDLE), Stand("truck", 0, 1, 0.88, 0.95))),
    Kind("beach", "shore", "beach", "sea", ("hill",), (
        Stand("sailboat", 1, 1, 0.59, 0.63), Stand("motorboat", 0, 1, 0.61, 0.64),
        Stand("palm", 1, 2, 0.80, 0.95), Stand("hut", 0, 1, 0.78, 0.86),
        Stand("bush", 0, 1, *NEAR))),
    Kind("harbour", "quay", "paving", "sea", ("mountain",), (
        Stand("hotel", 0, 1, 0.62, 0.64), Stand("house", 0, 2, 0.62, 0.64),
        Stand("store", 0, 1, 0.62, 0.64), Stand("ship", 1, 1, 0.76, 0.84),
        Stand("motorboat", 0, 1, 0.88, 0.95), Stand("sailboat", 0, 1, 0.86, 0.96))),
    Kind("street", "road", "paving", "road", ("hill",), (
        Stand("house", 1, 2, 0.70, 0.74), Stand("church", 0, 1, 0.70, 0.74),
        Stand("leaf tree", 0, 2, 0.72, 0.76), Stand("bush", 0, 1, 0.74, 0.77),
        Stand("car", 1, 2, 0.88, 0.92), Stand("truck", 0, 1, 0.88, 0.92))),
    Kind("city", "road", "paving", "road", ("hill",), (
        Stand("office", 1, 1, 0.70, 0.74), Stand("store", 0, 1, 0.70, 0.74),
        Stand("hotel", 0, 1, 0.70, 0.74), Stand("leaf tree", 0, 1, 0.73, 0.76),
        Stand("bus", 0, 1, 0.88, 0.92), Stand("car", 1, 1, 0.88, 0.92))),
)
MOODS = ("spring morning", "summer noon", "autumn evening", "winter day", "night")
CATEGORY_NAMES = tuple(f"{kind.name}, {mood}" for kind in KINDS for mood in MOODS)
