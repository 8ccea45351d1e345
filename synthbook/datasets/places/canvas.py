"""A supersampled canvas: colours and surfaces, reduced to pixels and labels."""

import functools

import numpy as np
from PIL import Image, ImageDraw

SURFACES = 64  # codes are surface + SURFACES * instance


@functools.cache
def grid(n: int) -> np.ndarray:
    """(n,) float32: the centres of n equal cells of [0, 1]."""
    return (np.arange(n, dtype=np.float32) + 0.5) / n


class Stamp:
    """A mask drawn with polygons in picture fractions, n pixels a side."""

    def __init__(self, n: int):
        self.n = n
        self.picture = Image.new("L", (n, n))
        self.pen = ImageDraw.Draw(self.picture)

    def polygon(self, points: list[tuple[float, float]], value: int = 255) -> None:
        """Fill a polygon of (x, y) corners."""
        self.pen.polygon([(x * self.n - 0.5, y * self.n - 0.5) for x, y in points], fill=value)

    def ellipse(self, x: float, y: float, rx: float, ry: float, value: int = 255) -> None:
        """Fill an ellipse with half axes rx, ry."""
        n = self.n
        self.pen.ellipse(((x - rx) * n - 0.5, (y - ry) * n - 0.5,
                          (x + rx) * n - 0.5, (y + ry) * n - 0.5), fill=value)

    def array(self, rows: slice = slice(None)) -> np.ndarray:
        """(h, n, 1) float32 in [0, 1]."""
        return (np.asarray(self.picture)[rows].astype(np.float32) * np.float32(1 / 255))[..., None]


class Canvas:
    """Colours (n, n, 3) float32 in [0, 1] and surface codes (n, n)."""

    def __init__(self, n: int):
        self.n = n
        self.rgb = np.zeros((n, n, 3), np.float32)
        self.code = np.zeros((n, n), np.int16)

    def rows(self, top: float, bottom: float = 1.0) -> slice:
        """The rows between two heights, in fractions; never empty."""
        first = min(max(int(np.floor(top * self.n)), 0), self.n - 1)
        return slice(first, min(max(int(np.ceil(bottom * self.n)), first + 1), self.n))

    def fill(self, rows: slice, mask: np.ndarray, rgb: np.ndarray, code: int) -> None:
        """Paint where mask (h, n) holds; rgb broadcasts to (h, n, 3)."""
        part = self.rgb[rows]
        np.copyto(part, rgb, where=np.repeat(mask, 3, 1).reshape(part.shape))
        self.code[rows][mask] = code

    def paste(self, rgba: np.ndarray, left: int, top: int, code: int) -> None:
        """Lay a sprite (h, w, 4) bytes, straight alpha, where it covers half a sample or more.

        A sample is wholly one surface, so that no surface's colour leaks under another's label.
        """
        height, width = rgba.shape[:2]
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + width, self.n), min(top + height, self.n)
        if x1 <= x0 or y1 <= y0:
            return
        part, spot = rgba[y0 - top:y1 - top, x0 - left:x1 - left], np.s_[y0:y1, x0:x1]
        solid = part[..., 3] >= 128
        where = np.repeat(solid, 3, 1).reshape(*solid.shape, 3)
        np.copyto(self.rgb[spot], part[..., :3] * np.float32(1 / 255), where=where)
        self.code[spot][solid] = code

    def reduce(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Average colours to (size, size, 3) bytes; codes to the largest coverage, (size, size).

        Slivers do not count: a sample whose surface labels neither its pixel nor one of the
        eight around it is left out of the average. So a class's colour reaches at most one pixel
        beyond its label.
        """
        s = self.n // size
        pixels = np.clip(self.rgb, 0, 1)
        pixels *= 255
        pixels += np.float32(0.5)
        pixels = pixels.astype(np.uint8)
        image = np.array(Image.fromarray(pixels).reduce(s))
        samples = [self.code[i::s, j::s] for i in range(s) for j in range(s)]
        code, mixed = largest(samples)
        ys, xs = np.nonzero(mixed)
        around = np.pad(code, 1, mode="edge") % SURFACES
        labels = np.stack([around[ys + i, xs + j] for i in range(3) for j in range(3)], 1)
        votes = np.stack([sample[ys, xs] for sample in samples], 1) % SURFACES
        kept = (votes[:, :, None] == labels[:, None, :]).any(-1)
        part = ~kept.all(1)
        ys, xs, kept = ys[part], xs[part], kept[part]
        colours = pixels.reshape(size, s, size, s, 3)[ys, :, xs].reshape(-1, s * s, 3)
        total = (colours * kept[..., None].astype(np.int64)).sum(1)
        count = kept.sum(1)[:, None]
        image[ys, xs] = (2 * total + count) // (2 * count)
        return image, code


def largest(samples: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The most frequent of M codes (H, W), the first of equals; and where there are several."""
    out = samples[0].copy()
    mixed = np.zeros(out.shape, bool)
    for sample in samples[1:]:
        mixed |= sample != out
    votes = np.stack([sample[mixed] for sample in samples], 1)
    counts = (votes[:, :, None] == votes[:, None, :]).sum(-1)
    out[mixed] = np.take_along_axis(votes, counts.argmax(1)[:, None], 1)[:, 0]
    return out, mixed
