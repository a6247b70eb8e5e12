"""ONNX operators that move numbers, and those that only look at shapes."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lrviz.models.formats.onnx_use import Literal, NotConverted, Use


def reshape(use: Use, x: Tensor, shape: Literal = None) -> Tensor:
    """Another shape; 0 keeps a size."""
    sizes = use.numbers("shape", shape) or []
    keep = not use.get("allowzero", 0)
    return x.reshape([x.shape[axis] if size == 0 and keep else size for axis, size in enumerate(sizes)])


def flatten(use: Use, x: Tensor) -> Tensor:
    """Two axes."""
    axis = use.get("axis", 1)
    axis += x.dim() if axis < 0 else 0
    return x.reshape(math.prod(x.shape[:axis]), -1)


def transpose(use: Use, x: Tensor) -> Tensor:
    """Other order of the axes."""
    return x.permute(use.get("perm") or list(reversed(range(x.dim()))))


def squeeze(use: Use, x: Tensor, axes: Literal = None) -> Tensor:
    """Without axes of one entry."""
    chosen = use.numbers("axes", axes)
    return x.squeeze() if chosen is None else x.squeeze(tuple(chosen))


def unsqueeze(use: Use, x: Tensor, axes: Literal = None) -> Tensor:
    """With more axes of one entry."""
    chosen = use.numbers("axes", axes) or []
    for axis in sorted(axis + (x.dim() + len(chosen) if axis < 0 else 0) for axis in chosen):
        x = x.unsqueeze(axis)
    return x


def split(use: Use, x: Tensor, sizes: Literal = None) -> Sequence[Tensor]:
    """Parts along an axis."""
    axis, lengths = use.get("axis", 0), use.numbers("split", sizes)
    return x.split(lengths or math.ceil(x.shape[axis] / use.num_outputs), axis)


def slice_(
    use: Use,
    x: Tensor,
    starts: Literal = None,
    ends: Literal = None,
    axes: Literal = None,
    steps: Literal = None,
) -> Tensor:
    """Every so many entries between two places, along some axes."""
    first, last = use.numbers("starts", starts) or [], use.numbers("ends", ends) or []
    chosen = use.numbers("axes", axes) or list(range(len(first)))
    for start, end, axis, step in zip(
        first, last, chosen, use.numbers("steps", steps) or [1] * len(first), strict=True
    ):
        places = range(x.shape[axis])[slice(start, end if step > 0 or end >= -x.shape[axis] else None, step)]
        if step < 0:
            x, places = x.flip(axis), range(x.shape[axis] - 1 - places.start, x.shape[axis] - 1 - places.stop, -step)
        index = [slice(None)] * x.dim()
        index[axis] = slice(places.start, max(places.stop, places.start), places.step)
        x = x[tuple(index)]
    return x


def gather(use: Use, x: Tensor, index: Literal) -> Tensor:
    """Entries at places along an axis."""
    axis = use.get("axis", 0) % max(x.dim(), 1)
    if isinstance(index, int):
        return x.select(axis, index)
    places = torch.tensor(index, dtype=torch.int64, device="cpu") % x.shape[axis]
    taken = x.index_select(axis, places.flatten())
    return taken.reshape([*x.shape[:axis], *places.shape, *x.shape[axis + 1 :]])


def gather_nd(use: Use, x: Tensor, index: Tensor) -> Tensor:
    """Entries, or whole rows of them, at places along several axes."""
    return x[_places(x, index, use.get("batch_dims", 0))]


def scatter_nd(use: Use, x: Tensor, index: Tensor, values: Tensor) -> Tensor:
    """Others in place of, or added to, what `gather_nd` takes."""
    how = use.get("reduction", "none")
    if how not in ("none", "add"):
        raise NotConverted(f"entries that are joined with others by {how!r}")
    return x.index_put(_places(x, index, 0), values, accumulate=how == "add")


def _places(x: Tensor, index: Tensor, num_batches: int) -> tuple[Tensor, ...]:
    """One tensor of places for each axis; the first axes go along with those of the index."""
    around = index.dim() - 1
    batches = [
        torch.arange(index.shape[axis], device="cpu").view([-1 if other == axis else 1 for other in range(around)])
        for axis in range(num_batches)
    ]
    return (*batches, *index.unbind(-1))


def gather_elements(use: Use, x: Tensor, index: Tensor) -> Tensor:
    """The entry at a place along an axis, for each entry of the index."""
    axis = use.get("axis", 0)
    return x.gather(axis, torch.where(index < 0, index + x.shape[axis], index))


def scatter_elements(use: Use, x: Tensor, index: Tensor, values: Tensor) -> Tensor:
    """Others in place of what `gather_elements` takes."""
    if use.get("reduction", "none") != "none":
        raise NotConverted("entries that are joined with others")
    axis = use.get("axis", 0)
    return x.scatter(axis, torch.where(index < 0, index + x.shape[axis], index), values)


def triangle(use: Use, x: Tensor, diagonal: Literal = None) -> Tensor:
    """What is above or below a diagonal of a matrix; zeros elsewhere."""
    (place,) = use.numbers("k", diagonal) or [0]
    return x.triu(place) if use.get("upper", 1) else x.tril(place)


def cumulate(use: Use, x: Tensor, axis: Literal = None) -> Tensor:
    """Sums of all entries up to each along an axis."""
    (along,) = use.numbers("axis", axis) or [0]
    x = x.flip(along) if use.get("reverse", 0) else x
    total = x.cumsum(along)
    total = total - x if use.get("exclusive", 0) else total
    return total.flip(along) if use.get("reverse", 0) else total


def expand(use: Use, x: Tensor, shape: list[int]) -> Tensor:
    """Entries repeated along axes of one entry."""
    return x.expand(torch.broadcast_shapes(x.shape, tuple(shape)))


def constant_of_shape(use: Use, shape: list[int]) -> Tensor:
    """One number everywhere."""
    value = use.get("value")
    number = 0.0 if value is None else value.reshape(-1)[0].item()
    return torch.full(shape, number, dtype=use.kind if value is None else value.dtype, device="cpu")


def range_(use: Use, start: float, limit: float, delta: float) -> Tensor:
    """Numbers at equal distances."""
    kind = torch.int64 if all(isinstance(value, int) for value in (start, limit, delta)) else use.kind
    return torch.arange(start, limit, delta, dtype=kind, device="cpu")


def shape(use: Use, x: Tensor) -> Tensor:
    """The sizes of a tensor."""
    return torch.tensor(list(x.shape)[use.get("start", 0) : use.get("end")], dtype=torch.int64, device="cpu")
