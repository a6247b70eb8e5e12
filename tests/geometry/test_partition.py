"""Splitting convex cells: areas, shared vertices, labels, and lines through vertices."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lrviz.geometry.cells import Cells, measure_cells, split_cells


def square(side: float = 2.0) -> Cells:
    half = side / 2
    corners = torch.tensor(
        [[-half, -half], [half, -half], [half, half], [-half, half]], dtype=torch.float64, device="cpu"
    )
    return Cells.polygon(corners, torch.tensor([-1, -2, -3, -4], device="cpu"))


def split(cells: Cells, normal: tuple[float, float], offset: float, label: int = 7) -> tuple[Cells, Cells]:
    distance = normal[0] * cells.vertices[0] + normal[1] * cells.vertices[1] + offset
    return split_cells(cells, distance, torch.full((len(cells),), label, device="cpu"))


def corners_of(cells: Cells, index: int = 0) -> list[tuple[float, float]]:
    return [tuple(v) for v in cells.vertices[:, : int(cells.count[index]), index].T.tolist()]


def test_a_square_has_its_area_and_centroid() -> None:
    area, centroid = measure_cells(square())
    assert area.tolist() == [4.0]
    assert centroid.T.tolist() == [[0.0, 0.0]]


def test_a_line_through_two_edges_makes_two_rectangles() -> None:
    right, left = split(square(), (1.0, 0.0), 0.5)
    assert sorted(corners_of(right)) == [(-0.5, -1.0), (-0.5, 1.0), (1.0, -1.0), (1.0, 1.0)]
    assert sorted(corners_of(left)) == [(-1.0, -1.0), (-1.0, 1.0), (-0.5, -1.0), (-0.5, 1.0)]


def test_a_line_through_two_corners_makes_two_triangles_with_the_square_s_own_corners() -> None:
    one, two = split(square(), (1.0, -1.0), 0.0)
    assert sorted(corners_of(one)) == [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0)]
    assert sorted(corners_of(two)) == [(-1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)]


def test_a_line_through_one_corner_and_one_edge() -> None:
    one, two = split(square(), (2.0, -1.0), 1.0)
    assert measure_cells(one)[0].tolist() == [3.0]
    assert measure_cells(two)[0].tolist() == [1.0]


def test_edges_keep_their_labels_and_the_new_one_gets_its_own() -> None:
    right, left = split(square(), (1.0, 0.0), 0.0)
    labels = {(0.0, -1.0): -1, (1.0, -1.0): -2, (1.0, 1.0): -3, (0.0, 1.0): 7}
    assert dict(zip(corners_of(right), right.edges[:4, 0].tolist(), strict=True)) == labels
    labels = {(-1.0, -1.0): -1, (0.0, -1.0): 7, (0.0, 1.0): -3, (-1.0, 1.0): -4}
    assert dict(zip(corners_of(left), left.edges[:4, 0].tolist(), strict=True)) == labels


def test_join_pads_with_the_last_vertex() -> None:
    triangle, _ = split(square(), (1.0, -1.0), 0.0)
    joined = Cells.join([square(), triangle.padded(3)])
    assert joined.count.tolist() == [4, 3]
    assert measure_cells(joined)[0].tolist() == [4.0, 2.0]


@given(st.lists(st.tuples(st.floats(0, 6.28), st.floats(-0.9, 0.9)), min_size=1, max_size=12))
def test_any_sequence_of_splits_keeps_the_area_and_convexity(lines: list[tuple[float, float]]) -> None:
    cells = square()
    for angle, offset in lines:
        direction = torch.tensor(angle, dtype=torch.float64, device="cpu")
        distance = direction.cos() * cells.vertices[0] + direction.sin() * cells.vertices[1] + offset
        distance = torch.where(distance.abs() < 1e-11, 0.0, distance)
        crossed = (distance.amax(0) > 0) & (distance.amin(0) < 0)
        label = torch.zeros(int(crossed.sum()), dtype=torch.int64, device="cpu")
        one, two = split_cells(cells[crossed], distance[:, crossed], label)
        cells = Cells.join([cells[~crossed], one, two])
    area, _ = measure_cells(cells)
    assert float(area.sum()) == pytest.approx(4.0, rel=1e-12)
    assert float(area.min()) > 0
    sides = cells.vertices.roll(-1, 1) - cells.vertices
    following = sides.roll(-1, 1)
    inner = cells.used & cells.used.roll(-2, 0)
    assert float((sides[0] * following[1] - sides[1] * following[0])[inner].min()) > -1e-12
