"""A generator that begins as a trained one of smaller pictures.

Primitives, their features and the 2D generator know nothing of a picture's size, so weights of
32 pixels draw at 64, if coarsely. What the new generator sees beyond the old one begins at zero.
"""

import torch
from torch import Tensor, nn

from synthbook.files import BookError, data_dir, read_tensors, verified

STEM = "painter.stem.weight"  # (out, features, places if anchored, alpha; 3, 3)


def begin(generator: nn.Module, name: str) -> None:
    """Give a generator the book's weights called `name`, as `controllable-3d/point@cars-32-s0`.

    BookError where they do not ship or are of other sizes.
    """
    path = data_dir() / "weights" / f"{name}.safetensors"
    verified(path)
    own = generator.state_dict()
    given = {key: value.float() for key, value in read_tensors(path)[0].items()}
    if STEM in given and STEM in own:
        given[STEM] = widened(given[STEM], own[STEM].shape[1])
    try:
        generator.load_state_dict(given)
    except RuntimeError as error:
        raise BookError(f"a generator cannot begin as {name}: its networks have other sizes") \
            from error


def widened(weight: Tensor, inputs: int) -> Tensor:
    """A first convolution (O, I, 3, 3) with zeros for new inputs, before the last one, the alpha.

    Returns (O, inputs, 3, 3).
    """
    new = weight.new_zeros(len(weight), max(0, inputs - weight.shape[1]), *weight.shape[2:])
    return torch.cat([weight[:, :-1], new, weight[:, -1:]], 1)
