"""The linear pieces of a network on a segment and on a path, and their measures."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from jaxtyping import Float, Int, UInt64

from lrviz.results.archive import Archive, require
from lrviz.results.status import Status
from lrviz.words import counted


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Pieces(Archive):
    """The linear pieces of a network on a segment.

    Attributes:
        breakpoints: (P + 1,) positions in [0, 1], the two ends included.
        values: (P + 1, K) outputs at the breakpoints.
        pattern: (P,) pattern ids.
        unit: (P - 1,) the unit that changes at each inner breakpoint.
        layer: (P - 1,) its layer.
        length: L2 distance between the ends.
        rounding: (K,) up to this, values of an output are rounding errors; without entries if that is not known.
        status: "complete" or "cancelled".
        seconds: Time that finding them took.
    """

    breakpoints: Float[np.ndarray, "pieces_plus_1"]
    values: Float[np.ndarray, "pieces_plus_1 outputs"]
    pattern: UInt64[np.ndarray, "pieces"]
    unit: Int[np.ndarray, "inner"]
    layer: Int[np.ndarray, "inner"]
    length: float
    rounding: Float[np.ndarray, "_"] = field(default_factory=lambda: np.zeros(0))
    status: Status = Status.COMPLETE
    seconds: float = field(default=0.0, compare=False)

    def _facts(self) -> tuple[str, ...]:
        return counted(len(self), "piece"), f"length {self.length:.4g}"

    def _check(self) -> None:
        num_pieces = len(self.pattern)
        require(len(self.breakpoints) == num_pieces + 1, "There must be one more breakpoint than pieces.")
        require(len(self.values) == num_pieces + 1, "There must be values at every breakpoint.")
        require(len(self.unit) == len(self.layer) == max(num_pieces - 1, 0), "Inner breakpoints need a unit each.")

    def __len__(self) -> int:
        return len(self.pattern)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PathPieces(Archive):
    """The linear pieces of a network on the S segments of a path, one segment after the other.

    Attributes:
        starts: (S + 1,) index of the first piece of every segment, and the number of pieces P.
        breakpoints: (P + S,) positions on each segment in [0, 1], the two ends included.
        values: (P + S, K) outputs at the breakpoints.
        pattern: (P,) pattern ids.
        unit: (P - S,) the unit that changes at each inner breakpoint.
        layer: (P - S,) its layer.
        length: (S,) L2 lengths of the segments.
        rounding: (K,) up to this, values of an output are rounding errors; without entries if that is not known.
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
    rounding: Float[np.ndarray, "_"] = field(default_factory=lambda: np.zeros(0))
    status: Status = Status.COMPLETE
    seconds: float = field(default=0.0, compare=False)

    @classmethod
    def join(cls, segments: Sequence[Pieces], *, num_outputs: int, status: Status, seconds: float) -> "PathPieces":
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
            rounding=segments[0].rounding if segments else np.zeros(0),
            status=status,
            seconds=seconds,
        )

    def _facts(self) -> tuple[str, ...]:
        return (f"{len(self.pattern):,} pieces on {len(self):,} segments", f"length {self.length.sum():.4g}")

    def _check(self) -> None:
        num_pieces, num_segments = len(self.pattern), len(self.length)
        require(
            len(self.starts) == num_segments + 1
            and self.starts[0] == 0
            and (np.diff(self.starts) >= 0).all()
            and self.starts[-1] == num_pieces,
            "The starts do not fit the pieces.",
        )
        require(
            len(self.breakpoints) == len(self.values) == num_pieces + num_segments,
            "Every segment needs one more breakpoint than pieces.",
        )
        require(len(self.unit) == len(self.layer) == num_pieces - num_segments, "Inner breakpoints need a unit each.")

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
            rounding=self.rounding,
        )

    def segments(self) -> list[Pieces]:
        """The pieces of all segments, in order."""
        return [self.segment(index) for index in range(len(self))]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PathMeasures(Archive):
    """The measures of the pieces on the S segments of a path; small, where the pieces themselves are not.

    Attributes:
        num_pieces: (S,) pieces on every segment.
        length: (S,) L2 lengths of the segments.
        deviation: (S, K) integral of |f - chord| along the segment, in logits times L2 distance.
        variation: (S, K) sum of the absolute changes of f, in logits.
        deviation_as_published: (S, K) what the code published with the paper reports, see `lrviz.measures.path`.
        similarity: (S, K) mean over the breakpoints of the cosine of the slopes on both sides; NaN without any.
        joint_similarity: (S,) the same of the slopes of all outputs together.
        input_similarity: (S, K) the same of the gradients by the input; NaN where they were not asked for.
        jump: (S, K) mean over the breakpoints of |change of the slope|, in logits per unit of L2 distance; NaN without.
        slope: (S, K) root mean square along the segment of the derivative of f, likewise.
        status: "complete" or "cancelled"; then the path ends after the last segment that was finished.
        seconds: Time that finding the pieces took.
    """

    num_pieces: Int[np.ndarray, "segments"]
    length: Float[np.ndarray, "segments"]
    deviation: Float[np.ndarray, "segments outputs"]
    variation: Float[np.ndarray, "segments outputs"]
    deviation_as_published: Float[np.ndarray, "segments outputs"]
    similarity: Float[np.ndarray, "segments outputs"]
    joint_similarity: Float[np.ndarray, "segments"]
    input_similarity: Float[np.ndarray, "segments outputs"]
    jump: Float[np.ndarray, "segments outputs"]
    slope: Float[np.ndarray, "segments outputs"]
    status: Status = Status.COMPLETE
    seconds: float = field(default=0.0, compare=False)

    @classmethod
    def join(cls, parts: "Sequence[PathMeasures]") -> "PathMeasures":
        """The measures of some paths, or of segments of one, after each other; there is one at least."""
        arrays = {
            item.name: np.concatenate([getattr(part, item.name) for part in parts])
            for item in fields(cls)
            if isinstance(getattr(parts[0], item.name), np.ndarray)
        }
        return cls(**arrays, status=parts[-1].status, seconds=sum(part.seconds for part in parts))

    def _facts(self) -> tuple[str, ...]:
        return (f"{self.num_pieces.sum():,} pieces on {len(self):,} segments", f"length {self.length.sum():.4g}")

    def _check(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray):
                require(len(value) == len(self.length), f"{item.name} needs one row per segment.")

    def __len__(self) -> int:
        return len(self.length)
