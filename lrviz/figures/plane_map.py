"""A whole window of any number of regions as a picture: one colour per pixel, with a colour bar."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from lrviz.errors import InvalidRequest
from lrviz.figures.boundary import print_outlines
from lrviz.figures.colouring import COLOUR_MAPS, Colouring, colour_numbers, colour_predicted
from lrviz.figures.frame import print_frame, print_image
from lrviz.figures.legend import print_bar, print_legend
from lrviz.figures.paper import FONT_POINTS, PRINTED, Paper, print_figure, require_suffix
from lrviz.figures.rasterise import pixel_bounds, with_alpha
from lrviz.figures.style import INK
from lrviz.measures.class_map import class_outlines
from lrviz.measures.window import QUANTITIES
from lrviz.results.plane_map import RASTERS, PlaneMap
from lrviz.words import counted

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
        found: The map.
        quantity: One of `MAP_QUANTITIES`.
        class_names: Names of the outputs.
        paper: Size and resolution.

    Raises:
        InvalidRequest: The suffix or the quantity is another one.
    """
    require_suffix(suffix, PRINTED)
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
    picture = with_alpha(colouring.rgb.reshape(*inside.shape, 3), inside)
    print_image(axes, picture, pixel_bounds(found.u, found.v, found.window))
    print_outlines(axes, class_outlines(found.predicted, found.u, found.v))
    axes.add_patch(Polygon(found.window, closed=True, fill=False, edgecolor=INK, linewidth=0.6))
    print_frame(axes, np.array([found.window.min(0), found.window.max(0)]))
    axes.set_title(f"{counted(found.num_regions, 'region')}, all counted", fontsize=FONT_POINTS, loc="left")
    print_legend(figure, colouring)
    print_bar(figure, [axes], colouring)


def _colour(found: PlaneMap, quantity: str, class_names: tuple[str, ...]) -> Colouring:
    """One colour per pixel, and its legend."""
    if quantity == "class":
        return colour_predicted(found.predicted, len(found.class_area), class_names)
    values = getattr(found, quantity).ravel()
    if quantity == "density":
        values = np.log10(np.where(values > 0, values, np.nan))
    title = _TITLES.get(quantity, f"{QUANTITIES[quantity].label} ({QUANTITIES[quantity].unit})")
    return colour_numbers(values, COLOUR_MAPS[quantity], quantity=quantity, title=title)
