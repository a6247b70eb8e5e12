"""Region maps as files: figures for print, pages for the browser, numbers for other programs."""

import html
import io
import os
import tempfile
import zipfile
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import ListedColormap, Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from lrviz.errors import InvalidRequest
from lrviz.figures.colouring import Colouring, colour_regions
from lrviz.figures.maps import paint, region_map, window_bounds
from lrviz.figures.style import FAINT, INK, LAYER_COLOURS, colour_table
from lrviz.regions import Regions
from lrviz.tables import measure_regions, save_csv
from lrviz.view import ViewSpec

SUFFIXES = (".pdf", ".svg", ".png", ".html", ".npz", ".csv")
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


def save_figure(
    path: Path | str | os.PathLike[str],
    regions: Regions,
    view: ViewSpec,
    *,
    class_names: tuple[str, ...] = (),
    width_inches: float = 6.0,
    height_inches: float = 5.0,
    dpi: int = 300,
) -> None:
    """Write a region map to a file; its suffix tells the kind.

    PDF and SVG hold every polygon up to `MAX_VECTOR_REGIONS`; above it the fills become an image and axes, text and
    colour bar stay vectors. Every file carries the view as JSON: as the subject of a PDF, the description of an SVG,
    the text `lrviz` of a PNG, a meta element of an HTML page, the comment of an npz archive, and the first line,
    a comment, of a CSV.

    Args:
        path: where to write; .pdf, .svg, .png, .html, .npz or .csv.
        regions: what to draw.
        view: what the figure shows.
        class_names: names of the outputs.
        width_inches: width of the figure.
        height_inches: height of the figure.
        dpi: dots per inch of what is not vector graphics.

    Raises:
        InvalidRequest: the suffix is another one, or there is nothing to draw.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InvalidRequest(f"Expected a file ending in {', '.join(SUFFIXES)}; got {path.name!r}. Rename it.")
    path.write_bytes(
        render(
            suffix,
            regions,
            view,
            class_names=class_names,
            width_inches=width_inches,
            height_inches=height_inches,
            dpi=dpi,
        )
    )


def render(
    suffix: str,
    regions: Regions,
    view: ViewSpec,
    *,
    class_names: tuple[str, ...] = (),
    width_inches: float = 6.0,
    height_inches: float = 5.0,
    dpi: int = 300,
) -> bytes:
    """The contents of the file that `save_figure` would write."""
    if len(regions) == 0:
        raise InvalidRequest("A figure needs at least one region; got none. Find regions first.")
    if suffix == ".npz":
        return _npz(regions, view)
    if suffix == ".csv":
        return _csv(regions, view, class_names)
    colouring = colour_regions(regions, view.colour, class_index=view.class_index, class_names=class_names)
    if suffix == ".html":
        return _page(regions, view, colouring, class_names, height=int(96 * height_inches))
    with mpl.rc_context(_STYLE):
        figure = draw(regions, view, colouring, size=(width_inches, height_inches), dpi=dpi)
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix[1:], dpi=dpi, metadata=_metadata(suffix, view))
    return buffer.getvalue()


def draw(regions: Regions, view: ViewSpec, colouring: Colouring, *, size: tuple[float, float], dpi: int) -> Figure:
    """The matplotlib figure of a region map, with its own canvas and no global state."""
    figure = Figure(figsize=size, dpi=dpi, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    edges = "layer" if view.layer_edges else "thin"
    if len(regions) <= MAX_VECTOR_REGIONS:
        _add_polygons(axes, regions, colouring, edges)
    else:
        _add_picture(axes, regions, colouring, edges, int(min(size) * dpi))
    _frame(axes, regions)
    _add_legend(figure, axes, regions, colouring, edges)
    return figure


def _add_polygons(axes: Axes, regions: Regions, colouring: Colouring, edges: str) -> None:
    corners = np.split(regions.coordinates, regions.offsets[1:-1])
    fills = colouring.rgb / 255
    polygons = PolyCollection(corners, facecolors=fills, joinstyle="round")
    if edges == "thin":
        polygons.set(edgecolor=to_rgba(INK, 0.6), linewidth=float(np.clip(12 / np.sqrt(len(regions)), 0.05, 0.5)))
    else:
        polygons.set(edgecolor=fills, linewidth=0.2)
    axes.add_collection(polygons)
    if edges == "layer":
        inner = regions.edge_unit >= 0
        colours = np.array(LAYER_COLOURS)[regions.edge_layer[inner] % len(LAYER_COLOURS)].tolist()
        axes.add_collection(LineCollection(list(regions.edge_coordinates[inner]), colors=colours, linewidths=0.5))


def _add_picture(axes: Axes, regions: Regions, colouring: Colouring, edges: str, side: int) -> None:
    bounds = window_bounds(regions)
    image = paint(regions, colouring, edges, bounds, side=int(np.clip(side, 400, 3000)))
    extent = (bounds[0, 0], bounds[1, 0], bounds[0, 1], bounds[1, 1])
    axes.imshow(image, origin="lower", extent=extent, interpolation="none")


def _frame(axes: Axes, regions: Regions) -> None:
    (u0, v0), (u1, v1) = window_bounds(regions)
    axes.set(xlim=(u0, u1), ylim=(v0, v1), aspect="equal", xlabel="$u$ ($L_2$ distance)", ylabel="$v$ ($L_2$ distance)")
    axes.locator_params(nbins=5)
    axes.ticklabel_format(useOffset=False)


def _add_legend(figure: Figure, axes: Axes, regions: Regions, colouring: Colouring, edges: str) -> None:
    if colouring.scale is not None:
        scale = colouring.scale
        colormap = ListedColormap(colour_table(scale.name) / 255)
        mappable = ScalarMappable(Normalize(scale.low, scale.high), colormap)
        bar = figure.colorbar(mappable, ax=axes, label=colouring.title, pad=0.02, aspect=28)
        bar.outline.set(visible=False)
        if bar.solids is not None:
            bar.solids.set(rasterized=False, edgecolor="face")
    handles = [Patch(facecolor=colour, label=name) for name, colour in colouring.categories]
    if edges == "layer":
        layers = np.unique(regions.edge_layer[regions.edge_unit >= 0])
        handles += [
            Patch(facecolor=LAYER_COLOURS[k % len(LAYER_COLOURS)], label=f"edges of layer {k + 1}") for k in layers
        ]
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, edgecolor=FAINT)


def _metadata(suffix: str, view: ViewSpec) -> dict[str, str | None]:
    text = view.to_json()
    if suffix == ".pdf":
        return {"Title": "Linear regions", "Creator": "lrviz", "Subject": text, "CreationDate": None}
    if suffix == ".svg":
        return {"Title": "Linear regions", "Creator": "lrviz", "Description": text, "Date": None}
    return {"Software": "lrviz", "lrviz": text}


def _page(
    regions: Regions, view: ViewSpec, colouring: Colouring, class_names: tuple[str, ...], *, height: int
) -> bytes:
    edges = "layer" if view.layer_edges else "thin"
    figure = region_map(regions, colouring, edges=edges, class_names=class_names, height=max(height, 300))
    figure.update_layout(dragmode="pan")
    body = figure.to_html(full_html=True, include_plotlyjs=True, config={"scrollZoom": True, "displaylogo": False})
    meta = f'<meta name="lrviz" content="{html.escape(view.to_json(), quote=True)}"><title>Linear regions</title>'
    return body.replace("<head>", f"<head>{meta}", 1).encode()


def _npz(regions: Regions, view: ViewSpec) -> bytes:
    buffer = io.BytesIO()
    regions.save(buffer)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = view.to_json().encode()
    return buffer.getvalue()


def _csv(regions: Regions, view: ViewSpec, class_names: tuple[str, ...]) -> bytes:

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "regions.csv"
        save_csv(path, measure_regions(regions, class_names))
        return f"# {view.to_json()}\n".encode() + path.read_bytes()
