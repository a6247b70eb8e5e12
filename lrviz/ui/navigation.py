"""The pages of the app, their addresses, and how each of them is run."""

from collections.abc import Callable
from contextvars import ContextVar

import plotly.graph_objects as go
import streamlit as st

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
    token = _is_navigating.set(True)
    try:
        st.navigation(list(pages.values()), position="top").run()
    finally:
        _is_navigating.reset(token)


def run_page(page: Callable[[], None], *, has_bar: bool = False) -> None:
    """Run a page from its file, under the bar of all pages unless it shows the bar itself."""
    if st.context.url is not None and not _is_navigating.get():
        # Until app.py has run once, Streamlit runs the files of pages/ by themselves, with a bar of its own.
        navigate()
        return
    session = st.session_state
    session.showed_view, session.shows_view = session.get("shows_view", False), False
    top = None if has_bar else st.container(key="toolbar")
    guard(page)
    if top is not None and session.shows_view:
        from lrviz.ui.toolbar import replace_address, show_notices, show_toolbar  # noqa: PLC0415

        with top:
            show_toolbar()
            show_notices()
            replace_address()


def _explore() -> None:
    """The Explore page; the page shows its frame while PyTorch is imported."""
    with st.container(key="preload"):  # an empty figure makes the browser fetch what draws figures meanwhile
        st.plotly_chart(go.Figure(), key="preload-chart", height=10)
    with st.spinner("Starting"):
        from lrviz.ui.explore import explore  # noqa: PLC0415

    run_page(explore, has_bar=True)
