"""Figures that readers manipulate: live in Jupyter, alive without a kernel in the page."""
