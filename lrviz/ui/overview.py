"""The overview of Explore: the sampled triangle, finer and finer, with the window in it. A box moves the window."""

from typing import Any

import streamlit as st

from lrviz.figures.overview import blank_overview, overview
from lrviz.measures.class_map import num_sampled_areas
from lrviz.models.images import as_picture
from lrviz.ui import look, resources, state
from lrviz.ui.maps import Sampling, rounded_window
from lrviz.views.scene import Scene
from lrviz.views.view import View

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
            detail = f"{len(samples.u)} × {len(samples.v)}, {areas:,} class area{'s' * (areas != 1)}"
        look.heading("Overview", "sampled", detail + (", refining" if is_refining and samples else ""))
        quantity = st.segmented_control(
            "Overview", ["class", "slope", "margin"], default="class", label_visibility="collapsed", key="overview"
        )
    shown = {
        "images": tuple(as_picture(record.image) for record in scene.images),
        "labels": tuple(record.label or "" for record in scene.images),
        "window": scene.window.corners if view.center is not None else None,
        "height": HEIGHT,
    }
    figure = (
        overview(samples, quantity or "class", class_names=scene.model.classes, **shown)  # type: ignore[arg-type]
        if samples
        else blank_overview(scene.plane.anchors, **shown)  # type: ignore[arg-type]
    )
    figure.update_layout(dragmode="select", margin={"l": 44, "r": 4, "t": 4, "b": 36})
    chart = f"overview-{scene.program.digest[:12]}-{view.triplet}-{quantity}-{state.generation()}"
    look.chart(figure, key=chart, config=CONFIG, on_select=lambda: _box_drawn(chart), selection_mode="box")


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
