"""Portraits of *Personas by Draftbit* with exact truth: parts, styles, attributes, detail."""

from synthbook.datasets.faces.dataset import Faces
from synthbook.datasets.faces.scene import Pose, Scene, Shape

__all__ = ["Faces", "Pose", "Scene", "Shape"]
