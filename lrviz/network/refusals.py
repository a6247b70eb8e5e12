"""What to say of operations that are not supported."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import fx

from lrviz.errors import LrvizError, Refusal, UnsupportedOperation
from lrviz.network.operations import RANDOM, operation_name, supported_operations
from lrviz.network.prepare import code_line, first_line, raised_at
from lrviz.network.tracing import module_path

_NAMED = 4
"""How many modules with the same unsupported operation a message names."""

_ALTERNATIVES = {
    **dict.fromkeys(
        ("gelu", "silu", "swish", "mish", "hardswish", "elu", "selu", "celu", "softplus"), "relu, leaky_relu"
    ),
    **dict.fromkeys(("sigmoid", "tanh", "softsign", "erf"), "hardsigmoid, hardtanh"),
    **dict.fromkeys(("layer_norm", "group_norm", "instance_norm", "local_response_norm"), "batch_norm"),
    **dict.fromkeys(("softmax", "scaled_dot_product_attention"), "fixed weights in place of attention"),
    "dropout": "dropout(..., training=self.training)",
    **dict.fromkeys(("floor", "ceil", "round", "sign", "argmax", "topk", "sort"), "nothing: it jumps"),
}


def alternative(operation: str) -> str:
    """What a network could use in place of an operation; empty if nothing is known.

    >>> alternative("Gelu"), alternative("LayerNormalization"), alternative("unheard_of")
    ('relu, leaky_relu', 'batch_norm', '')
    """
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operation.strip("_")).lower().replace("normalization", "norm")
    known = (text for key, text in _ALTERNATIVES.items() if key in name)
    return next(known, "")


def describe_use(node: fx.Node, reason: str) -> Refusal:
    """One use of an operation, under the name that the network calls it by."""
    own, called = operation_name(node), _called(node)
    kinds = [kind for path, kind in (node.meta.get("nn_module_stack") or {}).values() if path]
    return Refusal(
        operation=called,
        module=module_path(node),
        kind=_class_name(kinds[-1]) if kinds else "",
        reason=reason if own == called or reason == RANDOM else "",
        line=line_of(node),
    )


def line_of(node: fx.Node) -> str:
    """File and line of the network's code that a node comes from; empty if nothing tells."""
    return node.meta.get("line") or code_line(node.meta.get("stack_trace") or "")


@contextmanager
def refusing(node: fx.Node | None = None) -> Iterator[None]:
    """Turn what nobody expected of a network, or of one of its steps, into a refusal.

    Raises:
        UnsupportedOperation: Something fails.
        MemoryError: The memory is not enough.
    """
    try:
        yield
    except (LrvizError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error):
            raise MemoryError(first_line(error)) from error
        raise _failure(error, node) from error


def _failure(error: Exception, node: fx.Node | None) -> UnsupportedOperation:
    reason = f"{type(error).__name__}: {first_line(error)}"
    line = line_of(node) if node else raised_at(error)
    what = f"{operation_name(node)} in module '{module_path(node)}'" if node else "the network"
    use = (
        Refusal(operation=operation_name(node), module=module_path(node), kind="", reason=reason, line=line)
        if node
        else None
    )
    return UnsupportedOperation(
        f"Expected a network that runs step by step on many inputs, got an error from {what}"
        f"{f' ({line})' if line else ''}: {reason}. Write that part in another way, and please report this network.",
        (use,) if use else (),
    )


def describe(refusals: Iterable[Refusal]) -> str:
    """The message that names all operations at once."""
    modules: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for refusal in refusals:
        places = modules[refusal.operation, refusal.kind, refusal.reason]
        if refusal.module not in places:
            places.append(refusal.module)
    uses = "; ".join(_use(*key, places) for key, places in modules.items())
    return (
        f"The network is not piecewise linear, or lrviz does not know it to be, because of: {uses}. "
        f"Supported are: {', '.join(supported_operations())}. Replace what is not by what is."
    )


def _use(operation: str, kind: str, reason: str, places: list[str]) -> str:
    named = ", ".join(f"'{place}'" for place in places[:_NAMED])
    more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
    said = [f"{operation} in module{'s' if len(places) > 1 else ''} {named}{more}"]
    said += [f"({kind})"] if kind else []
    return " ".join(said) + (f": {reason}" if reason else "")


def _called(node: fx.Node) -> str:
    """The operation that PyTorch took apart into this one and others, or this one."""
    source = (node.meta.get("from_node") or [None])[-1]
    while source is not None and source.from_node:
        source = source.from_node[-1]
    name = str(getattr(source, "target", ""))
    return name.split(".")[1].rstrip("_") if name.startswith("aten.") else operation_name(node)


def _class_name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind).rsplit(".", 1)[-1]
