"""The regions of every case, against the definitions and against independent tools."""

from functools import cache

import numpy as np
import pytest
import regioncam
import shapely
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree
from torch import nn

from lrviz.engine import tiles
from lrviz.engine.find_pieces import find_pieces
from lrviz.engine.find_regions import find_regions
from lrviz.errors import InvalidPlane
from lrviz.geometry.plane import Plane, Window
from lrviz.network.program import Program
from lrviz.results.regions import Regions
from tests.cases import CASE, CASES

ALL = [case.name for case in CASES]
GENERIC = [case.name for case in CASES if not case.degenerate]


@cache
def regions_of(name: str) -> Regions:
    case = CASE[name]
    return find_regions(case.program, case.plane(), case.window())


def locate(regions: Regions, points: np.ndarray, slack: float = 1e-7) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (point, region) such that the point lies well inside the region."""
    polygons, places = polygons_of(regions), shapely.points(to_frame(regions, points))
    point, region = shapely.STRtree(polygons).query(places, predicate="within")
    far = shapely.distance(places[point], shapely.boundary(polygons[region])) > slack
    return point[far], region[far]


def polygons_of(regions: Regions) -> np.ndarray:
    """The regions as shapely polygons, in a frame where the window has half extent 1."""
    number = np.repeat(np.arange(len(regions)), np.diff(regions.offsets))
    return shapely.polygons(shapely.linearrings(to_frame(regions, regions.coordinates), indices=number))


def to_frame(regions: Regions, points: np.ndarray) -> np.ndarray:
    low, high = regions.window.min(0), regions.window.max(0)
    return (points - (low + high) / 2) / ((high - low).max() / 2)


def inner(regions: Regions) -> np.ndarray:
    return (regions.edge_regions >= 0).all(1)


@pytest.mark.parametrize("name", ALL)
def test_areas_sum_to_the_window(name: str) -> None:
    regions = regions_of(name)
    assert regions.status == "complete"
    assert regions.area.min() > 0
    assert regions.area.sum() == pytest.approx(CASE[name].window().area, rel=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_the_regions_are_a_partition_into_convex_polygons(name: str) -> None:
    regions = regions_of(name)
    polygons = polygons_of(regions)
    window = shapely.Polygon(to_frame(regions, regions.window))
    scale = regions.area.sum() / window.area
    assert shapely.is_valid(polygons).all()
    assert shapely.is_ccw(shapely.get_exterior_ring(polygons)).all()
    assert (shapely.area(shapely.convex_hull(polygons)) - shapely.area(polygons)).max() < 1e-9
    assert shapely.area(polygons) == pytest.approx(regions.area / scale, rel=1e-6, abs=1e-8)
    assert shapely.union_all(polygons, grid_size=1e-9).symmetric_difference(window).area < 1e-7


@pytest.mark.parametrize("name", ALL)
def test_patterns_are_pairwise_different(name: str) -> None:
    assert len(np.unique(regions_of(name).pattern)) == len(regions_of(name))


@pytest.mark.parametrize("name", ALL)
def test_affine_maps_equal_the_module_at_interior_points(name: str) -> None:
    case, regions = CASE[name], regions_of(name)
    points = case.window().random_points(500, seed=1)
    point, region = locate(regions, points)
    assert len(point) > 400
    with torch.no_grad():
        expected = case.module(case.plane().embed(points[point])).flatten(1).numpy()
    scale = max(np.abs(expected).max(), 1e-3)
    assert np.abs(regions.values(region, points[point]) - expected).max() <= 1e-9 * scale


@pytest.mark.parametrize("name", GENERIC)
def test_every_random_point_lies_in_the_region_of_its_pattern(name: str) -> None:
    case, regions = CASE[name], regions_of(name)
    points = case.window().random_points(3000, seed=2)
    point, region = locate(regions, points)
    assert (case.program.patterns(case.plane().embed(points[point])) == regions.pattern[region]).all()


@pytest.mark.parametrize("name", GENERIC)
def test_the_neighbour_across_an_edge_has_the_predicted_pattern(name: str) -> None:
    """The ids differ by the keys of what changes: of one ReLU, or of two winners; the edge's unit is one of them.

    Where a ReLU switches on that feeds a maximum of zeros, the maximum gets a winner as well.
    """
    case, regions = CASE[name], regions_of(name)
    one, two = regions.edge_regions[inner(regions)].T
    unit = regions.edge_unit[inner(regions)]
    activity = case.activity(regions.centroid)
    changes = activity[one] != activity[two]
    assert changes[np.arange(len(unit)), unit].all()
    keys = case.program.keys()
    expected = [np.bitwise_xor.reduce(keys[row]) for row in changes]
    assert (regions.pattern[one] ^ regions.pattern[two] == np.array(expected, dtype=np.uint64)).all()
    assert (changes.sum(1) == 1).all() if case.mlp else np.median(changes.sum(1)) <= 2


@pytest.mark.parametrize("name", ALL)
def test_edges_are_complete(name: str) -> None:
    """Only edges on the window's border have nothing behind them, and every side of a polygon is an edge."""
    regions = regions_of(name)
    border = ~inner(regions)
    assert (regions.edge_unit[border] == -1).all()
    assert (regions.edge_unit[~border] >= 0).all()
    assert regions.edge_length[border].sum() == pytest.approx(CASE[name].window().perimeter, rel=1e-9)
    assert 2 * (~border).sum() + border.sum() == len(regions.coordinates)


@pytest.mark.parametrize("name", ALL)
def test_euler_characteristic(name: str) -> None:
    regions = regions_of(name)
    ends = to_frame(regions, regions.edge_coordinates.reshape(-1, 2))
    assert count_distinct(ends) - len(regions.edge_unit) + len(regions) == 1


def count_distinct(points: np.ndarray) -> int:
    """Number of points when those closer than 1e-9 are one."""
    pairs = KDTree(points).query_pairs(1e-9, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(points), len(points)))
    return connected_components(graph, directed=False)[0]


@pytest.mark.parametrize("name", ALL)
def test_the_function_is_continuous_across_edges(name: str) -> None:
    regions = regions_of(name)
    edges = inner(regions)
    one, two = regions.edge_regions[edges].T
    middle = regions.edge_coordinates[edges].mean(1)
    gap = np.abs(regions.values(one, middle) - regions.values(two, middle))
    scale = max(np.abs(regions.centroid_values).max(), 1e-3)
    assert gap.max(initial=0) < 1e-8 * scale


@pytest.mark.parametrize("name", ALL)
def test_a_slice_equals_the_pieces_of_the_line(name: str) -> None:
    case, regions = CASE[name], regions_of(name)
    start, end = case.window().random_points(2, seed=5)
    pieces = find_pieces(case.program, *case.plane().embed([start, end]))
    segment = shapely.LineString(to_frame(regions, np.stack([start, end])))
    lengths = shapely.length(shapely.intersection(polygons_of(regions), segment))
    piece_lengths = np.diff(pieces.breakpoints) * segment.length
    long, thick = piece_lengths > 1e-6 * segment.length, lengths > 1e-6 * segment.length
    order = np.argsort(regions.pattern[thick])
    assert (np.sort(pieces.pattern[long]) == regions.pattern[thick][order]).all()
    expected = dict(zip(regions.pattern, lengths, strict=True))
    assert [expected[p] for p in pieces.pattern[long]] == pytest.approx(piece_lengths[long], rel=1e-5)


@pytest.mark.parametrize("name", [case.name for case in CASES if case.mlp and not case.degenerate])
def test_counts_agree_with_regioncam(name: str) -> None:
    """Its arithmetic is float32, so windows are chosen in which every region is above 1e-9 of the area."""
    case = CASE[name]
    window = Window.rectangle(case.window().center, case.window().radius / 2)
    regions = find_regions(case.program, case.plane(), window)
    assert regions.area.min() > 1e-9 * window.area
    assert count_with_regioncam(case.module, case.plane(), window) == len(regions)


def count_with_regioncam(module: nn.Module, plane: Plane, window: Window) -> int:
    """Faces of regioncam on its square of half size 1, with the window's frame as a first linear layer."""
    camera = regioncam.Regioncam(size=1.0)
    rows = plane.rows(window.center, window.radius).numpy().astype(np.float32)
    camera.add(regioncam.nn.Linear(weight=rows[1:], bias=rows[0]))
    for layer in module:
        if isinstance(layer, nn.Linear):
            weight, bias = layer.weight.detach().numpy().T, layer.bias.detach().numpy()
            camera.add(regioncam.nn.Linear(weight=weight.astype(np.float32), bias=bias.astype(np.float32)))
        else:
            camera.add(regioncam.nn.ReLU())
    return camera.num_faces


@pytest.mark.parametrize("tile_units", [40, 80])
@pytest.mark.parametrize("name", ALL)
def test_cutting_into_tiles_changes_nothing(name: str, tile_units: int, monkeypatch: pytest.MonkeyPatch) -> None:
    case, whole = CASE[name], regions_of(name)
    limits = tiles.Limits(tile_units=tile_units, program_units=4 * tile_units, chunk=64, workers=2)
    monkeypatch.setattr(tiles.Limits, "of", classmethod(lambda cls, program: limits))
    cut = find_regions(case.program, case.plane(), case.window())
    assert (cut.pattern == whole.pattern).all()
    assert cut.area == pytest.approx(whole.area, rel=1e-6, abs=1e-12 * case.window().area)
    assert (cut.edge_regions >= 0).all(1).sum() == inner(whole).sum()


def test_the_budget_gives_a_partial_result() -> None:
    case = CASE["mlp-50-50"]
    part = find_regions(case.program, case.plane(), case.window(), max_regions=100)
    assert part.status == "max_regions"
    assert len(part) <= 100
    assert np.isin(part.pattern, regions_of("mlp-50-50").pattern).all()


def test_a_budget_that_just_fits_is_complete() -> None:
    case, whole = CASE["mlp-50-50"], regions_of("mlp-50-50")
    assert find_regions(case.program, case.plane(), case.window(), max_regions=len(whole)).status == "complete"


def test_cancelling_returns_what_was_found() -> None:
    case = CASE["mlp-50-50"]
    result = find_regions(case.program, case.plane(), case.window(), cancelled=lambda: True)
    assert result.status == "cancelled"
    assert len(result) == 0
    assert result.slope.shape == (0, 3, 2)


def test_progress_ends_at_one() -> None:
    case, calls = CASE["mlp-50-50"], []
    find_regions(
        case.program, case.plane(), case.window(), progress=lambda fraction, text: calls.append((fraction, text))
    )
    assert calls[-1][0] == pytest.approx(1.0)
    assert "regions" in calls[-1][1]


def test_ids_agree_between_windows() -> None:
    case = CASE["mlp-50-50"]
    small = Window.rectangle(case.window().center, case.window().radius / 3)
    inside = find_regions(case.program, case.plane(), small)
    assert np.isin(inside.pattern, regions_of("mlp-50-50").pattern).all()


def test_a_plane_of_another_shape_is_refused() -> None:
    program = Program.from_module(nn.Linear(3, 2), torch.zeros(1, 3))
    plane = CASE["mlp-50-50"].plane()
    with pytest.raises(InvalidPlane, match=r"takes inputs of shape \(3,\).*shape \(2,\)"):
        find_regions(program, plane, Window.rectangle((0, 0), 1))
