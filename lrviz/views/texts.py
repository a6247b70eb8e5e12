"""Values as texts: how each kind of value is read from a link, written to it, and checked."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lrviz.errors import InvalidView
from lrviz.files import shown
from lrviz.views.numerals import read_number, read_whole

SEPARATOR = ","
"""Stands between the names of a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One kind of value.

    Attributes:
        kind: What a text must be, in words.
        expected: What a value must be, in words.
        read: The value of a text; raises ValueError or KeyError.
        write: The text of a value.
        accepts: Whether a value is in its range.
    """

    kind: str
    expected: str
    read: Callable[[str], Any] = str
    write: Callable[[Any], str] = str
    accepts: Callable[[Any], object] = lambda value: True

    def parse(self, key: str, text: str) -> Any:
        """The value of a link's parameter.

        Raises:
            InvalidView: The text is no such value, or one outside its range.
        """
        try:
            value = self.read(text)
        except (ValueError, KeyError) as error:
            raise InvalidView(f"The link's {key} must be {self.kind}; got {shown(text)}.") from error
        self.check(f"link's {key}", value)
        return value

    def check(self, name: str, value: Any) -> None:
        """Refuse a value outside its range.

        Raises:
            InvalidView: It is.
        """
        if not self.accepts(value):
            raise InvalidView(f"The {name} must be {self.expected}; got {shown(value)}.")


def number(expected: str, accepts: Callable[[float], bool], kind: str = "a number that is finite") -> Form:
    """Finite numbers in some range."""
    return Form(
        kind=kind, expected=expected, read=read_number, write=lambda value: repr(float(value)),
        accepts=lambda value: math.isfinite(value) and accepts(value),
    )  # fmt: skip


def whole(low: int, high: int | None = None) -> Form:
    """Whole numbers from `low` to `high`."""
    limits = f"from {low:,}" if high is None else f"from {low:,} to {high:,}"
    return Form(
        kind="a whole number", expected=f"a whole number {limits}", read=read_whole,
        accepts=lambda value: low <= value and (high is None or value <= high),
    )  # fmt: skip


def word(expected: str, accepts: Callable[[str], object]) -> Form:
    """Texts of some look."""
    return Form(kind=expected, expected=expected, accepts=accepts)


def one_of(choices: Sequence[str]) -> Form:
    """One of some words."""
    return word(f"one of {', '.join(choices)}", lambda value: value in choices)


FLAG = Form(
    kind="yes or no", expected="yes or no", read={"yes": True, "no": False}.__getitem__,
    write=lambda value: "yes" if value else "no",
)  # fmt: skip

MAX_NAME = 4096
"""Most characters of a name: as many as a path can have."""


def is_name(text: str) -> bool:
    """Whether a text can be the name of a model or an image."""
    return text != "" and text == text.strip() and text.isprintable() and len(text) <= MAX_NAME


_NAME = f"printable, with up to {MAX_NAME:,} characters, as the names of a model and of images are"

NAME = word(_NAME, is_name)

FIRST_NAME = Form(
    kind=_NAME, expected=_NAME, read=lambda text: (text,), write=lambda names: names[0],
    accepts=lambda names: is_name(names[0]),
)  # fmt: skip
"""A list of names of which only the first is written."""

NAMES = Form(
    kind="names with commas between", expected="names with commas between",
    read=lambda text: tuple(part.strip() for part in text.split(SEPARATOR) if part.strip()), write=SEPARATOR.join,
)  # fmt: skip
