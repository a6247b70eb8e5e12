"""The exact linear pieces of a network on segments and paths.

A path is cut into stretches of about equally many pieces, each short enough for its knots to be in memory at once.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float

from lrviz.arrays import ArrayLike, number_array
from lrviz.devices import THREADS, choose_device, single_threaded
from lrviz.engine.arguments import check_callbacks, check_program
from lrviz.engine.knots import Knots, TooManyKnots, find_knots
from lrviz.engine.tiles import CUT, work_off
from lrviz.errors import InvalidPlane
from lrviz.geometry.plane import Segment
from lrviz.network.maxima import DEAD, find_winners
from lrviz.network.program import Program
from lrviz.progress import Cancelled, Progress, Stopped, ignore, never, stop_when
from lrviz.results.pieces import PathPieces, Pieces
from lrviz.results.status import Status
from lrviz.tolerance import TOLERANCE

_PROBES = 16
"""Points on each segment whose patterns tell beforehand about how many knots there are."""

_NUM_REFERENCES = 16
"""At most about this many points of a path tell how large the terms of every unit are."""

_SURPLUS = 4
"""A stretch that holds this many times more knots than planned is halved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """A part of a path, by positions relative to where the segment `first` starts; segments have the length 1.

    Attributes:
        first: The segment that it starts in.
        start: From here, in [0, 1).
        end: To here.
    """

    first: int
    start: float
    end: float

    @classmethod
    def between(cls, start: float, end: float) -> "_Stretch":
        first = int(start)
        return cls(first=first, start=start - first, end=end - first)

    @property
    def position(self) -> np.ndarray:
        """Both ends, and the points of the path in between."""
        return np.array([self.start, *range(1, int(np.ceil(self.end))), self.end], dtype=np.float64)

    def halves(self) -> "list[_Stretch]":
        middle = (self.start + self.end) / 2
        carry = int(middle)
        later = _Stretch(first=self.first + carry, start=middle - carry, end=self.end - carry)
        return [later, _Stretch(first=self.first, start=self.start, end=middle)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The knots of a stretch as numpy arrays, positions as in the stretch."""

    stretch: _Stretch
    position: np.ndarray
    unit: np.ndarray
    values: np.ndarray
    pattern: np.ndarray

    @classmethod
    def of(cls, stretch: _Stretch, knots: Knots) -> "_Found":
        arrays = {name: getattr(knots, name).cpu().numpy() for name in ("position", "unit", "values", "pattern")}
        return cls(stretch=stretch, **arrays)


@single_threaded()
def find_pieces(
    program: Program,
    start: ArrayLike,
    end: ArrayLike,
    *,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Pieces:
    """Find every linear piece of a network on the segment between two inputs, exactly up to float64 rounding.

    Args:
        program: The network.
        start: An input of the network, already normalised.
        end: Another.
        device: Where to work; the GPU if there is one, else the CPU.
        progress: Called with the fraction of the length that is done and a short text.
        cancelled: Asked often; when it returns true, the pieces from the start to the first gap are returned.

    Raises:
        InvalidPlane: The inputs are equal, or do not have the network's shape.
        LostDigits: float64 cannot tell the network's values apart there.
    """
    return _find(program, [Segment.between(start, end)], device, progress, cancelled)[0]


@single_threaded()
def find_path_pieces(
    program: Program,
    points: ArrayLike,
    *,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> PathPieces:
    """Find every linear piece of a network on all segments of a path, exactly up to float64 rounding.

    Args:
        program: The network.
        points: (S + 1, *input_shape) the points that the path joins, already normalised.
        device: Where to work; the GPU if there is one, else the CPU.
        progress: Called with the fraction of the segments that is done and a short text.
        cancelled: Asked often; when it returns true, the segments up to the first unfinished one are returned.

    Raises:
        InvalidPlane: There is no segment, two successive points are equal, or they do not have the network's shape.
        LostDigits: float64 cannot tell the network's values apart there.
    """
    began = time.perf_counter()
    points = number_array(points, "The points of a path", InvalidPlane)
    if points.ndim == 0 or len(points) < 2:
        raise InvalidPlane(f"A path joins at least two points; got an array of shape {points.shape}. Add some.")
    segments = [Segment.between(*ends) for ends in pairwise(points)]
    pieces = _find(program, segments, device, progress, cancelled)
    finished = [piece for piece in pieces if piece.status == Status.COMPLETE]
    return PathPieces.join(
        finished,
        num_outputs=program.num_outputs,
        status=Status.COMPLETE if len(finished) == len(segments) else Status.CANCELLED,
        seconds=time.perf_counter() - began,
    )


def _find(
    program: Program,
    segments: list[Segment],
    device: torch.device | str | None,
    progress: Progress | None,
    cancelled: Cancelled | None,
) -> list[Pieces]:
    """The pieces of the segments, up to the first gap if cancelled; of one segment at least."""
    began = time.perf_counter()
    check_program(program)
    check_callbacks(progress, cancelled)
    if segments[0].input_shape != program.input_shape:
        raise InvalidPlane(
            f"The network takes inputs of shape {program.input_shape}; the points have {segments[0].input_shape}. "
            "Give points of the network's shape, without a batch."
        )
    program = program.to(choose_device(device))
    ends = np.stack([segments[0].start, *(segment.end for segment in segments)])
    points = torch.as_tensor(ends, device=program.device).unflatten(1, program.input_shape)
    zeros = program.zeros(points[:: len(points) // _NUM_REFERENCES + 1], spanning=True)
    found = _explore(program, points, zeros, progress or ignore, stop_when(cancelled or never))
    return [
        replace(piece, rounding=zeros[-1].cpu().numpy()) for piece in _assemble(program, points, segments, found, began)
    ]


def _explore(
    program: Program,
    points: torch.Tensor,
    zeros: list[torch.Tensor],
    progress: Progress,
    check: Callable[[], None],
) -> list[_Found]:
    """The knots of the whole path, or of what was reached when it was cancelled, in order."""
    max_knots = _max_knots(program)

    def step(stretch: _Stretch) -> tuple[list[_Stretch], list[_Found]]:
        check()
        position = torch.as_tensor(stretch.position, device=points.device)
        inputs = _inputs_at(points[stretch.first :], position)
        try:
            knots = find_knots(program, inputs, position, zeros, CUT, _SURPLUS * max_knots, check)
        except TooManyKnots:
            return stretch.halves(), []
        return [], [_Found.of(stretch, knots)]

    found: list[_Found] = []
    done, number = 0.0, 0
    try:
        stretches = _plan(program, points, zeros, max_knots, check)
        for part in work_off(stretches[::-1], step, 1 if program.device.type == "cuda" else THREADS):
            found.append(part)
            done, number = done + part.stretch.end - part.stretch.start, number + len(part.pattern)
            progress(min(done / (len(points) - 1), 1.0), f"{number:,} pieces")
    except Stopped:
        pass
    return sorted(found, key=lambda part: part.stretch.first + part.stretch.start)


def _max_knots(program: Program) -> int:
    """How many knots to plan for a stretch: few enough for a processor's cache, or enough to fill a GPU."""
    largest = max((layer.num_units for layer in program.layers), default=1)
    return max(64, min(4096, (2**27 if program.device.type == "cuda" else 2**21) // largest))


def _plan(
    program: Program,
    points: torch.Tensor,
    zeros: list[torch.Tensor],
    max_knots: int,
    check: Callable[[], None],
) -> list[_Stretch]:
    """Cut a path where a few probes say that the parts hold about equally many knots, in order."""
    position = torch.arange(_PROBES * (len(points) - 1) + 1, dtype=torch.float64, device=points.device) / _PROBES
    changes = torch.cat(
        [
            count_changes(program, _inputs_at(points, position[start : start + max_knots + 1]), zeros, check)
            for start in range(0, len(position) - 1, max_knots)
        ]
    )
    expected = np.concatenate([[0.0], np.cumsum(changes.cpu().numpy() + 1)])
    num_parts = int(np.ceil(max(expected[-1] / max_knots, min(THREADS, expected[-1] / 64))))
    cuts = np.interp(np.linspace(0, expected[-1], num_parts + 1), expected, position.cpu().numpy())
    return [_Stretch.between(start, end) for start, end in pairwise(cuts)]


def _inputs_at(points: torch.Tensor, position: torch.Tensor) -> Float[torch.Tensor, "..."]:
    """The inputs at positions along a path; segment i reaches from i to i + 1."""
    segment = position.long().clamp(max=len(points) - 2)
    share = (position - segment).reshape(-1, *[1] * (points.dim() - 1))
    return torch.lerp(points[segment], points[segment + 1], share)


def count_changes(
    program: Program, inputs: torch.Tensor, zeros: list[torch.Tensor], check: Callable[[], None]
) -> torch.Tensor:
    """How many ReLUs and maxima differ between successive inputs (n, *input_shape), as (n - 1,).

    Where a maximum of zeros gets a winner, something before it changes as well; that counts once.

    Args:
        program: The network.
        inputs: (n, *input_shape).
        zeros: For every layer, the values up to which its features are rounding errors, see `Program.zeros`.
        check: Called at every layer; raises to stop.
    """
    total = torch.zeros(len(inputs) - 1, dtype=torch.int64, device=inputs.device)

    def on_layer(layer: int, z: torch.Tensor) -> torch.Tensor:
        check()
        entries = program.entries(layer)
        if entries is None:
            value, state = z.clamp(min=0), z > zeros[layer]
            changed = state[1:] != state[:-1]
        else:
            value, _, state = find_winners(z, entries, zeros[layer])
            changed = (state[1:] != state[:-1]) & (state[1:] != DEAD) & (state[:-1] != DEAD)
        total.add_(changed.sum(1))
        return value

    program.propagate(inputs, None, on_layer)
    return total


def _assemble(
    program: Program, points: torch.Tensor, segments: list[Segment], found: list[_Found], began: float
) -> list[Pieces]:
    found = _without_gaps(found)
    if not found:
        return [_nothing(program, points, segments[0], began)]
    segment = np.concatenate([part.stretch.first + np.floor(part.position[:-1]).astype(int) for part in found])
    start = np.concatenate([part.position[:-1] % 1.0 for part in found])
    unit = np.concatenate([part.unit[:-1] for part in found])
    pattern = np.concatenate([part.pattern for part in found]).view(np.uint64)
    values = np.concatenate([part.values[:-1] for part in found])
    end_values = np.concatenate([part.values[1:] for part in found])
    last = found[-1]
    reached = last.stretch.first + last.stretch.end
    # A cut between stretches is no breakpoint, and nothing changes at some knots of maxima.
    real = np.ones(len(unit), dtype=bool)
    real[1:] = (pattern[1:] != pattern[:-1]) | (segment[1:] != segment[:-1])
    bounds = np.searchsorted(segment, np.arange(segment[-1] + 2))
    pieces = []
    for index, (low, high) in enumerate(pairwise(bounds)):
        chosen = low + np.flatnonzero(real[low:high])
        inner = np.where(unit[chosen][1:] == CUT, -1, unit[chosen][1:])
        pieces.append(
            Pieces(
                breakpoints=np.append(start[chosen], min(reached - index, 1.0)),
                values=np.concatenate([values[chosen], end_values[high - 1 : high]]),
                pattern=pattern[chosen],
                unit=inner,
                layer=program.layer_of(inner),
                length=segments[index].length,
                status=Status.COMPLETE if reached >= index + 1 else Status.CANCELLED,
                seconds=time.perf_counter() - began,
            )
        )
    return pieces


def _nothing(program: Program, points: torch.Tensor, segment: Segment, began: float) -> Pieces:
    """No piece at all, only the value at the start."""
    none = np.zeros(0, dtype=np.int64)
    return Pieces(
        breakpoints=np.zeros(1),
        values=program(points[:1]).cpu().numpy(),
        pattern=none.view(np.uint64),
        unit=none,
        layer=none,
        length=segment.length,
        status=Status.CANCELLED,
        seconds=time.perf_counter() - began,
    )


def _without_gaps(found: list[_Found]) -> list[_Found]:
    """The leading stretches that follow on each other from the start."""
    reached = 0.0
    for index, part in enumerate(found):
        if part.stretch.first + part.stretch.start > reached + TOLERANCE.cover:
            return found[:index]
        reached = part.stretch.first + part.stretch.end
    return found
