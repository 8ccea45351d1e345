"""Objects on the ground, ray-cast, with exact truth: what `cars`, `furniture` and `fruit` share."""

from synthbook.datasets.raycast.camera import FAR, RADIUS, Camera
from synthbook.datasets.raycast.dataset import RayCast
from synthbook.datasets.raycast.scene import Backdrop, Placed, Scene

__all__ = ["FAR", "RADIUS", "Backdrop", "Camera", "Placed", "RayCast", "Scene"]
