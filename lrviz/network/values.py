"""What a step of a network returns: a tensor with a row for every input, or a tuple of such tensors."""

from collections.abc import Callable, Iterable
from typing import Any

import torch


def tensors_of(value: Any) -> Iterable[torch.Tensor]:
    """Its tensors, one or several."""
    return [value] if isinstance(value, torch.Tensor) else [v for v in value if isinstance(v, torch.Tensor)]


def map_tensors(value: Any, function: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """The same with a function of every tensor in its place."""
    return function(value) if isinstance(value, torch.Tensor) else tuple(function(v) for v in value)


def first_tensor(value: Any) -> torch.Tensor:
    """Its first tensor, which has as many rows as the others."""
    return value if isinstance(value, torch.Tensor) else value[0]


def flat_rows(rows: torch.Tensor) -> torch.Tensor:
    """Rows of any shape as (rows, features)."""
    return rows.flatten(1) if rows.dim() > 1 else rows[:, None]


def with_zeros(tensor: torch.Tensor, num_rows: int) -> torch.Tensor:
    """Append zero rows: directions that did not exist yet when this value was computed."""
    missing = num_rows - len(tensor)
    return tensor if missing == 0 else torch.cat([tensor, tensor.new_zeros(missing, *tensor.shape[1:])])


def subtract_offset(value: Any, offset: Any, num_points: int) -> Any:
    """Take what an affine step makes of zeros from the rows of directions, which come after so many points."""
    if isinstance(value, torch.Tensor):
        if value._base is None and not value.requires_grad:
            value[num_points:] -= offset
            return value
        return torch.cat([value[:num_points], value[num_points:] - offset])
    return tuple(subtract_offset(v, o, num_points) for v, o in zip(value, offset, strict=True))
