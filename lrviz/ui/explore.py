"""The Explore page: choose a model, three images and a window; see its regions.

All of the page is one fragment, which runs again when something in it is used: the map answers within some 30 ms.
"""

from collections.abc import Callable

import streamlit as st

from lrviz.engine.estimate import fitting_half_width
from lrviz.errors import BudgetExceeded, LrvizError
from lrviz.models.images import ImageRecord
from lrviz.ui import (
    exports,
    fitting,
    following,
    guide,
    look,
    map_memory,
    maps,
    missing,
    overview,
    panel,
    pins,
    resources,
    sidebar,
    state,
    toolbar,
    triplet,
)
from lrviz.ui.following import Task
from lrviz.ui.guard import guard
from lrviz.ui.jobs import Job
from lrviz.ui.look import Container
from lrviz.ui.markdown import plain
from lrviz.ui.visit import readable_image, resolve
from lrviz.views.presets import PLACES, Aim
from lrviz.views.scene import Scene
from lrviz.views.view import View

AIM = Aim(num_regions=1500, fewest=100, most=30_000)
"""As many regions as a map shows well."""

_MOMENT = 0.3
"""Seconds that the map waits for what stands above it."""

_WIDTHS = [0.36, 0.64]


def explore() -> None:
    """The whole page."""
    look.apply_look()
    state.open_page("explore", _first_view, _need_window)
    _page()


@st.fragment
def _page() -> None:
    with st.container(key="explore"):
        header, notices = (
            st.container(horizontal=True, vertical_alignment="center", key="header"),
            st.container(key="notices"),
        )
        guard(lambda: _show_page(header))
        toolbar.show_bar(header, notices)


def _show_page(header: Container) -> None:
    state.write_link()
    view = state.current()
    with header:
        sidebar.choose_model()
    scene = open_scene(view, header, _first_view)
    if scene is None:
        with header:
            exports.show_none()
        return
    with header:
        job = resources.predictions_job(view.triplet, scene.model, scene.program)
        classes = following.soon("Predicting the classes of the images", job, _MOMENT) or ()
        triplet.show_triplet(scene.images, tuple(scene.model.classes[k] for k in classes))
    if not fitting.settle(state.current(), AIM):
        return
    if state.current() != view:
        view = state.current()
        scene = resolve(view, resources.store())
    _show_views(view, scene, header)


def _first_view() -> View:
    return _need_window(state.default_view())


def _need_window(view: View) -> View:
    if view.center is None:
        state.want_window("centroid")
    return view


def open_scene(view: View, header: Container, first: Callable[[], View]) -> Scene | None:
    """What the view names; None while the network is traced, or if something cannot be loaded.

    Args:
        view: What is shown.
        header: Where the images are shown until then.
        first: Makes the view that is offered instead of one that cannot be shown.
    """
    job = resources.model_job(view.model)
    if not job.wait(0.1):
        with header:
            triplet.show_triplet(load_images(view))
        following.follow([Task("Loading the model", job, can_cancel=False)])
        return None
    error = job.error
    if error is None:
        view = _known_class(view, job.result[0].classes)
        try:
            return resolve(view, resources.store())
        except LrvizError as refusal:
            error = str(refusal)
    with header:
        triplet.show_triplet(load_images(view))
    st.error(plain(error), icon=":material/error:")
    missing.offer_others(view, first)
    resources.forget(job.key)
    state.forget_wanted_window()
    state.write_link()
    return None


def _known_class(view: View, classes: tuple[str, ...]) -> View:
    """The view, of all classes if it names one that the model does not have."""
    if view.class_index is None or view.class_index < len(classes):
        return view
    state.change(class_index=None)
    state.tell(
        f"Some of the link could not be read and was left out. The model {view.model} has the classes 0 to "
        f"{len(classes) - 1}; got {view.class_index}."
    )
    state.write_link()
    return state.current()


def load_images(view: View) -> tuple[ImageRecord | None, ...]:
    """The triplet; None for what cannot be loaded."""
    return tuple(map(readable_image, view.triplet))


def _show_views(view: View, scene: Scene, header: Container) -> None:
    """The map and the region's card first, since they are what one waits for; then what stands around them."""
    left, right = st.columns(_WIDTHS, gap="small")
    device = sidebar.chosen_device()
    job = maps.find_job(view, scene, device)
    here = maps.find_samples(scene, device, job)
    triangle = overview.best_samples(scene, device, may_start=job.done and here.job is None)
    with right, st.container(key="exact"):
        outcome = maps.show_map(view, scene, job, here, triangle)
    with left:
        guide.show_guide()
        sampled, controls = st.container(key="sampled"), st.container(key="controls")
        _offer_more(job, scene)
        if outcome is not None:
            panel.show_numbers(view, scene, outcome)
        if outcome is not None and map_memory.has_arrived():
            pins.show_pins(scene.digest, scene)
            with st.container(key="region"):
                panel.show_region(view, scene, outcome)
            panel.show_histogram(view, scene, outcome)
        sidebar.show_model()
    with controls:
        sidebar.choose_colour(scene.model.classes)
        sidebar.choose_edges()
        sidebar.choose_place(scene, {name: name for name in PLACES}, f"about {AIM.num_regions:,} regions")
    with sampled:
        overview.show_overview(view, scene, triangle)
    with header:
        exports.show_export(view, scene, outcome, triangle.samples)


def _offer_more(job: Job, scene: Scene) -> None:
    """What to do where the map is not the whole answer."""
    if not job.done or not (job.error or job.cancelled):
        return
    failure = job.failure
    if not isinstance(failure, BudgetExceeded):
        following.offer_again([job.key])
        return
    u, v = (float(x) for x in scene.window.center)
    half = float(f"{fitting_half_width(failure.pieces_per_length, AIM.num_regions):.3g}")
    st.info(
        f"{failure.reason} Zoom in, choose a smaller window, such as one around ({u:.4g}, {v:.4g}) with half width "
        f"{half:g}, or raise the budget.",
        icon=":material/zoom_in:",
    )
    st.button(
        "Smaller window here", type="primary", width="stretch", on_click=state.set_window, args=((u, v), half),
        help=f"Half width {half:g}, which should hold about {AIM.num_regions:,} regions",
    )  # fmt: skip
