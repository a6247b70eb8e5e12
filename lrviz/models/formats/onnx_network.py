"""ONNX graphs as PyTorch modules, which PyTorch then traces like any other."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lrviz.models.formats.onnx_operators import LITERALS, OPERATORS
from lrviz.models.formats.onnx_origins import NAMELESS, find_origin
from lrviz.models.formats.onnx_use import NotConverted, Use
from lrviz.network.origins import Origin


class OnnxNetwork(nn.Module):
    """An ONNX graph that was run once, so that all that does not depend on its input is known.

    Attributes:
        input_shape: Of one input.
        outputs: Names of all of the graph's outputs.
        takes_bytes: Whether its input holds numbers from 0 to 255.
    """

    outputs: tuple[str, ...] = ()
    takes_bytes: bool = False

    def __init__(self, steps: Sequence["Step"], source: str, result: str, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.input_shape, self._source, self._result = input_shape, source, result
        self._order = [_name_step(index, step) for index, step in enumerate(steps)]
        for name, step in zip(self._order, steps, strict=True):
            self.add_module(name, step)

    def forward(self, x: Tensor) -> Tensor:
        """The output (n, ...) of the graph for inputs (n, *input_shape); what it was made for is one input."""
        return self.run(x) if len(x) == 1 else torch.cat([self.run(row[None]) for row in x])

    def run(self, x: Tensor) -> Tensor:
        """The output for as many inputs as the graph was read for."""
        values: dict[str, Any] = {self._source: x}
        for name in self._order:
            self._modules[name].run(values)  # type: ignore[union-attr, operator]
        return values[self._result]


class OnnxNode(nn.Module):
    """One node, whose result depends on the input."""

    def __init__(self, node: Any, use: Use, constants: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.origin, self.operator, self._use = find_origin(node), str(node.op_type), use
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


class StandIn(nn.Module):
    """In place of a node that is not converted: something affine of its shapes, so that what follows is seen as well.

    Args:
        origin: Where the node comes from.
        inputs: Names of what it reads.
        shapes: Of its outputs by name.
    """

    def __init__(self, origin: Origin, inputs: Sequence[str], shapes: Mapping[str, tuple[int, ...]]) -> None:
        super().__init__()
        self.origin, self._inputs, self._shapes = origin, list(inputs), dict(shapes)

    def run(self, values: dict[str, Any]) -> None:
        """Compute the stand-ins for the node's outputs."""
        read = [values[name] for name in self._inputs if name in values and values[name].is_floating_point()]
        values.update(self(*read))

    def forward(self, *inputs: Tensor) -> dict[str, Tensor]:
        """The outputs by name."""
        total = sum(value.reshape(1, -1).sum(1) for value in inputs)
        return {name: total.reshape([1] * len(shape)).expand(shape) for name, shape in self._shapes.items()}  # type: ignore[union-attr]


Step = OnnxNode | StandIn


def _name_step(index: int, step: Step) -> str:
    """What a step is called among the modules: unique, without dots."""
    told = "" if step.origin.module == NAMELESS else step.origin.module
    title = re.sub(r"[^0-9A-Za-z_]+", "_", told).strip("_") or step.origin.operation.lower()
    return f"{title[:100]}_{index}"
