"""The network along a stretch of a path, at its knots: the places where a unit changes sign, layer by layer.

Between two neighbouring knots everything before the next ReLU is affine, so the values at the knots tell the values
everywhere. A unit of the next layer that changes sign between them adds a knot, whose values lie on the chord.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int

from lrviz.network.program import Program, xor_active
from lrviz.tolerance import TOLERANCE


class TooManyKnots(Exception):
    """The stretch holds more knots than asked for; a shorter one will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knots:
    """The knots of a stretch in ascending order, and the pieces between them.

    Attributes:
        position: (R,) along the path.
        unit: (R,) the unit that changes at a knot; the given label at the points that the stretch began with.
        values: (R, K) outputs.
        pattern: (R - 1,) pattern ids.
    """

    position: Float[torch.Tensor, "R"]
    unit: Int[torch.Tensor, "R"]
    values: Float[torch.Tensor, "R K"]
    pattern: Int[torch.Tensor, "R-1"]


def find_knots(
    program: Program,
    inputs: Float[torch.Tensor, "..."],
    position: Float[torch.Tensor, "R"],
    label: int,
    max_knots: int,
    check: Callable[[], None] = lambda: None,
) -> Knots:
    """Find all knots of a stretch.

    Args:
        program: The network, on the device to work on.
        inputs: (r, *input_shape) the points that the stretch joins, at least two.
        position: (r,) their positions along the path, ascending.
        label: What to call the unit of these points.
        max_knots: Give up above this number.
        check: Called at every layer; raises to stop.

    Raises:
        TooManyKnots: There are more than `max_knots`.
    """
    builder = _Builder(program, position, label)

    def relu(layer: int, z: torch.Tensor) -> torch.Tensor:
        check()
        z = builder.extend(z, len(builder.unit))
        builder.add_layer(program.layers[layer].first_unit, z)
        if len(builder.unit) > max_knots:
            raise TooManyKnots
        return builder.relu(z)

    output = program.propagate(inputs, None, relu, builder.extend)
    output = builder.extend(output, len(builder.unit))
    return Knots(
        position=builder.position[builder.order],
        unit=builder.unit[builder.order],
        values=output[builder.order],
        pattern=builder.pattern,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Insertion:
    """Rows from `first` on lie between earlier rows: row[left] + share (row[right] - row[left])."""

    first: int
    left: Int[torch.Tensor, "n"]
    right: Int[torch.Tensor, "n"]
    share: Float[torch.Tensor, "n"]

    def values(self, rows: torch.Tensor) -> torch.Tensor:
        share = self.share.reshape(-1, *[1] * (rows.dim() - 1))
        return torch.lerp(rows[self.left], rows[self.right], share)


class _Builder:
    """Collects knots. Rows are in the order of discovery; `order` lists them along the path."""

    def __init__(self, program: Program, position: torch.Tensor, label: int) -> None:
        self.position, self.order = position, torch.arange(len(position), device=position.device)
        self.unit = torch.full_like(self.order, label)
        self.pattern = torch.zeros_like(self.order[1:])
        self.keys = torch.as_tensor(program.keys().view("int64"), device=position.device)
        self.closest = TOLERANCE.distance * (position[-1] - position[0])
        self.insertions: list[_Insertion] = []

    def extend(self, rows: torch.Tensor, num_rows: int) -> torch.Tensor:
        """Append the values at the knots that were found after these rows."""
        for insertion in self.insertions:
            # A batch normalisation returns empty tensors beside its result.
            if 0 < len(rows) <= insertion.first < num_rows:
                rows = torch.cat([rows, insertion.values(rows)])
        return rows

    def relu(self, z: Float[torch.Tensor, "R units"]) -> Float[torch.Tensor, "S units"]:
        """The activations at all knots, given the pre-activations at those before the last insertion."""
        result = z.new_empty(len(self.unit), z.shape[1])
        torch.clamp(z, min=0, out=result[: len(z)])
        torch.clamp(self.insertions[-1].values(z), min=0, out=result[len(z) :])
        return result

    def add_layer(self, first_unit: int, z: Float[torch.Tensor, "R units"]) -> None:
        """Add the knots of a layer, given its pre-activations at the knots so far."""
        low, high = z.amin(0), z.amax(0)  # `aminmax` is several times slower
        scale = torch.maximum(high.max(), -low.min())
        zero = TOLERANCE.rounding * scale
        on = low > zero
        mixed = ((high > zero) & ~on).nonzero()[:, 0]
        keys = self.keys[first_unit : first_unit + z.shape[1]]
        columns = z[:, mixed]
        parent = self._insert(columns, mixed + first_unit, TOLERANCE.crossing * scale)
        columns = self.extend(columns, len(self.unit))[self.order]
        active = columns[1:] + columns[:-1] > 2 * zero
        always = xor_active(on[:, None], keys)
        self.pattern = self.pattern[parent] ^ always ^ _pattern_ids(active, keys[mixed])

    def _insert(self, columns: torch.Tensor, unit: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Insert a knot wherever a column changes sign; the index of the piece that each new piece was part of."""
        columns, position = columns[self.order], self.position[self.order]
        sign = (columns > noise).to(torch.int8) - (columns < -noise).to(torch.int8)
        left, column = (sign[1:] * sign[:-1] < 0).nonzero(as_tuple=True)
        low, high = columns[left, column], columns[left + 1, column]
        share = low / (low - high)
        place = torch.lerp(position[left], position[left + 1], share)
        place, turn = place.sort()
        left, share, unit = left[turn], share[turn], unit[column[turn]]
        gap = torch.minimum(place - position[left], position[left + 1] - place)
        gap = torch.minimum(gap, torch.cat([gap[:1], place.diff()]))
        kept = gap > self.closest
        first, left = len(self.unit), left[kept]
        self.insertions.append(
            _Insertion(first=first, left=self.order[left], right=self.order[left + 1], share=share[kept])
        )
        self.position = torch.cat([self.position, place[kept]])
        self.unit = torch.cat([self.unit, unit[kept]])
        self.order = self.position.argsort(stable=True)
        return (self.order < first).cumsum(0)[:-1] - 1


def _pattern_ids(active: torch.Tensor, keys: torch.Tensor) -> Int[torch.Tensor, "N"]:
    """XOR of the keys (m,) of the active units (N, m), from the few changes between neighbours."""
    piece, column = (active[1:] != active[:-1]).nonzero(as_tuple=True)
    changes = torch.cat([xor_active(active[:1].T, keys), keys[column]])
    step = 1
    while step < len(changes):
        changes = torch.cat([changes[:step], changes[step:] ^ changes[:-step]])
        step *= 2
    pieces = torch.arange(len(active), device=keys.device)
    return changes[torch.searchsorted(piece, pieces)]
