"""What ONNX nodes tell of the modules and lines that they were exported from."""

import re
from typing import Any

from lrviz.network.origins import Origin
from lrviz.network.prepare import code_line

_SCOPES, _CLASSES, _STACK = (f"pkg.torch.onnx.{name}" for name in ("name_scopes", "class_hierarchy", "stack_trace"))
"""Metadata of nodes that `torch.onnx.export` writes."""

NAMELESS = "(without a name)"
"""In place of the module of nodes that tell nothing."""

_ITEM = re.compile(r"'([^']*)'")
_LONGEST = 20_000
"""Longer texts are not read."""


def find_origin(node: Any) -> Origin:
    """Where a node comes from: as its metadata say, or its name, or else the node itself."""
    told = {entry.key: entry.value for entry in node.metadata_props if len(entry.value) <= _LONGEST}
    scopes, classes = (_ITEM.findall(told.get(key, "")) for key in (_SCOPES, _CLASSES))
    if len(scopes) >= 2:
        place = len(scopes) - 2
        path, kind = scopes[place], classes[place] if len(classes) == len(scopes) else ""
    else:
        path, kind = _path(str(node.name), str(node.op_type)), ""
    return Origin(
        operation=str(node.op_type),
        module=path or "network",
        kind=kind.rpartition(".")[2],
        line=code_line(told.get(_STACK, "")),
    )


def _path(name: str, operator: str) -> str:
    """The module's path in a name such as `/layer1/layer1.0/conv1/Conv_1`; other names as they are.

    >>> _path("/layer1/layer1.0/conv1/Conv_1", "Conv"), _path("/Relu", "Relu"), _path("dense/MatMul", "MatMul")
    ('layer1.0.conv1', '', 'dense/MatMul')
    """
    first, *scopes, last = name.split("/") if "/" in name else ("-", name)
    if first or not last.startswith(operator):
        return name or NAMELESS
    path: list[str] = []
    for scope in scopes:
        # An entry of a container is called by the name of the container as well.
        if path and scope.startswith(f"{path[-1]}."):
            path.pop()
        path.append(scope)
    return ".".join(path)
