"""A guard that refuses tensors made by lrviz without saying on which device."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from unittest.mock import patch

import torch

FACTORIES = (
    "arange", "as_tensor", "empty", "eye", "full", "linspace", "logspace", "ones", "rand", "randint", "randn",
    "randperm", "scalar_tensor", "tensor", "tril_indices", "triu_indices", "zeros",
)  # fmt: skip


@contextmanager
def explicit_devices(package: str = "lrviz") -> Iterator[None]:
    """Raise AssertionError where a module of the package calls a factory without `device`, on any thread.

    PyTorch's own TorchFunctionMode sees the calls of one thread only, and those of PyTorch's own modules as well.
    """
    with patch.multiple(torch, **{name: _guarded(getattr(torch, name), package) for name in FACTORIES}):
        yield


def _guarded(factory: Callable, package: str) -> Callable:
    @wraps(factory)
    def call(*args: object, **kwargs: object) -> torch.Tensor:
        caller = sys._getframe(1).f_globals.get("__name__", "")
        inherits = bool(args) and isinstance(args[0], torch.Tensor)
        if caller.split(".")[0] == package and "device" not in kwargs and not inherits:
            raise AssertionError(f"{caller} calls torch.{factory.__name__} without a device")
        return factory(*args, **kwargs)

    return call
