"""Numbers in texts that anybody may have written: ASCII digits, finite, and no longer than numbers need to be."""

import math
import re
from collections.abc import Iterable

_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,4})?")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_RANGES = re.compile(r"[0-9]{1,9}(?:-[0-9]{1,9})?(?:,[0-9]{1,9}(?:-[0-9]{1,9})?)*")


def read_number(text: str) -> float:
    """The finite number that a text is.

    Raises:
        ValueError: The text is none.

    >>> read_number("1e-7")
    1e-07
    """
    if _NUMBER.fullmatch(text) is None or not math.isfinite(float(text)):
        raise ValueError("a finite number is needed")
    return float(text)


def read_whole(text: str) -> int:
    """The whole number that a text is.

    Raises:
        ValueError: The text is none.
    """
    if _WHOLE.fullmatch(text) is None:
        raise ValueError("a whole number is needed")
    return int(text)


def read_ranges(text: str, *, most: int) -> tuple[int, ...]:
    """The whole numbers that a text lists, each once.

    Args:
        text: Numbers and rising ranges, with commas between.
        most: How many there may be.

    Raises:
        ValueError: The text is no such list, names a number twice, or more than `most`.

    >>> read_ranges("0-2,7", most=10)
    (0, 1, 2, 7)
    """
    if _RANGES.fullmatch(text) is None:
        raise ValueError("numbers and ranges are needed, such as 0-2,7")
    ranges: list[range] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        ranges.append(range(int(first), int(last or first) + 1))
        if sum(map(len, ranges)) > most:
            raise ValueError(f"at most {most:,} numbers can be named")
        if not ranges[-1]:
            raise ValueError("ranges must rise")
    numbers = tuple(number for numbers in ranges for number in numbers)
    if len(set(numbers)) < len(numbers):
        raise ValueError("every number can be named once")
    return numbers


def write_ranges(numbers: Iterable[int]) -> str:
    """The text that lists some numbers, in ascending order.

    >>> write_ranges([0, 2, 1, 7])
    '0-2,7'
    """
    ranges: list[list[int]] = []
    for number in sorted(set(numbers)):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in ranges)
