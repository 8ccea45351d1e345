"""Small pictures and random boxes for the tests of BachGAN."""

from synthbook.bachgan.layout import checked

THINGS, CLASSES, SIZE = (2, 3, 5), 6, (16, 24)


def random_boxes(rng, size=SIZE):
    """Five boxes inside a picture, many of them overlapping."""
    rows = [(rng.choice(THINGS), x, y, x + w, y + h) for x, y, w, h in zip(
        rng.integers(0, size[1] - 1, 5), rng.integers(0, size[0] - 1, 5),
        rng.integers(1, 9, 5), rng.integers(1, 9, 5))]
    return checked(rows, THINGS, size)
