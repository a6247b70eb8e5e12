"""How alike the gradients by the input are on the two sides of the breakpoints of a path."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int

from lrviz.arrays import ArrayLike, frozen_array
from lrviz.devices import choose_device
from lrviz.engine.requests import Device
from lrviz.measures.path import cosine, mean_of_rows
from lrviz.network.gradient import input_gradients
from lrviz.network.program import Program
from lrviz.progress import Cancelled, Progress, ignore, never
from lrviz.results.pieces import PathPieces, Pieces
from lrviz.tolerance import TOLERANCE

_NUMBERS = 2**22
"""About so many numbers of gradients are in memory at once."""

_LARGEST_BATCH = 64

MOST_BREAKPOINTS = 200
"""At so many breakpoints of a segment gradients are compared, chosen at random where there are more."""

_SEED = 20220215


def input_similarities(
    program: Program,
    points: ArrayLike,
    path: PathPieces,
    *,
    device: Device = None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Float[np.ndarray, "segments outputs"] | None:
    """Mean over the breakpoints of the cosine of an output's gradients on both sides, for every segment.

    Of more than `MOST_BREAKPOINTS` breakpoints of a segment so many are chosen at random. The gradient is the same
    everywhere on a piece; it is taken in its middle. A gradient that is a rounding error counts as 0: two such are
    alike, 1, one has nothing in common with another gradient, 0.

    Args:
        program: The network.
        points: (S + 1, *input_shape) the points that the path joins, normalised.
        path: Its pieces, complete.
        device: Where to compute; the GPU if there is one, else the CPU.
        progress: Called with the fraction of the breakpoints that is done and a short text.
        cancelled: Asked between batches.

    Returns:
        (S, K), NaN for segments without breakpoints; None if it was cancelled.
    """
    program, progress = program.to(choose_device(device)), progress or ignore
    points = torch.as_tensor(frozen_array(points, float).copy(), device=program.device)
    total = sum(min(len(pieces) - 1, MOST_BREAKPOINTS) for pieces in path.segments())
    done, rows = 0, []
    for pieces, start, end in zip(path.segments(), points[:-1], points[1:], strict=True):
        parts = []
        for part in _segment_similarities(program, start, end, pieces):
            if (cancelled or never)():
                return None
            parts.append(part)
            done += len(part)
            progress(done / max(total, 1), f"gradients at {done:,} breakpoints")
        rows.append(mean_of_rows(np.concatenate([np.zeros((0, program.num_outputs)), *parts])))
    return np.array(rows)


def _segment_similarities(
    program: Program, start: torch.Tensor, end: torch.Tensor, pieces: Pieces
) -> Iterator[Float[np.ndarray, "breakpoints outputs"]]:
    """The cosines at the chosen breakpoints of a segment, batch by batch."""
    zero, chosen = _rounding(program, start, end, pieces), _choose(len(pieces) - 1)
    middle = torch.as_tensor((pieces.breakpoints[1:] + pieces.breakpoints[:-1]) / 2, device=program.device)
    size = int(np.clip(_NUMBERS // (2 * program.num_outputs * start.numel()), 1, _LARGEST_BATCH))
    for before in np.split(chosen, range(size, len(chosen), size)):
        needed = np.union1d(before, before + 1)
        share = middle[torch.as_tensor(needed, device=middle.device)]
        inputs = torch.lerp(start, end, share.reshape(-1, *[1] * start.dim()))
        found = input_gradients(program, inputs).flatten(2).cpu().numpy()
        found[np.linalg.norm(found, axis=2) <= zero] = 0.0
        yield cosine(*(found[np.searchsorted(needed, pieces_there)] for pieces_there in (before, before + 1)))


def _choose(number: int) -> Int[np.ndarray, "chosen"]:
    """All breakpoints, or as many as are compared at most, ascending: each with the same chance."""
    if number <= MOST_BREAKPOINTS:
        return np.arange(number)
    return np.sort(np.random.default_rng(_SEED).choice(number, MOST_BREAKPOINTS, replace=False))


def _rounding(program: Program, start: torch.Tensor, end: torch.Tensor, pieces: Pieces) -> Float[np.ndarray, "outputs"]:
    """Up to this, the norm of an output's gradient is a rounding error.

    An output's terms are no larger than their gradients times the size of the input, so the terms of its gradient are
    about as large as its own terms divided by the input's root mean square.
    """
    size = float(torch.stack([start, end]).square().mean().sqrt())
    terms = pieces.rounding / TOLERANCE.rounding if len(pieces.rounding) else np.zeros(program.num_outputs)
    return TOLERANCE.cancelled * terms / size if size > 0 else np.zeros(program.num_outputs)
