"""Planes, windows and segments: geometry against direct computation, and what is refused."""

import numpy as np
import pytest
import shapely
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lrviz.errors import InvalidPlane, InvalidWindow
from lrviz.geometry.plane import Plane, Segment, Window

SHAPE = (3, 4, 4)


def images(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(3, *SHAPE))


# --- planes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_the_triplet_lies_at_its_anchors(seed: int) -> None:
    triplet = images(seed)
    plane = Plane.through(*triplet)
    np.testing.assert_allclose(plane.embed(plane.anchors).numpy(), triplet, atol=1e-12)
    np.testing.assert_allclose(plane.project(triplet), plane.anchors, atol=1e-12)
    assert plane.anchors[0].tolist() == [0, 0]
    assert plane.anchors[1, 0] > 0
    assert plane.anchors[1, 1] == pytest.approx(0, abs=1e-12)
    assert plane.anchors[2, 1] > 0


def test_distances_in_the_plane_are_distances_of_inputs() -> None:
    plane = Plane.through(*images())
    points = np.random.default_rng(1).normal(size=(20, 2))
    inputs = plane.embed(points).flatten(1).numpy()
    expected = np.linalg.norm(inputs[:, None] - inputs, axis=2)
    np.testing.assert_allclose(np.linalg.norm(points[:, None] - points, axis=2), expected, atol=1e-12)


@given(st.lists(st.tuples(*[st.floats(-1e3, 1e3)] * 2), min_size=1, max_size=5))
@settings(max_examples=50)
def test_projecting_undoes_embedding(points: list[tuple[float, float]]) -> None:
    plane = Plane.through(*images())
    inputs = plane.embed(points)
    assert inputs.shape == (len(points), *SHAPE)
    assert inputs.dtype == torch.float64
    np.testing.assert_allclose(plane.project(inputs), points, atol=1e-10)


def test_projection_is_the_nearest_point() -> None:
    plane, x = Plane.through(*images()), images(7)[0]
    nearest = plane.project(x)
    offset = (x - plane.embed(nearest)[0].numpy()).ravel()
    np.testing.assert_allclose(plane.basis @ offset, 0, atol=1e-12)


def test_rows_are_the_local_frame() -> None:
    plane = Plane.through(*images())
    center, radius, local = np.array([0.3, -0.8]), 0.25, np.array([[0.5, -0.1]])
    origin, along_u, along_v = plane.rows(center, radius)
    expected = plane.embed(center + radius * local)[0]
    torch.testing.assert_close(origin + local[0, 0] * along_u + local[0, 1] * along_v, expected)


def test_tensors_and_arrays_give_the_same_plane() -> None:
    triplet = images().astype(np.float32)
    plane = Plane.through(*triplet)
    np.testing.assert_array_equal(Plane.through(*torch.tensor(triplet, device="cpu")).basis, plane.basis)


def test_planes_are_read_only() -> None:
    plane = Plane.through(*images())
    with pytest.raises(ValueError, match="read-only"):
        plane.origin[0] = 1.0


@pytest.mark.parametrize("third", ["first", "second", "middle", "beyond"])
def test_collinear_images_are_refused(third: str) -> None:
    a, b, _ = images()
    c = {"first": a, "second": b, "middle": (a + b) / 2, "beyond": a + 7 * (b - a)}[third]
    with pytest.raises(InvalidPlane, match=r"cat, dog and ship span a triangle of area .* Replace one of them"):
        Plane.through(a, b, c, names=("cat", "dog", "ship"))


def test_equal_images_are_refused_and_nearly_equal_ones_are_not() -> None:
    a, b, c = images()
    with pytest.raises(InvalidPlane, match="the first, the second and the third"):
        Plane.through(a, a, b)
    assert Plane.through(a, a + 1e-3 * (b - a), a + 1e-3 * (c - a)).triangle().area > 0


def test_other_bad_images_are_refused() -> None:
    a, b, c = images()
    with pytest.raises(InvalidPlane, match=r"got shapes \[.*\(3, 4, 4\), \(3, 4, 3\)\]"):
        Plane.through(a, b, c[..., :3])
    c[0, 0, 0] = np.inf
    with pytest.raises(InvalidPlane, match="not finite"):
        Plane.through(a, b, c)


def test_a_basis_must_be_orthonormal() -> None:
    with pytest.raises(InvalidPlane, match="orthonormal"):
        Plane(origin=np.zeros(3), basis=np.array([[1.0, 0, 0], [1, 1, 0]]), input_shape=(3,))
    with pytest.raises(InvalidPlane, match="origin of 4 numbers"):
        Plane(origin=np.zeros(3), basis=np.eye(2, 3), input_shape=(4,))


def test_a_plane_must_fit_the_network() -> None:
    plane = Plane.through(*images())
    plane.require_shape(SHAPE)
    with pytest.raises(InvalidPlane, match=r"takes inputs of shape \(3, 32, 32\)"):
        plane.require_shape((3, 32, 32))


# --- windows ---------------------------------------------------------------------------------------------------------

PENTAGON = np.array([[0.0, 0], [2, 0], [3, 1], [1, 3], [-0.5, 1]])
WINDOWS = (
    Window.rectangle((1, 2), 3, 0.5),
    Window(corners=PENTAGON),
    Window(corners=np.array([[0.0, 0], [1, 0], [0, 1]])),
    Window(corners=PENTAGON + 1e5),
)


@pytest.mark.parametrize("window", WINDOWS, ids=["rectangle", "pentagon", "triangle", "far"])
def test_window_sizes_equal_shapelys(window: Window) -> None:
    polygon = shapely.Polygon(window.corners - window.corners[0])
    assert window.area == pytest.approx(polygon.area, rel=1e-9)
    assert window.perimeter == pytest.approx(polygon.length, rel=1e-9)
    low_u, low_v, high_u, high_v = polygon.bounds
    middle = window.corners[0] + [(low_u + high_u) / 2, (low_v + high_v) / 2]
    np.testing.assert_allclose(window.center, middle, rtol=1e-12)
    assert window.radius == pytest.approx(max(high_u - low_u, high_v - low_v) / 2)


@pytest.mark.parametrize("window", WINDOWS[:3], ids=["rectangle", "pentagon", "triangle"])
def test_contains_agrees_with_shapely(window: Window) -> None:
    points = np.random.default_rng(0).uniform(-4, 5, (500, 2))
    polygon = shapely.Polygon(window.corners)
    assert window.contains(points).tolist() == shapely.covers(polygon, shapely.points(points)).tolist()
    assert window.contains(window.corners).all()


@pytest.mark.parametrize("window", WINDOWS[:3], ids=["rectangle", "pentagon", "triangle"])
def test_random_points_are_inside_and_evenly_spread(window: Window) -> None:
    points = window.random_points(4000, seed=3)
    polygon = shapely.Polygon(window.corners)
    assert polygon.buffer(1e-9).covers(shapely.MultiPoint(points))
    left = shapely.box(-10, -10, polygon.centroid.x, 10).intersection(polygon).area / polygon.area
    assert (points[:, 0] < polygon.centroid.x).mean() == pytest.approx(left, abs=0.04)
    np.testing.assert_array_equal(points, window.random_points(4000, seed=3))
    assert not np.array_equal(points, window.random_points(4000, seed=4))


def test_a_deep_zoom_keeps_its_area() -> None:
    """At (1000, 1000) a square of 1e-9 has corners with 4 digits; its area must not lose more."""
    window = Window.rectangle((1000.0, 1000.0), 1e-9)
    size = np.ptp(window.corners, axis=0)
    assert window.area == pytest.approx(size.prod(), rel=1e-12)
    assert window.area == pytest.approx(4e-18, rel=1e-3)


def test_a_rectangle_is_square_unless_told_otherwise() -> None:
    np.testing.assert_array_equal(Window.rectangle((0, 0), 2).corners, [[-2, -2], [2, -2], [2, 2], [-2, 2]])


@pytest.mark.parametrize(
    ("corners", "message"),
    [
        ([[0, 0], [1, 0]], "at least three corners"),
        ([[0, 0], [1, 0], [np.nan, 1]], "finite corners"),
        ([[0, 0], [0, 1], [1, 0]], "counter-clockwise"),
        ([[0, 0], [1, 0], [2, 0]], "positive area"),
        ([[0, 0], [2, 0], [0.5, 0.5], [0, 2]], "convex"),
        ([[0, 0], [1, 1], [1, 0], [0, 1]], "convex"),
        ([[0, 0], [1, 0], [1, 0], [0, 1]], "convex"),
    ],
    ids=["two", "nan", "clockwise", "flat", "dart", "bow-tie", "repeated"],
)
def test_windows_that_are_not_convex_polygons_are_refused(corners: list, message: str) -> None:
    with pytest.raises(InvalidWindow, match=message):
        Window(corners=np.array(corners, float))


def test_a_pentagram_is_refused() -> None:
    """It turns left at every corner, but twice around."""
    angles = 2 * np.pi * np.arange(5) * 2 / 5
    with pytest.raises(InvalidWindow, match="convex"):
        Window(corners=np.stack([np.cos(angles), np.sin(angles)], 1))


@pytest.mark.parametrize("halves", [(0.0, 1.0), (1.0, -1.0), (float("nan"), 1.0), (1.0, 0.0)])
def test_empty_rectangles_are_refused(halves: tuple[float, float]) -> None:
    with pytest.raises(InvalidWindow, match="positive half width and half height"):
        Window.rectangle((0, 0), *halves)


# --- segments --------------------------------------------------------------------------------------------------------


def test_a_segment_knows_its_length() -> None:
    a, b, _ = images()
    segment = Segment.between(a, b)
    assert segment.input_shape == SHAPE
    assert segment.length == pytest.approx(np.sqrt(((a - b) ** 2).sum()))


def test_bad_segments_are_refused() -> None:
    a, b, _ = images()
    with pytest.raises(InvalidPlane, match="got the same one twice"):
        Segment.between(a, a)
    with pytest.raises(InvalidPlane, match="one shape"):
        Segment.between(a, b[..., :2])
    with pytest.raises(InvalidPlane, match="finite"):
        Segment.between(a, np.full(SHAPE, np.nan))


def test_inputs_of_one_number_span_no_plane() -> None:
    with pytest.raises(InvalidPlane, match="Inputs of one number span no plane"):
        Plane.through(np.array([0.0]), np.array([1.0]), np.array([2.0]))


def test_a_rectangle_too_small_for_its_place_is_refused() -> None:
    with pytest.raises(InvalidWindow, match=r"half width 1e-30 .* has no positive area in float64"):
        Window.rectangle((35.0, 18.0), 1e-30)
