"""Furniture on the floor of a room, ray-cast, with exact truth."""

from synthbook.datasets.furniture.dataset import Furniture
from synthbook.datasets.furniture.scene import Piece, Scene

__all__ = ["Furniture", "Piece", "Scene"]
