"""Arrays of any kind, and read-only arrays."""

from typing import TypeAlias

import numpy as np
import torch

ArrayLike: TypeAlias = np.ndarray | torch.Tensor


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
