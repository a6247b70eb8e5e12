"""The work of the command that draws regions: what draws takes a second to import, which finding need not wait for."""

from pathlib import Path

from lrviz.cli.finder import Run, find_view, report
from lrviz.cli.terminal import written_whole
from lrviz.errors import InvalidRequest
from lrviz.figures.paper import Paper
from lrviz.figures.region_map.print import save_figure
from lrviz.measures.definitions import QUANTITIES
from lrviz.views.view import View

FIGURE_SUFFIXES = (".pdf", ".svg", ".png", ".html")
LEAST_INCHES, LARGEST_INCHES, LARGEST_DPI = 1.0, 100.0, 2400
MOST_PIXELS = 2**28
"""Of an image; a figure of 100 x 100 inches has as many at 160 dpi."""


def draw_figure(view: View, how: Run, out: Path, size: tuple[float, float], dpi: int) -> None:
    """Find the regions of a view, draw them to a file, and print a summary."""
    if not (all(LEAST_INCHES <= inches <= LARGEST_INCHES for inches in size) and 1 <= dpi <= LARGEST_DPI):
        raise InvalidRequest(
            f"Expected a size of {LEAST_INCHES:g} to {LARGEST_INCHES:g} inches and 1 to {LARGEST_DPI} dpi; "
            f"got {size[0]:g} by {size[1]:g} inches and {dpi} dpi."
        )
    pixels = size[0] * size[1] * dpi**2
    if out.suffix.lower() == ".png" and pixels > MOST_PIXELS:
        raise InvalidRequest(f"Expected at most {MOST_PIXELS:,} pixels, got {pixels:,.0f}: lower --size or --dpi.")
    if view.class_index is not None and not QUANTITIES[view.colour].per_class:
        told = ", ".join(name for name, quantity in QUANTITIES.items() if quantity.per_class)
        raise InvalidRequest(f"Expected a colour that is about one output ({told}) with --class; got {view.colour}.")
    with written_whole(out, FIGURE_SUFFIXES) as target:
        scene, outcome = find_view(view, how)
        save_figure(
            target,
            outcome.result,
            view,
            class_names=scene.model.classes,
            paper=Paper(width_inches=size[0], height_inches=size[1], dpi=dpi),
        )
    report(outcome, scene, view, out)
