"""The exact linear pieces of a network on a segment between two inputs."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Int

from lrviz.devices import choose_device
from lrviz.errors import InvalidPlane
from lrviz.plane import Segment
from lrviz.program import Program, xor_active
from lrviz.regions import PathPieces, Pieces
from lrviz.restrict import Restriction
from lrviz.shapes import ArrayLike
from lrviz.tiles import CUT, Part, Stopped, Tile, explore_tiles
from lrviz.tolerance import TOLERANCE

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Intervals:
    """Intervals in ascending order, each with one pattern so far.

    Attributes:
        start: (N,) in local coordinates.
        end: (N,).
        unit: (N,) the unit that changes at the start; CUT at the start of a tile.
        pattern: (N,) pattern ids.
        maps: (N, 2, U) affine maps of the remainders over (1, x), or of the outputs at the end.
    """

    start: Float[torch.Tensor, "N"]
    end: Float[torch.Tensor, "N"]
    unit: Int[torch.Tensor, "N"]
    pattern: Int[torch.Tensor, "N"]
    maps: Float[torch.Tensor, "N 2 U"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The pieces of one tile as numpy arrays, over the segment's local coordinate in [-1, 1]."""

    start: np.ndarray
    end: np.ndarray
    unit: np.ndarray
    pattern: np.ndarray
    start_value: np.ndarray
    end_value: np.ndarray


def find_pieces(
    program: Program,
    start: ArrayLike,
    end: ArrayLike,
    *,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
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
    """
    began = time.perf_counter()
    segment = Segment.between(start, end)
    if segment.input_shape != program.input_shape:
        raise InvalidPlane(
            f"The network takes inputs of shape {program.input_shape}; the segment's have {segment.input_shape}."
        )
    program = program.to(choose_device(device))
    found, status = _collect(program, segment, progress or (lambda *_: None), cancelled or (lambda: False))
    return _assemble(program, segment, found, status, began)


def find_path_pieces(
    program: Program,
    points: ArrayLike,
    *,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> PathPieces:
    """Find every linear piece of a network on all segments of a path, exactly up to float64 rounding.

    Args:
        program: The network.
        points: (S + 1, *input_shape) the points that the path joins, already normalised.
        device: Where to work; the GPU if there is one, else the CPU.
        progress: Called with the fraction of the length that is done and a short text.
        cancelled: Asked often; when it returns true, the segments up to the first unfinished one are returned.

    Raises:
        InvalidPlane: Two successive points are equal, or they do not have the network's shape.
    """
    began = time.perf_counter()
    segments: list[Pieces] = []
    for start, end in pairwise(points):
        pieces = find_pieces(program, start, end, device=device, cancelled=cancelled)
        if pieces.status == "cancelled":
            break
        segments.append(pieces)
        if progress:
            progress(len(segments) / (len(points) - 1), f"{sum(map(len, segments)):,} pieces")
    status = "complete" if len(segments) == len(points) - 1 else "cancelled"
    seconds = time.perf_counter() - began
    return PathPieces.join(segments, num_outputs=program.num_outputs, status=status, seconds=seconds)


def _collect(
    program: Program, segment: Segment, progress: Progress, cancelled: Callable[[], bool]
) -> tuple[list[_Found], str]:
    def check() -> None:
        if cancelled():
            raise Stopped

    middle, half = (segment.start + segment.end) / 2, (segment.end - segment.start) / 2
    rows = torch.as_tensor(np.stack([middle, half]), device=program.device).unflatten(1, segment.input_shape)
    corners = torch.tensor([[-1.0], [1.0]], dtype=torch.float64, device=program.device)
    whole = Part(corners=corners, labels=torch.full((2,), CUT, device=program.device))
    found: list[_Found] = []
    done, number = 0.0, 0
    try:
        for part in explore_tiles(program, rows, whole, _solve, check):
            found.append(part)
            done, number = done + float(part.end[-1] - part.start[0]) / 2, number + len(part.start)
            progress(min(done, 1.0), f"{number:,} pieces")
    except Stopped:
        return found, "cancelled"
    return found, "complete"


def _solve(tile: Tile) -> _Found:
    """All pieces of a tile, one layer after the other."""
    restriction = tile.restriction
    low, high = tile.corners[:1, 0], tile.corners[1:, 0]
    state = _Intervals(
        start=low,
        end=high,
        unit=torch.full_like(low, CUT, dtype=torch.int64),
        pattern=restriction.base.expand(1),
        maps=low.new_zeros(1, 2, restriction.num_units),
    )
    noise, zero = restriction.noise, restriction.zero
    for start, end in zip(restriction.layers[:-1], restriction.layers[1:], strict=True):
        state = _next_layer(restriction, state, slice(start, end), noise[start:end], zero[start:end])
    outputs = state.maps @ restriction.output_coupling.T + restriction.output_affine.T
    arrays = {
        "start": tile.center + tile.radius * state.start,
        "end": tile.center + tile.radius * state.end,
        "unit": state.unit,
        "pattern": state.pattern,
        "start_value": outputs[:, 0] + outputs[:, 1] * state.start[:, None],
        "end_value": outputs[:, 0] + outputs[:, 1] * state.end[:, None],
    }
    return _Found(**{name: array.cpu().numpy() for name, array in arrays.items()})


def _next_layer(
    restriction: Restriction, state: _Intervals, layer: slice, noise: torch.Tensor, zero: torch.Tensor
) -> _Intervals:
    rows = state.maps[..., : layer.start] @ restriction.coupling[layer, : layer.start].T + restriction.affine[layer].T
    start, end, unit, parent = _split_intervals(state, rows, restriction.unit[layer], noise)
    rows = rows.index_select(0, parent)
    maps = state.maps.index_select(0, parent)
    active = rows[:, 0] + rows[:, 1] * ((start + end) / 2)[:, None] > zero
    maps[..., layer] = rows * (active.to(rows.dtype) - restriction.mix[layer])[:, None]
    pattern = state.pattern[parent] ^ xor_active(active.T, restriction.key[layer])
    return _Intervals(start=start, end=end, unit=unit, pattern=pattern, maps=maps)


def _split_intervals(
    state: _Intervals, rows: torch.Tensor, unit: torch.Tensor, noise: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Split every interval at all zeros of a layer's units (N, 2, m); start, end, unit and parent of the parts."""
    low = rows[:, 0] + rows[:, 1] * state.start[:, None]
    high = rows[:, 0] + rows[:, 1] * state.end[:, None]
    crossed = (torch.minimum(low.abs(), high.abs()) > noise) & ((low > 0) != (high > 0))
    parent, column = crossed.nonzero(as_tuple=True)
    share = low[parent, column] / (low[parent, column] - high[parent, column])
    zero = state.start[parent] + share * (state.end - state.start)[parent]
    inside = (zero - state.start[parent] > TOLERANCE.distance) & (state.end[parent] - zero > TOLERANCE.distance)
    zero, parent, column = zero[inside], parent[inside], column[inside]
    start, order = torch.cat([state.start, zero]).sort(stable=True)
    parent = torch.cat([torch.arange(len(state.start), device=zero.device), parent])[order]
    unit = torch.cat([state.unit, unit[column]])[order]
    distinct = torch.cat([start.new_ones(1), start.diff()]) > TOLERANCE.distance
    distinct |= order < len(state.start)
    start, parent, unit = start[distinct], parent[distinct], unit[distinct]
    return start, torch.cat([start[1:], state.end[-1:]]), unit, parent


def _assemble(program: Program, segment: Segment, found: list[_Found], status: str, began: float) -> Pieces:
    """Join the tiles in order, and drop the breakpoints that cuts drew."""
    found = _without_gaps(sorted(found, key=lambda part: float(part.start[0])))
    if not found:
        found = [_nothing(program, segment)]
    start, unit, pattern, value = (
        np.concatenate([getattr(part, name) for part in found]) for name in ("start", "unit", "pattern", "start_value")
    )
    pattern = pattern.view(np.uint64)
    real = np.concatenate([np.full(min(1, len(unit)), True), (unit[1:] != CUT) | (pattern[1:] != pattern[:-1])])
    inner = np.where(unit[real][1:] == CUT, -1, unit[real][1:])
    return Pieces(
        breakpoints=np.append((1 + start[real]) / 2, (1 + found[-1].end[-1]) / 2),
        values=np.concatenate([value[real], found[-1].end_value[-1:]]),
        pattern=pattern[real],
        unit=inner,
        layer=program.layer_of(inner),
        length=segment.length,
        status=status,
        seconds=time.perf_counter() - began,
    )


def _nothing(program: Program, segment: Segment) -> _Found:
    """No piece at all, only the value at the start."""
    start = torch.tensor(segment.start, device=program.device).reshape(1, *segment.input_shape)
    none = np.zeros(0, dtype=np.int64)
    return _Found(
        start=np.zeros(0),
        end=np.full(1, -1.0),
        unit=none,
        pattern=none,
        start_value=np.zeros((0, program.num_outputs)),
        end_value=program(start).cpu().numpy(),
    )


def _without_gaps(found: list[_Found]) -> list[_Found]:
    """The leading tiles that follow on each other from the start."""
    reached = -1.0
    for index, part in enumerate(found):
        if part.start[0] > reached + TOLERANCE.distance:
            return found[:index]
        reached = float(part.end[-1])
    return found
