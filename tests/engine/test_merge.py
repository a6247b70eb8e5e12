"""Cells of one region become one polygon, and every side has what lies behind it, where vertices all but coincide."""

import numpy as np
import pytest

from lrviz.engine.merge import Fragments, merge_fragments
from lrviz.engine.neighbours import find_edges
from lrviz.engine.tiles import CUT
from lrviz.geometry.polygons import signed_areas, total

Cell = tuple[int, list[list[float]], list[int]]


def fragments(*cells: Cell) -> Fragments:
    """Cells given by their pattern, vertices and the units that drew their sides."""
    count = np.array([len(vertices) for _, vertices, _ in cells])
    start = np.concatenate([np.array(vertices, dtype=float) for _, vertices, _ in cells])
    offsets = np.concatenate([[0], np.cumsum(count)])
    return Fragments(
        count=count,
        start=start,
        unit=np.concatenate([units for *_, units in cells]),
        flip=np.zeros(len(start), dtype=np.uint64),
        pattern=np.array([pattern for pattern, *_ in cells], dtype=np.uint64),
        area=signed_areas(start, offsets),
        centroid=np.stack([total(start[:, axis], offsets) / count for axis in (0, 1)], 1),
    )


def test_a_corner_that_stands_there_several_times_stays_a_corner() -> None:
    """Four cells of one region around two of its corners, whose copies differ by 1e-12 and less."""
    parts = fragments(
        (7, [[0.02137519907815519, 0.01918000000000009], [0.01804258888955418, 0.01918000000000009],
             [0.01796453355547595, 0.01890126587285898], [0.0208600109884052, 0.01874588588935436],
             [0.02121188151783132, 0.01890619373376851]], [CUT, 13, 29, 3, 40]),
        (7, [[0.01796453355547595, 0.01890126587285898], [0.01804258888955418, 0.01918000000000009],
             [0.01796453355455518, 0.01890126587290838]], [13, 12, 29]),
        (7, [[0.02187241108158625, 0.02001358924732297], [0.01829120420008433, 0.02006780058906797],
             [0.01804258888955422, 0.01918000000000009], [0.02137519907815523, 0.01918000000000009]],
         [12, 13, CUT, 40]),
        (7, [[0.0182912042000843, 0.02006780058906796], [0.01804258888750251, 0.01918000000000009],
             [0.01804258888955422, 0.01918000000000009], [0.01829120420008433, 0.02006780058906797]],
         [12, CUT, 13, 12]),
    )  # fmt: skip
    whole, _ = merge_fragments(parts)
    assert whole.area == pytest.approx([parts.area.sum()], rel=1e-6)
    assert whole.count.tolist() == [5]
    assert set(whole.unit.tolist()) in ({3, 12, 29, 40}, {3, 12, 13, 29, 40})


@pytest.mark.parametrize("width", [1e-14, 3e-11, 1e-10])
@pytest.mark.parametrize("end", [1.0, 0.4])
def test_two_sides_with_a_sliver_between_them_are_no_edge(width: float, end: float) -> None:
    """A sliver along the diagonal of the square, or along the lower part of it."""
    far = [end, end + end * width]
    cells = fragments(
        (1, [[0, 0], [1, 0], [1, 1]], [-1, -2, 5]),
        (2, [[0, 0], [end, end], far], [5, 6, 6]),
        (3, [[0, 0], *([far] if end < 1 else []), [1, 1 + (end == 1) * width], [0, 1]],
         [6, 6, -3, -4] if end < 1 else [6, -3, -4]),
    )  # fmt: skip
    edges = find_edges(cells)
    inner = edges.regions[(edges.regions >= 0).all(1)]
    pairs = {tuple(sorted(pair)) for pair in inner.tolist()}
    length = np.hypot(*(edges.ends[:, 1] - edges.ends[:, 0]).T)
    covered = np.bincount(edges.regions[edges.regions >= 0], np.repeat(length, 2)[(edges.regions >= 0).ravel()])
    assert pairs == {(0, 1), (1, 2)} | ({(0, 2)} if end < 1 else set())
    assert len(inner) == len(pairs)
    perimeter = total(np.hypot(*(cells.end - cells.start).T), cells.offsets)
    assert covered == pytest.approx(perimeter, abs=2e-9)
