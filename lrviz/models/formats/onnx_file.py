"""What an ONNX file holds, before anything of it is computed."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from lrviz.errors import InvalidCheckpoint, LrvizError
from lrviz.files import shown, some_shown
from lrviz.models.adapt import shape_taken

MAX_NODES = 20_000
"""Most nodes of a graph, those of its functions each time that they are called."""

_DOUBLE = 11
"""What a tensor says whose numbers are in float64."""

_BYTE = 2
"""Likewise, from 0 to 255."""

_OLDEST = 7
"""The first operator set in which sizes are broadcast as they are in PyTorch."""

DOMAINS = ("", "ai.onnx")
"""Of the operators of ONNX itself."""

_EXTERNAL = 1
"""What a tensor says whose numbers are in another file."""

_Function: TypeAlias = tuple[str, str, str]
"""Domain, name and overload."""


class OpenShape(InvalidCheckpoint):
    """A graph that leaves the size of its inputs open.

    Attributes:
        declared: What it says of one input, 0 for sizes that are open.
    """

    def __init__(self, message: str, declared: tuple[int, ...]) -> None:
        super().__init__(message)
        self.declared = declared


def read_graph(data: bytes) -> tuple[Any, int]:
    """The graph of a file, its functions put in, and the version of its operators.

    Raises:
        InvalidCheckpoint: It is damaged, too large, or has weights in other files.
    """
    import onnx  # noqa: PLC0415  slow to import
    from onnx import inliner  # noqa: PLC0415

    try:
        model = onnx.load_model_from_string(data)
        _refuse_external(model)
        _count_nodes(model)
        if model.functions:
            model = inliner.inline_local_functions(model)
    except LrvizError:
        raise
    except Exception as error:  # protobuf and onnx raise many kinds for a damaged file
        raise InvalidCheckpoint("Expected an ONNX file, got one that is damaged: export it again.") from error
    versions = {entry.domain: entry.version for entry in model.opset_import}
    version = max((versions[domain] for domain in DOMAINS if domain in versions), default=_OLDEST)
    if version < _OLDEST:
        raise InvalidCheckpoint(
            f"Expected an ONNX graph of operator set {_OLDEST} or newer, got {version}, whose operators mean something "
            "else: convert it by onnx.version_converter.convert_version, or export it again."
        )
    return model.graph, version


def _refuse_external(model: Any) -> None:
    """Refuse tensors whose numbers are in another file, wherever they are; that file could be any."""
    for tensor in _tensors([*model.graph.node, *(node for function in model.functions for node in function.node)]):
        _refuse_if_external(tensor)
    for tensor in model.graph.initializer:
        _refuse_if_external(tensor)
    for sparse in model.graph.sparse_initializer:
        _refuse_if_external(sparse.values)
        _refuse_if_external(sparse.indices)


def _refuse_if_external(tensor: Any) -> None:
    if tensor.data_location == _EXTERNAL or tensor.external_data:
        raise InvalidCheckpoint(
            "Expected an ONNX file with all its weights inside, got one that keeps them in another file, which is not "
            "read: save it again in one piece, by torch.onnx.export(..., external_data=False)."
        )


def _tensors(nodes: Iterable[Any]) -> Iterable[Any]:
    """The tensors in the attributes of nodes and of their subgraphs."""
    for node in nodes:
        for attribute in node.attribute:
            yield from ([attribute.t] if attribute.HasField("t") else [])
            yield from attribute.tensors
            yield from (
                part
                for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors)
                for part in (sparse.values, sparse.indices)
            )
        for graph in subgraphs(node):
            yield from graph.initializer
            yield from _tensors(graph.node)


def _count_nodes(model: Any) -> None:
    """Functions that call functions can stand for more nodes than any memory holds."""
    bodies = {(function.domain, function.name, function.overload): function.node for function in model.functions}
    known: dict[_Function, int] = {}

    def size(nodes: Any, inside: tuple[_Function, ...]) -> int:
        branches = (branch for node in nodes for branch in subgraphs(node))
        return sum(called((node.domain, node.op_type, node.overload), inside) for node in nodes) + sum(
            size(branch.node, inside) for branch in branches
        )

    def called(name: _Function, inside: tuple[_Function, ...]) -> int:
        if name not in bodies:
            return 1
        if name in inside or len(inside) > 100:
            raise InvalidCheckpoint("Expected ONNX functions that do not call themselves: export the network again.")
        if name not in known:
            known[name] = 1 + size(bodies[name], (*inside, name))
        return known[name]

    number = size(model.graph.node, ())
    if number > MAX_NODES:
        raise InvalidCheckpoint(f"Expected a graph of at most {MAX_NODES:,} nodes, got {number:,}: simplify it.")


def find_constants(graph: Any) -> dict[str, Tensor]:
    """The weights of a graph by name.

    Raises:
        InvalidCheckpoint: They are damaged, or no real numbers.
    """
    return {tensor.name: as_tensor(tensor) for tensor in graph.initializer}


def as_tensor(tensor: Any) -> Tensor:
    """Numbers of ONNX, in float64, float32, int64 or bool.

    Raises:
        InvalidCheckpoint: They are damaged, or no real numbers.
    """
    from onnx import numpy_helper  # noqa: PLC0415

    _refuse_if_external(tensor)
    try:
        array = np.array(numpy_helper.to_array(tensor))
    except Exception as error:
        raise InvalidCheckpoint(
            f"Expected numbers in the ONNX tensor {shown(tensor.name)}, got fewer or others than it says: export it "
            "again."
        ) from error
    if array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
        raise InvalidCheckpoint(f"Expected real numbers in the ONNX tensor {shown(tensor.name)}, got {array.dtype}.")
    if array.dtype.kind in "iu":
        return torch.as_tensor(array.astype(np.int64), device="cpu")
    small = array.dtype.kind != "b" and array.dtype != np.float64
    return torch.as_tensor(array.astype(np.float32) if small else array, device="cpu")


def precision(graph: Any) -> torch.dtype:
    """Whether a graph computes in float64; float32 if it does not, since nothing smaller is computed in here."""
    tensors = (*graph.initializer, *_tensors(graph.node))
    return torch.float64 if any(tensor.data_type == _DOUBLE for tensor in tensors) else torch.float32


def find_input(
    graph: Any, constants: Mapping[str, Tensor], said: tuple[int, ...] | None
) -> tuple[str, tuple[int, ...]]:
    """The name of the input, and the shape of one.

    Raises:
        InvalidCheckpoint: There is none, or more than one.
        OpenShape: The shape is not said.
    """
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1:
        names = some_shown(value.name for value in inputs) or "none"
        raise InvalidCheckpoint(
            f"Expected an ONNX graph with one input, got {len(inputs)} ({names}): export one with one."
        )
    if not inputs[0].type.HasField("tensor_type"):
        raise InvalidCheckpoint("Expected an ONNX graph whose input is a tensor, got another kind: export it again.")
    dims = [int(dim.dim_value) for dim in inputs[0].type.tensor_type.shape.dim]
    if said is not None:
        return inputs[0].name, shape_taken(tuple(dims[1:]), said)
    if len(dims) < 2 or not all(size > 0 for size in dims[1:]):
        text = " x ".join(str(size or "?") for size in dims[1:])
        raise OpenShape(
            f"Expected an ONNX graph that says the size of its inputs, got one of {text or 'unknown size'}: say it by "
            "--input-shape, such as 3,32,32.",
            tuple(max(size, 0) for size in dims[1:]),
        )
    return inputs[0].name, tuple(dims[1:])


def takes_bytes(graph: Any, source: str) -> bool:
    """Whether a graph says that its input holds whole numbers from 0 to 255."""
    return bool(_input_type(graph, source).elem_type == _BYTE)


def find_batch(graph: Any, source: str) -> int:
    """For how many inputs at once a graph was made; 1 if any number will do."""
    dims = _input_type(graph, source).shape.dim
    return max(int(dims[0].dim_value), 1) if len(dims) else 1


def _input_type(graph: Any, source: str) -> Any:
    """What a graph says of the numbers of its input, and of their shape."""
    return next(value for value in graph.input if value.name == source).type.tensor_type


def find_output(graph: Any, wanted: str | None) -> str:
    """The name of the output that is wanted by its name or position.

    Raises:
        InvalidCheckpoint: There is none like that.
    """
    names = [value.name for value in graph.output]
    if not names:
        raise InvalidCheckpoint("Expected an ONNX graph with an output, got one without: export it again.")
    places = {str(place): name for place, name in enumerate(names)} | {name: name for name in names}
    if wanted is not None and wanted not in places:
        raise InvalidCheckpoint(
            f"Expected one of the network's outputs, {some_shown(names)}, got {shown(wanted)}: choose one of them."
        )
    return names[0] if wanted is None else places[wanted]


def needed_nodes(graph: Any, result: str) -> list[Any]:
    """The nodes that an output depends on."""
    wanted, kept = {result}, list[Any]()
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            wanted.update(_read(node))
            kept.append(node)
    return kept[::-1]


def _read(node: Any) -> Iterable[str]:
    """Names that a node reads, those that only its branches do included."""
    yield from node.input
    for branch in subgraphs(node):
        yield from (output.name for output in branch.output)
        for inner in branch.node:
            yield from _read(inner)


def subgraphs(node: Any) -> Iterable[Any]:
    """The graphs in the attributes of a node."""
    for attribute in node.attribute:
        yield from (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs)
