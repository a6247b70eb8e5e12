"""What runs code when it is opened: only with the user's word."""

import importlib.util
import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from lrviz.errors import InvalidCheckpoint, LrvizError, UnknownModel
from lrviz.files import shown, some_shown
from lrviz.network.single import without_batch
from lrviz.network.tracing import quiet


def read_exported(file: BinaryIO) -> tuple[nn.Module, tuple[int, ...]]:
    """The network of a file of `torch.export.save`, and the shape of its input.

    Raises:
        InvalidCheckpoint: It is damaged, or has no tensor as its input, or more than one input.
        UnsupportedOperation: It takes several inputs at once, and does something else with one.
        InvalidNetwork: It would be larger than any memory.
    """
    try:
        program = torch.export.load(file)
        names = program.graph_signature.user_inputs
        _require_one_input([str(name) for name in names], "an exported program")
        name = names[0]
        value = next(node for node in program.graph.nodes if node.name == name).meta["val"]
        module: nn.Module = program.module()
        shape = tuple(int(size) for size in value.shape[1:])
    except LrvizError:
        raise
    except Exception as error:  # PyTorch raises many kinds for a damaged file
        raise InvalidCheckpoint(
            f"Expected an exported program with a tensor as its input, got an error: {_first_line(error)}. Export it "
            "again by torch.export.save, with this version of PyTorch."
        ) from error
    number = value.shape[0] if value.dim() and value.is_floating_point() else 1
    if isinstance(number, int) and number != 1:
        module = without_batch(module, (number, *shape), value.dtype)
    return module, shape


def read_script(file: BinaryIO) -> torch.jit.ScriptModule:
    """The network of a TorchScript file, in evaluation mode on the CPU.

    Raises:
        InvalidCheckpoint: It is damaged, or has more than one input.
    """
    try:
        with quiet():
            program = torch.jit.load(file, map_location="cpu").eval()
        asked = [argument.name for argument in program.forward.schema.arguments[1:] if not argument.has_default_value()]
        _require_one_input(asked, "a TorchScript program")
        return program
    except LrvizError:
        raise
    except Exception as error:  # PyTorch raises many kinds for a damaged file
        raise InvalidCheckpoint(
            f"Expected a TorchScript program, got an error: {_first_line(error)}. Save it again by torch.jit.save, "
            "with this version of PyTorch."
        ) from error


def build_from_file(place: str, options: Mapping[str, Any]) -> nn.Module:
    """The network that a function in a Python file returns, such as `mynet.py:build`.

    Raises:
        UnknownModel: There is no such file or function, it fails, or returns something else.
        InvalidCheckpoint: The network has more than one input.
    """
    path, _, name = place.rpartition(":")
    try:
        with _importable(Path(path).resolve().parent):
            module = _import(Path(path).resolve())
            built = getattr(module, name)(**options)
    except LrvizError:
        raise
    except Exception as error:
        raise UnknownModel(
            f"Expected a function that returns the network in {shown(place)}, got {type(error).__name__}: "
            f"{_first_line(error)}. Correct the file, or the options in {name}(...)."
        ) from error
    if not isinstance(built, nn.Module):
        raise UnknownModel(
            f"Expected a function that returns a torch.nn.Module in {shown(place)}, got {type(built).__name__}: return "
            "the network."
        )
    parameters = inspect.signature(built.forward).parameters.values()
    asked = [parameter.name for parameter in parameters if parameter.kind in _GIVEN and parameter.default is _REQUIRED]
    if len(asked) > 1:
        _require_one_input(asked, f"a network from {shown(place)}")
    if any(map(is_lazy, (*built.parameters(), *built.buffers()))):
        raise UnknownModel(
            f"Expected a network whose layers know their sizes from {shown(place)}, got one with lazy layers: call it "
            "once on an input before it is returned."
        )
    return built.eval()


_GIVEN = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_REQUIRED = inspect.Parameter.empty


def _require_one_input(names: list[str], what: str) -> None:
    if len(names) != 1:
        listed = some_shown(names) or "none"
        raise InvalidCheckpoint(
            f"Expected {what} with one input, got {len(names)} ({listed}): wrap it in a module of one, and export that."
        )


def _import(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"lrviz_architecture_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise UnknownModel(f"Expected a Python file at {shown(str(path))}, found none: check the path.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let a file import those beside it."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200].rstrip(".") or "no message"
