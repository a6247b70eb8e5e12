"""The two linked views: the sampled overview and the exact regions."""

from typing import Any

import numpy as np
import streamlit as st

from lrviz.engine.requests import Outcome, fitting_half_width, request_key
from lrviz.errors import BudgetExceeded
from lrviz.figures.map import paint, region_map, window_bounds
from lrviz.figures.overview import blank_overview, overview
from lrviz.figures.rasterise import data_uri
from lrviz.models.images import as_picture
from lrviz.results.regions import Regions
from lrviz.results.samples import Samples
from lrviz.results.status import Status
from lrviz.ui import following, look, resources, state
from lrviz.ui.following import Task
from lrviz.ui.jobs import Job
from lrviz.views.scene import Scene
from lrviz.views.view import View

HEIGHT = 540
CONFIG = {"scrollZoom": True, "displaylogo": False, "doubleClick": "reset",
           "modeBarButtonsToRemove": ["toImage", "autoScale2d", "lasso2d"]}  # fmt: skip
TARGET_REGIONS = 1500
"""As many regions as a map shows well."""

_POLL_SECONDS = 0.4


def find_regions(view: View, scene: Scene, device: str | None) -> Outcome | None:
    """The regions of the view, once they are there; until then a progress bar, or what went wrong."""
    job = resources.regions_job(view, scene, device)
    if not job.wait(following.PATIENCE):
        look.heading("Exact regions", "exact", "")
        following.follow([Task("Finding regions", job)])
        return None
    if job.error:
        look.heading("Exact regions", "exact", "")
        _show_failure(job, scene)
        return None
    outcome: Outcome = job.result
    if len(outcome.result) == 0:
        look.heading("Exact regions", "exact", "")
        st.info("Cancelled before a region was found.", icon=":material/stop_circle:")
        following.offer_again([job.key])
        return None
    return outcome


def _show_failure(job: Job, scene: Scene) -> None:
    failure = job.failure
    if not isinstance(failure, BudgetExceeded):
        st.error(job.error, icon=":material/error:")
        following.offer_again([job.key])
        return
    u, v = (float(x) for x in scene.window.center)
    half = float(f"{fitting_half_width(failure.pieces_per_length, TARGET_REGIONS):.3g}")
    st.error(
        f"{failure.reason} Choose a smaller window, such as one around ({u:.4g}, {v:.4g}) with half width {half:g}, or "
        "raise the budget.",
        icon=":material/error:",
    )
    left, right, _ = st.columns([1.3, 1, 1])
    left.button(
        "Smaller window here", type="primary", width="stretch", on_click=state.set_window, args=((u, v), half),
        help=f"Half width {half:g}, which should hold about {TARGET_REGIONS:,} regions",
    )  # fmt: skip
    with right:
        following.offer_again([job.key])


def show_draft(view: View, scene: Scene, outcome: Outcome) -> None:
    """The exact map as a picture, which appears before the browser has loaded what draws figures."""
    regions: Regions = outcome.result
    key = request_key(resources.regions_request(view, scene))
    size = regions.window.max(0) - regions.window.min(0)
    look.heading("Exact regions", "exact", f"window {size[0]:.3g} × {size[1]:.3g}")
    colouring = resources.colouring_of(key, regions, view.colour, view.class_index, scene.model.classes)
    pixels = paint(regions, colouring, "layer" if view.layer_edges else "thin", window_bounds(regions), side=720)
    look.draft(data_uri(pixels), HEIGHT)


def show_regions(view: View, scene: Scene, outcome: Outcome) -> None:
    """The exact map, with its heading and what a drag on it does."""
    regions: Regions = outcome.result
    classes = scene.model.classes
    key = request_key(resources.regions_request(view, scene))
    size = regions.window.max(0) - regions.window.min(0)
    left, right = st.columns([1.25, 1], vertical_alignment="center")
    with left:
        look.heading("Exact regions", "exact", f"window {size[0]:.3g} × {size[1]:.3g}")
    with right:
        mode = st.segmented_control(
            "Drag", ["Inspect", "New window"], default="Inspect", label_visibility="collapsed", key="drag",
            help="Inspect: click a region to open it, drag to pan, scroll to zoom. New window: drag a box.",
            width="stretch",
        )  # fmt: skip
    colouring = resources.colouring_of(key, regions, view.colour, view.class_index, classes)
    figure = region_map(
        regions,
        colouring,
        edges="layer" if view.layer_edges else "thin",
        class_names=classes,
        layer_names=tuple(layer.name for layer in scene.program.layers),
        selected=open_region(regions),
        height=HEIGHT,
    )
    figure.update_layout(dragmode="select" if mode == "New window" else "pan")
    chart = f"map-{key[:16]}-{view.colour}-{view.class_index}-{view.layer_edges}-{mode}-{state.generation()}"
    st.plotly_chart(
        figure, key=chart, theme=None, config=CONFIG, on_select=lambda: _map_selected(chart, regions),
        selection_mode=("points", "box"),
    )  # fmt: skip
    _warn_partial(regions, scene, view, key)


def _warn_partial(regions: Regions, scene: Scene, view: View, key: str) -> None:
    if regions.status == Status.COMPLETE:
        return
    share = regions.area.sum() / scene.window.area
    if regions.status == Status.MAX_REGIONS:
        st.warning(
            f"The budget of {view.max_regions:,} regions was hit: the map covers {share:.0%} of the window. "
            f"{regions.status.remedy}",
            icon=":material/warning:",
        )
        return
    st.warning(f"Cancelled: the map covers {share:.0%} of the window.", icon=":material/stop_circle:")
    job = resources.pool().find(key)
    if job is not None:
        following.offer_again([key])


def open_region(regions: Regions) -> int | None:
    """Index of the region that the user opened, if the window holds it."""
    pattern = state.current().region
    if pattern is None:
        return None
    found = np.flatnonzero(regions.pattern == np.uint64(int(pattern, 16)))
    return int(found[0]) if len(found) else None


def open_by_index(regions: Regions, index: int) -> None:
    """Open a region."""
    state.change(region=f"{regions.pattern[index]:016x}")


def _map_selected(chart: str, regions: Regions) -> None:
    selection = st.session_state[chart].selection
    if selection.box:
        move_to_box(selection.box[0])
    elif selection.points:
        index = selection.points[0].get("customdata")
        index = index[0] if isinstance(index, list) else index
        if index is not None and 0 <= int(index) < len(regions):
            open_by_index(regions, int(index))


def move_to_box(box: Any) -> None:
    """Make a box that was drawn the window."""
    (u0, u1), (v0, v1) = sorted(box["x"]), sorted(box["y"])
    half_width, half_height = float(f"{(u1 - u0) / 2:.4g}"), float(f"{(v1 - v0) / 2:.4g}")
    if not (half_width > 0 and half_height > 0):
        return
    similar = abs(half_width - half_height) < 0.02 * half_width
    center = (float(f"{(u0 + u1) / 2:.8g}"), float(f"{(v0 + v1) / 2:.8g}"))
    state.set_window(center, half_width, None if similar else half_height)


def show_overview(view: View, scene: Scene, device: str | None, *, may_start: bool) -> None:
    """The sampled triangle, finer and finer; the exact map comes first, so that it appears sooner."""
    left, right = st.columns([1.25, 1], vertical_alignment="center")
    with right:
        quantity = st.segmented_control(
            "Overview", ["class", "slope", "margin"], default="class", label_visibility="collapsed", key="overview",
            width="stretch",
        )  # fmt: skip
    samples, running = _best_samples(scene, device, may_start)
    with left:
        detail = f"{samples.predicted.shape[1]} × {samples.predicted.shape[0]} pixels" if samples else "waiting"
        look.heading("Overview", "sampled", detail + (", refining" if running and samples else ""))
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
    figure.update_layout(dragmode="select")
    chart = f"overview-{scene.program.digest[:12]}-{view.triplet}-{quantity}-{state.generation()}"
    st.plotly_chart(
        figure, key=chart, theme=None, config=CONFIG, on_select=lambda: _overview_selected(chart),
        selection_mode="box",
    )  # fmt: skip
    if running is not None:
        _wake_up(running)


def await_overview() -> None:
    """Leave the browser alone while it draws a session's first map; the page runs again soon after, with the rest."""
    look.heading("Overview", "sampled", "waiting")

    @st.fragment(run_every=0.5)
    def follow() -> None:
        if st.session_state.get("has_map"):
            state.rerun()

    follow()


@st.fragment(run_every=_POLL_SECONDS)
def _wake_up(job: Job) -> None:
    if job.done:
        state.rerun()


def _overview_selected(chart: str) -> None:
    boxes = st.session_state[chart].selection.box
    if boxes:
        move_to_box(boxes[0])


def _best_samples(scene: Scene, device: str | None, may_start: bool) -> tuple[Samples | None, Job | None]:
    """The finest samples that are there, and the job that makes finer ones."""
    best = None
    for resolution in resources.OVERVIEW_RESOLUTIONS:
        job = resources.overview_job(scene, resolution, device, start=may_start)
        if job is None:
            return best, None
        if not job.wait(0.3 if best is None and may_start else 0.02):
            return best, job
        if job.error:
            return best, None
        best = job.result.result
    return best, None
