"""What a file of `torch.save` holds: the tensors of one network, which others it has, and the layers of a whole one."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

import torch
from torch import Tensor, nn

from lrviz.errors import InvalidCheckpoint
from lrviz.models.formats.pickles import Passive, check_sizes, read_pickled
from lrviz.models.formats.tensors import (
    DEEPEST,
    MOST_LAYERS,
    Tensors,
    clean,
    entries,
    find_tensors,
    inner_layers,
)

_DEEPEST_LAYERS = 50
_LAYERS = "torch.nn.modules."
_CONTAINER = f"{_LAYERS}container.Sequential"
_IDLE = ("Dropout", "Identity", "Flatten")
"""What kinds of layers that do nothing to a perceptron begin with."""

_CONTRADICTION = re.compile(r"X|LL|S[LR]|^\??R+L|LR[RS?]*$")
"""No perceptron: another layer, linear ones without a ReLU between, a softmax inside, a ReLU at the start or end."""

_HOOKS = ("_forward_pre_hooks", "_forward_hooks")
_PRUNING = "torch.nn.utils.prune."
"""Whose hooks only multiply weights by their masks, which is done to the tensors of the file."""

_LOSSES = f"{_LAYERS}loss."
_PLAIN = (bool, int, float, str, type(None))
_BETWEEN = "?"
"""Stands where the code of a network, which is not in its file, tells what is done between two layers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a file of `torch.save` holds.

    Attributes:
        tensors: Of its network.
        whole: That network, if it was saved whole.
        name: Where in the file it is, such as "generator"; empty if there is no other.
        others: Where the others are.
    """

    tensors: Tensors
    whole: Passive | None = None
    name: str = ""
    others: tuple[str, ...] = ()


def read_saved(file: BinaryIO) -> Saved:
    """Read a file of `torch.save`; nothing in it is run.

    Raises:
        InvalidCheckpoint: It is damaged, holds no tensors, or more than its size.
    """
    content = read_pickled(file)
    tensors = find_tensors(content)
    check_sizes(tensors.values(), file.seek(0, 2))
    whole, name, others = None, "", []
    for place, network, weights in _networks(content, "", 0, set()):
        if _places(weights) != _places(tensors):
            others.append(place)
            continue
        name = name or place
        whole = network if isinstance(network, Passive) else whole
    return Saved(tensors=clean(tensors), whole=whole, name=name if others else "", others=tuple(others))


def _networks(content: Any, place: str, depth: int, seen: set[int]) -> Iterator[tuple[str, Any, Mapping[str, Tensor]]]:
    """Networks in nested containers, where they are, and their tensors."""
    if id(content) in seen:  # containers may hold each other
        return
    seen.add(id(content))
    if isinstance(content, Passive) or (isinstance(content, Mapping) and _has_weights(content)):
        with suppress(InvalidCheckpoint):
            yield place, content, find_tensors(content)
    elif depth < DEEPEST and isinstance(content, Mapping | list | tuple):
        named = content.items() if isinstance(content, Mapping) else enumerate(content[:10])
        for name, value in named:
            yield from _networks(value, f"{place}.{name}".lstrip("."), depth + 1, seen)


def _has_weights(content: Mapping[Any, Any]) -> bool:
    """Whether tensors are named as layers name theirs, and not as optimisers do."""
    return any(isinstance(value, Tensor) and str(name).endswith("weight") for name, value in content.items())


def _places(tensors: Mapping[str, Tensor]) -> list[tuple[int, tuple[int, ...]]]:
    """Where in memory tensors are: a network and its state dict have the same."""
    dense = (value for value in tensors.values() if value.layout is torch.strided)
    return sorted((value.data_ptr(), tuple(value.shape)) for value in dense)


def build_whole(network: Passive, depth: int = 0) -> nn.Sequential | None:
    """Build a network again that is nothing but PyTorch's own layers, one after the other; None for all others."""
    if _kind(network) != _CONTAINER or depth > _DEEPEST_LAYERS or _has_hooks(network) or _runs_code(network):
        return None
    layers = []
    for name, part in inner_layers(network):
        layer = build_whole(part, depth + 1) if _kind(part) == _CONTAINER else _build_layer(part)
        if layer is None or "." in name:
            return None
        layers.append((name, layer))
    built = nn.Sequential()
    for name, layer in layers:
        built.add_module(name, layer)
    return built.eval()


def _build_layer(part: Passive) -> nn.Module | None:
    """One of PyTorch's layers, with the options and numbers that the file has for it."""
    path, _, name = _kind(part).rpartition(".")
    kind = getattr(nn, name, None)
    if not (
        path.startswith(_LAYERS) and isinstance(kind, type) and issubclass(kind, nn.Module) and kind.__module__ == path
    ):
        return None
    own = vars(nn.Module())
    values = {key: value for key, value in part.state.items() if isinstance(key, str) and key not in own}
    if _has_hooks(part) or _runs_code(part) or inner_layers(part) or not all(map(_is_plain, values.values())):
        return None
    layer: nn.Module = object.__new__(kind)
    nn.Module.__init__(layer)
    layer.__dict__.update(values)
    try:
        for key, value in entries(part, "_parameters"):
            layer.register_parameter(key, None if value is None else nn.Parameter(_exact(value)))
        for key, value in entries(part, "_buffers"):
            layer.register_buffer(key, None if value is None else _exact(value))
    except (KeyError, TypeError, AttributeError, RuntimeError):  # a file may say anything
        return None
    return layer


def _has_hooks(part: Passive) -> bool:
    """Whether code runs before or after a layer, as for weights that are normalised."""
    return any(isinstance(value, Mapping) and value for key, value in part.state.items() if "hooks" in str(key))


def _runs_code(part: Passive) -> bool:
    """Whether a layer computes something else than its class does: code of the user's, which is not in the file."""
    hooks = (hook for kind in _HOOKS for _, hook in entries(part, kind))
    return "forward" in part.state or not all(
        isinstance(hook, Passive) and _kind(hook).startswith(_PRUNING) for hook in hooks
    )


def _is_plain(value: Any) -> bool:
    values = value if isinstance(value, tuple | list) else [value]
    return all(isinstance(inner, _PLAIN) for inner in values)


def _exact(value: Tensor) -> Tensor:
    """The same numbers, in at least float32."""
    value = value.detach()
    return value.float() if value.is_floating_point() and value.dtype != torch.float64 else value.clone()


def contradicts_perceptron(network: Passive) -> str:
    """The layers of a network that was saved whole, if they are not linear ones with a ReLU between each and the next.

    Where the order is that of the code of its class, which is not in the file, nothing contradicts.
    """
    kinds = list(_sequence(network))
    letters = {"Linear": "L", "ReLU": "R", "Softmax": "S", "LogSoftmax": "S", _BETWEEN: _BETWEEN}
    if not _CONTRADICTION.search("".join(letters.get(kind, "X") for kind in kinds)):
        return ""
    return ", ".join(kind for kind in kinds if kind != _BETWEEN)[:200]


def _sequence(network: Passive) -> Iterator[str]:
    """The kinds of its layers in their order, with a mark where only its code tells how they follow each other."""
    waiting: list[Passive | str] = [network]
    for _ in range(MOST_LAYERS):
        if not waiting:
            return
        part = waiting.pop()
        if isinstance(part, str):
            yield part
            continue
        inner = [inner for _, inner in inner_layers(part)]
        if _kind(part).startswith(_LOSSES):
            continue
        path, _, name = _kind(part).rpartition(".")
        if _runs_code(part):
            yield f"{name} with code of its own"
        elif not inner and not path.startswith(_LAYERS):
            yield f"{path}.{name}"
        elif not inner:
            yield from [name] if not name.startswith(_IDLE) else []
        elif _kind(part) == _CONTAINER:
            waiting += reversed(inner)
        else:
            apart = [mark for value in inner for mark in (value, _BETWEEN)][:-1]
            waiting += reversed([_BETWEEN, *apart, _BETWEEN] if len(inner) > 1 else apart)


def _kind(part: Passive) -> str:
    return f"{type(part).__module__}.{type(part).__name__}"
