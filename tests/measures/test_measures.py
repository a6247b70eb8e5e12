"""Measures against closed forms, shapely, autograd and random sampling."""

from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest
import shapely
import torch
from torch import nn

from lrviz.engine.find_regions import find_regions
from lrviz.errors import InvalidData
from lrviz.geometry.plane import Window
from lrviz.measures import window as measures
from lrviz.measures.interpolation import corner_values, deviation, integrate_absolute, interpolation
from lrviz.measures.summary import Summary, summary
from lrviz.network.program import Program
from lrviz.results.regions import Regions
from lrviz.results.status import Status
from tests.cases import CASE, CASES, dense, flat_plane

REAL = ("mlp-50-50", "mlp-16-inputs", "residual", "branches", "saturating", "twin-filters", "mlp-far-away")


@cache
def found(name: str) -> Regions:
    case = CASE[name]
    return find_regions(case.program, case.plane(), case.window())


def network(weights: list[list[float]], biases: list[float], mix: list[list[float]]) -> Program:
    """The network mix @ relu(weights @ x + biases) of two inputs."""
    module = nn.Sequential(nn.Linear(2, len(weights)), nn.ReLU(), nn.Linear(len(weights), len(mix), bias=False))
    module = module.to(device="cpu", dtype=torch.float64)
    with torch.no_grad():
        module[0].weight.copy_(dense(weights))
        module[0].bias.copy_(dense(biases))
        module[2].weight.copy_(dense(mix))
    return Program.from_module(module, torch.zeros(1, 2, device="cpu"))


@cache
def ridge(*corners: tuple[float, float]) -> Regions:
    """The network (|u|, u) in a window."""
    program = network([[1, 0], [-1, 0]], [0, 0], [[1, 1], [1, -1]])
    return find_regions(program, flat_plane(), Window(corners=np.array(corners, float)))


SQUARE = ((-1, -1), (1, -1), (1, 1), (-1, 1))
TRIANGLE = ((-1, -1), (1, -1), (0, 1))


# --- closed forms ----------------------------------------------------------------------------------------------------


def test_slopes_and_jumps_of_a_ridge() -> None:
    regions = ridge(*SQUARE)
    assert len(regions) == 2
    np.testing.assert_allclose(measures.slope_norm(regions, 0), 1)
    np.testing.assert_allclose(measures.slope_norm(regions), np.sqrt(2))
    np.testing.assert_allclose(measures.jump(regions, 0), 2)
    np.testing.assert_allclose(measures.jump(regions, 1), 0, atol=1e-15)
    np.testing.assert_allclose(measures.jump(regions), 2)
    np.testing.assert_allclose(measures.total_variation(regions), 4)
    np.testing.assert_allclose(measures.similarity(regions, 0), -1)
    np.testing.assert_allclose(measures.similarity(regions, 1), 1)
    np.testing.assert_allclose(measures.similarity(regions), 0, atol=1e-15)


def test_margin_is_the_largest_minus_the_second_largest() -> None:
    """(|u|, u) at u < 0: the largest is -u, the second u, so the margin is -2 u; at u > 0 both are u."""
    regions = ridge(*SQUARE)
    left = regions.centroid[:, 0] < 0
    np.testing.assert_allclose(measures.slope_norm(regions, "margin"), np.where(left, 2, 0), atol=1e-15)


def test_margin_of_a_single_output_is_the_output() -> None:
    regions = find_regions(network([[1, 0]], [0], [[3]]), flat_plane(), Window(corners=np.array(SQUARE, float)))
    np.testing.assert_allclose(np.sort(measures.slope_norm(regions, "margin")), [0, 3])


def test_variation_of_a_ridge() -> None:
    """(|u|, u) on either half of the square changes by 1, on the whole of a region that spans it by 2."""
    regions = ridge(*SQUARE)
    np.testing.assert_allclose(measures.variation(regions, 0), 1)
    np.testing.assert_allclose(measures.variation(regions), 1)
    flat = find_regions(network([[1, 0]], [2], [[3], [-5]]), flat_plane(), Window(corners=np.array(SQUARE, float)))
    np.testing.assert_allclose(measures.variation(flat, 0), 6)
    np.testing.assert_allclose(measures.variation(flat), 10)


def test_deviation_of_a_ridge_over_a_square() -> None:
    """The four corner values of |u| are 1, so the deviation is the integral of 1 - |u|, and that of u is 0."""
    np.testing.assert_allclose(deviation(ridge(*SQUARE)).sum(0), [2, 0], atol=1e-14)


def test_deviation_of_a_ridge_over_a_triangle() -> None:
    """|u| - (1 - v) / 2 is negative inside; its integral is 2 / 3."""
    np.testing.assert_allclose(deviation(ridge(*TRIANGLE)).sum(0), [2 / 3, 0], atol=1e-14)


def test_deviation_where_the_difference_changes_sign_inside_a_region() -> None:
    """max(u, 0) on the square: the plane is (1 + u) / 2, the difference (|u| - 1) / 2; shifted, it changes sign."""
    corners = np.array([[-1.0, -1], [2, -1], [2, 1], [-1, 1]])
    regions = find_regions(network([[1, 0]], [0], [[1]]), flat_plane(), Window(corners=corners))
    # the plane is 2 (1 + u) / 3, so the integral over v of each side is 2 times that of a triangle
    np.testing.assert_allclose(deviation(regions).sum(), 2 * (1 * 2 / 3 / 2 + 2 * 2 / 3 / 2), rtol=1e-13)
    skew = np.array([[-1.0, -1], [1, -1], [3, 1], [-1, 1]])
    regions = find_regions(network([[1, 0]], [0], [[1]]), flat_plane(), Window(corners=skew))
    plane = interpolation(regions)
    points = Window(corners=skew).random_points(400_000)
    sampled = np.abs(np.maximum(points[:, 0], 0) - plane.at(points)[:, 0])
    expected, error = sampled.mean() * 6, sampled.std() * 6 / np.sqrt(len(points))
    assert abs(deviation(regions).sum() - expected) < 5 * error


def test_measures_do_not_depend_on_where_the_window_is() -> None:
    here = find_regions(network([[1, 2], [-1, 1]], [0.1, 0.2], [[1, 2]]), flat_plane(), Window.rectangle((0, 0), 1))
    u, v = 1e3, -2e3
    biases = [0.1 - u - 2 * v, 0.2 + u - v]
    there = find_regions(network([[1, 2], [-1, 1]], biases, [[1, 2]]), flat_plane(), Window.rectangle((u, v), 1))
    for field in fields(Summary):
        one, two = (getattr(summary(regions), field.name) for regions in (here, there))
        assert one == two or one == pytest.approx(two, rel=1e-9), field.name


@pytest.mark.parametrize("values", [(1, 1, 1), (-1, 2, 3), (2, -1, 3), (2, 3, -1), (-2, -3, 1), (0, 1, -1), (0, 0, 0)])
def test_integral_of_an_absolute_value_over_a_triangle(values: tuple[float, ...]) -> None:
    """Against the midpoints of 320,000 congruent small triangles."""
    n = 400
    i, j = (index.ravel() for index in np.meshgrid(np.arange(n), np.arange(n), indexing="ij"))
    up, down = i + j < n, i + j < n - 1
    weights = np.concatenate([
        np.stack([(i[kind] + shift) / n, (j[kind] + shift) / n], 1) for kind, shift in ((up, 1 / 3), (down, 2 / 3))
    ])  # fmt: skip
    a, b, c = values
    expected = np.abs(a + (b - a) * weights[:, 0] + (c - a) * weights[:, 1]).mean() * 0.5
    received = integrate_absolute(np.array(values, float)[:, None], np.array([0.5]))[0]
    assert received == pytest.approx(expected, rel=1e-4, abs=1e-15)


# --- independent oracles on real networks ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", REAL)
def test_slope_is_the_gradient_in_the_plane(name: str) -> None:
    case, regions = CASE[name], found(name)
    chosen = np.random.default_rng(0).choice(len(regions), min(len(regions), 20), replace=False)
    inputs = case.plane().embed(regions.centroid[chosen]).requires_grad_()
    output = case.module(inputs).flatten(1)
    for k in range(regions.num_outputs):
        (gradient,) = torch.autograd.grad(output[:, k].sum(), inputs, retain_graph=True)
        expected = np.linalg.norm(gradient.flatten(1).numpy() @ case.plane().basis.T, axis=1)
        np.testing.assert_allclose(measures.slope_norm(regions, k)[chosen], expected, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", REAL)
def test_variation_is_the_largest_difference_at_the_vertices(name: str) -> None:
    """Of the network itself, evaluated there; the values are those of a continuous function."""
    case, regions = CASE[name], found(name)
    with torch.no_grad():
        values = case.module(case.plane().embed(regions.coordinates)).flatten(1).numpy()
    parts = np.split(values, regions.offsets[1:-1])
    for k in range(regions.num_outputs):
        expected = [np.ptp(part[:, k]) for part in parts]
        np.testing.assert_allclose(measures.variation(regions, k), expected, rtol=1e-6, atol=1e-8)
    every = [np.ptp(part, axis=0).max() for part in parts]
    np.testing.assert_allclose(measures.colour_values(regions, "variation"), every, rtol=1e-6, atol=1e-8)


def clipped_integral(polygon: np.ndarray, value: float, slope: np.ndarray, center: np.ndarray) -> float:
    """Integral of |value + slope @ (x - center)| over a polygon: cut along the zero line, then area times mean."""
    size = np.linalg.norm(slope)
    shape = shapely.Polygon(polygon - center)
    if size == 0:
        return abs(value) * shape.area
    along, foot = np.array([-slope[1], slope[0]]) / size, -value * slope / size**2
    reach = 4 * np.abs(polygon - center).max() + np.linalg.norm(foot)
    ends = foot + reach * np.array([-along, along])
    half = shapely.Polygon(np.vstack([ends, ends[::-1] + reach * slope / size]))
    parts = (shape.intersection(half), shape.difference(half))
    return sum(abs(part.area * (value + slope @ np.array(part.centroid.coords[0]))) for part in parts if part.area)


@pytest.mark.parametrize("name", ["mlp-16-inputs", "branches", "saturating", "twin-filters"])
def test_deviation_of_every_region_equals_clipping_it(name: str) -> None:
    regions = found(name)
    plane, received = interpolation(regions), deviation(regions)
    values = regions.centroid_values - plane.at(regions.centroid)
    for r in range(len(regions)):
        for k in range(regions.num_outputs):
            slope = regions.slope[r, k] - plane.slope[k]
            expected = clipped_integral(regions.polygon(r), values[r, k], slope, regions.centroid[r])
            assert received[r, k] == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("name", REAL)
def test_deviation_of_the_window_equals_sampling_the_module(name: str) -> None:
    case, window = CASE[name], CASE[name].window()
    points = window.random_points(4_000, seed=1)
    with torch.no_grad():
        sampled = case.module(case.plane().embed(points)).flatten(1).numpy()
        corners = case.module(case.plane().embed(window.corners)).flatten(1).numpy()
    center = window.corners.mean(0)
    system = np.column_stack([np.ones(len(corners)), window.corners - center])
    plane = np.linalg.lstsq(system, corners, rcond=None)[0]
    absolute = np.abs(sampled - np.column_stack([np.ones(len(points)), points - center]) @ plane)
    error = window.area * absolute.std(0) / np.sqrt(len(points))
    assert (np.abs(deviation(found(name)).sum(0) - window.area * absolute.mean(0)) < 5 * error + 1e-12).all()


@pytest.mark.parametrize("name", REAL)
def test_corner_values_are_the_networks(name: str) -> None:
    case = CASE[name]
    with torch.no_grad():
        expected = case.module(case.plane().embed(case.window().corners)).flatten(1).numpy()
    np.testing.assert_allclose(corner_values(found(name)), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", REAL)
def test_interpolation_of_a_triangle_takes_the_corner_values(name: str) -> None:
    regions = found(name)
    if len(regions.window) == 3:
        values = corner_values(regions)
        np.testing.assert_allclose(interpolation(regions).at(regions.window), values, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", REAL)
def test_sizes_equal_shapelys(name: str) -> None:
    regions = found(name)
    local = regions.window.mean(0)
    polygons = [shapely.Polygon(regions.polygon(r) - local) for r in range(len(regions))]
    circles = [shapely.minimum_bounding_radius(polygon) for polygon in polygons]
    inside = [shapely.maximum_inscribed_circle(polygon).length for polygon in polygons[:40]]
    np.testing.assert_allclose(measures.perimeter(regions), [p.length for p in polygons], rtol=1e-9)
    assert measures.density(regions) == pytest.approx(len(polygons) / sum(p.area for p in polygons))
    assert (measures.outer_radius(regions) >= np.array(circles) * (1 - 1e-9)).all()
    assert (measures.outer_radius(regions) <= 2 * np.array(circles)).all()
    assert (measures.inner_radius(regions)[:40] >= np.array(inside) * (1 - 1e-9)).all()
    assert (measures.inner_radius(regions)[:40] <= 2.1 * np.array(inside)).all()


@pytest.mark.parametrize("name", REAL)
def test_region_means_equal_a_loop_over_the_edges(name: str) -> None:
    regions = found(name)
    slope, total, weight = regions.slope[:, 0], np.zeros(len(regions)), np.zeros(len(regions))
    variation = 0.0
    for (r, s), length in zip(regions.edge_regions, regions.edge_length, strict=True):
        if r >= 0 and s >= 0:
            bend = np.linalg.norm(slope[r] - slope[s])
            variation += length * bend
            total[[r, s]] += length * bend
            weight[[r, s]] += length
    np.testing.assert_allclose(measures.region_mean(regions, measures.jump(regions, 0)), total / weight, rtol=1e-9)
    assert measures.total_variation(regions, 0) == pytest.approx(variation, rel=1e-9)


# --- edges of the definitions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_quantity_is_defined_for_every_network(case) -> None:
    regions = found(case.name)
    for quantity in measures.QUANTITIES:
        assert measures.QUANTITIES[quantity].help.endswith(".")
        values = measures.colour_values(regions, quantity)
        assert values.shape == (len(regions),)
        assert np.isfinite(values).all() or (quantity in ("jump", "similarity") and len(regions) == 1)
    similarity = measures.similarity(regions)
    assert (np.abs(similarity) <= 1).all()
    table = summary(regions)
    assert table.num_regions == len(regions)
    assert table.area == pytest.approx(case.window().area)
    assert table.deviation >= 0
    assert table.num_class_areas >= table.num_classes >= len(set(regions.predicted.tolist())) > 0
    assert (table.boundary_length > 0) == (table.num_class_areas > 1)


def test_quantities_of_one_class_differ_from_those_of_all() -> None:
    regions = found("mlp-50-50")
    for quantity, about in measures.QUANTITIES.items():
        one, every = measures.colour_values(regions, quantity, 1), measures.colour_values(regions, quantity)
        assert np.array_equal(one, every) != about.per_class, quantity


def test_mean_deviation_of_the_regions_adds_up_to_the_windows() -> None:
    regions = found("residual")
    values = measures.colour_values(regions, "deviation", 2)
    assert values @ regions.area == pytest.approx(deviation(regions)[:, 2].sum())


def test_similarity_of_zero_slopes() -> None:
    """relu(u) is flat on one side; two flat sides are alike."""
    window = Window(corners=np.array(SQUARE, float))
    half_flat = find_regions(network([[1, 0]], [0], [[1]]), flat_plane(), window)
    flat = find_regions(network([[1, 0], [1, 0]], [0, 0], [[1, -1]]), flat_plane(), window)
    assert measures.similarity(half_flat).tolist() == [0]
    assert measures.similarity(flat).tolist() == [1]


def test_sides_are_compared_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    regions = found("branches")
    whole = [measure(regions) for measure in (measures.jump, measures.similarity)]
    monkeypatch.setattr(measures, "_BLOCK", 7 * 2 * regions.num_outputs)
    for measure, values in zip((measures.jump, measures.similarity), whole, strict=True):
        assert len(values) > 7
        np.testing.assert_array_equal(measure(regions), values)


def test_a_single_region_has_no_jump() -> None:
    table = summary(found("no-relu"))
    assert np.isnan(table.mean_jump)
    assert table.total_variation == 0
    assert table.deviation == pytest.approx(0, abs=1e-12)


def test_partial_regions_have_no_deviation() -> None:
    case = CASE["mlp-50-50"]
    regions = find_regions(case.program, case.plane(), case.window(), max_regions=20)
    assert regions.status == "max_regions"
    assert np.isnan(deviation(regions)).all()
    assert np.isnan(summary(regions).deviation)


def nothing(regions: Regions) -> dict[str, np.ndarray]:
    """The arrays of no regions."""
    names = ("pattern", "bias", "slope", "area", "centroid", "coordinates")
    edges = ("edge_regions", "edge_unit", "edge_layer", "edge_length", "edge_coordinates")
    return {"offsets": np.zeros(1, int)} | {name: getattr(regions, name)[:0] for name in names + edges}


def test_nothing_found_is_refused() -> None:
    regions = ridge(*SQUARE)
    empty = replace(regions, **nothing(regions))
    with pytest.raises(InvalidData, match="at least one region; got none"):
        summary(empty)
    assert measures.colour_values(empty, "slope").shape == (0,)


@pytest.mark.parametrize(("quantity", "index", "message"), [("hue", None, "got 'hue'"), ("slope", 2, "from 0 to 1")])
def test_unknown_quantities_and_classes_are_refused(quantity: str, index: int | None, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        measures.colour_values(ridge(*SQUARE), quantity, index)


@pytest.mark.parametrize("output", ["foo", 1.0, True, 2, -1, np.int64(2)])
def test_outputs_that_there_are_not_are_refused(output: object) -> None:
    with pytest.raises(InvalidData, match="Expected an output from 0 to 1, or all, predicted, margin"):
        measures._checked(ridge(*SQUARE), output)


def test_a_number_of_numpy_is_an_output() -> None:
    regions = ridge(*SQUARE)
    for measure in (measures.slope_norm, measures.jump, measures.similarity, measures.variation):
        np.testing.assert_array_equal(measure(regions, np.int64(1)), measure(regions, 1))


def test_the_density_of_nothing_is_unknown() -> None:
    regions = ridge(*SQUARE)
    assert np.isnan(measures.density(replace(regions, status=Status.CANCELLED, **nothing(regions))))


@pytest.mark.parametrize("corners", [SQUARE, TRIANGLE], ids=["square", "triangle"])
@pytest.mark.parametrize(
    ("weights", "biases", "mix"),
    [
        ([[5, 1], [-2, 3], [0, 4]], [0.5, 0.1, -0.7], [[0, 0, 0], [0, 0, 0]]),
        ([[5, 1], [-2, 3]], [-100, -100], [[0.3, 0.1], [0.7, -0.2]]),
        ([[0.1, 0.3], [-0.1, -0.3]], [0.1, -0.1], [[1, -1], [0.7, -0.7]]),
        ([[0.1, 0.3], [0.2, -0.1]], [1e6, 1e6], [[0.3, 0.1], [0.7, -0.2]]),
    ],
    ids=["no-output", "dead", "identity", "large"],
)
def test_rounding_errors_of_linear_networks_are_no_deviation(corners, weights, biases, mix) -> None:
    regions = find_regions(network(weights, biases, mix), flat_plane(), Window(corners=np.array(corners, float)))
    assert (deviation(regions) == 0).all()
