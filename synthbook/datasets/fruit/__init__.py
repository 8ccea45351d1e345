"""Fruits on a table, ray-cast, with exact truth and a camera that is not perfect."""

from synthbook.datasets.fruit.dataset import Fruits
from synthbook.datasets.fruit.scene import Fruit, Photograph, Scene

__all__ = ["Fruit", "Fruits", "Photograph", "Scene"]
