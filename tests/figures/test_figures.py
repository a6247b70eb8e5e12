import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from lrviz.figures import map as map_module
from lrviz.figures.colouring import colour_regions, rescale, title_of
from lrviz.figures.map import paint, region_map, window_bounds
from lrviz.figures.overview import blank_overview, overview
from lrviz.figures.panels import histogram, slope_image
from lrviz.figures.rasterise import label_pixels, mark_segments, pixel_centres, shrink
from lrviz.figures.style import Scale, fit_scale, region_colour_index, region_colours
from lrviz.measures.boundary import find_boundary
from lrviz.measures.window import QUANTITIES, slope_norm
from tests.pictures import NAMES, network, plane, region_at, regions, samples

SEGMENTS = ("segments", "segment_classes", "segment_regions")


def traces(figure, name):
    return [trace for trace in figure.data if trace.name == name]


def test_vector_map_draws_every_polygon_once_and_closed():
    figure = region_map(regions(), colour_regions(regions(), "slope"))
    rings = []
    for trace in traces(figure, "fill"):
        gaps = np.flatnonzero(np.isnan(trace.x))
        rings += np.split(np.column_stack([trace.x, trace.y]), gaps + 1)
    rings = [ring[~np.isnan(ring[:, 0])] for ring in rings if len(ring) > 1]
    assert len(rings) == len(regions())
    assert all(np.array_equal(ring[0], ring[-1]) for ring in rings)
    area = [0.5 * abs(np.dot(r[:-1, 0], r[1:, 1]) - np.dot(r[1:, 0], r[:-1, 1])) for r in rings]
    np.testing.assert_allclose(np.sort(area), np.sort(regions().area), rtol=1e-9, atol=1e-14)


def test_the_boundary_is_drawn_bold_over_polygons_and_pixels(monkeypatch):
    boundary = find_boundary(regions())
    assert len(boundary) > 0
    for limit in (map_module.MAX_VECTOR_REGIONS, 1):
        monkeypatch.setattr(map_module, "MAX_VECTOR_REGIONS", limit)
        figure = region_map(regions(), colour_regions(regions(), "slope"), boundary=boundary)
        rim, line = traces(figure, "decision boundary")
        assert rim.line.width > line.line.width > 2
        assert (rim.showlegend, line.showlegend) == (False, True)
        points = np.column_stack([line.x, line.y]).reshape(-1, 3, 2)
        np.testing.assert_array_equal(points[:, :2], boundary.segments)
        assert np.isnan(points[:, 2]).all()
        assert list(figure.data).index(traces(figure, "regions")[0]) > list(figure.data).index(line)
    assert not traces(region_map(regions(), colour_regions(regions(), "slope")), "decision boundary")
    none = replace(boundary, **{name: getattr(boundary, name)[:0] for name in SEGMENTS})
    assert not traces(region_map(regions(), colour_regions(regions(), "slope"), boundary=none), "decision boundary")


def test_map_has_equal_scales_named_axes_and_the_windows_range():
    figure = region_map(regions(), colour_regions(regions(), "class"))
    low, high = window_bounds(regions())
    assert figure.layout.xaxis.scaleanchor == "y"
    assert figure.layout.xaxis.scaleratio == 1
    assert figure.layout.xaxis.title.text == "u (L2 distance)"
    assert figure.layout.yaxis.title.text == "v (L2 distance)"
    np.testing.assert_allclose(figure.layout.xaxis.range, [low[0], high[0]])
    np.testing.assert_allclose(figure.layout.yaxis.range, [low[1], high[1]])


def test_colour_bar_spans_the_values_and_tells_the_unit():
    colouring = colour_regions(regions(), "slope", class_index=2, class_names=NAMES)
    bar = next(trace.marker for trace in region_map(regions(), colouring).data if trace.marker.showscale)
    values = slope_norm(regions(), 2)
    assert (bar.cmin, bar.cmax) == pytest.approx(np.quantile(values, (0.005, 0.995)))
    assert bar.colorbar.title.text == "slope of ship (logit per unit of L2 distance)"


@pytest.mark.parametrize("quantity", sorted(QUANTITIES))
def test_every_quantity_has_a_title_and_a_colour_for_each_region(quantity):
    colouring = colour_regions(regions(), quantity, class_names=NAMES)
    assert colouring.rgb.shape == (len(regions()), 3)
    assert QUANTITIES[quantity].label in colouring.title
    assert colouring.title == title_of(quantity)


def test_a_shared_scale_gives_equal_values_equal_colours():
    scale = Scale(name="batlow", low=0.0, high=2.0)
    colouring = rescale(colour_regions(regions(), "slope"), scale)
    assert colouring.scale is scale
    np.testing.assert_array_equal(colouring.rgb, scale.colours(slope_norm(regions())))


@pytest.mark.parametrize("class_index", [None, 1])
def test_hover_tells_id_class_area_and_slope(class_index):
    colouring = colour_regions(regions(), "jump", class_index=class_index, class_names=NAMES)
    figure = region_map(regions(), colouring, class_names=NAMES)
    output, of = ("all", "") if class_index is None else (class_index, f" of {NAMES[class_index]}")
    (points,) = traces(figure, "regions")
    for place in range(0, len(points.x), 97):
        region = region_at(regions(), np.array([points.x[place], points.y[place]]))
        assert region == points.customdata[place]
        name = NAMES[regions().predicted[region]]
        slope = slope_norm(regions(), output)[region]
        text = points.hovertext[place]
        assert f"{regions().pattern[region]:016x}" in text
        assert f"area {regions().area[region]:.3g}" in text
        assert f"slope{of} {slope:.3g} logit per unit of L2 distance" in text
        assert f"predicted class {name}" in text
        assert text.startswith(f"<b>jump of the slope{of} {colouring.values[region]:.3g}</b> logit per unit")
    assert set(points.customdata) == set(range(len(regions())))


def test_edges_by_layer_have_a_legend_and_the_right_segments():
    figure = region_map(regions(), colour_regions(regions(), "class"), edges="layer", layer_names=("1", "3"))
    for layer, name in enumerate(("layer 1 (1)", "layer 2 (3)")):
        (trace,) = traces(figure, name)
        ends = regions().edge_coordinates[regions().edge_layer == layer]
        np.testing.assert_array_equal(np.column_stack([trace.x[0::3], trace.x[1::3]]), ends[..., 0])
        assert np.isnan(trace.x[2::3]).all()


def test_region_colours_depend_on_the_pattern_alone_and_differ_across_edges():
    index = region_colour_index(regions().pattern)
    assert len(np.unique(region_colours(), axis=0)) == 64
    sides = regions().edge_regions[(regions().edge_regions >= 0).all(1)]
    assert (index[sides[:, 0]] != index[sides[:, 1]]).mean() > 0.9


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


def test_large_maps_become_pixels_of_the_same_colours(monkeypatch):
    monkeypatch.setattr(map_module, "MAX_VECTOR_REGIONS", 3)
    colouring = colour_regions(regions(), "class", class_names=NAMES)
    figure = region_map(regions(), colouring, edges="none")
    assert not traces(figure, "fill")
    (image,) = figure.layout.images
    low, high = window_bounds(regions())
    assert (image.x, image.y, image.sizex, image.sizey) == pytest.approx((low[0], high[1], *(high - low)))
    pixels = paint(regions(), colouring, "none", window_bounds(regions()), side=90)
    assert pixels.shape == (60, 90, 4)
    region = region_at(regions(), (low + high) / 2 + 1e-3)
    near = np.abs(pixels[28:32, 43:47, :3].astype(int) - colouring.rgb[region]).sum(-1)
    assert near.min() == 0


def test_marks_cover_a_segment():
    u = v = pixel_centres(0, 10, 10)
    pixel, line = mark_segments(np.array([[[0.5, 0.5], [9.5, 9.5]], [[0.5, 3.5], [9.5, 3.5]]]), u, v)
    assert set(pixel[line == 0]) == {11 * k for k in range(10)}
    assert set(pixel[line == 1]) == {30 + k for k in range(10)}


def test_shrinking_averages():
    image = np.array([[0, 100], [200, 100]], np.uint8)[..., None]
    assert shrink(image, 2).tolist() == [[[100]]]


def test_selected_region_is_outlined():
    figure = region_map(regions(), colour_regions(regions(), "slope"), selected=5)
    (outline,) = traces(figure, "selected")
    polygon = regions().polygon(5)
    np.testing.assert_array_equal(np.column_stack([outline.x, outline.y]), np.vstack([polygon, polygon[:1]]))


def test_scales_ignore_missing_values_and_survive_constants():
    assert fit_scale(np.array([np.nan, np.nan]), "batlow") == Scale(name="batlow", low=0.0, high=1.0)
    constant = fit_scale(np.full(5, 3.0), "batlow")
    assert constant.positions(np.array([3.0, np.nan]))[0] == 0.5
    symmetric = fit_scale(np.array([-1.0, 4.0]), "vik", symmetric=True)
    assert symmetric.low == -symmetric.high


def test_overview_shows_the_images_the_triangle_and_the_window():
    images = tuple(np.full((3, 4, 4), shade, np.uint8) for shade in (0, 120, 250))
    window = regions().window
    figure = overview(samples(), "class", images=images, labels=NAMES, class_names=NAMES, window=window)
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


def test_histogram_counts_every_region():
    for quantity in ("slope", "region", "area"):
        (bars,) = histogram(regions(), colour_regions(regions(), quantity)).data
        assert sum(bars.y) == len(regions())


def test_histogram_of_classes_gives_shares_of_the_area():
    (bars,) = histogram(regions(), colour_regions(regions(), "class", class_names=NAMES)).data
    for name, share in zip(bars.y, bars.x, strict=True):
        here = regions().predicted == NAMES.index(name)
        assert share == pytest.approx(regions().area[here].sum() / regions().area.sum())


def test_slope_image_has_zero_in_the_middle_of_its_scale():
    slope = np.random.default_rng(0).normal(size=(3, 8, 8))
    (heatmap,) = slope_image(slope).data
    assert heatmap.zmin == -heatmap.zmax
    np.testing.assert_allclose(heatmap.z, slope.sum(0))


def test_the_networks_outputs_have_names():
    assert network().num_outputs == len(NAMES)


def test_pandas_is_whole_before_a_figure_is_drawn():
    # Plotly looks for pandas among the loaded modules, where another thread may still be importing it.
    code = "import lrviz.figures.style, sys; assert hasattr(sys.modules.get('pandas'), 'Series')"
    subprocess.run([sys.executable, "-c", code], check=True)
