"""The linear regions of a network in a window."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int, UInt64

from lrviz.arrays import first_largest
from lrviz.errors import InvalidRequest
from lrviz.results.archive import Archive, describe_window, require
from lrviz.results.status import Status
from lrviz.tolerance import TOLERANCE
from lrviz.words import counted


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Regions(Archive):
    """The linear regions of a network in a window.

    Attributes:
        coordinates: (N, 2) vertices of all polygons in plane coordinates, counter-clockwise.
        offsets: (R + 1,) where each polygon starts in `coordinates`.
        pattern: (R,) pattern ids.
        bias: (R, K) value of the region's affine map at plane coordinates (0, 0).
        slope: (R, K, 2) change of logit per unit of L2 distance in the plane;
            in region r, f(u, v) = bias[r] + slope[r] @ (u, v).
        area: (R,) in squared units of L2 distance.
        centroid: (R, 2) in plane coordinates.
        edge_regions: (E, 2) the regions on the two sides of every edge, -1 for outside.
        edge_unit: (E,) the unit that drew the edge, -1 for the border of the window.
        edge_layer: (E,) its layer, -1 for the border.
        edge_length: (E,) in units of L2 distance.
        edge_coordinates: (E, 2, 2) the two ends of every edge, in plane coordinates.
        window: (C, 2) corners of the window.
        rounding: (K,) up to this, values of an output are rounding errors; without entries if that is not known.
        status: "complete", "max_regions" (the budget was hit) or "cancelled".
        seconds: Time that finding them took.
        device: Where they were found.
    """

    schema: ClassVar[int] = 2
    coordinates: Float[np.ndarray, "vertices 2"]
    offsets: Int[np.ndarray, "regions_plus_1"]
    pattern: UInt64[np.ndarray, "regions"]
    bias: Float[np.ndarray, "regions outputs"]
    slope: Float[np.ndarray, "regions outputs 2"]
    area: Float[np.ndarray, "regions"]
    centroid: Float[np.ndarray, "regions 2"]
    edge_regions: Int[np.ndarray, "edges 2"]
    edge_unit: Int[np.ndarray, "edges"]
    edge_layer: Int[np.ndarray, "edges"]
    edge_length: Float[np.ndarray, "edges"]
    edge_coordinates: Float[np.ndarray, "edges 2 2"]
    window: Float[np.ndarray, "corners 2"]
    rounding: Float[np.ndarray, "_"] = field(default_factory=lambda: np.zeros(0))
    status: Status = Status.COMPLETE
    seconds: float = field(default=0.0, compare=False)
    device: str = field(default="cpu", compare=False)

    def _facts(self) -> tuple[str, ...]:
        return counted(len(self), "region"), describe_window(self.window)

    def _check(self) -> None:
        num_regions, num_edges = len(self.pattern), len(self.edge_unit)
        require(
            len(self.offsets) == num_regions + 1
            and self.offsets[0] == 0
            and (np.diff(self.offsets) >= 0).all()
            and (num_regions == 0 or self.offsets[-1] == len(self.coordinates)),
            "The offsets do not fit the coordinates.",
        )
        for name in ("bias", "slope", "area", "centroid"):
            require(len(getattr(self, name)) == num_regions, f"{name} does not have one entry per region.")
        require(len(self.rounding) in (0, self.num_outputs), "rounding does not have one entry per output.")
        for name in ("edge_regions", "edge_layer", "edge_length", "edge_coordinates"):
            require(len(getattr(self, name)) == num_edges, f"{name} does not have one entry per edge.")
        is_known = (self.edge_regions >= -1) & (self.edge_regions < num_regions)
        require(is_known.all(), "Edges have regions that there are not.")

    def __len__(self) -> int:
        return len(self.pattern)

    @property
    def num_outputs(self) -> int:
        """Number of outputs of the network."""
        return self.bias.shape[1]

    def polygon(self, region: int) -> Float[np.ndarray, "corners 2"]:
        """Vertices (n, 2) of one region, counter-clockwise.

        Raises:
            InvalidRequest: There is no such region.
        """
        if not 0 <= region < len(self):
            raise InvalidRequest(f"Regions are numbered from 0 to {len(self) - 1:,}; got {region:,}. Choose another.")
        return self.coordinates[self.offsets[region] : self.offsets[region + 1]]

    def values(self, region: np.ndarray, points: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, "points outputs"]:
        """Outputs (n, K) of the affine maps of regions (n,) at plane coordinates (n, 2)."""
        return self.bias[region] + np.einsum("nkd,nd->nk", self.slope[region], points)

    @property
    def centroid_values(self) -> Float[np.ndarray, "regions outputs"]:
        """Outputs (R, K) at the centroids."""
        return self.bias + np.einsum("nkd,nd->nk", self.slope, self.centroid)

    @property
    def value_rounding(self) -> Float[np.ndarray, "regions outputs"]:
        """Up to this (R, K), values in a region are rounding errors."""
        terms = np.abs(self.bias) + np.einsum("rkd,rd->rk", np.abs(self.slope), np.abs(self.centroid))
        return np.maximum(TOLERANCE.rounding * terms, self.rounding if len(self.rounding) else 0.0)

    @property
    def predicted(self) -> Int[np.ndarray, "regions"]:
        """Index (R,) of the largest output at the centroid; of those that are equal up to rounding, the lowest."""
        return first_largest(self.centroid_values, self.value_rounding)
