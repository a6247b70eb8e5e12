import csv
import html
import io
import json
import re
import zipfile
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import LineCollection
from PIL import Image

from lrviz.engine.find_regions import find_regions
from lrviz.errors import InvalidRequest
from lrviz.figures import print_comparison as comparison_module
from lrviz.figures import print_regions as regions_module
from lrviz.figures.comparison import Cell, make_panel
from lrviz.figures.paper import SUFFIXES, Paper
from lrviz.figures.print_comparison import fitting_paper, render_comparison
from lrviz.figures.print_regions import render, save_figure
from lrviz.geometry.plane import Window
from lrviz.measures.boundary import find_boundary
from lrviz.results.regions import Regions
from lrviz.results.status import Status
from lrviz.views.view import View
from tests.pictures import NAMES, keep_sheets, network, plane, regions
from tests.views.test_comparison import member

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
    with zipfile.ZipFile(path) as archive:
        assert View.from_json(archive.comment.decode()) == VIEW


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
        regions(), edge_layer=np.where(edges >= 0, number % 17, -1), bias=logits, slope=np.zeros((*logits.shape, 2))
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


def assert_inside(sheet, artist):
    box = artist.get_window_extent()
    width, height = sheet.bbox.size
    assert 0 <= box.x0 <= box.x1 <= width and 0 <= box.y0 <= box.y1 <= height, (artist, box)


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(InvalidRequest, match=re.escape(SUFFIXES[0])):
        save_figure(tmp_path / "map.bmp", regions(), VIEW)


# --- a whole comparison ----------------------------------------------------------------------------------------------

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
