"""Cut a window into tiles until few units are unstable in each, and restrict the network to every tile."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import count
from threading import Lock
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int

from lrviz.devices import THREADS, several_threads
from lrviz.engine.compiled.ready import ready_core
from lrviz.engine.restrict import Restriction, TooManyUnits, restrict
from lrviz.network.program import Program

CUT = -1_000_000
"""Label of an edge that a cut drew."""

_BALANCE = 0.5137
"""Where to cut, as a fraction: off the middle, where the lines of symmetric networks like to lie."""

_MAX_IDLE_CUTS = 4
"""Successive cuts that may leave nine tenths of the units before cutting is given up: their lines share a point."""

_MAX_PATIENT_CUTS = 8
"""After this many cuts the whole network is restricted however many units remain; a large one, after three times as
many."""

_MAX_VAIN_CUTS = 2
"""The same after this many successive cuts that left nine tenths of the units of the layers looked at."""

_LARGE = 2**29
"""Bytes above which only one whole network at a time is restricted."""

_SHARED = 10_000
"""Units of a network above which all threads together restrict it to the window; to its parts, each by itself does."""

_ROW_BYTES = 16
"""A feature of a row that is restricted, before a layer and after it, in float64."""

_NUM_RINGS = 5
"""Rings around the middle of a window whose parts are worked on one after the other."""

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far to cut, for a device.

    Attributes:
        tile_units: A tile with at most this many unstable units is subdivided.
        program_units: The whole network is restricted to windows with at most this many.
        chunk: Cells that are split at once.
        workers: Tiles that are worked on at once, each by one thread.
        is_large: Whether the whole network is restricted to one window at a time, because that takes much memory.
    """

    tile_units: int
    program_units: int
    chunk: int
    workers: int
    is_large: bool = False

    @classmethod
    def of(cls, program: Program) -> "Limits":
        """Small tiles that stay in a processor's cache, or large ones that fill a GPU."""
        if program.device.type == "cuda":
            return cls.of_gpu(program)
        largest = _largest_layer(program)
        units = max(128, min(1024, 2**25 // largest))
        small = 224 if ready_core() is None else 256
        is_large = units * largest * _ROW_BYTES > _LARGE
        return cls(tile_units=small, program_units=units, chunk=4096, workers=THREADS, is_large=is_large)

    @classmethod
    def of_gpu(cls, program: Program) -> "Limits":
        """Large tiles, whose many cells are split by few steps: each step costs a launch, however small it is."""
        units = max(128, min(1024, 2**25 // _largest_layer(program)))
        return cls(tile_units=1024, program_units=4 * units, chunk=2**15, workers=1)


def peak_bytes(program: Program) -> int:
    """Memory that restricting a network to windows takes at most, in most windows; that of the regions comes on top."""
    limits = Limits.of(program)
    at_once = 1 if limits.is_large else limits.workers
    return at_once * limits.program_units * _largest_layer(program) * _ROW_BYTES


def _largest_layer(program: Program) -> int:
    return max((layer.num_units for layer in program.layers), default=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A convex part of the window, in the window's local coordinates.

    Attributes:
        corners: (c, 2), counter-clockwise.
        labels: (c,) labels of the sides behind the corners.
        parent: A tile that contains it, if the network has been restricted already.
        cuts: How many cuts led to it.
        idle: How many of the last cuts left most units unstable.
        refused: Why the network was not restricted to what it was cut from, if that had too many units.
    """

    corners: Float[np.ndarray, "c 2"]
    labels: Int[np.ndarray, "c"]
    parent: "Tile | None" = None
    cuts: int = 0
    idle: int = 0
    refused: TooManyUnits | None = None

    def halves(self, parent: "Tile | None" = None, idle: int = 0, refused: TooManyUnits | None = None) -> "list[Part]":
        """Cut across the longest side of the bounding box; arguments as the attributes."""
        low, high = self.corners.min(0), self.corners.max(0)
        axis = int((high - low).argmax())
        height = self.corners[:, axis] - (low + _BALANCE * (high - low))[axis]
        return [
            Part(corners=corners, labels=labels, parent=parent, cuts=self.cuts + 1, idle=idle, refused=refused)
            for corners, labels in _cut(self.corners, self.labels, height)
        ]

    @property
    def ring(self) -> int:
        """How far it is from the middle of the window."""
        low, high = self.corners.min(0), self.corners.max(0)
        return int(_NUM_RINGS * max(float(np.maximum(low, -high).max()), 0.0))

    def is_vain(self, refused: TooManyUnits) -> bool:
        """Whether the cut that led here left most units of the layers that were looked at before."""
        last = self.refused
        return last is not None and refused.layer <= last.layer and refused.num_units > 0.9 * last.num_units


def _cut(
    corners: Float[np.ndarray, "c 2"], labels: Int[np.ndarray, "c"], height: Float[np.ndarray, "c"]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The parts of a convex polygon where its height is positive and negative; they share their new corners."""
    parts: tuple[list[np.ndarray], list[np.ndarray]] = [], []
    names: tuple[list[int], list[int]] = [], []
    for place in range(len(corners)):
        here, there, label = corners[place], corners[place - len(corners) + 1], int(labels[place])
        one, two = height[place], height[place - len(corners) + 1]
        for side, sign in enumerate((1, -1)):
            if sign * one >= 0:
                parts[side].append(here)
                names[side].append(label if one or sign * two > 0 else CUT)
        if one * two < 0:
            above, below, s, t = (here, there, one, two) if one > 0 else (there, here, two, one)
            crossing = above + s / (s - t) * (below - above)
            for side, is_left in enumerate((one > 0, one < 0)):
                parts[side].append(crossing)
                names[side].append(CUT if is_left else label)
    return [(np.array(part), np.array(name)) for part, name in zip(parts, names, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A part with its own coordinates x' = (x - center) / radius, and the network restricted to it.

    Attributes:
        corners: (c, 2) corners in the tile's own coordinates.
        labels: (c,) labels of its sides.
        center: (2,) in the window's local coordinates.
        radius: Half its extent, likewise.
        restriction: The network in the tile's coordinates.
    """

    corners: Float[np.ndarray, "c 2"]
    labels: Int[np.ndarray, "c"]
    center: Float[np.ndarray, "2"]
    radius: float
    restriction: Restriction


def explore_tiles(
    program: Program,
    rows: Float[torch.Tensor, "..."],
    window: Part,
    zeros: Sequence[Float[torch.Tensor, "_"]],
    solve: Callable[[Tile], Result],
    check: Callable[[], None],
) -> Iterator[Result]:
    """Cut a window into tiles and solve each, from the middle outwards.

    Within a ring it goes about depth first, so that little is in memory at any time.

    Args:
        program: The network, on the device to work on.
        rows: (3, *input_shape) the input at the window's local origin, and its two directions.
        window: The whole window, in local coordinates of about unit size.
        zeros: For every layer, the values up to which its features are rounding errors, see `Program.zeros`.
        solve: What to do with a tile.
        check: Called often, in any thread; raises to stop.
    """
    limits, turn = Limits.of(program), Lock()

    def step(part: Part) -> tuple[list[Part], list[Result]]:
        check()
        try:
            with (
                turn if part.parent is None and limits.is_large else nullcontext(),
                several_threads(limits.workers if part.cuts == 0 and program.num_units > _SHARED else 1),
            ):
                tile = _restrict_part(program, rows, part, zeros, limits, check)
        except TooManyUnits as error:
            refused = error.with_traceback(None)  # which holds the arrays that were at work
            return part.halves(idle=part.idle + 1 if part.is_vain(refused) else 0, refused=refused), []
        before = part.parent.restriction.num_units if part.parent else 2 * tile.restriction.num_units
        idle = part.idle + 1 if tile.restriction.num_units > 0.9 * before else 0
        if tile.restriction.num_units <= limits.tile_units or idle >= _MAX_IDLE_CUTS:
            return [], [solve(tile)]
        return part.halves(tile, idle), []

    yield from work_off([window], step, limits.workers, lambda part: part.ring)


def work_off(
    tasks: Sequence[Task],
    step: Callable[[Task], tuple[list[Task], list[Result]]],
    workers: int,
    rank: Callable[[Task], int] = lambda task: 0,
) -> Iterator[Result]:
    """Run steps until no task is left, several at once by threads of their own.

    Args:
        tasks: What to do.
        step: From a task to further tasks and to results.
        workers: How many steps run at once.
        rank: Tasks of the lowest rank come first; among equals the newest ones, of those that were given the last.
    """
    age, running = count(0, -1), set[Future[tuple[list[Task], list[Result]]]]()
    waiting: list[tuple[int, int, Task]] = []

    def add(new: Sequence[Task]) -> None:
        for task in new:
            heapq.heappush(waiting, (rank(task), next(age), task))

    add(tasks)
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            while waiting or running:
                while waiting and len(running) < workers:
                    running.add(pool.submit(step, heapq.heappop(waiting)[-1]))
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    parts, results = future.result()
                    add(parts)
                    yield from results
        finally:
            for future in running:
                future.cancel()


def _restrict_part(
    program: Program,
    rows: torch.Tensor,
    part: Part,
    zeros: Sequence[torch.Tensor],
    limits: Limits,
    check: Callable[[], None],
) -> Tile:
    low, high = part.corners.min(0), part.corners.max(0)
    center, radius = (low + high) / 2, float((high - low).max()) / 2
    corners = (part.corners - center) / radius
    ones = np.column_stack([np.ones(len(corners)), corners])
    if part.parent is None:
        place = torch.as_tensor(center, device=rows.device)
        origin = rows[:1] + torch.einsum("d,d...->...", place, rows[1:])[None]
        times = 3 if limits.is_large else 1
        is_patient = part.cuts < times * _MAX_PATIENT_CUTS and part.idle < times * _MAX_VAIN_CUTS
        most = limits.program_units if is_patient else None
        inputs = torch.cat([origin, radius * rows[1:]])
        restriction = restrict(program, inputs, torch.as_tensor(ones, device=rows.device), zeros, most, check)
    else:
        frame = np.eye(ones.shape[1])
        frame[1:] *= radius / part.parent.radius
        frame[1:, 0] = (center - part.parent.center) / part.parent.radius
        restriction = _shrink(part.parent.restriction, frame, ones)
    return Tile(corners=corners, labels=part.labels, center=center, radius=radius, restriction=restriction)


def _shrink(restriction: Restriction, frame: np.ndarray, corners: np.ndarray) -> Restriction:
    """Restrict again, by the compiled core where it is ready and there are only ReLUs."""
    device = restriction.affine.device
    core = ready_core() if device.type == "cpu" else None
    if core is None or any(stage.is_maximum for stage in restriction.stages):
        return restriction.shrink(torch.as_tensor(frame, device=device), torch.as_tensor(corners, device=device))
    return core.shrink(restriction, frame, corners)
