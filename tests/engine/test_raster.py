"""Samples against the module, autograd, patterns of the program and exact regions."""

import time
from functools import cache

import numpy as np
import pytest
import shapely
import torch

from lrviz.engine.find_regions import find_regions
from lrviz.engine.sample import pixel_centers, sample_plane
from lrviz.errors import InvalidPlane, InvalidRequest
from lrviz.geometry.plane import Window
from lrviz.results.samples import Samples
from tests.cases import CASE, CASES, flat_plane

NAMES = ("mlp-16-inputs", "residual", "branches", "saturating", "shapes", "black-image", "constant-network", "no-relu")


@cache
def sampled(name: str, resolution: int = 12) -> Samples:
    case = CASE[name]
    return sample_plane(case.program, case.plane(), case.window(), resolution=resolution)


def inside(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Plane coordinates (n, 2) of the pixels inside, and where they are (H, W)."""
    u, v = np.meshgrid(samples.u, samples.v)
    shown = samples.predicted >= 0
    return np.stack([u[shown], v[shown]], 1), shown


@pytest.mark.parametrize("name", NAMES)
def test_values_are_the_modules(name: str) -> None:
    case, samples = CASE[name], sampled(name)
    points, shown = inside(samples)
    with torch.no_grad():
        expected = case.module(case.plane().embed(points)).flatten(1).numpy()
    np.testing.assert_allclose(samples.values[shown], expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(samples.predicted[shown], expected.argmax(1))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("black-image", "shapes")])
def test_slopes_are_the_gradients_in_the_plane(name: str) -> None:
    """Not on the black image, whose ties of max-pooling autograd splits otherwise, nor where `detach` hides slopes."""
    case, samples = CASE[name], sampled(name)
    points, shown = inside(samples)
    inputs = case.plane().embed(points).requires_grad_()
    output = case.module(inputs).flatten(1)
    for k in range(output.shape[1]):
        (gradient,) = torch.autograd.grad(output[:, k].sum(), inputs, retain_graph=True)
        expected = gradient.flatten(1).numpy() @ case.plane().basis.T
        np.testing.assert_allclose(samples.slope[shown][:, k], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_patterns_are_the_programs(case) -> None:
    samples = sampled(case.name)
    points, shown = inside(samples)
    expected = case.program.patterns(case.plane().embed(points))
    assert shown.any()
    assert (samples.pattern[shown] == expected).mean() >= (0.9 if case.degenerate else 1.0)


@pytest.mark.parametrize("name", ["mlp-50-50", "residual", "black-image-inside"])
def test_samples_agree_with_the_exact_regions(name: str) -> None:
    case, samples = CASE[name], sampled(name, 20)
    points, shown = inside(samples)
    regions = find_regions(case.program, case.plane(), case.window())
    polygons = shapely.STRtree([shapely.Polygon(regions.polygon(r)) for r in range(len(regions))])
    point, region = polygons.query(shapely.points(points), predicate="within")
    assert len(point) > 0.9 * len(points)
    np.testing.assert_allclose(samples.slope[shown][point], regions.slope[region], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(samples.values[shown][point], regions.values(region, points[point]), atol=1e-10)


def test_pixels_outside_a_triangle_stay_empty() -> None:
    samples = sampled("branches")
    _, shown = inside(samples)
    triangle = shapely.Polygon(samples.window)
    u, v = np.meshgrid(samples.u, samples.v)
    assert shown.ravel().tolist() == shapely.contains(triangle, shapely.points(u.ravel(), v.ravel())).tolist()
    assert 0.3 < shown.mean() < 0.7
    assert np.isnan(samples.values[~shown]).all()
    assert np.isnan(samples.slope[~shown]).all()
    assert (samples.pattern[~shown] == 0).all()
    assert (samples.predicted[~shown] == -1).all()


@pytest.mark.parametrize(("half_width", "half_height", "shape"), [(2, 2, (8, 8)), (4, 1, (2, 8)), (1, 3, (8, 3))])
def test_pixels_are_square_and_cover_the_window(half_width: float, half_height: float, shape: tuple) -> None:
    window = Window.rectangle((3, -1), half_width, half_height)
    u, v = pixel_centers(window, 8)
    pixel = 2 * max(half_width, half_height) / 8
    assert (len(v), len(u)) == shape
    for centers, middle, half in ((u, 3, half_width), (v, -1, half_height)):
        np.testing.assert_allclose(np.diff(centers), pixel)
        assert centers.mean() == pytest.approx(middle)
        assert centers[0] - pixel / 2 <= middle - half + 1e-12
        assert centers[0] + pixel / 2 > middle - half


def test_single_precision_is_close_and_small() -> None:
    case = CASE["residual"]
    single = sample_plane(case.program, case.plane(), case.window(), resolution=12, dtype=torch.float32)
    double = sampled("residual")
    assert single.values.dtype == single.slope.dtype == np.float32
    np.testing.assert_allclose(single.values, double.values, rtol=1e-4, atol=1e-4)
    same = single.pattern == double.pattern
    assert same.mean() > 0.97
    np.testing.assert_allclose(single.slope[same], double.slope[same], rtol=1e-3, atol=1e-4)


def test_patterns_can_be_left_out() -> None:
    case = CASE["branches"]
    samples = sample_plane(case.program, case.plane(), case.window(), resolution=4, patterns=False, density=7.5)
    assert not samples.pattern.any()
    assert samples.density == 7.5


def test_batches_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASE["residual"]
    monkeypatch.setattr("lrviz.engine.sample._BATCH_BYTES", {"cpu": 1})
    seen: list[float] = []
    small = sample_plane(
        case.program, case.plane(), case.window(), resolution=6, progress=lambda done, _: seen.append(done)
    )
    assert seen == pytest.approx(np.arange(1, 37) / 36)
    np.testing.assert_array_equal(small.pattern, sampled("residual", 6).pattern)
    np.testing.assert_allclose(small.slope, sampled("residual", 6).slope, rtol=1e-12, atol=1e-13)


def test_cancelling_keeps_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASE["residual"]
    monkeypatch.setattr("lrviz.engine.sample._BATCH_BYTES", {"cpu": 1})
    answers = iter([False, False, True])
    samples = sample_plane(case.program, case.plane(), case.window(), resolution=6, cancelled=lambda: next(answers))
    assert samples.status == "cancelled"
    assert (samples.predicted >= 0).sum() == 2
    np.testing.assert_allclose(samples.values[0, :2], sampled("residual", 6).values[0, :2], rtol=1e-12)


def test_cancelled_is_asked_within_a_second() -> None:
    case = CASE["residual"]
    asked: list[float] = []

    def cancelled() -> bool:
        asked.append(time.perf_counter())
        return len(asked) > 3

    sample_plane(case.program, case.plane(), case.window(), resolution=512, cancelled=cancelled)
    assert len(asked) == 4
    assert max(np.diff(asked)) < 1


def test_a_window_between_the_pixels_is_empty() -> None:
    """A sliver along the diagonal that no pixel's centre lies in."""
    window = Window(corners=np.array([[0, 0], [1, 1e-3 + 0.31], [1, 0.31 + 2e-3]]))
    samples = sample_plane(CASE["mlp-50-50"].program, flat_plane(), window, resolution=2)
    assert (samples.predicted == -1).all()
    assert samples.status == "complete"


def test_bad_requests_are_refused() -> None:
    program = CASE["mlp-50-50"].program
    with pytest.raises(InvalidRequest, match="resolution must be a whole number, at least 1; got 0"):
        sample_plane(program, flat_plane(), Window.rectangle((0, 0), 1), resolution=0)
    with pytest.raises(InvalidPlane, match="takes inputs of shape"):
        sample_plane(program, CASE["residual"].plane(), Window.rectangle((0, 0), 1))
