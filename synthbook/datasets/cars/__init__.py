"""Cars on the ground, ray-cast, with exact truth: camera, poses, masks, depth, labels."""

from synthbook.datasets.cars.camera import FAR, RADIUS, Camera
from synthbook.datasets.cars.dataset import Cars
from synthbook.datasets.cars.scene import Backdrop, Car, Scene

__all__ = ["FAR", "RADIUS", "Backdrop", "Camera", "Car", "Cars", "Scene"]
