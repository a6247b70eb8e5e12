"""What a file of `torch.save` holds: the tensors of one network, which others it has, and the layers of a whole one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

import torch
from torch import Tensor, nn

from lrviz.errors import InvalidCheckpoint
from lrviz.models.formats.pickles import Passive, check_sizes, read_pickled
from lrviz.models.formats.tensors import Tensors, clean, find_tensors

_DEEPEST = 4
_MOST_LAYERS = 20_000
_DEEPEST_LAYERS = 50
_LAYERS = "torch.nn.modules."
_CONTAINER = f"{_LAYERS}container.Sequential"
_IDLE = ("Dropout", "Identity", "Flatten")
"""What kinds of layers that do nothing to a perceptron begin with."""

_CONTRADICTION = re.compile(r"X|LL|S[LR]|^\??R+L|LR[RS?]*$")
"""No perceptron: another layer, linear ones without a ReLU between, a softmax inside, a ReLU at the start or end."""

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
    for place, network in _networks(content, "", 0):
        if _is_of(network, tensors):
            whole, name = network if isinstance(network, Passive) else None, place
        else:
            others.append(place)
    if whole is not None:
        tensors = {name: tensors[name] for name in _in_order(whole) if name in tensors}
    return Saved(tensors=clean(tensors), whole=whole, name=name if others else "", others=tuple(others))


def _in_order(network: Passive) -> Iterator[str]:
    """The names of its tensors, as its state dict has them one after the other."""
    waiting = [("", network)]
    while waiting:
        prefix, part = waiting.pop()
        for kind in ("_parameters", "_buffers"):
            yield from (f"{prefix}{name}" for name in part.state.get(kind) or ())
        waiting += reversed([(f"{prefix}{name}.", inner) for name, inner in _parts(part)])


def _networks(content: Any, place: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Networks in nested containers, and where they are."""
    if isinstance(content, Passive) or (isinstance(content, Mapping) and _has_weights(content)):
        yield place, content
    elif depth < _DEEPEST and isinstance(content, Mapping):
        for name, value in content.items():
            yield from _networks(value, f"{place}.{name}".lstrip("."), depth + 1)
    elif depth < _DEEPEST and isinstance(content, list | tuple):
        for index, value in enumerate(content[:10]):
            yield from _networks(value, f"{place}.{index}".lstrip("."), depth + 1)


def _has_weights(content: Mapping[Any, Any]) -> bool:
    """Whether tensors are named as layers name theirs, and not as optimisers do."""
    return any(isinstance(value, Tensor) and str(name).endswith("weight") for name, value in content.items())


def _is_of(network: Any, tensors: Mapping[str, Tensor]) -> bool:
    with suppress(InvalidCheckpoint):
        return next(iter(find_tensors(network).values())) is next(iter(tensors.values()))
    return False


def build_whole(network: Passive, depth: int = 0) -> nn.Sequential | None:
    """Build a network again that is nothing but PyTorch's own layers, one after the other; None for all others."""
    if _kind(network) != _CONTAINER or depth > _DEEPEST_LAYERS or _has_hooks(network):
        return None
    layers = []
    for name, part in _parts(network):
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
    if _has_hooks(part) or _parts(part) or not all(map(_is_plain, values.values())):
        return None
    layer: nn.Module = object.__new__(kind)
    nn.Module.__init__(layer)
    layer.__dict__.update(values)
    try:
        for key, value in part.state.get("_parameters", {}).items():
            layer.register_parameter(key, None if value is None else nn.Parameter(_exact(value)))
        for key, value in part.state.get("_buffers", {}).items():
            layer.register_buffer(key, None if value is None else _exact(value))
    except (KeyError, TypeError, AttributeError, RuntimeError):  # a file may say anything
        return None
    return layer


def _has_hooks(part: Passive) -> bool:
    """Whether code of the user's runs before or after a layer, as for weights that are normalised."""
    return any(value for key, value in part.state.items() if "hooks" in str(key))


def _is_plain(value: Any) -> bool:
    return all(map(_is_plain, value)) if isinstance(value, tuple | list) else isinstance(value, _PLAIN)


def _exact(value: Tensor) -> Tensor:
    """The same numbers, in at least float32."""
    value = value.detach()
    return value.float() if value.is_floating_point() and value.dtype != torch.float64 else value.clone()


def contradicts_perceptron(network: Passive) -> str:
    """The layers of a network that was saved whole, if they are not linear ones with a ReLU between each and the next.

    Where the order is that of the code of its class, which is not in the file, nothing contradicts.
    """
    kinds = [kind for kind in _sequence(network) if not kind.startswith(_IDLE)]
    letters = {"Linear": "L", "ReLU": "R", "Softmax": "S", "LogSoftmax": "S", _BETWEEN: _BETWEEN}
    if not _CONTRADICTION.search("".join(letters.get(kind, "X") for kind in kinds)):
        return ""
    return ", ".join(kind for kind in kinds if kind != _BETWEEN)[:200]


def _sequence(network: Passive) -> Iterator[str]:
    """The kinds of its layers in their order, with a mark where only its code tells how they follow each other."""
    waiting: list[Passive | str] = [network]
    for _ in range(_MOST_LAYERS):
        if not waiting:
            return
        part = waiting.pop()
        if isinstance(part, str):
            yield part
            continue
        inner = [inner for _, inner in _parts(part)]
        if not inner:
            if not _kind(part).startswith(_LOSSES):
                yield _kind(part).rpartition(".")[2]
        elif _kind(part) == _CONTAINER:
            waiting += reversed(inner)
        else:
            apart = [mark for value in inner for mark in (value, _BETWEEN)][:-1]
            waiting += reversed([_BETWEEN, *apart, _BETWEEN] if len(inner) > 1 else apart)


def _kind(part: Passive) -> str:
    return f"{type(part).__module__}.{type(part).__name__}"


def _parts(part: Passive) -> Sequence[tuple[str, Passive]]:
    found = part.state.get("_modules")
    parts = found.items() if isinstance(found, Mapping) else ()
    return [(str(name), value) for name, value in parts if isinstance(value, Passive)]
