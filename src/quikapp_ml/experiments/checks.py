"""What the statistics ask of their input, said in one way."""

import math
from collections.abc import Sized
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quikapp_ml.errors import InvalidInput, Problem

Array = NDArray[np.float64]


def refused(path: str, code: str, given: Any, allowed: str) -> InvalidInput:
    """An error that names the field, what was given and what is allowed."""
    message = f"{path} is {given}; give {allowed}"
    return InvalidInput(message, (Problem(path, code, message, str(given), allowed),))


def inside(path: str, value: float, low: float = 0.0, high: float = 1.0) -> float:
    """The value, which must lie strictly between the two."""
    if not (math.isfinite(value) and low < value < high):
        raise refused(path, "out_of_range", value, f"a number above {low} and below {high}")
    return float(value)


def sample(path: str, values: ArrayLike, at_least: int = 2) -> Array:
    """A flat array of finite numbers, long enough."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size < at_least:
        raise refused(path, "wrong_shape", f"of shape {array.shape}", f"a flat list of at least {at_least} numbers")
    if not np.isfinite(array).all():
        raise refused(path, "not_finite", "partly infinite or not a number", "finite numbers")
    return array


def same_length(**arrays: Sized) -> None:
    """Refuse arrays that do not describe the same rows."""
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise refused(", ".join(lengths), "length_mismatch", f"of lengths {list(lengths.values())}", "one value a row")
