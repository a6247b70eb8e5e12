"""The decision boundary against closed forms, the network itself, and polygons that shapely clips and joins."""

from functools import cache

import numpy as np
import pytest
import shapely
import torch
from torch import nn

from lrviz.engine.find_regions import find_regions
from lrviz.engine.sample import sample_plane
from lrviz.errors import InvalidData
from lrviz.geometry.clip import Polygons, clip, gather
from lrviz.geometry.plane import Window
from lrviz.geometry.validity import polygon_faults
from lrviz.measures.boundary import Boundary, class_areas, connected_areas, find_boundary, num_class_areas
from lrviz.measures.overlay import agreement, boundary_distance
from lrviz.network.program import Program
from lrviz.results.regions import Regions
from tests.cases import CASE, CASES, Case, dense, flat_plane
from tests.measures.test_measures import network

REAL = ("mlp-50-50", "mlp-16-inputs", "residual", "branches", "saturating", "twin-filters", "mlp-far-away", "shapes")
SQUARE = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])


class Balanced(nn.Module):
    """A network whose outputs have the mean 0 in its window, so that several classes win there."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.network = case.module
        with torch.no_grad():
            points = case.plane().embed(case.window().random_points(200, seed=9))
            self.register_buffer("mean", self.network(points).flatten(1).mean(0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x).flatten(1) - self.mean


@cache
def balanced(name: str) -> nn.Module:
    return Balanced(CASE[name]).eval()


@cache
def found(name: str) -> tuple[Regions, Boundary]:
    case = CASE[name]
    program = Program.from_module(balanced(name), torch.zeros(1, *case.program.input_shape, device="cpu"))
    regions = find_regions(program, case.plane(), case.window())
    return regions, find_boundary(regions)


def affine(weights: list, biases: list) -> Program:
    """A network without a kink in sight."""
    module = nn.Linear(2, len(weights)).to(device="cpu", dtype=torch.float64)
    with torch.no_grad():
        module.weight.copy_(dense(weights))
        module.bias.copy_(dense(biases))
    return Program.from_module(nn.Sequential(module), torch.zeros(1, 2, device="cpu"))


def boundary_of(program: Program, corners: np.ndarray = SQUARE) -> Boundary:
    return find_boundary(find_regions(program, flat_plane(), Window(corners=corners)))


def relu_network(weights: list, mix: list, biases: list | None = None) -> Program:
    return network(weights, biases or [0] * len(weights), mix)


def joined(boundary: Boundary, winner: int) -> shapely.Geometry:
    """The area of a class in units of the window's size, its polygons joined by shapely.

    They are first made a little larger, which closes slits of the size of rounding errors between them, and the whole
    then smaller, which opens what meets in a point.
    """
    size = np.ptp(boundary.window, axis=0).max()
    chosen = np.flatnonzero(boundary.polygon_class == winner)
    local = (boundary.coordinates - boundary.window.mean(0)) / size
    polygons = [shapely.Polygon(local[boundary.offsets[p] : boundary.offsets[p + 1]]) for p in chosen]
    larger = shapely.buffer(polygons, 1e-9, join_style="mitre")
    return shapely.buffer(shapely.union_all(larger), -2e-9, join_style="mitre")


def parts(geometry: shapely.Geometry, least: float) -> int:
    return sum(part.area > least for part in shapely.get_parts(geometry))


# --- closed forms ----------------------------------------------------------------------------------------------------


def test_a_class_that_wins_at_no_vertex() -> None:
    """-u, u and 0.1 in one region: a band of width 0.2 in the middle."""
    boundary = boundary_of(affine([[-1, 0], [1, 0], [0, 0]], [0, 0, 0.1]))
    assert boundary.length == pytest.approx(4)
    np.testing.assert_allclose(class_areas(boundary), [1.8, 1.8, 0.4])
    assert sorted(map(tuple, boundary.segment_classes)) == [(0, 2), (1, 2)]
    np.testing.assert_allclose(np.sort(np.abs(boundary.segments[..., 0]).ravel()), 0.1)
    assert num_class_areas(boundary) == 3


def test_three_classes_that_meet_in_a_point() -> None:
    """Directions at 120 degrees: from the origin to the square's sides run lines of length 1, 2/sqrt(3), 2/sqrt(3)."""
    angle = np.pi / 2 + np.array([0, 2, 4]) * np.pi / 3
    boundary = boundary_of(affine(np.stack([np.cos(angle), np.sin(angle)], 1).tolist(), [0, 0, 0]))
    assert len(boundary) == 3
    assert boundary.length == pytest.approx(1 + 2 * 2 / np.sqrt(3))
    assert class_areas(boundary).sum() == pytest.approx(4)
    np.testing.assert_allclose(class_areas(boundary)[1], class_areas(boundary)[2])


def test_one_class_has_no_boundary() -> None:
    boundary = boundary_of(affine([[1, 0], [1, 0.1]], [0, 9]))
    assert (len(boundary), boundary.length, num_class_areas(boundary)) == (0, 0, 1)
    assert boundary_distance(boundary, np.zeros((2, 2))).tolist() == [np.inf, np.inf]


def test_a_network_of_one_output() -> None:
    boundary = boundary_of(relu_network([[1, 0]], [[1]]))
    assert (len(boundary), num_class_areas(boundary)) == (0, 1)


def test_distance_of_points() -> None:
    boundary = boundary_of(affine([[1, 0], [0, 0]], [0, 0]))
    points = np.array([[0.25, 0.3], [-0.5, 0], [0, 0.7], [0, 2], [3, 5]])
    np.testing.assert_allclose(boundary_distance(boundary, points), [0.25, 0.5, 0, 1, 5], atol=1e-15)


# --- ties and degenerate regions -------------------------------------------------------------------------------------


def test_a_boundary_along_an_edge_of_regions() -> None:
    """relu(u) against relu(-u): in neither region do the classes change, on the edge between them they do."""
    boundary = boundary_of(relu_network([[1, 0], [-1, 0]], [[1, 0], [0, 1]]))
    assert boundary.length == pytest.approx(2)
    assert boundary.segment_classes.tolist() == [[0, 1]]
    assert len(set(boundary.segment_regions[0])) == 2
    np.testing.assert_allclose(boundary.segments[..., 0], 0, atol=1e-15)
    np.testing.assert_allclose(class_areas(boundary), [2, 2])


def test_equal_outputs_are_the_lower_class() -> None:
    boundary = boundary_of(relu_network([[1, 0.3], [0.2, -1]], [[-5, 0], [1, 2], [1, 2], [0, 1]]))
    assert 2 not in boundary.polygon_class
    assert not (boundary.segment_classes == 2).any()
    assert class_areas(boundary)[1] > 0


def test_outputs_that_are_equal_up_to_rounding_are_the_lower_class() -> None:
    """0.1 + 0.2 is not 0.3: the outputs differ by 5e-17 of u."""
    boundary = boundary_of(relu_network([[1, 0.3], [1, 0.3]], [[0.3, 0], [0.1, 0.2]], [2, 2]))
    assert (len(boundary), class_areas(boundary)[1]) == (0, 0)


def test_a_region_where_all_outputs_tie() -> None:
    """0 against relu(u): left of the edge both are 0, and the lower class counts; -relu(u) never wins."""
    rises = boundary_of(relu_network([[1, 0]], [[0], [1]]))
    assert rises.length == pytest.approx(2)
    np.testing.assert_allclose(class_areas(rises), [2, 2])
    falls = boundary_of(relu_network([[1, 0]], [[0], [-1]]))
    assert len(falls) == 0
    np.testing.assert_allclose(class_areas(falls), [4, 0])
    lower = boundary_of(relu_network([[1, 0]], [[1], [0]]))
    assert len(lower) == 0


@pytest.mark.parametrize(("seed", "is_rectified"), [(5, False), (2, True)])
def test_where_all_units_are_off_the_lowest_class_counts(seed: int, is_rectified: bool) -> None:
    """The network's outputs are exactly equal there; the maps of the regions are so up to rounding."""
    torch.manual_seed(seed)
    layers = [nn.Linear(2, 16), nn.ReLU()]
    layers += (
        [nn.Linear(16, 3), nn.ReLU()] if is_rectified else [nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3, bias=False)]
    )
    module = nn.Sequential(*layers).to(device="cpu", dtype=torch.float64)
    program, window = Program.from_module(module, torch.zeros(1, 2, device="cpu")), Window.rectangle((0, 0), 2.0)
    regions = find_regions(program, flat_plane(), window)
    with torch.no_grad():
        values = module(torch.tensor(regions.centroid, device="cpu"))
    tied = (values == values[:, :1]).all(1).numpy()
    assert tied.sum() > 10 and (regions.predicted[tied] == 0).all()
    boundary = find_boundary(regions)
    assert set(boundary.polygon_class[tied[boundary.polygon_region]]) == {0}
    samples = sample_plane(program, flat_plane(), window, resolution=400)
    shares = np.bincount(samples.predicted.ravel(), minlength=3) / samples.predicted.size
    np.testing.assert_allclose(class_areas(boundary) / window.area, shares, atol=2e-3)


def test_outputs_that_touch_without_crossing() -> None:
    """0 and -|u| are equal on the line u = 0, and the class is the same on both sides of it."""
    boundary = boundary_of(relu_network([[1, 0], [-1, 0]], [[0, 0], [-1, -1]]))
    assert (len(boundary), num_class_areas(boundary)) == (0, 1)


def test_a_tie_along_a_part_of_an_edge() -> None:
    """relu(u) and relu(-u) tie along u = 0, where v - 0.5 wins above 0.5: the boundary forks there."""
    program = relu_network([[1, 0], [-1, 0], [0, 1], [0, -1]], [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, -1]])
    shifted = network(
        [[1, 0], [-1, 0], [0, 1], [0, -1]],
        [0, 0, 5, 5],
        [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0.5, -0.5]],
    )
    boundary = boundary_of(shifted)  # the third output is v
    assert boundary.length == pytest.approx(1 + 2 * np.sqrt(2))
    np.testing.assert_allclose(class_areas(boundary), [1.5, 1.5, 1])
    assert num_class_areas(boundary) == 3
    assert num_class_areas(boundary_of(program)) == 3


def test_areas_that_touch_in_a_point_are_not_connected() -> None:
    """|u + v| - |u - v| has the sign of u v: four quadrants, of two classes, that meet at the origin."""
    program = relu_network([[1, 1], [-1, -1], [1, -1], [-1, 1]], [[0, 0, 0, 0], [1, 1, -1, -1]])
    boundary = boundary_of(program)
    assert boundary.length == pytest.approx(4)
    np.testing.assert_allclose(class_areas(boundary), [2, 2])
    assert num_class_areas(boundary) == 4
    tilted = boundary_of(program, SQUARE @ np.array([[0.8, 0.6], [-0.6, 0.8]]) + 1e-3)
    assert num_class_areas(tilted) == 4


def test_a_boundary_through_corners_of_regions() -> None:
    """Lines u = v and u = -v cut the regions, and the class changes along u = 0, through the point where they cross."""
    program = network([[1, 1], [1, -1], [1, 0], [-1, 0]], [0, 0, 3, 3], [[0.1, 0.1, 0.5, -0.5], [0.1, 0.1, -0.5, 0.5]])
    boundary = boundary_of(program)
    assert boundary.length == pytest.approx(2)
    assert num_class_areas(boundary) == 2
    np.testing.assert_allclose(class_areas(boundary), [2, 2])


def test_a_boundary_along_a_side_of_the_window() -> None:
    boundary = boundary_of(affine([[1, 0], [0, 0]], [-1, 0]))
    assert (len(boundary), num_class_areas(boundary)) == (0, 1)
    np.testing.assert_allclose(class_areas(boundary), [0, 4])


@pytest.mark.parametrize("name", ["zero-network", "constant-network", "zero-layer", "dead-units", "no-crossing"])
def test_constant_networks(name: str) -> None:
    regions, boundary = found(name)
    assert boundary.area.sum() == pytest.approx(regions.area.sum())
    if name not in {"dead-units", "no-crossing"}:
        assert num_class_areas(boundary) == 1


def test_partial_regions_have_the_boundary_of_what_was_found() -> None:
    case = CASE["mlp-50-50"]
    program = Program.from_module(balanced(case.name), torch.zeros(1, 2, device="cpu"))
    regions = find_regions(program, case.plane(), case.window(), max_regions=200)
    boundary = find_boundary(regions)
    assert boundary.status == "max_regions"
    assert len(boundary) > 0
    assert boundary.area.sum() == pytest.approx(regions.area.sum())
    assert np.isnan(agreement(boundary, found("mlp-50-50")[1]))


def test_nothing_found() -> None:
    case = CASE["mlp-50-50"]
    regions = find_regions(case.program, case.plane(), case.window(), cancelled=lambda: True)
    boundary = find_boundary(regions)
    assert (len(boundary), len(boundary.area), num_class_areas(boundary), boundary.length) == (0, 0, 0, 0)


# --- independent oracles on all networks -----------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_class_polygons_partition_every_region(case) -> None:
    regions, boundary = found(case.name)
    area = np.bincount(boundary.polygon_region, boundary.area, len(regions))
    np.testing.assert_allclose(area, regions.area, rtol=1e-6, atol=1e-9 * regions.area.sum())
    assert boundary.area.sum() == pytest.approx(case.window().area, rel=1e-9)
    local = boundary.coordinates - boundary.window.mean(0)
    radius = np.ptp(boundary.window, axis=0).max() / 2
    assert not polygon_faults(local, boundary.offsets, radius)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_network_predicts_the_class_of_every_polygon(case) -> None:
    """At a point inside of each, by the module itself; where outputs tie, the class is one of the largest."""
    _, boundary = found(case.name)
    center = boundary.window.mean(0)
    inside = np.array([
        np.mean(boundary.coordinates[start:end] - center, axis=0)
        for start, end in zip(boundary.offsets[:-1], boundary.offsets[1:], strict=True)
    ])  # fmt: skip
    points = case.plane().embed(inside + center)
    with torch.no_grad():
        values = balanced(case.name)(points).flatten(1).numpy()
    chosen = values[np.arange(len(values)), boundary.polygon_class]
    rounding = float(case.program.zeros(points)[-1].max())
    assert (chosen >= values.max(1) - 1e-9 * np.abs(values).max() - 2 * rounding).all()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_two_outputs_are_equal_and_largest_along_the_boundary(case) -> None:
    _, boundary = found(case.name)
    points = np.concatenate([boundary.segments[:, 0], boundary.segments[:, 1], boundary.segments.mean(1)])
    if len(points):
        with torch.no_grad():
            values = np.sort(balanced(case.name)(case.plane().embed(points)).flatten(1).numpy(), axis=1)
        assert np.abs(values[:, -1] - values[:, -2]).max() <= 1e-8 * np.abs(values).max() + 1e-14


@pytest.mark.parametrize("name", REAL)
def test_random_points_have_the_class_of_their_polygon(name: str) -> None:
    case, (_, boundary) = CASE[name], found(name)
    points = case.window().random_points(2000, seed=3)
    with torch.no_grad():
        expected = balanced(name)(case.plane().embed(points)).flatten(1).numpy().argmax(1)
    center = boundary.window.mean(0)
    tree = shapely.STRtree([
        shapely.Polygon(boundary.coordinates[start:end] - center)
        for start, end in zip(boundary.offsets[:-1], boundary.offsets[1:], strict=True)
    ])  # fmt: skip
    point, polygon = tree.query(shapely.points(points - center), predicate="within")
    far = boundary_distance(boundary, points)[point] > 1e-8 * np.ptp(boundary.window)
    assert len(np.unique(point)) > 1990
    np.testing.assert_array_equal(boundary.polygon_class[polygon][far], expected[point][far])


@pytest.mark.parametrize("name", REAL)
def test_length_and_connected_areas_equal_those_of_joined_polygons(name: str) -> None:
    """Every piece of the boundary is a side of the areas of two classes; the rest of their sides is the window's."""
    _, boundary = found(name)
    assert len(boundary) > 0
    size = np.ptp(boundary.window, axis=0).max()
    areas = [joined(boundary, k) for k in range(boundary.num_outputs)]
    window = shapely.Polygon(boundary.window - boundary.window.mean(0)).length
    assert boundary.length == pytest.approx((size * sum(a.length for a in areas) - window) / 2, rel=1e-6, abs=1e-6)
    assert num_class_areas(boundary) == sum(parts(area, 0) for area in areas)
    labels = connected_areas(boundary)
    assert sorted(set(labels.tolist())) == list(range(num_class_areas(boundary)))
    for label in set(labels.tolist()):
        assert len(set(boundary.polygon_class[labels == label])) == 1


@pytest.mark.parametrize("name", ["mlp-50-50", "residual"])
def test_distances_equal_those_of_densely_sampled_segments(name: str) -> None:
    case, (_, boundary) = CASE[name], found(name)
    points = case.window().random_points(50, seed=4)
    share = np.linspace(0, 1, 401)[:, None, None]
    dense_points = (boundary.segments[:, 0] * (1 - share) + boundary.segments[:, 1] * share).reshape(-1, 2)
    expected = [np.linalg.norm(dense_points - point, axis=1).min() for point in points]
    step = np.linalg.norm(np.diff(boundary.segments, axis=1), axis=2).max() / 400
    received = boundary_distance(boundary, points)
    assert (received <= np.array(expected) + 1e-12).all()
    assert (received >= np.array(expected) - step).all()


# --- agreement -------------------------------------------------------------------------------------------------------


def test_agreement_of_two_half_planes() -> None:
    """u > 0 against u > 0.5: they differ in a quarter of the square; and a network agrees with itself."""
    one, other = (boundary_of(affine([[0, 0], [1, 0]], [0, -shift])) for shift in (0, 0.5))
    assert agreement(one, other) == pytest.approx(0.75)
    assert agreement(one, one) == 1
    turned = boundary_of(affine([[1, 0], [0, 0]], [0, 0]))
    assert agreement(one, turned) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("pair", [("mlp-50-50", 30), ("mlp-deep", 31), ("dead-units", 32)])
def test_agreement_equals_counting_points(pair: tuple[str, int]) -> None:
    from tests.cases import mlp  # noqa: PLC0415

    case = CASE[pair[0]]
    module, _ = mlp(2, 20, 20, 3, seed=pair[1])()
    program = Program.from_module(module, torch.zeros(1, 2, device="cpu"))
    other = find_boundary(find_regions(program, case.plane(), case.window()))
    points = case.window().random_points(40_000, seed=5)
    with torch.no_grad():
        same = balanced(pair[0])(dense(points.tolist())).argmax(1) == module(dense(points.tolist())).argmax(1)
    share = float(same.double().mean())
    error = np.sqrt(share * (1 - share) / len(points))
    received = agreement(found(pair[0])[1], other)
    assert abs(received - share) < 5 * error + 1e-9
    assert agreement(other, found(pair[0])[1]) == pytest.approx(received, rel=1e-9)


def test_agreement_of_what_cannot_be_compared_is_refused() -> None:
    one = boundary_of(affine([[0, 0], [1, 0]], [0, 0]))
    with pytest.raises(InvalidData, match="two windows"):
        agreement(one, boundary_of(affine([[0, 0], [1, 0]], [0, 0]), SQUARE + 0.5))
    with pytest.raises(InvalidData, match="2 and 3"):
        agreement(one, boundary_of(affine([[0, 0], [1, 0], [0, 1]], [0, 0, 0])))


# --- clipping --------------------------------------------------------------------------------------------------------


def polygons(*rings: list) -> Polygons:
    arrays = [np.array(ring, float).reshape(-1, 2) for ring in rings]
    offsets = np.cumsum([0, *map(len, arrays)])
    return Polygons(coordinates=np.concatenate(arrays), offsets=offsets, labels=np.arange(offsets[-1]))


def test_clipping_labels_the_new_side_and_keeps_vertices_on_the_line() -> None:
    square = [[0, 0], [1, 0], [1, 1], [0, 1]]
    ring = polygons(square, square, square, square, [])
    u, v = ring.coordinates.T
    line = np.choose(ring.owner, [u - 0.5, v - u, u, -u])
    result = clip(ring, line, np.array([90, 91, 92, 93, 94]))
    parts = np.split(result.coordinates, result.offsets[1:-1])
    assert parts[0].tolist() == [[0.5, 0], [1, 0], [1, 1], [0.5, 1]]
    assert result.labels[:4].tolist() == [0, 1, 2, 90]
    assert parts[1].tolist() == [[0, 0], [1, 1], [0, 1]]
    assert result.labels[4:7].tolist() == [91, 6, 7]
    assert parts[2].tolist() == square and result.labels[7:11].tolist() == [8, 9, 10, 11]
    assert len(parts[3]) == len(parts[4]) == 0


@pytest.mark.parametrize("seed", range(20))
def test_clipping_equals_shapelys(seed: int) -> None:
    generator = np.random.default_rng(seed)
    hull = shapely.MultiPoint(generator.normal(size=(12, 2))).convex_hull
    ring = polygons(np.array(shapely.geometry.polygon.orient(hull).exterior.coords)[:-1].tolist())
    normal, offset = generator.normal(size=2), 0.5 * generator.normal()
    result = clip(ring, ring.coordinates @ normal - offset, np.array([7]))
    along = np.array([-normal[1], normal[0]]) / np.linalg.norm(normal)
    foot = offset * normal / (normal @ normal)
    reach = 99 * np.array([-along, along, along + normal, normal - along])
    half = shapely.Polygon(foot + reach)
    expected = hull.intersection(half)
    received = shapely.Polygon(result.coordinates) if len(result.coordinates) else shapely.Polygon()
    assert received.symmetric_difference(expected).area == pytest.approx(0, abs=1e-12)


def test_polygons_are_gathered_in_any_order_and_repeatedly() -> None:
    vertices, offsets = gather(np.array([0, 2, 2, 5]), np.array([2, 1, 0, 2]))
    assert vertices.tolist() == [2, 3, 4, 0, 1, 2, 3, 4]
    assert offsets.tolist() == [0, 3, 3, 5, 8]
