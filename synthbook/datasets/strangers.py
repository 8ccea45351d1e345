"""Pictures of another kind than portraits: what a generator of faces never saw.

Two kinds are the book's own drawings. The third is the one photograph that comes with an installed
package: Grace Hopper, of Matplotlib's sample data, whole and her head alone. It is in the public
domain (an official photograph of the United States Navy). Nothing is downloaded.
"""

import torch
from torch import Tensor

from synthbook.datasets import dataset
from synthbook.datasets.generated import to_image
from synthbook.datasets.images import centre_box, read_image, resize_image
from synthbook.files import BookError

KINDS = ("cars", "places", "photograph")
PHOTOGRAPH = "grace_hopper.jpg"
HEAD = (136, 28, 392, 284)  # left, top, right, bottom in its 512 by 600 pixels
SEED = 7


def strangers(size: int, count: int = 8) -> dict[str, Tensor]:
    """By kind, images (N, 3, size, size) in [-1, 1]: `count` cars and places, two photographs.

    size : 32 to 256 pixels.
    """
    found = {}
    for kind in ("cars", "places"):
        data = dataset(kind, "test", size=size, seed=SEED, count=count)
        found[kind] = torch.stack([data[i]["image"] for i in range(count)])
    return found | {"photograph": photograph(size)}


def photograph(size: int) -> Tensor:
    """Matplotlib's photograph, its middle and the head alone, (2, 3, size, size) in [-1, 1]."""
    from matplotlib.cbook import get_sample_data

    path = get_sample_data(PHOTOGRAPH, asfileobj=False)
    try:
        image = read_image(path)
    except BookError as error:
        raise BookError(f"{error}: install matplotlib again") from error
    boxes = (centre_box(*image.size, (size, size)), HEAD)
    return torch.stack([to_image(torch.from_numpy(resize_image(image, (size, size), box)))
                        for box in boxes])
