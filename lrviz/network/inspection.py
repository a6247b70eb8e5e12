"""What a conversion did to a module: what was rewritten, and how closely the program computes the same."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from lrviz.errors import LrvizError, Refusal, UnsupportedOperation
from lrviz.network.conversion import convert
from lrviz.network.operations import REWRITES, operation_name
from lrviz.network.origins import tell_origins
from lrviz.network.prepare import prepare_example, prepare_module
from lrviz.network.program import Program
from lrviz.network.tracing import trace_module


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conversion:
    """A converted module.

    Attributes:
        program: What it became.
        rewritten: How often each operation occurs that became ReLUs or maxima.
        error: The largest difference from the module on random inputs, relative to the largest output.
    """

    program: Program
    rewritten: Mapping[str, int]
    error: float


def inspect_module(module: nn.Module, example: torch.Tensor, output: str | int | None = None) -> Conversion:
    """Convert a module as `Program.from_module` does, and tell what was done; arguments and errors are the same."""
    program, trace, error = Program.proven(module, example, output)
    names = (operation_name(node) for node in trace.needed if node.op == "call_function")
    return Conversion(program=program, rewritten=Counter(name for name in names if name in REWRITES), error=error)


def find_refusals(module: nn.Module, example: torch.Tensor) -> tuple[Refusal, ...]:
    """Uses of operations in a module that are not supported; none if it cannot be traced.

    Args:
        module: Any network.
        example: (1, *input_shape) an input.
    """
    try:
        own = prepare_module(module)
        convert(tell_origins(trace_module(own, prepare_example(example)), own))
    except UnsupportedOperation as error:
        return error.refusals
    except LrvizError:
        pass
    return ()
