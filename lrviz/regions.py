"""The frozen results of the engine: regions of a window, pieces of segments and paths, samples, estimates."""

import json
import os
import zipfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float, Int, UInt64

from lrviz.errors import InvalidData
from lrviz.shapes import frozen_array

SCHEMA_VERSION = 1
STATUSES = ("complete", "max_regions", "cancelled")

Result = TypeVar("Result", bound="_Stored")


class _Stored:
    """Results that are saved as npz, without pickles, and checked when they are made."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for item in fields(self):  # type: ignore[arg-type]
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, item.name, frozen_array(value))
        self._check()

    def _check(self) -> None:
        raise NotImplementedError

    def save(self, path: str | os.PathLike[str] | Any) -> None:
        """Write everything to an npz file (a path or a binary file object).

        It is not compressed: the digits of float64 hardly compress, and trying takes longer than finding regions.
        """
        arrays = {item.name: getattr(self, item.name) for item in fields(self)}  # type: ignore[arg-type]
        plain = {name: value for name, value in arrays.items() if not isinstance(value, np.ndarray)}
        header = {"kind": type(self).__name__, "schema": SCHEMA_VERSION, **plain}
        arrays = {name: value for name, value in arrays.items() if isinstance(value, np.ndarray)}
        np.savez(path, header=np.array(json.dumps(header)), **arrays)

    @classmethod
    def load(cls: type[Result], path: str | os.PathLike[str] | Any) -> Result:
        """Read what `save` wrote.

        Raises:
            InvalidData: The file is damaged, of another kind or another version.
        """
        is_path = isinstance(path, str | os.PathLike)
        name = Path(path).name if is_path else "the data"
        try:
            with open(path, "rb") if is_path else nullcontext(path) as file:
                return cls._read(file, name)
        except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise InvalidData(f"{name} cannot be read as {cls.__name__} ({error}). Compute it again.") from error

    @classmethod
    def _read(cls: type[Result], file: Any, name: str) -> Result:
        with np.load(file, allow_pickle=False) as archive:
            header = json.loads(str(archive["header"]))
            if header.pop("kind") != cls.__name__ or header.pop("schema") != SCHEMA_VERSION:
                raise InvalidData(f"{name} is not {cls.__name__} of version {SCHEMA_VERSION}. Compute it again.")
            return cls(**header, **{key: archive[key] for key in archive.files if key != "header"})


def _require(condition: bool | np.bool_, message: str) -> None:
    if not condition:
        raise InvalidData(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Regions(_Stored):
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
        status: "complete", "max_regions" (the budget was hit) or "cancelled".
        seconds: Time that finding them took.
        device: Where they were found.
    """

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
    status: str = "complete"
    seconds: float = 0.0
    device: str = "cpu"

    def _check(self) -> None:
        num_regions, num_edges = len(self.pattern), len(self.edge_unit)
        _require(self.status in STATUSES, f"The status must be one of {STATUSES}; got {self.status!r}.")
        _require(
            len(self.offsets) == num_regions + 1 and (num_regions == 0 or self.offsets[-1] == len(self.coordinates)),
            "The offsets do not fit the coordinates.",
        )
        for name in ("bias", "slope", "area", "centroid"):
            _require(len(getattr(self, name)) == num_regions, f"{name} does not have one entry per region.")
        for name in ("edge_regions", "edge_layer", "edge_length", "edge_coordinates"):
            _require(len(getattr(self, name)) == num_edges, f"{name} does not have one entry per edge.")

    def __len__(self) -> int:
        return len(self.pattern)

    @property
    def num_outputs(self) -> int:
        """Number of outputs of the network."""
        return self.bias.shape[1]

    def polygon(self, region: int) -> Float[np.ndarray, "corners 2"]:
        """Vertices (n, 2) of one region, counter-clockwise."""
        return self.coordinates[self.offsets[region] : self.offsets[region + 1]]

    def values(self, region: np.ndarray, points: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, "points outputs"]:
        """Outputs (n, K) of the affine maps of regions (n,) at plane coordinates (n, 2)."""
        return self.bias[region] + np.einsum("nkd,nd->nk", self.slope[region], points)

    @property
    def centroid_values(self) -> Float[np.ndarray, "regions outputs"]:
        """Outputs (R, K) at the centroids."""
        return self.values(np.arange(len(self)), self.centroid)

    @property
    def predicted(self) -> Int[np.ndarray, "regions"]:
        """Index (R,) of the largest output at the centroid."""
        return self.centroid_values.argmax(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces(_Stored):
    """The linear pieces of a network on a segment.

    Attributes:
        breakpoints: (P + 1,) positions in [0, 1], the two ends included.
        values: (P + 1, K) outputs at the breakpoints.
        pattern: (P,) pattern ids.
        unit: (P - 1,) the unit that changes at each inner breakpoint.
        layer: (P - 1,) its layer.
        length: L2 distance between the ends.
        status: "complete" or "cancelled".
        seconds: Time that finding them took.
    """

    breakpoints: Float[np.ndarray, "pieces_plus_1"]
    values: Float[np.ndarray, "pieces_plus_1 outputs"]
    pattern: UInt64[np.ndarray, "pieces"]
    unit: Int[np.ndarray, "inner"]
    layer: Int[np.ndarray, "inner"]
    length: float
    status: str = "complete"
    seconds: float = 0.0

    def _check(self) -> None:
        num_pieces = len(self.pattern)
        _require(self.status in STATUSES, f"The status must be one of {STATUSES}; got {self.status!r}.")
        _require(len(self.breakpoints) == num_pieces + 1, "There must be one more breakpoint than pieces.")
        _require(len(self.values) == num_pieces + 1, "There must be values at every breakpoint.")
        _require(len(self.unit) == len(self.layer) == max(num_pieces - 1, 0), "Inner breakpoints need a unit each.")

    def __len__(self) -> int:
        return len(self.pattern)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPieces(_Stored):
    """The linear pieces of a network on the S segments of a path, one segment after the other.

    Attributes:
        starts: (S + 1,) index of the first piece of every segment, and the number of pieces P.
        breakpoints: (P + S,) positions on each segment in [0, 1], the two ends included.
        values: (P + S, K) outputs at the breakpoints.
        pattern: (P,) pattern ids.
        unit: (P - S,) the unit that changes at each inner breakpoint.
        layer: (P - S,) its layer.
        length: (S,) L2 lengths of the segments.
        status: "complete" or "cancelled"; then the path ends after the last segment that was finished.
        seconds: Time that finding them took.
    """

    starts: Int[np.ndarray, "segments_plus_1"]
    breakpoints: Float[np.ndarray, "breakpoints"]
    values: Float[np.ndarray, "breakpoints outputs"]
    pattern: UInt64[np.ndarray, "pieces"]
    unit: Int[np.ndarray, "inner"]
    layer: Int[np.ndarray, "inner"]
    length: Float[np.ndarray, "segments"]
    status: str = "complete"
    seconds: float = 0.0

    @classmethod
    def join(cls, segments: Sequence[Pieces], *, num_outputs: int, status: str, seconds: float) -> "PathPieces":
        """The path of some segments; K is needed in case there is none."""

        def joined(name: str, empty: np.ndarray) -> np.ndarray:
            return np.concatenate([empty, *(getattr(segment, name) for segment in segments)])

        none = np.zeros(0, dtype=np.int64)
        return cls(
            starts=np.cumsum([0, *map(len, segments)]),
            breakpoints=joined("breakpoints", np.zeros(0)),
            values=joined("values", np.zeros((0, num_outputs))),
            pattern=joined("pattern", none.astype(np.uint64)),
            unit=joined("unit", none),
            layer=joined("layer", none),
            length=np.array([segment.length for segment in segments], dtype=np.float64),
            status=status,
            seconds=seconds,
        )

    def _check(self) -> None:
        num_pieces, num_segments = len(self.pattern), len(self.length)
        _require(self.status in STATUSES, f"The status must be one of {STATUSES}; got {self.status!r}.")
        _require(
            len(self.starts) == num_segments + 1 and self.starts[0] == 0 and self.starts[-1] == num_pieces,
            "The starts do not fit the pieces.",
        )
        _require(
            len(self.breakpoints) == len(self.values) == num_pieces + num_segments,
            "Every segment needs one more breakpoint than pieces.",
        )
        _require(len(self.unit) == len(self.layer) == num_pieces - num_segments, "Inner breakpoints need a unit each.")

    def __len__(self) -> int:
        return len(self.length)

    def segment(self, index: int) -> Pieces:
        """The pieces of one segment, from 0."""
        start, end = (int(position) for position in self.starts[index : index + 2])
        points, inner = slice(start + index, end + index + 1), slice(start - index, end - index - 1)
        return Pieces(
            breakpoints=self.breakpoints[points],
            values=self.values[points],
            pattern=self.pattern[start:end],
            unit=self.unit[inner],
            layer=self.layer[inner],
            length=float(self.length[index]),
        )

    def segments(self) -> list[Pieces]:
        """The pieces of all segments, in order."""
        return [self.segment(index) for index in range(len(self))]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathMeasures(_Stored):
    """The measures of the pieces on the S segments of a path; small, where the pieces themselves are not.

    Attributes:
        num_pieces: (S,) pieces on every segment.
        length: (S,) L2 lengths of the segments.
        deviation: (S, K) integral of |f - chord| along the segment, in logits times L2 distance.
        variation: (S, K) sum of the absolute changes of f, in logits.
        deviation_as_published: (S, K) what the code published with the paper reports, see `lrviz.piecewise`.
        status: "complete" or "cancelled"; then the path ends after the last segment that was finished.
        seconds: Time that finding the pieces took.
    """

    num_pieces: Int[np.ndarray, "segments"]
    length: Float[np.ndarray, "segments"]
    deviation: Float[np.ndarray, "segments outputs"]
    variation: Float[np.ndarray, "segments outputs"]
    deviation_as_published: Float[np.ndarray, "segments outputs"]
    status: str = "complete"
    seconds: float = 0.0

    def _check(self) -> None:
        _require(self.status in STATUSES, f"The status must be one of {STATUSES}; got {self.status!r}.")
        for name in ("num_pieces", "deviation", "variation", "deviation_as_published"):
            _require(len(getattr(self, name)) == len(self.length), f"{name} needs one row per segment.")

    def __len__(self) -> int:
        return len(self.length)


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples(_Stored):
    """A network evaluated at the pixel centres of a grid over the bounding box of a window.

    Row 0 is the lowest v. Pixels outside the window have `predicted` -1, NaN elsewhere.

    Attributes:
        u: (W,) plane coordinates of the columns.
        v: (H,) plane coordinates of the rows.
        predicted: (H, W) index of the largest output.
        values: (H, W, K) outputs.
        slope: (H, W, K, 2) change of logit per unit of L2 distance in the plane.
        pattern: (H, W) pattern ids, 0 outside.
        density: Regions per unit area, estimated from exact lines; NaN if not estimated.
        window: (C, 2) corners of the window.
        status: "complete" or "cancelled".
        seconds: Time that sampling took.
    """

    u: Float[np.ndarray, "width"]
    v: Float[np.ndarray, "height"]
    predicted: Int[np.ndarray, "height width"]
    values: Float[np.ndarray, "height width outputs"]
    slope: Float[np.ndarray, "height width outputs 2"]
    pattern: UInt64[np.ndarray, "height width"]
    density: float
    window: Float[np.ndarray, "corners 2"]
    status: str = "complete"
    seconds: float = 0.0

    def _check(self) -> None:
        shape = (len(self.v), len(self.u))
        for name in ("predicted", "values", "slope", "pattern"):
            _require(getattr(self, name).shape[:2] == shape, f"{name} does not have one entry per pixel.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate(_Stored):
    """What finding the regions of a window would give and cost.

    Attributes:
        num_regions: Expected number of regions, from the pieces on a few exact lines.
        seconds: Expected time to find them.
        pieces_per_length: Pieces per unit of L2 distance on those lines.
    """

    num_regions: float
    seconds: float
    pieces_per_length: float

    def _check(self) -> None:
        _require(self.num_regions >= 1, f"A window holds at least one region; got {self.num_regions}.")
