"""What the pieces on a segment amount to: density, deviation, variation, similarity, jump, slope; all in closed form.

Integrals run along the segment in units of L2 distance; divided by `pieces.length` they become means.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from lrviz.results.pieces import PathMeasures, PathPieces, Pieces

PerOutput = Float[np.ndarray, "outputs"]


def measure_path(
    path: PathPieces, input_similarity: Float[np.ndarray, "segments outputs"] | None = None
) -> PathMeasures:
    """The measures of all segments of a path.

    Args:
        path: Its pieces.
        input_similarity: (S, K) as from `lrviz.measures.gradients`, if it was asked for.
    """
    segments, shape = path.segments(), (len(path), path.values.shape[1])

    def rows(measure: Callable[[Pieces], PerOutput]) -> Float[np.ndarray, "segments outputs"]:
        return np.array([measure(pieces) for pieces in segments]).reshape(shape)

    return PathMeasures(
        num_pieces=np.diff(path.starts),
        length=path.length,
        deviation=rows(deviation),
        variation=rows(variation),
        deviation_as_published=rows(deviation_as_published),
        similarity=rows(similarity),
        joint_similarity=np.array([joint_similarity(pieces) for pieces in segments]),
        input_similarity=np.full(shape, np.nan) if input_similarity is None else input_similarity,
        jump=rows(jump),
        slope=rows(slope),
        status=path.status,
        seconds=path.seconds,
    )


def density(pieces: Pieces) -> float:
    """Pieces per unit of L2 distance, of what was reached; NaN for none."""
    return len(pieces) / (pieces.length * pieces.breakpoints[-1]) if len(pieces) else float("nan")


def chord_difference(pieces: Pieces) -> Float[np.ndarray, "pieces_plus_1 outputs"]:
    """The difference (P + 1, K) of f from its chord at the breakpoints; the chord joins the values at both ends.

    Where the search was cancelled, the last breakpoint is an end.
    """
    position = _share(pieces)[:, None]
    return pieces.values - ((1 - position) * pieces.values[0] + position * pieces.values[-1])


def deviation(pieces: Pieces) -> PerOutput:
    """Integral (K,) of |f - chord| along the segment, exact.

    A piece of length h with the differences a and b at its ends adds h |a + b| / 2, or, where the difference changes
    its sign in between, the two triangles h (a^2 + b^2) / (2 (|a| + |b|)).
    """
    difference = chord_difference(pieces)
    a, b = np.abs(difference[:-1]), np.abs(difference[1:])
    changes = difference[:-1] * difference[1:] < 0
    mean = np.where(changes, (a * a + b * b) / (2 * np.where(changes, a + b, 1)), (a + b) / 2)
    return pieces.length * (np.diff(pieces.breakpoints) @ mean)


def variation(pieces: Pieces) -> PerOutput:
    """Total variation (K,) of f along the segment: the sum over the pieces of |change of f|."""
    return np.abs(np.diff(pieces.values, axis=0)).sum(0)


def deviation_as_published(pieces: Pieces) -> PerOutput:
    """The sum (K,) that the code published with Gamba et al. 2022 (arXiv 2202.11749) reports as the deviation.

    With the difference a + b t on a piece from t0 to t1, it adds |a| (t1 - t0) + |b| (t1^2 - t0^2) / 2. That is never
    less than the integral of |a + b t|, and larger where a and b have different signs or the difference changes its
    own. Here t runs from 0 to 1, and the sum is multiplied by the length, as in `deviation`.
    """
    difference, ends = chord_difference(pieces), _share(pieces)[:, None]
    width = np.diff(ends, axis=0)
    rate = np.divide(np.diff(difference, axis=0), width, out=np.zeros_like(difference[:-1]), where=width > 0)
    offset = difference[:-1] - rate * ends[:-1]
    length = pieces.length * pieces.breakpoints[-1]
    return length * (np.abs(offset) * width + np.abs(rate) * np.diff(ends**2, axis=0) / 2).sum(0)


def _share(pieces: Pieces) -> Float[np.ndarray, "pieces_plus_1"]:
    """The breakpoints as shares of what was reached."""
    return pieces.breakpoints / (pieces.breakpoints[-1] or 1.0)


def mean_and_spread(
    per_segment: Float[np.ndarray, "segments kinds"],
) -> tuple[Float[np.ndarray, "kinds"], Float[np.ndarray, "kinds"]]:
    """Mean over the segments and sample standard deviation, of those where there is a value; else NaN."""
    known = ~np.isnan(per_segment)
    number = known.sum(0)
    values = np.where(known, per_segment, 0.0)
    mean = np.divide(values.sum(0), number, out=np.full(number.shape, np.nan), where=number > 0)
    squares = np.where(known, (values - np.nan_to_num(mean)) ** 2, 0.0).sum(0)
    return mean, np.sqrt(np.divide(squares, number - 1, out=np.full(number.shape, np.nan), where=number > 1))


# --- slopes ----------------------------------------------------------------------------------------------------------


def slopes(pieces: Pieces) -> Float[np.ndarray, "pieces outputs"]:
    """The derivative (P, K) of f along every piece, in logits per unit of L2 distance; rounding errors are 0."""
    change = np.diff(pieces.values, axis=0)
    # Both ends of a piece may be off by as much; an offset far larger than all changes takes digits as well.
    rounding = 4 * np.finfo(float).eps * np.abs(pieces.values).max(0, initial=0.0)
    rounding += 2 * pieces.rounding if len(pieces.rounding) else 0.0
    width = pieces.length * np.diff(pieces.breakpoints)[:, None]
    is_real = (np.abs(change) > rounding) & (width > 0)
    return np.divide(change, width, out=np.zeros_like(change), where=is_real)


def slope(pieces: Pieces) -> PerOutput:
    """Root mean square (K,) of the derivative of f along the segment, in logits per unit of L2 distance."""
    return np.sqrt(np.diff(pieces.breakpoints) @ slopes(pieces) ** 2)


def jump(pieces: Pieces) -> PerOutput:
    """Mean (K,) over the breakpoints of |change of the slope|, in logits per unit of L2 distance; NaN without any."""
    return mean_of_rows(np.abs(np.diff(slopes(pieces), axis=0)))


def similarity(pieces: Pieces) -> PerOutput:
    """Mean (K,) over the breakpoints of the cosine of the slopes of an output on both sides; NaN without any.

    Slopes along a path are single numbers: their cosine is 1 where the sign stays and -1 where it changes. Two zero
    slopes are alike, 1; a zero slope has nothing in common with another one, 0.
    """
    rows = slopes(pieces)[:, :, None]
    return mean_of_rows(cosine(rows[:-1], rows[1:]))


def joint_similarity(pieces: Pieces) -> float:
    """The same of the slopes of all outputs together, vectors of K numbers."""
    rows = slopes(pieces)[:, None]
    return float(mean_of_rows(cosine(rows[:-1], rows[1:]))[0])


def cosine(
    one: Float[np.ndarray, "rows kinds numbers"], other: Float[np.ndarray, "rows kinds numbers"]
) -> Float[np.ndarray, "rows kinds"]:
    """Cosine of every vector with its counterpart: 1 if both are zero, 0 if one is."""
    sizes = [np.sqrt(np.einsum("rkn,rkn->rk", rows, rows)) for rows in (one, other)]
    product = np.einsum("rkn,rkn->rk", *(_divide(rows, size) for rows, size in zip((one, other), sizes, strict=True)))
    return np.where((sizes[0] == 0) & (sizes[1] == 0), 1.0, np.clip(product, -1, 1))


def _divide(rows: np.ndarray, size: np.ndarray) -> np.ndarray:
    return np.divide(rows, size[..., None], out=np.zeros_like(rows), where=size[..., None] > 0)


def mean_of_rows(values: Float[np.ndarray, "rows kinds"]) -> Float[np.ndarray, "kinds"]:
    """The mean over the rows; NaN where there is none."""
    return values.mean(0) if len(values) else np.full(values.shape[1], np.nan)
