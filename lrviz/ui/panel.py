"""Beside the map: the numbers of the window, the open region, and the histogram."""

import numpy as np
import streamlit as st

from lrviz.engine.requests import Outcome
from lrviz.figures.colouring import Colouring, name_of
from lrviz.figures.facts import card_facts
from lrviz.figures.panels import histogram, slope_image
from lrviz.measures.definitions import QUANTITIES, SUMMARY_QUANTITIES
from lrviz.measures.region import neighbourhood
from lrviz.measures.window import jump
from lrviz.models.numbers import image_shape
from lrviz.results.regions import Regions
from lrviz.ui import following, look, map_memory, resources
from lrviz.views.scene import Scene
from lrviz.views.view import View

_MOST_NUMBERS = 20
"""Numbers of the slope that are shown of inputs that are no images."""


def show_numbers(view: View, scene: Scene, outcome: Outcome) -> None:
    """The row of numbers of the window."""
    regions: Regions = outcome.result
    found = resources.summary_of(view, scene, regions)
    where = f"{regions.device.upper()}, {'stored' if outcome.stored else 'computed'}"
    similar = f"{found.mean_similarity:.4f}" if np.isfinite(found.mean_similarity) else "not defined"
    look.numbers(
        [
            ("regions", look.count(found.num_regions), _help("num_regions")),
            ("regions per unit area", look.count(found.density), _help("density")),
            ("mean slope, all logits", look.digits(found.mean_slope), _help("mean_slope")),
            ("mean jump at edges", look.digits(found.mean_jump), _help("mean_jump")),
            ("similarity of neighbours", similar, _help("mean_similarity")),
            ("mean deviation (logit)", look.digits(found.deviation_per_area), _help("deviation_per_area")),
            (where, look.duration(regions.seconds), "How long finding the regions took, and where."),
        ]
    )


def _help(name: str) -> str:
    told = SUMMARY_QUANTITIES[name]
    return f"{told.help} Unit: {told.unit}."


def show_histogram(view: View, scene: Scene, outcome: Outcome) -> None:
    """The distribution of what the map shows."""
    regions: Regions = outcome.result
    colouring = resources.colouring_of(view, scene, regions)
    brushed = "" if colouring.values is None else "drag over a part of it to light up its regions"
    look.heading("Distribution", brushed)
    chart = f"histogram-{view.colour}-{view.class_index}"
    look.kept_chart(
        f"{chart} {scene.model.classes} {resources.regions_name(view, scene, regions)}",
        lambda: histogram(regions, colouring, height=240).update_layout(dragmode="select", selectdirection="h"),
        config={"displayModeBar": False}, key=chart, selection_mode="box",
        on_select=lambda: _brushed(chart, view, colouring),
    )  # fmt: skip


def _brushed(chart: str, view: View, colouring: Colouring) -> None:
    boxes = st.session_state[chart].selection.box
    values = sorted(float(x) for x in boxes[0]["x"]) if boxes and colouring.values is not None else None
    map_memory.light(view, values)


def show_region(view: View, scene: Scene, outcome: Outcome) -> None:
    """The open region: its numbers, its neighbours, and its slope as an image."""
    regions: Regions = outcome.result
    index = map_memory.open_region(regions)
    if index is None:
        look.heading(
            "Region",
            "Click a region in the exact map to see its numbers, its neighbours, and its slope as an image. "
            "The largest one:",
        )
        index = int(regions.area.argmax())
    else:
        look.heading("Region", "opened")
    colouring = resources.colouring_of(view, scene, regions)
    look.numbers([("region id", f"{regions.pattern[index]:016x}")])
    look.facts(card_facts(regions, index, colouring, scene.model.classes))
    _show_slope(regions, index, scene, view)
    _show_neighbours(regions, index, scene, view.class_index)


def _show_neighbours(regions: Regions, index: int, scene: Scene, class_index: int | None) -> None:
    """A row for every neighbour; jumps are those of the outputs that the map is coloured by."""
    classes, near = scene.model.classes, neighbourhood(regions, index)
    if not len(near.edge_unit):
        st.caption("This region has no neighbour in the window.")
        return
    jumps = name_of("jump", class_index, classes).replace("jump of the slope", "jump")
    table = {
        "neighbour": [f"{pattern:016x}" for pattern in near.pattern[1:]],
        "class": [classes[k] for k in near.predicted[1:]],
        "edge length": near.edge_length,
        jumps: jump(near, "all" if class_index is None else class_index),
        "unit that switches": [scene.program.unit_words(int(unit)) for unit in near.edge_unit],
    }
    chosen = st.dataframe(
        table, key=f"neighbours-{regions.pattern[index]:x}", on_select="rerun", selection_mode="single-row",
        hide_index=True, height=210,
        column_config={
            "edge length": st.column_config.NumberColumn(format="%.3g"),
            jumps: st.column_config.NumberColumn(format="%.3g", help=QUANTITIES["jump"].unit),
        },
    )  # fmt: skip
    rows = chosen.selection.rows
    if rows and rows[0] < len(near) - 1:
        map_memory.open_pattern(f"{near.pattern[rows[0] + 1]:016x}")
        st.rerun(scope="fragment")


def _show_slope(regions: Regions, index: int, scene: Scene, view: View) -> None:
    class_index = view.class_index
    shown = int(regions.predicted[index]) if class_index is None else class_index
    classes = scene.model.classes
    chosen = st.selectbox(
        "Slope as an image, of", range(len(classes)), index=shown,
        format_func=lambda k: f"slope as an image: {classes[k]}", key=f"slope-{regions.pattern[index]:x}-{class_index}",
        label_visibility="collapsed",
    )  # fmt: skip
    center = regions.centroid[index]
    job = resources.input_slopes_job(scene, ((float(center[0]), float(center[1])),))
    found = following.soon("Slope in the input space", job)
    if found is None:
        return
    slopes = found[0]
    picture = image_shape(scene.model.input_shape)
    if picture is None:
        st.caption(", ".join(f"{value:.4g}" for value in slopes[chosen].ravel()[:_MOST_NUMBERS]))
        return
    look.kept_chart(
        f"{job.key} {chosen}", lambda: slope_image(slopes[chosen].reshape(picture), height=250),
        config={"displayModeBar": False}, key="slope-image",
    )  # fmt: skip
