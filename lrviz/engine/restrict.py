"""The network restricted to a window: a small network of the units that change in it.

Over a window most units are always on or always off, and most maxima have one winner. For an unstable ReLU with bounds
[l, h] on its pre-activation z, relu(z) = m z + e with m = h / (h - l), and the remainder e = relu(z) - m z lies in
[0, -m l]. An unstable maximum of the rows z_i is written likewise, as sum of m_i z_i + e with weights m_i that add up
to 1. This is an exact rewrite, and the range of e bounds what it adds to later rows. Rows and outputs become affine
functions of the window's coordinates and of the remainders of earlier layers, and nothing else is left of the network.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int

from lrviz.engine.groups import BLOCK, Groups, Rows
from lrviz.network.patterns import xor_active
from lrviz.network.program import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One layer of a restriction.

    Attributes:
        rows: Its rows.
        remainders: Its remainders: one for each row of a layer of ReLUs, one for all the rows of each maximum.
        is_maximum: Whether it takes maxima.
    """

    rows: slice
    remainders: slice
    is_maximum: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """A network restricted to a window of dimension d, over local coordinates x.

    Row j is affine[j] @ (1, x) + coupling[j] @ e: the pre-activation of a ReLU, or an entry of a maximum that may win.
    The outputs are output_affine @ (1, x) + output_coupling @ e. `coupling` is zero but for earlier layers.

    Attributes:
        affine: (R, 1 + d).
        coupling: (R, U) for U remainders e.
        mix: (R,) the share m of each row that was taken out of the ReLU or the maximum.
        reach: (U,) upper bound of each remainder.
        owner: (R,) the remainder that each row belongs to, ascending.
        unit: (R,) index of each row among all units of the network.
        key: (R,) random 64-bit key of each row.
        zero: (R,) values up to here are rounding errors, in the first window that the network was restricted to.
        stages: The layers in order.
        output_affine: (K, 1 + d).
        output_coupling: (K, U).
        base: Pattern id of what is the same in the whole window, a scalar tensor.
    """

    affine: Float[torch.Tensor, "R D"]
    coupling: Float[torch.Tensor, "R U"]
    mix: Float[torch.Tensor, "R"]
    reach: Float[torch.Tensor, "U"]
    owner: Int[torch.Tensor, "R"]
    unit: Int[torch.Tensor, "R"]
    key: Int[torch.Tensor, "R"]
    zero: Float[torch.Tensor, "R"]
    stages: tuple[Stage, ...]
    output_affine: Float[torch.Tensor, "K D"]
    output_coupling: Float[torch.Tensor, "K U"]
    base: Int[torch.Tensor, ""]

    @property
    def num_units(self) -> int:
        """Number of rows: ReLUs that may change sign in the window, and entries that may win."""
        return len(self.unit)

    @property
    def terms(self) -> Float[torch.Tensor, "R"]:
        """(R,) how large the terms are that each row is summed from in this window."""
        return self.affine.abs().sum(1) + self.coupling.abs() @ self.reach

    def shrink(self, frame: Float[torch.Tensor, "D D"], corners: Float[torch.Tensor, "C D"]) -> "Restriction":
        """Restrict again, to a smaller window.

        Args:
            frame: (1 + d, 1 + d) matrix T with (1, x) = T (1, x') for the new local coordinates x'.
            corners: (c, 1 + d) corners of the smaller window as (1, x').
        """
        builder = _Builder(corners)
        dimension, affine = frame.shape[1], self.affine @ frame
        remainders = self.affine.new_zeros(len(self.reach), dimension + len(self.reach))
        for stage in self.stages:
            part, owned, used = stage.rows, stage.remainders, dimension + builder.num_remainders
            rows = self.coupling[part, : owned.start] @ remainders[: owned.start, :used]
            rows[:, :dimension] += affine[part]
            layer = Rows(rows.T, self.owner[part] - owned.start, self.unit[part], self.key[part], self.zero[part])
            mix, kept = builder.add_maxima(layer) if stage.is_maximum else builder.add_relus(layer)
            changed = (mix - self.mix[part])[:, None] * rows
            if stage.is_maximum:
                remainders[owned, :used].index_add_(0, layer.owner, changed)
            else:
                remainders[owned, :used] = changed
            remainders[owned.start + kept, used + torch.arange(len(kept), device=kept.device)] = 1.0
        output = self.output_coupling @ remainders[:, : dimension + builder.num_remainders]
        output[:, :dimension] += self.output_affine @ frame
        return builder.finish(output.T, self.base)


@dataclass(slots=True)
class _Builder:
    """Collects the unstable rows layer by layer.

    Attributes:
        corners: (c, 1 + d) corners of the window as (1, x), where x counts directions of the length `stretch`.
        stretch: Length of the directions that the rows were computed with.
        lengths: Likewise of the remainders of each layer, (n,).
    """

    corners: torch.Tensor
    stretch: float = 1.0
    num_rows: int = 0
    num_remainders: int = 0
    rows: list[Rows] = field(default_factory=list)
    mix: list[torch.Tensor] = field(default_factory=list)
    reach: list[torch.Tensor] = field(default_factory=list)
    lengths: list[torch.Tensor] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    base: list[torch.Tensor] = field(default_factory=list)

    def add_relus(self, layer: Rows) -> tuple[torch.Tensor, torch.Tensor]:
        """Bound the ReLUs of a layer; return their mix (n,) and the indices of those that stay unstable.

        A ReLU that is never negative but may be zero on a whole cell counts as unstable: there it is not active.
        """
        low, high = self.bounds(layer.values)
        off, on = high <= layer.zero, low > layer.zero
        mix = torch.where(off, 0.0, torch.where(on, 1.0, (high / (high - low)).clamp(0, 1)))
        kept = (~(off | on)).nonzero()[:, 0]
        self.base.append(xor_active(on[:, None], layer.key)[0])
        reach = (-mix * low)[kept].clamp(min=0)
        self._keep(layer[kept], mix[kept], reach, torch.arange(len(kept), device=kept.device), is_maximum=False)
        return mix, kept

    def add_maxima(self, layer: Rows) -> tuple[torch.Tensor, torch.Tensor]:
        """Bound the maxima of a layer; return the mix (n,) of their rows and the indices of those that stay unstable.

        A row that always loses is dropped, and so is one that is the same everywhere as an earlier row. A maximum
        with one row left counts as unstable if it may be zero on a whole cell: there it has no winner.
        """
        groups = self.settle(layer)
        mix = layer.values.new_zeros(len(layer.unit))
        mix[groups.reference] = 1.0
        reach = groups.reach.clone()
        pair = (groups.count == 2).nonzero()[:, 0]
        one, two = groups.first_two(pair)
        low, high = self.bounds(layer.values[:, two] - layer.values[:, one])
        share = (high / (high - low).clamp(min=1e-300)).clamp(0, 1)
        mix[one], mix[two] = 1 - share, share
        reach[pair] = (-share * low).clamp(min=0)
        kept, place = (~groups.is_settled).nonzero()[:, 0], (~groups.is_settled).cumsum(0) - 1
        chosen = (groups.is_candidate & ~groups.is_settled[layer.owner]).nonzero()[:, 0]
        self._keep(layer[chosen], mix[chosen], reach[kept], place[layer.owner[chosen]], is_maximum=True)
        return mix, kept

    def settle(self, layer: Rows) -> Groups:
        """Compare the rows of maxima, and note the keys of those that have one winner in the whole window."""
        groups = Groups.of(layer, self)
        self.base.append(xor_active(groups.is_certain[:, None], layer.key[groups.reference])[0])
        return groups

    def _keep(
        self, rows: Rows, mix: torch.Tensor, reach: torch.Tensor, owner: torch.Tensor, *, is_maximum: bool
    ) -> None:
        if not len(mix):
            return
        first, place = self.num_rows, self.num_remainders
        self.num_rows, self.num_remainders = first + len(mix), place + len(reach)
        self.rows.append(Rows(rows.values, owner + place, rows.unit, rows.key, rows.zero))
        self.mix.append(mix)
        self.reach.append(reach)
        self.lengths.append(torch.ones_like(reach))
        span = slice(first, self.num_rows), slice(place, self.num_remainders)
        self.stages.append(Stage(rows=span[0], remainders=span[1], is_maximum=is_maximum))

    def stretch_last(self) -> Float[torch.Tensor, "n"]:
        """Measure the remainders of the last layer in units of their reach; how long these are."""
        length = torch.where(self.reach[-1] > 0, self.reach[-1], 1.0)
        self.lengths[-1], self.reach[-1] = length, self.reach[-1] / length
        return length

    def bounds(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The least and the largest value of each column of rows in the window."""
        dimension = self.corners.shape[1]
        low, high = (self.corners @ rows[:dimension]).aminmax(dim=0)
        for reach in self.reach:
            terms = rows[dimension : dimension + len(reach)]
            dimension += len(reach)
            middle, spread = reach @ terms / 2, reach @ terms.abs() / 2
            low, high = low + (middle - spread), high + (middle + spread)
        return low, high

    def is_affine(self, rows: torch.Tensor, zero: torch.Tensor) -> torch.Tensor:
        """Which columns of rows have no remainders but change over the window: they are zero on a line at most."""
        dimension = self.corners.shape[1]
        return (rows[1:dimension].abs().amax(0) > zero) & (rows[dimension:] == 0).all(0)

    def finish(self, output: torch.Tensor, base: torch.Tensor) -> Restriction:
        dimension, total = self.corners.shape[1], self.corners.shape[1] + self.num_remainders
        rows = [_padded(part.values, total) for part in self.rows]
        joined = torch.cat(rows, 1).T if rows else output.new_zeros(0, total)
        output = _padded(output, total).T
        scale = torch.cat([output.new_full((dimension - 1,), self.stretch), *self.lengths])
        joined[:, 1:] /= scale
        output[:, 1:] /= scale
        for extra in self.base:
            base = base ^ extra

        def collected(parts: Sequence[torch.Tensor], dtype: torch.dtype) -> torch.Tensor:
            return torch.cat(list(parts)) if parts else torch.zeros(0, dtype=dtype, device=output.device)

        return Restriction(
            affine=joined[:, :dimension].contiguous(),
            coupling=joined[:, dimension:].contiguous(),
            mix=collected(self.mix, torch.float64),
            reach=collected([r * length for r, length in zip(self.reach, self.lengths, strict=True)], torch.float64),
            owner=collected([part.owner for part in self.rows], torch.int64),
            unit=collected([part.unit for part in self.rows], torch.int64),
            key=collected([part.key for part in self.rows], torch.int64),
            zero=collected([part.zero for part in self.rows], torch.float64),
            stages=tuple(self.stages),
            output_affine=output[:, :dimension].contiguous(),
            output_coupling=output[:, dimension:].contiguous(),
            base=base,
        )


def _padded(rows: torch.Tensor, height: int) -> torch.Tensor:
    if len(rows) == height:
        return rows
    return torch.cat([rows, rows.new_zeros(height - len(rows), rows.shape[1])])


class TooManyUnits(Exception):
    """The window leaves more units unstable than asked for; a smaller window may do.

    Attributes:
        layer: The layer at which this was seen.
        num_units: How many there were then.
    """

    def __init__(self, layer: int, num_units: int) -> None:
        super().__init__(f"{num_units} unstable units up to layer {layer + 1}")
        self.layer, self.num_units = layer, num_units


def restrict(
    program: Program,
    rows: Float[torch.Tensor, "..."],
    corners: Float[torch.Tensor, "C D"],
    zeros: Sequence[Float[torch.Tensor, "_"]],
    max_units: int | None = None,
    check: Callable[[], None] = lambda: None,
) -> Restriction:
    """Restrict a network to a window.

    Args:
        program: The network, on the device to work on.
        rows: (1 + d, *input_shape) the input at the window's local origin, and its d directions.
        corners: (c, 1 + d) corners of the window as (1, x).
        zeros: For every layer, the values up to which its features are rounding errors, see `Program.zeros`.
        max_units: Give up above this number of unstable units.
        check: Called at every layer; raises to stop.

    Raises:
        TooManyUnits: There are more than `max_units`.
    """
    keys = torch.as_tensor(program.keys().view(np.int64), device=rows.device)
    stretch = _stretch(rows)
    rows = torch.cat([rows[:1], rows[1:] * stretch])
    builder = _Builder(torch.cat([corners[:, :1], corners[:, 1:] / stretch], 1), stretch)

    def on_layer(layer: int, z: torch.Tensor) -> torch.Tensor:
        check()
        z = _padded(z, corners.shape[1] + builder.num_remainders)
        span, entries = program.layers[layer].units, program.entries(layer)
        unit = torch.arange(span.start, span.stop, device=z.device)
        if entries is None:
            mix, kept = builder.add_relus(Rows(z, unit, unit, keys[span], zeros[layer]))
            whole = z.new_empty(len(z) + len(kept), z.shape[1])
            torch.mul(z, mix, out=whole[: len(z)])
        else:
            result, kept = _take_maxima(builder, z, entries, (unit, keys[span], zeros[layer]))
            whole = torch.cat([result, result.new_empty(len(kept), result.shape[1])])
        if max_units is not None and builder.num_rows > max_units:
            raise TooManyUnits(layer, builder.num_rows)
        if len(kept):
            new = whole[len(z) :].zero_()
            new[torch.arange(len(kept), device=z.device), kept] = builder.stretch_last()
        return whole

    output = program.propagate(rows, 1, on_layer)
    return builder.finish(output, torch.zeros((), dtype=torch.int64, device=rows.device))


def _stretch(rows: torch.Tensor) -> float:
    """By how much to lengthen the directions of a small window, so that no bias swallows their digits.

    A direction d goes through an affine step as f(d) - f(0).
    """
    length, size = float(rows[1:].abs().max()), max(float(rows[0].abs().max()), 1.0)
    return size / length if 0 < length < size else 1.0


def _take_maxima(
    builder: _Builder, z: torch.Tensor, entries: torch.Tensor, about: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows of M maxima without their remainders, and which of them stay unstable.

    The bounds of single entries decide most maxima; the entries of the others are compared with each other.
    """
    _, key, zero = about
    low, high = builder.bounds(z)
    least, most, own = low[entries], high[entries], zero[entries]
    place = torch.arange(entries.shape[1], device=z.device)
    again = (entries == entries[:, :1]) & (place > 0)
    best = least.argmax(1, keepdim=True)
    open_ = ~again & (most >= least.gather(1, best) - own - own.gather(1, best))
    settled = (open_.sum(1) == 1) & (least.gather(1, best) > own.gather(1, best))[:, 0]
    chosen = best[:, 0] + entries.shape[1] * torch.arange(len(entries), device=z.device)
    builder.base.append(xor_active(settled[:, None], key[chosen])[0])
    result = z[:, entries.gather(1, best)[:, 0]]
    unsettled, survivors = (~settled).nonzero()[:, 0], list[torch.Tensor]()
    for some in unsettled.split(max(1, BLOCK // (len(z) * entries.shape[1]))):
        index = open_[some].nonzero()
        index[:, 0] = some[index[:, 0]]
        layer = _entry_rows(z, entries, index, about)
        groups = builder.settle(layer)
        result[:, some] = layer.values[:, groups.reference]
        survivors.append(index[groups.is_candidate & ~groups.is_settled[layer.owner]])
    index = torch.cat(survivors) if survivors else entries.new_zeros(0, 2)
    layer = _entry_rows(z, entries, index, about)
    mix, kept = builder.add_maxima(layer)
    unstable = index[:, 0].unique_consecutive()
    result[:, unstable] = z.new_zeros(len(z), len(unstable)).index_add_(1, layer.owner, layer.values * mix)
    return result, unstable[kept]


def _entry_rows(
    z: torch.Tensor, entries: torch.Tensor, index: torch.Tensor, about: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
) -> Rows:
    """Some entries of some maxima, given pairs (maximum, place), maxima ascending."""
    unit, key, zero = about
    feature, own = entries[index[:, 0], index[:, 1]], index[:, 0] * entries.shape[1] + index[:, 1]
    owner = torch.unique_consecutive(index[:, 0], return_inverse=True)[1]
    return Rows(z[:, feature], owner, unit[own], key[own], zero[feature])
