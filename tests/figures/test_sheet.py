"""Printed figures of several panels."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from PIL import Image

from lrviz.errors import InvalidRequest
from lrviz.figures import sheet as sheet_module
from lrviz.figures.colouring import colour_regions
from lrviz.figures.overview import print_overview
from lrviz.figures.panels import (
    histogram,
    print_histogram,
    print_images,
    print_slope,
    print_slope_comparison,
    slope_comparison,
)
from lrviz.figures.paper import Paper
from lrviz.figures.region_map.print import print_map
from lrviz.figures.sheet import Panel, render_sheet, sheet_height
from lrviz.figures.style import PIN_COLOURS
from lrviz.views.view import View
from tests.pictures import NAMES, keep_sheets, regions, samples

VIEW = View(models=("cnn5-w8-noise20",), images=("samples:0", "samples:1", "samples:4"))
IMAGES = tuple(np.full((3, 4, 4), shade, np.uint8) for shade in (0, 120, 250))


def panels(quantity="slope"):
    colouring = colour_regions(regions(), quantity, class_names=NAMES)
    return {
        "map": Panel(draw=lambda place: print_map(place, regions(), VIEW, NAMES)),
        "overview": Panel(
            draw=lambda place: print_overview(
                place, samples(), images=IMAGES, class_names=NAMES, window=regions().window
            ),
            inches=2,
        ),
        "images": Panel(draw=lambda place: print_images(place, IMAGES, NAMES), inches=1),
        "histogram": Panel(draw=lambda place: print_histogram(place, regions(), colouring), inches=1.5),
        "slope": Panel(draw=lambda place: print_slope(place, np.ones((3, 4, 4)), "slope of cat"), inches=1.5),
    }


def test_every_panel_is_on_the_sheet_and_lettered_in_order(monkeypatch):
    sheets = keep_sheets(monkeypatch, sheet_module)
    data = render_sheet(".png", list(panels().values()), VIEW, Paper(width_inches=6, height_inches=6, dpi=50))
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (300, 300)
        assert View.from_json(image.text["lrviz"]) == VIEW
    top, row = sheets[0].subfigs
    letters = [place.get_suptitle() for place in (*top.subfigs, *row.subfigs)]
    assert letters == ["(a)", "(b)", "(c)", "(d)", "(e)"]
    overview, images, histogram, slope = (place.axes for place in row.subfigs)
    assert [axes.get_title() for axes in images] == ["A cat", "B dog", "C ship"]
    assert {text.get_text() for text in overview[0].texts} == {"A", "B", "C"}
    assert sum(patch.get_height() for patch in histogram[0].patches) == len(regions())
    assert slope[0].get_title() == "slope of cat"
    low, high = overview[0].get_xlim(), overview[0].get_ylim()
    for shown in overview[0].images:
        left, right, bottom, top_side = shown.get_extent()
        assert low[0] <= left < right <= low[1] and high[0] <= bottom < top_side <= high[1]


def test_pinned_regions_are_outlined_numbered_and_compared(monkeypatch):
    sheets = keep_sheets(monkeypatch, sheet_module)
    one = np.random.default_rng(0).normal(size=(3, 4, 4))
    other = one + 0.01 * one[::-1]
    pinned = [
        Panel(draw=lambda place: print_map(place, regions(), VIEW, NAMES, pinned=[None, 3])),
        Panel(draw=lambda place: print_slope_comparison(place, one, other, "slope of cat"), inches=4.4),
    ]
    render_sheet(".png", pinned, VIEW, Paper(width_inches=6, height_inches=7, dpi=50))
    top, row = (part.subfigs[0] for part in sheets[0].subfigs)
    (outline,) = top.axes[0].patches
    corners = regions().coordinates[regions().offsets[3] : regions().offsets[4]]
    np.testing.assert_allclose(outline.get_xy()[:-1], corners)
    assert outline.get_edgecolor() == pytest.approx(to_rgba(PIN_COLOURS[1]))
    assert [text.get_text() for text in top.axes[0].texts] == ["2"]
    first, second, difference = (axes.images[0] for axes in row.axes[:3])
    assert [axes.get_title() for axes in row.axes[:3]] == ["region 1", "region 2", "difference"]
    assert first.get_clim() == second.get_clim() != difference.get_clim()
    np.testing.assert_allclose(difference.get_array(), (other - one).sum(0))
    assert row.axes[3].get_xlabel().startswith("slope of cat")


def test_slopes_of_two_regions_share_a_scale_on_screen():
    one = np.random.default_rng(0).normal(size=(3, 4, 4))
    figure = slope_comparison(one, 1.01 * one)
    assert [trace.coloraxis for trace in figure.data] == ["coloraxis", "coloraxis", "coloraxis2"]
    np.testing.assert_allclose(figure.data[2].z, 0.01 * one.sum(0))
    assert figure.layout.coloraxis2.cmax < figure.layout.coloraxis.cmax


def test_one_panel_alone_has_the_whole_sheet_and_no_letter(monkeypatch):
    sheets = keep_sheets(monkeypatch, sheet_module)
    render_sheet(".png", [panels()["histogram"]], VIEW, Paper(width_inches=3, height_inches=2, dpi=50))
    assert not sheets[0].subfigs
    assert len(sheets[0].axes) == 1


def test_a_sheet_needs_a_panel():
    with pytest.raises(InvalidRequest, match="at least one panel"):
        render_sheet(".pdf", [], VIEW, Paper())


def test_small_panels_stand_in_as_many_rows_as_they_need():
    every = panels()
    alone, row = (sheet_height([every[name]], 6) for name in ("map", "images"))
    assert sheet_height(list(every.values()), 6) == pytest.approx(alone + row)
    assert sheet_height(list(every.values())[1:], 3) == pytest.approx(2 * row)
    assert sheet_height([every["map"]], 3) == alone / 2


@pytest.mark.parametrize("quantity", ["region", "area", "density", "slope"])
def test_a_histogram_of_logarithms_has_ticks_that_tell_the_number(monkeypatch, quantity):
    sheets = keep_sheets(monkeypatch, sheet_module)
    render_sheet(".svg", [panels(quantity)["histogram"]], VIEW, Paper(width_inches=3, height_inches=2, dpi=50))
    (axes,) = sheets[0].axes
    assert "log10" not in axes.get_xlabel()
    median = float(re.search(r"median (\S+)", axes.get_title())[1])
    line = axes.lines[0].get_xdata()[0]
    assert median == pytest.approx(line if quantity == "slope" else 10**line, rel=0.01)
    if quantity != "slope":
        told = [number_of(label.get_text()) for label in axes.get_xticklabels()]
        np.testing.assert_allclose(told, 10 ** np.array(axes.get_xticks()))


@pytest.mark.parametrize("quantity", ["area", "density"])
def test_a_histogram_of_nearly_equal_areas_has_ticks(monkeypatch, quantity):
    few = regions()
    alike = replace(few, area=np.linspace(2.2, 2.4, len(few)))
    figure = histogram(alike, colour_regions(alike, quantity))
    assert len(figure.layout.xaxis.ticktext) >= 2
    assert sum(figure.data[0].y) == len(few)


def number_of(label):
    """The number that a tick's label tells, such as 2×10⁻⁵ or 0.02."""
    mantissa, power = re.fullmatch(r"([\d.,]*?)×?(?:10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?", label).groups()
    exponent = (power or "⁰").translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    return float(mantissa.replace(",", "") or 1) * 10 ** int(exponent)
