"""The work of the command that draws regions: what draws takes a second to import, which finding need not wait for."""

from pathlib import Path

from lrviz.cli.finder import Run, find_view, report
from lrviz.cli.terminal import written_whole
from lrviz.errors import InvalidRequest
from lrviz.figures.paper import Paper
from lrviz.figures.region_map.print import save_figure
from lrviz.views.view import View

FIGURE_SUFFIXES = (".pdf", ".svg", ".png", ".html")
LARGEST_INCHES, LARGEST_DPI = 100.0, 2400


def draw_figure(view: View, how: Run, out: Path, size: tuple[float, float], dpi: int) -> None:
    """Find the regions of a view, draw them to a file, and print a summary."""
    if not (all(0 < inches <= LARGEST_INCHES for inches in size) and 1 <= dpi <= LARGEST_DPI):
        raise InvalidRequest(
            f"Expected a size up to {LARGEST_INCHES:g} inches and 1 to {LARGEST_DPI} dpi; "
            f"got {size[0]:g} by {size[1]:g} inches and {dpi} dpi."
        )
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
