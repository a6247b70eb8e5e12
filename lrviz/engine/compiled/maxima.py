"""A layer of maxima on one cell: those with one winner in the whole cell, the lines where a winner changes, its parts.

The entry that is largest in the middle of a cell is compared with the others: where one of them is larger at a vertex,
their line crosses the cell.
"""

from typing import no_type_check

import numpy as np

from lrviz.engine.compiled.jit import inner
from lrviz.engine.compiled.remainders import add_remainder, add_terms, at, bound_rows, scaled
from lrviz.tolerance import TOLERANCE

_DISTANCE, _LEAST = TOLERANCE.distance, 1e-300


@inner
@no_type_check
def open_maxima(net, stack, levels, cell):
    """Decide the maxima that have one winner in the whole cell; list the others."""
    layer = stack.layer[cell]
    first = net.rows[layer]
    maps, common = levels.maps[layer], levels.common[layer]
    bound_rows(maps, first, net.rows[layer + 1], stack, cell, levels.low, levels.high)
    for group in range(net.remainders[layer], net.remainders[layer + 1]):
        winner = sole_winner(net, stack, levels, cell, group)
        value = mixed(net, maps, group)
        if winner >= 0:
            levels.common_pattern[layer] ^= net.key[winner]
            value = plus(value, scaled(maps, winner, 1.0))
            add_terms(net, group, value, levels.common_terms[layer])
        else:
            levels.open[layer, levels.num_open[layer]] = stack.lines[cell, levels.num_open[layer]] = group
            levels.num_open[layer] += 1
        add_remainder(net, layer, group, value, common)
    stack.num_lines[cell] = levels.num_open[layer]


@inner
@no_type_check
def mixed(net, maps, group):
    """Minus the share of its rows that was taken out of a maximum."""
    value = (0.0, 0.0, 0.0)
    for row in range(net.groups[group], net.groups[group + 1]):
        value = plus(value, scaled(maps, row, -net.mix[row]))
    return value


@inner
@no_type_check
def plus(one, two):
    """The sum of two affine maps."""
    return one[0] + two[0], one[1] + two[1], one[2] + two[2]


@inner
@no_type_check
def middle(stack, cell):
    """The mean of a cell's vertices."""
    x = y = 0.0
    for i in range(stack.num_vertices[cell]):
        x, y = x + stack.vertices[cell, 0, i], y + stack.vertices[cell, 1, i]
    return x / stack.num_vertices[cell], y / stack.num_vertices[cell]


@inner
@no_type_check
def largest_at(net, maps, group, x, y):
    """The row of a maximum that is largest at a point, and its value."""
    best = net.groups[group]
    most = at(maps, best, x, y)
    for row in range(best + 1, net.groups[group + 1]):
        value = at(maps, row, x, y)
        if value > most:
            best, most = row, value
    return best, most


@inner
@no_type_check
def sole_winner(net, stack, levels, cell, group):
    """The row that is the largest of a maximum in the whole cell, by more than rounding, and not zero; else -1."""
    layer = stack.layer[cell]
    maps, first = levels.maps[layer], net.rows[layer]
    x, y = middle(stack, cell)
    best, _ = largest_at(net, maps, group, x, y)
    if levels.low[best - first] <= net.zero[best] and levels.high[best - first] >= -net.zero[best]:
        return -1
    for row in range(net.groups[group], net.groups[group + 1]):
        if row != best:
            _, most = bound_difference(maps, row, best, 1.0, stack, cell)
            if most >= -(net.zero[row] + net.zero[best]):
                return -1
    return best


@inner
@no_type_check
def bound_difference(maps, row, best, gradient, stack, cell):
    """The least and the largest difference of two rows at the vertices of a cell, in units of `gradient`."""
    low, high = np.inf, -np.inf
    for i in range(stack.num_vertices[cell]):
        value = difference(maps, row, best, gradient, stack.vertices[cell, 0, i], stack.vertices[cell, 1, i])
        low, high = min(low, value), max(high, value)
    return low, high


@inner
@no_type_check
def difference(maps, row, best, gradient, x, y):
    """How much larger a row is than another at a point, in units of `gradient`."""
    a, b, c = maps[0, row] - maps[0, best], maps[1, row] - maps[1, best], maps[2, row] - maps[2, best]
    return a / gradient + b / gradient * x + c / gradient * y


@inner
@no_type_check
def choose_maximum(net, stack, levels, cell):
    """Of the lines where the winner of a maximum changes the best-balanced one; -1 if there is none.

    Returns the lower of the two rows that draw it. The distances of the cell's vertices from it are left in
    `stack.distance`.
    """
    maps = levels.maps[stack.layer[cell]]
    x, y = middle(stack, cell)
    chosen, against, widest = -1, -1, 0.0
    for i in range(stack.num_lines[cell]):
        group = stack.lines[cell, i]
        best, _ = largest_at(net, maps, group, x, y)
        for row in range(net.groups[group], net.groups[group + 1]):
            if row != best:
                gradient, slack = scale(net, maps, row, best)
                low, high = bound_difference(maps, row, best, gradient, stack, cell)
                if min(high, -low) - slack > widest:
                    chosen, against, widest = row, best, min(high, -low) - slack
    if chosen < 0:
        return -1
    gradient, slack = scale(net, maps, chosen, against)
    for i in range(stack.num_vertices[cell]):
        x, y = stack.vertices[cell, 0, i], stack.vertices[cell, 1, i]
        value = difference(maps, chosen, against, gradient, x, y)
        stack.distance[i] = 0.0 if abs(value) <= slack else value
    return min(chosen, against)


@inner
@no_type_check
def scale(net, maps, row, best):
    """How fast the difference of two rows grows across their line, and how far from it a vertex is still on it."""
    gradient = np.hypot(maps[1, row] - maps[1, best], maps[2, row] - maps[2, best])
    gradient = max(gradient, _LEAST)
    return gradient, _DISTANCE + (net.noise[row] + net.noise[best]) / gradient


@inner
@no_type_check
def vanishes(net, maps, row, stack, cell):
    """Whether a row is zero in the whole cell, and not only on a line through it."""
    for i in range(stack.num_vertices[cell]):
        if abs(at(maps, row, stack.vertices[cell, 0, i], stack.vertices[cell, 1, i])) > net.zero[row]:
            return False
    return True


@inner
@no_type_check
def close_maxima(net, stack, levels, cell, x, y):
    """Decide the other maxima in a part of the cell, given its centroid: of equal rows the first one wins."""
    layer = stack.layer[cell]
    maps, following = levels.maps[layer], levels.maps[layer + 1]
    for i in range(levels.num_open[layer]):
        group = levels.open[layer, i]
        best, most = largest_at(net, maps, group, x, y)
        for row in range(net.groups[group], best + 1):
            value = at(maps, row, x, y)
            if value >= most - net.zero[row] - net.zero[best]:
                if not vanishes(net, maps, row, stack, cell):
                    levels.pattern[layer + 1] ^= net.key[row]
                won = scaled(maps, row, 1.0)
                add_remainder(net, layer, group, won, following)
                add_terms(net, group, plus(mixed(net, maps, group), won), levels.terms[layer + 1])
                break
