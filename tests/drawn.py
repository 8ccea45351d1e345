"""Small drawn images for the tests of metrics."""

import numpy as np
import torch


def scenes(n, seed, size=40, shapes=("disc", "square", "diamond")):
    """(n, 3, size, size): three striped shapes on a graded ground."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    images = np.empty((n, 3, size, size), np.float32)
    for image in images:
        top, bottom = rng.uniform(-1, 1, (2, 3, 1, 1))
        image[:] = top * (1 - y) + bottom * y
        for _ in range(3):
            cx, cy, r = *rng.uniform(0.2, 0.8, 2), rng.uniform(0.1, 0.2)
            distance = {
                "disc": np.hypot(x - cx, y - cy),
                "square": np.maximum(abs(x - cx), abs(y - cy)),
                "diamond": abs(x - cx) + abs(y - cy),
            }[rng.choice(shapes)]
            stripes = 1 + 0.4 * np.sin(rng.uniform(20, 40) * x + rng.uniform(0, 9) * y)
            image[:, distance < r] = (rng.uniform(-1, 1, (3, 1, 1)) * stripes)[:, distance < r]
    return torch.from_numpy(images.clip(-1, 1))
