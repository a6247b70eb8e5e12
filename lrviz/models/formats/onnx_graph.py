"""ONNX graphs as PyTorch modules, which PyTorch then traces like any other."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lrviz.errors import InvalidCheckpoint, InvalidNetwork, LrvizError, Refusal, UnsupportedOperation
from lrviz.files import shown
from lrviz.models.adapt import shape_taken
from lrviz.models.formats.onnx_operators import LITERALS, OPERATORS, NotConverted, Use
from lrviz.network.allocation import bounded

MAX_NODES = 20_000
"""Most nodes of a graph, those of its functions each time that they are called."""

_NAMED = 6
_DOMAINS = ("", "ai.onnx")
_EXTERNAL = 1
"""What a tensor says whose numbers are in another file."""


class OpenShape(InvalidCheckpoint):
    """A graph that leaves the size of its inputs open.

    Attributes:
        declared: What it says of one input, 0 for sizes that are open.
    """

    def __init__(self, message: str, declared: tuple[int, ...]) -> None:
        super().__init__(message)
        self.declared = declared


class OnnxNetwork(nn.Module):
    """An ONNX graph that was run once, so that all that does not depend on its input is known.

    Attributes:
        input_shape: Of one input.
        outputs: Names of all of the graph's outputs.
        normalises: Whether constants are subtracted from its input, or it is divided by some, before anything else.
    """

    outputs: tuple[str, ...] = ()

    def __init__(self, steps: list["OnnxNode"], source: str, result: str, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.input_shape, self._source, self._result = input_shape, source, result
        self._order = [_name_step(index, step) for index, step in enumerate(steps)]
        for name, step in zip(self._order, steps, strict=True):
            self.add_module(name, step)

    @property
    def normalises(self) -> bool:
        """Whether its first step subtracts or divides by constants."""
        first = self._modules[self._order[0]] if self._order else None
        return isinstance(first, OnnxNode) and first.operator in ("Sub", "Div", "Mul", "Add", "BatchNormalization")

    def forward(self, x: Tensor) -> Tensor:
        """The output (n, ...) of the graph for inputs (n, *input_shape); what it was made for is one input."""
        if len(x) != 1:
            return torch.cat([self(row[None]) for row in x])
        values: dict[str, Any] = {self._source: x}
        for name in self._order:
            self._modules[name].run(values)  # type: ignore[union-attr, operator]
        return values[self._result]


class OnnxNode(nn.Module):
    """One node, whose result depends on the input."""

    def __init__(self, node: Any, use: Use, constants: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.operator, self.title, self._use = str(node.op_type), str(node.name), use
        self._inputs, self._outputs = list(node.input), list(node.output)
        self._literals: dict[int, Any] = {}
        for place, name in enumerate(node.input):
            if name in constants and place in LITERALS.get(node.op_type, ()):
                self._literals[place] = constants[name].tolist()
            elif name in constants:
                self.register_buffer(f"constant{place}", constants[name])

    def run(self, values: dict[str, Any]) -> None:
        """Compute the node's outputs from what is known."""
        results = self(*[self._input(place, name, values) for place, name in enumerate(self._inputs)])
        values.update(zip(self._outputs, results, strict=False))

    def _input(self, place: int, name: str, values: dict[str, Any]) -> Any:
        if f"constant{place}" in self._buffers:
            return self._buffers[f"constant{place}"]
        if place in LITERALS.get(self.operator, ()) and place not in self._literals and name:
            raise NotConverted("a shape, place or bound that depends on the input")
        return self._literals.get(place) if place in self._literals or not name else values[name]

    def forward(self, *inputs: Any) -> Sequence[Tensor]:
        """The node's outputs."""
        result = OPERATORS[self.operator](self._use, *inputs)
        return [result] if isinstance(result, Tensor) else list(result)


def read_onnx(data: bytes, input_shape: tuple[int, ...] | None = None, output: str | None = None) -> OnnxNetwork:
    """Read a graph with one input and one of its outputs.

    Args:
        data: The contents of its file.
        input_shape: Of one input, channels first if it is an image; what the file says if None.
        output: Name or position of the output; the first one if None.

    Raises:
        InvalidCheckpoint: It is damaged, its weights are in other files, or there is no such output.
        OpenShape: The shape is not said.
        UnsupportedOperation: It holds operators that are not converted; all of them are named.
        InvalidNetwork: It would be larger than any memory.
    """
    graph, version = _read_graph(data)
    constants = _constants(graph)
    source, shape = _input(graph, constants, input_shape)
    result = _output(graph, output)
    nodes = _needed_nodes(graph, result)
    _refuse_unknown(nodes)
    network = _run_once(nodes, result, constants, source, shape, version)
    network.outputs = tuple(value.name for value in graph.output)
    return network


def _read_graph(data: bytes) -> tuple[Any, int]:
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
    return model.graph, max((versions[domain] for domain in _DOMAINS if domain in versions), default=1)


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


def _tensors(nodes: Iterable[Any], depth: int = 0) -> Iterable[Any]:
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
            for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from graph.initializer
                yield from _tensors(graph.node, depth + 1)


def _count_nodes(model: Any) -> None:
    """Functions that call functions can stand for more nodes than any memory holds."""
    bodies = {(function.domain, function.name): function.node for function in model.functions}
    known: dict[tuple[str, str], int] = {}

    def size(nodes: Any, inside: tuple[tuple[str, str], ...]) -> int:
        return sum(called((node.domain, node.op_type), inside) for node in nodes)

    def called(name: tuple[str, str], inside: tuple[tuple[str, str], ...]) -> int:
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


def _constants(graph: Any) -> dict[str, Tensor]:
    return {tensor.name: _as_tensor(tensor) for tensor in graph.initializer}


def _as_tensor(tensor: Any) -> Tensor:
    from onnx import numpy_helper  # noqa: PLC0415

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


def _input(graph: Any, constants: Mapping[str, Tensor], said: tuple[int, ...] | None) -> tuple[str, tuple[int, ...]]:
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(shown(value.name) for value in inputs[:_NAMED]) or "none"
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


def _output(graph: Any, wanted: str | None) -> str:
    """The name of the output that is wanted by its name or position."""
    names = [value.name for value in graph.output]
    if not names:
        raise InvalidCheckpoint("Expected an ONNX graph with an output, got one without: export it again.")
    places = {str(place): name for place, name in enumerate(names)} | {name: name for name in names}
    if wanted is not None and wanted not in places:
        raise InvalidCheckpoint(
            f"Expected one of the network's outputs, {', '.join(map(shown, names[:_NAMED]))}, got {shown(wanted)}: "
            "choose one of them."
        )
    return names[0] if wanted is None else places[wanted]


def _needed_nodes(graph: Any, result: str) -> list[Any]:
    """The nodes that an output depends on."""
    wanted, kept = {result}, list[Any]()
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    return kept[::-1]


def _refuse_unknown(nodes: Iterable[Any]) -> None:
    """Name all operators that are not converted at once."""
    unknown = [node for node in nodes if node.op_type not in (*OPERATORS, "Constant") or node.domain not in _DOMAINS]
    if unknown:
        raise _unsupported({(node.op_type, node.name): "" for node in unknown})


def _unsupported(uses: Mapping[tuple[str, str], str]) -> UnsupportedOperation:
    named = "; ".join(
        f"{operator} in node {shown(node or '(without a name)')}" + (f": {reason}" if reason else "")
        for (operator, node), reason in list(uses.items())[:_NAMED]
    )
    more = f" and {len(uses) - _NAMED} more" if len(uses) > _NAMED else ""
    return UnsupportedOperation(
        f"The network is not piecewise linear, or lrviz does not know it to be, because of the ONNX operators: {named}"
        f"{more}. Converted are: {', '.join(OPERATORS)}. Replace what is not by what is.",
        tuple(
            Refusal(operation=operator, module=node, kind="", reason=reason, line="")
            for (operator, node), reason in uses.items()
        ),
    )


def _run_once(
    nodes: list[Any], result: str, constants: dict[str, Tensor], source: str, shape: tuple[int, ...], version: int
) -> OnnxNetwork:
    """Run the graph on zeros: what does not depend on them becomes constant, the rest a step."""
    kind = torch.float64 if any(value.dtype == torch.float64 for value in constants.values()) else torch.float32
    constants = {name: value.to(kind) if value.is_floating_point() else value for name, value in constants.items()}
    steps: list[OnnxNode] = []
    with torch.no_grad(), bounded():
        values: dict[str, Any] = {source: torch.zeros(1, *shape, dtype=kind, device="cpu")}
        for node in nodes:
            step = OnnxNode(node, _use(node, version, kind), constants)
            inputs = {name: values.get(name, constants.get(name)) for name in node.input if name}
            results = _run(node, step, inputs)
            if node.op_type == "Shape" or not any(name in values for name in node.input):
                constants.update(results)
            else:
                values.update(results)
                steps.append(step)
    if result not in values:
        raise InvalidNetwork("The output does not depend on the input; expected a network that uses its input.")
    return OnnxNetwork(steps, source, result, shape)


def _use(node: Any, version: int, kind: torch.dtype) -> Use:
    attributes = {attribute.name: _attribute(attribute, kind) for attribute in node.attribute}
    return Use(attributes=attributes, version=version, num_outputs=sum(bool(name) for name in node.output))


def _attribute(attribute: Any, kind: torch.dtype) -> Any:
    import onnx  # noqa: PLC0415

    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, onnx.TensorProto):
        tensor = _as_tensor(value)
        return tensor.to(kind) if tensor.is_floating_point() else tensor
    return list(value) if isinstance(value, Sequence) else value


def _run(node: Any, step: OnnxNode, inputs: dict[str, Any]) -> dict[str, Any]:
    try:
        if node.op_type == "Constant":
            return {node.output[0]: _constant(step._use)}
        missing = [name for name, value in inputs.items() if value is None]
        if missing:
            raise NotConverted(f"its input {shown(missing[0])} is computed nowhere")
        values = dict(inputs)
        step.run(values)
        return {name: values[name] for name in node.output if name in values and name}
    except NotConverted as error:
        raise _unsupported({(node.op_type, node.name): str(error)}) from error
    except LrvizError:
        raise
    except Exception as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise InvalidCheckpoint(
            f"Expected an ONNX graph that runs on one input; node {shown(node.name or node.op_type)} ({node.op_type}) "
            f"fails: {reason}. If the graph is made for a batch or an image of another size, say the size by "
            "--input-shape, or export it for a batch of 1."
        ) from error


def _constant(use: Use) -> Tensor:
    for name in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        if name in use.attributes:
            value = use.attributes[name]
            return value if isinstance(value, Tensor) else torch.tensor(value, device="cpu")
    raise NotConverted("a constant that is no number")


def _name_step(index: int, step: OnnxNode) -> str:
    """What a step is called among the modules: unique, without dots."""
    title = re.sub(r"[^0-9A-Za-z_]+", "_", step.title).strip("_") or step.operator.lower()
    return f"{title[:100]}_{index}"
