import csv
import html
import io
import re
import zipfile
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from pictures import NAMES, regions
from PIL import Image

from lrviz import export
from lrviz.errors import InvalidRequest
from lrviz.export import SUFFIXES, render, save_figure
from lrviz.regions import Regions
from lrviz.view import ViewSpec

VIEW = ViewSpec(
    model="cnn5-w8-noise20", images=("samples:0", "samples:1", 'a "quoted" <file>.png'), center=(0.8, 0.4),
    half_width=1.5, half_height=1.0, colour="slope",
)  # fmt: skip


def written(tmp_path, suffix, view=VIEW, **options):
    path = tmp_path / f"map{suffix}"
    save_figure(path, regions(), view, class_names=NAMES, **options)
    return path


def test_png_has_the_size_in_inches_and_carries_the_view(tmp_path):
    path = written(tmp_path, ".png", width_inches=4.0, height_inches=3.0, dpi=150)
    with Image.open(path) as image:
        assert image.size == (600, 450)
        assert round(image.info["dpi"][0]) == 150
        assert ViewSpec.from_json(image.text["lrviz"]) == VIEW
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
    monkeypatch.setattr(export, "MAX_VECTOR_REGIONS", 3)
    text = written(tmp_path, ".svg").read_text()
    assert "<image" in text
    assert text.count("<path") < 300


def test_html_is_whole_and_carries_the_view(tmp_path):
    text = written(tmp_path, ".html").read_text()
    assert len(text) > 3_000_000
    assert not re.search(r'<script[^>]+src="http', text)
    meta = re.search(r'<meta name="lrviz" content="(.*?)">', text)[1]
    assert ViewSpec.from_json(html.unescape(meta)) == VIEW


def test_npz_loads_as_regions_and_carries_the_view(tmp_path):
    path = written(tmp_path, ".npz")
    np.testing.assert_array_equal(Regions.load(path).pattern, regions().pattern)
    with zipfile.ZipFile(path) as archive:
        assert ViewSpec.from_json(archive.comment.decode()) == VIEW


def test_csv_has_a_row_per_region_after_the_view(tmp_path):
    first, rest = written(tmp_path, ".csv").read_text().split("\n", 1)
    assert ViewSpec.from_json(first.removeprefix("# ")) == VIEW
    rows = list(csv.DictReader(io.StringIO(rest)))
    assert len(rows) == len(regions())
    assert float(rows[3]["area"]) == regions().area[3]


@pytest.mark.parametrize("layer_edges", [False, True])
@pytest.mark.parametrize("colour", ["region", "class", "similarity", "area"])
def test_every_kind_of_colour_can_be_printed(colour, layer_edges):
    view = replace(VIEW, colour=colour, layer_edges=layer_edges)
    data = render(".png", regions(), view, class_names=NAMES, dpi=60)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.size == (360, 300)


def test_printing_leaves_the_users_settings_alone():
    before = dict(mpl.rcParams)
    render(".pdf", regions(), VIEW, dpi=60)
    assert dict(mpl.rcParams) == before


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(InvalidRequest, match=re.escape(SUFFIXES[0])):
        save_figure(tmp_path / "map.bmp", regions(), VIEW)
