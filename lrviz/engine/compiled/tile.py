"""The cells of one tile by the compiled core."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int

from lrviz.engine.compiled.arrays import NEW, Cells, Levels, Network, Stack
from lrviz.engine.compiled.jit import SOURCES
from lrviz.engine.compiled.partners import find_partners
from lrviz.engine.compiled.rebase import rebase
from lrviz.engine.compiled.shrink import shrink
from lrviz.engine.compiled.walk import CELLS_FULL, FINISHED, walk
from lrviz.engine.restrict import Restriction
from lrviz.engine.twins import flips, group_twins
from lrviz.tolerance import TOLERANCE

_NUM_CELLS, _NUM_VERTICES = 2048, 16
"""Cells that are found before they are taken away, and the vertices that a waiting cell has room for at first."""


def find_cells(
    restriction: Restriction,
    corners: Float[np.ndarray, "c 2"],
    labels: Int[np.ndarray, "c"],
    frame: Float[np.ndarray, "6"],
    check: Callable[[], None] = lambda: None,
) -> Iterator[Cells]:
    """Find all cells of a restricted network in a tile, some at a time.

    Args:
        restriction: The network in the tile, on the CPU.
        corners: (c, 2) corners of the tile, in its local coordinates.
        labels: (c,) labels of its sides.
        frame: (6,) where the tile is, see `walk`.
        check: Called often; raises to stop.
    """
    net, terms = network_of(restriction)
    levels = _levels(net, terms, int(restriction.base))
    stack = _stack(net, corners, labels)
    state = CELLS_FULL
    while state != FINISHED:
        check()
        cells = _cells(len(restriction.output_affine))
        state = walk(net, stack, levels, cells, frame)
        if cells.number[0]:
            yield _trimmed(cells)
        if state not in (FINISHED, CELLS_FULL):
            stack = _larger(stack)


def network_of(restriction: Restriction) -> tuple[Network, Float[np.ndarray, "2 K"]]:
    """A restriction as the arrays that the compiled core works on, with shares 0 and 1.

    Also returns (2, K) how large the terms are that the slopes of the outputs in `first` were summed from.
    """
    twin, terms, stages = group_twins(restriction), restriction.terms, restriction.stages
    zero = restriction.zero + TOLERANCE.rounding * terms
    number, index = restriction.num_units, torch.arange(restriction.num_units, device="cpu")
    first = torch.cat([restriction.affine, restriction.output_affine]).T
    weight = torch.cat([restriction.coupling, restriction.output_coupling]).T
    groups = torch.searchsorted(restriction.owner, torch.arange(len(restriction.reach) + 1, device="cpu"))
    net = Network(
        rows=np.array([0, *(stage.rows.stop for stage in stages)]),
        remainders=np.array([0, *(stage.remainders.stop for stage in stages)]),
        is_maximum=np.array([stage.is_maximum for stage in stages], dtype=bool),
        owner=restriction.owner.numpy(),
        groups=groups.numpy(),
        first=first.contiguous().numpy(),
        weight=weight.contiguous().numpy(),
        mix=restriction.mix.numpy(),
        zero=zero.numpy(),
        noise=(2 * zero + TOLERANCE.crossing * terms).numpy(),
        draws=(twin == index).numpy() if number else np.zeros(0, dtype=bool),
        key=restriction.key.numpy(),
        unit=restriction.unit.numpy(),
        flip=flips(restriction, twin).numpy(),
    )
    based = np.empty_like(net.first), np.zeros_like(net.weight), np.empty_like(net.mix)
    remainders = np.zeros((len(restriction.reach), 3 + len(restriction.reach)))
    rebase(net, *based, remainders)
    sizes = np.abs(net.first[1:, number:]) + np.abs(remainders[:, 1:3].T) @ np.abs(net.weight[:, number:])
    return net._replace(first=based[0], weight=based[1], mix=based[2]), sizes


def _levels(net: Network, terms_before: Float[np.ndarray, "2 K"], base: int) -> Levels:
    num_layers, num_rows = len(net.is_maximum), len(net.owner)
    maps = np.empty((num_layers + 1, *net.first.shape))
    maps[0] = net.first
    terms = np.empty((num_layers + 1, *terms_before.shape))
    terms[0] = terms_before
    pattern = np.empty(num_layers + 1, dtype=np.int64)
    pattern[0] = base
    return Levels(
        maps=maps,
        common=np.empty_like(maps[1:]),
        terms=terms,
        common_terms=np.empty_like(terms[1:]),
        pattern=pattern,
        common_pattern=np.empty_like(pattern[1:]),
        num_open=np.empty(num_layers, dtype=np.int64),
        open=np.empty((num_layers, num_rows), dtype=np.int64),
        line=np.empty((4, num_rows)),
        low=np.empty(num_rows),
        high=np.empty(num_rows),
    )


def _stack(net: Network, corners: np.ndarray, labels: np.ndarray) -> Stack:
    stack = _empty_stack(len(net.owner) + 4, max(_NUM_VERTICES, 2 * len(corners)), len(net.owner))
    stack.num_cells[0], stack.layer[0], stack.num_vertices[0], stack.num_lines[0] = 1, 0, len(corners), NEW
    stack.vertices[0, :, : len(corners)], stack.labels[0, : len(corners)] = corners.T, labels
    return stack


def _empty_stack(num_places: int, num_vertices: int, num_rows: int) -> Stack:
    return Stack(
        num_cells=np.zeros(1, dtype=np.int64),
        layer=np.empty(num_places, dtype=np.int64),
        num_vertices=np.empty(num_places, dtype=np.int64),
        vertices=np.empty((num_places, 2, num_vertices)),
        labels=np.empty((num_places, num_vertices), dtype=np.int64),
        distance=np.empty(num_vertices),
        num_lines=np.empty(num_places, dtype=np.int64),
        lines=np.empty((num_places, num_rows), dtype=np.int64),
    )


def _larger(stack: Stack) -> Stack:
    """The same cells with twice the room."""
    num_places, num_rows = stack.lines.shape
    larger = _empty_stack(2 * num_places, 2 * stack.labels.shape[1], num_rows)
    for new, old in zip(larger, stack, strict=True):
        new[tuple(slice(size) for size in old.shape)] = old
    return larger


def _cells(num_outputs: int) -> Cells:
    size = 8 * _NUM_CELLS
    return Cells(
        number=np.zeros(2, dtype=np.int64),
        num_vertices=np.empty(_NUM_CELLS, dtype=np.int64),
        start=np.empty((size, 2)),
        unit=np.empty(size, dtype=np.int64),
        flip=np.empty(size, dtype=np.int64),
        pattern=np.empty(_NUM_CELLS, dtype=np.int64),
        area=np.empty(_NUM_CELLS),
        centroid=np.empty((_NUM_CELLS, 2)),
        bias=np.empty((_NUM_CELLS, num_outputs)),
        slope=np.empty((_NUM_CELLS, num_outputs, 2)),
    )


def _trimmed(cells: Cells) -> Cells:
    """Without the places that are empty."""
    number, num_vertices = cells.number
    size = {"start": num_vertices, "unit": num_vertices, "flip": num_vertices}
    return Cells(cells.number, *(getattr(cells, name)[: size.get(name, number)].copy() for name in Cells._fields[1:]))


def stamp() -> Path:
    """The file that says that the machine code is on disk, beside it."""
    return Path(walk.stats.cache_path) / f"lrviz-core-{SOURCES}.ready"


def warm_up() -> None:
    """Load the machine code, or compile it, by working on a network without units."""
    none, ids = torch.zeros(0, dtype=torch.float64, device="cpu"), torch.zeros(0, dtype=torch.int64, device="cpu")
    restriction = Restriction(
        affine=none.view(0, 3),
        coupling=none.view(0, 0),
        mix=none,
        reach=none,
        owner=ids,
        unit=ids,
        key=ids,
        zero=none,
        stages=(),
        output_affine=torch.zeros(1, 3, dtype=torch.float64, device="cpu"),
        output_coupling=none.view(1, 0),
        base=torch.zeros((), dtype=torch.int64, device="cpu"),
    )
    frame = np.eye(3)
    corners, labels = frame[:, 1:].copy(), -1 - np.arange(3)
    for cells in find_cells(shrink(restriction, frame, frame), corners, labels, np.ones(6)):
        pattern, flip = cells.pattern.view(np.uint64), cells.flip.view(np.uint64)
        find_partners(pattern, np.array([0, 3]), cells.start, flip, cells.unit >= 0, 0.0)
