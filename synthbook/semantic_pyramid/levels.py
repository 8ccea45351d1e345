"""The seven levels of the pyramid: their names and the shapes of their features.

A fine level holds pixels' neighbourhoods, a coarse one what the picture is of. Features of the
first five are maps (B, C, h, w), of the last two vectors (B, C). FC6 is not a level.
"""

from collections.abc import Sequence

from torch import Tensor

from synthbook.files import BookError

LEVELS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc7", "fc8")  # fine to coarse
MAPS = 5  # the first so many levels are maps, in places; the others have no place
FC7, FC8 = 5, 6

Shapes = tuple[tuple[int, ...], ...]  # (C, h, w) or (C,) of every level, finest first


def level(which: str | int) -> int:
    """The number of a level, 0 (conv1) to 6 (fc8), from its name or number; else BookError."""
    if isinstance(which, str) and which.lower() in LEVELS:
        return LEVELS.index(which.lower())
    if isinstance(which, int) and not isinstance(which, bool) and 0 <= which < len(LEVELS):
        return which
    raise BookError(f"unknown level {which!r}: choose one of {', '.join(LEVELS)}, or 0 to "
                    f"{len(LEVELS) - 1}")


def check_shapes(shapes: Shapes) -> None:
    """Raise ValueError unless `shapes` are those of a pyramid: no level finer than the last."""
    maps, vectors = shapes[:MAPS], shapes[MAPS:]
    if len(shapes) != len(LEVELS) or any(len(s) != 3 or s[1] != s[2] for s in maps) or any(
            len(s) != 1 for s in vectors):
        raise ValueError(f"a pyramid has five levels (C, h, h) and two (C,), not {shapes}")
    sides = [s[1] for s in maps]
    if any(fine not in (coarse, 2 * coarse) for fine, coarse in zip(sides, sides[1:])):
        raise ValueError(f"each level is as large as the next or twice as large, not {sides}")


def check_features(features: Sequence[Tensor | None], shapes: Shapes, count: int) -> None:
    """Raise BookError unless there is a feature (count, ...) of each shape, or None for it."""
    if len(features) != len(shapes):
        raise BookError(f"a pyramid has {len(shapes)} levels ({', '.join(LEVELS)}); got "
                        f"{len(features)}: give None for a level that is not supplied")
    for name, shape, x in zip(LEVELS, shapes, features):
        if x is not None and tuple(x.shape) != (count, *shape):
            raise BookError(f"{name} is {(count, *shape)} for {count} images, got "
                            f"{tuple(x.shape)}: take it from the classifier that the generator "
                            "was trained with")
