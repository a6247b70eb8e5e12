"""What a network asks for is looked at before it is allocated: files that others wrote may ask for anything."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from lrviz.errors import InvalidNetwork
from lrviz.network.tracing import TRACING, quiet

MAX_NUMBERS = 2**25
"""Most numbers that one step of a network may return for one input: 268 MB in float64."""


@contextmanager
def bounded(limit: int = MAX_NUMBERS) -> Iterator[None]:
    """Let no step of what runs inside return more than some numbers; it is stopped before it begins.

    Raises:
        InvalidNetwork: A step would.
    """
    with quiet(), _Bounded(limit):
        yield


class _Bounded(TorchDispatchMode):
    """Runs every operation on tensors without values first, to know the size of what it returns."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        is_view = any(returned.alias_info is not None for returned in func._schema.returns)
        size = 0 if is_view else _size_of_result(func, args, kwargs)
        if size > self.limit:
            raise InvalidNetwork(
                f"Expected steps that return at most {self.limit:,} numbers for one input, got {func} with {size:,}: "
                "choose a smaller network or smaller inputs."
            )
        return func(*args, **kwargs)


def _size_of_result(func: Any, args: Any, kwargs: Any) -> int:
    try:
        with TRACING, FakeTensorMode() as mode:
            fake_args, fake_kwargs = tree_map(
                lambda leaf: mode.from_tensor(leaf) if isinstance(leaf, torch.Tensor) else leaf, (args, kwargs)
            )
            result = func(*fake_args, **fake_kwargs)
    except Exception:  # what depends on values has a size that is known only when it is run, or fails anyway
        return 0
    return max((leaf.numel() for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)), default=0)
