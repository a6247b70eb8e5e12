"""The app, with the Explore page first: streamlit run app.py."""

import streamlit as st

st.set_page_config(page_title="lrviz", page_icon=":material/hexagon:", layout="wide")

from lrviz.ui.explore import explore, guarded  # noqa: E402  (the page shows while PyTorch is imported)


def main() -> None:
    """The Explore page."""
    guarded(explore)


st.navigation(
    [
        st.Page(main, title="Explore", icon=":material/hexagon:", default=True),
        st.Page("pages/1_Models.py", title="Models", icon=":material/table_rows:", url_path="models"),
    ],
    position="top",
).run()
