"""The overview: images, triangle, window, and its colours."""

from dataclasses import replace

import numpy as np
import pytest

from lrviz.figures.overview import OVERVIEW_QUANTITIES, blank_overview, overview, with_window
from lrviz.measures.class_map import class_outlines
from tests.pictures import NAMES, plane, regions, samples, traces


def test_overview_shows_the_images_the_triangle_and_the_window():
    images = tuple(np.full((3, 4, 4), shade, np.uint8) for shade in (0, 120, 250))
    window = regions().window
    drawn = overview(samples(), "class", images=images, labels=NAMES, class_names=NAMES)
    figure = with_window(drawn, window)
    assert (len(drawn.layout.shapes), len(figure.layout.shapes)) == (3, 4)
    assert len(figure.layout.images) == 4
    (triangle,) = traces(figure, "triangle")
    np.testing.assert_array_equal(np.column_stack([triangle.x, triangle.y])[:3], plane().anchors)
    texts = [note.text for note in figure.layout.annotations]
    assert texts == ["<b>A</b> cat", "<b>B</b> dog", "<b>C</b> ship", "window"]
    heatmap = next(trace for trace in figure.data if trace.type == "heatmap")
    inside = samples().predicted >= 0
    assert np.isnan(np.asarray(heatmap.z)[~inside]).all()
    assert np.asarray(heatmap.text)[inside].tolist() == [NAMES[k] for k in samples().predicted[inside]]
    for image in figure.layout.images[1:]:
        assert figure.layout.xaxis.range[0] <= image.x <= image.x + image.sizex <= figure.layout.xaxis.range[1]


@pytest.mark.parametrize("quantity", ["slope", "margin"])
def test_continuous_overviews_have_a_colour_bar(quantity):
    figure = overview(samples(), quantity)
    assert sum(bool(trace.marker.showscale) for trace in figure.data if trace.type == "scatter") == 1


def test_blank_overview_has_the_same_frame():
    blank, full = blank_overview(plane().anchors), overview(samples(), "class")
    assert blank.layout.xaxis.range == full.layout.xaxis.range
    assert blank.layout.yaxis.range == full.layout.yaxis.range


@pytest.mark.parametrize("quantity", OVERVIEW_QUANTITIES)
def test_the_classes_are_outlined_whatever_is_coloured(quantity):
    rim, line = traces(overview(samples(), quantity), "classes")
    assert rim.line.width > line.line.width
    expected = class_outlines(samples().predicted, samples().u, samples().v, samples().values)
    drawn = np.column_stack([line.x, line.y])
    assert np.isnan(drawn).any(1).sum() == len(expected) > 0
    np.testing.assert_array_equal(drawn[~np.isnan(drawn).any(1)], np.concatenate(expected))
    one = replace(samples(), predicted=np.minimum(samples().predicted, 0))
    assert not traces(overview(one, quantity), "classes")
