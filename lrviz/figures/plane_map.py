"""A whole window of any number of regions as a picture: one colour per pixel, with a colour bar."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from lrviz.errors import InvalidRequest
from lrviz.figures.colouring import COLOUR_MAPS, Colouring
from lrviz.figures.paper import (
    PRINTED,
    U_LABEL,
    V_LABEL,
    Paper,
    add_colour_bar,
    add_legend,
    add_picture,
    frame_plane,
    print_figure,
)
from lrviz.figures.style import INK, class_colours, fit_scale, to_hex
from lrviz.measures.window import QUANTITIES
from lrviz.results.plane_map import RASTERS, PlaneMap

MAP_QUANTITIES = (*RASTERS, "class")
_TITLES = {"density": "log10 of the density (regions per squared unit of L2 distance)"}


def render_map(
    suffix: str,
    found: PlaneMap,
    quantity: str = "density",
    *,
    class_names: tuple[str, ...] = (),
    paper: Paper | None = None,
) -> bytes:
    """The contents of a PDF, SVG or PNG that shows a map; it carries the map's description.

    Args:
        suffix: .pdf, .svg or .png.
        found: the map.
        quantity: one of `MAP_QUANTITIES`.
        class_names: names of the outputs.
        paper: size and resolution.

    Raises:
        InvalidRequest: the suffix or the quantity is another one.
    """
    if suffix not in PRINTED:
        raise InvalidRequest(f"Expected a file ending in {', '.join(PRINTED)}; got {suffix!r}. Rename it.")
    require_quantity(quantity)
    title = f"{found.num_regions:,} linear regions"
    return print_figure(
        suffix, paper or Paper(), lambda sheet: _draw(sheet, found, quantity, class_names),
        title=title, description=found.description,
    )  # fmt: skip


def require_quantity(quantity: str) -> None:
    """Raise InvalidRequest unless a map can show the quantity."""
    if quantity not in MAP_QUANTITIES:
        raise InvalidRequest(
            f"Expected a quantity among {', '.join(MAP_QUANTITIES)}; got {quantity!r}. Choose one of them."
        )


def _draw(figure: Figure, found: PlaneMap, quantity: str, class_names: tuple[str, ...]) -> None:
    axes = figure.add_subplot()
    colouring = _colour(found, quantity, class_names)
    inside = found.predicted >= 0
    picture = np.dstack([colouring.rgb.reshape(*inside.shape, 3), np.where(inside, 255, 0).astype(np.uint8)])
    half = (found.u[1] - found.u[0]) / 2 if len(found.u) > 1 else np.ptp(found.window, axis=0).max() / 2
    low, high = (np.array([found.u[k], found.v[k]]) for k in (0, -1))
    add_picture(axes, picture, np.array([low - half, high + half]))
    axes.add_patch(Polygon(found.window, closed=True, fill=False, edgecolor=INK, linewidth=0.6))
    frame_plane(axes, np.array([found.window.min(0), found.window.max(0)]))
    axes.set_title(f"{found.num_regions:,} regions, all counted", fontsize=8, loc="left")
    axes.set(xlabel=U_LABEL, ylabel=V_LABEL, anchor="N")
    add_colour_bar(figure, [axes], colouring)
    add_legend(figure, [Polygon([(0, 0)], facecolor=colour, label=name) for name, colour in colouring.categories])


def _colour(found: PlaneMap, quantity: str, class_names: tuple[str, ...]) -> Colouring:
    """One colour per pixel, and its legend."""
    if quantity == "class":
        colours = class_colours(len(found.class_area))
        present = np.flatnonzero(np.bincount(found.predicted[found.predicted >= 0], minlength=len(found.class_area)))
        names = [class_names[k] if k < len(class_names) else f"class {k}" for k in present]
        return Colouring(
            quantity=quantity, title="class", rgb=colours[np.maximum(found.predicted.ravel(), 0)],
            categories=tuple(zip(names, (to_hex(colours[k]) for k in present), strict=True)),
        )  # fmt: skip
    values = getattr(found, quantity).ravel()
    if quantity == "density":
        values = np.log10(np.where(values > 0, values, np.nan))
    scale = fit_scale(values, COLOUR_MAPS[quantity])
    title = _TITLES.get(quantity, f"{QUANTITIES[quantity].label} ({QUANTITIES[quantity].unit})")
    return Colouring(quantity=quantity, title=title, rgb=scale.colours(values), values=values, scale=scale)
