"""The overview of Explore: the sampled triangle, finer and finer, with the window in it. A box moves the window."""

from typing import Any

import plotly.graph_objects as go
import streamlit as st

from lrviz.figures.overview import blank_overview, overview, with_window
from lrviz.measures.class_map import num_sampled_areas
from lrviz.models.images import as_picture
from lrviz.results.samples import Samples
from lrviz.ui import look, resources, state
from lrviz.ui.map_memory import has_arrived, rounded_window
from lrviz.ui.maps import Sampling
from lrviz.views.scene import Scene
from lrviz.views.view import View
from lrviz.words import counted

HEIGHT = 330
RESOLUTIONS = (32, 64, 128)
CONFIG = {"scrollZoom": True, "displaylogo": False, "doubleClick": "reset",
          "modeBarButtonsToRemove": ["toImage", "autoScale2d", "lasso2d"]}  # fmt: skip


def best_samples(scene: Scene, device: str | None, *, may_start: bool) -> Sampling:
    """Samples of the triangle.

    Args:
        scene: What is shown.
        device: Where to compute.
        may_start: Whether sampling may begin now; the exact map comes first, so that it appears sooner.
    """
    best = None
    for resolution in RESOLUTIONS:
        job = resources.samples_job(scene, scene.plane.triangle(), resolution, device, start=may_start)
        if job is None or not job.done:
            return Sampling(best, job)
        if job.error:
            return Sampling(best, None)
        best = job.result.result
    return Sampling(best, None)


def show_overview(view: View, scene: Scene, sampling: Sampling) -> None:
    """Show it.

    Args:
        view: What is shown.
        scene: Its objects.
        sampling: From `best_samples`.
    """
    samples, is_refining = sampling.samples, sampling.job is not None
    with st.container(horizontal=True, vertical_alignment="center"):
        detail = "waiting"
        if samples:
            areas = num_sampled_areas(samples.predicted)
            detail = f"{len(samples.u)} × {len(samples.v)}, {counted(areas, 'class area')}"
        look.heading("Overview", detail + (", refining" if is_refining and samples else ""), tag="sampled")
        quantity = st.segmented_control(
            "Overview", ["class", "slope", "margin"], default="class", label_visibility="collapsed", key="overview"
        )
    if not has_arrived():
        return
    shows = f"overview {scene.digest} {scene.model.classes} {quantity} {detail if samples else None}"
    window = None if view.center is None else scene.window.corners
    chart = f"overview-{scene.program.digest[:12]}-{view.triplet}-{quantity}-{state.generation()}"

    def draw() -> go.Figure:
        drawn = _draw_triangle(shows, scene, samples, quantity or "class")
        return drawn if window is None else with_window(drawn, window)

    look.kept_chart(
        f"{shows} {window}", draw, key=chart, config=CONFIG, on_select=lambda: _box_drawn(chart), selection_mode="box"
    )


@st.cache_resource(show_spinner=False, max_entries=12)
def _draw_triangle(shows: str, _scene: Scene, _samples: Samples | None, quantity: str) -> go.Figure:
    """The overview without the window, which moves more often than anything else changes."""
    shown = {
        "images": tuple(as_picture(record.image) for record in _scene.images),
        "labels": tuple(record.label or "" for record in _scene.images),
        "height": HEIGHT,
    }
    figure = (
        overview(_samples, quantity, class_names=_scene.model.classes, **shown)  # type: ignore[arg-type]
        if _samples
        else blank_overview(_scene.plane.anchors, **shown)  # type: ignore[arg-type]
    )
    return figure.update_layout(dragmode="select", margin={"l": 44, "r": 4, "t": 4, "b": 36})


def _box_drawn(chart: str) -> None:
    boxes = st.session_state[chart].selection.box
    if boxes:
        move_to_box(boxes[0])


def move_to_box(box: Any) -> None:
    """Make a box that was drawn the window."""
    (u0, u1), (v0, v1) = sorted(box["x"]), sorted(box["y"])
    if not (u0 < u1 and v0 < v1):
        return
    center, half_width, half_height = rounded_window((u0 + u1) / 2, (v0 + v1) / 2, (u1 - u0) / 2, (v1 - v0) / 2)
    similar = abs(half_width - half_height) < 0.02 * half_width
    state.set_window(center, half_width, None if similar else half_height)
