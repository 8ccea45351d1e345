"""BachGAN: images from salient object layouts by retrieving backgrounds (Li et al., CVPR 2020)."""

from synthbook.bachgan.layout import layout_of, rasterise
from synthbook.bachgan.memory import Remembering, neighbours
from synthbook.bachgan.network import BachGAN, Config, Fusion, Network, config, substitute
from synthbook.bachgan.retrieval import MemoryBank, search

__all__ = ["BachGAN", "Config", "Fusion", "MemoryBank", "Network", "Remembering", "config",
           "layout_of", "neighbours", "rasterise", "search", "substitute"]
