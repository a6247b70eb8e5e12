"""A whole window, counted and measured tile by tile: what is kept of every tile, and what they add up to."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int, UInt64

from lrviz.results.archive import Archive, describe_window, require
from lrviz.results.status import Status

RASTERS = ("density", "slope", "jump", "similarity", "deviation")
"""The quantities of a map's raster; besides these it has the predicted class."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MapTile(Archive):
    """One tile of a map: sums over its regions, means in its pixels, and what it shares with the tiles beside it.

    A region that the tiles cut is a part in each of them. It is counted once: its parts meet along the sides of tiles,
    where they have one pattern, and four of them at a corner; parts less sides plus corners is one (Euler).

    Attributes:
        row: Index of its first row of pixels in the map's raster; column: of its first column.
        rasters: (5, h, w) means over the regions with their centroid in a pixel, in the order of `RASTERS`, or what the
            region at the pixel's centre has; NaN outside.
        predicted: (h, w) class at the pixels' centres, -1 outside.
        num_parts: Regions in the tile.
        side: (P,) a number for the side of the tile that a part reaches to, and
        side_pattern: (P,) the part's pattern id.
        corner: (Q,) a number for each corner of the tile in the window, and
        corner_pattern: (Q,) the pattern id of the part that holds it.
        class_area: (K,) area where each class wins.
        slope: Integral of the slope's norm.
        edge_length: Length of all edges between regions, and
        jump: The integral along them of the jump, and
        similarity: Of the similarity.
        deviation: Integral of the absolute deviation, mean over outputs.
        seconds: Time that the tile took.
        status: Complete or cancelled.
    """

    schema: ClassVar[int] = 2
    row: int
    column: int
    rasters: Float[np.ndarray, "5 height width"]
    predicted: Int[np.ndarray, "height width"]
    num_parts: int
    side: Int[np.ndarray, "parts"]
    side_pattern: UInt64[np.ndarray, "parts"]
    corner: Int[np.ndarray, "corners"]
    corner_pattern: UInt64[np.ndarray, "corners"]
    class_area: Float[np.ndarray, "classes"]
    slope: float
    edge_length: float
    jump: float
    similarity: float
    deviation: float
    status: Status = Status.COMPLETE
    seconds: float = field(default=0.0, compare=False)

    def _facts(self) -> tuple[str, ...]:
        return (f"{self.num_parts:,} regions", f"{self.predicted.shape[1]} x {self.predicted.shape[0]} pixels")

    def _check(self) -> None:
        require(self.num_parts >= 0 and min(self.row, self.column) >= 0, "Counts cannot be negative.")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PlaneMap(Archive):
    """All regions of a window, counted and measured; row 0 of the rasters is the lowest v.

    The means in a pixel are over the regions that have their centroid in it, by area; where there is none, they are
    what the region at the pixel's centre has. All other numbers are exact.

    Attributes:
        u: (W,) plane coordinates of the pixels' centres.
        v: (H,) likewise.
        density: (H, W) regions per squared unit of L2 distance; NaN outside the window.
        slope: (H, W) norm of the slope, all outputs together, in logits per unit of L2 distance.
        jump: (H, W) edge-length weighted mean jump of a region, likewise.
        similarity: (H, W) edge-length weighted mean similarity of a region, a cosine.
        deviation: (H, W) mean absolute deviation from the affine map through the window's corners, in logits.
        predicted: (H, W) class at the pixels' centres, -1 outside.
        num_regions: Number of regions.
        class_area: (K,) area where each class wins.
        mean_slope: Area-weighted mean of the slope's norm.
        edge_length: Length of all edges between regions, in units of L2 distance.
        mean_jump: Edge-length weighted mean jump.
        mean_similarity: Edge-length weighted mean similarity.
        mean_deviation: Mean absolute deviation over the window, mean over outputs, in logits.
        num_tiles: How many tiles it was found in.
        window: (C, 2) corners of the window.
        description: What it shows, as JSON; empty if nobody said.
        seconds: Time that all tiles took together.
    """

    u: Float[np.ndarray, "width"]
    v: Float[np.ndarray, "height"]
    density: Float[np.ndarray, "height width"]
    slope: Float[np.ndarray, "height width"]
    jump: Float[np.ndarray, "height width"]
    similarity: Float[np.ndarray, "height width"]
    deviation: Float[np.ndarray, "height width"]
    predicted: Int[np.ndarray, "height width"]
    num_regions: int
    class_area: Float[np.ndarray, "classes"]
    mean_slope: float
    edge_length: float
    mean_jump: float
    mean_similarity: float
    mean_deviation: float
    num_tiles: int
    window: Float[np.ndarray, "corners 2"]
    description: str = ""
    seconds: float = field(default=0.0, compare=False)

    @property
    def area(self) -> float:
        """Area of the window, in squared units of L2 distance."""
        return float(self.class_area.sum())

    @classmethod
    def join(
        cls,
        tiles: Sequence[MapTile],
        u: Float[np.ndarray, "width"],
        v: Float[np.ndarray, "height"],
        window: Float[np.ndarray, "corners 2"],
        description: str = "",
    ) -> "PlaneMap":
        """Put all tiles of a window together.

        Args:
            tiles: Every tile that holds a part of the window; one at least.
            u: Centres of the columns of pixels.
            v: Centres of the rows.
            window: Its corners.
            description: What it shows, as JSON.
        """
        rasters = np.full((len(RASTERS), len(v), len(u)), np.nan)
        predicted = np.full((len(v), len(u)), -1)
        for tile in tiles:
            height, width = tile.predicted.shape
            place = (slice(tile.row, tile.row + height), slice(tile.column, tile.column + width))
            rasters[:, *place], predicted[place] = tile.rasters, tile.predicted
        class_area = np.sum([tile.class_area for tile in tiles], axis=0)
        length = sum(tile.edge_length for tile in tiles)
        return cls(
            u=u, v=v, **dict(zip(RASTERS, rasters, strict=True)), predicted=predicted,
            num_regions=_count(tiles), class_area=class_area,
            mean_slope=_share(tiles, "slope", class_area.sum()), edge_length=float(length),
            mean_jump=_share(tiles, "jump", length), mean_similarity=_share(tiles, "similarity", length),
            mean_deviation=_share(tiles, "deviation", class_area.sum()), num_tiles=len(tiles), window=window,
            description=description, seconds=float(sum(tile.seconds for tile in tiles)),
        )  # fmt: skip

    def _facts(self) -> tuple[str, ...]:
        return f"{self.num_regions:,} regions", f"{self.num_tiles:,} tiles", describe_window(self.window)

    def _check(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray) and item.name in (*RASTERS, "predicted"):
                require(value.shape == (len(self.v), len(self.u)), f"{item.name} needs one value per pixel.")


def _count(tiles: Sequence[MapTile]) -> int:
    """Parts less the sides of tiles that they meet at, plus the corners."""
    sides = _shared([tile.side for tile in tiles], [tile.side_pattern for tile in tiles], 2)
    corners = _shared([tile.corner for tile in tiles], [tile.corner_pattern for tile in tiles], 4)
    return sum(tile.num_parts for tile in tiles) - sides + corners


def _shared(places: list[np.ndarray], patterns: list[np.ndarray], number: int) -> int:
    """How often that many tiles have one pattern at one place."""
    pairs = np.stack([np.concatenate(places).astype(np.uint64), np.concatenate(patterns)], 1)
    return int((np.unique(pairs, axis=0, return_counts=True)[1] == number).sum())


def _share(tiles: Sequence[MapTile], name: str, whole: float) -> float:
    return float(sum(getattr(tile, name) for tile in tiles) / whole) if whole > 0 else float("nan")
