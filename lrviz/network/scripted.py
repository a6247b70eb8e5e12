"""TorchScript becomes PyTorch again: the operations that it runs on one input."""

import copy
from typing import Any

import torch
from torch import nn

from lrviz.errors import UnsupportedOperation
from lrviz.network.prepare import first_line
from lrviz.network.single import OneAtATime
from lrviz.network.tracing import TRACING, quiet


def _convolution(x: torch.Tensor, *arguments: Any) -> torch.Tensor:
    """The convolution that older programs ask for by a name of its own, with settings of its speed at the end."""
    return torch.ops.aten.convolution.default(x, *arguments[:8])


def _rrelu(
    x: torch.Tensor, noise: torch.Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, *_: Any
) -> Any:
    """The randomised ReLU, for which programs ask by the name of its random part even where it is none."""
    return NotImplemented if training else torch.ops.aten.leaky_relu.default(x, (lower + upper) / 2)


def without_script(module: Any, example: torch.Tensor) -> Any:
    """A module; if it is TorchScript, or holds some, what it runs on an example, as a module that can be traced.

    Args:
        module: What a user hands over as a network.
        example: (1, *input_shape) an input.

    Raises:
        UnsupportedOperation: It does not run on the example, or its steps depend on the values of its input.
    """
    parts = list(module.modules()) if isinstance(module, nn.Module) else [module]
    if not any(isinstance(part, torch.jit.ScriptModule | torch.jit.ScriptFunction) for part in parts):
        return module
    from torch.fx.experimental.proxy_tensor import make_fx  # noqa: PLC0415  slow to import

    try:
        with torch.no_grad(), torch.jit.optimized_execution(False), TRACING, quiet():
            own = copy.deepcopy(module).cpu().eval() if isinstance(module, nn.Module) else module
            return OneAtATime(make_fx(own, _DECOMPOSED)(example.to(_kind(own)))).eval()
    except Exception as error:  # TorchScript raises many kinds
        raise UnsupportedOperation(
            "Expected a TorchScript program that runs on one input and whose steps do not depend on the values of that "
            f"input, got an error: {cause(error)}. Export the module that it was made from, by torch.onnx.export."
        ) from error


_DECOMPOSED = {
    torch.ops.aten._convolution.default: _convolution,
    torch.ops.aten.rrelu_with_noise.default: _rrelu,
}


def _kind(module: Any) -> torch.dtype:
    """The precision of a module's weights."""
    weights = (*module.parameters(), *module.buffers()) if isinstance(module, nn.Module) else ()
    return next((weight.dtype for weight in weights if weight.is_floating_point()), torch.float32)


def cause(error: Exception) -> str:
    """The last line of what the interpreter says, which names the cause, if it was not lost on the way."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = lines[-1].rstrip(".")[:200] if lines else first_line(error)
    return "one of its steps fails" if told.endswith(":") else told
