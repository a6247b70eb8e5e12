"""The downloads of the Paths page."""

import time

import streamlit as st

from lrviz.errors import LrvizError
from lrviz.figures.paper import PRINTED, Paper
from lrviz.figures.path import PathDrawing
from lrviz.figures.print_path import PATH_SUFFIXES, render_path
from lrviz.ui.path_jobs import Track
from lrviz.views.view import View

_KINDS = {
    ".pdf": "PDF",
    ".svg": "SVG",
    ".png": "PNG",
    ".html": "HTML",
    ".csv": "measures (CSV)",
    ".npz": "pieces (npz)",
}


def show_downloads(view: View, drawing: PathDrawing | None, tracks: list[Track]) -> None:
    """Figure and data as files."""
    ready = drawing is not None and bool(tracks) and tracks[0].pieces is not None
    with st.popover("Export", icon=":material/download:", width="stretch", disabled=not ready):
        if ready and drawing is not None:
            _show_files(view, drawing, tracks)


def choose_paper(key: str, width: float, height: float) -> Paper:
    """Size and resolution of a printed figure."""
    columns = st.columns(3)
    return Paper(
        width_inches=columns[0].number_input("width (in)", 1.0, 40.0, width, 0.5, key=f"{key}-width"),
        height_inches=columns[1].number_input("height (in)", 1.0, 40.0, height, 0.5, key=f"{key}-height"),
        dpi=columns[2].number_input("dpi", 50, 1200, 300, 50, key=f"{key}-dpi"),
    )


def _show_files(view: View, drawing: PathDrawing, tracks: list[Track]) -> None:
    suffix = st.selectbox("File", PATH_SUFFIXES, format_func=lambda kind: _KINDS[kind], key="p-suffix") or ".pdf"
    paper = choose_paper("p-paper", 7.0, 4.5) if suffix in PRINTED else None
    first = tracks[0]
    assert first.pieces is not None and first.model is not None
    measures = {track.name: track.measures for track in tracks if track.measures is not None}
    pieces, classes = first.pieces, first.model.classes

    def contents() -> bytes:
        return render_path(suffix, view, drawing, measures=measures, pieces=pieces, class_names=classes, paper=paper)

    try:
        st.download_button(
            f"Download {_KINDS[suffix]}", contents, file_name=f"path-{first.name}-{time.strftime('%Y%m%d')}{suffix}",
            type="primary", width="stretch", on_click="ignore",
        )  # fmt: skip
    except LrvizError as error:
        st.error(str(error))
