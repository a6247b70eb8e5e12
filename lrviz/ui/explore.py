"""The Explore page: choose a model, three images and a window; see its regions."""

from collections.abc import Callable

import streamlit as st

from lrviz.errors import LrvizError
from lrviz.models.images import ImageRecord
from lrviz.ui import fitting, following, look, maps, missing, panel, resources, sidebar, state, triplet
from lrviz.ui.following import Task
from lrviz.ui.look import Container
from lrviz.ui.visit import readable_image, resolve
from lrviz.views.presets import PLACES, Aim
from lrviz.views.scene import Scene
from lrviz.views.view import View

AIM = Aim(num_regions=maps.TARGET_REGIONS, fewest=100, most=30_000)


def explore() -> None:
    """The whole page."""
    look.apply_look()
    view = state.open_page("explore", _first_view, _need_window)
    with st.sidebar:
        sidebar.sign()
        sidebar.choose_model()
    header = st.container()
    scene = open_scene(view, header, _first_view)
    if scene is None:
        return
    with header:
        classes = [
            resources.prediction_of(scene.program.digest, name, scene.model, scene.program) for name in view.triplet
        ]
        triplet.show_triplet(scene.images, tuple(scene.model.classes[k] for k in classes))
    if not fitting.settle(state.current(), AIM):
        return
    if state.current() != view:
        view = state.current()
        scene = resolve(view)
    with st.sidebar:
        sidebar.choose_colour(scene.model.classes)
        sidebar.choose_edges()
        sidebar.choose_window(scene, {name: name for name in PLACES}, f"about {AIM.num_regions:,} regions")
        device = sidebar.choose_limits()
        downloads = st.container()
    _show_views(view, scene, device, downloads)


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
            return resolve(view)
        except LrvizError as refusal:
            error = str(refusal)
    with header:
        triplet.show_triplet(load_images(view))
    st.error(error, icon=":material/error:")
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


def _show_views(view: View, scene: Scene, device: str | None, downloads: Container) -> None:
    """The exact map first, since it is what one waits for; then the overview and what lies under both."""
    left, right = st.columns(2, gap="medium")
    numbers, below = st.container(), st.container()
    with right, st.container(key="exact"):
        outcome = maps.find_regions(view, scene, device)
        if outcome is not None and st.session_state.get("has_map"):
            maps.show_regions(view, scene, outcome)
        elif outcome is not None:
            maps.show_draft(view, scene, outcome)
    with downloads:
        panel.show_downloads(view, scene, outcome)
    if outcome is not None:
        with numbers:
            panel.show_numbers(view, scene, outcome)
    if outcome is not None and not st.session_state.get("has_map"):
        with left:
            maps.await_overview()
        st.session_state.has_map = True
        return
    if outcome is not None:
        with below:
            region, distribution = st.columns([2.3, 1], gap="medium")
            with region:
                panel.show_region(view, scene, outcome)
            with distribution:
                panel.show_histogram(view, scene, outcome)
    with left, st.container(key="sampled"):
        maps.show_overview(view, scene, device, may_start=resources.regions_job(view, scene, device).done)
