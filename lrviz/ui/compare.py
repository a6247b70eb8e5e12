"""The Compare widths page: one window in several networks, from narrow to wide."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from lrviz.errors import LrvizError
from lrviz.figures.comparison.data import Cell
from lrviz.figures.comparison.print import COMPARISON_SUFFIXES, fitting_paper, render_comparison
from lrviz.figures.comparison.screen import comparison_map, map_width
from lrviz.figures.widths import has_widths, width_curves
from lrviz.measures.definitions import ERROR_QUANTITIES, SUMMARY_QUANTITIES, WINDOW_TERMS
from lrviz.measures.tables import Columns
from lrviz.models.card import Card
from lrviz.ui import (
    compare_jobs,
    compare_models,
    explore,
    exports,
    fitting,
    look,
    missing,
    overview,
    resources,
    sidebar,
    state,
    triplet,
)
from lrviz.ui.compare_jobs import Found, Slot
from lrviz.ui.jobs import Job
from lrviz.ui.look import Container
from lrviz.ui.markdown import plain
from lrviz.ui.page_width import page_width
from lrviz.ui.visit import files_changed_at, resolve
from lrviz.views.comparison import Member, compare
from lrviz.views.presets import HERE
from lrviz.views.view import View

_LEAST_WIDTH = 195
"""Pixels of a map, which its title takes."""

_SIDES = (60, 560)
"""Least and most pixels of the height of a map."""

_MOST_COLUMNS = 6
_SIZE = f"about {compare_jobs.TARGET_REGIONS:,} regions in the widest network"
_TEXT = "Every map shows the same window of the same plane on one colour scale."
_WIDTHS = (
    " With width the number of regions grows steeply, while neighbouring regions hardly differ in slope where their "
    "similarity is close to 1. Below, compare the shapes of the curves with that of the test error; lines join the "
    "means over seeds, and bars show one standard deviation."
)


def compare_widths(bar: Container) -> None:
    """The whole page; its bar takes what it exports."""
    look.apply_look()
    view = state.open_page("compare", compare_models.first_view, compare_models.arrive)
    with st.sidebar:
        look.brand("lrviz", "One window in networks of several widths")
        compare_models.choose_models()
    width = page_width()
    header = st.container()
    if not compare_models.chosen():
        _show_nothing(view, header)
    if not (compare_models.chosen() and _show(view, header, bar, width)):
        with bar:
            exports.show_none()


def _show_nothing(view: View, header: Container) -> None:
    with header:
        triplet.show_triplet(explore.load_images(view))
    st.info(
        "Nothing is chosen yet. Choose one or more widths, and a seed, in the sidebar; each adds a map."
        if compare_models.group_families(resources.cards())
        else "A comparison needs models of several widths, and none are installed. Install lrviz again: "
        "they come with it.",
        icon=":material/info:",
    )


def _show(view: View, header: Container, bar: Container, width: int) -> bool:
    """The maps and what belongs to them, as far as they are there; whether there is something to export."""
    try:
        named = compare_models.cards_of(view.models)
    except LrvizError as error:
        st.error(plain(str(error)), icon=":material/error:")
        missing.offer_others(view, compare_models.first_view)
        return False
    cards = tuple(named.values())
    device = sidebar.chosen_device()
    resources.model_job(view.model)
    if view.center is None and state.wanted_window() is None:
        state.want_window("centroid")
    elif state.wanted_window() is None:
        # they start while the page still waits for the first network
        compare_jobs.fill_slots(replace(view, models=tuple(named)), cards, device)
    scene = explore.open_scene(view, header, compare_models.first_view)
    if scene is None:
        return False
    with header:
        triplet.show_triplet(scene.images)
    widest = replace(state.current(), models=(tuple(named)[compare_jobs.widest(cards)],))
    if not fitting.settle(widest, compare_jobs.aim(view)) or state.current().center is None:
        return False
    view = replace(state.current(), models=tuple(named))
    scene = resolve(view, resources.store())
    with st.sidebar:
        sidebar.choose_colour(scene.model.classes)
        sidebar.choose_window(scene, compare_jobs.PRESETS, _SIZE)
        sidebar.choose_limits()
    slots = compare_jobs.fill_slots(view, cards, device)
    cells = [
        _cell(each, card, slot, compare_models.label(card, cards))
        for each, card, slot in zip(view.each, cards, slots, strict=True)
    ]
    is_family = compare_models.is_family(cards)
    members = [slot.member for slot in slots if isinstance(slot, Found)]
    members = members if is_family else [replace(member, width=0) for member in members]
    bounds = np.stack([scene.window.corners.min(0), scene.window.corners.max(0)])
    _show_maps(view, cells, bounds, cards, width, lambda: compare_jobs.show_progress(slots, cards))
    _show_failures(cards, slots)
    if members:
        _show_measures(view, members, width)
    with bar:
        _show_downloads(view, cells, members, num_columns(cards))
    return True


def _window_text(view: View) -> str:
    width, height = 2 * (view.half_width or 0), 2 * (view.half_height or view.half_width or 0)
    return f"window {width:.3g} × {height:.3g}"


def _show_maps(
    view: View,
    cells: Sequence[Cell],
    bounds: np.ndarray,
    cards: Sequence[Card],
    width: int,
    show_progress: Callable[[], None],
) -> None:
    left, right = st.columns([2.2, 1], vertical_alignment="center")
    with left:
        look.heading("Exact regions", _window_text(view), tag="exact" if any(cell.panel for cell in cells) else "")
    with right:
        mode = st.segmented_control(
            "Drag", ["Zoom", "New window"], default="Zoom", label_visibility="collapsed", key="compare-drag",
            help="Zoom: drag or scroll to look closer in all maps at once; a double click shows all. "
            "New window: drag a box, and the regions in it are found for every network.",
            width="stretch",
        )  # fmt: skip
    st.caption(_TEXT + _WIDTHS * (compare_models.is_family(cards) and len({card.width for card in cards}) > 1))
    show_progress()
    began = time.monotonic()
    known = [(cell.title, cell.detail, cell.notice) for cell in cells]
    fitting_columns = (n for n in range(_MOST_COLUMNS, 1, -1) if map_width(width, n) >= _LEAST_WIDTH)
    columns = num_columns(cards, next(fitting_columns, 1))
    side = int(np.clip(map_width(width, columns) / np.divide(*np.ptp(bounds, axis=0)), *_SIDES))
    figure = _figure(repr((view.to_json(), files_changed_at(view), known)), cells, bounds, columns, side)
    figure.update_layout(dragmode="select" if mode == "New window" else "zoom")
    st.session_state.drawing_seconds = time.monotonic() - began
    chart = f"maps-{mode}-{state.generation()}"
    look.chart(figure, key=chart, config=overview.CONFIG, on_select=lambda: _box_drawn(chart), selection_mode="box")


@st.cache_resource(show_spinner=False, max_entries=6)
def _figure(key: str, _cells: Sequence[Cell], _bounds: np.ndarray, columns: int, side: int) -> go.Figure:
    return comparison_map(_cells, _bounds, columns=columns, side=side)


def _box_drawn(chart: str) -> None:
    boxes = st.session_state[chart].selection.box
    if boxes:
        overview.move_to_box(boxes[0])


def num_columns(cards: Sequence[Card], most: int = _MOST_COLUMNS) -> int:
    """Rows that hold all widths of a seed, or equal parts of them, if they fit; else rows as equal as possible."""
    widths = len({card.width for card in cards})
    parts = [n for n in range(2, min(most, widths) + 1) if widths % n == 0]
    if parts and len(cards) > widths and len(cards) % widths == 0:
        return parts[-1]
    rows = -(-len(cards) // most)
    return -(-len(cards) // rows)


def _cell(view: View, card: Card, slot: Slot, title: str) -> Cell:
    error = f"test error {card.test_error:.3f}" if card.is_own else ""
    link = "." + view.to_link()
    if isinstance(slot, Found):
        found = slot.member.summary
        detail = ", ".join(filter(None, [f"{look.count(found.num_regions)} regions", error]))
        return Cell(title=title, detail=detail, panel=slot.panel, notice=found.status.reason, link=link)
    waiting = isinstance(slot, Job)
    return Cell(title=title, detail=error, notice="not there yet" if waiting else "no map, see below", link=link)


def _show_failures(cards: Sequence[Card], slots: Sequence[Slot]) -> None:
    """What is not complete, and ways out of it."""
    failed = [
        f"{compare_models.label(card, cards)}: {slot}"
        for card, slot in zip(cards, slots, strict=True)
        if isinstance(slot, str)
    ]
    partial = [slot.member for slot in slots if isinstance(slot, Found) and not slot.member.is_complete]
    if failed:
        st.error("  \n".join(map(plain, failed)), icon=":material/error:")
    if partial:
        names = plain(", ".join(member.model for member in partial))
        st.warning(
            f"Only a part of the window is covered by {names}; the measures are those of that part, and hollow in the "
            "curves. The deviation needs the whole window.",
            icon=":material/warning:",
        )
    if failed or partial:
        with st.container(horizontal=True):
            st.button(
                "Window that suits the widest", type="primary", on_click=state.want_window, args=(HERE,),
                help="The largest one that every network can hold.",
            )  # fmt: skip
            st.button("Try again", on_click=compare_jobs.try_again)


def _show_measures(view: View, members: Sequence[Member], width: int) -> None:
    if has_widths(members):
        look.heading("Against width")
        look.chart(width_curves(members, width=width), key="curves", config={"displayModeBar": False})
    look.heading("Measures")
    _show_table(_table(_name(view, members), members))


@st.cache_resource(show_spinner=False, max_entries=6)
def _table(key: str, _members: Sequence[Member]) -> Columns:
    return compare(_members)


def _name(view: View, members: Sequence[Member]) -> str:
    """Tells what was found for a view from all else, also from what was found until a moment before."""
    found = [(member.model, member.summary) for member in members]
    return repr((view.to_json(), files_changed_at(view), found))


def _show_table(columns: Columns) -> None:
    shown = {name: columns[name] for name in ("model", *_COLUMNS) if name in columns} | {
        "density": columns["density"].round().astype(int)
    }
    st.dataframe(shown, hide_index=True, column_config=_COLUMNS, key="measures")


def _number(name: str, label: str, form: str, before: str = "") -> Any:
    told = (SUMMARY_QUANTITIES | WINDOW_TERMS | ERROR_QUANTITIES)[name]
    explanation = before + told.help + (told.unit and f" Unit: {told.unit}.")
    return st.column_config.NumberColumn(label, format=form, help=explanation)


_COLUMNS = {
    "width": st.column_config.NumberColumn("k", format="%d", help="width"),
    "seed": st.column_config.NumberColumn("seed", format="%d", help="seed of the training"),
    "num_regions": _number("num_regions", "regions", "localized"),
    "density": _number("density", "regions per area", "localized"),
    "mean_slope": _number("mean_slope", "slope", "%.3g"),
    "mean_jump": _number("mean_jump", "jump", "%.3g"),
    "mean_similarity": _number("mean_similarity", "similarity", "%.5f"),
    "deviation_per_area": _number("deviation_per_area", "deviation", "%.3g"),
    "boundary_length": _number("boundary_length", "boundary", "%.3g"),
    "num_class_areas": _number("num_class_areas", "class areas", "%d"),
    "agreement": _number("agreement", "agreement", "%.3f", "With the first network: "),
    "train_error": _number("train_error", "train error", "%.3f"),
    "test_error": _number("test_error", "test error", "%.3f"),
}


def _show_downloads(view: View, cells: Sequence[Cell], members: Sequence[Member], columns: int) -> None:
    with st.popover("Export", icon=":material/download:", disabled=not members):
        if members:
            exports.offer_file(
                COMPARISON_SUFFIXES,
                lambda width: fitting_paper(len(cells), columns, width).height_inches,
                lambda suffix, paper: render_comparison(suffix, view, cells, members, columns=columns, paper=paper),
                "comparison",
            )
