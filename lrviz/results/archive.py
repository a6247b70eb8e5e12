"""What all results share: read-only arrays that are checked when they are made, kept as npz files without pickles."""

import json
import os
from contextlib import nullcontext
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
from jaxtyping import jaxtyped

from lrviz.arrays import Comparable, frozen_array
from lrviz.errors import InvalidData, InvalidRequest, UnreadableFile
from lrviz.files import MAX_ARCHIVE_BYTES, open_regular, read_arrays, read_json, shown
from lrviz.results.status import Status
from lrviz.words import duration

NOTE = "view"
"""An array that a file may hold besides the result: what was shown when it was written."""

Result = TypeVar("Result", bound="Archive")


class Archive(Comparable):
    """Results that are saved as npz, without pickles, and checked when they are made.

    Attributes:
        schema: Version of the fields, and of what they mean.
    """

    __slots__ = ()
    schema: ClassVar[int] = 1

    def __post_init__(self) -> None:
        for item in fields(self):  # type: ignore[arg-type]
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, item.name, frozen_array(value))
            elif item.name == "status":
                object.__setattr__(self, item.name, _read_status(value))
        self._check()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self.facts())})"

    def _repr_html_(self) -> str:
        from lrviz.figures.notebook import show  # noqa: PLC0415

        return show(self)

    def _check(self) -> None:
        raise NotImplementedError

    def _facts(self) -> tuple[str, ...]:
        raise NotImplementedError

    def facts(self) -> tuple[str, ...]:
        """What the one-line representation says: counts, place, status and time."""
        status = getattr(self, "status", None)
        return self._facts() if status is None else (*self._facts(), status, duration(getattr(self, "seconds", 0)))

    def save(self, path: str | os.PathLike[str] | Any) -> None:
        """Write everything to an npz file (a path or a binary file object).

        It is not compressed: the digits of float64 hardly compress, and trying takes longer than finding regions.

        Raises:
            InvalidRequest: The file cannot be written.
        """
        arrays = {item.name: getattr(self, item.name) for item in fields(self)}  # type: ignore[arg-type]
        plain = {name: value for name, value in arrays.items() if not isinstance(value, np.ndarray)}
        header = {"kind": type(self).__name__, "schema": self.schema, **plain}
        arrays = {name: value for name, value in arrays.items() if isinstance(value, np.ndarray)}
        is_path = isinstance(path, str | os.PathLike)
        try:
            with open(path, "wb") if is_path else nullcontext(path) as file:  # by a path numpy would add a suffix
                np.savez(file, header=np.array(json.dumps(header)), **arrays)
        except OSError as error:
            if not is_path:
                raise
            raise InvalidRequest(
                f"Expected a place to write to, got {shown(str(path))} ({error.strerror or error}): choose another."
            ) from error

    @classmethod
    def load(cls: type[Result], path: str | os.PathLike[str] | Any) -> Result:
        """Read what `save` wrote.

        Raises:
            InvalidData: The file is damaged, of another kind or another version.
        """
        is_path = isinstance(path, str | os.PathLike)
        name = Path(path).name if is_path else "the data"
        try:
            with open_regular(path, MAX_ARCHIVE_BYTES) if is_path else nullcontext(path) as file:
                arrays = read_arrays(file)
            arrays.pop(NOTE, None)
            header = read_json(str(arrays.pop("header")), finite=False)
            kind, schema = header.pop("kind"), header.pop("schema")
        except (UnreadableFile, ValueError, KeyError, TypeError, AttributeError) as error:
            raise _unreadable(cls, name, str(error)) from error
        if (kind, schema) != (cls.__name__, cls.schema):
            raise InvalidData(f"{name} is not {cls.__name__} of version {cls.schema}. Compute it again.")
        return cls._from_parts(header | arrays, name)

    @classmethod
    def _from_parts(cls: type[Result], parts: dict[str, Any], name: str) -> Result:
        """A result of parts that somebody else may have written: of the right names, types and shapes only."""
        hints: dict[str, Any] = {item.name: item.type for item in fields(cls)}  # type: ignore[arg-type]
        if "status" in parts:
            parts["status"] = _read_status(parts["status"])
        if parts.keys() != hints.keys():
            raise _unreadable(cls, name, "it has other parts")
        hints |= {key: int | float for key, hint in hints.items() if hint is float}
        with jaxtyped("context"):  # sizes that have one name must be the same
            wrong = [key for key, hint in hints.items() if not isinstance(parts[key], hint)]
        if wrong:
            raise _unreadable(cls, name, f"{wrong[0]} has another type or shape")
        return cls(**parts)


def _unreadable(kind: type, name: str, reason: str) -> InvalidData:
    return InvalidData(f"{name} cannot be read as {kind.__name__} ({reason}). Compute it again.")


def require(condition: bool | np.bool_, message: str) -> None:
    """Raise InvalidData with the message unless the condition holds."""
    if not condition:
        raise InvalidData(message)


def describe_window(corners: np.ndarray) -> str:
    """Size and middle of the bounding box of a window, in a few words."""
    low, high = corners.min(0), corners.max(0)
    (width, height), (u, v) = high - low, (low + high) / 2
    return f"window of {width:.4g} x {height:.4g} around ({u:.4g}, {v:.4g})"


def _read_status(value: str) -> Status:
    try:
        return Status(value)
    except ValueError as error:
        known = ", ".join(Status)
        raise InvalidData(
            f"The status must be one of {known}; got {shown(value)}. Compute the result again."
        ) from error
