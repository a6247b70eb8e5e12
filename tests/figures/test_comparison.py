"""A comparison on screen, in print and as files: one scale, one window, everything named."""

import csv
import html
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lrviz.engine.find_regions import find_regions
from lrviz.errors import InvalidRequest
from lrviz.figures.comparison import data as compare_module
from lrviz.figures.comparison import print as comparison_module
from lrviz.figures.comparison.data import Cell, make_panel, share_scale, vector_panels
from lrviz.figures.comparison.print import fitting_paper, render_comparison
from lrviz.figures.comparison.screen import comparison_map, map_width, panel_picture
from lrviz.figures.paper import Paper
from lrviz.figures.region_map.data import window_bounds
from lrviz.figures.widths import STRIPS, width_curves
from lrviz.geometry.plane import Window
from lrviz.results.status import Status
from lrviz.views.view import View
from tests.pictures import NAMES, assert_inside, keep_sheets, network, plane, regions
from tests.views.test_comparison import member

BOUNDS = window_bounds(regions())


def other_regions():
    """The regions of a network of another width in the same window."""
    return find_regions(network(10), plane(), Window.rectangle((2.4, 0.6), 1.5, 1.0))


def cells(quantity="slope", **values):
    panels = [make_panel(found, quantity, class_names=NAMES) for found in (regions(), other_regions())]
    return [
        Cell(title=f"k = {k}", detail=f"{len(panel.colouring.rgb)} regions", panel=panel, **values)
        for k, panel in zip((2, 8), panels, strict=True)
    ]


def draw(shown):
    return comparison_map(shown, BOUNDS, columns=2)


def bars(figure):
    return [trace.marker for trace in figure.data if trace.marker and trace.marker.showscale]


def test_all_panels_share_one_scale_and_one_bar_with_its_unit():
    panels = share_scale([cell.panel for cell in cells()])
    assert panels[0].colouring.scale == panels[1].colouring.scale
    (bar,) = bars(draw(cells()))
    assert (bar.cmin, bar.cmax) == (panels[0].colouring.scale.low, panels[0].colouring.scale.high)
    assert bar.colorbar.title.text == "slope (logit per unit of L2 distance)"


def test_the_scale_counts_area_and_not_regions():
    one = make_panel(regions(), "slope")
    few, many = np.full(len(regions()), 1.0), np.full(len(regions()), 2.0)
    colourings = [replace(one.colouring, values=values) for values in (few, many)]
    tiny = np.zeros_like(one.labels)
    panels = share_scale([replace(one, colouring=colourings[0], labels=tiny), replace(one, colouring=colourings[1])])
    assert (panels[0].colouring.scale.low, panels[0].colouring.scale.high) == (1.0, 2.0)


def test_panels_zoom_together_and_have_equal_scales():
    layout = draw(cells()).layout
    assert (layout.xaxis2.matches, layout.yaxis2.matches) == ("x", "y")
    assert layout.yaxis.scaleanchor == "x"
    assert layout.xaxis.title.text == "u (L2 distance)"
    assert layout.yaxis.title.text == "v (L2 distance)"
    assert layout.yaxis2.title.text is None


def test_every_panel_is_named_and_linked_in_its_place():
    notes = draw(cells(link="./?model=x", notice="budget hit")).layout.annotations
    assert [note.xref for note in notes] == ["x domain", "x2 domain"]
    for note, k, found in zip(notes, (2, 8), (regions(), other_regions()), strict=True):
        assert f"k = {k}" in note.text
        assert f"{len(found)} regions" in note.text
        assert 'href="./?model=x"' in note.text
        assert "budget hit" in note.text


def test_titles_are_shown_as_they_are():
    figure = draw([Cell(title="a<b>", detail="x < y & z", notice="<i>not there</i>")])
    assert figure.layout.annotations[0].text.startswith("<b>a&lt;b&gt;</b><br>x &lt; y &amp; z")
    assert figure.layout.annotations[-1].text == "&lt;i&gt;not there&lt;/i&gt;"


def test_a_missing_panel_says_why():
    waiting = Cell(title="k = 24", notice="not there yet")
    figure = draw([*cells(), waiting])
    assert figure.layout.annotations[-1].text == "not there yet"
    assert figure.layout.annotations[-1].xref == "x3 domain"
    assert {trace.xaxis for trace in figure.data} >= {"x", "x2", "x3"}
    assert "x4" not in {trace.xaxis for trace in figure.data}
    alone = draw([waiting])
    assert alone.layout.annotations[-1].text == "not there yet"
    assert alone.layout.xaxis.range == tuple(BOUNDS[:, 0])


def test_large_panels_are_pixels_in_the_colours_of_the_scale(monkeypatch):
    monkeypatch.setattr(compare_module, "MAX_VECTOR_REGIONS", 3)
    figure = draw(cells())
    assert [image.xref for image in figure.layout.images] == ["x", "x2"]
    assert not [trace for trace in figure.data if trace.name == "fill"]
    panel = share_scale([cell.panel for cell in cells()])[1]
    image = panel_picture(panel)
    largest = int(np.bincount(panel.labels.ravel()).argmax())
    inside = np.argwhere((panel.labels[::2, ::2] == largest) & (panel.labels[1::2, 1::2] == largest))
    colours = image[tuple(inside.T)][:, :3].astype(int)
    assert (np.abs(colours - panel.colouring.rgb[largest]).max(1) <= 1).mean() > 0.5


def test_the_smallest_panels_become_polygons_first():
    panels = [cell.panel for cell in cells()]
    sizes = [len(panel.polygons) for panel in panels]
    assert vector_panels(panels, sum(sizes)) == {0, 1}
    assert vector_panels(panels, sum(sizes) - 1) == {int(np.argmin(sizes))}
    assert vector_panels(panels, min(sizes) - 1) == set()


def test_classes_of_all_panels_are_in_one_legend():
    figure = draw(cells("class"))
    names = [trace.name for trace in figure.data if trace.marker.symbol == "square"]
    present = {NAMES[k] for found in (regions(), other_regions()) for k in found.predicted}
    assert sorted(names) == sorted(present)
    assert not bars(figure)


def test_curves_share_the_width_axis_with_the_test_error_first():
    members = [member(2), member(8), member(8, seed=1, status=Status.MAX_REGIONS)]
    figure = width_curves(members)
    assert next(iter(STRIPS)) == "test_error"
    titles = [note.text for note in figure.layout.annotations]
    assert "test error" in titles[0]
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert all(line.x.tolist() == [2, 8] for line in lines)
    (train_error,) = [line for line in lines if line.name == "train_error"]
    assert train_error.error_y.array[1] == pytest.approx(np.std([0, 0.1], ddof=1))
    axes = [figure.layout[name] for name in figure.layout if name.startswith("xaxis")]
    assert all(axis.type == "log" and axis.ticktext == ("2", "8") for axis in axes)
    assert sum(axis.matches is not None for axis in axes) == len(STRIPS) - 1
    dots = [trace for trace in figure.data if trace.mode == "markers"]
    hollow = {trace.name: [colour == "white" for colour in trace.marker.color] for trace in dots}
    assert hollow["mean_slope"] == [False, False, True]
    assert hollow["test_error"] == [False, False, False]


@pytest.mark.parametrize(("width", "columns"), [(1600, 4), (1000, 4), (999, 2), (500, 2), (360, 1)])
def test_on_a_narrow_screen_fewer_curves_stand_side_by_side(width, columns):
    figure = width_curves([member(2), member(8)], width=width)
    axes = [figure.layout[name] for name in figure.layout if name.startswith("xaxis")]
    starts = sorted({axis.domain[0] for axis in axes})
    assert len(starts) == columns
    pixels = [(axis.domain[1] - axis.domain[0]) * (width - 70) for axis in axes]
    assert min(pixels) > 180
    heights = [figure.layout[name].domain for name in figure.layout if name.startswith("yaxis")]
    inner = figure.layout.height - figure.layout.margin.t - figure.layout.margin.b
    assert {round((high - low) * inner) for low, high in heights} == {150}


@pytest.mark.parametrize("width", [360, 680, 1100, 1600])
def test_maps_are_as_high_as_they_are_wide(width):
    for columns in (n for n in (1, 2, 3, 6) if map_width(width, n) > 80):
        side = map_width(width, columns)
        square = np.array([[0.0, 0.0], [1.0, 1.0]])
        layout = comparison_map([Cell(title="k = 2")] * columns, square, columns=columns, side=side).layout
        wide = (layout.xaxis.domain[1] - layout.xaxis.domain[0]) * (width - layout.margin.l - layout.margin.r)
        high = layout.height - layout.margin.t - layout.margin.b
        assert high == side == pytest.approx(wide, abs=2)


VIEW = View(
    models=("cnn5-w8-noise20",), images=("samples:0", "samples:1", 'a "quoted" <file>.png'), center=(0.8, 0.4),
    half_width=1.5, half_height=1.0, colour="slope",
)  # fmt: skip


SPEC = replace(VIEW, page="compare", models=("cnn5-w2", "cnn5-w8"))


def compared(suffix, colour="slope", **paper):
    panel = make_panel(regions(), colour, class_names=NAMES)
    cells = [Cell(title=f"k = {k}", detail="many regions", panel=panel) for k in (2, 8)]
    cells.append(Cell(title="k = 24", notice="not there yet"))
    members = [member(2), member(8), member(8, seed=1, status=Status.MAX_REGIONS, deviation_per_area=np.nan)]
    return render_comparison(suffix, SPEC, cells, members, columns=2, paper=Paper(**paper) if paper else None)


def test_a_comparison_is_one_png_of_the_size_asked_for():
    with Image.open(io.BytesIO(compared(".png", width_inches=5.0, height_inches=6.0, dpi=80))) as image:
        assert image.size == (400, 480)
        assert View.from_query(json.loads(image.text["lrviz"])) == SPEC


def test_a_comparison_prints_titles_and_curves():
    text = compared(".svg").decode()
    assert "cnn5-w2,cnn5-w8" in text
    names = re.findall(r"<!-- (.*?) -->", text)
    for words in ("k = 2", "k = 24", "many regions", "slope (logit per unit of L2 distance)", "width $k$"):
        assert words in names, words


def test_large_maps_of_a_comparison_become_images(monkeypatch):
    vector = compared(".svg").decode()
    monkeypatch.setattr(comparison_module, "MAX_VECTOR_REGIONS", 3)
    pixels = compared(".svg").decode()
    assert pixels.count("<image") == vector.count("<image") + 2
    assert vector.count("<path") - pixels.count("<path") >= 2 * len(regions())


def test_a_comparison_of_classes_has_their_legend():
    names = re.findall(r"<!-- (.*?) -->", compared(".svg", "class").decode())
    assert {NAMES[k] for k in regions().predicted} <= set(names)


def test_a_comparison_is_one_page_with_maps_and_curves():
    text = compared(".html").decode()
    assert text.count("Plotly.newPlot") >= 2
    assert len(text) < 12_000_000
    assert not re.search(r'<script[^>]+src="http', text)
    meta = re.search(r'<meta name="lrviz" content="(.*?)">', text)[1]
    assert View.from_query(json.loads(html.unescape(meta))) == SPEC


def test_a_comparison_is_a_table_with_a_row_for_every_model():
    first, rest = compared(".csv").decode().split("\n", 1)
    assert View.from_query(json.loads(first.removeprefix("# "))) == SPEC
    rows = list(csv.DictReader(io.StringIO(rest)))
    assert [row["width"] for row in rows] == ["2", "8", "8"]
    assert rows[2]["status"] == "max_regions"


def test_a_comparison_needs_a_map_and_a_known_suffix():
    with pytest.raises(InvalidRequest, match=r"\.pdf"):
        compared(".npz")
    with pytest.raises(InvalidRequest, match="finished map"):
        render_comparison(".pdf", SPEC, [Cell(title="k = 2")], [], columns=1)


def test_a_fitting_paper_is_as_high_as_its_rows():
    one, two = (fitting_paper(num_cells, 3) for num_cells in (3, 4))
    assert one.width_inches == two.width_inches
    assert 1.9 < two.height_inches - one.height_inches < 3


@pytest.mark.parametrize(
    ("colour", "number", "columns"), [("class", 1, 1), ("slope", 3, 2), ("density", 6, 6), ("slope", 11, 6)]
)
def test_printed_maps_have_one_shape_and_their_titles_stand_apart(monkeypatch, colour, number, columns):
    sheets = keep_sheets(monkeypatch, comparison_module)
    square = find_regions(network(), plane(), Window.rectangle((2.4, 0.6), 1.0, 1.0))
    panels = [make_panel(square, colour, class_names=NAMES), None]
    cells = [
        Cell(
            title=f"k = {k}, seed 0", detail="123,456 regions, test error 0.612", panel=panels[k == 2],
            notice="not there yet" if k == 2 else "",
        )
        for k in range(number)
    ]  # fmt: skip
    render_comparison(".png", SPEC, cells, [member(2), member(8)], columns=columns)
    (sheet,) = sheets
    maps, curves = (part.axes for part in sheet.subfigs)
    drawn = [axes for axes in maps if axes.get_visible() and axes.get_title(loc="left")]
    assert len(drawn) == number
    for group in (drawn, curves):
        titles = [axes._left_title.get_window_extent() for axes in group]
        for title in titles:
            assert sum(title.overlaps(other) for other in titles) == 1
        for axes in group:
            assert_inside(sheet, axes._left_title)
    assert len({tuple(np.round(axes.get_window_extent().size)) for axes in drawn}) == 1
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in drawn}) == 1
    for axes in (*drawn, *maps[number:], *curves):
        for label in (axes.xaxis.label, axes.yaxis.label):
            assert not label.get_text() or assert_inside(sheet, label) is None
