"""synthbook: five CVPR 2020 image-synthesis papers, explained, trained, measured, touchable."""

from typing import Any

__version__ = "0.1.0"
__all__ = ["dataset", "load", "metrics"]


def __getattr__(name: str) -> Any:
    """`load`, `dataset` and `metrics`, imported when first used so that `import` stays quick."""
    if name == "load":
        from synthbook.models import load

        return load
    if name == "dataset":
        from synthbook.datasets import dataset

        return dataset
    if name == "metrics":
        import importlib

        return importlib.import_module("synthbook.metrics")
    raise AttributeError(f"module 'synthbook' has no attribute {name!r}")
