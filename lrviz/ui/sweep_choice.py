"""Which series of a table of measured paths the Double descent page shows, and against what."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from lrviz.files import shown
from lrviz.measures.definitions import IMAGE_KINDS
from lrviz.measures.findings import AGAINST
from lrviz.measures.sweeps import select_paths, series_columns
from lrviz.ui import state
from lrviz.ui.markdown import plain
from lrviz.views.view import View
from lrviz.words import counted

_FIRST = ("cnn5", "closed")
"""What stands before all others in its list, and is shown first."""

_FEW = 4
"""Up to this many options are seen at once."""

_ROW, _BESIDE = 36, 4
"""Letters that fit side by side, and those that the space around an option takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """One question of the sidebar: a column of the table, and the field of the view that holds the answer."""

    column: str
    field: str
    label: str
    show: Callable[[str], str] = str


_NONE = "There are no results"

_CHOICES = (
    _Choice(column="family", field="family", label="Family"),
    _Choice(column="data", field="data", label="Trained on"),
    _Choice(column="path", field="path_kind", label="Paths"),
    _Choice(
        column="image_kind", field="image_kind", label="Paths around", show=lambda kind: IMAGE_KINDS.get(kind, kind)
    ),
)


def choose_series(table: pd.DataFrame, view: View, *, is_own: bool = False) -> pd.DataFrame | None:
    """Ask for a series, and put it into the view; its paths, or None where the table holds no finished path.

    Args:
        table: As from `lrviz.measures.sweeps.read_results`.
        view: The view; what it names and the table does not hold is replaced by what comes first.
        is_own: Whether the user brought the table, of which the view knows nothing; else what is replaced is told.
    """
    paths = {against: select_paths(table, against) for against in AGAINST}
    known = [against for against, rows in paths.items() if len(rows)]
    if not known:
        return None
    against = _ask("against", "Against", known, view.against, str)
    rows, answers = paths[against], {"against": against}
    for choice in _CHOICES:
        options = sorted(rows[choice.column].unique(), key=_order)
        answers[choice.field] = _ask(choice.field, choice.label, options, getattr(view, choice.field), choice.show)
        rows = rows[rows[choice.column] == answers[choice.field]]
    groups = sorted(rows.groupby(series_columns(against)), key=lambda group: -group[1][against].nunique())
    # The series that reaches furthest stands first.
    series = {_name_series(key, against): part for key, part in groups}
    name = _one_of(view.series, list(series))
    if len(series) > 1:
        _ask("series", "Series", list(series), name, str)
    state.change(**answers, series=name if len(series) > 1 else None)
    state.write_link(completes=True)
    family, data = answers["family"], answers["data"]
    if is_own:
        return series[name]
    if view.family not in (None, family):
        state.tell(f"{_NONE} of {shown(view.family)} against {against}; {family} on {data} is shown.", instead_of=_NONE)
    elif view.data not in (None, data):
        state.tell(f"{_NONE} of {family} on {shown(view.data)} against {against}; {data} is shown.", instead_of=_NONE)
    return series[name]


def _choose(field: str, chosen: str) -> None:
    """What was said of the choice before no longer holds."""
    for note in state.notices():
        if note.startswith(_NONE):
            state.close_notice(note)
    state.change(**{field: chosen})


def _ask(field: str, label: str, options: list[str], wanted: str | None, show: Callable[[str], str]) -> str:
    """Let the user choose one of some options."""
    key = "d-images" if field == "image_kind" else f"d-{field}"
    answer = _one_of(wanted, options)
    place = options.index(answer)
    asked = state.control(key, answer, lambda chosen: _choose(field, chosen))
    names = {option: show(option) for option in options}
    is_long = sum(len(name) + _BESIDE for name in names.values()) > _ROW
    if field == "series" or (len(options) > _FEW and field != "image_kind"):
        st.selectbox(label, options, place, format_func=lambda option: names[option], **asked)
    elif field == "image_kind" or is_long:
        st.radio(label, options, place, format_func=lambda option: plain(names[option]), **asked)
    else:
        st.segmented_control(
            label, options, default=answer, format_func=lambda option: plain(names[option]), required=True,
            width="stretch", **asked,
        )  # fmt: skip
    return answer


def _one_of(wanted: str | None, options: list[str]) -> str:
    return wanted if wanted in options else options[0]


def _order(option: str) -> tuple[bool, int, str]:
    """What is shown first, then kinds of images in their order, then by name."""
    place = list(IMAGE_KINDS).index(option) if option in IMAGE_KINDS else len(IMAGE_KINDS)
    return option not in _FIRST, place, option


def _name_series(series: tuple, against: str) -> str:
    named = dict(zip(series_columns(against), series, strict=True))
    parts = [f"width {named['width']}"] if "width" in named else []
    parts += [f"{named['num_train_images']:,} images", f"{named['label_noise']:.0%} noise"]
    parts += ["batch norm"] if named["batch_norm"] else []
    parts += [f"{named['num_anchors']} anchors", f"radius {named['radius']:g}"]
    return ", ".join([*parts, f"{counted(named['num_segments'], 'segment')} a path"])
