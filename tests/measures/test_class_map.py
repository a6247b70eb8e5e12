"""Areas and outlines of sampled class maps, against flood fill, exact results and the samples themselves."""

import numpy as np
import pytest

from lrviz.engine.find_regions import find_regions
from lrviz.engine.sample import sample_plane
from lrviz.geometry.plane import Window
from lrviz.measures.boundary import find_boundary, num_class_areas
from lrviz.measures.class_map import class_outlines, num_sampled_areas
from lrviz.measures.overlay import boundary_distance
from tests.pictures import network, plane, samples


def flood(predicted):
    """Number of areas, by visiting every pixel's four neighbours."""
    left, number = {tuple(place) for place in np.argwhere(predicted >= 0)}, 0
    while left:
        number, waiting = number + 1, [left.pop()]
        while waiting:
            row, column = waiting.pop()
            for near in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
                if near in left and predicted[near] == predicted[row, column]:
                    left.remove(near)
                    waiting.append(near)
    return number


@pytest.mark.parametrize("seed", range(5))
def test_areas_are_those_of_a_flood_fill(seed):
    predicted = np.random.default_rng(seed).integers(-1, 3, (9, 12))
    assert num_sampled_areas(predicted) == flood(predicted)


def test_maps_without_a_pixel_inside_or_without_a_change_have_no_outline():
    u = v = np.arange(3.0)
    assert num_sampled_areas(np.full((3, 3), -1)) == 0
    for predicted in (np.full((3, 3), -1), np.zeros((3, 3), int), np.where(np.eye(3, dtype=bool), -1, 2)):
        assert class_outlines(predicted, u, v) == []
    assert class_outlines(np.array([[0, 1, 0]]), u, v[:1]) == []


def test_the_outline_of_a_block_runs_halfway_between_pixels():
    predicted = np.zeros((5, 6), int)
    predicted[1:3, 2:5] = 1
    (line,) = class_outlines(predicted, 10 + 2 * np.arange(6.0), -1 + 0.5 * np.arange(5.0))
    np.testing.assert_array_equal(line[0], line[-1])
    np.testing.assert_allclose([line.min(0), line.max(0)], [[13, -0.75], [19, 0.25]])


def test_a_fine_sampling_agrees_with_the_exact_boundary():
    window = Window.rectangle((2.4, 0.6), 1.5, 1.0)
    boundary = find_boundary(find_regions(network(), plane(), window))
    found = sample_plane(network(), plane(), window, resolution=120)
    assert num_sampled_areas(found.predicted) == num_class_areas(boundary)
    pixel = found.u[1] - found.u[0]
    for values, near in ((None, 1.0), (found.values, 0.5)):
        points = np.concatenate(class_outlines(found.predicted, found.u, found.v, values))
        assert boundary_distance(boundary, points).max() < near * pixel
    lines = class_outlines(found.predicted, found.u, found.v, found.values)
    length = sum(np.linalg.norm(np.diff(line, axis=0), axis=1).sum() for line in lines)
    assert boundary.length - 2 * pixel < length < 2.1 * boundary.length


def test_outlines_stay_inside_a_triangle():
    found = samples()
    points = np.concatenate(class_outlines(found.predicted, found.u, found.v, found.values))
    columns = np.interp(points[:, 0], found.u, np.arange(len(found.u)))
    rows = np.interp(points[:, 1], found.v, np.arange(len(found.v)))
    for rounding in (np.floor, np.ceil):
        assert (found.predicted[rounding(rows).astype(int), rounding(columns).astype(int)] >= 0).all()
