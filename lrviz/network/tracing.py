"""A module is traced with `torch.export` for one input: a graph of operations, all of whose shapes are known."""

import io
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import fx, nn
from torch.utils import _pytree as pytree

from lrviz.errors import InvalidNetwork, UnsupportedOperation
from lrviz.network.operations import KEPT, aten, operation_name
from lrviz.network.prepare import first_line, in_double, raised_at

TRACING = threading.RLock()
"""Tensors without values and `torch.export` keep state of the whole process: one thread at a time works with them."""

_LEFT_OFF = {
    "_softmax": "softmax",
    "_safe_softmax": "softmax",
    "_log_softmax": "log-softmax",
    "sigmoid": "sigmoid",  # of one output: the softmax of two classes
}
"""Last steps that keep the order of the outputs."""

_RESHAPES = frozenset(
    ["view", "_unsafe_view", "reshape", "squeeze", "unsqueeze", "clone", "alias", "detach", "getitem", "_to_copy"]
)


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What a module does with one input.

    Attributes:
        graph: Operations of PyTorch; placeholders are the input, and the tensors that the module holds.
        input: The node of the network's input.
        tensors: Those tensors by the placeholder's name.
        names: The module's names for them.
        output: The node whose value is wanted.
        returned: The node that the module returns; another one if last steps are left off.
        position: Which of the module's flattened outputs this is.
        notes: What a user should know.
    """

    graph: fx.Graph
    input: fx.Node
    tensors: dict[str, torch.Tensor]
    names: dict[str, str]
    output: fx.Node
    returned: fx.Node
    position: int
    notes: tuple[str, ...]

    @cached_property
    def needed(self) -> list[fx.Node]:
        """The nodes that the wanted value depends on, in order."""
        return ancestors(self.graph, self.output)

    def pick(self, returned: Any) -> torch.Tensor:
        """The wanted one of the values that the module returns."""
        return pytree.tree_leaves(returned)[self.position]

    def run(self, known: dict[fx.Node, torch.Tensor], wanted: fx.Node) -> dict[fx.Node, Any]:
        """Values of all nodes up to a wanted one, given some of them for one input."""
        values: dict[fx.Node, Any] = dict(known)
        with in_double():
            for node in ancestors(self.graph, wanted, frozenset(known)):
                if node.op == "placeholder":
                    values[node] = self.tensors[node.name]
                else:
                    args, kwargs = fx.map_arg((node.args, node.kwargs), values.__getitem__)  # type: ignore[misc]
                    values[node] = node.target(*args, **kwargs)  # type: ignore[operator]
        return values

    def finish(self, value: torch.Tensor) -> torch.Tensor:
        """What the module returns, given the wanted value for one input."""
        shape = self.output.meta["val"].shape
        return self.run({self.output: value.reshape(shape)}, self.returned)[self.returned]


def trace_module(module: nn.Module, example: torch.Tensor, output: str | int | None = None) -> Trace:
    """Trace a module.

    Args:
        module: In eval mode, float64, on the CPU.
        example: (1, *input_shape) an input.
        output: Which of several outputs: its position, or its name in a dictionary; the first one if None.

    Raises:
        UnsupportedOperation: It cannot run on the example, or cannot be traced.
        InvalidNetwork: There is no such output.
    """
    _try(module, example)
    exported = _export(module, example)
    position, node, notes = _choose_output(exported, output)
    wanted, left_off = _without_last_steps(node)
    state = _state(exported)
    return Trace(
        graph=exported.graph,
        input=next(n for n in exported.graph.nodes if n.name == exported.graph_signature.user_inputs[0]),
        tensors={name: tensor for name, (_, tensor) in state.items()},
        names={name: own for name, (own, _) in state.items()},
        output=wanted,
        returned=node,
        position=position,
        notes=(*notes, *left_off),
    )


def _try(module: nn.Module, example: torch.Tensor) -> None:
    try:
        with in_double(), quiet():
            module(example)
    except Exception as error:
        raise UnsupportedOperation(
            f"The network does not run on an example of shape {tuple(example.shape)}: {first_line(error)}. Expected a "
            f"network with one tensor argument of shape (batch, {', '.join(map(str, example.shape[1:]))}); pass an "
            "example of the shape that it was made for, and wrap a network that takes more in one that does not."
        ) from error


def _export(module: nn.Module, example: torch.Tensor) -> torch.export.ExportedProgram:
    table = torch.export.default_decompositions()
    for operation in list(table.keys()):
        if operation._schema.name.split("::")[-1] in KEPT:
            table.pop(operation)
    try:
        with TRACING, quiet(), redirect_stderr(_Elsewhere()):  # `torch.export` prints the steps before one that fails
            with in_double():
                exported = torch.export.export(module, (example,), strict=False)
            for node in exported.graph.find_nodes(op="call_function", target=aten._assert_tensor_metadata.default):
                exported.graph.erase_node(node)
            return exported.run_decompositions(table)
    except Exception as error:
        line = raised_at(error)
        raise UnsupportedOperation(
            f"torch.export could not trace the network{f' at {line}' if line else ''}: {first_line(error)}. Expected a "
            "module whose steps do not depend on the values of its input. Rewrite the part that it names."
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep PyTorch's warnings, and what it logs in this thread, from the user."""
    thread = threading.get_ident()

    def elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != thread

    loggers = [logging.getLogger(), logging.getLogger("torch")]
    loggers += [log for name, log in logging.root.manager.loggerDict.items()
                if name.startswith("torch") and isinstance(log, logging.Logger)]  # fmt: skip
    handlers = {handler for log in loggers for handler in log.handlers}
    with warnings.catch_warnings(), ExitStack() as stack:
        warnings.simplefilter("ignore")
        for handler in handlers:
            handler.addFilter(elsewhere)
            stack.callback(handler.removeFilter, elsewhere)
        yield


class _Elsewhere(io.TextIOBase):
    """The error stream for all threads but the one that made it."""

    def __init__(self) -> None:
        self._stream, self._thread = sys.stderr, threading.get_ident()

    def write(self, text: str) -> int:
        return len(text) if threading.get_ident() == self._thread else self._stream.write(text)


def _state(exported: torch.export.ExportedProgram) -> dict[str, tuple[str, torch.Tensor]]:
    signature = exported.graph_signature
    names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers,
             **signature.inputs_to_lifted_tensor_constants}  # fmt: skip
    held = {**exported.constants, **exported.state_dict}
    return {name: (own, _as_double(held[own])) for name, own in names.items()}


def _as_double(tensor: torch.Tensor) -> torch.Tensor:
    tensor = tensor.detach()
    return tensor.to(torch.float64) if tensor.is_floating_point() else tensor


def _choose_output(
    exported: torch.export.ExportedProgram, wanted: str | int | None
) -> tuple[int, fx.Node, tuple[str, ...]]:
    nodes = {node.name: node for node in exported.graph.nodes}
    found = exported.graph_signature.user_outputs
    spec = exported.call_spec.out_spec
    paths = [_path(path) for path, _ in pytree.tree_flatten_with_path(pytree.tree_unflatten(list(found), spec))[0]]
    outputs = {
        path: (position, nodes[name])
        for position, (path, name) in enumerate(zip(paths, found, strict=True))
        if isinstance(name, str) and isinstance(nodes[name].meta.get("val"), torch.Tensor)
    }
    if not outputs:
        raise InvalidNetwork("The network returns no tensor; expected a tensor of logits (batch, classes).")
    if wanted is not None and str(wanted) not in outputs:
        raise InvalidNetwork(f"The network has no output {wanted!r}; choose one of: {', '.join(outputs) or 'none'}.")
    chosen = next(iter(outputs)) if wanted is None else str(wanted)
    notes: tuple[str, ...] = ()
    if wanted is None and len(outputs) > 1:
        notes = (f"Of {len(outputs)} outputs ({', '.join(outputs)}) the first one, {chosen}, is used.",)
    return (*outputs[chosen], notes)


def flat_outputs(returned: Any) -> dict[str, torch.Tensor]:
    """All tensors among what a module returns, by the names that `trace_module` has for them."""
    leaves = pytree.tree_flatten_with_path(returned)[0]
    return {_path(path): leaf for path, leaf in leaves if isinstance(leaf, torch.Tensor)}


def _path(path: tuple[Any, ...]) -> str:
    keys = [getattr(key, "key", getattr(key, "idx", getattr(key, "name", key))) for key in path]
    return ".".join(map(str, keys)) or "0"


def _without_last_steps(output: fx.Node) -> tuple[fx.Node, tuple[str, ...]]:
    """The node before a softmax and the like at the very end, and what to say of it."""
    node, found = output, list[str]()
    while True:
        name = operation_name(node) if node.op == "call_function" else ""
        if name in _LEFT_OFF and (name != "sigmoid" or output.meta["val"].numel() == 1):
            found.append(_LEFT_OFF[name])
            output = node = node.args[0]  # type: ignore[assignment]
        elif name == "div" and _is_norm(node.args[1], node.args[0]):
            found.append("normalisation")
            output = node = node.args[0]  # type: ignore[assignment]
        elif name in _RESHAPES:
            node = node.args[0]  # type: ignore[assignment]
        else:
            return output, tuple(f"The {last} at the end is left off: outputs are what goes into it." for last in found)


def _is_norm(node: Any, of: Any) -> bool:
    """Whether a node is the length of another one, perhaps bounded from below."""
    while isinstance(node, fx.Node) and operation_name(node) in ("expand", "clamp_min", "clamp", "maximum"):
        node = node.args[0]
    return isinstance(node, fx.Node) and operation_name(node) == "linalg_vector_norm" and node.args[0] is of


def ancestors(graph: fx.Graph, wanted: fx.Node, known: frozenset[fx.Node] = frozenset()) -> list[fx.Node]:
    """The nodes that a wanted one is computed from, itself included, in order; known ones end the search."""
    needed, stack = set[fx.Node](), [wanted]
    while stack:
        node = stack.pop()
        if node not in needed and node not in known:
            needed.add(node)
            stack += node.all_input_nodes
    return [node for node in graph.nodes if node in needed]


def module_path(node: fx.Node) -> str:
    """Path of the module that a node comes from."""
    if "path" in node.meta:
        return node.meta["path"]
    paths = [path for path, _ in (node.meta.get("nn_module_stack") or {}).values() if path]
    return paths[-1] if paths else "network"


def is_random(node: fx.Node) -> bool:
    """Whether a node draws random numbers."""
    return torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())
