"""The commands about stored results."""

import re
from typing import Annotated

import typer

from lrviz.errors import InvalidRequest
from lrviz.files import SIZES, format_size, shown
from lrviz.results.diskstore import DiskStore
from lrviz.words import counted

app = typer.Typer(help="Stored results: how many there are, and how much room they may take.", no_args_is_help=True)


@app.command()
def info() -> None:
    """Tell where results are stored, how many, and how much room they take."""
    store = DiskStore()
    typer.echo(f"{store.folder}: {_count(store)}, {format_size(store.size_bytes)} of {format_size(store.limit_bytes)}")


@app.command()
def clear() -> None:
    """Drop all stored results."""
    store = DiskStore()
    dropped, size = _count(store), store.size_bytes
    store.clear()
    typer.echo(f"Dropped {dropped}, {format_size(size)}.")


@app.command()
def limit(size: Annotated[str, typer.Argument(help="Such as 500MB or 4GB.")]) -> None:
    """Set how much room stored results may take; the least recently used ones make way."""
    store = DiskStore()
    store.limit_bytes = parse_size(size)
    typer.echo(f"{_count(store)}, {format_size(store.size_bytes)} of {format_size(store.limit_bytes)}")


def parse_size(text: str) -> int:
    """Bytes in a text such as 500MB or 4 GB (1 GB is 2^30 bytes).

    Raises:
        InvalidRequest: The text is no size.

    >>> parse_size("1.5 KB")
    1536
    """
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*((?:[KMGT]I?)?B?)", text.strip().upper())
    unit = match and match[2].replace("I", "").removesuffix("B") + "B"
    if match is None or not match[2] or unit not in SIZES:
        raise InvalidRequest(f"Expected a size such as 500MB or 4GB; got {shown(text)}. Give a number and a unit.")
    return int(float(match[1]) * SIZES[unit])


def _count(store: DiskStore) -> str:
    return counted(len(store), "result")
