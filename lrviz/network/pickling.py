"""The graph of a program as plain data, so that programs can be pickled and sent to other processes."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

Step = tuple[str, str, Any, tuple[Any, ...], dict[str, Any], dict[str, Any]]
"""Name, kind, target, arguments, and what is remembered of where the step came from."""

_REMEMBERED = ("val", "mapped", "path", "line", "source")


@dataclass(frozen=True, slots=True)
class _Reference:
    """Stands for the step of this name among the arguments of another."""

    name: str


@dataclass(frozen=True, slots=True)
class _Operation:
    """Stands for an operation of PyTorch, which cannot be pickled, by its name."""

    name: str

    def find(self) -> Any:
        found: Any = torch.ops
        for part in self.name.split("."):
            found = getattr(found, part)
        return found


@dataclass(frozen=True, slots=True)
class _Shape:
    """Stands for a value whose shape alone is remembered."""

    shape: tuple[int, ...]


def encode_graph(graph: fx.Graph) -> list[Step]:
    """The steps of a graph, in order."""
    return [_encode(node) for node in graph.nodes]


def decode_graph(steps: list[Step]) -> fx.Graph:
    """The graph of some steps."""
    graph, nodes = fx.Graph(), dict[str, fx.Node]()
    for name, op, target, references, named_references, meta in steps:
        found = target.find() if isinstance(target, _Operation) else target
        args = _map(references, _Reference, lambda used: nodes[used.name])
        kwargs = _map(named_references, _Reference, lambda used: nodes[used.name])
        nodes[name] = graph.create_node(op, found, args, kwargs, name)
        nodes[name].meta = _map(meta, _Shape, lambda value: torch.empty(value.shape, device="meta"))
    return graph


def _encode(node: fx.Node) -> Step:
    is_operation = isinstance(node.target, torch._ops.OpOverload)
    target = _Operation(str(node.target)) if is_operation else node.target
    args, kwargs = (_map(value, fx.Node, lambda used: _Reference(used.name)) for value in (node.args, node.kwargs))
    meta: dict[str, Any] = {key: node.meta[key] for key in _REMEMBERED if key in node.meta}
    return node.name, node.op, target, args, kwargs, _map(meta, torch.Tensor, lambda value: _Shape(tuple(value.shape)))


def _map(value: Any, kind: type, replace: Any) -> Any:
    """Plain containers with everything of a kind replaced."""
    if isinstance(value, kind):
        return replace(value)
    if isinstance(value, dict):
        return {key: _map(item, kind, replace) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_map(item, kind, replace) for item in value)
    return [_map(item, kind, replace) for item in value] if isinstance(value, list) else value
