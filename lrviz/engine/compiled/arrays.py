"""What the compiled core works on, as tuples of arrays: the network of a tile, the work in hand, the cells found.

A network of R rows, U remainders, K outputs and L layers. An affine map over the tile's coordinates has three numbers,
those of (1, x, y). Rows and outputs together are called columns; there are R + K of them.
"""

from typing import NamedTuple, no_type_check

import numpy as np

NEW = -1
"""Instead of the number of its lines: the cell has not been compared with its layer's rows yet."""


@no_type_check
class Network(NamedTuple):
    """A restricted network, see `Restriction`.

    Attributes:
        rows: (L + 1,) where the rows of each layer start.
        remainders: (L + 1,) where its remainders start.
        is_maximum: (L,) whether it takes maxima.
        owner: (R,) the remainder of each row.
        groups: (U + 1,) where the rows of each remainder start.
        first: (3, R + K) affine maps of all columns before any remainder is added.
        weight: (U, R + K) what each remainder adds to each column, as a factor.
        mix: (R,) the share of each row that `first` and `weight` hold already.
        zero: (R,) values up to here are rounding errors.
        noise: (R,) values up to here cannot split a cell.
        draws: (R,) whether the row is the first one of its twins.
        key: (R,) int64 keys.
        unit: (R,) indices among all units of the network.
        flip: (R,) by how much the pattern id changes across the row's line; 0 for rows of maxima.
    """

    rows: np.ndarray
    remainders: np.ndarray
    is_maximum: np.ndarray
    owner: np.ndarray
    groups: np.ndarray
    first: np.ndarray
    weight: np.ndarray
    mix: np.ndarray
    zero: np.ndarray
    noise: np.ndarray
    draws: np.ndarray
    key: np.ndarray
    unit: np.ndarray
    flip: np.ndarray


@no_type_check
class Stack(NamedTuple):
    """Cells that wait, the newest last: S places for polygons of up to V vertices.

    Attributes:
        num_cells: (1,).
        layer: (S,) the layer whose lines come next.
        num_vertices: (S,).
        vertices: (S, 2, V).
        labels: (S, V) the row that drew the side behind each vertex; negative for sides of the tile.
        distance: (V,) room for the distances of a cell's vertices from a line.
        num_lines: (S,) how many lines of the layer may still cross the cell, or NEW.
        lines: (S, R) these rows; of maxima, these groups.
    """

    num_cells: np.ndarray
    layer: np.ndarray
    num_vertices: np.ndarray
    vertices: np.ndarray
    labels: np.ndarray
    distance: np.ndarray
    num_lines: np.ndarray
    lines: np.ndarray


@no_type_check
class Levels(NamedTuple):
    """What the cells on the stack have in common, layer by layer: those of one layer are parts of one cell.

    Attributes:
        maps: (L + 1, 3, R + K) affine maps of all columns from the layer's on, given the layers before it.
        common: (L, 3, R + K) the same after the layer, but for what differs between the parts of the cell.
        terms: (L + 1, 2, K) how large the terms are that the outputs' slopes are summed from, and
        common_terms: (L, 2, K) likewise.
        pattern: (L + 1,) pattern ids, and
        common_pattern: (L,) likewise.
        num_open: (L,) how many rows or groups of the layer differ between the parts of the cell.
        open: (L, R) these.
        line: (4, R) of every row that may cross the cell: offset, normal and slack of its line.
        low: (R,) room for the least value of each row on a cell, and likewise
        high: (R,).
    """

    maps: np.ndarray
    common: np.ndarray
    terms: np.ndarray
    common_terms: np.ndarray
    pattern: np.ndarray
    common_pattern: np.ndarray
    num_open: np.ndarray
    open: np.ndarray
    line: np.ndarray
    low: np.ndarray
    high: np.ndarray


@no_type_check
class Cells(NamedTuple):
    """Finished cells: C places, and M for their vertices.

    Attributes:
        number: (2,) how many cells and vertices there are.
        num_vertices: (C,).
        start: (M, 2) vertices, cell after cell.
        unit: (M,) unit that drew the side behind each vertex; negative for sides of the tile.
        flip: (M,) by how much the pattern id changes across the side, 0 where that is not known.
        pattern: (C,) int64.
        area: (C,).
        centroid: (C, 2).
        bias: (C, K) of the outputs, and
        slope: (C, K, 2) likewise.
    """

    number: np.ndarray
    num_vertices: np.ndarray
    start: np.ndarray
    unit: np.ndarray
    flip: np.ndarray
    pattern: np.ndarray
    area: np.ndarray
    centroid: np.ndarray
    bias: np.ndarray
    slope: np.ndarray
