"""A converted network proves that it computes what its module computes, at points and along directions."""

from typing import Any, Protocol, runtime_checkable

import torch
from torch import fx, nn

from lrviz.errors import InvalidNetwork, UnsupportedOperation
from lrviz.network.operations import operation_name
from lrviz.network.prepare import in_double
from lrviz.network.rounding import Propagating
from lrviz.network.tracing import Trace, module_path
from lrviz.tolerance import TOLERANCE

_SCALES = (0.1, 1.0, 10.0)


@runtime_checkable
class Runnable(Propagating, Protocol):
    """What a proof needs of a program."""

    input_shape: tuple[int, ...]

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The output for inputs."""

    def magnitudes(self, points: torch.Tensor) -> list[torch.Tensor]:
        """How large the terms of every layer are, and last those of the outputs."""

    def activate(self, layer: int, z: torch.Tensor) -> torch.Tensor:
        """What a layer makes of points."""

    def differentiate(self, layer: int, z: torch.Tensor, num_points: int) -> torch.Tensor:
        """What a layer makes of points and of directions at them."""


def prove(program: Runnable, module: nn.Module, trace: Trace) -> float:
    """Compare a program with its module on random inputs of several sizes.

    Returns:
        The largest difference, relative to the largest output.

    Raises:
        UnsupportedOperation: They differ; the message says why, and where.
        InvalidNetwork: The module's output is not finite.
    """
    points, directions = _random(2, program.input_shape)
    steps = points + TOLERANCE.probe * directions
    inputs = torch.cat([points, steps])
    expected = torch.stack([_run(module, trace, x[None]) for x in inputs])
    if not bool(expected.isfinite().all()):
        raise InvalidNetwork("The network's output is not finite for random inputs; its weights may be far too large.")
    received = program.forward(inputs)
    at_points = torch.stack([trace.finish(row).flatten() for row in received])
    # Outputs whose terms cancel are no larger than the rounding errors of these terms.
    rounding = TOLERANCE.probed * float(program.magnitudes(inputs)[-1].max())
    if not _is_close(at_points, expected, rounding):
        raise UnsupportedOperation(_explain(program, module, trace, inputs, at_points, expected, rounding))
    _check_batch(module, trace, points, expected[: len(points)], rounding)
    moved = received[: len(points)] + TOLERANCE.probe * _derivatives(program, points, directions)
    along = torch.stack([trace.finish(row).flatten() for row in moved])
    before, after = expected.chunk(2)
    error = (along - after).abs()
    allowed = TOLERANCE.direction * (after - before).abs().amax(1)
    allowed += torch.clamp(TOLERANCE.probed * after.abs().amax(1), min=rounding)
    if not bool((error <= allowed[:, None]).all()):
        rate = float(error.max() / TOLERANCE.probe)
        raise UnsupportedOperation(
            f"Along a random direction the converted network changes by {rate:.2g} per unit of length more or less "
            "than the original. Please report this network."
        )
    return float((at_points - expected).abs().max() / expected.abs().max().clamp(min=1e-300))


def _random(number: int, shape: tuple[int, ...]) -> torch.Tensor:
    """(number, scales, *shape) random inputs."""
    generator = torch.Generator(device="cpu").manual_seed(0)
    scales = torch.tensor(_SCALES, dtype=torch.float64, device="cpu").view(-1, *[1] * len(shape))
    return scales * torch.randn(number, len(_SCALES), *shape, dtype=torch.float64, device="cpu", generator=generator)


def _run(module: nn.Module, trace: Trace, inputs: torch.Tensor) -> torch.Tensor:
    with in_double():
        return trace.pick(module(inputs)).flatten()


def _derivatives(program: Runnable, points: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """The program's derivatives at points, each along its own direction."""
    n = len(points)
    rows = torch.cat([points, directions])
    return program.propagate(rows, n, lambda layer, z: program.differentiate(layer, z, n))[n:]


def _is_close(received: torch.Tensor, expected: torch.Tensor, rounding: float = 0.0) -> bool:
    """Whether rows agree, each relative to its largest number, or up to a rounding error."""
    return bool(((received - expected).abs() <= _allowed(expected, rounding)).all())


def _allowed(expected: torch.Tensor, rounding: float) -> torch.Tensor:
    return (TOLERANCE.conversion * expected.abs().amax(1, keepdim=True)).clamp(min=rounding)


def _check_batch(
    module: nn.Module, trace: Trace, points: torch.Tensor, expected: torch.Tensor, rounding: float
) -> None:
    """Networks for one input at a time are welcome; those that mix the inputs of a batch have no regions."""
    try:
        together = _run(module, trace, points)
    except Exception:
        return
    if together.numel() != expected.numel() or not _is_close(together.view_as(expected), expected, rounding):
        raise UnsupportedOperation(
            "The network mixes the inputs of a batch: what it returns for one input depends on the others. Expected a "
            "network whose output for an input is the same by itself and in a batch; sum over other dimensions."
        )


def _explain(
    program: Runnable,
    module: nn.Module,
    trace: Trace,
    inputs: torch.Tensor,
    received: torch.Tensor,
    expected: torch.Tensor,
    rounding: float,
) -> str:
    """Why a program and its module differ."""
    differs = ((received - expected).abs() > _allowed(expected, rounding)).any(1)
    x = inputs[int(differs.nonzero()[0])][None]
    again = _run(module, trace, x)
    if not torch.equal(again, _run(module, trace, x)):
        return "The network is random: it returns something else when it is called again. Remove what is random."
    values = trace.run({trace.input: x}, trace.returned)
    if not _is_close(values[trace.returned].flatten()[None], again[None]):
        return (
            "The network does something in Python that torch.export does not see, such as counting its calls: the "
            "traced steps return something else than the network. Compute its output from its input and weights only."
        )
    error = float((received - expected).abs().max() / expected.abs().max().clamp(min=1e-300))
    return (
        f"The converted network differs from the original by {error:.2g} (relative); at most {TOLERANCE.conversion} is "
        f"expected. {_first_difference(program, trace, x, values)} Please report this network."
    )


def _first_difference(program: Runnable, trace: Trace, x: torch.Tensor, values: dict[fx.Node, object]) -> str:
    """Where the first step is whose result is not that of the traced one."""
    traced = {node.name: value for node, value in values.items()}
    found: list[str] = []

    def watch(node: fx.Node, value: Any) -> Any:
        expected = traced.get(node.meta.get("source", ""))
        if found or not (isinstance(expected, torch.Tensor) and isinstance(value, torch.Tensor)):
            return value
        if not _is_close(value.reshape(1, -1), expected.reshape(1, -1).to(value.dtype)):
            found.append(f"{operation_name(node)} in module '{module_path(node)}'")
        return value

    program.propagate(x, 1, program.activate, watch=watch)
    return f"The first step that differs is {found[0]}." if found else "No single step differs."
