"""Text of users is shown as it is, and not as Markdown."""

import pytest

from lrviz.ui.markdown import plain


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("nothing special: net_v2.onnx, --trust", "nothing special: net_v2.onnx, --trust"),
        ("point:-1:-1", r"point\:-1\:-1"),
        ("test:cat:0", r"test\:cat\:0"),
        ("of :cat: and :a:b:", r"of \:cat\: and \:a\:b\:"),
        ("so: this, at 10:30", "so: this, at 10:30"),
        (":red[x]", r"\:red\[x\]"),
        ("a*b*c and _x_", r"a\*b\*c and \_x\_"),
        ("$y$ <b> `q` ~~s~~", r"\$y\$ \<b> \`q\` \~\~s\~\~"),
        ("\\", "\\\\"),
    ],
)
def test_marks_of_markdown_are_escaped(text, marked):
    assert plain(text) == marked
