"""Do two results agree? If not, one sentence says how they differ."""

import math
from numbers import Number
from typing import Any

import numpy as np
import torch
from torch import Tensor


def fresh(value: Any) -> Any:
    """A copy of arguments: tensors, arrays and what holds them; all else as it is."""
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {key: fresh(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(fresh(one) for one in value)
    return value


def complaint(got: Any, want: Any, tolerance: float) -> str:
    """How `got` differs from `want`, in words; empty where they agree.

    Numbers may be Python's, NumPy's or tensors without axes, lists may be tuples. Tensors must
    have the shape asked for, and be boolean where that is.
    """
    if got is None and want is not None:
        return "your function returns nothing: end it with `return` and the result"
    if isinstance(want, Tensor) and want.dim():
        return tensors(got, want, tolerance)
    if isinstance(want, bool):
        if not isinstance(got, (bool, np.bool_)):
            return f"it gives {said(got)}; True or False is asked for"
        return "" if bool(got) == want else f"{bool(got)} instead of {want}"
    if isinstance(want, Number) or isinstance(want, Tensor):
        return numbers(got, want, tolerance)
    if isinstance(want, dict):
        return keyed(got, want, tolerance)
    if isinstance(want, (list, tuple)):
        return listed(got, want, tolerance)
    if type(got) is not type(want):
        return f"it gives {said(got)}; {said(want)} is asked for"
    if isinstance(want, (set, frozenset)) and got != want:
        more, less = (sorted(map(str, one)) for one in (got - want, want - got))
        parts = ([f"{', '.join(more)} should not be in it"] if more else [])
        parts += [f"{', '.join(less)} is missing"] if less else []
        return f"the set differs: {'; '.join(parts)}"
    return "" if got == want else f"{got!r} instead of {want!r}"


def tensors(got: Any, want: Tensor, tolerance: float) -> str:
    """The complaint about what should be a tensor."""
    if not isinstance(got, Tensor):
        return f"it gives {said(got)}; {said(want)} is asked for"
    if got.shape != want.shape:
        return f"it gives {said(got)}; the shape asked for is {tuple(want.shape)}"
    if want.dtype == torch.bool and got.dtype != torch.bool:
        return f"it gives {got.dtype} values; a mask of booleans is asked for, as `x > 0` gives"
    a, b = got.detach().cpu().double(), want.detach().cpu().double()
    if not a.isfinite().all() and b.isfinite().all():
        return "some values are not finite (nan or inf): is something divided by zero?"
    wrong = ~torch.isclose(a, b, tolerance, tolerance, equal_nan=True)
    if not wrong.any():
        return ""
    share, place = wrong.double().mean().item(), tuple(wrong.nonzero()[0].tolist())
    return (f"{max(share, 0.01):.0%} of the values are wrong; the first at {list(place)}: "
            f"{a[place].item():.4g} instead of {b[place].item():.4g}")


def numbers(got: Any, want: Any, tolerance: float) -> str:
    """The complaint about what should be one number."""
    plain = isinstance(got, (Number, np.number)) and not isinstance(got, (bool, complex))
    if not plain and not (isinstance(got, (Tensor, np.ndarray)) and got.ndim == 0):
        return f"it gives {said(got)}; one number is asked for"
    a, b = float(got), float(want)
    if math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance):
        return ""
    return f"{a:.4g} instead of {b:.4g}"


def keyed(got: Any, want: dict, tolerance: float) -> str:
    """The complaint about what should be a dictionary."""
    if not isinstance(got, dict):
        return f"it gives {said(got)}; a dictionary is asked for"
    for some, others, text in ((want, got, "is missing"), (got, want, "should not be there")):
        for key in some:
            if key not in others:
                return f"the key {key!r} {text}"
    found = ((key, complaint(got[key], want[key], tolerance)) for key in want)
    return next((f"at {key!r}: {text}" for key, text in found if text), "")


def listed(got: Any, want: list | tuple, tolerance: float) -> str:
    """The complaint about what should be several results."""
    if not isinstance(got, (list, tuple)):
        return f"it gives {said(got)}; {len(want)} results are asked for, `return a, b`"
    if len(got) != len(want):
        return f"it gives {len(got)} results; {len(want)} are asked for"
    found = (complaint(a, b, tolerance) for a, b in zip(got, want))
    return next((f"result {i}: {text}" for i, text in enumerate(found, 1) if text), "")


def said(value: Any) -> str:
    """What a value is, in words."""
    if isinstance(value, (Tensor, np.ndarray)):
        kind = "a tensor" if isinstance(value, Tensor) else "a NumPy array"
        return f"{kind} of shape {tuple(value.shape)}"
    if value is None:
        return "nothing"
    kinds = {bool: "True or False", int: "a whole number", float: "a number", str: "a text",
             list: "a list", tuple: "a tuple", dict: "a dictionary", set: "a set"}
    return kinds.get(type(value), f"an object of type {type(value).__name__}")
