"""What a user hands over as a network becomes a module of its own, in eval mode, on the CPU and in float64."""

import copy
import re
import sysconfig
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from lrviz.errors import InvalidNetwork

_SMALLER = frozenset([torch.float16, torch.bfloat16, torch.float32])
_FRAME = re.compile(r'File "(?P<file>[^"<]+)", line (?P<line>\d+)')
_PACKAGE = str(Path(__file__).resolve().parents[1])
_OF_PYTHON = sysconfig.get_path("stdlib")
_FOREIGN = re.compile(r"[\\/](torch|torchvision|sympy|jaxtyping)[\\/]")
_CASTS = frozenset([torch.Tensor.float, torch.Tensor.half, torch.Tensor.bfloat16])


def prepare_module(module: Any) -> nn.Module:
    """Copy a module, without wrappers such as `DataParallel` and `torch.compile`.

    Raises:
        InvalidNetwork: It is no module, or one that cannot be copied or has no weights yet.
    """
    module = _unwrap(module)
    _check_kind(module)
    _check_weights(module)
    try:
        with _Detached():
            copied = copy.deepcopy(module)
        _unwrap_children(copied)
        copied = copied.to(device="cpu", dtype=torch.float64).eval()
    except Exception as error:
        raise InvalidNetwork(
            f"The network cannot be copied to float64 on the CPU: {first_line(error)}. Remove what cannot be copied "
            "from its attributes, or save its weights, build it anew and load them."
        ) from error
    for parameter in copied.parameters():
        parameter.requires_grad_(False)
    return copied


def prepare_example(example: Any) -> torch.Tensor:
    """Return an example input (1, *input_shape) in float64 on the CPU.

    Raises:
        InvalidNetwork: It is no tensor of real numbers, or not exactly one input.
    """
    if not isinstance(example, torch.Tensor):
        raise InvalidNetwork(
            f"Expected a tensor (1, *input_shape) as example input; got {type(example).__name__}. "
            "Pass torch.as_tensor(...), with the batch dimension in front."
        )
    if example.is_complex() or example.is_quantized or example.layout is not torch.strided:
        raise InvalidNetwork(f"Expected a dense tensor of real numbers as example input; got {example.dtype}.")
    if example.dim() < 2 or len(example) != 1 or example.numel() == 0:
        shape = tuple(example.shape)
        remedy = f"Pass example[:1] if the first of {shape} is the batch, example[None] if there is none."
        raise InvalidNetwork(f"Expected one example input (1, *input_shape); got shape {shape}. {remedy}")
    if example.is_meta:
        return torch.zeros(example.shape, dtype=torch.float64, device="cpu")
    return example.detach().to(device="cpu", dtype=torch.float64)


class _Detached(TorchFunctionMode):
    """Copies tensors that were computed from weights, as pruning and weight normalisation leave them in a module."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.__deepcopy__ and not args[0].is_leaf:
            args = (args[0].detach(), *args[1:])
        return func(*args, **kwargs or {})


class _InDouble(TorchFunctionMode):
    """Computes in float64 where a network asks for less: casts, constants of its own, tensors that it creates."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.type and _is_smaller(args[1:], kwargs or {}):
            func, args, kwargs = torch.Tensor.double, args[:1], {}
        func = torch.Tensor.double if func in _CASTS else func
        own = args[:1] if _is_in_place(func) else ()
        args, kwargs = tree_map(_double, (args[len(own) :], kwargs or {}))
        return tree_map(_double, func(*own, *args, **kwargs))


@contextmanager
def in_double() -> Iterator[None]:
    """Let a network compute in float64 whatever it asks for, and without gradients."""
    with torch.no_grad(), _InDouble():
        yield


def _double(value: Any) -> Any:
    if isinstance(value, torch.dtype):
        return torch.float64 if value in _SMALLER else value
    return value.to(torch.float64) if isinstance(value, torch.Tensor) and value.dtype in _SMALLER else value


def _is_smaller(args: Any, kwargs: Mapping[str, Any]) -> bool:
    """Whether a type that `torch.Tensor.type` is given, such as `torch.cuda.FloatTensor` or its name, is smaller."""
    kind = args[0] if args else kwargs.get("dtype")
    name = kind if isinstance(kind, str) else getattr(kind, "__name__", "")
    return name.rpartition(".")[2] in ("FloatTensor", "HalfTensor", "BFloat16Tensor")


def _is_in_place(func: Any) -> bool:
    name = getattr(func, "__name__", "")
    return name == "__setitem__" or name.startswith("__i") or (name.endswith("_") and not name.endswith("__"))


def _unwrap(module: Any) -> Any:
    if isinstance(module, torch.export.ExportedProgram):
        return module.module()
    while isinstance(module, nn.Module):
        inner = module.__dict__.get("_modules", {})
        if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            module = module.module
        elif isinstance(inner.get("_orig_mod"), nn.Module):
            module = inner["_orig_mod"]
        else:
            return module
    return module


def _unwrap_children(module: nn.Module) -> None:
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            parent._modules[name] = _unwrap(child)
            if parent._modules[name] is not child:
                _unwrap_children(parent._modules[name])  # type: ignore[arg-type]


def _check_kind(module: Any) -> None:
    expected = "Expected a torch.nn.Module"
    if isinstance(module, nn.Module):
        _refuse_quantised(module)
        return
    if isinstance(module, Mapping):
        raise InvalidNetwork(
            f"{expected}; got {type(module).__name__}, a state dict it seems. Build the network and load it with "
            "load_state_dict, then pass the network."
        )
    if isinstance(module, type):
        raise InvalidNetwork(f"{expected}; got the class {module.__name__}. Pass an instance of it.")
    name = type(module).__name__
    hint = " Call it in the forward method of one." if callable(module) else ""
    raise InvalidNetwork(f"{expected}; got {name}.{hint}")


def _refuse_quantised(module: nn.Module) -> None:
    for name, layer in module.named_modules():
        if ".quantized." in f"{type(layer).__module__}.":
            raise InvalidNetwork(
                f"Expected a network that computes with real numbers; '{name}' ({type(layer).__name__}) is quantised. "
                "Pass the network as it was before."
            )


def _check_weights(module: nn.Module) -> None:
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if is_lazy(tensor):
            raise InvalidNetwork(
                f"The weight '{name}' is not initialised yet (a lazy module). Call the network once on an example."
            )
        if tensor.is_meta:
            raise InvalidNetwork(f"The weight '{name}' has no values (device 'meta'). Load the weights first.")
        if tensor.is_complex():
            raise InvalidNetwork(f"The weight '{name}' is complex; expected real numbers.")
    for name, layer in module.named_modules():
        variance = getattr(layer, "running_var", None)
        if isinstance(layer, _BatchNorm) and variance is not None and (variance < 0).any():
            raise InvalidNetwork(
                f"The running variance of '{name}' is negative, {float(variance.min()):.3g}; expected none below 0. "
                "Load a checkpoint whose statistics are right."
            )


def first_line(error: BaseException) -> str:
    """The first line of an error's message, without its full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else type(error).__name__


def raised_at(error: BaseException) -> str:
    """The line of the network's code that an error comes from; empty if nothing tells."""
    return code_line("".join(traceback.format_tb(error.__traceback__)))


def code_line(stack: str) -> str:
    """The innermost line of a stack that is not Python's, PyTorch's or lrviz's own, such as `net.py:12`, or nothing."""
    frames = [frame for frame in _FRAME.finditer(stack) if not _is_foreign(frame["file"])]
    return f"{frames[-1]['file']}:{frames[-1]['line']}" if frames else ""


def _is_foreign(file: str) -> bool:
    of_python = file.startswith(_OF_PYTHON) and "site-packages" not in file
    return of_python or file.startswith(_PACKAGE) or bool(_FOREIGN.search(file))
