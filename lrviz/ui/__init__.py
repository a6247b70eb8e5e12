"""The parts of the app's pages; the only place in the package that imports Streamlit."""
