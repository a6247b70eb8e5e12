"""The Explore page: choose a model, three images and a window; see its regions."""

import streamlit as st

from lrviz.errors import LrvizError
from lrviz.models.images import ImageRecord
from lrviz.ui import look, maps, panel, resources, sidebar, state, triplet
from lrviz.ui.visit import load_image, resolve
from lrviz.views.scene import Scene
from lrviz.views.view import ViewSpec


def explore() -> None:
    """The whole page."""
    look.apply_look()
    view = state.current()
    with st.sidebar:
        sidebar.sign()
        sidebar.choose_model()
    show_notice()
    header = st.container()
    scene = open_scene(view, header)
    if scene is None:
        state.write_link()
        return
    scene = state.settle(scene)
    view = state.current()
    with st.sidebar:
        sidebar.choose_colour(scene.model.classes)
        sidebar.choose_edges()
        sidebar.choose_window(
            scene, lambda preset: state.place(scene, preset), state.PRESETS, f"about {state.TARGET_REGIONS:,} regions"
        )
        device = sidebar.choose_limits()
        downloads = st.container()
    with header:
        predicted = [
            resources.prediction_of(scene.program.digest, name, scene.model, scene.program) for name in view.images
        ]
        triplet.show_triplet(scene.images, tuple(scene.model.classes[k] for k in predicted))
    _show_views(view, scene, device, downloads)
    state.write_link()


def show_notice() -> None:
    """Show what the session has to say until it is closed, since pages run again by themselves."""
    if "notice" in st.session_state:
        st.session_state.shown_notice = st.session_state.pop("notice")
    if "shown_notice" in st.session_state:
        text, close = st.columns([20, 1], vertical_alignment="center")
        text.warning(st.session_state.shown_notice, icon=":material/info:")
        close.button(
            "", icon=":material/close:", key="close-notice", type="tertiary", help="Close this message",
            on_click=lambda: st.session_state.pop("shown_notice", None),
        )  # fmt: skip


def open_scene(view: ViewSpec, header: st.delta_generator.DeltaGenerator) -> Scene | None:
    """What the view names; None while the network is traced, or if something cannot be loaded."""
    job = resources.model_job(view.model)
    if not job.wait(0.1):
        with header:
            triplet.show_triplet(load_images(view))
        maps.show_progress(job, "Loading the model", can_cancel=False)
        return None
    try:
        if job.error:
            raise LrvizError(job.error)
        return resolve(view)
    except LrvizError as error:
        with header:
            triplet.show_triplet(load_images(view))
        st.error(str(error), icon=":material/error:")
        resources.forget(job.key)
        return None


def load_images(view: ViewSpec) -> tuple[ImageRecord | None, ...]:
    """The triplet; None for what cannot be loaded."""

    def load(reference: str) -> ImageRecord | None:
        try:
            return load_image(reference)
        except LrvizError:
            return None

    return tuple(load(reference) for reference in view.images)


def _show_views(view: ViewSpec, scene: Scene, device: str | None, downloads: st.delta_generator.DeltaGenerator) -> None:
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
