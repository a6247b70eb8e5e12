"""Messages to the browser, read as `codec.js` reads them."""

import json

import numpy as np

KINDS = {"f4": np.float32, "u4": np.uint32, "u2": np.uint16, "u1": np.uint8}


def unpack(data):
    """What codec.js does."""
    length = int.from_bytes(data[:4], "little")
    behind = data[4 + length :]

    def revive(value):
        if "$array" not in value:
            return value
        kind, offset, size = value["$array"]
        assert offset % 4 == 0
        return np.frombuffer(behind, KINDS[kind], size, offset)

    return json.loads(data[4 : 4 + length], object_hook=revive)
