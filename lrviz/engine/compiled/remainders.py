"""What a decided ReLU or maximum adds to the affine maps of later columns: its remainder, times their weights."""

from typing import no_type_check

from lrviz.engine.compiled.jit import inner


@inner
@no_type_check
def add_remainder(net, layer, remainder, value, target):
    """Add a remainder of a layer, an affine map (a, b, c), to the maps of all later columns."""
    a, b, c = value
    if a == 0.0 and b == 0.0 and c == 0.0:
        return
    after = net.rows[layer + 1]
    weight = net.weight[remainder, after:]
    one, two, three = target[0, after:], target[1, after:], target[2, after:]
    for j in range(len(weight)):
        one[j] += weight[j] * a
        two[j] += weight[j] * b
        three[j] += weight[j] * c


@inner
@no_type_check
def add_terms(net, remainder, value, target):
    """Add how large the terms are that a remainder adds to the outputs' slopes."""
    weight = net.weight[remainder, net.rows[-1] :]
    b, c = abs(value[1]), abs(value[2])
    for k in range(len(weight)):
        target[0, k] += abs(weight[k]) * b
        target[1, k] += abs(weight[k]) * c


@inner
@no_type_check
def scaled(maps, row, factor):
    """A multiple of a row's affine map."""
    return factor * maps[0, row], factor * maps[1, row], factor * maps[2, row]


@inner
@no_type_check
def at(maps, row, x, y):
    """The value of a row at a point."""
    return maps[0, row] + maps[1, row] * x + maps[2, row] * y


@inner
@no_type_check
def bound_rows(maps, first, after, stack, cell, low, high):
    """The least and the largest value of some successive rows at the vertices of a cell."""
    offset, x_slope, y_slope = maps[0, first:after], maps[1, first:after], maps[2, first:after]
    for i in range(stack.num_vertices[cell]):
        x, y = stack.vertices[cell, 0, i], stack.vertices[cell, 1, i]
        if i == 0:
            for j in range(len(offset)):
                low[j] = offset[j] + x_slope[j] * x + y_slope[j] * y
                high[j] = low[j]
        else:
            for j in range(len(offset)):
                value = offset[j] + x_slope[j] * x + y_slope[j] * y
                low[j] = value if value < low[j] else low[j]
                high[j] = value if value > high[j] else high[j]
