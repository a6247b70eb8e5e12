"""Two regions beside each other: how their slopes differ, and which units tell them apart."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from lrviz.figures.colouring import name_of
from lrviz.figures.facts import Fact
from lrviz.figures.panels import slope_comparison
from lrviz.measures.definitions import QUANTITIES
from lrviz.measures.path import cosine
from lrviz.models.numbers import image_shape
from lrviz.results.regions import Regions
from lrviz.ui import following, look, resources, state
from lrviz.ui.jobs import Job
from lrviz.ui.markdown import plain
from lrviz.views.scene import Scene

_MOST_UNITS = 200


class Pin(NamedTuple):
    """A region that stays at hand wherever the map goes.

    Attributes:
        pattern: Its id, as sixteen hexadecimal digits.
        point: (u, v) of its centroid.
        slope: (K, 2) slope of every output.
        predicted: Its class.
    """

    pattern: str
    point: tuple[float, float]
    slope: np.ndarray
    predicted: int


def pins(plane: str) -> tuple[Pin, ...]:
    """The regions of a network in a plane that are pinned, at most two."""
    return st.session_state.get("pins", {}).get(plane, ())


def toggle(plane: str, regions: Regions, index: int) -> None:
    """Pin a region, or take its pin out; the last two stay."""
    u, v = regions.centroid[index]
    pin = Pin(
        f"{regions.pattern[index]:016x}", (float(u), float(v)), regions.slope[index], int(regions.predicted[index])
    )
    others = tuple(other for other in pins(plane) if other.pattern != pin.pattern)
    kept = others if len(others) < len(pins(plane)) else (*others, pin)[-2:]
    st.session_state.pins = {plane: kept}


def show_pins(plane: str, scene: Scene) -> None:
    """What two pinned regions have in common, and what not."""
    chosen = pins(plane)
    if not chosen:
        return
    look.heading("Pinned regions", "shift and click pins a region, or takes its pin out")
    look.numbers(
        [
            (f"{letter}, {scene.model.classes[pin.predicted]}", pin.pattern)
            for letter, pin in zip("12", chosen, strict=False)
        ]
    )
    if len(chosen) == 2:
        _show_difference(*chosen, scene)
    st.button("Remove pins", on_click=lambda: st.session_state.pop("pins", None), key="remove-pins")


def _show_difference(one: Pin, other: Pin, scene: Scene) -> None:
    class_index, classes = state.current().class_index, scene.model.classes
    outputs = slice(None) if class_index is None else slice(class_index, class_index + 1)
    first, second = one.slope[outputs].ravel(), other.slope[outputs].ravel()
    similarity = float(cosine(first[None, None], second[None, None])[0, 0])
    unit = QUANTITIES["slope"].unit
    name = name_of("slope", class_index, classes)
    look.facts(
        [
            Fact(name=f"difference of {name}", value=f"{np.linalg.norm(first - second):.3g}", unit=unit),
            Fact(name="cosine of the slopes", value=f"{similarity:.6f}"),
        ]
    )
    _show_units(one, other, scene)
    _show_slopes(one, other, scene, class_index)


def _show_units(one: Pin, other: Pin, scene: Scene) -> None:
    job = resources.differing_units_job(scene, (one.point, other.point))
    units = following.soon("Units that differ", job)
    if units is None:
        return
    st.caption(f"{len(units):,} units differ" + (f"; the first {_MOST_UNITS}:" if len(units) > _MOST_UNITS else ":"))
    if len(units):
        st.dataframe(
            {"unit": [scene.program.unit_words(int(unit)) for unit in units[:_MOST_UNITS]]}, hide_index=True,
            key=f"pinned-units-{one.pattern}-{other.pattern}", height=160,
        )  # fmt: skip


def _show_slopes(one: Pin, other: Pin, scene: Scene, class_index: int | None) -> None:
    """Both slopes as images, and their difference."""
    shown, picture = shown_class(one, class_index), image_shape(scene.model.input_shape)
    if picture is None:
        return
    job = slopes_job(one, other, scene)
    slopes = following.soon("Slopes in the input space", job)
    if slopes is None:
        return
    images = [slope[shown].reshape(picture) for slope in slopes]
    st.caption(f"Slope of {plain(scene.model.classes[shown])} as an image")
    look.kept_chart(
        f"{job.key} {shown}", lambda: slope_comparison(*images), config={"displayModeBar": False}, key="pinned-slopes"
    )


def slopes_job(one: Pin, other: Pin, scene: Scene) -> Job:
    """The slopes of both regions in the input space."""
    return resources.input_slopes_job(scene, (one.point, other.point))


def shown_class(one: Pin, class_index: int | None) -> int:
    """The class whose slopes are compared: that of the colours, or what the first region predicts."""
    return one.predicted if class_index is None else class_index
