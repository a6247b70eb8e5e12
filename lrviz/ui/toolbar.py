"""The bar at the top of every page: undo and redo, bookmarks, and the address and the recipe of what is shown."""

import html
import json
from collections.abc import Mapping
from urllib.parse import urlencode

import streamlit as st

from lrviz.errors import LrvizError
from lrviz.measures.definitions import (
    ERROR_QUANTITIES,
    PATH_QUANTITIES,
    QUANTITIES,
    SUMMARY_QUANTITIES,
    WINDOW_TERMS,
    Quantity,
)
from lrviz.ui import guide, map_memory, state
from lrviz.ui.look import Container
from lrviz.ui.markdown import plain
from lrviz.views.bookmarks import MAX_TITLE, Bookmarks
from lrviz.views.reproduce import recipes
from lrviz.views.view import ADDRESSES, View


def show_bar(bar: Container, notices: Container) -> None:
    """The bar of the page, and what the session has to say.

    Args:
        bar: Holds what the page exports already.
        notices: The place under it.
    """
    view = state.current() if state.shows_view() else None
    with bar:
        for by, label, icon in ((-1, "Undo", ":material/undo:"), (1, "Redo", ":material/redo:")) if view else ():
            st.button(
                label, icon=icon, key=f"step-{label}", on_click=state.step, args=(by,), disabled=not state.can_step(by),
                help=f"{label} the last change of what is shown; the browser's Back and Forward do the same",
            )  # fmt: skip
        with st.popover("Bookmarks", icon=":material/bookmark:"):
            _show_bookmarks(view)
        with st.popover("Share", icon=":material/link:"):
            _show_recipe(view)
        with st.popover("Help", icon=":material/help:"):
            _show_help(view)
    with notices:
        _show_notices()
        _replace_address()


def _replace_address() -> None:
    """Let the browser show another address without an entry in its history, which Streamlit cannot."""
    query = state.replacement()
    if query is not None:
        address = json.dumps(f"?{urlencode(query)}")
        with st.container(key="address"):
            st.html(
                f"<script>history.replaceState(history.state, '', location.pathname + {address})</script>",
                unsafe_allow_javascript=True,
            )


def _show_notices() -> None:
    """What the session has to say, until the user closes it."""
    for index, note in enumerate(state.notices()):
        text, close = st.columns([20, 1], vertical_alignment="center")
        text.warning(plain(note), icon=":material/info:")
        close.button(
            "", icon=":material/close:", key=f"close-notice-{index}", type="tertiary", help="Close this message",
            on_click=state.close_notice, args=(note,),
        )  # fmt: skip


def _show_bookmarks(view: View | None) -> None:
    bookmarks = Bookmarks.of_user()
    try:
        known = bookmarks.read()
    except LrvizError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if view is not None:
        with st.form("bookmark", clear_on_submit=True, border=False):
            name = st.text_input("Name of this view", max_chars=MAX_TITLE, key="bookmark-name")
            if st.form_submit_button("Keep", key="bookmark-keep", width="stretch"):
                _keep(bookmarks, name, view)
    elif not known:
        st.caption("Views that you keep on the other pages are listed here.")
    for name, kept in known.items():
        left, right = st.columns([5, 1], vertical_alignment="center")
        if left.button(plain(name), key=f"bookmark-open-{name}", help=plain(kept.to_link()[:200]), width="stretch"):
            state.go(kept)
        right.button(
            "", icon=":material/delete:", key=f"bookmark-delete-{name}", help=f"Delete {plain(name)}",
            on_click=state.attempt, args=(bookmarks.delete, name),
        )  # fmt: skip


def _keep(bookmarks: Bookmarks, name: str, view: View) -> None:
    try:
        bookmarks.keep(name, view)
    except LrvizError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    state.rerun()


def _show_recipe(view: View | None) -> None:
    st.caption("Link to this page" if view is None else "Link to this view")
    st.code(st.context.url or "" if view is None else full_address(view), language=None, wrap_lines=True)
    ways = {"Command line": ("bash", "lrviz models")} if view is None else recipes(view, is_sampled=_is_sampled(view))
    for title, (language, text) in ways.items():
        st.caption(title)
        st.code(text, language=language, wrap_lines=language == "bash")


def _is_sampled(view: View) -> bool:
    """Whether the map of Explore shows samples, since there are too many regions to find."""
    return view.page == "explore" and map_memory.has_arrived() and map_memory.recall().mode == "sampled"


def _show_help(view: View | None) -> None:
    """The guide, and what the numbers of the page are."""
    page = "" if view is None else view.page
    if page == "explore":
        st.button("Show the guide", key="guide-open", on_click=guide.open_guide)
    _show_terms(*_TERMS.get(page, (QUANTITIES, WINDOW_TERMS)))


_TERMS = {
    "compare": (SUMMARY_QUANTITIES, WINDOW_TERMS, ERROR_QUANTITIES, QUANTITIES),
    "paths": (PATH_QUANTITIES, ERROR_QUANTITIES),
    "sweeps": (ERROR_QUANTITIES, PATH_QUANTITIES),
}
"""What is explained on which page; on the others, what regions are coloured by."""


def _show_terms(*tables: Mapping[str, Quantity]) -> None:
    entries = []
    for term in (term for table in tables for term in table.values()):
        formula = term.formula and f"<code>{html.escape(term.formula)}</code>"
        facts = ", ".join(filter(None, (formula, html.escape(term.unit), html.escape(term.source))))
        entries.append(f"<dt>{html.escape(term.label)}</dt><dd>{html.escape(term.help)}<br>{facts}</dd>")
    st.html(f'<dl class="lr-terms">{"".join(entries)}</dl>')


def full_address(view: View) -> str:
    """The address of a view on this server, as the user reaches it."""
    here = (st.context.url or "").rstrip("/")
    for address in filter(None, ADDRESSES.values()):
        here = here.removesuffix(f"/{address}")
    return here + view.to_link()
