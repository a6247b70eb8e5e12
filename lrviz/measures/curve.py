"""The outputs of a network along a whole path, over the L2 distance from its start."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from lrviz.arrays import ArrayLike, frozen_array
from lrviz.devices import single_threaded
from lrviz.errors import InvalidRequest
from lrviz.network.program import Program
from lrviz.results.pieces import PathPieces

SAMPLES = 32
"""Samples on each segment of a curve that is not exact."""

_BATCH = 32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """The outputs f along a path: straight from each knot to the next.

    The knots of an exact curve are the anchors and the breakpoints, so that a piece reaches from each to the next.

    Attributes:
        position: (N,) L2 distance of every knot from the start of the path, ascending.
        values: (N, K) outputs there.
        segment: (N,) the segment that starts at or before a knot, from 0; the number of segments at the end.
        anchors: (S + 1,) indices of the knots that are ends of segments.
        unit: (N,) the unit that changes at a knot; -1 at anchors, and everywhere if the curve is sampled.
        layer: (N,) its layer, likewise.
        is_exact: Whether the knots are all breakpoints, and not samples.
    """

    position: Float[np.ndarray, "knots"]
    values: Float[np.ndarray, "knots outputs"]
    segment: Int[np.ndarray, "knots"]
    anchors: Int[np.ndarray, "segments_plus_1"]
    unit: Int[np.ndarray, "knots"]
    layer: Int[np.ndarray, "knots"]
    is_exact: bool

    def __post_init__(self) -> None:
        for name in ("position", "values", "segment", "anchors", "unit", "layer"):
            object.__setattr__(self, name, frozen_array(getattr(self, name)))

    @property
    def num_pieces(self) -> int:
        """Number of straight pieces between knots."""
        return len(self.position) - 1

    @property
    def num_segments(self) -> int:
        """Number of segments."""
        return len(self.anchors) - 1

    @property
    def length(self) -> float:
        """L2 length of the path."""
        return float(self.position[-1])

    def at(self, position: Float[np.ndarray, "n"], output: int) -> Float[np.ndarray, "n"]:
        """One output at some positions."""
        return np.interp(position, self.position, self.values[:, output])

    def chord_at(self, position: Float[np.ndarray, "n"], output: int) -> Float[np.ndarray, "n"]:
        """The chords of the segments at some positions: straight from anchor to anchor."""
        return np.interp(position, self.position[self.anchors], self.values[self.anchors, output])

    def piece_at(self, position: Float[np.ndarray, "n"]) -> Int[np.ndarray, "n"]:
        """The piece that holds each position, from 0."""
        return np.clip(np.searchsorted(self.position, position, side="right") - 1, 0, max(self.num_pieces - 1, 0))

    def knots_between(self, low: float, high: float) -> slice:
        """The knots strictly between two positions."""
        return slice(
            int(np.searchsorted(self.position, low, side="right")),
            int(np.searchsorted(self.position, high, side="left")),
        )


def exact_curve(path: PathPieces) -> Curve:
    """The curve of the pieces of a path; the point where two segments meet becomes one knot.

    Raises:
        InvalidRequest: No segment of the path was finished.
    """
    num_segments = len(path)
    if num_segments == 0:
        raise InvalidRequest("A curve needs at least one segment; got none. Find the path's pieces first.")
    ends = path.starts + np.arange(num_segments + 1)
    kept = np.ones(len(path.breakpoints), dtype=bool)
    kept[ends[1:-1]] = False
    segment = np.repeat(np.arange(num_segments), np.diff(ends))
    reached = np.concatenate([[0.0], np.cumsum(path.length)])
    anchors = path.starts
    inner = np.ones(int(kept.sum()), dtype=bool)
    inner[anchors] = False
    unit, layer = np.full((2, len(inner)), -1, dtype=np.int64)
    unit[inner], layer[inner] = path.unit, path.layer
    own = segment[kept]
    own[anchors[1:]] += 1
    position = (reached[segment] + path.breakpoints * path.length[segment])[kept]
    position[anchors] = reached
    return Curve(
        position=position,
        values=path.values[kept],
        segment=own,
        anchors=anchors,
        unit=unit,
        layer=layer,
        is_exact=True,
    )


def sample_curve(program: Program, points: ArrayLike, num_samples: int = SAMPLES) -> Curve:
    """Evaluate a network at evenly spaced points of a path, for a first look.

    Args:
        program: The network.
        points: (S + 1, *input_shape) the points that the path joins, normalised.
        num_samples: How many on each segment.
    """
    points = torch.as_tensor(frozen_array(points, float).copy(), device=program.device)
    num_segments = len(points) - 1
    share = torch.arange(num_samples, dtype=torch.float64, device=points.device) / num_samples
    share = share.reshape(-1, *[1] * (points.dim() - 1))
    inputs = torch.cat([torch.lerp(points[i], points[i + 1], share) for i in range(num_segments)] + [points[-1:]])
    with single_threaded():
        values = torch.cat([program(batch) for batch in inputs.split(_BATCH)]).cpu().numpy()
    length = (points[1:] - points[:-1]).flatten(1).norm(dim=1).cpu().numpy()
    grid = np.arange(num_segments * num_samples + 1)
    return Curve(
        position=np.interp(grid / num_samples, np.arange(num_segments + 1), np.concatenate([[0.0], np.cumsum(length)])),
        values=values,
        segment=grid // num_samples,
        anchors=grid[::num_samples],
        unit=np.full(len(grid), -1),
        layer=np.full(len(grid), -1),
        is_exact=False,
    )


def thin(
    position: Float[np.ndarray, "n"], values: Float[np.ndarray, "n"], num_columns: int
) -> tuple[Float[np.ndarray, "m"], Float[np.ndarray, "m"]]:
    """Leave out the points of a line that a picture of so many columns cannot show.

    Every column keeps its first, lowest, highest and last point, which draw the same pixels as all of them (U. Jugel
    et al., M4: A visualization-oriented time series data aggregation, VLDB 2014). Few points are all kept.

    Args:
        position: (n,) ascending.
        values: (n,).
        num_columns: Columns of pixels between the first and the last position.
    """
    if len(position) <= 4 * num_columns:
        return position, values
    share = (position - position[0]) / (position[-1] - position[0])
    column = np.minimum((share * num_columns).astype(int), num_columns - 1)
    first = np.flatnonzero(np.diff(column, prepend=-1))
    by_value = np.lexsort((values, column))
    ends = np.append(first[1:], len(column))
    kept = np.unique(np.concatenate([first, by_value[first], by_value[ends - 1], ends - 1]))
    return position[kept], values[kept]
