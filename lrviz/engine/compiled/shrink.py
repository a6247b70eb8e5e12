"""Restrict a restricted network of ReLUs again, to a smaller window, by the steps of `Restriction.shrink`."""

from itertools import pairwise
from typing import no_type_check

import numpy as np
import torch

from lrviz.engine.compiled.jit import SOURCES, entry, inner
from lrviz.engine.restrict import Restriction, Stage

OFF, ON, OPEN = 0, 1, 2


@inner
@no_type_check
def expand(row, coupling, before, remainders, length, value):
    """Add to a row what it gets from earlier remainders."""
    for old in range(before):
        weight = coupling[row, old]
        if weight != 0.0:
            part = remainders[old, : length[old]]
            for i in range(len(part)):
                value[i] += weight * part[i]


@inner
@no_type_check
def move(affine, frame, value):
    """The affine part of a row in the coordinates of the smaller window."""
    for i in range(3):
        value[i] = affine[0] * frame[0, i] + affine[1] * frame[1, i] + affine[2] * frame[2, i]


@inner
@no_type_check
def bound(value, corners, reach, used):
    """The least and the largest value of a row in the window."""
    low, high = np.inf, -np.inf
    for i in range(len(corners)):
        at = corners[i, 0] * value[0] + corners[i, 1] * value[1] + corners[i, 2] * value[2]
        low, high = min(low, at), max(high, at)
    middle = spread = 0.0
    for i in range(3, used):
        middle += reach[i - 3] * value[i]
        spread += reach[i - 3] * abs(value[i])
    return low + (middle - spread) / 2, high + (middle + spread) / 2


@inner
@no_type_check
def decide(low, high, zero):
    """Whether a ReLU is OFF, ON or OPEN in the window, and its share of the row."""
    if high <= zero:
        return OFF, 0.0
    if low > zero:
        return ON, 1.0
    return OPEN, min(max(high / (high - low), 0.0), 1.0)


def _enclosing(sources):
    @entry
    @no_type_check
    def shrink_relus(layers, affine, coupling, mix, zero, frame, corners, rows, shares, states, reach):
        """Express all rows and outputs in the smaller window; returns how many rows stay unstable.

        Args:
            layers: (L + 1,) where the rows of each layer start.
            affine: (R + K, 3) of the rows and after them the outputs, as they are in the larger window, and likewise
            coupling: (R + K, R),
            mix: (R,), and
            zero: (R,).
            frame: (3, 3) the matrix T with (1, x) = T (1, x') for the new coordinates x'.
            corners: (c, 3) corners of the smaller window as (1, x').
            rows: (R + K, 3 + R) zeros; becomes the rows over (1, x') and the new remainders, and likewise
            shares: (R,) the new mix,
            states: (R,) OFF, ON or OPEN, and
            reach: (R,) of the new remainders.
        """
        sources  # noqa: B018
        num_rows, number = len(mix), 0
        remainders = np.zeros((num_rows, 3 + num_rows))
        length = np.zeros(num_rows, dtype=np.int64)
        for layer in range(len(layers)):
            first, used = layers[layer], 3 + number
            after = layers[layer + 1] if layer + 1 < len(layers) else len(affine)
            for row in range(first, after):
                value = rows[row]
                move(affine[row], frame, value)
                expand(row, coupling, first, remainders, length, value)
                if row >= num_rows:
                    continue
                low, high = bound(value, corners, reach, used)
                states[row], shares[row] = decide(low, high, zero[row])
                change = shares[row] - mix[row]
                if change != 0.0:
                    length[row] = used
                    for i in range(used):
                        remainders[row, i] = change * value[i]
                if states[row] == OPEN:
                    reach[number] = max(-shares[row] * low, 0.0)
                    remainders[row, 3 + number] = 1.0
                    number += 1
                    length[row] = 3 + number
        return number

    return shrink_relus


shrink_relus = _enclosing(SOURCES)


def shrink(restriction: Restriction, frame: np.ndarray, corners: np.ndarray) -> Restriction:
    """Restrict again, to a smaller window; the same as `Restriction.shrink`, for networks without maxima."""
    layers = np.array([0, *(stage.rows.stop for stage in restriction.stages)])
    affine = torch.cat([restriction.affine, restriction.output_affine]).numpy()
    coupling = torch.cat([restriction.coupling, restriction.output_coupling]).numpy()
    num_rows = restriction.num_units
    rows, reach = np.zeros((len(affine), 3 + num_rows)), np.empty(num_rows)
    shares, states = np.empty(num_rows), np.empty(num_rows, dtype=np.int64)
    about = restriction.mix.numpy(), restriction.zero.numpy(), frame, corners
    number = shrink_relus(layers, affine, coupling, *about, rows, shares, states, reach)
    kept = np.flatnonzero(states == OPEN)
    ends = np.searchsorted(kept, layers)
    key = restriction.key.numpy()
    base = restriction.base.numpy() ^ np.bitwise_xor.reduce(key[states == ON])
    stages = [
        Stage(rows=slice(first, end), remainders=slice(first, end), is_maximum=False)
        for first, end in pairwise(ends.tolist())
        if end > first
    ]
    part, output = rows[kept, : 3 + number], rows[num_rows:, : 3 + number]

    def tensor(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array))

    return Restriction(
        affine=tensor(part[:, :3]),
        coupling=tensor(part[:, 3:]),
        mix=tensor(shares[kept]),
        reach=tensor(reach[:number]),
        owner=tensor(np.arange(number)),
        unit=tensor(restriction.unit.numpy()[kept]),
        key=tensor(key[kept]),
        zero=tensor(restriction.zero.numpy()[kept]),
        stages=tuple(stages),
        output_affine=tensor(output[:, :3]),
        output_coupling=tensor(output[:, 3:]),
        base=torch.from_numpy(np.asarray(base)),
    )
