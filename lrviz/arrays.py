"""Arrays of any kind, read-only arrays, and frozen data that holds them."""

from dataclasses import fields, is_dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Int

from lrviz.errors import LrvizError

ArrayLike: TypeAlias = np.ndarray | torch.Tensor


class Comparable:
    """Frozen data whose fields may be arrays: equal are those of one type with equal fields, NaN being equal to NaN.

    Fields that are declared with `compare=False` do not count. Subclasses are data classes with `eq=False`.
    """

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        names = [item.name for item in fields(self) if item.compare]  # type: ignore[arg-type]
        return all(_are_equal(getattr(self, name), getattr(other, name)) for name in names)


def _are_equal(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other, equal_nan=one.dtype.kind in "fc"))
    return bool(one == other) or (one != one and other != other)  # noqa: PLR0124  NaN is not itself


def first_largest(
    values: Float[np.ndarray, "n columns"], slack: Float[np.ndarray, "n columns"] | Float[np.ndarray, "columns"]
) -> Int[np.ndarray, "n"]:
    """The first column that is the largest of its row, up to rounding errors.

    Args:
        values: (n, K) numbers.
        slack: (n, K) or (K,) their rounding errors.

    >>> first_largest(np.array([[1.0, 2.0, 2.0 + 1e-15]]), np.full(3, 1e-14)).tolist()
    [1]
    """
    rows, top, slack = np.arange(len(values)), values.argmax(1), np.broadcast_to(slack, values.shape)
    behind = values[rows, top][:, None] - values
    return (behind <= slack + slack[rows, top][:, None]).argmax(1)


def frozen_array(values: ArrayLike | list | tuple, dtype: type | None = None) -> np.ndarray:
    """Copy values into a read-only array, so that users of one result cannot disturb each other.

    An array that is read-only already is kept as it is.

    Args:
        values: Anything that numpy can read, or a tensor on any device.
        dtype: The element type of the result; that of the values if None.

    Returns:
        A contiguous array that refuses to be written to.
    """
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().numpy()
    if isinstance(values, np.ndarray) and not values.flags.writeable and values.flags.c_contiguous:
        return values if dtype is None or values.dtype == dtype else frozen_array(values.astype(dtype))
    array = np.array(values, dtype=dtype, order="C")
    array.setflags(write=False)
    return array


def array_bytes(value: Any) -> int:
    """Memory that the arrays take which frozen data hold, and those in it.

    >>> array_bytes(np.zeros(3)), array_bytes("text")
    (24, 0)
    """
    if isinstance(value, np.ndarray):
        return value.nbytes
    return sum(array_bytes(getattr(value, item.name)) for item in fields(value)) if is_dataclass(value) else 0


def number_array(values: Any, what: str, error: type[LrvizError]) -> np.ndarray:
    """Copy real numbers into a read-only float64 array.

    Args:
        values: What was given.
        what: What it is, for the message; the beginning of a sentence, in the plural.
        error: What to raise.

    Raises:
        LrvizError: The values are no real numbers, or do not form an array.
    """
    floating = isinstance(values, torch.Tensor) and values.is_floating_point()
    try:
        array = frozen_array(values.double() if floating else values)
        if array.dtype.kind in "biuf":
            return frozen_array(array, np.float64)
    except (TypeError, ValueError, RuntimeError) as failure:
        raise error(f"{what} must be an array of real numbers; got {describe(values)}. Convert them.") from failure
    raise error(f"{what} must be an array of real numbers; got {describe(values)}. Convert them.")


def describe(value: Any) -> str:
    """What something is, in a few words.

    >>> describe(np.zeros((2, 3))), describe("a.png"), describe(None)
    ('ndarray of shape (2, 3)', "str 'a.png'", 'None')
    """
    kind = type(value).__name__
    if isinstance(value, torch.Tensor | np.ndarray):
        return f"{kind} of shape {tuple(value.shape)}"
    if value is None:
        return "None"
    text = repr(value)
    return f"{kind} {text}" if len(text) <= 40 and "\n" not in text and " at 0x" not in text else kind
