"""Figures that readers manipulate: live in Jupyter, alive without a kernel in the page."""

from synthbook.figures.export import export

__all__ = ["export"]
