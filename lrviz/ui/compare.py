"""The Compare widths page: one window in several networks, from narrow to wide."""

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import plotly.graph_objects as go
import streamlit as st

from lrviz.comparison import CompareSpec, Member, compare
from lrviz.figures.compare import Cell, comparison_map
from lrviz.figures.width_curves import width_curves
from lrviz.ui import compare_jobs, compare_models, explore, look, maps, resources, sidebar, state, triplet
from lrviz.ui.compare_jobs import Found, Slot
from lrviz.ui.jobs import Job
from lrviz.view import ViewSpec
from lrviz.zoo import Card

_SIDES = {1: 520, 2: 440, 3: 350, 4: 265, 5: 208, 6: 172}
"""Height of a map in pixels, by the number of columns: as high as it is wide on a screen of 1600 pixels."""

_MOST_COLUMNS = 6
_TEXT = (
    "Every map shows the same window of the same plane on one colour scale: with width the number of regions grows "
    "steeply, while neighbouring regions hardly differ in slope where their similarity is close to 1. "
    "Below, read a curve from left to right and compare its shape with the test error's on top."
)


def compare_widths() -> None:
    """The whole page."""
    look.apply_look()
    models = compare_models.chosen()
    with st.sidebar:
        look.brand("lrviz", "The same window in networks of several widths")
        compare_models.choose_models()
    explore.show_notice()
    header = st.container()
    spec = CompareSpec(models=models, view=state.current()) if models else None
    if spec is None:
        _show_nothing(header)
    else:
        _show(spec, header)


def _show_nothing(header: st.delta_generator.DeltaGenerator) -> None:
    with header:
        triplet.show_triplet(explore.load_images(state.current()))
    st.info(
        "Nothing is chosen yet. Choose one or more widths, and a seed, in the sidebar; each adds a map."
        if compare_models.group_families(resources.cards())
        else "A comparison needs models of several widths, and none are installed. Install lrviz again, or train some "
        "with: lrviz train cnn5 --width 8",
        icon=":material/info:",
    )
    compare_models.write_link(None)


def _show(spec: CompareSpec, header: st.delta_generator.DeltaGenerator) -> None:
    compare_models.write_link(spec)
    cards = compare_models.cards_of(spec.models)
    device = st.session_state.get("w-device") or resources.devices()[0]
    resources.model_job(spec.view.model)
    if spec.view.center is not None and "fit" not in st.session_state:
        compare_jobs.fill_slots(spec, cards, device)
    scene = explore.open_scene(spec.view, header)
    if scene is None:
        return
    with header:
        triplet.show_triplet(scene.images)
    if not compare_jobs.settle(spec, cards):
        return
    spec = CompareSpec(models=spec.models, view=state.current())
    compare_models.write_link(spec)
    with st.sidebar:
        sidebar.choose_colour(scene.model.classes)
        sidebar.choose_window(scene, _go_to, compare_jobs.PRESETS, "about 40,000 regions in the widest network")
        sidebar.choose_limits()
    slots = compare_jobs.fill_slots(spec, cards, device)
    look.heading("Exact regions", "exact", _window_text(spec.view))
    st.caption(_TEXT)
    compare_jobs.show_progress(slots, cards)
    _show_maps(spec, cards, slots)
    _show_failures(cards, slots)
    found = [slot for slot in slots if isinstance(slot, Found)]
    if found:
        _show_measures([slot.member for slot in found])


def _go_to(preset: str) -> None:
    st.session_state.fit = preset


def _window_text(view: ViewSpec) -> str:
    width, height = 2 * (view.half_width or 0), 2 * (view.half_height or view.half_width or 0)
    return f"window {width:.3g} × {height:.3g}"


def _show_maps(spec: CompareSpec, cards: Sequence[Card], slots: Sequence[Slot]) -> None:
    began = time.monotonic()
    cells = [_cell(view, card, slot, spec) for view, card, slot in zip(spec.views, cards, slots, strict=True)]
    columns = num_columns(cards)
    figure = _figure(repr((spec.to_json(), [(cell.detail, cell.notice) for cell in cells])), cells, columns)
    st.session_state.drawing_seconds = time.monotonic() - began
    st.plotly_chart(figure, key=f"maps-{state.generation()}", theme=None, config=maps.CONFIG)


@st.cache_resource(show_spinner=False, max_entries=6)
def _figure(key: str, _cells: list[Cell], columns: int) -> go.Figure:
    figure = comparison_map(_cells, columns=columns, side=_SIDES[columns])
    figure.update_layout(dragmode="zoom")
    return figure


def num_columns(cards: Sequence[Card]) -> int:
    """A row for every seed if its widths fit into it; else rows as equal as possible."""
    widths = len({card.width for card in cards})
    if len(cards) > widths and widths <= _MOST_COLUMNS and len(cards) % widths == 0:
        return widths
    rows = -(-len(cards) // _MOST_COLUMNS)
    return -(-len(cards) // rows)


def _cell(view: ViewSpec, card: Card, slot: Slot, spec: CompareSpec) -> Cell:
    several = len(spec.models) > 1
    title = f"k = {card.width}" + (f", seed {card.seed}" if several else "")
    link = "./?" + urlencode(view.to_query())
    if isinstance(slot, Job):
        return Cell(title=title, detail=f"test error {card.test_error:.3f}", notice="not there yet", link=link)
    if isinstance(slot, str):
        return Cell(title=title, detail=f"test error {card.test_error:.3f}", notice="no map, see below", link=link)
    number = slot.member.summary.num_regions
    detail = f"{look.count(number)} regions, test error {card.test_error:.3f}"
    notices = {"complete": "", "max_regions": "budget hit", "cancelled": "cancelled"}
    return Cell(title=title, detail=detail, panel=slot.panel, notice=notices[slot.member.summary.status], link=link)


def _show_failures(cards: Sequence[Card], slots: Sequence[Slot]) -> None:
    failed = [(card, slot) for card, slot in zip(cards, slots, strict=True) if isinstance(slot, str)]
    for card, message in failed:
        st.error(f"k = {card.width}, seed {card.seed}: {message}", icon=":material/error:")
    partial = [slot.member for slot in slots if isinstance(slot, Found) and not slot.member.is_complete]
    if partial:
        st.warning(
            f"The maps of {', '.join(member.model for member in partial)} cover a part of the window only, so their "
            "numbers are those of that part. Raise the budget or choose a smaller window.",
            icon=":material/warning:",
        )
    if failed or any(member.summary.status == "cancelled" for member in partial):
        st.button("Try again", on_click=compare_jobs.try_again)


def _show_measures(members: Sequence[Member]) -> None:
    curves, table = st.columns([1, 1.4], gap="medium")
    with curves:
        st.html('<div class="lr-head"><span class="t">Against width</span></div>')
        st.plotly_chart(width_curves(members), key="curves", theme=None, config={"displayModeBar": False})
    with table:
        st.html('<div class="lr-head"><span class="t">Measures</span></div>')
        _show_table(members)


def _show_table(members: Sequence[Member]) -> None:
    columns = compare(members)
    shown = {name: columns[name] for name in _COLUMNS}
    st.dataframe(
        shown, hide_index=True, column_config=_COLUMNS, height=min(36 * (len(members) + 1), 560), key="measures"
    )


def _number(label: str, form: str, explanation: str) -> Any:
    return st.column_config.NumberColumn(label, format=form, help=explanation)


_COLUMNS = {
    "width": _number("k", "%d", "width"),
    "seed": _number("seed", "%d", "seed of the training"),
    "num_regions": _number("regions", "localized", "number of regions in the window"),
    "density": _number("per area", "localized", "regions per squared unit of L2 distance"),
    "mean_slope": _number("slope", "%.3g", "mean slope of all logits together, in logits per unit of L2 distance"),
    "mean_jump": _number("jump", "%.3g", "mean norm of the difference of neighbouring slopes, same unit"),
    "mean_similarity": _number("similarity", "%.5f", "mean cosine between neighbouring slopes"),
    "deviation_per_area": _number("deviation", "%.3g", "mean absolute deviation from the interpolation, in logits"),
    "train_error": _number("train err.", "%.3f", "share of the training images, with the labels it was taught"),
    "test_error": _number("test err.", "%.3f", "share of the test images that is classified wrongly"),
}
