"""Maxima of a network: which entries each one is the largest of, and which entry wins.

A maximum is one window of a max-pool, `torch.maximum` of two numbers, `amax` over some axes, and so on. A table (M, n)
lists the entries of M maxima among the flattened features of the step before; a maximum with fewer than n entries
repeats its first one. Of entries that are equal the first wins.
"""

from itertools import product
from math import prod

import torch
from jaxtyping import Float, Int

DEAD = -1
"""The winner of a maximum that is zero up to rounding: it has none."""


def largest_entry(
    x: Float[torch.Tensor, "..."], entries: Int[torch.Tensor, "M n"], shape: tuple[int, ...]
) -> Float[torch.Tensor, "..."]:
    """The maxima (batch, *shape) of inputs (batch, ...).

    >>> table = torch.tensor([[0, 1], [2, 0]], device="cpu")
    >>> largest_entry(torch.tensor([[3.0, 5.0, 1.0]], device="cpu"), table, (2,))
    tensor([[5., 3.]])
    """
    x = x.flatten(1)
    largest = x[:, entries[:, 0]]
    for column in entries.T[1:]:
        largest = torch.maximum(largest, x[:, column])
    return largest.unflatten(1, shape) if shape else largest[:, 0]


def find_winners(
    z: Float[torch.Tensor, "points features"],
    entries: Int[torch.Tensor, "M n"],
    zero: Float[torch.Tensor, "features"],
) -> tuple[Float[torch.Tensor, "points M"], Int[torch.Tensor, "points M"], Int[torch.Tensor, "points M"]]:
    """The values of maxima, the place of each one's largest entry, and its winner: that, or DEAD where it is zero.

    Args:
        z: (points, features) what the maxima choose from.
        entries: (M, n) the table.
        zero: (features,) differences up to here are rounding errors.
    """
    largest, slack = z[:, entries[:, 0]], zero[entries[:, 0]].expand(len(z), -1)
    first = torch.zeros_like(largest, dtype=torch.int64)
    for place, column in enumerate(entries.T[1:], 1):
        value, own = z[:, column], zero[column]
        better = value > largest + slack + own
        first = first.masked_fill(better, place)
        slack = torch.where(better, own, slack)
        largest = torch.where(better, value, largest)
    return largest, first, first.masked_fill(largest.abs() <= slack, DEAD)


def features_at(
    place: Int[torch.Tensor, "points M"], entries: Int[torch.Tensor, "M n"]
) -> Int[torch.Tensor, "points M"]:
    """Which feature stands at a place of each maximum's row of the table.

    >>> features_at(torch.tensor([[1, 0]], device="cpu"), torch.tensor([[0, 1], [2, 0]], device="cpu")).tolist()
    [[1, 2]]
    """
    return entries.T.gather(0, place)


def pool_entries(
    size: tuple[int, ...],
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
) -> Int[torch.Tensor, "M n"]:
    """The entries of a max-pool over the last axes.

    Args:
        size: Shape of the features, such as (channels, height, width).
        shape: Shape of the result.
        kernel: Extent of the window along each of the pooled axes, and likewise its other settings.
        stride: Steps between windows.
        padding: Places before the first feature; they never win.
        dilation: Steps within a window.

    >>> pool_entries((1, 3), (1, 2), (2,), (2,), (1,), (1,)).tolist()
    [[0, 0], [1, 2]]
    """
    num_axes = len(kernel)
    axes = [
        torch.arange(shape[axis - num_axes], device="cpu")[:, None] * stride[axis]
        - padding[axis]
        + torch.arange(kernel[axis], device="cpu") * dilation[axis]
        for axis in range(num_axes)
    ]
    places = torch.zeros(1, 1, dtype=torch.int64, device="cpu")
    inside = torch.ones(1, 1, dtype=torch.bool, device="cpu")
    for axis, steps in enumerate(axes):
        extent = size[axis - num_axes]
        valid = (steps >= 0) & (steps < extent)
        places = (places[:, None, :, None] * extent + steps[None, :, None, :]).flatten(2).flatten(0, 1)
        inside = (inside[:, None, :, None] & valid[None, :, None, :]).flatten(2).flatten(0, 1)
    order = torch.argsort(~inside, dim=1, stable=True)
    places = places.gather(1, order)
    places = torch.where(inside.gather(1, order), places, places[:, :1])
    planes = torch.arange(prod(shape[:-num_axes]), device="cpu")[:, None, None] * prod(size[-num_axes:])
    return _compact((planes + places).flatten(0, 1))


def axis_entries(size: tuple[int, ...], axes: tuple[int, ...]) -> Int[torch.Tensor, "M n"]:
    """The entries of a maximum over some axes of features of shape `size`, axes counted from 0 after the batch's.

    >>> axis_entries((2, 3), (0,)).tolist()
    [[0, 3], [1, 4], [2, 5]]
    """
    kept = [axis for axis in range(len(size)) if axis not in axes]
    table = torch.arange(prod(size), device="cpu").view(size).permute(*kept, *axes)
    return table.reshape(prod(size[axis] for axis in kept), -1)


def box_entries(size: tuple[int, ...], bounds: tuple[tuple[tuple[int, int], ...], ...]) -> Int[torch.Tensor, "M n"]:
    """The entries of maxima over boxes of the last axes, such as the bins of an adaptive max-pool.

    Args:
        size: Shape of the features.
        bounds: For each of the last axes, the (start, end) of every bin.

    >>> box_entries((4,), (((0, 2), (1, 4)),)).tolist()
    [[0, 1, 0], [1, 2, 3]]
    """
    last = size[len(size) - len(bounds) :]
    index = torch.arange(prod(last), device="cpu").view(last)
    boxes = [index[tuple(slice(*ends) for ends in box)].flatten() for box in product(*bounds)]
    longest = max(len(box) for box in boxes)
    table = torch.stack([torch.cat([box, box[:1].expand(longest - len(box))]) for box in boxes])
    planes = torch.arange(prod(size[: len(size) - len(bounds)]), device="cpu")[:, None, None] * prod(last)
    return (planes + table).flatten(0, 1)


def pair_entries(number: int, size: int) -> Int[torch.Tensor, "M n"]:
    """The entries of maxima of two values, which are stacked (number, 2, size).

    >>> pair_entries(1, 3).tolist()
    [[0, 3], [1, 4], [2, 5]]
    """
    first = torch.arange(number, device="cpu")[:, None] * 2 * size + torch.arange(size, device="cpu")
    return torch.stack([first.flatten(), first.flatten() + size], 1)


def _compact(table: Int[torch.Tensor, "M n"]) -> Int[torch.Tensor, "M used"]:
    """Without the last columns that only repeat first entries."""
    used = (table != table[:, :1]).any(0)
    used[:1] = True
    return table[:, : int(used.nonzero().max()) + 1].contiguous()
