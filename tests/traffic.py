"""Scenes of `cars` with as many cars as a test needs."""


def many(cars, count=3, first=0):
    """The first scenes with so many cars."""
    found = (cars.scene(i) for i in range(first, first + 24))
    return [scene for scene in found if len(scene.cars) == count]
