"""What the engine is asked with, checked at the door: a sentence says what was expected, what came, and the remedy."""

from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
from torch import nn

from lrviz.arrays import describe
from lrviz.errors import InvalidRequest
from lrviz.geometry.plane import Plane, Window
from lrviz.network.program import Program


def check_program(program: Any) -> None:
    """Raise InvalidRequest unless it is a program."""
    if isinstance(program, nn.Module):
        raise InvalidRequest(
            f"A Program is needed; got the module {type(program).__name__}. "
            "Convert it first: lrviz.Program.from_module(module, example)."
        )
    if not isinstance(program, Program):
        raise InvalidRequest(
            f"A Program is needed; got {describe(program)}. Make one with "
            "lrviz.Program.from_module(module, example), or with program() of a model."
        )


def check_scene(program: Any, plane: Any, window: Any) -> None:
    """Raise InvalidRequest unless these are a program, a plane and a window; InvalidPlane unless the first two fit."""
    check_program(program)
    if isinstance(plane, Window) and isinstance(window, Plane):
        raise InvalidRequest("A Plane and a Window are needed, in this order; got a Window and a Plane. Swap them.")
    if not isinstance(plane, Plane):
        raise InvalidRequest(
            f"A Plane is needed; got {describe(plane)}. Make one with lrviz.Plane.through(x0, x1, x2)."
        )
    if not isinstance(window, Window):
        raise InvalidRequest(
            f"A Window is needed; got {describe(window)}. "
            "Make one with plane.triangle() or lrviz.Window.rectangle(center, half_width)."
        )
    plane.require_shape(program.input_shape)


def check_number(value: Any, name: str, *, most: int | None = None) -> None:
    """Raise InvalidRequest unless it is a whole number from one on, and at most `most`."""
    whole = isinstance(value, Integral) and not isinstance(value, bool | np.bool_)
    if not (whole and value >= 1 and (most is None or value <= most)):
        up_to = "" if most is None else f" and at most {most:,}"
        received = value if whole else describe(value)
        raise InvalidRequest(f"{name} must be a whole number, at least 1{up_to}; got {received}. Choose another.")


def check_callbacks(progress: Any, cancelled: Any, preview: Any = None) -> None:
    """Raise InvalidRequest unless all can be called, or are missing."""
    _check_callback(progress, "progress", "called with a fraction and a text")
    _check_callback(cancelled, "cancelled", "called without arguments, that returns whether to stop")
    _check_callback(preview, "preview", "called with the regions found so far")


def _check_callback(value: Callable[..., Any] | None, name: str, use: str) -> None:
    if value is not None and not callable(value):
        raise InvalidRequest(f"{name} must be a function, {use}; got {describe(value)}. Pass a function or None.")
