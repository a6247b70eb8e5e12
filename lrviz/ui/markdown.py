"""Text that is shown as it is, where Streamlit would read Markdown."""

import re

_MARKS = re.compile(r"[\\`*\[\]<~$|]|:(?=[\w+-]+(?::|\[))|(?<!\w)_|_(?!\w)")


def plain(text: str) -> str:
    r"""A text whose marks are no Markdown, emoji or formula.

    >>> print(plain("point:-1:-1 of a*b, test:cat:0"))
    point\:-1:-1 of a\*b, test\:cat:0
    """
    return _MARKS.sub(r"\\\g<0>", text)
