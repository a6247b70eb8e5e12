"""A map of regions on screen, in print and as files."""

import csv
import html
import io
import re
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import LineCollection
from PIL import Image

from lrviz.errors import InvalidRequest
from lrviz.figures.boundary import boundary_lines
from lrviz.figures.colouring import colour_regions
from lrviz.figures.paper import Paper
from lrviz.figures.region_map import print as regions_module
from lrviz.figures.region_map import screen as map_module
from lrviz.figures.region_map.data import paint, window_bounds
from lrviz.figures.region_map.print import SUFFIXES, render, save_figure
from lrviz.figures.region_map.screen import region_map
from lrviz.measures.boundary import find_boundary
from lrviz.measures.window import slope_norm
from lrviz.results.regions import Regions
from lrviz.results.status import Status
from lrviz.views.view import View
from tests.pictures import NAMES, assert_inside, keep_sheets, region_at, regions, traces

SEGMENTS = ("segments", "segment_classes", "segment_regions")


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


@pytest.mark.parametrize(("width", "height"), [(3, 2.5), (3.25, 2.66), (2.2, 1.8), (6, 5)])
@pytest.mark.parametrize(("quantity", "class_index"), [("slope", None), ("jump", 0)])
def test_the_title_of_a_printed_bar_is_whole_above_a_legend(monkeypatch, width, height, quantity, class_index):
    sheets = keep_sheets(monkeypatch, regions_module)
    view = replace(VIEW, colour=quantity, class_index=class_index, boundary=True)
    render(
        ".png",
        regions(),
        view,
        class_names=("automobile", *NAMES[1:]),
        paper=Paper(width_inches=width, height_inches=height, dpi=50),
    )
    bar = sheets[0].axes[-1]
    assert "(logit" in bar.get_ylabel()
    assert_inside(sheets[0], bar.yaxis.label)


def test_names_of_classes_are_shown_as_they_are():
    figure = region_map(regions(), colour_regions(regions(), "class"), class_names=("a<b>", "c<i>d", "e&lt;f"))
    texts = set(traces(figure, "regions")[0].hovertext)
    assert {text.partition("</b>")[0] for text in texts} <= {
        f"<b>predicted class {name}" for name in ("a&lt;b&gt;", "c&lt;i&gt;d", "e&amp;lt;f")
    }


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
    figure = region_map(regions(), colour_regions(regions(), "slope"), boundary=none)
    assert not traces(figure, "decision boundary")
    assert [line.showlegend for line in traces(figure, "no decision boundary")] == [True]
    partial = replace(none, status=Status.MAX_REGIONS)
    (line,) = boundary_lines(partial)
    assert line.name == "no decision boundary in what was found"


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


VIEW = View(
    models=("cnn5-w8-noise20",), images=("samples:0", "samples:1", 'a "quoted" <file>.png'), center=(0.8, 0.4),
    half_width=1.5, half_height=1.0, colour="slope",
)  # fmt: skip


def written(tmp_path, suffix, view=VIEW, **paper):
    path = tmp_path / f"map{suffix}"
    save_figure(path, regions(), view, class_names=NAMES, paper=Paper(**paper))
    return path


def test_png_has_the_size_in_inches_and_carries_the_view(tmp_path):
    path = written(tmp_path, ".png", width_inches=4.0, height_inches=3.0, dpi=150)
    with Image.open(path) as image:
        assert image.size == (600, 450)
        assert round(image.info["dpi"][0]) == 150
        assert View.from_json(image.text["lrviz"]) == VIEW
        colours = len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0))
    assert colours > 50


def test_pdf_has_the_size_embeds_its_fonts_and_carries_the_view(tmp_path):
    data = written(tmp_path, ".pdf", width_inches=4.0, height_inches=3.0).read_bytes()
    assert data.startswith(b"%PDF")
    assert re.search(rb"/MediaBox \[ ?0 0 288 216 ?\]", data)
    assert b"/FontFile2" in data
    assert b"cnn5-w8-noise20" in data


def test_svg_holds_every_polygon_as_a_path_and_carries_the_view(tmp_path):
    text = written(tmp_path, ".svg").read_text()
    assert text.count("<path") >= len(regions())
    assert "<image" not in re.sub(r'<g id="QuadMesh.*?</g>', "", text, flags=re.S)
    description = re.search(r"<dc:description>(.*?)</dc:description>", text, re.S)[1]
    assert "cnn5-w8-noise20" in description


def test_large_maps_become_an_image_with_vector_axes(tmp_path, monkeypatch):
    monkeypatch.setattr(regions_module, "MAX_VECTOR_REGIONS", 3)
    text = written(tmp_path, ".svg").read_text()
    assert "<image" in text
    assert text.count("<path") < 300


def test_html_is_whole_and_carries_the_view(tmp_path):
    text = written(tmp_path, ".html").read_text()
    assert len(text) > 3_000_000
    assert not re.search(r'<script[^>]+src="http', text)
    meta = re.search(r'<meta name="lrviz" content="(.*?)">', text)[1]
    assert View.from_json(html.unescape(meta)) == VIEW


def test_npz_loads_as_regions_and_carries_the_view(tmp_path):
    path = written(tmp_path, ".npz")
    np.testing.assert_array_equal(Regions.load(path).pattern, regions().pattern)
    with np.load(path, allow_pickle=False) as archive:
        assert View.from_json(str(archive["view"])) == VIEW


def test_csv_has_a_row_per_region_after_the_view(tmp_path):
    first, rest = written(tmp_path, ".csv").read_text().split("\n", 1)
    assert View.from_json(first.removeprefix("# ")) == VIEW
    rows = list(csv.DictReader(io.StringIO(rest)))
    assert len(rows) == len(regions())
    assert float(rows[3]["area"]) == regions().area[3]


@pytest.mark.parametrize("layer_edges", [False, True])
@pytest.mark.parametrize("colour", ["region", "class", "similarity", "area"])
def test_every_kind_of_colour_can_be_printed(colour, layer_edges):
    view = replace(VIEW, colour=colour, layer_edges=layer_edges)
    data = render(".png", regions(), view, class_names=NAMES, paper=Paper(dpi=60))
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.size == (360, 300)


def test_the_boundary_is_printed_and_named(monkeypatch):
    sheets = keep_sheets(monkeypatch, regions_module)
    render(".pdf", regions(), replace(VIEW, boundary=True), paper=Paper(dpi=60))
    (axes, *_) = sheets[0].axes
    lines = [artist for artist in axes.collections if isinstance(artist, LineCollection)]
    segments = find_boundary(regions()).segments
    for line in lines:
        np.testing.assert_array_equal(line.get_segments(), segments)
    assert [float(line.get_linewidth()[0]) for line in lines] == [2, 1]
    assert [text.get_text() for text in sheets[0].legends[0].get_texts()] == ["decision boundary"]
    assert b"decision boundary" in render(".html", regions(), replace(VIEW, boundary=True))
    assert b"decision boundary" not in render(".html", regions(), VIEW)


def test_printing_leaves_the_users_settings_alone():
    before = dict(mpl.rcParams)
    render(".pdf", regions(), VIEW, paper=Paper(dpi=60))
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("paper", [Paper(dpi=60), Paper(width_inches=3.0, height_inches=3.0, dpi=60)])
@pytest.mark.parametrize("colour", ["slope", "class"])
def test_the_legend_of_layers_and_classes_is_whole(monkeypatch, colour, paper):
    sheets, names = keep_sheets(monkeypatch, regions_module), tuple(f"a long class name {k}" for k in range(40))
    edges, number = regions().edge_layer, np.arange(len(regions().edge_layer))
    logits = np.random.default_rng(0).standard_normal((len(regions()), 40))
    many = replace(
        regions(),
        edge_layer=np.where(edges >= 0, number % 17, -1),
        bias=logits,
        slope=np.zeros((*logits.shape, 2)),
        rounding=np.zeros(0),
    )
    view = replace(VIEW, colour=colour, layer_edges=True)
    render(".png", many, view, class_names=names, paper=paper)
    (legend,) = sheets[0].legends
    assert_inside(sheets[0], legend)
    (axes, *_) = sheets[0].axes
    assert legend.get_window_extent().y1 <= axes.xaxis.label.get_window_extent().y0
    words = [text.get_text() for text in legend.get_texts()]
    assert words[0] == "edges of layer 1, 9, 17"
    number_of_entries = 8 + (len(np.unique(logits.argmax(1))) if colour == "class" else 0)
    left = number_of_entries - len([word for word in words if not word.startswith("and ")])
    assert words[-1] == f"and {left} more" if left else "more" not in words[-1]


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(InvalidRequest, match=re.escape(SUFFIXES[0])):
        save_figure(tmp_path / "map.bmp", regions(), VIEW)


@pytest.mark.parametrize("colour", ["class", "slope"])
def test_names_with_dollar_signs_are_printed_as_they_are(monkeypatch, colour):
    sheets, names = keep_sheets(monkeypatch, regions_module), ("$a_{$", "US$ x^ $", *NAMES[2:])
    view = replace(VIEW, colour=colour, class_index=1 if colour == "slope" else None)
    render(".pdf", regions(), view, class_names=names, paper=Paper(dpi=60))
    texts = [text for text in sheets[0].findobj(mpl.text.Text) if "$" in text.get_text()]
    printed = {
        text._preprocess_math(text.get_text()) for text in texts if text._preprocess_math(text.get_text())[1] is False
    }
    assert any(any(name in line for name in names[:2]) for line, _ in printed)


@pytest.mark.parametrize("size", [(6, 5), (3.3, 3)])
def test_long_names_in_a_legend_are_shortened_not_cut(monkeypatch, size):
    sheets, names = keep_sheets(monkeypatch, regions_module), tuple(f"{name} terrier " * 12 for name in NAMES)
    paper = Paper(width_inches=size[0], height_inches=size[1], dpi=60)
    render(".png", regions(), replace(VIEW, colour="class"), class_names=names, paper=paper)
    (sheet,) = sheets
    (legend,) = sheet.legends
    box = legend.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= sheet.bbox.width
    assert all(text.get_text().endswith("…") for text in legend.get_texts() if "terrier" in text.get_text())
