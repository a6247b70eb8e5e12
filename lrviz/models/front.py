"""What a network does to every number of its input by itself, before it joins any: it may normalise images."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lrviz.network.operations import target_name
from lrviz.network.tracing import quiet

_MOVING = """
    view _unsafe_view reshape permute transpose t movedim squeeze unsqueeze expand slice select flip split unsafe_split
    split_with_sizes unbind index index_select clone alias detach _to_copy to contiguous lift_fresh
    pad constant_pad_nd reflection_pad2d replication_pad2d
"""
_SCALING = "add sub rsub mul div neg batch_norm native_batch_norm _native_batch_norm_legit_no_training"

_MOVES = frozenset(_MOVING.split())
_SCALES = frozenset(_SCALING.split())
"""Operations that scale and shift every number by constants, if only one of their tensors depends on the input."""

_CENTRED = -0.25
"""Normalisation moves black to below this; it does not where inputs are normalised already."""

_BYTE_STEP, _BYTE_MEAN = 1 / 64, 4.0
"""Networks that scale by less, or subtract more, take numbers from 0 to 255."""


class _Arrived(Exception):
    """The first step that joins numbers was reached."""


class _Front(TorchDispatchMode):
    """Follows an input through the steps that move its numbers, and scale and shift them by constants."""

    def __init__(self, inputs: Tensor) -> None:
        super().__init__()
        self.followed, self.arrived = [inputs], inputs

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensors = [leaf for leaf in tree_leaves((args, kwargs or {})) if isinstance(leaf, Tensor)]
        met = [tensor for tensor in tensors if any(tensor is known for known in self.followed)]
        if met and not _goes_on(target_name(func), len(met), len(tensors)):
            self.arrived = met[0]
            raise _Arrived
        result = func(*args, **kwargs or {})
        self.followed += [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)] if met else []
        return result


def _goes_on(name: str, num_met: int, num_tensors: int) -> bool:
    """Whether an operation keeps the numbers of an input apart; some of its tensors were met on the way from it."""
    if name in ("cat", "stack"):
        return num_met == num_tensors
    name = name.rstrip("_")
    return name in _MOVES or (name in _SCALES and num_met == 1) or name.startswith(("_assert", "sym_"))


def normalises(module: nn.Module, zeros: Tensor) -> tuple[float, float] | None:
    """The mean and std of what a network that normalises images by itself expects.

    Args:
        module: Of images.
        zeros: (1, *input_shape) black, in the precision of the network.

    Returns:
        0 and 1 if it expects numbers from 0 to 1; 0 and 1/255 if it expects them from 0 to 255; None if it leaves its
        input as it is, so that it was normalised before.
    """
    black, white = (_follow(module, zeros + value) for value in (0.0, 1.0))
    if black is None or white is None or black.shape != white.shape:
        return None
    used = white != black
    if not bool(used.any()):
        return None
    shift = black[used].double().mean()
    scale = (white - black)[used].double().abs().mean()
    if float(scale) < _BYTE_STEP or float(-shift / scale) > _BYTE_MEAN:
        return 0.0, 1 / 255
    return (0.0, 1.0) if float(shift) < _CENTRED else None


def _follow(module: nn.Module, inputs: Tensor) -> Tensor | None:
    """What arrives at the first step that joins numbers of an input, or at a layer."""
    front = _Front(inputs)
    try:
        with torch.no_grad(), quiet(), front:
            module(inputs)
    except _Arrived:
        return front.arrived
    except Exception:  # what a network does wrong is told where it is converted
        pass
    return None
