"""Where to compute."""

import ctypes
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from lrviz.errors import InvalidDevice

THREADS = torch.get_num_threads()
"""Threads that PyTorch started with; tiles are subdivided by as many workers of one thread each."""


def choose_device(device: torch.device | str | None = None, *, float64: bool = True) -> torch.device:
    """The device to work on: the one asked for, else the GPU if there is one, else the CPU.

    Args:
        device: The one asked for.
        float64: Whether it has to have float64. Apple's `mps` has none; the CPU takes its place, with a warning.

    Raises:
        InvalidDevice: PyTorch cannot compute on it here.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise InvalidDevice(f"Expected a device such as 'cpu' or 'cuda'; got {device!r}. Choose one.") from error
    if chosen.type == "mps" and float64:
        warnings.warn("mps has no float64: computing on the CPU instead.", stacklevel=2)
        return torch.device("cpu")
    _require_device(chosen, torch.float64 if float64 else torch.float32)
    return chosen


def _require_device(device: torch.device, dtype: torch.dtype) -> None:
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InvalidDevice(f"The device '{device}' was asked for, but PyTorch finds no GPU here. Choose 'cpu'.")
    try:
        torch.zeros((), device=device, dtype=dtype).item()
    except (RuntimeError, AssertionError) as error:
        raise InvalidDevice(
            f"The device '{device}' was asked for, but PyTorch cannot compute on it here. Choose 'cpu'."
        ) from error


class _Threads(threading.local):
    """What a thread keeps while it is inside `single_threaded`: how deep, and how many threads it had before."""

    depth = 0
    before = 0


_guard = threading.Lock()
_own = _Threads()
_num_inside = 0
_common = THREADS


@contextmanager
def single_threaded() -> Iterator[None]:
    """Let PyTorch use one thread in here: many small steps run faster so, and other threads work beside them.

    Every thread has as many threads afterwards as before. PyTorch gives a thread that asks for the first time what any
    other has set last, so one that comes while others are inside gets what the first of them had.
    """
    if _own.depth == 0:
        _enter()
    _own.depth += 1
    try:
        yield
    finally:
        _own.depth -= 1
        if _own.depth == 0:
            _leave()


def _enter() -> None:
    global _num_inside, _common  # noqa: PLW0603
    with _guard:
        now = torch.get_num_threads()
        if _num_inside == 0:
            _common = now
        _own.before = _common if now == 1 else now
        _num_inside += 1
        torch.set_num_threads(1)


def _leave() -> None:
    global _num_inside  # noqa: PLW0603
    with _guard:
        _num_inside -= 1
        torch.set_num_threads(_own.before)


@contextmanager
def several_threads(number: int) -> Iterator[None]:
    """Let PyTorch use several threads in a thread of our own, which has one: what it does stands alone."""
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(1)


def return_memory() -> None:
    """Give what was freed back to the system, where the C library keeps it otherwise: on Linux."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def memory_bytes() -> int:
    """Memory of the machine; without a bound where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 2**63
