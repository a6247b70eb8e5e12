"""A message to the browser: JSON, with the arrays in it as binary data behind."""

import json
from typing import Any

import numpy as np

_KINDS = {"float32": "f4", "uint32": "u4", "uint16": "u2", "uint8": "u1"}
_ALIGNMENT = 4


def pack(message: Any) -> bytes:
    """The message as bytes: the length of its JSON as four bytes, the JSON, the arrays.

    An array stands in the JSON as {"$array": [kind, offset, length]}, and loses its shape.

    Args:
        message: What `json` takes, and arrays of float32, uint32, uint16 or uint8 anywhere in it.
    """
    buffers: list[bytes] = []
    length = 0

    def place(value: Any) -> Any:
        nonlocal length
        if not isinstance(value, np.ndarray):
            raise TypeError(f"A message holds JSON and arrays; got {type(value).__name__}.")
        content = value.tobytes()
        content += bytes(-len(content) % _ALIGNMENT)
        buffers.append(content)
        length += len(content)
        return {"$array": [_KINDS[value.dtype.name], length - len(content), value.size]}

    text = json.dumps(message, default=place, allow_nan=False).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return b"".join((len(text).to_bytes(4, "little"), text, *buffers))
