"""The network along a stretch of a path, at its knots: the places where a unit changes, layer by layer.

Between two neighbouring knots everything before the next layer is affine, so the values at the knots tell the values
everywhere. A ReLU that changes sign between them adds a knot, whose values lie on the chord. So does a maximum whose
winner changes; where a third entry is larger still at that knot, it adds further ones, and nothing changes there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int

from lrviz.network.maxima import DEAD, find_winners
from lrviz.network.patterns import xor_active, xor_winners
from lrviz.network.program import Program
from lrviz.tolerance import TOLERANCE

_NOISE = TOLERANCE.crossing / TOLERANCE.rounding
"""Values up to this many times a unit's rounding error cannot make a knot."""


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
    zeros: Sequence[Float[torch.Tensor, "_"]],
    label: int,
    max_knots: int,
    check: Callable[[], None] = lambda: None,
) -> Knots:
    """Find all knots of a stretch.

    Args:
        program: The network, on the device to work on.
        inputs: (r, *input_shape) the points that the stretch joins, at least two.
        position: (r,) their positions along the path, ascending.
        zeros: For every layer, the values up to which its features are rounding errors, see `Program.zeros`.
        label: What to call the unit of these points.
        max_knots: Give up above this number.
        check: Called at every layer; raises to stop.

    Raises:
        TooManyKnots: There are more than `max_knots`.
    """
    builder = _Builder(position, label, max_knots)
    keys = torch.as_tensor(program.keys().view("int64"), device=position.device)

    def on_layer(layer: int, z: torch.Tensor) -> torch.Tensor:
        check()
        z, units = builder.extend(z, len(builder.unit)), program.layers[layer].units
        entries = program.entries(layer)
        if entries is None:
            builder.add_relus(z, units.start, keys[units], zeros[layer])
            return builder.relu(z)
        builder.add_maxima(z, entries, units.start, keys[units].view(entries.shape), zeros[layer])
        return program.activate(layer, builder.extend(z, len(builder.unit)))

    output = program.propagate(inputs, None, on_layer, builder.extend)
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

    def __init__(self, position: torch.Tensor, label: int, max_knots: int) -> None:
        self.position, self.order = position, torch.arange(len(position), device=position.device)
        self.unit = torch.full_like(self.order, label)
        self.pattern = torch.zeros_like(self.order[1:])
        self.closest = TOLERANCE.distance * (position[-1] - position[0])
        self.insertions: list[_Insertion] = []
        self.max_knots = max_knots

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

    def add_relus(
        self,
        z: Float[torch.Tensor, "R units"],
        first_unit: int,
        keys: Int[torch.Tensor, "units"],
        zero: Float[torch.Tensor, "units"],
    ) -> None:
        """Add the knots of a layer of ReLUs, given its pre-activations at the knots so far."""
        low, high = z.amin(0), z.amax(0)  # `aminmax` is several times slower
        on = low > zero
        mixed = ((high > zero) & ~on).nonzero()[:, 0]
        columns, zero = z[:, mixed], zero[mixed]
        parent = self._insert_zeros(columns, mixed + first_unit, _NOISE * zero)
        columns = self.extend(columns, len(self.unit))[self.order]
        active = columns[1:] + columns[:-1] > 2 * zero
        always = xor_active(on[:, None], keys)
        self.pattern = self.pattern[parent] ^ always ^ _pattern_ids(active, keys[mixed])

    def add_maxima(
        self,
        z: Float[torch.Tensor, "R features"],
        entries: Int[torch.Tensor, "M n"],
        first_unit: int,
        keys: Int[torch.Tensor, "M n"],
        zero: Float[torch.Tensor, "features"],
    ) -> None:
        """Add the knots of a layer of maxima, given the features that they choose from at the knots so far."""
        *_, winner = find_winners(z, entries, zero)
        same = (winner == winner[0]).all(0)
        mixed, always = (~same).nonzero()[:, 0], xor_winners(winner[:1, same], keys[same])
        features, size = entries[mixed], entries.shape[1]
        columns, zero = z[:, features.flatten()], zero[features]
        unit = first_unit + mixed[:, None] * size + torch.arange(size, device=z.device)
        parent = torch.arange(len(self.pattern), device=z.device)
        while True:
            ordered = self.extend(columns, len(self.unit))[self.order].unflatten(1, features.shape)
            left, share, changed = _find_changes(ordered, unit, _NOISE * zero)
            pieces = self._insert(left, share, changed)
            if len(pieces) == len(parent):
                break
            parent = parent[pieces]
        middle = ((ordered[1:] + ordered[:-1]) / 2).flatten(1)
        places = torch.arange(middle.shape[1], device=z.device).view(features.shape)
        _, place, _ = find_winners(middle, places, zero.flatten())
        most = torch.maximum(*(ends.gather(2, place[..., None])[..., 0].abs() for ends in (ordered[1:], ordered[:-1])))
        winner = place.masked_fill(most <= zero.T.gather(0, place), DEAD)
        self.pattern = self.pattern[parent] ^ always ^ xor_winners(winner, keys[mixed])

    def _insert_zeros(self, columns: torch.Tensor, unit: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Insert a knot wherever a column changes sign; the index of the piece that each new piece was part of."""
        columns = columns[self.order]
        sign = (columns > noise).to(torch.int8) - (columns < -noise).to(torch.int8)
        left, column = (sign[1:] * sign[:-1] < 0).nonzero(as_tuple=True)
        low, high = columns[left, column], columns[left + 1, column]
        return self._insert(left, low / (low - high), unit[column])

    def _insert(self, left: torch.Tensor, share: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
        """Insert knots on the given pieces; those that are too close to others are left out.

        Returns:
            The index of the piece that each new piece was part of.
        """
        position = self.position[self.order]
        place = torch.lerp(position[left], position[left + 1], share)
        place, turn = place.sort()
        left, share, unit = left[turn], share[turn], unit[turn]
        gap = torch.minimum(place - position[left], position[left + 1] - place)
        gap = torch.minimum(gap, torch.cat([gap[:1], place.diff()]))
        kept = gap > self.closest
        first, left = len(self.unit), left[kept]
        if first + len(left) > self.max_knots:
            raise TooManyKnots
        self.insertions.append(
            _Insertion(first=first, left=self.order[left], right=self.order[left + 1], share=share[kept])
        )
        self.position = torch.cat([self.position, place[kept]])
        self.unit = torch.cat([self.unit, unit[kept]])
        self.order = self.position.argsort(stable=True)
        return (self.order < first).cumsum(0)[:-1] - 1


def _find_changes(
    entries: Float[torch.Tensor, "R m n"], unit: Int[torch.Tensor, "m n"], noise: Float[torch.Tensor, "m n"]
) -> tuple[Int[torch.Tensor, "c"], Float[torch.Tensor, "c"], Int[torch.Tensor, "c"]]:
    """On which pieces no entry of a maximum is the largest at both ends, and where the two that are meet.

    Returns:
        The pieces, the share of the piece before the meeting point, and the unit that wins behind it.
    """
    largest = entries.amax(2, keepdim=True)
    wins = entries >= largest - noise
    piece, column = (~(wins[1:] & wins[:-1]).any(2)).nonzero(as_tuple=True)
    here, there = entries[piece, column], entries[piece + 1, column]
    before, after = here.argmax(1, keepdim=True), there.argmax(1, keepdim=True)
    ahead = (here.gather(1, before) - here.gather(1, after))[:, 0]
    behind = (there.gather(1, after) - there.gather(1, before))[:, 0]
    return piece, ahead / (ahead + behind), unit[column].gather(1, after)[:, 0]


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
