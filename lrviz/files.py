"""Files that others wrote: regular ones of bounded size, read without believing what they say of themselves."""

import json
import math
import os
import reprlib
import stat
import uuid
import zipfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lrviz.errors import UnreadableFile

MAX_ARCHIVE_BYTES = 64 * 2**30
"""Most bytes that the arrays of a file may take."""

_MAX_RATIO, _FREE_BYTES = 200, 64 * 2**20
"""An archive above the second number of bytes may not unpack to more than the first times its size."""

SIZES = {"": 1, "B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}
"""Bytes in the units that sizes are written in."""

_MOST_SHOWN = 150
_NAMES = reprlib.Repr()
_NAMES.maxstring = _NAMES.maxother = 100
_NAMES.maxlong = 30


def shown(value: object) -> str:
    """A value that somebody gave, short enough for a sentence.

    >>> shown("a" * 1000) == repr("a" * 47 + "..." + "a" * 48)[:-1] + "'"
    True
    """
    text = _NAMES.repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."


def some_shown(values: Iterable[object], most: int = 6) -> str:
    """The first of several values that somebody gave, for a sentence.

    >>> some_shown("abc", most=2)
    "'a', 'b'"
    """
    return ", ".join(map(shown, islice(values, most)))


def open_regular(path: str | os.PathLike[str], limit: int) -> BinaryIO:
    """Open a file that is one: no folder, device, pipe or socket, which may have no end or change when it is read.

    Args:
        path: Where it is; links are followed.
        limit: Most bytes that it may have.

    Raises:
        UnreadableFile: There is no such file, it may not be read, or it is larger; the text says why in a few words.
    """
    try:
        _require_regular(os.stat(path).st_mode)
        file = open(path, "rb", opener=_open_now)  # noqa: SIM115
    except FileNotFoundError as error:
        raise UnreadableFile("there is none") from error
    except OSError as error:
        raise UnreadableFile((error.strerror or "it cannot be opened").lower()) from error
    except ValueError as error:
        raise UnreadableFile("no file can have that name") from error
    try:
        status = os.fstat(file.fileno())
        _require_regular(status.st_mode)
        if status.st_size > limit:
            raise UnreadableFile(f"it has {format_size(status.st_size)}, and at most {format_size(limit)} are read")
    except BaseException:
        file.close()
        raise
    return file


def read_regular(path: str | os.PathLike[str], limit: int) -> bytes:
    """The contents of a regular file; arguments and errors as for `open_regular`."""
    with open_regular(path, limit) as file:
        try:
            data = file.read(limit + 1)
        except (OSError, MemoryError) as error:
            raise UnreadableFile("it cannot be read") from error
    if len(data or b"") > limit:  # some of the system's own files say that they are empty
        raise UnreadableFile(f"it has more than {format_size(limit)}")
    return data or b""


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise


def read_json(text: str, *, finite: bool = True) -> Any:
    """The value that a JSON text describes.

    Args:
        text: The text.
        finite: Whether all numbers must be.

    Raises:
        ValueError: It is no JSON, or nested too deeply.
    """
    try:
        if finite:
            return json.loads(text, parse_constant=_refuse_constant, parse_float=_read_float)
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_arrays(
    file: BinaryIO | Any, *, wanted: Callable[[str], bool] | None = None, limit: int = MAX_ARCHIVE_BYTES
) -> dict[str, np.ndarray]:
    """The arrays of an npz file, none of which is unpickled; what they would take is looked at first.

    Args:
        file: The file, open for reading.
        wanted: Tells by its name whether an array is read; all are if None.
        limit: Most bytes that all arrays of the file may take.

    Raises:
        ValueError: It is no npz file, damaged, larger, or holds something else than arrays of numbers and texts.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            _check_sizes(archive.infolist(), limit)
            names = {name.removesuffix(".npy"): name for name in archive.namelist()}
            return {key: _read_array(archive, name) for key, name in names.items() if wanted is None or wanted(key)}
    except ValueError:
        raise
    except (MemoryError, RecursionError) as error:
        raise ValueError("it describes arrays that do not fit into memory") from error
    except Exception as error:  # numpy and zipfile raise many kinds for a damaged file
        raise ValueError("it is damaged, or no npz file") from error


def _check_sizes(members: list[zipfile.ZipInfo], limit: int) -> None:
    packed, unpacked = (sum(getattr(member, size) for member in members) for size in ("compress_size", "file_size"))
    if unpacked > limit or unpacked > max(_FREE_BYTES, _MAX_RATIO * packed):
        raise ValueError(f"it would take {format_size(unpacked)}, more than such a file should")


def _read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(name) as file:
        shape, dtype = _read_header(file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never read")
    if math.prod(shape) * dtype.itemsize > archive.getinfo(name).file_size:
        raise ValueError("it holds fewer numbers than it says")
    with archive.open(name) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _read_header(file: Any) -> tuple[tuple[int, ...], np.dtype]:
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    except (SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError("it is damaged, or no npz file") from error
    return shape, dtype


def _open_now(path: str, flags: int) -> int:
    """Open without waiting: the file may become a pipe before it is opened."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _refuse_constant(name: str) -> float:
    raise ValueError(f"it holds the number {name}")


def _read_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("it holds a number that is too large")
    return value


def _require_regular(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise UnreadableFile("it is a folder")
    if not stat.S_ISREG(mode):
        raise UnreadableFile("it is a device, pipe or socket")


def file_version(*paths: Path) -> int:
    """A number that is another one once a file was written, or another put in its place, even one that is older.

    Raises:
        OSError: A file is not there.
    """
    found = [path.stat() for path in paths]
    return hash(tuple((file.st_mtime_ns, file.st_size, file.st_ino) for file in found))


def format_size(num_bytes: int) -> str:
    """Bytes as a text with three digits; 1 GB is 2^30 bytes.

    >>> format_size(2 * 2**30), format_size(1536), format_size(7)
    ('2 GB', '1.5 KB', '7 B')
    """
    unit = max((unit for unit in SIZES if unit and SIZES[unit] <= max(num_bytes, 1)), key=lambda unit: SIZES[unit])
    return f"{num_bytes / SIZES[unit]:.3g} {unit}"
