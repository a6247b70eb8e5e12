"""What all files share: the paper, its style, the description inside, and the parts of a printed map."""

import html
import io
import tempfile
import textwrap
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import ListedColormap, Normalize, to_rgba
from matplotlib.figure import Figure, SubFigure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullLocator

from lrviz.figures.axis import Axis
from lrviz.figures.boundary import HALO
from lrviz.figures.boundary import NAME as BOUNDARY_NAME
from lrviz.figures.colouring import Colouring
from lrviz.figures.map import is_dark
from lrviz.figures.style import INK, colour_table
from lrviz.measures.boundary import Boundary
from lrviz.measures.tables import Columns, save_csv
from lrviz.results.pieces import PathPieces
from lrviz.results.regions import Regions

U_LABEL, V_LABEL = "$u$ ($L_2$ distance)", "$v$ ($L_2$ distance)"
PRINTED = (".pdf", ".svg", ".png")
SUFFIXES = (*PRINTED, ".html", ".npz", ".csv")
MAX_VECTOR_REGIONS = 20_000
_BOUNDARY_WIDTHS = (2.0, 1.0)
_LAYOUT_ROUNDS = 3
"""Maps keep their shape, so that making room for the words around them takes some rounds."""

_MOST_COLUMNS = 8
_LEGEND_SHARE = 0.35
"""Entries side by side in a legend, and the share of a figure's height that it takes, at most."""

_CHARACTER = 0.58
"""Mean width of a character, as a fraction of its height in points."""

_STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 8,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "path.simplify": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What a figure is printed on.

    Attributes:
        width_inches: width of the figure.
        height_inches: height of the figure.
        dpi: dots per inch of what is not vector graphics.
    """

    width_inches: float = 6.0
    height_inches: float = 5.0
    dpi: int = 300


def print_figure(suffix: str, paper: Paper, draw: Callable[[Figure], None], *, title: str, description: str) -> bytes:
    """A PDF, SVG or PNG of what `draw` puts on an empty figure; it carries the description as metadata."""
    with mpl.rc_context(_STYLE):
        layout = ConstrainedLayoutEngine()
        figure = Figure(figsize=(paper.width_inches, paper.height_inches), dpi=paper.dpi, layout=layout)
        FigureCanvasAgg(figure)
        draw(figure)
        for _ in range(_LAYOUT_ROUNDS):
            layout.execute(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix[1:], dpi=paper.dpi, metadata=_metadata(suffix, title, description))
    return buffer.getvalue()


def _metadata(suffix: str, title: str, description: str) -> dict[str, str | None]:
    if suffix == ".pdf":
        return {"Title": title, "Creator": "lrviz", "Subject": description, "CreationDate": None}
    if suffix == ".svg":
        return {"Title": title, "Creator": "lrviz", "Description": description, "Date": None}
    return {"Software": "lrviz", "lrviz": description}


def write_page(figures: Sequence[go.Figure], *, title: str, description: str) -> bytes:
    """Plotly figures under each other as one page that needs no network; it carries the description in its head."""
    config = {"scrollZoom": True, "displaylogo": False}
    parts = [
        figure.to_html(full_html=False, include_plotlyjs=k == 0, config=config) for k, figure in enumerate(figures)
    ]
    head = (
        f'<meta charset="utf-8"><meta name="lrviz" content="{html.escape(description, quote=True)}">'
        f"<title>{html.escape(title)}</title>"
    )
    return f"<!doctype html><html><head>{head}</head><body>{''.join(parts)}</body></html>".encode()


def write_table(columns: Columns, *, description: str) -> bytes:
    """Columns as comma-separated text; the description is a comment in the first line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        save_csv(path, columns)
        return f"# {description}\n".encode() + path.read_bytes()


def write_archive(result: Regions | PathPieces, *, description: str) -> bytes:
    """A result as an npz archive; the description is its comment."""
    buffer = io.BytesIO()
    result.save(buffer)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = description.encode()
    return buffer.getvalue()


def add_polygons(axes: Axes, regions: Regions, colouring: Colouring, *, outlined: bool) -> None:
    """Every region as a polygon."""
    fills = colouring.rgb / 255
    polygons = PolyCollection(np.split(regions.coordinates, regions.offsets[1:-1]), facecolors=fills, joinstyle="round")
    if outlined:
        line = to_rgba("white", 0.35) if is_dark(regions, colouring) else to_rgba(INK, 0.6)
        polygons.set(edgecolor=line, linewidth=float(np.clip(12 / np.sqrt(len(regions)), 0.05, 0.5)))
    else:
        polygons.set(edgecolor=fills, linewidth=0.2)
    axes.add_collection(polygons)


def add_boundary(axes: Axes, boundary: Boundary) -> list[Line2D]:
    """Draw the boundary over a printed map; what a legend shows of it."""
    if len(boundary) == 0:
        return []
    for width, colour in zip(_BOUNDARY_WIDTHS, (HALO, INK), strict=True):
        lines = LineCollection(list(boundary.segments), colors=colour, linewidths=width, capstyle="round", zorder=3)
        axes.add_collection(lines)
    return [Line2D([], [], color=INK, linewidth=_BOUNDARY_WIDTHS[1], label=BOUNDARY_NAME)]


def add_picture(axes: Axes, image: np.ndarray, bounds: Float[np.ndarray, "2 2"]) -> None:
    """An image, the lowest v first, that covers the bounds."""
    extent = (bounds[0, 0], bounds[1, 0], bounds[0, 1], bounds[1, 1])
    axes.imshow(image, origin="lower", extent=extent, interpolation="none")


def frame_plane(axes: Axes, bounds: Float[np.ndarray, "2 2"], *, num_ticks: int = 5) -> None:
    """Axes of the plane: equal scales, fitted to the bounds, with at most that many steps from tick to tick."""
    (u0, v0), (u1, v1) = bounds
    axes.set(xlim=(u0, u1), ylim=(v0, v1), aspect="equal")
    axes.locator_params(nbins=num_ticks)
    axes.ticklabel_format(useOffset=False)


def wrap(text: str, inches: float, points: float) -> str:
    """A text of some size in lines that are no longer than some inches."""
    return textwrap.fill(text, max(int(72 * inches / (_CHARACTER * points)), 8))


def add_legend(figure: Figure | SubFigure, handles: Sequence[Artist]) -> None:
    """A legend below all: in as many columns as the figure is wide for, and of as many entries as it is high for."""
    if not handles:
        return
    for num_columns in range(min(len(handles), _MOST_COLUMNS), 0, -1):
        legend = figure.legend(handles=handles, loc="outside lower center", ncols=num_columns, frameon=False)
        size = legend.get_window_extent()
        if size.width <= figure.bbox.width or num_columns == 1:
            break
        legend.remove()
    num_rows = -(-len(handles) // num_columns)
    most_rows = max(int(_LEGEND_SHARE * figure.bbox.height / (size.height / num_rows)), 1)
    if num_rows > most_rows and len(handles) > 2:
        legend.remove()
        shown = max(most_rows * num_columns - 1, 1)
        rest = Patch(facecolor="none", label=f"and {len(handles) - shown} more")
        add_legend(figure, [*handles[:shown], rest])


def fit_axes(axes: Axes, x: Axis, y: Axis) -> None:
    """Give a diagram its two axes."""
    for axis, shown in ((x, axes.xaxis), (y, axes.yaxis)):
        name = shown.axis_name
        # The limits come first: no scale is then guessed from values that it cannot show.
        axes.set(**{f"{name}lim": (axis.low, axis.high)})
        axes.set(**{f"{name}scale": "log" if axis.logarithmic else "linear"})
        if axis.ticks:
            shown.set_ticks(axis.ticks, axis.labels)
            shown.set_minor_locator(NullLocator())
        else:
            shown.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))


def add_colour_bar(
    figure: Figure | SubFigure, axes: Sequence[Axes], colouring: Colouring, *, aspect: float = 28
) -> None:
    """The labelled colour bar of a continuous quantity."""
    if colouring.scale is None:
        return
    colormap = ListedColormap(colour_table(colouring.scale.name) / 255)
    mappable = ScalarMappable(Normalize(colouring.scale.low, colouring.scale.high), colormap)
    label = wrap(colouring.title, figure.bbox.height / figure.dpi, _STYLE["font.size"])
    bar = figure.colorbar(mappable, ax=list(axes), label=label, pad=0.02, aspect=aspect)
    bar.outline.set(visible=False)
    if bar.solids is not None:
        bar.solids.set(rasterized=False, edgecolor="face")
