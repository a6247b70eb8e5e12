"""The path view of a session: read from the link once, and written back to it after every change."""

from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from lrviz.errors import LrvizError
from lrviz.figures.path import Stretch
from lrviz.measures.curve import Curve
from lrviz.ui import state
from lrviz.views.path_view import NUM_IMAGES, PathView

FEW_PIECES = 12
_CLOSEST = 1e-10
"""Smallest part of a path that can be shown, as a fraction of its length."""


def current() -> PathView:
    """The view of this session; on the first run it comes from the link, or is the default."""
    if "path_view" not in st.session_state:
        st.session_state.path_view = _first_view()
    return st.session_state.path_view


def change(**values: Any) -> None:
    """Change fields of the view; what cannot be said is told, and not done."""
    try:
        st.session_state.path_view = replace(current(), **values)
    except LrvizError as error:
        st.session_state.notice = str(error)


def change_path(**values: Any) -> None:
    """Change the path, which is then shown as a whole."""
    change(**values, start=None, end=None)
    _forget_box()


def _first_view() -> PathView:
    query = st.query_params.to_dict()
    if query.get("models") or query.get("images"):
        try:
            return PathView.from_query(query)
        except LrvizError as error:
            st.session_state.notice = f"The link could not be read, so this is the default path. {error}"
    explored = state.current()
    return PathView(models=(explored.model,), images=explored.images[:1])


def write_link() -> None:
    """Put the view into the address of the page."""
    query = current().to_query()
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)


def set_kind(kind: str) -> None:
    """Another kind of path, of as many of the images as it takes, and others of the samples."""
    fewest, most = NUM_IMAGES[kind]
    more = [f"samples:{k}" for k in (0, 1, 4) if f"samples:{k}" not in current().images]
    images = (*current().images, *more)[: min(max(fewest, len(current().images)), most)]
    change_path(kind=kind, images=images)


def set_image(index: int, reference: str) -> None:
    """Replace an image of the path, or add one at the end."""
    images = list(current().images)
    images[index : index + 1] = [reference]
    change_path(images=tuple(images))


def remove_image(index: int) -> None:
    """Leave an image out."""
    images = current().images
    change_path(images=images[:index] + images[index + 1 :])


def stretch_of(view: PathView, length: float) -> Stretch:
    """The part of a path of some length that the view shows; the whole path if it shows nothing of it."""
    low, high = max(view.start or 0.0, 0.0), min(view.end or length, length)
    if view.start is None or high - low < _CLOSEST * length:
        low, high = 0.0, length
    return Stretch(low=low, high=high, baseline=view.baseline)


def show_part(low: float, high: float, length: float) -> None:
    """Show a part of a path; the whole path if the part holds it."""
    low, high = max(low, 0.0), min(high, length)
    if high - low < _CLOSEST * length:
        st.session_state.notice = f"A part of at least {_CLOSEST * length:.1g} of length can be shown."
    elif (low, high) == (0.0, length):
        change(start=None, end=None)
    else:
        change(start=float(f"{low:.14g}"), end=float(f"{high:.14g}"))
    _forget_box()


def show_few_pieces(curve: Curve) -> None:
    """Show some single pieces around the middle of the view, with the line of the view subtracted."""
    stretch = stretch_of(current(), curve.length)
    (middle,) = curve.piece_at(np.array([(stretch.low + stretch.high) / 2]))
    first = max(int(middle) - FEW_PIECES // 2, 0)
    last = min(first + FEW_PIECES, curve.num_pieces)
    show_part(float(curve.position[first]), float(curve.position[last]), curve.length)
    change(baseline="view")


def generation() -> int:
    """Part of the figure's key: a new one makes it forget the box that was drawn on it."""
    return st.session_state.get("path_generation", 0)


def _forget_box() -> None:
    st.session_state.path_generation = generation() + 1
