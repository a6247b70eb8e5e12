"""How the functions of the compiled core are compiled.

They are marked `no_type_check`, so that nothing wraps them; what the arrays hold is said in `arrays`.
"""

import hashlib
import sys
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
from numba.extending import intrinsic

import lrviz.tolerance

_CALLED_FROM_WITHIN: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

inner = numba.njit(nogil=True, error_model="numpy", forceinline=True, **_CALLED_FROM_WITHIN)
"""Compile a function that compiled functions call, together with them."""

entry = numba.njit(nogil=True, error_model="numpy", cache=True)
"""Compile a function that Python calls, to machine code that other threads run beside and that is kept on disk.

Numba keeps it under the function's own file and what it encloses. It must enclose `SOURCES`, for it holds the code of
the functions that it calls as well.
"""


@intrinsic
def borrowed(typing_context, arrays):
    """The same tuple of arrays without counting references: who called keeps them alive."""

    def generate(context, builder, signature, arguments):
        value = arguments[0]
        for place, kind in enumerate(arrays.types):
            array = context.make_array(kind)(context, builder, builder.extract_value(value, place))
            array.meminfo = array.meminfo.type(None)
            array.parent = array.parent.type(None)
            value = builder.insert_value(value, array._getvalue(), place)
        return value

    return arrays(arrays), generate


def _digest() -> str:
    digest = hashlib.sha256()
    for file in [*sorted(Path(__file__).parent.glob("*.py")), Path(lrviz.tolerance.__file__)]:
        digest.update(file.read_bytes() + str(file.stat().st_mtime_ns).encode())  # Numba looks at the time as well
    for part in (sys.version, numba.__version__, llvmlite.binding.get_host_cpu_name()):
        digest.update(part.encode())
    return digest.hexdigest()[:16]


SOURCES = _digest()
"""Hash of all that machine code of the core depends on."""
