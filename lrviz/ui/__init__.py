"""The parts of the app's pages; the only place in the package that imports Streamlit.

In come the address and what a visitor does, out goes the page.
"""
