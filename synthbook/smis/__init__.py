"""SMIS: semantically multi-modal image synthesis with GroupDNet (Zhu et al., CVPR 2020)."""

from synthbook.smis.network import (
    CITYSCAPES,
    DEEPFASHION,
    SMIS,
    Config,
    Encoder,
    Generator,
    config,
    split_by_class,
)

__all__ = ["CITYSCAPES", "DEEPFASHION", "SMIS", "Config", "Encoder", "Generator", "config",
           "split_by_class"]
