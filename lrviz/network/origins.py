"""Where the steps of a network come from, if it was made from a file that tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import fx, nn

from lrviz.network.tracing import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a file tells of a step; a submodule that has one as its `origin` is named by it.

    Attributes:
        operation: The operation's name there.
        module: Path of the module that the step was part of.
        kind: Class of that module; empty if it is not told.
        line: File and line of its code; empty if it is not told.
    """

    operation: str
    module: str
    kind: str = ""
    line: str = ""


def tell_origins(trace: Trace, module: nn.Module) -> Trace:
    """The trace of a module, whose nodes know where they come from.

    Args:
        trace: Nodes get `meta["origin"]`, and `meta["path"]`, the path of the module there.
        module: What was traced.
    """
    origins = {path: part.origin for path, part in module.named_modules() if isinstance(_origin(part), Origin)}
    for node in trace.graph.nodes if origins else ():
        origin = _find(node, origins)
        if origin is not None:
            node.meta.update(origin=origin, path=origin.module)
    return trace


def _origin(part: nn.Module) -> Any:
    return getattr(part, "origin", None)


def _find(node: fx.Node, origins: Mapping[str, Any]) -> Origin | None:
    paths = [path for path, _ in (node.meta.get("nn_module_stack") or {}).values()]
    return next((origins[path] for path in reversed(paths) if path in origins), None)
