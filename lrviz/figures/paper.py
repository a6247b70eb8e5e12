"""What all files share: the paper, its style, the description inside, and the parts of a printed map."""

import html
import io
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import ListedColormap, Normalize, to_rgba
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import MaxNLocator, NullLocator

from lrviz.figures.axis import Axis
from lrviz.figures.colouring import Colouring
from lrviz.figures.map import is_dark
from lrviz.figures.style import INK, colour_table
from lrviz.measures.tables import Columns, save_csv
from lrviz.results.pieces import PathPieces
from lrviz.results.regions import Regions

PRINTED = (".pdf", ".svg", ".png")
SUFFIXES = (*PRINTED, ".html", ".npz", ".csv")
MAX_VECTOR_REGIONS = 20_000
_STYLE = {
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
        figure = Figure(figsize=(paper.width_inches, paper.height_inches), dpi=paper.dpi, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure)
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


def add_picture(axes: Axes, image: np.ndarray, bounds: Float[np.ndarray, "2 2"]) -> None:
    """An image, the lowest v first, that covers the bounds."""
    extent = (bounds[0, 0], bounds[1, 0], bounds[0, 1], bounds[1, 1])
    axes.imshow(image, origin="lower", extent=extent, interpolation="none")


def frame_plane(axes: Axes, bounds: Float[np.ndarray, "2 2"]) -> None:
    """Axes of the plane: equal scales, named, fitted to the bounds."""
    (u0, v0), (u1, v1) = bounds
    axes.set(xlim=(u0, u1), ylim=(v0, v1), aspect="equal", xlabel="$u$ ($L_2$ distance)", ylabel="$v$ ($L_2$ distance)")
    axes.locator_params(nbins=5)
    axes.ticklabel_format(useOffset=False)


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


def add_colour_bar(figure: FigureBase, axes: Sequence[Axes], colouring: Colouring, *, aspect: float = 28) -> None:
    """The labelled colour bar of a continuous quantity."""
    if colouring.scale is None:
        return
    colormap = ListedColormap(colour_table(colouring.scale.name) / 255)
    mappable = ScalarMappable(Normalize(colouring.scale.low, colouring.scale.high), colormap)
    bar = figure.colorbar(mappable, ax=list(axes), label=colouring.title, pad=0.02, aspect=aspect)
    bar.outline.set(visible=False)
    if bar.solids is not None:
        bar.solids.set(rasterized=False, edgecolor="face")
