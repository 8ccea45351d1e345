"""Small files in the form of real datasets, and what their readers say when they refuse."""

import numpy as np
import pytest
from PIL import Image

from synthbook.discriminators import MultiScaleDiscriminator
from synthbook.files import BookError

RNG = np.random.default_rng(0)


def save(path, array):
    """Write an (H, W) or (H, W, 3) array as PNG, or as the format that the name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def photo(height=16, width=32):
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def message(build):
    """The one line with which `build` refuses."""
    with pytest.raises(BookError) as caught:
        build()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def thin_discriminators(monkeypatch, published):
    """Let a room of published recipes make discriminators of few channels."""
    monkeypatch.setattr(published, "MultiScaleDiscriminator",
                        lambda maps: MultiScaleDiscriminator(maps, width=4))
