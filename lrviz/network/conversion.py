"""From a module to a graph of supported steps: traced with `torch.export`, rewritten into affine steps and ReLUs."""

import operator
import threading
from typing import Any

import torch
from torch import fx, nn

from lrviz.errors import LrvizError, UnsupportedOperation
from lrviz.network.operations import AFFINE, REWRITES, operation_name, rewrite, supported_operations

_EXPORTING = threading.Lock()
"""`torch.export` keeps global state, so it traces one network at a time."""


def trace(module: nn.Module, example: torch.Tensor) -> tuple[fx.Graph, dict[str, torch.Tensor]]:
    """Trace a module for batches of any size, and convert it.

    Args:
        module: The network, in eval mode, on the CPU.
        example: (1, *input_shape) an input.

    Returns:
        A graph of affine steps and `aten.relu` only, and the float64 tensors that it refers to.

    Raises:
        UnsupportedOperation: It cannot be traced, or holds an operation that is not supported.
    """
    return _convert(_export(module, example))


def _export(module: nn.Module, example: torch.Tensor) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch", min=1, max=2**20)
    try:
        with _EXPORTING:
            exported = torch.export.export(module, (torch.cat([example, example]),), dynamic_shapes=({0: batch},))
            return exported.run_decompositions({})
    except LrvizError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UnsupportedOperation(
            f"torch.export could not trace the network for batches of any size: {reason}. Expected a module with one "
            f"tensor argument of shape (batch, {', '.join(map(str, example.shape[1:]))}) and no data-dependent control "
            "flow. Rewrite the part that it names."
        ) from error


def _convert(exported: torch.export.ExportedProgram) -> tuple[fx.Graph, dict[str, torch.Tensor]]:
    """A new graph of supported steps only, and the tensors that it refers to."""
    names = _state_names(exported)
    graph, new = fx.Graph(), {}
    state: dict[str, torch.Tensor] = {}
    batch = None
    for node in exported.graph.nodes:
        if node.op == "placeholder" and node.name in names:
            new[node] = graph.get_attr(node.name)
            state[node.name] = _double(_state_value(exported, names[node.name]))
        elif node.op == "placeholder":
            if batch is not None:
                raise UnsupportedOperation("The network takes several inputs; expected one tensor.")
            new[node] = graph.placeholder(node.name)
            batch = str(node.meta["val"].shape[0])
        elif node.op == "call_function":
            new[node] = _convert_node(graph, node, new, str(batch))
        elif node.op == "output":
            graph.output(new[_single_output(node)])
        if node in new and node.op != "call_function":
            new[node].meta = dict(node.meta)
    return graph, state


def _convert_node(graph: fx.Graph, node: fx.Node, new: dict[fx.Node, Any], batch: str) -> Any:
    args, kwargs = fx.map_arg((node.args, node.kwargs), lambda n: new[n])  # type: ignore[misc]
    name = operation_name(node)
    dependent = [argument for argument in node.all_input_nodes if _has_batch(argument, batch)]
    if not dependent and not is_size(node) and any(is_size(argument) for argument in node.all_input_nodes):
        raise _unsupported(node, f"{name} with the number of inputs as an argument")
    if is_size(node) or not dependent:
        copied = graph.node_copy(node, lambda n: new[n])
        return copied
    if name in REWRITES or (name in ("max", "min") and len(args) == 2 and isinstance(args[1], fx.Node)):
        return rewrite(graph, node, args, kwargs)
    if not (node.target is operator.getitem or name == "relu" or _is_affine(node, name, dependent)):
        raise _unsupported(node, name)
    if not _has_batch(node, batch):
        raise _unsupported(node, f"{name} that mixes the inputs of a batch")
    return graph.node_copy(node, lambda n: new[n])


def _is_affine(node: fx.Node, name: str, dependent: list[fx.Node]) -> bool:
    allowed = AFFINE.get(name)
    if allowed == "all":
        return True
    if allowed == "one":
        return sum(argument in dependent for argument in node.args) == 1
    position = {"first": 0, "second": 1}.get(allowed or "", -1)
    return position >= 0 and dependent == [node.args[position]] and not _is_integer_division(node)


def _is_integer_division(node: fx.Node) -> bool:
    return node.kwargs.get("rounding_mode") is not None


def _unsupported(node: fx.Node, name: str) -> UnsupportedOperation:
    return UnsupportedOperation(
        f"The network uses {name} in module '{module_path(node)}', which is not supported. "
        f"Supported are: {', '.join(supported_operations())}. Replace it by one of them."
    )


def _has_batch(node: fx.Node, batch: str) -> bool:
    value = node.meta.get("val")
    first = value[0] if isinstance(value, tuple | list) and value else value
    return isinstance(first, torch.Tensor) and first.dim() > 0 and str(first.shape[0]) == batch


def is_size(node: fx.Node) -> bool:
    """Whether a node is a size and not a tensor."""
    return isinstance(node.meta.get("val"), int | torch.SymInt)


def _state_names(exported: torch.export.ExportedProgram) -> dict[str, str]:
    signature = exported.graph_signature
    return {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **getattr(signature, "inputs_to_lifted_tensor_constants", {}),
    }


def _state_value(exported: torch.export.ExportedProgram, name: str) -> torch.Tensor:
    return exported.state_dict[name] if name in exported.state_dict else exported.constants[name]


def _double(tensor: torch.Tensor) -> torch.Tensor:
    tensor = tensor.detach()
    return tensor.to(torch.float64) if tensor.is_floating_point() else tensor


def _single_output(node: fx.Node) -> fx.Node:
    outputs: Any = node.args[0]
    if not (isinstance(outputs, tuple | list) and len(outputs) == 1 and isinstance(outputs[0], fx.Node)):
        raise UnsupportedOperation(f"The network returns {len(outputs)} values; expected one tensor of logits.")
    return outputs[0]


def module_path(node: fx.Node) -> str:
    """Path of the module that a node comes from."""
    stack = node.meta.get("nn_module_stack") or {}
    paths = [path for path, _ in stack.values() if path]
    return paths[-1] if paths else "network"
