"""Measure remainders from what is most common: a ReLU that is mostly off then adds something only where it is on.

A restriction writes relu(z) = m z + e with the m that bounds e best, so that every ReLU has a remainder e everywhere.
With m = 0 or m = 1, e vanishes on one side of the unit's line, and of a maximum where one of its rows wins: there
nothing is left to add to later columns. This is an exact rewrite as well.
"""

from typing import no_type_check

import numpy as np

from lrviz.engine.compiled.jit import SOURCES, entry, inner


@inner
@no_type_check
def expand(net, column, before, remainders, value):
    """The map of a column over (1, x, y) and the new remainders, given the old remainders before some place."""
    for i in range(3 + before):
        value[i] = 0.0
    for axis in range(3):
        value[axis] = net.first[axis, column]
    for old in range(before):
        weight = net.weight[old, column]
        if weight != 0.0:
            value[3 + old] += weight
            row = remainders[old]
            for i in range(3 + old):
                value[i] += weight * row[i]


@inner
@no_type_check
def choose_share(net, remainder, is_maximum, mix):
    """The new share of each row of a remainder: all of the row that had most of it, or half of a ReLU; else nothing."""
    first, after = net.groups[remainder], net.groups[remainder + 1]
    best = first
    for row in range(first, after):
        mix[row] = 0.0
        if net.mix[row] > net.mix[best]:
            best = row
    mix[best] = 1.0 if is_maximum or net.mix[best] >= 0.5 else 0.0


def _enclosing(sources):
    @entry
    @no_type_check
    def rebase(net, first, weight, mix, remainders):
        """Write down the network with shares 0 and 1.

        Args:
            net: The network.
            first: (3, R + K) its new maps, and likewise
            weight: (U, R + K), zeros so far, and
            mix: (R,).
            remainders: (U, 3 + U) zeros so far; the old remainders over (1, x, y) and the new ones.
        """
        sources  # noqa: B018
        num_rows, num_remainders = len(net.owner), len(net.groups) - 1
        value = np.empty(3 + num_remainders)
        for layer in range(len(net.is_maximum) + 1):
            last = layer == len(net.is_maximum)
            after = first.shape[1] if last else net.rows[layer + 1]
            before = num_remainders if last else net.remainders[layer]
            if not last:
                for remainder in range(before, net.remainders[layer + 1]):
                    choose_share(net, remainder, net.is_maximum[layer], mix)
            for column in range(net.rows[layer], after):
                expand(net, column, before, remainders, value)
                for axis in range(3):
                    first[axis, column] = value[axis]
                for i in range(before):
                    weight[i, column] = value[3 + i]
                if column < num_rows:
                    change = mix[column] - net.mix[column]
                    target = remainders[net.owner[column]]
                    for i in range(3 + before):
                        target[i] += change * value[i]

    return rebase


rebase = _enclosing(SOURCES)
