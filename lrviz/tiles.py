"""Cut a window into tiles until few units are unstable in each, and restrict the network to every tile."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float

from lrviz.partition import Cells, split_cells
from lrviz.program import Program
from lrviz.restrict import Restriction, TooManyUnits, restrict

CUT = -1_000_000
"""Label of an edge that a cut drew."""

_BALANCE = 0.5137
"""Where to cut, as a fraction: off the middle, where the lines of symmetric networks like to lie."""

_MAX_IDLE_CUTS = 4
"""Successive cuts that may leave nine tenths of the units before cutting is given up: their lines share a point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far to cut, for a device.

    Attributes:
        tile_units: A tile with at most this many unstable units is subdivided.
        program_units: The whole network is restricted to windows with at most this many.
        chunk: Cells that are split at once.
        workers: Tiles that are subdivided at once.
    """

    tile_units: int
    program_units: int
    chunk: int
    workers: int

    @classmethod
    def of(cls, program: Program) -> "Limits":
        """Small tiles that stay in a processor's cache, or large ones that fill a GPU."""
        largest = max((layer.num_units for layer in program.layers), default=1)
        units = max(128, min(1024, 2**25 // largest))
        if program.device.type == "cuda":
            return cls(tile_units=384, program_units=4 * units, chunk=2**16, workers=1)
        return cls(tile_units=112, program_units=units, chunk=4096, workers=max(1, torch.get_num_threads()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A part of a window with its own coordinates x' = (x - center) / radius, and the network restricted to it.

    Attributes:
        cell: The tile, in the window's local coordinates.
        center: (2,) of the tile, in the window's local coordinates.
        radius: Half its extent, likewise.
        restriction: The network in the tile's coordinates.
    """

    cell: Cells
    center: Float[torch.Tensor, "2"]
    radius: float
    restriction: Restriction

    @property
    def local_cell(self) -> Cells:
        """The tile in its own coordinates."""
        vertices = (self.cell.vertices - self.center[:, None, None]) / self.radius
        return Cells(vertices=vertices, edges=self.cell.edges, count=self.cell.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    cell: Cells
    parent: Tile | None = None
    cuts: int = 0
    idle: int = 0


def cut_window(
    program: Program, rows: Float[torch.Tensor, "..."], cell: Cells, limits: Limits, check: Callable[[], None]
) -> Iterator[Tile]:
    """Tiles that cover a window, depth first.

    Args:
        program: The network, on the device to work on.
        rows: (3, *input_shape) the input at the window's local origin, and its two directions.
        cell: The window, in local coordinates of about unit size.
        limits: When to stop cutting.
        check: Called often; raises to stop.
    """
    stack = [_Part(cell=cell)]
    while stack:
        check()
        part = stack.pop()
        patient = limits.program_units if part.cuts < 24 else None
        try:
            tile = _restrict_tile(program, rows, part, patient, check)
        except TooManyUnits:
            stack.extend(_Part(cell=half, cuts=part.cuts + 1) for half in _halves(part.cell))
            continue
        before = part.parent.restriction.num_units if part.parent else tile.restriction.num_units * 2
        idle = part.idle + 1 if tile.restriction.num_units > 0.9 * before else 0
        if tile.restriction.num_units <= limits.tile_units or idle >= _MAX_IDLE_CUTS:
            yield tile
        else:
            halves = _halves(part.cell)
            stack.extend(_Part(cell=half, parent=tile, cuts=part.cuts + 1, idle=idle) for half in halves)


def _restrict_tile(
    program: Program, rows: torch.Tensor, part: _Part, max_units: int | None, check: Callable[[], None]
) -> Tile:
    corners = part.cell.vertices[..., 0]
    low, high = corners.amin(1), corners.amax(1)
    center, radius = (low + high) / 2, float((high - low).max()) / 2
    local = torch.cat([corners.new_ones(1, corners.shape[1]), (corners - center[:, None]) / radius]).T
    if part.parent is None:
        tile_rows = torch.cat([rows[:1] + torch.einsum("d,d...->...", center, rows[1:])[None], radius * rows[1:]])
        restriction = restrict(program, tile_rows, local, max_units, check)
    else:
        parent = part.parent
        frame = torch.eye(3, dtype=torch.float64, device=corners.device)
        frame[1:] *= radius / parent.radius
        frame[1:, 0] = (center - parent.center) / parent.radius
        restriction = parent.restriction.shrink(frame, local)
    return Tile(cell=part.cell, center=center, radius=radius, restriction=restriction)


def _halves(cell: Cells) -> tuple[Cells, Cells]:
    """Cut a cell in two across its longer side."""
    x = cell.vertices[..., 0]
    low, high = x.amin(1), x.amax(1)
    axis = int((high - low).argmax())
    distance = cell.vertices[axis] - (low + _BALANCE * (high - low))[axis]
    one, two = split_cells(cell, distance, torch.full((1,), CUT, device=x.device))
    return one.padded(int(one.count)), two.padded(int(two.count))
