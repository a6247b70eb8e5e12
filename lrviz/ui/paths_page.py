"""The Paths page: f along a path of images, its pieces, and how far it is from its chords."""

import numpy as np
import streamlit as st
from jaxtyping import UInt8

from lrviz.errors import LrvizError
from lrviz.figures.path.data import Line, PathDrawing, Stretch, class_lines
from lrviz.figures.path.print import PATH_SUFFIXES, render_path
from lrviz.figures.path.screen import path_figure
from lrviz.figures.style import MODEL_COLOURS
from lrviz.models.images import SHAPE, as_picture
from lrviz.models.numbers import image_shape
from lrviz.models.paths import Path
from lrviz.ui import (
    exports,
    following,
    look,
    missing,
    path_controls,
    path_jobs,
    path_state,
    path_tables,
    resources,
    state,
)
from lrviz.ui.look import Container
from lrviz.ui.markdown import plain
from lrviz.ui.page_width import page_width
from lrviz.ui.path_jobs import Track
from lrviz.ui.visit import find_card, load_image
from lrviz.views.scene import view_path
from lrviz.views.view import ALL, PREDICTED, View

_CONFIG = {"displaylogo": False, "doubleClick": False, "scrollZoom": False,
           "modeBarButtonsToRemove": ["toImage", "autoScale2d", "lasso2d", "zoom2d", "pan2d", "resetScale2d",
                                      "zoomIn2d", "zoomOut2d", "select2d"]}  # fmt: skip
_TEXT = (
    "f is linear on each piece of the path; the lanes show, layer by layer, where a unit switches and a piece begins. "
)
_SHADED = (
    "The shaded area between f and its chord, the straight line between a segment's ends, is the deviation: many "
    "breakpoints around a small area mean many nearly equal pieces."
)


def paths(bar: Container) -> None:
    """The whole page; its bar takes what it exports."""
    look.apply_look()
    view = state.open_page("paths")
    with st.sidebar:
        look.brand("lrviz", "f along a path of images, piece by piece")
        path_controls.choose_path()
        path_controls.choose_models()
        outputs = st.container()
        device = path_controls.choose_device()
    width = page_width()
    path = _make_path(view)
    if path is None:
        with bar:
            exports.show_none()
        return
    tracks = path_jobs.follow_models(view.models, path, device)
    with outputs:
        predicted = _choose_output(tracks)
    drawn = [track for track in tracks if track.curve is not None]
    drawing = None if predicted is None or not drawn else _make_drawing(state.current(), path, drawn, predicted)
    path_jobs.show_failures(tracks)
    if drawing is not None:
        _show_path(drawing, drawn, width)
    path_jobs.show_progress(tracks)
    st.caption(_TEXT + _about_lines(drawn))
    path_tables.show_tables(drawn)
    with bar:
        _show_downloads(state.current(), drawing, drawn)


def _about_lines(drawn: list[Track]) -> str:
    """What the lines of the figure are."""
    if state.current().output != ALL:
        return _SHADED
    of_one = f" of {plain(drawn[0].label)}, the first model, only" if len(drawn) > 1 else ""
    return f"Each line is f of one class{of_one}; the dashed ones are its chords."


def _make_path(view: View) -> Path | None:
    """The path through the inputs of the first model; of images if that is not there."""
    shape: tuple[int, ...] = SHAPE
    unknown: LrvizError | None = None
    try:
        shape = find_card(view.model).input_shape
    except LrvizError as error:
        unknown = error
    try:
        return view_path(view, [load_image(reference, shape).image for reference in view.path_images])
    except LrvizError as error:
        st.error(plain(str(unknown or error)), icon=":material/error:")
        missing.offer_others(view, state.default_view)
        return None


def _pictures(path: Path) -> list[UInt8[np.ndarray, "3 h w"]]:
    """What to show of the inputs that the path joins; nothing if they are no images."""
    if image_shape(path.points.shape[1:]) is None:
        return []
    return [as_picture(point) for point in path.points]


def _choose_output(tracks: tuple[Track, ...]) -> int | None:
    """Offer the outputs of the first model that is there; which class it predicts for the first image."""
    for track in tracks:
        if track.model is not None and track.program is not None:
            job = resources.predictions_job(state.current().images[:1], track.model, track.program)
            found = following.soon("Predicting the class of the first image", job)
            predicted = None if found is None else int(found[0])
            path_controls.choose_output(track.model.classes, predicted)
            return predicted
    return None


def _show_path(drawing: PathDrawing, tracks: list[Track], width: int) -> None:
    """Numbers, controls and figure."""
    path_tables.show_numbers(tracks[0])
    _show_heading(tracks[0], drawing.stretch)
    path_controls.choose_part(drawing.lines[0].curve)
    view = state.current()
    chart = f"path-{state.generation()}-{view.to_json()}-{[track.running for track in tracks]}"
    look.chart(
        path_figure(drawing, width=width), key=chart, config=_CONFIG, selection_mode="box",
        on_select=lambda: _box_drawn(chart, drawing.lines[0].curve.length),
    )  # fmt: skip


def _show_heading(track: Track, stretch: Stretch) -> None:
    curve = track.curve
    assert curve is not None
    if not curve.is_exact:
        look.heading(track.label, f"{len(curve.position):,} samples; the exact pieces are being found", tag="sampled")
        return
    inside = curve.knots_between(stretch.low, stretch.high)
    number = int((curve.layer[inside] >= 0).sum())
    look.heading(
        track.label,
        f"{number:,} breakpoints in view, {look.digits(stretch.high - stretch.low)} of {look.digits(curve.length)}",
        tag="exact",
    )  # fmt: skip


def _make_drawing(view: View, path: Path, tracks: list[Track], predicted: int) -> PathDrawing:
    """What the figure of a view shows."""
    lines = _lines_of(view, tracks, predicted)
    return PathDrawing(
        lines=lines,
        stretch=path_state.stretch_of(view, lines[0].curve.length),
        images=_pictures(path),
        all_chords=view.output == ALL,
    )


def _lines_of(view: View, tracks: list[Track], predicted: int) -> tuple[Line, ...]:
    """What the figure of a view draws: one class of all models, or all classes of the first one."""
    first = tracks[0].model
    assert first is not None
    classes = first.classes
    if view.output == ALL:
        return class_lines(_line(tracks[0], predicted, ""), classes)
    number = predicted if view.output == PREDICTED else int(view.output)
    number = number if number < len(classes) else predicted
    colours = dict(zip(path_controls.in_order(view.models), MODEL_COLOURS, strict=False))
    return tuple(_line(track, number, colours[track.name]) for track in tracks)


def _line(track: Track, number: int, colour: str) -> Line:
    """One class of a model."""
    curve, model, program = track.curve, track.model, track.program
    assert curve is not None and model is not None and program is not None
    return Line(
        name=f"{track.label}, {model.classes[number]}", colour=colour, curve=curve, output=number,
        layer_names=tuple(layer.name for layer in program.layers), unit_name=program.unit_name,
    )  # fmt: skip


def _show_downloads(view: View, drawing: PathDrawing | None, tracks: list[Track]) -> None:
    """Figure and data as files."""
    first = tracks[0] if tracks else None
    with st.popover("Export", icon=":material/download:", disabled=first is None or not first.pieces):
        if drawing is None or first is None or first.pieces is None or first.model is None:
            return
        pieces, classes = first.pieces, first.model.classes
        measures = {track.label: track.measures for track in tracks if track.measures is not None}
        exports.offer_file(
            PATH_SUFFIXES, lambda width: 0.64 * width,
            lambda suffix, paper: render_path(
                suffix, view, drawing, measures=measures, pieces=pieces, class_names=classes, paper=paper
            ),
            f"path-{first.label}",
        )  # fmt: skip


def _box_drawn(chart: str, length: float) -> None:
    boxes = st.session_state[chart].selection.box
    if boxes:
        low, high = sorted(boxes[0]["x"])
        path_state.show_part(float(low), float(high), length)
