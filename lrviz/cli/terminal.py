"""What commands share: a progress bar, Ctrl-C, and files that are written whole or not at all."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lrviz.errors import InvalidRequest

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

REFUSED = 2
"""Exit code after an error that one sentence tells."""


def tell(sentence: str) -> None:
    """Say something on the error stream that is not the command's result."""
    typer.echo(f"lrviz: {sentence}", err=True)


@contextmanager
def progress_bar() -> Iterator[Callable[[float, str], None]]:
    """A bar on the error stream while it is a terminal; yields what takes a fraction and a text."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=1.0)
        yield lambda fraction, text: bar.update(task, completed=fraction, description=text)


@contextmanager
def cancel_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Ctrl-C asks to stop, a second one stops at once; yields what tells whether it was asked."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(*_: object) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def written_whole(path: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its place in the end; fails before the work if it cannot.

    Args:
        path: The file that the user asked for.
        suffixes: What it may end in.

    Raises:
        InvalidRequest: The path has another suffix, or cannot be written to.
    """
    if path.suffix.lower() not in suffixes:
        raise InvalidRequest(f"Expected a file that ends in {' or '.join(suffixes)}; got {str(path)!r}.")
    part = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        if path.is_dir():
            raise IsADirectoryError("it is a folder")
        part.touch()
    except OSError as error:
        reason = error.strerror or error
        raise InvalidRequest(f"{str(path)!r} cannot be written ({reason}). Choose a place that can be.") from error
    try:
        yield part
        os.replace(part, path)
    finally:
        with suppress(OSError):
            part.unlink()
