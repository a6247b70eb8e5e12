"""Text that is shown as it is, where Streamlit would read Markdown."""

import re

_MARKS = re.compile(r"[\\`*\[\]<~$|]|(?<!\w)_|_(?!\w)")
_OPENING, _CLOSING = re.compile(r":(?=[\w+-]+(?::|\\\[))"), re.compile(r"(\\:[\w+-]+):")


def plain(text: str) -> str:
    r"""A text whose marks are no Markdown, emoji or formula.

    >>> print(plain("point:-1:-1 of a*b, test:cat:0"))
    point\:-1\:-1 of a\*b, test\:cat\:0
    """
    marked = _OPENING.sub(r"\:", _MARKS.sub(r"\\\g<0>", text))
    return _CLOSING.sub(r"\1\:", marked)  # of ":cat:", either colon alone makes no difference
