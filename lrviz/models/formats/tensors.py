"""State dicts: the named tensors of a network, from files of safetensors and `torch.save`, however wrapped."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import torch
from safetensors.torch import load_file
from torch import Tensor

from lrviz.errors import InvalidCheckpoint
from lrviz.models.formats.pickles import read_pickled

Tensors = dict[str, Tensor]

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "module", "network", "weights", "params")
"""Where checkpoints keep the network's tensors, beside those of the optimiser and the like."""

_PREFIXES = ("module.", "model.", "_orig_mod.", "net.", "network.", "_forward_module.")
"""What wrappers of networks put in front of all names."""

_COUNTERS = ("total_ops", "total_params")
"""Tensors that tools leave in networks and that compute nothing."""

_DEEPEST = 4


def read_safetensors(file: BinaryIO) -> Tensors:
    """The tensors of a .safetensors file.

    Raises:
        InvalidCheckpoint: It is damaged.
    """
    try:
        return clean(load_file(file.name, device="cpu"))
    except InvalidCheckpoint:
        raise
    except Exception as error:  # safetensors raises many kinds for a damaged file
        raise InvalidCheckpoint(
            "Expected a safetensors file, got one that is damaged, or whose header does not fit what follows: fetch or "
            "save it again."
        ) from error


def read_torch(file: BinaryIO) -> Tensors:
    """The tensors of a network in a file of `torch.save`; errors as for `read_pickled`."""
    return clean(find_tensors(read_pickled(file)))


def find_tensors(content: Any) -> Mapping[str, Tensor]:
    """The state dict in a checkpoint: under one of the usual names, or the one with the most tensors.

    >>> weight = torch.ones(1, device="cpu")
    >>> list(find_tensors({"epoch": 3, "net": {"w": weight}, "optimizer": {"a": weight, "b": weight}}))
    ['w']
    """
    found = max(_state_dicts(content, 0), key=lambda item: (item[0], len(item[1])), default=None)
    if found is None:
        raise InvalidCheckpoint(
            "Expected a state dict (names and tensors), alone or in an entry such as 'state_dict' or 'model'; found "
            "none in the file. Save model.state_dict()."
        )
    return found[1]


def _state_dicts(content: Any, depth: int, rank: int = 0) -> Iterator[tuple[int, Mapping[str, Tensor]]]:
    """State dicts in nested containers, each with how likely its name makes it."""
    if depth > _DEEPEST:
        return
    if isinstance(content, Mapping):
        if _is_state_dict(content):
            yield rank, {name: value for name, value in content.items() if isinstance(value, Tensor)}
        for name, value in content.items():
            place = len(_WRAPPERS) - _WRAPPERS.index(name) if name in _WRAPPERS else 0
            yield from _state_dicts(value, depth + 1, max(rank, place))
    elif isinstance(content, Sequence) and not isinstance(content, str | bytes):
        for value in content[:10]:
            yield from _state_dicts(value, depth + 1, rank)


def _is_state_dict(content: Mapping[Any, Any]) -> bool:
    """Whether most entries are tensors with names; what modules keep beside theirs is no tensor."""
    tensors = [name for name, value in content.items() if isinstance(value, Tensor)]
    return 2 * len(tensors) > len(content) and all(isinstance(name, str) for name in tensors)


def clean(tensors: Mapping[str, Tensor]) -> Tensors:
    """Tensors without the prefixes of wrappers and without counters, in at least float32.

    Raises:
        InvalidCheckpoint: There are none, or one is complex or a packed kind of number.
    """
    named = {name: value for name, value in tensors.items() if name.rpartition(".")[2] not in _COUNTERS}
    if not named:
        raise InvalidCheckpoint("Expected tensors, got a file without any: save model.state_dict().")
    prefix = next((word for word in _PREFIXES if all(name.startswith(word) for name in named)), "")
    if prefix:
        return clean({name.removeprefix(prefix): value for name, value in named.items()})
    return {name: _as_float(name, value) for name, value in named.items()}


def _as_float(name: str, value: Tensor) -> Tensor:
    if value.is_complex():
        raise InvalidCheckpoint(f"Expected real numbers, got complex ones in {name[:100]!r}: no such network is known.")
    if not value.is_floating_point() or value.dtype == torch.float64:
        return value
    return value.to(torch.float32)


def in_order(names: Iterable[str]) -> list[str]:
    """Names in the order of the numbers in them; files of safetensors keep no order.

    >>> in_order(["10.weight", "9.weight"])
    ['9.weight', '10.weight']
    """

    def key(name: str) -> list[tuple[bool, int, str]]:
        parts = re.split(r"([0-9]{1,9})", name)
        return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]

    return sorted(names, key=key)
