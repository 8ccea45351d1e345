"""Stochastic detail in known bands: film grain, strands of hair, freckles, weave.

Fields are drawn at the image's own size from `Scene.noise` alone, so the same portrait can carry
other detail. Bands are in cycles per pixel of that size (Nyquist is 0.5). A field has mean zero
and standard deviation one before it is masked by its part and scaled.
"""

from functools import lru_cache

import numpy as np

from synthbook.datasets.faces.parts import size_of

GRAIN_BAND = (0.25, 0.5)
STRAND_BAND = (0.15, 0.45)
WEAVE_BAND = (0.2, 0.45)
GRAIN, STRANDS, WEAVE, FRECKLES = 14.0, 0.6, 0.20, 0.5  # at knob 1; grain in grey levels
_FIELDS = ("grain", "strands", "freckles", "weave")


def stream(noise: int, field: str) -> np.random.Generator:
    """The random stream of one field; fields do not depend on which others are on."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(
        [noise, _FIELDS.index(field)])))


@lru_cache(maxsize=8)
def radius(size: int) -> np.ndarray:
    """Spatial frequency of every coefficient of `rfft2`, (size, size // 2 + 1), cycles/pixel."""
    return np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])


@lru_cache(maxsize=32)
def _ring(size: int, band: tuple[float, float]) -> np.ndarray:
    return (radius(size) >= band[0]) & (radius(size) <= band[1])


@lru_cache(maxsize=32)
def _slow(size: int, cycles: float) -> np.ndarray:
    return np.exp(-((radius(size) * size / cycles) ** 2))


def banded(rng: np.random.Generator, size: int, band: tuple[float, float]) -> np.ndarray:
    """White noise kept inside a ring of frequencies, (size, size), mean 0, deviation 1."""
    spectrum = np.fft.rfft2(rng.standard_normal((size, size)))
    field = np.fft.irfft2(spectrum * _ring(size, band), s=(size, size))
    return field / field.std()


def smooth(rng: np.random.Generator, size: int, cycles: float) -> np.ndarray:
    """Slow noise of about `cycles` waves across the image, (size, size), deviation 1."""
    spectrum = np.fft.rfft2(rng.standard_normal((size, size)))
    field = np.fft.irfft2(spectrum * _slow(size, cycles), s=(size, size))
    return field / field.std()


def grain(noise: int, size: int) -> np.ndarray:
    """Film grain, (size, size), inside `GRAIN_BAND`."""
    return banded(stream(noise, "grain"), size, GRAIN_BAND)


def strands(noise: int, size: int, crown: tuple[float, float], curl: float,
            where: np.ndarray) -> np.ndarray:
    """Streaks along the hair, (size, size), zero outside `where` (size, size) bool.

    Noise of `STRAND_BAND` is averaged along the lines that leave `crown` (x, y in pixels; line
    integral convolution, Cabral and Leedom 1993), so across the hair the band is kept. `curl`
    in [0, 1] bends the lines at random.
    """
    rng = stream(noise, "strands")
    white = banded(rng, size, STRAND_BAND)
    bend = smooth(rng, size, 7) * (0.22 + 1.3 * curl)
    rows, columns = np.nonzero(where)
    turn = np.arctan2(rows + 0.5 - crown[1], columns + 0.5 - crown[0]) + bend[rows, columns]
    dx, dy = np.cos(turn), np.sin(turn)
    reach = max(2, round(size / 16 * (1 - 0.6 * curl)))
    total = np.zeros(len(rows))
    for step in range(-reach, reach + 1):
        y = np.rint(rows + step * dy).astype(np.intp) % size
        x = np.rint(columns + step * dx).astype(np.intp) % size
        total += white[y, x] * (1 - abs(step) / (reach + 1))
    field = np.zeros((size, size))
    if len(rows):
        field[rows, columns] = (total - total.mean()) / max(total.std(), 1e-6)
    return np.clip(field, -2.5, 2.5)


def weave(noise: int, size: int) -> np.ndarray:
    """Threads crossing with wandering phase, (size, size), centred in `WEAVE_BAND`."""
    rng = stream(noise, "weave")
    turn = rng.uniform(-0.35, 0.35)
    f, g = rng.uniform(0.27, 0.33, 2)
    p, q = smooth(rng, size, 5), smooth(rng, size, 5)
    a, b = rng.uniform(0, 2 * np.pi, 2)
    x, y = np.arange(size)[None], np.arange(size)[:, None]
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    threads = np.sin(2 * np.pi * f * u + a + 1.6 * p) + np.sin(2 * np.pi * g * v + b + 1.6 * q)
    field = threads + 0.7 * banded(rng, size, WEAVE_BAND)
    return (field - field.mean()) / field.std()


def freckles(noise: int, size: int, amount: float, to_pixels: np.ndarray) -> np.ndarray:
    """Random dots on cheeks and nose, (size, size) in [0, 1].

    `amount` (0 to 1) sets the expected number, up to 50; `to_pixels` (2, 3) maps units of the
    drawing to pixels.
    """
    rng = stream(noise, "freckles")
    spots = rng.standard_normal((120, 4))[:min(120, rng.poisson(50 * amount))]
    side = np.where(spots[:, 2] > 0, 1, -1)
    x = 32 + side * (6.2 + 2.9 * spots[:, 0])
    at = to_pixels @ np.stack([x, 33.4 + 1.9 * spots[:, 1], np.ones(len(spots))])
    pixel = size_of(to_pixels)
    sigma = np.maximum(0.4, pixel * np.clip(0.3 + 0.08 * spots[:, 3], 0.18, 0.5))
    line = np.arange(size) + 0.5
    across, down = (np.exp(-(((line - v[:, None]) / sigma[:, None]) ** 2) / 2) for v in at)
    return np.minimum(down.T @ across, 1)
