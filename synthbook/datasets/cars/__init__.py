"""Cars on the ground, ray-cast, with exact truth: camera, poses, masks, depth, labels."""

from synthbook.datasets.cars.dataset import Cars
from synthbook.datasets.cars.scene import Backdrop, Car, Scene
from synthbook.datasets.raycast.camera import FAR, RADIUS, Camera

__all__ = ["FAR", "RADIUS", "Backdrop", "Camera", "Car", "Cars", "Scene"]
