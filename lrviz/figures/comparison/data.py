"""What a comparison shows, on screen and in print: the maps of several models, on one scale, in one window."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from lrviz.figures.colouring import Colouring, colour_regions, rescale
from lrviz.figures.rasterise import label_pixels
from lrviz.figures.region_map.data import Hover, find_hover, pixel_grid, window_bounds
from lrviz.figures.style import Scale, fit_scale
from lrviz.measures.window import QUANTITIES
from lrviz.results.regions import Regions

MAX_VECTOR_REGIONS = 1500
"""Panels with more regions are pixels."""

LABEL_SIDE = 1000
"""Pixels along the longer side of a panel's labels; a picture on screen has half as many, smoothed."""

HOVER_SIDE = 28


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """What a comparison shows of one model's regions; small, however many they are.

    Attributes:
        bounds: [[u low, v low], [u high, v high]] of the window.
        colouring: Colour of each region, and its values.
        labels: (H, W) the region of each pixel of the window, the lowest v first; -1 where there is none.
        polygons: The regions, while they are few enough to be drawn one by one.
        hover: Points that answer the pointer.
    """

    bounds: Float[np.ndarray, "2 2"]
    colouring: Colouring
    labels: Int[np.ndarray, "height width"]
    polygons: Regions | None
    hover: Hover


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cell:
    """One place in the grid of a comparison.

    Attributes:
        title: The model in a few words.
        detail: A second line.
        panel: The map; None while there is none.
        notice: What keeps the map from being complete; empty if nothing does.
        link: Address that shows the model alone.
    """

    title: str
    detail: str = ""
    panel: Panel | None = None
    notice: str = ""
    link: str = ""


def make_panel(
    regions: Regions, quantity: str, *, class_index: int | None = None, class_names: tuple[str, ...] = ()
) -> Panel:
    """Reduce the regions of a window to what its panel needs; arguments as in `colour_regions`."""
    colouring = colour_regions(regions, quantity, class_index=class_index, class_names=class_names)
    bounds = window_bounds(regions)
    labels = label_pixels(regions.coordinates, regions.offsets, *pixel_grid(bounds, LABEL_SIDE))
    labels.setflags(write=False)
    few = len(regions) <= MAX_VECTOR_REGIONS
    return Panel(
        bounds=bounds,
        colouring=colouring,
        labels=labels,
        polygons=regions if few else None,
        hover=find_hover(
            regions, colouring, class_names, bounds, side=HOVER_SIDE, max_missed=MAX_VECTOR_REGIONS if few else 0
        ),
    )


def share_scale(panels: Sequence[Panel]) -> tuple[Panel, ...]:
    """Put all panels on one scale; every panel counts by its area, however many regions it holds."""
    shown = panels[0].colouring if panels else None
    if shown is None or shown.scale is None:
        return tuple(panels)
    values = np.concatenate([_sampled_values(panel) for panel in panels])
    scale = fit_scale(values, shown.scale.name, limits=QUANTITIES[shown.quantity].limits)
    return tuple(_on_scale(panel, scale) for panel in panels)


def _sampled_values(panel: Panel, step: int = 5) -> Float[np.ndarray, " pixels"]:
    labels = panel.labels[::step, ::step]
    assert panel.colouring.values is not None
    return panel.colouring.values[labels[labels >= 0]]


def _on_scale(panel: Panel, scale: Scale) -> Panel:
    return replace(panel, colouring=rescale(panel.colouring, scale))


def vector_panels(panels: Sequence[Panel], limit: int) -> set[int]:
    """Indices of the panels to draw as polygons: the smallest first, until the limit is reached."""
    sizes = [(len(panel.polygons), index) for index, panel in enumerate(panels) if panel.polygons is not None]
    total, chosen = 0, set()
    for size, index in sorted(sizes):
        total += size
        if total <= limit:
            chosen.add(index)
    return chosen


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Place:
    """A cell in its place of the grid.

    Attributes:
        cell: What is there; its map is on the scale of all.
        row: Counted from the top, from 0.
        column: Counted from the left, from 0.
        as_polygons: Whether its map is drawn as polygons.
        is_lowest: Whether no cell is below it.
    """

    cell: Cell
    row: int
    column: int
    as_polygons: bool
    is_lowest: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """A comparison in rows and columns.

    Attributes:
        places: The cells, row by row.
        columns: Cells in a row.
        key: Colouring whose scale, or whose categories, are those of all maps; None while there is no map.
    """

    places: tuple[Place, ...]
    columns: int
    key: Colouring | None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return -(-len(self.places) // self.columns)


def lay_out(cells: Sequence[Cell], columns: int, max_polygons: int) -> Grid:
    """Put cells in a grid, their maps on one scale.

    Args:
        cells: The models, row by row.
        columns: Cells in a row.
        max_polygons: How many all maps together may have.
    """
    shown = share_scale([cell.panel for cell in cells if cell.panel is not None])
    vector, panels = vector_panels(shown, max_polygons), iter(enumerate(shown))
    places = []
    for number, cell in enumerate(cells):
        index, panel = (-1, None) if cell.panel is None else next(panels)
        places.append(
            Place(
                cell=replace(cell, panel=panel), row=number // columns, column=number % columns,
                as_polygons=index in vector, is_lowest=number + columns >= len(cells),
            )
        )  # fmt: skip
    categories = dict.fromkeys(category for panel in shown for category in panel.colouring.categories)
    key = replace(shown[0].colouring, categories=tuple(categories)) if shown else None
    return Grid(places=tuple(places), columns=columns, key=key)
