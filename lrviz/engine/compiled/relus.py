"""A layer of ReLUs on one cell: those that are decided in the whole cell, the lines that cross it, its parts."""

from typing import no_type_check

import numpy as np

from lrviz.engine.compiled.jit import inner
from lrviz.engine.compiled.remainders import add_remainder, add_terms, at, bound_rows, scaled
from lrviz.tolerance import TOLERANCE

_DISTANCE, _LEAST = TOLERANCE.distance, 1e-300


@inner
@no_type_check
def open_relus(net, stack, levels, cell):
    """Decide the ReLUs whose sign is the same in the whole cell, and list the lines that cross it."""
    layer = stack.layer[cell]
    first, after = net.rows[layer], net.rows[layer + 1]
    maps, common, low, high = levels.maps[layer], levels.common[layer], levels.low, levels.high
    bound_rows(maps, first, after, stack, cell, low, high)
    for row in range(first, after):
        least, most, remainder = low[row - first], high[row - first], net.owner[row]
        active = least > net.zero[row]
        value = scaled(maps, row, (1.0 if active else 0.0) - net.mix[row])
        add_remainder(net, layer, remainder, value, common)
        if active:
            levels.common_pattern[layer] ^= net.key[row]
        if active or most <= net.zero[row]:
            add_terms(net, remainder, value, levels.common_terms[layer])
            continue
        levels.open[layer, levels.num_open[layer]] = row
        levels.num_open[layer] += 1
        if net.draws[row] and min(most, -least) > net.noise[row]:
            add_line(net, stack, levels, cell, row)


@inner
@no_type_check
def add_line(net, stack, levels, cell, row):
    """Note the line of a row that may cross the cell."""
    maps, line = levels.maps[stack.layer[cell]], levels.line
    gradient = max(np.hypot(maps[1, row], maps[2, row]), _LEAST)
    for axis in range(3):
        line[axis, row] = maps[axis, row] / gradient
    line[3, row] = _DISTANCE + net.noise[row] / gradient
    stack.lines[cell, stack.num_lines[cell]] = row
    stack.num_lines[cell] += 1


@inner
@no_type_check
def choose_relu(stack, levels, cell):
    """Of the lines that cross a cell the best-balanced one, or -1 if there is none; the others stay in its list.

    The distances of the cell's vertices from the line are left in `stack.distance`.
    """
    line, lines, vertices, count = levels.line, stack.lines[cell], stack.vertices[cell], stack.num_vertices[cell]
    kept, best, widest = 0, -1, 0.0
    for i in range(stack.num_lines[cell]):
        row = lines[i]
        low = high = at(line, row, vertices[0, 0], vertices[1, 0])
        for j in range(1, count):
            value = at(line, row, vertices[0, j], vertices[1, j])
            low, high = min(low, value), max(high, value)
        balance = min(high, -low) - line[3, row]
        if balance > 0:
            lines[kept] = row
            if balance > widest:
                best, widest = kept, balance
            kept += 1
    if best < 0:
        stack.num_lines[cell] = 0
        return -1
    row = lines[best]
    for i in range(best, kept - 1):
        lines[i] = lines[i + 1]
    stack.num_lines[cell] = kept - 1
    for j in range(count):
        value = at(line, row, vertices[0, j], vertices[1, j])
        stack.distance[j] = 0.0 if abs(value) <= line[3, row] else value
    return row


@inner
@no_type_check
def close_relus(net, levels, layer, x, y):
    """Decide the other ReLUs in a part of the cell, given its centroid."""
    maps, following = levels.maps[layer], levels.maps[layer + 1]
    for i in range(levels.num_open[layer]):
        row = levels.open[layer, i]
        remainder, share = net.owner[row], -net.mix[row]
        if at(maps, row, x, y) > net.zero[row]:
            levels.pattern[layer + 1] ^= net.key[row]
            add_remainder(net, layer, remainder, scaled(maps, row, 1.0), following)
            share += 1.0
        add_terms(net, remainder, scaled(maps, row, share), levels.terms[layer + 1])
