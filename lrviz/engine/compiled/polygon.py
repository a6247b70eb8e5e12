"""One convex polygon: measure it, split it along a line."""

from typing import no_type_check

from lrviz.engine.compiled.jit import inner


@inner
@no_type_check
def measure(vertices, count):
    """Area and centroid (x, y) of a polygon (2, V), relative to its first vertex to keep the digits of slivers."""
    x0, y0 = vertices[0, 0], vertices[1, 0]
    area = mx = my = sx = sy = 0.0
    for i in range(1, count):
        x, y = vertices[0, i] - x0, vertices[1, i] - y0
        sx, sy = sx + x, sy + y
        if i + 1 < count:
            u, v = vertices[0, i + 1] - x0, vertices[1, i + 1] - y0
            cross = x * v - u * y
            area, mx, my = area + cross, mx + (x + u) * cross, my + (y + v) * cross
    if area > 0:
        return area / 2, x0 + mx / (3 * area), y0 + my / (3 * area)
    return area / 2, x0 + sx / count, y0 + sy / count


@inner
@no_type_check
def split(stack, cell, label):
    """Split the newest cell in two along a line that crosses it; its parts are the newest two cells afterwards.

    The new vertices of both are the same to the last bit.

    Args:
        stack: The cells; `distance` holds the distance of every vertex from the line, exactly 0 where the vertex counts
            as on it. The next two places are free, and have room for two more vertices.
        cell: The place of the newest cell.
        label: What to call the new sides.
    """
    distance, count, vertices, labels = (
        stack.distance,
        stack.num_vertices[cell],
        stack.vertices[cell],
        stack.labels[cell],
    )
    first, num_positive = positive_run(distance, count)
    end = (first + num_positive) % count
    before_end, before_first = (end + count - 1) % count, (first + count - 1) % count
    leaving = crossing(vertices, distance, before_end, end)
    entering = crossing(vertices, distance, before_first, first)
    kept, kept_labels = stack.vertices[cell + 2], stack.labels[cell + 2]
    number = 0
    if distance[end] != 0:
        number = put(kept, kept_labels, 0, leaving[0], leaving[1], labels[before_end])
    number = put_run(kept, kept_labels, number, stack, cell, end, count - num_positive)
    if distance[before_first] != 0:
        number = put(kept, kept_labels, number, entering[0], entering[1], label)
    kept_labels[number - 1] = label
    other, other_labels = stack.vertices[cell + 1], stack.labels[cell + 1]
    put_run(other, other_labels, 0, stack, cell, first, num_positive)
    put(other, other_labels, num_positive, leaving[0], leaving[1], label)
    put(other, other_labels, num_positive + 1, entering[0], entering[1], labels[before_first])
    stack.num_vertices[cell + 1] = num_positive + 2
    stack.num_vertices[cell + 2] = number
    put_run(vertices, labels, 0, stack, cell + 2, 0, number)
    stack.num_vertices[cell] = number


@inner
@no_type_check
def positive_run(distance, count):
    """Where the run of positive vertices starts, and how many they are."""
    first, number = 0, 0
    for i in range(count):
        if distance[i] > 0:
            number += 1
            if distance[i - 1 if i > 0 else count - 1] <= 0:
                first = i
    return first, number


@inner
@no_type_check
def crossing(vertices, distance, here, there):
    """Where a line meets the side between two vertices; exactly the vertex if that is on it."""
    s, t = distance[here], distance[there]
    x, y, u, v = vertices[0, here], vertices[1, here], vertices[0, there], vertices[1, there]
    if s == 0:
        return x, y
    if t == 0:
        return u, v
    share = s / (s - t)
    return x + share * (u - x), y + share * (v - y)


@inner
@no_type_check
def put(vertices, labels, place, x, y, label):
    """Write a vertex and the label of the side behind it; returns the next place."""
    vertices[0, place], vertices[1, place], labels[place] = x, y, label
    return place + 1


@inner
@no_type_check
def put_run(vertices, labels, place, stack, cell, first, number):
    """Write successive vertices of a cell, and their labels; returns the next place."""
    source = first
    for i in range(place, place + number):
        vertices[0, i], vertices[1, i] = stack.vertices[cell, 0, source], stack.vertices[cell, 1, source]
        labels[i] = stack.labels[cell, source]
        source = source + 1 if source + 1 < stack.num_vertices[cell] else 0
    return place + number
