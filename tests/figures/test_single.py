"""One region, one piece, one class, one model: every figure draws them, on screen and in print."""

from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from lrviz.engine.find_pieces import find_path_pieces
from lrviz.engine.find_regions import find_regions
from lrviz.engine.sample import sample_plane
from lrviz.figures.colouring import colour_regions
from lrviz.figures.comparison.data import Cell, make_panel
from lrviz.figures.comparison.print import COMPARISON_SUFFIXES, render_comparison
from lrviz.figures.comparison.screen import comparison_map
from lrviz.figures.overview import OVERVIEW_QUANTITIES, overview
from lrviz.figures.panels import histogram
from lrviz.figures.paper import Paper
from lrviz.figures.path.data import Line, PathDrawing, Stretch, class_lines
from lrviz.figures.path.print import PATH_SUFFIXES, render_path
from lrviz.figures.path.screen import path_figure
from lrviz.figures.region_map.data import window_bounds
from lrviz.figures.region_map.print import SUFFIXES, render
from lrviz.figures.region_map.screen import region_map
from lrviz.figures.style import MODEL_COLOURS
from lrviz.geometry.plane import Window
from lrviz.measures.curve import exact_curve
from lrviz.measures.path import measure_path
from lrviz.measures.summary import summary
from lrviz.measures.window import QUANTITIES
from lrviz.network.program import Program
from lrviz.views.view import View
from tests.pictures import NAMES, network, plane
from tests.views.test_comparison import VIEW, member


@cache
def scalar():
    """A network of one output."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        module = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
    return Program.from_module(module, torch.zeros(1, 6, device="cpu"))


@cache
def constant():
    """A network whose slope is zero everywhere."""
    module = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))
    nn.init.zeros_(module[2].weight)
    return Program.from_module(module, torch.zeros(1, 6, device="cpu"))


def window(half):
    return Window.rectangle((2.4, 0.6), half, half)


@cache
def cases():
    """Regions that have no neighbours, no boundary, no slope, or only one output; and a window that is tiny."""
    return {
        "one region": find_regions(network(), plane(), window(1e-3)),
        "one region, tiny": find_regions(network(), plane(), window(1e-9)),
        "one class": find_regions(network(), plane(), window(0.2)),
        "one output": find_regions(scalar(), plane(), window(2.0)),
        "constant": find_regions(constant(), plane(), window(2.0)),
        "a strip": find_regions(network(), plane(), Window.rectangle((2.4, 0.6), 1.0, 1e-3)),
    }


def names(regions):
    return NAMES[: regions.num_outputs]


CASES = list(cases())


def test_the_cases_are_what_they_say():
    assert len(cases()["one region"]) == len(cases()["one region, tiny"]) == 1
    assert len(np.unique(cases()["one class"].predicted)) == 1 < len(cases()["one class"])
    assert cases()["one output"].num_outputs == 1
    assert not cases()["constant"].slope.any()


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("case", CASES)
def test_maps_and_histograms_on_screen(case, quantity):
    regions = cases()[case]
    for class_index in (None, 0):
        colouring = colour_regions(regions, quantity, class_index=class_index, class_names=names(regions))
        for edges in ("thin", "layer", "none"):
            figure = region_map(regions, colouring, edges=edges, class_names=names(regions))
            for axis in (figure.layout.xaxis, figure.layout.yaxis):
                assert axis.range[0] < axis.range[1]
        assert len(histogram(regions, colouring).data) == 1
        if colouring.scale is not None:
            assert np.isfinite([colouring.scale.low, colouring.scale.high]).all()
            assert colouring.scale.low < colouring.scale.high


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("case", CASES)
def test_maps_in_files(case, suffix):
    regions = cases()[case]
    for quantity in QUANTITIES if suffix == ".png" else ("similarity",):
        view = View(
            models=("m",), images=("a", "b", "c"), colour=quantity, class_index=0, layer_edges=quantity == "jump"
        )
        assert render(suffix, regions, view, class_names=names(regions), paper=Paper(dpi=40))


@pytest.mark.parametrize("quantity", ["class", "similarity", "slope"])
@pytest.mark.parametrize("case", CASES)
def test_comparisons_of_one_model(case, quantity):
    regions = cases()[case]
    panel = make_panel(regions, quantity, class_names=names(regions))
    cell = Cell(title="k = 2", detail="1 region", panel=panel)
    values = summary(regions)
    found = member(2, **{name: getattr(values, name) for name in ("mean_jump", "mean_similarity", "mean_slope")})
    assert comparison_map([cell], window_bounds(regions), columns=1).data
    suffixes = COMPARISON_SUFFIXES if (case, quantity) == ("one region", "similarity") else [".png"]
    for suffix in suffixes:
        assert render_comparison(suffix, VIEW, [cell], [found], columns=1, paper=Paper(dpi=40, height_inches=6.0))


@pytest.mark.parametrize("quantity", OVERVIEW_QUANTITIES)
@pytest.mark.parametrize("program", [scalar, constant], ids=["one output", "constant"])
@pytest.mark.parametrize("resolution", [1, 8])
def test_overviews(program, quantity, resolution):
    samples = sample_plane(program(), plane(), plane().triangle(), resolution=resolution)
    assert overview(samples, quantity).data


@pytest.mark.parametrize("baseline", ["zero", "chord", "view"])
@pytest.mark.parametrize("program", [network, scalar, constant], ids=["one piece", "one output", "constant"])
def test_paths_of_one_piece(program, baseline):
    start = torch.full((6,), 0.3, dtype=torch.float64, device="cpu")
    pieces = find_path_pieces(program(), torch.stack([start, start + 1e-6]))
    curve = exact_curve(pieces)
    assert program is not network or curve.num_pieces == 1
    line = Line(name="one", colour=MODEL_COLOURS[0], curve=curve, output=0, layer_names=("1", "2"))
    stretch = Stretch(low=0.0, high=curve.length, baseline=baseline)
    outputs = tuple(f"output {k}" for k in range(program().num_outputs))
    for lines, all_chords in (((line,), False), (class_lines(line, outputs), True)):
        drawing = PathDrawing(lines=lines, stretch=stretch, all_chords=all_chords)
        low, high = path_figure(drawing).layout.yaxis2.range
        assert high - low > 1e-12 * max(abs(low), abs(high))
        for suffix in PATH_SUFFIXES if baseline == "view" and not all_chords else [".png"]:
            assert render_path(
                suffix, View(page="paths", models=("m",), images=("a",)), drawing, measures={"m": measure_path(pieces)},
                pieces=pieces, class_names=outputs, paper=Paper(dpi=40),
            )  # fmt: skip
