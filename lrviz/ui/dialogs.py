"""Dialogs that stay open until the user closes them, however often the page runs again meanwhile."""

from collections.abc import Callable
from typing import Any

import streamlit as st


def offer(key: str, label: str, show: Callable[[], None], **button: Any) -> None:
    """A button that opens a dialog, and the dialog while it is open.

    Args:
        key: Of the button; there may be one dialog of a key on a page.
        label: On the button.
        show: Shows the dialog; a function with `st.dialog(..., on_dismiss=dialogs.close)`.
        button: What else `st.button` takes.
    """
    if st.button(label, key=key, **button):
        st.session_state.dialog = key
    if st.session_state.get("dialog") == key:
        show()


def close() -> None:
    """Do not show the dialog any more."""
    st.session_state.pop("dialog", None)
