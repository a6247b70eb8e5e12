"""The exact cells of a restricted network: go through its layers and split every cell by the lines that cross it.

A ReLU's line is the zero of its row. Of a maximum, the row that is largest in the middle of a cell is compared with the
others: where one of them is larger at a vertex, their line crosses the cell. A line that two rows draw may go on where
a third one wins; the parts that it separates have one pattern, and are joined with those that cuts separate.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int

from lrviz.engine.groups import group_table
from lrviz.engine.restrict import Restriction
from lrviz.engine.twins import flips, group_twins
from lrviz.geometry.cells import Cells, measure_cells, split_cells
from lrviz.network.patterns import xor_active
from lrviz.tolerance import TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Subdivision:
    """Cells of a tile, each with one pattern, in the tile's local coordinates.

    Attributes:
        cells: N cells; the label of an edge is the local index of the row that drew it, or negative as it was before.
        pattern: (N,) pattern ids.
        outputs: (N, 3, K) affine maps of the outputs over (1, x, y).
        flip: (R,) for every row of a ReLU, by how much the pattern id changes across its line; 0 for maxima.
    """

    cells: Cells
    pattern: Int[torch.Tensor, "N"]
    outputs: Float[torch.Tensor, "N 3 K"]
    flip: Int[torch.Tensor, "R"]

    def __len__(self) -> int:
        return len(self.cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """Cells that have been split by all layers before `layer`, and their maps of the remainders, 0 from there on."""

    layer: int
    cells: Cells
    remainders: Float[torch.Tensor, "N 3 U"]
    pattern: Int[torch.Tensor, "N"]

    def chunks(self, size: int) -> "list[_State]":
        if len(self.cells) <= size:
            return [self]
        parts = [slice(start, start + size) for start in range(0, len(self.cells), size)]
        return [
            _State(layer=self.layer, cells=self.cells[p], remainders=self.remainders[p], pattern=self.pattern[p])
            for p in parts
        ]

    def take(self, parent: torch.Tensor) -> "_State":
        return _State(
            layer=self.layer,
            cells=self.cells,
            remainders=self.remainders.index_select(0, parent),
            pattern=self.pattern[parent],
        )


def subdivide(
    restriction: Restriction, cells: Cells, chunk: int, check: Callable[[], None] = lambda: None
) -> list[Subdivision]:
    """Find all cells of a restricted network inside the given cells.

    Works depth first, a chunk of cells at a time, so that memory stays bounded.

    Args:
        restriction: The network in the tile.
        cells: The tile, in its local coordinates.
        chunk: How many cells to split at once.
        check: Called often; raises to stop.
    """
    twin = group_twins(restriction)
    flip = flips(restriction, twin)
    terms = restriction.terms
    zero = restriction.zero + TOLERANCE.rounding * terms
    noise = 2 * zero + TOLERANCE.crossing * terms
    start = restriction.base.expand(len(cells)).contiguous()
    remainders = restriction.affine.new_zeros(len(cells), 3, len(restriction.reach))
    stack = [_State(layer=0, cells=cells, remainders=remainders, pattern=start)]
    found = []
    while stack:
        check()
        state = stack.pop()
        if state.layer == len(restriction.stages):
            outputs = _output_maps(restriction, state.remainders)
            found.append(Subdivision(cells=state.cells, pattern=state.pattern, outputs=outputs, flip=flip))
        else:
            stack.extend(_next_layer(restriction, state, twin, noise, zero).chunks(chunk))
    return found


def _next_layer(
    restriction: Restriction, state: _State, twin: torch.Tensor, noise: torch.Tensor, zero: torch.Tensor
) -> _State:
    stage = restriction.stages[state.layer]
    part, owned = stage.rows, stage.remainders
    before = state.remainders[..., : owned.start]
    rows = _affine_maps(restriction.affine[part], restriction.coupling[part, : owned.start], before)
    if stage.is_maximum:
        table, is_first = group_table(restriction.owner[part] - owned.start)
        index = torch.arange(part.start, part.stop, device=rows.device)
        cells, parent = split_by_maxima(state.cells, rows.permute(2, 1, 0), table, index, noise[part])
    else:
        cells, parent = _split_by_relus(state.cells, rows, part, twin, noise)
    if len(cells) > len(state.cells):
        rows, state = rows.index_select(0, parent), state.take(parent)
    _, centroid = measure_cells(cells)
    value = rows[:, 0] + rows[:, 1] * centroid[0][:, None] + rows[:, 2] * centroid[1][:, None]
    zero, target = zero[part], state.remainders[..., owned]
    if stage.is_maximum:
        wins = _winners(value, table, is_first, zero)
        share = rows * (wins.to(rows.dtype) - restriction.mix[part])[:, None]
        target.index_add_(2, restriction.owner[part] - owned.start, share)
        counts = wins & ~_vanish(wins & (value.abs() <= zero), cells, rows, zero)
    else:
        counts = value > zero
        torch.mul(rows, (counts.to(rows.dtype) - restriction.mix[part])[:, None], out=target)
    return _State(
        layer=state.layer + 1,
        cells=cells,
        remainders=state.remainders,
        pattern=state.pattern ^ xor_active(counts.T, restriction.key[part]),
    )


def _split_by_relus(
    cells: Cells, rows: torch.Tensor, part: slice, twin: torch.Tensor, noise: torch.Tensor
) -> tuple[Cells, torch.Tensor]:
    index = torch.arange(part.start, part.stop, device=rows.device)
    own = (twin[part] == index).nonzero()[:, 0]
    lines = rows if len(own) == len(index) else rows[..., own]
    return split_along(cells, lines.permute(2, 1, 0), index[own], noise[part][own])


def _winners(
    value: Float[torch.Tensor, "N r"],
    table: Int[torch.Tensor, "G n"],
    is_first: Bool[torch.Tensor, "G n"],
    zero: Float[torch.Tensor, "r"],
) -> Bool[torch.Tensor, "N r"]:
    """Which rows of maxima are the largest on N cells; of equal ones the first."""
    largest, place = value[:, table].max(2)
    slack = zero[table] + zero[table.expand(len(value), -1, -1).gather(2, place[..., None])[..., 0]][..., None]
    first = ((value[:, table] >= largest[..., None] - slack) & is_first).to(torch.int8).argmax(2)
    wins = torch.zeros_like(value, dtype=torch.bool)
    return wins.scatter_(1, table.expand(len(value), -1, -1).gather(2, first[..., None])[..., 0], True)


def _vanish(
    maybe: Bool[torch.Tensor, "N r"],
    cells: Cells,
    rows: Float[torch.Tensor, "N 3 r"],
    zero: Float[torch.Tensor, "r"],
) -> Bool[torch.Tensor, "N r"]:
    """Which of some rows are zero in a whole cell, and not only on a line through it."""
    cell, row = maybe.nonzero(as_tuple=True)
    offset, x_slope, y_slope = rows[cell, :, row].T
    x, y = cells.vertices[..., cell]
    most = (offset + x_slope * x + y_slope * y).abs().amax(0)
    result = torch.zeros_like(maybe)
    result[cell, row] = most <= zero[row]
    return result


def _affine_maps(affine: torch.Tensor, coupling: torch.Tensor, remainders: torch.Tensor) -> torch.Tensor:
    """(N, 3, m) affine maps of m rows or outputs on N cells, given the maps (N, 3, U) of the remainders."""
    return remainders @ coupling.T + affine.T


def _output_maps(restriction: Restriction, remainders: torch.Tensor) -> torch.Tensor:
    """(N, 3, K) affine maps of the outputs; a slope that is the rounding error of terms that cancel is 0."""
    affine, coupling = restriction.output_affine, restriction.output_coupling
    outputs = _affine_maps(affine, coupling, remainders)
    slope = outputs[:, 1:]
    terms = _affine_maps(affine[:, 1:].abs(), coupling.abs(), remainders[:, 1:].abs())
    slope[slope.abs() <= TOLERANCE.cancelled * terms] = 0.0
    return outputs


def split_along(
    cells: Cells, rows: Float[torch.Tensor, "m 3 N"], label: Int[torch.Tensor, "m"], noise: Float[torch.Tensor, "m"]
) -> tuple[Cells, Int[torch.Tensor, "M"]]:
    """Split cells by every line that crosses them, the best-balanced line first.

    Args:
        cells: N cells.
        rows: (m, 3, N) affine maps over (1, x, y) of m units on every cell; their zeros are the lines.
        label: (m,) what to call an edge drawn by each unit.
        noise: (m,) values of each unit below this are rounding errors.

    Returns:
        The new cells, and for each the index of the cell that it is a part of.
    """
    lines = _Lines.normalised(rows, label[:, None], noise[:, None])
    parent = torch.arange(len(cells), device=label.device)
    done: list[Cells] = []
    parents: list[torch.Tensor] = []
    while len(cells):
        distance = lines.distance(cells)
        low, high = distance.aminmax(dim=1)
        balance = torch.minimum(high, -low) - lines.slack
        best, choice = balance.max(0) if len(balance) else (low.new_zeros(len(cells)), parent)
        crossed = best > 0
        number, height, most = _numbers(crossed.sum(), cells.count.max(), (balance > 0).sum(0).max())
        if number < len(cells):
            rest = torch.nonzero_static(~crossed, size=len(cells) - number)[:, 0]
            done.append(cells[rest].padded(height))
            parents.append(parent[rest])
        if not number:
            break
        busy = torch.nonzero_static(crossed, size=number)[:, 0]
        choice, lines = choice[busy], lines[busy]
        chosen = distance[choice, :height, busy].T
        slack = lines.slack.gather(0, choice[None])
        chosen = chosen.masked_fill(chosen.abs() <= slack, 0.0)
        label_of_line = lines.label.gather(0, choice[None])[0]
        cells = Cells.join(list(split_cells(cells[busy].padded(height), chosen, label_of_line)))
        parent = parent[busy].repeat(2)
        lines = lines.narrowed(balance[:, busy], most - 1).repeated()
    return Cells.join(done), torch.cat(parents)


def _numbers(*values: torch.Tensor) -> list[int]:
    """What single numbers are, all at once: the host waits for the device here, and only here in a loop."""
    return torch.stack(values).tolist()


def split_by_maxima(
    cells: Cells,
    rows: Float[torch.Tensor, "r 3 N"],
    table: Int[torch.Tensor, "G n"],
    label: Int[torch.Tensor, "r"],
    noise: Float[torch.Tensor, "r"],
) -> tuple[Cells, Int[torch.Tensor, "M"]]:
    """Split cells where the winner of a maximum changes, until each maximum has one winner in each cell.

    Args:
        cells: N cells.
        rows: (r, 3, N) affine maps over (1, x, y) of the entries of G maxima on every cell.
        table: (G, n) the rows of each maximum, repeated where there are fewer than n.
        label: (r,) what to call an edge drawn by each row; the lower of two.
        noise: (r,) values of each row below this are rounding errors.

    Returns:
        The new cells, and for each the index of the cell that it is a part of.
    """
    parent = torch.arange(len(cells), device=label.device)
    done: list[Cells] = []
    parents: list[torch.Tensor] = []
    while len(cells):
        lines = _challengers(cells, rows, table, label, noise)
        distance = lines.distance(cells)
        low, high = distance.aminmax(dim=1)
        best, choice = (torch.minimum(high, -low) - lines.slack).max(0)
        crossed = best > 0
        number, height = _numbers(crossed.sum(), cells.count.max())
        busy = torch.nonzero_static(crossed, size=number)[:, 0]
        rest = torch.nonzero_static(~crossed, size=len(cells) - number)[:, 0]
        done.append(cells[rest].padded(height))
        parents.append(parent[rest])
        choice, lines = choice[busy], lines[busy]
        chosen, slack = distance[choice, :height, busy].T, lines.slack.gather(0, choice[None])
        chosen = chosen.masked_fill(chosen.abs() <= slack, 0.0)
        cells = cells[busy].padded(height)
        cells = Cells.join(list(split_cells(cells, chosen, lines.label.gather(0, choice[None])[0])))
        parent, rows = parent[busy].repeat(2), rows[..., busy].repeat(1, 1, 2)
    return Cells.join(done), torch.cat(parents)


def _challengers(
    cells: Cells, rows: torch.Tensor, table: torch.Tensor, label: torch.Tensor, noise: torch.Tensor
) -> "_Lines":
    """The lines where other rows of a maximum equal the row that is largest in the middle of a cell, (G n, N)."""
    x, y = cells.vertices.sum(1) / cells.edges.shape[0]
    middle = rows[:, 0] + rows[:, 1] * x + rows[:, 2] * y
    best = table[:, 0:1].expand(-1, len(cells)).clone()
    for column in table.T[1:]:
        better = middle[column] > middle.gather(0, best)
        best = torch.where(better, column[:, None], best)
    largest = rows.gather(0, best[:, None].expand(-1, 3, -1))
    difference = (rows[table] - largest[:, None]).flatten(0, 1)
    names = torch.minimum(label[table][..., None], label[best][:, None]).flatten(0, 1)
    slack = (noise[table][..., None] + noise[best][:, None]).flatten(0, 1)
    return _Lines.normalised(difference, names, slack)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lines:
    """Candidate lines of every cell: signed distance = offset + normal . (x, y)."""

    offset: Float[torch.Tensor, "q N"]
    normal: Float[torch.Tensor, "2 q N"]
    slack: Float[torch.Tensor, "q N"]
    label: Int[torch.Tensor, "q N"]

    @classmethod
    def normalised(
        cls, rows: Float[torch.Tensor, "q 3 N"], label: Int[torch.Tensor, "q _"], noise: Float[torch.Tensor, "q _"]
    ) -> "_Lines":
        gradient = torch.hypot(rows[:, 1], rows[:, 2]).clamp(min=1e-300).contiguous()
        return cls(
            offset=(rows[:, 0] / gradient).contiguous(),
            normal=torch.stack([rows[:, 1] / gradient, rows[:, 2] / gradient]),
            slack=TOLERANCE.distance + noise / gradient,
            label=label.expand(-1, rows.shape[-1]),
        )

    def __getitem__(self, index: torch.Tensor) -> "_Lines":
        return _Lines(
            offset=self.offset[:, index],
            normal=self.normal[:, :, index],
            slack=self.slack[:, index],
            label=self.label[:, index],
        )

    def distance(self, cells: Cells) -> torch.Tensor:
        """(q, P, N) signed distance of every vertex from every line."""
        x, y = cells.vertices
        result = self.normal[0, :, None] * x
        return result.addcmul_(self.normal[1, :, None], y).add_(self.offset[:, None])

    def narrowed(self, balance: torch.Tensor, most: int) -> "_Lines":
        """Drop candidates that cross no cell any more, once that at least halves the table.

        Args:
            balance: (q, N) how far each crosses, positive if it does; the largest of them has just been used.
            most: How many others cross a cell at most.
        """
        if 2 * most > len(balance):
            return self
        keep = balance.topk(most + 1, dim=0).indices[1:]
        return _Lines(
            offset=self.offset.gather(0, keep),
            normal=self.normal.gather(1, keep.expand(2, -1, -1)),
            slack=self.slack.gather(0, keep),
            label=self.label.gather(0, keep),
        )

    def repeated(self) -> "_Lines":
        """The same candidates for both halves of every cell."""
        return _Lines(
            offset=self.offset.repeat(1, 2),
            normal=self.normal.repeat(1, 1, 2),
            slack=self.slack.repeat(1, 2),
            label=self.label.repeat(1, 2),
        )
