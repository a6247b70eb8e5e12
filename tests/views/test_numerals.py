"""Numbers in texts: those that are meant, and none of what Python would also take for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrviz.views.numerals import read_number, read_ranges, read_whole


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back_from_their_text(value):
    assert read_number(repr(value)) == value


@given(st.integers(-(10**17), 10**17))
def test_whole_numbers_come_back_from_their_text(value):
    assert read_whole(str(value)) == value


@pytest.mark.parametrize(
    "text",
    ["", " ", "nan", "inf", "-inf", "Infinity",
     "1e400", "1_000", " 1", "1 ", "0x10", "１２", "٣", "²", "--1", "1e", ".",
     "9" * 5000, "1." + "0" * 5000, "1e" + "9" * 5000, "1\n", "1,5"],
)  # fmt: skip
def test_texts_that_are_no_number(text):
    with pytest.raises(ValueError, match="needed"):
        read_number(text)
    with pytest.raises(ValueError, match="needed"):
        read_whole(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "needed"), ("a", "needed"), ("-1", "needed"), ("1-", "needed"), ("1,,2", "needed"), ("0-1-2", "needed"),
        ("٣", "needed"), ("9" * 5000, "needed"), ("0-999999999999", "needed"), ("0-999999999", "at most 100 "),
        ("0-99,100", "at most 100 "), ("3-1", "rise"), ("1,1", "once"), ("0-5,3", "once"),
    ],
)  # fmt: skip
def test_texts_that_are_no_list(text, message):
    with pytest.raises(ValueError, match=message):
        read_ranges(text, most=100)
