"""ONNX graphs are read by running them once."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from lrviz.errors import InvalidCheckpoint, InvalidNetwork, LrvizError, Refusal, UnsupportedOperation
from lrviz.files import shown
from lrviz.models.formats.onnx_curves import CURVES
from lrviz.models.formats.onnx_file import (
    DOMAINS,
    as_tensor,
    find_batch,
    find_constants,
    find_input,
    find_output,
    needed_nodes,
    precision,
    read_graph,
    takes_bytes,
)
from lrviz.models.formats.onnx_network import OnnxNetwork, OnnxNode, StandIn, Step
from lrviz.models.formats.onnx_operators import OPERATORS
from lrviz.models.formats.onnx_origins import find_origin
from lrviz.models.formats.onnx_use import NotConverted, Use
from lrviz.network.allocation import MAX_NUMBERS, bounded
from lrviz.network.inspection import find_refusals
from lrviz.network.origins import Origin
from lrviz.network.prepare import first_line
from lrviz.network.refusals import describe
from lrviz.network.single import is_close

_OWN = ("Constant", "If")
"""Operators that are seen to while a graph is read."""

_NUMBERS = {torch.float32: 1, torch.float64: 11, torch.int64: 7, torch.bool: 9}
"""What ONNX calls types."""

_SIZES = ("Shape", "Size")
"""Operators whose result depends on the shape of their input only."""

_SHAPED = ("Reshape", "Expand")
"""Operators whose second input is the shape of their result."""

_MOST_COMPARED = 300_000_000
"""Graphs with more numbers than that in all their values for a batch are not run on it."""

_AT_THE_END = ("Softmax", "LogSoftmax", "Sigmoid")
"""Operators that are left off where they come last."""


def read_onnx(data: bytes, input_shape: tuple[int, ...] | None = None, output: str | None = None) -> OnnxNetwork:
    """Read a graph with one input and one of its outputs.

    Args:
        data: The contents of its file.
        input_shape: Of one input, channels first if it is an image; what the file says if None.
        output: Name or position of the output; the first one if None.

    Raises:
        InvalidCheckpoint: It is damaged, its weights are in other files, or there is no such output.
        OpenShape: The shape is not said.
        UnsupportedOperation: It holds operators that are not converted; they and all that are not piecewise linear
            are named.
        InvalidNetwork: It would be larger than any memory.
    """
    graph, version = read_graph(data)
    constants = find_constants(graph)
    source, shape = find_input(graph, constants, input_shape)
    result, number = find_output(graph, output), find_batch(graph, source)

    def read(num_inputs: int = 1, given: int = 1) -> tuple[OnnxNetwork, int]:
        reading = _Reading(constants, source, (num_inputs, *shape), version, precision(graph), given)
        with torch.no_grad(), bounded(MAX_NUMBERS * num_inputs):
            for node in needed_nodes(graph, result):
                reading.add(node, is_last=result in node.output)
        return reading.finish(result), reading.size

    network = read()[0] if number == 1 else _without_batch(read, number, precision(graph))
    network.outputs = tuple(value.name for value in graph.output)
    network.takes_bytes = takes_bytes(graph, source)
    return network


def _without_batch(read: Callable[..., tuple[OnnxNetwork, int]], number: int, kind: torch.dtype) -> OnnxNetwork:
    """What a graph for a batch of a fixed number of inputs computes of one.

    Args:
        read: Reads the graph for so many inputs, and with a number that stands in shapes for that of the inputs.
        number: Of the inputs in the batch.
        kind: Precision of the inputs.

    Raises:
        UnsupportedOperation: It is something else than what the batch gets.
    """
    failure: LrvizError | None = None
    for given in (1, number):
        try:
            network, size = read(given=given)
        except LrvizError as error:
            failure = error
            continue
        if number * size > _MOST_COMPARED:
            same = given == 1 and len(network.run(torch.zeros(1, *network.input_shape, dtype=kind, device="cpu"))) == 1
        else:
            same = _agree(network, read(number)[0], number, kind)
        if same:
            return network
    raise failure or UnsupportedOperation(
        f"Expected an ONNX graph that takes one input at a time, got one that takes {number} at once and returns "
        "something else for one: export it for a batch of 1 or of any size."
    )


@torch.no_grad()
def _agree(network: OnnxNetwork, whole: OnnxNetwork, number: int, kind: torch.dtype) -> bool:
    """Whether a network computes of inputs one by one what another does of all of them."""
    generator = torch.Generator("cpu").manual_seed(0)
    batch = torch.randn(number, *network.input_shape, dtype=kind, generator=generator, device="cpu")
    return is_close(torch.cat([network.run(row[None]) for row in batch]), whole.run(batch))


class _Reading:
    """Runs a graph on zeros, node by node: what does not depend on them becomes constant, the rest a step.

    Nodes that are not converted have stand-ins, or their results are unknown, and it goes on, to find all of them.
    """

    def __init__(
        self,
        constants: Mapping[str, Tensor],
        source: str,
        shape: tuple[int, ...],
        version: int,
        kind: torch.dtype,
        given: int,
    ) -> None:
        self.source, self.shape, self.version, self.kind, self.given = source, shape[1:], version, kind, given
        self.constants = {name: self._cast(value) for name, value in constants.items()}
        with torch.no_grad(), bounded(MAX_NUMBERS * shape[0]):
            self.values: dict[str, Any] = {source: torch.zeros(shape, dtype=kind, device="cpu")}
        self.steps: list[Step] = []
        self.refusals: list[Refusal] = []
        self.unknown = set[str]()
        self.error: Exception | None = None

    def _cast(self, value: Tensor) -> Tensor:
        return value.to(self.kind) if value.is_floating_point() else value

    def add(self, node: Any, *, is_last: bool = False) -> None:
        """Run the next node."""
        if node.domain not in DOMAINS or node.op_type not in (*OPERATORS, *_OWN):
            return self._refuse(node, "")
        if self.unknown.intersection(node.input):
            curved = node.op_type in CURVES and not (is_last and node.op_type in _AT_THE_END)
            return self._refuse(node, "") if curved and self.refusals else self.unknown.update(node.output)
        try:
            if node.op_type == "If":
                self._choose_branch(node)
            else:
                self._run(node)
        except NotConverted as error:
            self._refuse(node, str(error))
        except LrvizError:
            raise
        except Exception as error:
            self.error = self.error or _failure(node, error)
            self.unknown.update(node.output)
        return None

    def _run(self, node: Any) -> None:
        use = self._use(node)
        if node.op_type == "Constant":
            self.constants[node.output[0]] = _constant(use)
            return
        constants = self._for_one(node)
        inputs = {name: self.values.get(name, constants.get(name)) for name in node.input if name}
        missing = [name for name, value in inputs.items() if value is None]
        if missing:
            raise NotConverted(f"its input {shown(missing[0])} is computed nowhere")
        step, values = OnnxNode(node, use, constants), dict(inputs)
        step.run(values)
        results = {name: values[name] for name in node.output if name in values and name}
        if node.op_type in _SIZES or not any(name in self.values for name in node.input):
            self.constants.update(results)
        else:
            self.values.update(results)
            self.steps.append(step)

    def _for_one(self, node: Any) -> Mapping[str, Tensor]:
        """The constants; the first size of a shape, where it is that of the batch which the graph is for, is 1."""
        if self.given == 1 or node.op_type not in _SHAPED or node.input[0] not in self.values or len(node.input) < 2:
            return self.constants
        shape = self.constants.get(node.input[1])
        if shape is None or shape.flatten()[:1].tolist() != [self.given]:
            return self.constants
        return self.constants | {node.input[1]: torch.cat([torch.ones_like(shape[:1]), shape[1:]])}

    @property
    def size(self) -> int:
        """Numbers in all values."""
        return sum(value.numel() for value in self.values.values())

    def _use(self, node: Any) -> Use:
        return Use(
            attributes={attribute.name: self._attribute(attribute) for attribute in node.attribute},
            version=self.version,
            num_outputs=sum(bool(name) for name in node.output),
            kind=self.kind,
        )

    def _attribute(self, attribute: Any) -> Any:
        import onnx  # noqa: PLC0415

        value = onnx.helper.get_attribute_value(attribute)
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        if isinstance(value, onnx.TensorProto):
            return self._cast(as_tensor(value))
        return list(value) if isinstance(value, Sequence) else value

    def _choose_branch(self, node: Any) -> None:
        """Run the branch of a condition that does not depend on the input."""
        import onnx  # noqa: PLC0415

        condition = self.constants.get(node.input[0])
        if condition is None:
            raise NotConverted("which branch is taken depends on the input")
        wanted = "then_branch" if bool(condition.all()) else "else_branch"
        branch = next(attribute.g for attribute in node.attribute if attribute.name == wanted)
        self.constants.update({name: self._cast(value) for name, value in find_constants(branch).items()})
        for inner in branch.node:
            self.add(inner)
        for name, output in zip(node.output, branch.output, strict=False):
            self.add(onnx.helper.make_node("Identity", [output.name], [name], name=node.name))

    def _refuse(self, node: Any, reason: str) -> None:
        """Note a node, and go on with a stand-in for those of its results whose shapes are known."""
        origin = find_origin(node)
        self.refusals.append(
            Refusal(operation=origin.operation, module=origin.module, kind=origin.kind, reason=reason, line=origin.line)
        )
        read = [name for name in node.input if name in self.values and self.values[name].is_floating_point()]
        shapes = self._shapes(node) if read else {}
        self.unknown.update(name for name in node.output if name not in shapes)
        if shapes:
            self._stand_in(StandIn(origin, read, shapes))

    def _stand_in(self, step: StandIn) -> None:
        self.steps.append(step)
        step.run(self.values)

    def _shapes(self, node: Any) -> dict[str, tuple[int, ...]]:
        """Shapes of the results of a node that are real numbers, as far as ONNX can tell."""
        import onnx  # noqa: PLC0415

        known = {name: self.values.get(name, self.constants.get(name)) for name in node.input if name}
        try:
            schema = onnx.defs.get_schema(node.op_type, self.version, node.domain)
            types = {name: _type_of(value) for name, value in known.items() if value is not None}
            fixed = {name: _data_of(self.constants[name]) for name in node.input if name in self.constants}
            imports = [onnx.helper.make_opsetid(node.domain, self.version)]
            inferred = onnx.shape_inference.infer_node_outputs(schema, node, types, fixed, opset_imports=imports)
        except Exception:  # what is not known of ONNX has no shapes that are told
            return {}
        shapes = {
            name: tuple(dim.dim_value for dim in kind.tensor_type.shape.dim)
            for name, kind in inferred.items()
            if kind.tensor_type.elem_type == _NUMBERS[self.kind]
        }
        return {name: shape for name, shape in shapes.items() if 0 < prod(shape) <= MAX_NUMBERS}

    def finish(self, result: str) -> OnnxNetwork:
        """The network, if all of it was converted."""
        if self.refusals:
            refusals = tuple(dict.fromkeys([*self.refusals, *self._find_more(result)]))
            raise UnsupportedOperation(describe(refusals), refusals)
        if self.error is not None:
            raise self.error
        if result not in self.values:
            raise InvalidNetwork("The output does not depend on the input; expected a network that uses its input.")
        return OnnxNetwork(self.steps, self.source, result, self.shape)

    def _find_more(self, result: str) -> tuple[Refusal, ...]:
        """What else is not supported of the steps that are known."""
        if result not in self.values:
            self._stand_in(StandIn(Origin(operation="", module=""), list(self.values), {result: (1, 1)}))
        network = OnnxNetwork(self.steps, self.source, result, self.shape)
        return find_refusals(network, self.values[self.source])


def _type_of(value: Tensor) -> Any:
    """The type of ONNX of a tensor."""
    import onnx  # noqa: PLC0415

    return onnx.helper.make_tensor_type_proto(_NUMBERS[value.dtype], value.shape)


def _data_of(value: Tensor) -> Any:
    from onnx import numpy_helper  # noqa: PLC0415

    return numpy_helper.from_array(value.numpy())


def _failure(node: Any, error: Exception) -> InvalidCheckpoint:
    failure = InvalidCheckpoint(
        f"Expected an ONNX graph that runs on one input; node {shown(node.name or node.op_type)} ({node.op_type}) "
        f"fails: {first_line(error)[:200]}. If the graph is made for a batch or an image of another size, say the size "
        "by --input-shape, or export it for a batch of 1."
    )
    failure.__cause__ = error
    return failure


def _constant(use: Use) -> Tensor:
    for name in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        if name in use.attributes:
            value = use.attributes[name]
            return value if isinstance(value, Tensor) else torch.tensor(value, device="cpu")
    raise NotConverted("a constant that is no number")
