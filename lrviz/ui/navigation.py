"""The pages of the app, their addresses, and how each of them is run."""

import sys
from collections.abc import Callable
from contextvars import ContextVar
from pkgutil import resolve_name
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from lrviz.ui.browser_history import guard_history
from lrviz.ui.guard import guard

_is_navigating: ContextVar[bool] = ContextVar("is_navigating", default=False)


def navigate() -> None:
    """Run the page that the address names, under the bar that leads to all of them."""
    st.set_page_config(page_title="lrviz", page_icon="🔷", layout="wide")
    # The addresses are those of the files: Streamlit says 'not found' to the first visitor of any other.
    pages = {
        "explore": st.Page(_explore, title="Explore", icon=":material/hexagon:", default=True),
        "compare": st.Page("pages/1_Compare_widths.py", title="Compare widths", icon=":material/compare:"),
        "paths": st.Page("pages/2_Paths.py", title="Paths", icon=":material/timeline:"),
        "sweeps": st.Page("pages/3_Double_descent.py", title="Double descent", icon=":material/show_chart:"),
        "models": st.Page("pages/4_Models.py", title="Models", icon=":material/table_rows:"),
    }
    st.session_state.pages = pages
    page = st.navigation(list(pages.values()), position="top")
    guard_history()
    token = _is_navigating.set(True)
    try:
        page.run()
    finally:
        _is_navigating.reset(token)


def run_page(name: str) -> None:
    """Run a page from its file, with its bar, the place for what it exports, above it.

    Args:
        name: "module:function" of the page. It is imported below the app's navigation, for PyTorch takes some seconds.
    """
    if st.context.url is not None and not _is_navigating.get():
        # Until app.py has run once, Streamlit runs the files of pages/ by themselves, with a bar of its own.
        navigate()
        return
    with st.spinner("Starting"):
        page: Callable[[Any], None] = resolve_name(name)
        from lrviz.ui.toolbar import show_bar  # noqa: PLC0415
    _begin()
    bar, notices = st.container(key="toolbar", horizontal=True, vertical_alignment="center"), st.container()
    guard(lambda: page(bar))
    show_bar(bar, notices)


def _begin() -> None:
    """Note whether the last page showed a view; this one says so when it opens its own."""
    session = st.session_state
    session.showed_view, session.shows_view = session.get("shows_view", False), False


def _explore() -> None:
    """The Explore page; the page shows its frame while PyTorch is imported."""
    place = st.empty()
    if "lrviz.ui.explore" not in sys.modules:
        with place.container(key="preload"):  # an empty figure makes the browser fetch what draws figures meanwhile
            st.plotly_chart(go.Figure(), key="preload-chart", height=10)
    with st.spinner("Starting"):
        from lrviz.ui.explore import explore  # noqa: PLC0415

    _begin()
    guard(explore)
