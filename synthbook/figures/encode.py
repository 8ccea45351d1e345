"""How numbers and pictures of a figure travel: base64 in its description, bytes to its kernel."""

import base64
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from synthbook.plots import pixels

FLOAT = np.dtype("<f4")


def to_base64(content: bytes) -> str:
    """Bytes as base64 text."""
    return base64.b64encode(content).decode("ascii")


def to_bytes(tensor: Tensor) -> bytes:
    """A tensor's values as little-endian float32, row by row."""
    return tensor.detach().cpu().numpy().astype(FLOAT).tobytes()


def from_bytes(content: bytes | memoryview, shape: Sequence[int]) -> Tensor:
    """The float32 tensor of `shape` that :func:`to_bytes` wrote; ValueError where it is not."""
    content = bytes(content)
    sizes = tuple(int(n) for n in shape)
    if min(sizes, default=1) < 0 or len(content) != 4 * math.prod(sizes):
        raise ValueError(f"{len(content)} bytes are no numbers of shape {list(sizes)}")
    return torch.from_numpy(np.frombuffer(content, FLOAT).astype(np.float32)).reshape(sizes)


def packed(tensor: Tensor) -> dict[str, Any]:
    """A tensor as `{"shape": [...], "data": base64 of to_bytes}`."""
    return {"shape": list(tensor.shape), "data": to_base64(to_bytes(tensor))}


def unpacked(value: dict[str, Any]) -> Tensor:
    """The tensor that :func:`packed` described."""
    return from_bytes(base64.b64decode(value["data"]), value["shape"])


def small_numbers(values: Tensor | np.ndarray) -> str:
    """Whole numbers 0..255 of any shape as base64 of one byte each, row by row."""
    return to_base64(np.ascontiguousarray(np.asarray(values), dtype=np.uint8).tobytes())


def png(image: Tensor) -> bytes:
    """An image (3, H, W) in [-1, 1] as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels(image)).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def data_url(image: Tensor) -> str:
    """An image (3, H, W) in [-1, 1] as an address that holds the picture itself."""
    return f"data:image/png;base64,{to_base64(png(image))}"
