"""What to say of operations that are not supported."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import fx

from lrviz.errors import LrvizError, Refusal, UnsupportedOperation
from lrviz.network.operations import RANDOM, operation_name, supported_operations
from lrviz.network.prepare import code_line, first_line, raised_at
from lrviz.network.tracing import module_path

NOT_FINITE = "its result is not finite"
"""Why a step is refused, whatever it is."""

_NAMED = 4
"""How many modules with the same unsupported operation a message names."""

_BENDS = "relu, leaky_relu"
_SUMS = "sums, and products with constants"
_CHOICES = "maximum, minimum, amax, max_pool"
_JUMPS = "nothing: it jumps"
_GENERAL = "affine operations, relu, leaky_relu, clamp, abs, maximum, max_pool"
"""What to use where nothing is known of an operation."""

_EXACT = {
    **dict.fromkeys(("elu", "gelu", "celu", "selu", "silu", "exp", "log", "sin", "cos", "tan", "erf"), _BENDS),
    **dict.fromkeys(("mul", "div", "matmul", "mm", "bmm", "einsum", "addmm", "linear", "conv", "pow", "square"), _SUMS),
    "batchnorm": "batch_norm in eval mode, with running statistics",
    **dict.fromkeys(("eq", "ne", "equal", "isnan", "isinf", "hardmax"), _JUMPS),
}
"""What to use in place of operations of one name, without underscores."""

_ALTERNATIVES = {
    **dict.fromkeys(("attention", "logsoftmax", "softmax"), "fixed weights in place of attention"),
    **dict.fromkeys(("logsigmoid", "gelu", "silu", "swish", "mish", "selu", "celu", "softplus"), _BENDS),
    **dict.fromkeys(("sigmoid", "tanh", "softsign"), "hardsigmoid, hardtanh"),
    **dict.fromkeys(("lstm", "gru", "rnn"), "linear layers with relu, over a fixed number of steps"),
    **dict.fromkeys(("vectornorm", "lpnorm", "reducel2"), "abs, amax, sum"),
    **dict.fromkeys(("norm", "lrn", "varmean", "rsqrt"), "batch_norm"),
    "quantize": "the network as it was before quantisation",
    **dict.fromkeys(("argsort", "argmax", "argmin", "nonzero", "onehot", "multinomial"), _JUMPS),
    **dict.fromkeys(("topk", "sort", "median", "kthvalue"), _CHOICES),
    "dropout": "dropout(..., training=self.training)",
    **dict.fromkeys(("bernoulli", "rand", "normallike"), "nothing random in eval mode"),
    "hardshrink": "softshrink",
    "threshold": "clamp(min=...)",
    **dict.fromkeys(("floor", "ceil", "round", "trunc", "sign", "heaviside", "unique", "bucketize"), _JUMPS),
}
"""What to use in place of operations whose names hold a word, the first that fits."""


_REASONS = {"batch_norm": "without running statistics it divides by what depends on the input"}
"""Why operations that are taken apart are refused, where their names do not tell."""


def alternative(operation: str) -> str:
    """What a network could use in place of an operation, whatever its spelling.

    >>> alternative("Gelu"), alternative("LayerNormalization"), alternative("ArgMax"), alternative("pow")
    ('relu, leaky_relu', 'batch_norm', 'nothing: it jumps', 'sums, and products with constants')
    """
    name = operation.replace("_", "").lower().replace("normalization", "norm")
    return _EXACT.get(name) or next((text for word, text in _ALTERNATIVES.items() if word in name), _GENERAL)


def describe_use(node: fx.Node, reason: str) -> Refusal:
    """One use of an operation, under the name that the network, or the file that it comes from, calls it by."""
    own, called = operation_name(node), _called(node)
    told = reason if own == called or reason in (RANDOM, NOT_FINITE) else _REASONS.get(called, "")
    origin = node.meta.get("origin")
    if origin is not None:
        return Refusal(
            operation=origin.operation, module=origin.module, kind=origin.kind, reason=told, line=origin.line
        )
    kinds = [kind for path, kind in (node.meta.get("nn_module_stack") or {}).values() if path]
    return Refusal(
        operation=called,
        module=module_path(node),
        kind=_class_name(kinds[-1]) if kinds else "",
        reason=told,
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
    uses = (replace(describe_use(node, ""), reason=reason),) if node else ()
    what = f"{uses[0].operation} in module '{uses[0].module}'" if uses else "the network"
    line = uses[0].line if uses else raised_at(error)
    return UnsupportedOperation(
        f"Expected a network that runs step by step on many inputs, got an error from {what}"
        f"{f' ({line})' if line else ''}: {reason}. Write that part in another way, and please report this network.",
        uses,
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
