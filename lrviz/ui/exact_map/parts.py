"""What the browser draws: results as arrays that it needs, each made once for all visitors."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from lrviz.figures.boundary import boundary_lines
from lrviz.figures.colouring import Colouring
from lrviz.figures.facts import FactColumn
from lrviz.figures.legend import legend
from lrviz.figures.rasterise import label_pixels, mark_segments, pixel_bounds, pixel_runs
from lrviz.figures.region_map.data import pixel_grid, window_bounds
from lrviz.figures.region_map.screen import MAX_VECTOR_REGIONS, layer_legend
from lrviz.figures.style import FONT, LAYER_COLOURS
from lrviz.measures.boundary import find_boundary
from lrviz.results.regions import Regions
from lrviz.results.samples import Samples

RASTER_SIDE = 2000
"""Pixels along the longer side of a raster, about two for each one of a screen, so that edges are smooth."""

FEW_PIXELS_SIDE = 1200
"""The same where regions are so many that they are smaller than that."""


def mode_of(regions: Regions) -> str:
    """How regions are drawn: as polygons at every zoom ("vector"), or painted once ("raster")."""
    return "vector" if len(regions) <= MAX_VECTOR_REGIONS else "raster"


def picture(regions: Regions) -> dict[str, Any]:
    """The regions as polygons in units of the window, or as labelled pixels."""
    bounds = window_bounds(regions)
    same = {"bounds": bounds.T.ravel().tolist(), "numLabels": len(regions), "mode": mode_of(regions)}
    if mode_of(regions) == "raster":
        labels = label_pixels(regions.coordinates, regions.offsets, *pixel_grid(bounds, _raster_side(regions)))
        return {**same, **_runs(labels, "labels", np.uint32), "height": len(labels), "width": labels.shape[1]}
    origin, unit = bounds.mean(0), float(np.ptp(bounds, axis=0).max()) / 2
    inner = regions.edge_unit >= 0
    return {
        **same,
        "origin": origin.tolist(),
        "unit": unit,
        "coordinates": ((regions.coordinates - origin) / unit).astype(np.float32),
        "offsets": regions.offsets.astype(np.uint32),
        "ends": ((regions.edge_coordinates[inner] - origin) / unit).astype(np.float32),
        "layers": regions.edge_layer[inner].astype(np.uint8),
    }


def sampled_picture(samples: Samples) -> dict[str, Any]:
    """Every pixel of samples as a label of its own."""
    height, width = samples.predicted.shape
    labels = np.where(samples.predicted < 0, -1, np.arange(height * width).reshape(height, width))
    return {
        "bounds": pixel_bounds(samples.u, samples.v, samples.window).T.ravel().tolist(),
        "mode": "sampled", "numLabels": height * width, "height": height, "width": width,
        "labels": labels.astype(np.uint32).ravel(), "lengths": np.ones(height * width, np.uint16),
    }  # fmt: skip


def colours(picture_key: str, scheme: str, colouring: Colouring) -> dict[str, Any]:
    """One colour per region, and the values behind a continuous quantity."""
    rgba = np.hstack([colouring.rgb, np.full((len(colouring.rgb), 1), 255, np.uint8)])
    values = None if colouring.values is None else colouring.values.astype(np.float32)
    return {"picture": picture_key, "scheme": scheme, "rgba": rgba, "values": values}


def edges(regions: Regions | None, mode: str) -> dict[str, Any]:
    """How edges are drawn ("thin", by "layer" or "none"); on a raster with the layer of every pixel."""
    same = {"mode": mode, "colours": list(LAYER_COLOURS)}
    if regions is None or mode != "layer" or mode_of(regions) == "vector":
        return same
    u, v = pixel_grid(window_bounds(regions), _raster_side(regions))
    inner = regions.edge_unit >= 0
    pixel, line = mark_segments(regions.edge_coordinates[inner], u, v)
    marked = np.zeros(len(u) * len(v), np.uint8)
    marked[pixel] = regions.edge_layer[inner][line] + 1
    return {**same, **_runs(marked.reshape(len(v), len(u)), "runs", np.uint8)}


def facts(picture_key: str, columns: list[FactColumn]) -> dict[str, Any]:
    """What the pointer says of regions or of pixels."""
    kinds = {True: np.float32, False: np.uint16}
    told = [
        {"name": column.name, "unit": column.unit, "names": column.names,
         "values": column.values.astype(kinds[column.names is None])}
        for column in columns
    ]  # fmt: skip
    return {"picture": picture_key, "columns": told}


def figure(
    colouring: Colouring,
    regions: Regions | None = None,
    edges: str = "none",
    layer_names: tuple[str, ...] = (),
    *,
    boundary: bool = False,
) -> dict[str, Any]:
    """What Plotly draws over a picture: the boundary, and a colour bar or a legend as high as the map."""
    shown = go.Figure()
    lines = [] if regions is None else layer_legend(regions, edges, layer_names)
    lines += boundary_lines(find_boundary(regions)) if boundary and regions is not None else []
    shown.add_traces([line.update(legend="legend2") for line in lines])
    shown.add_traces(legend(colouring))
    for trace in shown.data:
        if trace.marker.showscale:
            trace.marker.colorbar.update(lenmode="fraction", len=1, y=0.5, yanchor="middle", ypad=0)
    plain = shown.to_plotly_json()
    return {"data": _plain(plain["data"]), "layout": {"font": {"family": FONT, "size": 13}}}


def _raster_side(regions: Regions) -> int:
    return RASTER_SIDE if len(regions) < 20_000 else FEW_PIXELS_SIDE


def _runs(labels: np.ndarray, name: str, kind: type) -> dict[str, np.ndarray]:
    values, lengths = pixel_runs(labels)
    return {name: values.astype(kind), "lengths": lengths.astype(np.uint16)}


def _plain(value: Any) -> Any:
    """Arrays as lists, for JSON; what is not a number as null."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
