"""The view of a session: one ViewSpec, read from the link once and written back to it after every change."""

from dataclasses import replace
from typing import Any

import streamlit as st

from lrviz.engine.requests import EstimateRequest, fitting_half_width, run
from lrviz.errors import LrvizError
from lrviz.geometry.plane import Window
from lrviz.measures.locate import boundary_point
from lrviz.results.estimate import Estimate
from lrviz.ui import resources
from lrviz.ui.visit import resolve
from lrviz.views.scene import Scene
from lrviz.views.view import ViewSpec

DEFAULT_MODEL = "cnn5-w8-noise20"
DEFAULT_IMAGES = ("samples:0", "samples:1", "samples:4")
TARGET_REGIONS = 1500
PRESETS = ("centroid", "image A", "image B", "image C", "decision boundary")
NO_BOUNDARY = "The whole triangle has one predicted class, so it holds no decision boundary. Choose other images."
_COMFORTABLE = (100, 30_000)


def current() -> ViewSpec:
    """The view of this session; on the first run it comes from the link, or is the default."""
    if "view" not in st.session_state:
        st.session_state.view = _first_view()
    return st.session_state.view


def change(**values: Any) -> None:
    """Change fields of the view."""
    st.session_state.view = replace(current(), **values)


def set_window(center: tuple[float, float], half_width: float, half_height: float | None = None) -> None:
    """Move the window, and forget the boxes that were drawn on the figures."""
    change(center=center, half_width=half_width, half_height=half_height)
    st.session_state.generation = generation() + 1


def generation() -> int:
    """Part of the figures' keys: a new one makes them forget what was selected."""
    return st.session_state.get("generation", 0)


def _first_view() -> ViewSpec:
    if st.query_params.get("region"):
        st.session_state.region = st.query_params["region"]
    if st.query_params.get("model"):
        try:
            return ViewSpec.from_query(st.query_params.to_dict())
        except LrvizError as error:
            st.session_state.notice = f"The link could not be read, so this is the default view. {error}"
    st.session_state.fit = "centroid"
    return ViewSpec(model=_default_model(), images=DEFAULT_IMAGES)


def _default_model() -> str:
    names = [card.name for card in resources.cards()]
    return DEFAULT_MODEL if DEFAULT_MODEL in names or not names else names[0]


def write_link() -> None:
    """Put the view, and the open region, into the address of the page."""
    query = current().to_query()
    if st.session_state.get("region"):
        query["region"] = st.session_state.region
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)


def settle(scene: Scene) -> Scene:
    """Choose a window where one is due: at the first open, and where the model or the images changed too much."""
    preset = st.session_state.pop("fit", None)
    if preset is None:
        return scene
    if preset == "check" and _COMFORTABLE[0] <= estimate(scene, scene.window).num_regions <= _COMFORTABLE[1]:
        return scene
    place(scene, preset)
    return resolve(current())


def place(scene: Scene, preset: str) -> None:
    """Put the window at a preset place, large enough for about `TARGET_REGIONS` regions."""
    center = preset_center(scene, preset)
    if center is None:
        st.session_state.notice = NO_BOUNDARY
        return
    set_window(center, fitted_half_width(scene, center))


def fitted_half_width(scene: Scene, center: tuple[float, float], num_regions: float = TARGET_REGIONS) -> float:
    """Half the width of a window around a point that holds about this many regions, to three digits."""
    half = scene.plane.triangle().radius / 100
    for _ in range(2):
        found = estimate(scene, Window.rectangle(center, half))
        half = min(fitting_half_width(max(found.pieces_per_length, 1e-3), num_regions), 100 * half)
    return float(f"{half:.3g}")


def estimate(scene: Scene, window: Window) -> Estimate:
    """How many regions a window holds."""
    request = EstimateRequest(program=scene.program, plane=scene.plane, window=window)
    return run(request, resources.store()).result


def preset_center(scene: Scene, preset: str) -> tuple[float, float] | None:
    """Where a preset puts the middle of the window; None if the triangle holds no such place."""
    anchors = scene.plane.anchors
    if preset.startswith("image "):
        return _point(anchors["ABC".index(preset[-1])])
    if preset == "decision boundary":
        found = boundary_point(scene.program, scene.plane)
        return None if found is None else _point(found)
    return _point((scene.window.corners if preset == "check" else anchors).mean(0))


def _point(values: Any) -> tuple[float, float]:
    """Plane coordinates, rounded so that links stay readable."""
    return float(round(values[0], 6)), float(round(values[1], 6))
