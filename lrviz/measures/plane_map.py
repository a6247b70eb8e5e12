"""A window of any number of regions, tile by tile: its tiles, the request for each, and what they add up to."""

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import shapely
import torch
from jaxtyping import Float, Int

from lrviz.arrays import first_largest
from lrviz.engine.find_regions import find_regions
from lrviz.engine.requests import MAX_RESOLUTION, Device, WindowRequest
from lrviz.errors import InvalidRequest
from lrviz.geometry.plane import Plane, Window
from lrviz.measures.boundary import find_class_areas
from lrviz.measures.interpolation import Interpolation, deviation, interpolate
from lrviz.measures.window import inner_length, jump, region_mean, similarity, slope_norm
from lrviz.network.program import Program
from lrviz.progress import Cancelled, Progress
from lrviz.results.plane_map import MapTile
from lrviz.results.regions import Regions
from lrviz.results.status import Status
from lrviz.results.store import Store
from lrviz.tolerance import TOLERANCE

REGIONS_PER_TILE = 20_000
"""How many regions a tile is to hold: few enough for little memory, many enough to be worth a start."""

MAX_TILE_REGIONS = 2_000_000
"""A tile that holds more is refused: the map needs more pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapGrid:
    """The pixels of a map and its tiles, square blocks of them, over the bounding box of a window.

    Attributes:
        window: The window.
        resolution: Pixels along the longer side.
        block: Pixels along a side of a tile.
    """

    window: Window
    resolution: int
    block: int

    @classmethod
    def fit(cls, window: Window, num_regions: float, resolution: int = 512) -> "MapGrid":
        """The grid whose tiles hold about `REGIONS_PER_TILE` regions.

        Args:
            window: The window.
            num_regions: About how many regions it holds.
            resolution: Pixels along the longer side.

        Raises:
            InvalidRequest: The resolution is out of range.
        """
        if not 1 <= resolution <= MAX_RESOLUTION:
            raise InvalidRequest(f"A map of 1 to {MAX_RESOLUTION} pixels along a side is needed; got {resolution}.")
        tile_area = window.area * min(1.0, REGIONS_PER_TILE / max(num_regions, 1))
        block = int(np.clip(math.sqrt(tile_area) / (2 * window.radius / resolution), 1, resolution))
        return cls(window=window, resolution=resolution, block=block)

    @property
    def pixel(self) -> float:
        """Side of a pixel, in units of L2 distance."""
        return 2 * self.window.radius / self.resolution

    @property
    def low(self) -> Float[np.ndarray, "2"]:
        """The lower left corner of the window's bounding box."""
        return self.window.corners.min(0)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of pixels."""
        columns, rows = np.ceil(np.ptp(self.window.corners, axis=0) / self.pixel * (1 - TOLERANCE.cover)).astype(int)
        return int(rows), int(columns)

    def centres(self) -> tuple[Float[np.ndarray, "width"], Float[np.ndarray, "height"]]:
        """Centres of the columns and of the rows of pixels."""
        rows, columns = self.shape
        return self.low[0] + (np.arange(columns) + 0.5) * self.pixel, self.low[1] + (np.arange(rows) + 0.5) * self.pixel

    def tiles(self) -> Iterator[tuple[int, int, Window]]:
        """First row and column of the pixels of every tile that holds a part of the window, and that part."""
        whole = shapely.Polygon(self.window.corners)
        rows, columns = self.shape
        for row in range(0, rows, self.block):
            for column in range(0, columns, self.block):
                (u0, v0), (u1, v1) = self.corner(row, column), self.corner(row + self.block, column + self.block)
                part = shapely.intersection(whole, shapely.box(u0, v0, u1, v1))
                if part.area > TOLERANCE.cover * (self.block * self.pixel) ** 2:
                    yield row, column, Window(corners=_corners(part))

    def corner(self, row: int, column: int) -> Float[np.ndarray, "2"]:
        """The lower left corner of a pixel: the same number for all tiles that meet there."""
        return self.low + np.array([column, row]) * self.pixel


def _corners(part: shapely.Polygon) -> Float[np.ndarray, "corners 2"]:
    """The corners of a convex polygon, counter-clockwise, without those on a side."""
    size = np.ptp(shapely.get_coordinates(part), axis=0).max()
    apart = shapely.remove_repeated_points(shapely.orient_polygons(part), TOLERANCE.cover * size)
    points = shapely.get_coordinates(apart)[:-1]
    before, after = points - np.roll(points, 1, 0), np.roll(points, -1, 0) - points
    turn = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    return points[turn > TOLERANCE.cover * part.area]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MapTileRequest(WindowRequest):
    """One tile of a map; its window is the tile.

    Attributes:
        grid: The map that it is a tile of.
        row: Its first row of pixels.
        column: Its first column.
    """

    grid: MapGrid
    row: int
    column: int
    result_type: ClassVar[type[MapTile]] = MapTile

    def content(self) -> Iterator[bytes]:
        """What the result depends on."""
        yield from WindowRequest.content(self)
        yield json.dumps([self.grid.resolution, self.grid.block, self.row, self.column]).encode()
        yield np.asarray(self.grid.window.corners, "<f8").tobytes()

    def compute(self, store: Store, device: Device, progress: Progress, cancelled: Cancelled) -> MapTile:
        """Find the regions of the tile and measure them; they are not kept.

        Raises:
            InvalidRequest: The tile holds more regions than memory should.
        """
        began = time.perf_counter()
        regions = find_regions(
            self.program, self.plane, self.window, max_regions=MAX_TILE_REGIONS, device=device, progress=progress,
            cancelled=cancelled,
        )  # fmt: skip
        if regions.status == Status.MAX_REGIONS:
            raise InvalidRequest(
                f"A tile of the map holds more than {MAX_TILE_REGIONS:,} regions. Draw it with more pixels, or choose "
                "a smaller window."
            )
        return measure_tile(self, regions, reference_of(self.program, self.plane, self.grid.window), began)


def map_requests(program: Program, plane: Plane, grid: MapGrid) -> list[MapTileRequest]:
    """The requests for all tiles of a map."""
    return [
        MapTileRequest(program=program, plane=plane, window=window, grid=grid, row=row, column=column)
        for row, column, window in grid.tiles()
    ]


def reference_of(program: Program, plane: Plane, window: Window) -> Interpolation:
    """The affine map through the network's values at a window's corners, as in `interpolation`."""
    with torch.no_grad():
        values = program.forward(plane.embed(window.corners).to(program.device)).cpu().numpy()
    return interpolate(window.corners, values)


def measure_tile(tile: MapTileRequest, regions: Regions, reference: Interpolation, began: float) -> MapTile:
    """What is kept of the regions of a tile.

    Args:
        tile: The tile.
        regions: Its regions, all of them or those found before they were cancelled.
        reference: What the deviation is from.
        began: When the work on it began, as `time.perf_counter` has it.
    """
    length, jumps, alike = inner_length(regions), jump(regions), similarity(regions)
    slope, deviations = slope_norm(regions), deviation(regions, plane=reference).mean(1)
    values = np.stack(
        [1 / regions.area, slope, region_mean(regions, jumps), region_mean(regions, alike), deviations / regions.area]
    )
    rasters, predicted = _rasterise(tile, regions, values)
    side, corner = _touched_sides(tile, regions), _held_corners(tile, regions)
    return MapTile(
        row=tile.row, column=tile.column, rasters=rasters, predicted=predicted, num_parts=len(regions),
        side=side[:, 0], side_pattern=regions.pattern[side[:, 1]],
        corner=corner[:, 0], corner_pattern=regions.pattern[corner[:, 1]],
        class_area=find_class_areas(regions),
        slope=float(slope @ regions.area), edge_length=float(length.sum()), jump=float(length @ jumps),
        similarity=float(length @ alike), deviation=float(deviations.sum()), status=regions.status,
        seconds=time.perf_counter() - began,
    )  # fmt: skip


def _rasterise(
    tile: MapTileRequest, regions: Regions, values: Float[np.ndarray, "5 regions"]
) -> tuple[Float[np.ndarray, "5 height width"], Int[np.ndarray, "height width"]]:
    """Area-weighted means of values over the regions with their centroid in a pixel, and the class at its centre."""
    grid = tile.grid
    u, v = (
        centres[first : first + grid.block]
        for centres, first in zip(grid.centres(), (tile.column, tile.row), strict=True)
    )
    shape = (len(v), len(u))
    place = ((regions.centroid - grid.corner(tile.row, tile.column)) / grid.pixel).astype(int)
    pixel = np.ravel_multi_index(np.clip(place, 0, np.array(shape[::-1]) - 1).T[::-1], shape)
    centres = np.stack(np.meshgrid(u, v), 2).reshape(-1, 2)
    here = _region_at(regions, centres)
    inside = np.flatnonzero(here >= 0)
    rasters = np.full((len(values), len(centres)), np.nan)
    rasters[:, inside] = values[:, here[inside]]
    known = np.isfinite(values)
    for raster, some, fit in zip(rasters, values, known, strict=True):
        area = np.bincount(pixel[fit], regions.area[fit], len(centres))
        total = np.bincount(pixel[fit], (regions.area * some)[fit], len(centres))
        np.divide(total, area, out=raster, where=area > 0)
    predicted = np.full(len(centres), -1)
    at = here[inside]
    predicted[inside] = first_largest(regions.values(at, centres[inside]), regions.value_rounding[at])
    return rasters.reshape(-1, *shape), predicted.reshape(shape)


def _region_at(regions: Regions, points: Float[np.ndarray, "points 2"]) -> Int[np.ndarray, "points"]:
    """The region (n,) at each point, -1 where there is none."""
    tree = shapely.STRtree(shapely.polygons(shapely.linearrings(
        regions.coordinates, indices=np.repeat(np.arange(len(regions)), np.diff(regions.offsets))
    )))  # fmt: skip
    point, region = tree.query(shapely.points(points), predicate="intersects")
    result = np.full(len(points), -1)
    result[point] = region
    return result


def _touched_sides(tile: MapTileRequest, regions: Regions) -> Int[np.ndarray, "parts 2"]:
    """Numbers of the sides of the tile, each with a region that reaches to it."""
    grid, near = tile.grid, TOLERANCE.touching * tile.window.radius
    outer = (regions.edge_regions < 0).any(1)
    ends, owner = regions.edge_coordinates[outer], regions.edge_regions[outer].max(1)
    far = (tile.row + grid.block, tile.column + grid.block)
    lines = [(0, tile.column, tile.row), (0, far[1], tile.row), (1, tile.row, tile.column), (1, far[0], tile.column)]
    found = [np.zeros((0, 2), dtype=np.int64)]
    for axis, line, other in lines:
        level = grid.low[axis] + line * grid.pixel
        reaching = np.unique(owner[(np.abs(ends[:, :, axis] - level) <= near).all(1)])
        number = _number(grid, axis, line, other)
        found.append(np.column_stack([np.full(len(reaching), number), reaching]))
    return np.concatenate(found)


def _held_corners(tile: MapTileRequest, regions: Regions) -> Int[np.ndarray, "corners 2"]:
    """Numbers of the corners of the tile, each with the region that holds it."""
    grid, near = tile.grid, TOLERANCE.touching * tile.window.radius
    found = [np.zeros((0, 2), dtype=np.int64)]
    for row in (tile.row, tile.row + grid.block):
        for column in (tile.column, tile.column + grid.block):
            distance = np.abs(regions.coordinates - grid.corner(row, column)).max(1, initial=0)
            holders = np.searchsorted(regions.offsets, np.flatnonzero(distance <= near), side="right") - 1
            number = _number(grid, 2, row, column)
            found.extend(np.array([[number, holder]]) for holder in np.unique(holders))
    return np.concatenate(found)


def _number(grid: MapGrid, kind: int, one: int, two: int) -> int:
    """One number for a side or a corner."""
    size = 2 * grid.resolution + 1
    return (kind * size + one) * size + two
