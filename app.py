"""The app, with the Explore page first: streamlit run app.py."""

import plotly.graph_objects as go
import streamlit as st

st.set_page_config(page_title="lrviz", page_icon="🔷", layout="wide")


def explore_page() -> None:
    """The Explore page; the page shows its frame while PyTorch is imported."""
    with st.container(key="preload"):  # an empty figure makes the browser fetch what draws figures meanwhile
        st.plotly_chart(go.Figure(), key="preload-chart", height=10)
    from lrviz.ui.explore import explore, guarded  # noqa: PLC0415

    guarded(explore)


# The addresses are those of the files: Streamlit says 'not found' to the first visitor of any other.
st.navigation(
    [
        st.Page(explore_page, title="Explore", icon=":material/hexagon:", default=True),
        st.Page("pages/1_Compare_widths.py", title="Compare widths", icon=":material/compare:"),
        st.Page("pages/2_Paths.py", title="Paths", icon=":material/timeline:"),
        st.Page("pages/3_Double_descent.py", title="Double descent", icon=":material/show_chart:"),
        st.Page("pages/4_Models.py", title="Models", icon=":material/table_rows:"),
    ],
    position="top",
).run()
