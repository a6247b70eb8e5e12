"""Find all cells of a tile, depth first: take the newest cell, split it by a line of its layer or pass on to the next.

All functions work in place on the arrays that `arrays` describes.
"""

from typing import no_type_check

from lrviz.engine.compiled.arrays import NEW
from lrviz.engine.compiled.jit import SOURCES, borrowed, entry, inner
from lrviz.engine.compiled.maxima import choose_maximum, close_maxima, open_maxima
from lrviz.engine.compiled.polygon import measure, split
from lrviz.engine.compiled.relus import choose_relu, close_relus, open_relus
from lrviz.tolerance import TOLERANCE

FINISHED, STACK_FULL, CELLS_FULL = 0, 1, 2

_CANCELLED = TOLERANCE.cancelled


@inner
@no_type_check
def open_layer(net, stack, levels, cell):
    """Compare a cell with its layer's rows for the first time."""
    layer = stack.layer[cell]
    after = net.rows[layer + 1]
    copy_columns(levels.maps[layer], levels.common[layer], after)
    copy_columns(levels.terms[layer], levels.common_terms[layer], 0)
    levels.common_pattern[layer] = levels.pattern[layer]
    levels.num_open[layer] = 0
    stack.num_lines[cell] = 0
    if net.is_maximum[layer]:
        open_maxima(net, stack, levels, cell)
    else:
        open_relus(net, stack, levels, cell)


@inner
@no_type_check
def choose_line(net, stack, levels, cell):
    """A row whose line crosses the cell, and the distances of the cell's vertices from it; -1 if there is none."""
    if net.is_maximum[stack.layer[cell]]:
        return choose_maximum(net, stack, levels, cell)
    return choose_relu(stack, levels, cell)


@inner
@no_type_check
def close_layer(net, stack, levels, cell):
    """Decide what is still open in a cell that no line of its layer crosses, and go on to the next layer."""
    layer = stack.layer[cell]
    _, x, y = measure(stack.vertices[cell], stack.num_vertices[cell])
    copy_columns(levels.common[layer], levels.maps[layer + 1], net.rows[layer + 1])
    copy_columns(levels.common_terms[layer], levels.terms[layer + 1], 0)
    levels.pattern[layer + 1] = levels.common_pattern[layer]
    if net.is_maximum[layer]:
        close_maxima(net, stack, levels, cell, x, y)
    else:
        close_relus(net, levels, layer, x, y)
    stack.layer[cell], stack.num_lines[cell] = layer + 1, NEW


@inner
@no_type_check
def copy_columns(source, target, first):
    """Copy all columns from one on."""
    for axis in range(len(source)):
        one, two = source[axis, first:], target[axis, first:]
        for j in range(len(one)):
            two[j] = one[j]


@inner
@no_type_check
def split_cell(stack, levels, cell, row):
    """Split a cell along the line of a row; both parts go on with the lines that are left."""
    other = cell + 1
    split(stack, cell, row)
    stack.layer[other], stack.num_lines[other] = stack.layer[cell], stack.num_lines[cell]
    for i in range(stack.num_lines[cell]):
        stack.lines[other, i] = stack.lines[cell, i]
    stack.num_cells[0] += 1


@inner
@no_type_check
def has_room(stack, cells, cell):
    """Whether another finished cell fits."""
    return cells.number[0] < len(cells.num_vertices) and cells.number[1] + stack.num_vertices[cell] <= len(cells.unit)


@inner
@no_type_check
def write(net, stack, levels, cells, cell, frame):
    """Write down a finished cell, in the window's local coordinates, and its outputs over plane coordinates."""
    place, vertex, count = cells.number[0], cells.number[1], stack.num_vertices[cell]
    x, y, radius = frame[0], frame[1], frame[2]
    vertices, labels = stack.vertices[cell], stack.labels[cell]
    for i in range(count):
        cells.start[vertex + i, 0] = x + radius * vertices[0, i]
        cells.start[vertex + i, 1] = y + radius * vertices[1, i]
        drawn = labels[i] >= 0
        cells.unit[vertex + i] = net.unit[labels[i]] if drawn else labels[i]
        cells.flip[vertex + i] = net.flip[labels[i]] if drawn else 0
    area, center_x, center_y = measure(vertices, count)
    cells.num_vertices[place], cells.pattern[place] = count, levels.pattern[len(net.is_maximum)]
    cells.area[place] = area * radius * radius
    cells.centroid[place, 0], cells.centroid[place, 1] = x + radius * center_x, y + radius * center_y
    write_outputs(net, levels, cells.bias[place], cells.slope[place], frame)
    cells.number[0], cells.number[1] = place + 1, vertex + count


@inner
@no_type_check
def write_outputs(net, levels, bias, slope, frame):
    """Write down the outputs' maps; a slope that is the rounding error of terms that cancel is 0."""
    last, first = len(net.is_maximum), net.rows[-1]
    maps, terms, u, v, scale = levels.maps[last], levels.terms[last], frame[3], frame[4], frame[2] * frame[5]
    for k in range(len(bias)):
        b, c = maps[1, first + k], maps[2, first + k]
        slope[k, 0] = b / scale if abs(b) > _CANCELLED * terms[0, k] else 0.0
        slope[k, 1] = c / scale if abs(c) > _CANCELLED * terms[1, k] else 0.0
        bias[k] = maps[0, first + k] - (slope[k, 0] * u + slope[k, 1] * v)


def _enclosing(sources):
    @entry
    @no_type_check
    def walk(net, stack, levels, cells, frame):
        """Go on until all cells are found or arrays are full; say which.

        Args:
            net: The restricted network.
            stack: The cells that wait.
            levels: What they have in common.
            cells: Where finished cells go.
            frame: (6,) the tile's center (x, y) and radius in the window's local coordinates, that center (u, v) in
                plane coordinates, and the window's radius.
        """
        sources  # noqa: B018
        net, stack, levels, cells = borrowed(net), borrowed(stack), borrowed(levels), borrowed(cells)
        while stack.num_cells[0] > 0:
            cell = stack.num_cells[0] - 1
            layer = stack.layer[cell]
            if layer == len(net.is_maximum):
                if not has_room(stack, cells, cell):
                    return CELLS_FULL
                write(net, stack, levels, cells, cell, frame)
                stack.num_cells[0] -= 1
                continue
            if cell + 2 >= len(stack.num_vertices) or stack.num_vertices[cell] + 2 > stack.labels.shape[1]:
                return STACK_FULL
            if stack.num_lines[cell] == NEW:
                open_layer(net, stack, levels, cell)
            row = choose_line(net, stack, levels, cell)
            if row < 0:
                close_layer(net, stack, levels, cell)
            else:
                split_cell(stack, levels, cell, row)
        return FINISHED

    return walk


walk = _enclosing(SOURCES)
