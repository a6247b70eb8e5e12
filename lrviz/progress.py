"""How long work tells how far it is, and how it is told to stop."""

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Called with the fraction that is done and a short text."""

Cancelled = Callable[[], bool]
"""Asked often; true means stop."""


class Stopped(Exception):
    """The caller asked to stop."""


def ignore(fraction: float, text: str) -> None:
    """Tell nobody."""


def never() -> bool:
    """Do not stop."""
    return False


def stop_when(cancelled: Cancelled) -> Callable[[], None]:
    """A check that raises `Stopped` as soon as the caller asks to stop."""

    def check() -> None:
        if cancelled():
            raise Stopped

    return check
