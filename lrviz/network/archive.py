"""A program as text and arrays, without pickles: to keep it in a file, and to send it to other processes."""

import json
import operator
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import fx

from lrviz.errors import InvalidData
from lrviz.files import read_arrays, read_json
from lrviz.network.maxima import largest_entry

VERSION = 1

_REMEMBERED = ("val", "mapped", "path", "line", "source")
_FUNCTIONS = {"getitem": operator.getitem, "largest_entry": largest_entry}
_CONSTANTS = (torch.dtype, torch.layout, torch.memory_format)

Parts = tuple[str, dict[str, torch.Tensor], tuple[int, ...], tuple[str, ...]]
"""The text of a graph, its weights by name, the shape of an input, and notes."""


def write_parts(file: BinaryIO | Any, parts: Parts) -> None:
    """Write a program's parts to an npz file."""
    graph, state, input_shape, notes = parts
    header = {"kind": "Program", "version": VERSION, "input_shape": input_shape, "notes": notes}
    arrays = {f"state.{name}": tensor.contiguous().numpy() for name, tensor in state.items()}
    np.savez(file, allow_pickle=False, header=np.array(json.dumps(header)), graph=np.array(graph), **arrays)


def read_parts(file: BinaryIO | Any) -> Parts:
    """Read what `write_parts` wrote.

    Raises:
        InvalidData: It is damaged, or something else.
    """
    try:
        arrays = read_arrays(file)
        header, graph = read_json(str(arrays.pop("header"))), str(arrays.pop("graph"))
        if (header["kind"], header["version"]) != ("Program", VERSION):
            raise ValueError("it is of another kind or version")
        state = {name.removeprefix("state."): torch.from_numpy(array) for name, array in arrays.items()}
        return graph, state, tuple(header["input_shape"]), tuple(header["notes"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidData(f"The data cannot be read as a program ({error}). Convert the network again.") from error


def encode_graph(graph: fx.Graph) -> str:
    """The steps of a graph, in order, as JSON."""
    return json.dumps([_encode_step(node) for node in graph.nodes])


def decode_graph(text: str) -> fx.Graph:
    """The graph of some steps.

    Raises:
        ValueError: It is no such text.
    """
    graph, nodes = fx.Graph(), dict[str, fx.Node]()
    decode = _decoder(nodes)
    for step in json.loads(text):
        name, op, target, args, kwargs, meta = map(decode, step)
        nodes[name] = graph.create_node(op, target, args, kwargs, name)
        nodes[name].meta = meta
    return graph


def _encode_step(node: fx.Node) -> list[Any]:
    meta = {key: node.meta[key] for key in _REMEMBERED if key in node.meta}
    return [_encode(part) for part in (node.name, node.op, node.target, node.args, node.kwargs, meta)]


def _encode(value: Any) -> Any:
    """What JSON has as it is, and everything else as a dictionary of one entry: its kind, and what tells it."""
    for kind, (kinds, tell) in _KINDS.items():
        if isinstance(value, kinds):
            return {kind: tell(value)}
    return [_encode(item) for item in value] if isinstance(value, list) else value


_KINDS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "step": (fx.Node, lambda node: node.name),
    "operation": (torch._ops.OpOverload, str),
    "function": (Callable, lambda function: function.__name__),
    "shape": (torch.Tensor, lambda value: list(value.shape)),
    "constant": (_CONSTANTS, lambda constant: str(constant).removeprefix("torch.")),
    "device": (torch.device, str),
    "tuple": (tuple, lambda items: [_encode(item) for item in items]),
    "dict": (Mapping, lambda items: {key: _encode(item) for key, item in items.items()}),
}


def _decoder(nodes: Mapping[str, fx.Node]) -> Callable[[Any], Any]:
    """What undoes `_encode`, given the steps by name."""

    def decode(value: Any) -> Any:
        if isinstance(value, dict):
            ((kind, content),) = value.items()
            return kinds[kind](content)
        return [decode(item) for item in value] if isinstance(value, list) else value

    kinds: dict[str, Callable[[Any], Any]] = {
        "step": nodes.__getitem__,
        "operation": _operation,
        "function": _FUNCTIONS.__getitem__,
        "shape": lambda shape: torch.empty(shape, dtype=torch.float64, device="meta"),
        "constant": _constant,
        "device": torch.device,
        "tuple": lambda items: tuple(map(decode, items)),
        "dict": lambda items: {key: decode(item) for key, item in items.items()},
    }
    return decode


def _operation(name: str) -> torch._ops.OpOverload:
    """An operation of PyTorch's own, such as `aten.view.default`."""
    space, operation, overload = name.split(".")
    if space != "aten":
        raise ValueError(f"it holds an unknown operation, {name}")
    return getattr(getattr(torch.ops.aten, operation), overload)


def _constant(name: str) -> Any:
    found = getattr(torch, name)
    if not isinstance(found, _CONSTANTS):
        raise ValueError(f"it holds an unknown constant, {name}")
    return found
