"""State dicts: the named tensors of a network, from files of safetensors and `torch.save`, however wrapped."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import torch
from safetensors.torch import load_file
from torch import Tensor

from lrviz.errors import InvalidCheckpoint
from lrviz.models.formats.pickles import Passive

Tensors = dict[str, Tensor]

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "module", "network", "weights", "params")
"""Where checkpoints keep the network's tensors, beside those of the optimiser and the like."""

_PREFIXES = ("module.", "model.", "_orig_mod.", "net.", "network.", "_forward_module.")
"""What wrappers of networks put in front of all names."""

_COUNTERS = ("total_ops", "total_params", "n_averaged")
"""Tensors that tools leave in networks and that compute nothing."""

_AVERAGED = re.compile(r"(^|_)(ema|swa|averaged?|shadow)(_|$)", re.IGNORECASE)
"""What averages of a network over its training are called beside it."""

DEEPEST = 4
"""How many containers of a file are looked into, one in the other."""

MOST_LAYERS = 20_000
"""Most layers that a network in a file may have."""


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


def find_tensors(content: Any) -> Mapping[str, Tensor]:
    """The state dict in a checkpoint: under one of the usual names, or the one with the most tensors.

    >>> weight = torch.ones(1, device="cpu")
    >>> list(find_tensors({"epoch": 3, "net": {"w": weight}, "optimizer": {"a": weight, "b": weight}}))
    ['w']
    """
    found = max(_state_dicts(content, 0, set()), key=lambda item: (item[0], len(item[1])), default=None)
    if found is None and _is_quantised(content):
        raise InvalidCheckpoint(
            "Expected real weights in the file, got packed ones: the network is quantised. Save it as it was before."
        )
    if found is None:
        raise InvalidCheckpoint(
            "Expected a state dict (names and tensors), alone or in an entry such as 'state_dict' or 'model'; found "
            "none in the file. Save model.state_dict()."
        )
    return found[1]


def _is_quantised(content: Any) -> bool:
    """Whether names are those that quantised layers have for their weights."""
    return isinstance(content, Mapping) and any(str(name).endswith("._packed_params") for name in content)


def _state_dicts(
    content: Any, depth: int, seen: set[tuple[int, int]], rank: int = 0
) -> Iterator[tuple[int, Mapping[str, Tensor]]]:
    """State dicts in nested containers, each with how likely its name makes it."""
    if depth > DEEPEST or (id(content), rank) in seen:  # containers may hold each other
        return
    seen.add((id(content), rank))
    if isinstance(content, Passive):
        weights = dict(_weights(content))
        yield from [(rank, weights)] if weights else []
    elif isinstance(content, Mapping):
        if _is_state_dict(content):
            yield rank, {name: value for name, value in content.items() if isinstance(value, Tensor)}
        for name, value in content.items():
            place = len(_WRAPPERS) - _WRAPPERS.index(name) if name in _WRAPPERS else 0
            yield from _state_dicts(value, depth + 1, seen, max(rank, place))
    elif isinstance(content, Sequence) and not isinstance(content, str | bytes):
        for value in content[:10]:
            yield from _state_dicts(value, depth + 1, seen, rank)


def _weights(network: Passive) -> Iterator[tuple[str, Tensor]]:
    """The weights of a network that was saved whole, under the names that its state dict has for them."""
    waiting, done = [("", network)], 0
    while waiting:
        if done + len(waiting) > MOST_LAYERS:  # layers may hold each other
            raise InvalidCheckpoint(f"Expected a network of at most {MOST_LAYERS:,} layers, got more: simplify it.")
        prefix, layer = waiting.pop()
        done += 1
        for kind in ("_parameters", "_buffers"):
            yield from ((f"{prefix}{name}", value) for name, value in entries(layer, kind) if isinstance(value, Tensor))
        waiting += reversed([(f"{prefix}{name}.", part) for name, part in inner_layers(layer)])


def entries(layer: Passive, kind: str) -> Iterable[tuple[Any, Any]]:
    """What a layer that was saved whole holds of a kind, such as "_parameters", by name; none if it has no such."""
    found = layer.state.get(kind)
    return found.items() if isinstance(found, Mapping) else ()


def inner_layers(layer: Passive) -> list[tuple[str, Passive]]:
    """The layers in one that was saved whole, by name."""
    return [(str(name), part) for name, part in entries(layer, "_modules") if isinstance(part, Passive)]


def _is_state_dict(content: Mapping[Any, Any]) -> bool:
    """Whether most entries are tensors with names; what modules keep beside theirs is no tensor."""
    tensors = [name for name, value in content.items() if isinstance(value, Tensor)]
    return 2 * len(tensors) > len(content) and all(isinstance(name, str) for name in tensors)


def clean(tensors: Mapping[str, Tensor]) -> Tensors:
    """Tensors without the prefixes of wrappers, without counters and masks of pruning, in at least float32.

    Raises:
        InvalidCheckpoint: There are none, or one is complex or a packed kind of number.
    """
    named = {name: value for name, value in tensors.items() if name.rpartition(".")[2] not in _COUNTERS}
    if not named:
        raise InvalidCheckpoint("Expected tensors, got a file without any: save model.state_dict().")
    prefix = wrapper_prefix(named)
    return _apply_masks({name.removeprefix(prefix): _as_float(name, value) for name, value in named.items()})


def averages(tensors: Tensors) -> dict[str, str]:
    """The parts that by their names and shapes are averages of another part, and which one that is.

    >>> weight = torch.ones(1, device="cpu")
    >>> averages({"net.0.weight": weight, "ema_net.0.weight": weight, "loss.weight": weight})
    {'ema_net': 'net'}
    """
    shapes = {}
    for first, part in split_parts(tensors).items():
        prefix = wrapper_prefix(part)
        shapes[first] = {name.removeprefix(prefix): value.shape for name, value in part.items()}
    real = {first: of for first, of in shapes.items() if not _AVERAGED.search(first)}
    found = {first: next((name for name in real if real[name] == of), "") for first, of in shapes.items()}
    return {first: name for first, name in found.items() if name and first not in real}


def split_parts(tensors: Tensors) -> dict[str, Tensors]:
    """Tensors by the first word of their names, under what comes after it."""
    parts: dict[str, Tensors] = {}
    for name, value in tensors.items():
        first, _, rest = name.partition(".")
        parts.setdefault(first, {})[rest] = value
    return parts


def wrapper_prefix(names: Iterable[str]) -> str:
    """What wrappers of networks put in front of all of some names.

    >>> wrapper_prefix(["module.net.0.weight", "module.net.0.bias"])
    'module.net.'
    """
    names, prefix = list(names), ""
    while word := next((word for word in _PREFIXES if all(name.startswith(prefix + word) for name in names)), ""):
        prefix += word
    return prefix


def _apply_masks(tensors: Tensors) -> Tensors:
    """Weights that `torch.nn.utils.prune` keeps beside their masks, pruned for good."""
    masked = [name.removesuffix("_orig") for name in tensors if name.endswith("_orig")]
    pairs = {name: (tensors[f"{name}_orig"], tensors.get(f"{name}_mask")) for name in masked}
    pruned = {name: a * b for name, (a, b) in pairs.items() if b is not None and a.shape == b.shape}
    parts = {f"{name}{part}" for name in pruned for part in ("_orig", "_mask")}
    return {name: value for name, value in tensors.items() if name not in parts} | pruned


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
