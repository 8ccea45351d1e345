"""Primitives one pixel at a time: slow, obvious versions to match; and scenes drawn at random."""

import math

import numpy as np
import torch

from synthbook.controllable_3d import orbit, pose_of

NEAR, FAR = 0.1, 4.0
F64 = torch.float64


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def scene(b=1, n=2, seed=0):
    """Poses (B, N) near the origin and cameras, in double precision."""
    pose = pose_of(numbers(b, n, 12, seed=seed) * 0.7)
    return pose, orbit(numbers(b, seed=seed + 1), 0.5 + 0 * numbers(b))


def ray(u: int, v: int, size: int) -> np.ndarray:
    """The direction through the centre of pixel (u, v)."""
    return np.array([(u + 0.5 - size / 2) / size, (v + 0.5 - size / 2) / size, 1.0])


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-max(min(x, 500), -500)))


def softness(t, s, size, sharpness) -> float:
    return sharpness * max(t[2], NEAR) / (size * np.mean(s))


def ellipsoid(R, t, s, size, sharpness):
    """Alpha and depth (size, size) of one ellipsoid in the camera's frame."""
    alpha, depth = np.zeros((size, size)), np.zeros((size, size))
    for v in range(size):
        for u in range(size):
            o, d = R.T @ -t / s, R.T @ ray(u, v, size) / s
            a, b, c = d @ d, d @ o, o @ o - 1
            root = b * b - a * c
            m = math.sqrt(max(o @ o - b * b / a, 0))
            depth[v, u] = np.clip((-b - math.sqrt(max(root, 0))) / a, NEAR, FAR)
            if (-b + math.sqrt(max(root, 0))) / a > NEAR:
                alpha[v, u] = sigmoid((1 - m) / softness(t, s, size, sharpness))
    return alpha, depth


def cuboid(R, t, s, size, sharpness):
    """The same of one cuboid: its faces one after the other."""
    alpha, depth = np.zeros((size, size)), np.zeros((size, size))
    for v in range(size):
        for u in range(size):
            o, d = R.T @ -t / s, R.T @ ray(u, v, size) / s
            enters, leaves = [], []
            for axis in range(3):
                faces = sorted((side - o[axis]) / d[axis] for side in (-1, 1))
                enters.append(faces[0])
                leaves.append(faces[1])
            enter, leave = max(enters), min(leaves)
            middle = (enter + leave) / 2
            m = max(abs(o + middle * d))
            depth[v, u] = np.clip(enter if leave > enter else middle, NEAR, FAR)
            if leave > NEAR:
                alpha[v, u] = sigmoid((1 - m) / softness(t, s, size, sharpness))
    return alpha, depth


def points(R, t, s, places, features, size, radius, hide=None):
    """Features (C, size, size) of one point cloud, every point added to every pixel."""
    picture = np.zeros((features.shape[1], size, size))
    total = np.zeros((size, size))
    placed = [R @ (s * q) + t for q in places]
    nearest = min(max(p[2], NEAR) for p in placed)
    for p, feature in zip(placed, features):
        if p[2] <= NEAR:
            continue
        x, y = p[:2] / p[2] * size + size / 2
        for v in range(size):
            for u in range(size):
                w = math.exp(-((u + 0.5 - x) ** 2 + (v + 0.5 - y) ** 2) / radius**2)
                if hide:
                    w *= math.exp((nearest - p[2]) / hide)
                picture[:, v, u] += w * feature
                total[v, u] += w
    return picture / (total + 1e-3) if hide else picture


def compose(rgb, alpha, depth, background):
    """One scene: (N, 3, H, W), (N, H, W), (N, H, W), (3, H, W) to (3, H, W)."""
    image = np.array(background, float)
    n, h, w = alpha.shape
    for y in range(h):
        for x in range(w):
            for k in sorted(range(n), key=lambda k: depth[k, y, x], reverse=True):
                a = alpha[k, y, x]
                image[:, y, x] = a * rgb[k, :, y, x] + (1 - a) * image[:, y, x]
    return image
