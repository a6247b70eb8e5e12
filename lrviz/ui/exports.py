"""What a page exports: the kind of a file, and of a printed figure the paper, a preview, and what is in it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st
from matplotlib.figure import Figure, SubFigure

from lrviz.engine.requests import Outcome
from lrviz.errors import InvalidData, LrvizError
from lrviz.figures.colouring import colour_regions
from lrviz.figures.overview import print_overview
from lrviz.figures.panels import print_histogram, print_images, print_slope, print_slope_comparison
from lrviz.figures.paper import PRINTED, Paper
from lrviz.figures.region_map.print import SUFFIXES, print_map, render
from lrviz.figures.sheet import Panel, render_sheet, sheet_height
from lrviz.models.images import as_picture
from lrviz.models.numbers import image_shape
from lrviz.results.regions import Regions
from lrviz.results.samples import Samples
from lrviz.ui import map_memory, pins, resources
from lrviz.ui.jobs import Job
from lrviz.ui.markdown import plain
from lrviz.views.scene import Scene
from lrviz.views.view import View

_PAPER_WIDTHS = {"one column": 3.25, "two columns": 6.75}
"""Inches, as most journals and conferences have them."""

_SCREEN_DPI, _PREVIEW_DPI = 96, 192
_WIDTH = 5.5
_PATIENCE = 60.0
"""Seconds that a file waits for a slope."""

_KINDS = {".pdf": "PDF", ".svg": "SVG", ".png": "PNG", ".html": "HTML", ".npz": "data (npz)", ".csv": "table (CSV)"}


def show_export(view: View, scene: Scene, outcome: Outcome | None, samples: Samples | None) -> None:
    """The exports of Explore.

    Args:
        view: What is shown.
        scene: Its objects.
        outcome: Its regions, once they are there.
        samples: Of the triangle, once they are there.
    """
    if outcome is None:
        show_none()
        return
    with st.popover("Export", icon=":material/download:"):
        regions: Regions = outcome.result
        known = _panels(view, scene, regions, samples)
        chosen = st.pills("In the figure", list(known), default=["map"], selection_mode="multi", key="w-panels",
                          help="PDF, SVG and PNG hold all of these, the small ones in a row under the map; the other "
                          "kinds of files hold the map or the regions. With none of them, the map.")  # fmt: skip
        panels = [known[name] for name in known if name in chosen] or [known["map"]]

        def contents(suffix: str, paper: Paper) -> bytes:
            if suffix in PRINTED:
                return render_sheet(suffix, panels, view, paper)
            return render(suffix, regions, view, class_names=scene.model.classes, paper=paper)

        offer_file(SUFFIXES, partial(sheet_height, panels), contents, f"regions-{view.model}")


def show_none() -> None:
    """The same while there is nothing to export."""
    st.popover("Export", icon=":material/download:", disabled=True)


def _panels(view: View, scene: Scene, regions: Regions, samples: Samples | None) -> Mapping[str, Panel]:
    """What a figure of Explore can show, by what it is called."""
    classes = scene.model.classes
    colouring = colour_regions(regions, view.colour, class_index=view.class_index, class_names=classes)
    images = tuple(as_picture(record.image) for record in scene.images)
    labels = tuple(record.label or "" for record in scene.images)
    window = None if view.center is None else scene.window.corners
    chosen = pins.pins(scene.digest)
    pinned = [map_memory.find_region(regions, pin.pattern) for pin in chosen]
    panels = {"map": Panel(draw=lambda place: print_map(place, regions, view, classes, pinned=pinned))}
    if samples is not None:
        panels["overview"] = Panel(
            draw=lambda place: print_overview(place, samples, images=images, class_names=classes, window=window),
            inches=2.2,
        )
    panels["images"] = Panel(draw=lambda place: print_images(place, images, labels), inches=0.8)
    panels["histogram"] = Panel(draw=lambda place: print_histogram(place, regions, colouring), inches=1.8)
    if image_shape(scene.model.input_shape) is not None:
        panels["slope image"] = Panel(draw=_slope_printer(view, scene, regions), inches=1.6)
        if len(chosen) == 2:
            panels["pinned regions"] = Panel(draw=_pins_printer(view, scene, *chosen), inches=4.4)
    return panels


def _slope_printer(view: View, scene: Scene, regions: Regions) -> Callable[[Figure | SubFigure], None]:
    """Draws the slope of the open region, or of the largest one, of the class that the page shows it of."""
    opened, picture = map_memory.open_region(regions), image_shape(scene.model.input_shape)
    is_open = opened is not None
    index = int(regions.area.argmax()) if opened is None else opened
    shown = int(regions.predicted[index]) if view.class_index is None else view.class_index
    u, v = (float(x) for x in regions.centroid[index])

    def draw(place: Figure | SubFigure) -> None:
        (slope,) = _slopes_of(resources.input_slopes_job(scene, ((u, v),)))
        where = "the opened region" if is_open else "the largest region"
        print_slope(place, slope[shown].reshape(picture), f"slope of {scene.model.classes[shown]} in {where}")

    return draw


def _pins_printer(view: View, scene: Scene, one: pins.Pin, other: pins.Pin) -> Callable[[Figure | SubFigure], None]:
    """Draws the slopes of both pinned regions, and their difference."""
    shown, picture = pins.shown_class(one, view.class_index), image_shape(scene.model.input_shape)

    def draw(place: Figure | SubFigure) -> None:
        first, second = (slope[shown].reshape(picture) for slope in _slopes_of(pins.slopes_job(one, other, scene)))
        print_slope_comparison(place, first, second, f"slope of {scene.model.classes[shown]}")

    return draw


def _slopes_of(job: Job) -> list[np.ndarray]:
    if not job.wait(_PATIENCE) or job.error:
        raise InvalidData(job.error or "The slope as an image is not there yet. Try again in a moment.")
    slopes: list[np.ndarray] = job.result
    return slopes


def offer_file(
    suffixes: tuple[str, ...],
    fitting_height: Callable[[float], float],
    contents: Callable[[str, Paper], bytes],
    name: str,
) -> None:
    """Choose the kind of a file, and of a printed figure the paper, and download it.

    Args:
        suffixes: The kinds to choose from.
        fitting_height: The height in inches that suits a figure of some width.
        contents: Makes the file when it is asked for.
        name: Start of the file's name.
    """
    suffix = st.selectbox("File", suffixes, format_func=lambda kind: _KINDS[kind], key="w-suffix") or suffixes[0]
    try:
        paper = Paper()
        if suffix in PRINTED:
            paper = _choose_paper(fitting_height)
            if st.button("Preview", key="w-preview", help="How it will look on paper"):
                st.image(
                    contents(".png", replace(paper, dpi=_PREVIEW_DPI)), width=round(_SCREEN_DPI * paper.width_inches)
                )
        st.download_button(
            f"Download {_KINDS[suffix]}", lambda: contents(suffix, paper), type="primary", width="stretch",
            file_name=f"{name}-{time.strftime('%Y%m%d')}{suffix}", on_click="ignore",
        )  # fmt: skip
    except LrvizError as error:
        st.error(plain(str(error)))


def _choose_paper(fitting_height: Callable[[float], float]) -> Paper:
    """The width of a column or any other, the height that suits it or any other, and the resolution."""
    names = [*_PAPER_WIDTHS, "other"]
    chosen = st.segmented_control(
        "Width", names, default=names[1], required=True, key="w-paper",
        format_func=lambda name: f"{name}, {_PAPER_WIDTHS[name]} in" if name in _PAPER_WIDTHS else name,
    )  # fmt: skip
    places = iter(st.columns(3))
    width = _PAPER_WIDTHS.get(chosen) or next(places).number_input("width (in)", 1.0, 40.0, _WIDTH, 0.5)
    fitting = round(fitting_height(width), 2)
    height = next(places).number_input(
        "height (in)", min(1.0, fitting), max(40.0, fitting), fitting, 0.25, key=f"w-height-{width:g}-{fitting:g}"
    )
    dpi = next(places).number_input("dpi", 50, 1200, 300, 50)
    return Paper(width_inches=width, height_inches=height, dpi=dpi)
