"""What the options say of a network is read, tried, and remembered beside its file; what is assumed is said."""

from pathlib import Path
from typing import Any

from lrviz.cli.terminal import tell
from lrviz.errors import InvalidRequest, UnreadableFile
from lrviz.files import read_regular, shown
from lrviz.models.access import Access
from lrviz.models.catalogue import Model, load_model, remember
from lrviz.models.opening import SUFFIXES

_MAX_NAMES_BYTES = 2**20


def remember_said(model: str, said: dict[str, str | None], access: Access) -> None:
    """Load a network as the options describe it, and keep what is known of it in a card beside its file.

    Raises:
        InvalidRequest: An option cannot be read, or the network is one that ships.
    """
    if Path(model).suffix.lower() not in SUFFIXES:
        raise InvalidRequest(f"Expected a file to describe, got {shown(model)}: models that ship describe themselves.")
    options: dict[str, Any] = {name: _READERS[name](text) for name, text in said.items() if text is not None}
    loaded = load_model(model, access=access, **options)
    place = remember(model, loaded.card, access=access)
    tell_assumed(loaded)
    tell(f"this is remembered in {place}.")


def tell_assumed(model: Model) -> None:
    """Say what nobody said of a network and is assumed."""
    if model.assumed:
        tell(
            f"{model.name}: nothing says otherwise, so these are assumed: {'; '.join(model.assumed)}. Say what is "
            "not so by --architecture, --input-shape, --mean, --std, --classes or --dataset, and it is remembered."
        )


def _read_shape(text: str) -> tuple[int, ...]:
    words = text.lower().replace("x", ",").split(",")
    if not all(word.strip().isdecimal() and len(word.strip()) < 10 for word in words):
        raise InvalidRequest(f"Expected an input shape such as 3,32,32 or 2, got {shown(text)}: correct --input-shape.")
    return tuple(int(word) for word in words)


def _read_numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError as error:
        raise InvalidRequest(
            f"Expected numbers such as 0.49,0.48,0.45, got {shown(text)}: correct --mean or --std."
        ) from error


def _read_names(text: str) -> tuple[str, ...]:
    if not text.endswith(".txt"):
        return tuple(word.strip() for word in text.split(","))
    try:
        lines = read_regular(text, _MAX_NAMES_BYTES).decode("utf-8").splitlines()
    except (UnreadableFile, UnicodeDecodeError) as error:
        raise InvalidRequest(
            f"Expected a text file with one name a line at {shown(text)}, found none: {error}."
        ) from error
    return tuple(line.strip() for line in lines if line.strip())


_READERS: dict[str, Any] = {
    "architecture": str,
    "input_shape": _read_shape,
    "mean": _read_numbers,
    "std": _read_numbers,
    "classes": _read_names,
    "dataset": str,
}
