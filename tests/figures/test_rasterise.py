"""Polygons become pixels: which polygon each holds, lines as marks, averages."""

import numpy as np

from lrviz.figures.rasterise import label_pixels, mark_segments, pixel_centres, shrink
from lrviz.figures.region_map.data import window_bounds
from tests.pictures import region_at, regions


def test_labels_agree_with_exact_point_location():
    low, high = window_bounds(regions())
    u, v = pixel_centres(low[0] - 0.1, high[0] + 0.1, 61), pixel_centres(low[1] - 0.1, high[1] + 0.1, 47)
    labels = label_pixels(regions().coordinates, regions().offsets, u, v)
    for row in range(0, 47, 3):
        for column in range(0, 61, 4):
            expected = region_at(regions(), np.array([u[column], v[row]]))
            assert labels[row, column] == (-1 if expected is None else expected)


def test_labels_leave_no_gap_in_a_fine_grid():
    low, high = window_bounds(regions())
    u, v = pixel_centres(low[0], high[0], 400), pixel_centres(low[1], high[1], 300)
    labels = label_pixels(regions().coordinates, regions().offsets, u, v)
    assert (labels >= 0).all()
    share = np.bincount(labels.ravel(), minlength=len(regions())) / labels.size
    np.testing.assert_allclose(share, regions().area / regions().area.sum(), atol=2e-3)


def test_marks_cover_a_segment():
    u = v = pixel_centres(0, 10, 10)
    pixel, line = mark_segments(np.array([[[0.5, 0.5], [9.5, 9.5]], [[0.5, 3.5], [9.5, 3.5]]]), u, v)
    assert set(pixel[line == 0]) == {11 * k for k in range(10)}
    assert set(pixel[line == 1]) == {30 + k for k in range(10)}


def test_shrinking_averages():
    image = np.array([[0, 100], [200, 100]], np.uint8)[..., None]
    assert shrink(image, 2).tolist() == [[[100]]]
