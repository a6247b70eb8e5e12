"""The pages of the app, their addresses, and how each of them is run."""

import logging
from collections.abc import Callable

import plotly.graph_objects as go
import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from lrviz.errors import LrvizError
from lrviz.ui.jobs import CALM

log = logging.getLogger("lrviz")


def navigate() -> None:
    """Run the page that the address names, under the bar that leads to all of them."""
    st.set_page_config(page_title="lrviz", page_icon="🔷", layout="wide")
    # The addresses are those of the files: Streamlit says 'not found' to the first visitor of any other.
    st.navigation(
        [
            st.Page(_explore, title="Explore", icon=":material/hexagon:", default=True),
            st.Page("pages/1_Compare_widths.py", title="Compare widths", icon=":material/compare:"),
            st.Page("pages/2_Paths.py", title="Paths", icon=":material/timeline:"),
            st.Page("pages/3_Double_descent.py", title="Double descent", icon=":material/show_chart:"),
            st.Page("pages/4_Models.py", title="Models", icon=":material/table_rows:"),
        ],
        position="top",
    ).run()


def run_page(page: Callable[[], None]) -> None:
    """Run a page from its file; what goes wrong becomes a sentence, and what nobody expected is logged."""
    if PagesManager.uses_pages_directory:
        # Until app.py has run once, Streamlit runs the files of pages/ by themselves, with a bar of its own.
        navigate()
        return
    try:
        page()
    except LrvizError as error:
        st.error(str(error), icon=":material/error:")
    except Exception:
        log.exception("the page failed")
        st.error(CALM, icon=":material/error:")


def _explore() -> None:
    """The Explore page; the page shows its frame while PyTorch is imported."""
    with st.container(key="preload"):  # an empty figure makes the browser fetch what draws figures meanwhile
        st.plotly_chart(go.Figure(), key="preload-chart", height=10)
    with st.spinner("Starting"):
        from lrviz.ui.explore import explore  # noqa: PLC0415

    run_page(explore)
