"""The network restricted to a window: a small network of the units that change sign in it.

Over a window most units are always on or always off. For an unstable unit with bounds [l, h] on its pre-activation z,
relu(z) = m z + e with m = h / (h - l), and the remainder e = relu(z) - m z lies in [0, -m l]. This is an exact rewrite,
and the range of e bounds what the unit adds to later ones. Pre-activations and outputs become affine functions of the
window's coordinates and of the remainders of earlier unstable units, and nothing else is left of the network.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int

from lrviz.network.program import Program, xor_active
from lrviz.tolerance import TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """A network restricted to a window of dimension d, over local coordinates x.

    Unit j has the pre-activation z_j = affine[j] @ (1, x) + coupling[j] @ e, where e_k = relu(z_k) - mix[k] z_k; the
    outputs are output_affine @ (1, x) + output_coupling @ e. `coupling` is zero but for earlier layers.

    Attributes:
        affine: (U, 1 + d).
        coupling: (U, U).
        mix: (U,) the share m of z that was taken out of relu(z).
        reach: (U,) upper bound of the remainder e.
        unit: (U,) index of each unit in the whole network.
        key: (U,) random 64-bit key of each unit.
        scale: (U,) largest pre-activation of the unit's layer in the first window that the network was restricted to:
            what rounding errors are relative to, however small the window becomes.
        layers: Where each layer starts among the U units, and U.
        output_affine: (K, 1 + d).
        output_coupling: (K, U).
        base: Pattern id of the units that are active in the whole window, a scalar tensor.
    """

    affine: Float[torch.Tensor, "U D"]
    coupling: Float[torch.Tensor, "U U"]
    mix: Float[torch.Tensor, "U"]
    reach: Float[torch.Tensor, "U"]
    unit: Int[torch.Tensor, "U"]
    key: Int[torch.Tensor, "U"]
    scale: Float[torch.Tensor, "U"]
    layers: tuple[int, ...]
    output_affine: Float[torch.Tensor, "K D"]
    output_coupling: Float[torch.Tensor, "K U"]
    base: Int[torch.Tensor, ""]

    @property
    def num_units(self) -> int:
        """Number of units that may change sign in the window."""
        return len(self.unit)

    @property
    def zero(self) -> Float[torch.Tensor, "U"]:
        """(U,) values of a unit up to here are rounding errors: it is not active."""
        return TOLERANCE.rounding * self.scale

    @property
    def noise(self) -> Float[torch.Tensor, "U"]:
        """(U,) values of a unit up to here cannot split a cell."""
        terms = self.affine.abs().sum(1) + self.coupling.abs() @ self.reach
        return 2 * self.zero + TOLERANCE.crossing * terms

    def shrink(self, frame: Float[torch.Tensor, "D D"], corners: Float[torch.Tensor, "C D"]) -> "Restriction":
        """Restrict again, to a smaller window.

        Args:
            frame: (1 + d, 1 + d) matrix T with (1, x) = T (1, x') for the new local coordinates x'.
            corners: (c, 1 + d) corners of the smaller window as (1, x').
        """
        builder = _Builder(corners)
        dimension, affine = frame.shape[1], self.affine @ frame
        remainders = self.affine.new_zeros(self.num_units, dimension + self.num_units)
        for start, end in zip(self.layers[:-1], self.layers[1:], strict=True):
            used = dimension + builder.num_units
            rows = self.coupling[start:end, :start] @ remainders[:start, :used]
            rows[:, :dimension] += affine[start:end]
            mix, kept = builder.add_layer(rows.T, self.unit[start:end], self.key[start:end], self.scale[start:end])
            remainders[start:end, :used] = (mix - self.mix[start:end])[:, None] * rows
            remainders[start + kept, used + torch.arange(len(kept), device=kept.device)] = 1.0
        output = self.output_coupling @ remainders[:, : dimension + builder.num_units]
        output[:, :dimension] += self.output_affine @ frame
        return builder.finish(output.T, self.base)


@dataclass(slots=True)
class _Builder:
    """Collects the unstable units layer by layer. Columns of `rows` are units, its rows coordinates and remainders."""

    corners: torch.Tensor
    num_units: int = 0
    parts: list[dict[str, torch.Tensor]] = field(default_factory=list)
    base: list[torch.Tensor] = field(default_factory=list)

    def add_layer(
        self, rows: torch.Tensor, unit: torch.Tensor, key: torch.Tensor, scale: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Bound the units of a layer; return their mix (n,) and the indices of those that stay unstable.

        A unit that is never negative but may be zero on a whole cell counts as unstable: there it is not active.
        """
        low, high = self._bounds(rows)
        if scale is None:
            scale = torch.maximum(high, -low).max().expand(len(unit))
        zero = TOLERANCE.rounding * scale
        off, on = high <= zero, low > zero
        mix = torch.where(off, 0.0, torch.where(on, 1.0, (high / (high - low)).clamp(0, 1)))
        kept = (~(off | on)).nonzero()[:, 0]
        self.base.append(xor_active(on[:, None], key)[0])
        self.parts.append(
            {
                "rows": rows[:, kept],
                "mix": mix[kept],
                "reach": (-mix * low)[kept].clamp(min=0),
                "unit": unit[kept],
                "key": key[kept],
                "scale": scale[kept],
            }
        )
        self.num_units += len(kept)
        return mix, kept

    def _bounds(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        dimension = self.corners.shape[1]
        low, high = (self.corners @ rows[:dimension]).aminmax(dim=0)
        for part in self.parts if self.num_units else ():
            size = len(part["reach"])
            terms = rows[dimension : dimension + size]
            dimension += size
            middle, spread = part["reach"] @ terms / 2, part["reach"] @ terms.abs() / 2
            low, high = low + (middle - spread), high + (middle + spread)
        return low, high

    def finish(self, output: torch.Tensor, base: torch.Tensor) -> Restriction:
        dimension, total = self.corners.shape[1], self.corners.shape[1] + self.num_units
        rows = (
            torch.cat([_padded(part["rows"], total) for part in self.parts], 1).T
            if self.parts
            else (output.new_zeros(0, total))
        )
        output = _padded(output, total).T
        for extra in self.base:
            base = base ^ extra
        starts = np.cumsum([0] + [len(part["unit"]) for part in self.parts if len(part["unit"])])

        def joined(name: str, dtype: torch.dtype) -> torch.Tensor:
            parts = [part[name] for part in self.parts]
            return torch.cat(parts) if parts else torch.zeros(0, dtype=dtype, device=output.device)

        return Restriction(
            affine=rows[:, :dimension].contiguous(),
            coupling=rows[:, dimension:].contiguous(),
            mix=joined("mix", torch.float64),
            reach=joined("reach", torch.float64),
            unit=joined("unit", torch.int64),
            key=joined("key", torch.int64),
            scale=joined("scale", torch.float64),
            layers=tuple(int(start) for start in starts),
            output_affine=output[:, :dimension].contiguous(),
            output_coupling=output[:, dimension:].contiguous(),
            base=base,
        )


def _padded(rows: torch.Tensor, height: int) -> torch.Tensor:
    return torch.cat([rows, rows.new_zeros(height - len(rows), rows.shape[1])])


class TooManyUnits(Exception):
    """The window leaves more units unstable than asked for; a smaller window will do."""


def restrict(
    program: Program,
    rows: Float[torch.Tensor, "..."],
    corners: Float[torch.Tensor, "C D"],
    max_units: int | None = None,
    check: Callable[[], None] = lambda: None,
) -> Restriction:
    """Restrict a network to a window.

    Args:
        program: The network, on the device to work on.
        rows: (1 + d, *input_shape) the input at the window's local origin, and its d directions.
        corners: (c, 1 + d) corners of the window as (1, x).
        max_units: Give up above this number of unstable units.
        check: Called at every layer; raises to stop.

    Raises:
        TooManyUnits: There are more than `max_units`.
    """
    keys = torch.as_tensor(program.keys().view(np.int64), device=rows.device)
    builder = _Builder(corners)

    def relu(layer: int, z: torch.Tensor) -> torch.Tensor:
        check()
        first, size = program.layers[layer].first_unit, z.shape[1]
        unit = torch.arange(first, first + size, device=z.device)
        z = _padded(z, corners.shape[1] + builder.num_units)
        mix, kept = builder.add_layer(z, unit, keys[first : first + size])
        if max_units is not None and builder.num_units > max_units:
            raise TooManyUnits
        new = z.new_zeros(len(kept), size)
        new[torch.arange(len(kept), device=z.device), kept] = 1.0
        return torch.cat([z * mix, new])

    output = program.propagate(rows, 1, relu)
    return builder.finish(output, torch.zeros((), dtype=torch.int64, device=rows.device))


def group_twins(restriction: Restriction) -> Int[torch.Tensor, "U"]:
    """For every unit the first unit of its layer that draws the same line everywhere; itself if there is none.

    Twins have proportional rows. They are found by comparing random projections of the normalised rows.
    """
    number = restriction.num_units
    index = torch.arange(number, device=restriction.unit.device)
    if number < 2:
        return index
    rows = torch.cat([restriction.affine, restriction.coupling * restriction.reach], 1)
    rows = rows / rows.norm(dim=1, keepdim=True)
    generator = torch.Generator(device="cpu").manual_seed(0)
    probes = torch.randn(rows.shape[1], 2, dtype=torch.float64, device="cpu", generator=generator).to(rows.device)
    prints = rows @ probes
    prints = prints * prints[:, :1].sign()
    starts = torch.tensor(restriction.layers[1:], device=rows.device)
    layer = torch.bucketize(index, starts, right=True)
    order = torch.argsort(prints[:, 0] + 1e3 * layer, stable=True)
    prints, layer = prints[order], layer[order]
    differs = ((prints[1:] - prints[:-1]).abs() > TOLERANCE.twin * number).any(1) | (layer[1:] != layer[:-1])
    group = torch.cat([differs.new_zeros(1), differs]).cumsum(0)
    first = torch.full((number,), number, device=index.device).scatter_reduce(0, group, order, "amin")
    return torch.empty_like(index).scatter_(0, order, first[group])
