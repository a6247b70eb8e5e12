"""From quantities to colours, scales and titles."""

import subprocess
import sys

import numpy as np
import pytest

from lrviz.figures.colouring import colour_numbers, colour_regions, rescale, title_of
from lrviz.figures.style import Scale, fit_scale, region_colour_index, region_colours
from lrviz.measures.window import QUANTITIES, slope_norm
from tests.pictures import NAMES, regions


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


def test_region_colours_depend_on_the_pattern_alone_and_differ_across_edges():
    index = region_colour_index(regions().pattern)
    assert len(np.unique(region_colours(), axis=0)) == 64
    sides = regions().edge_regions[(regions().edge_regions >= 0).all(1)]
    assert (index[sides[:, 0]] != index[sides[:, 1]]).mean() > 0.9


def test_scales_ignore_missing_values_and_survive_constants():
    assert fit_scale(np.array([np.nan, np.nan]), "batlow") == Scale(name="batlow", low=0.0, high=1.0)
    constant = fit_scale(np.full(5, 3.0), "batlow")
    assert constant.positions(np.array([3.0, np.nan]))[0] == 0.5
    symmetric = fit_scale(np.array([-1.0, 4.0]), "vik", symmetric=True)
    assert symmetric.low == -symmetric.high


def test_pandas_is_whole_before_a_figure_is_drawn():
    # Plotly looks for pandas among the loaded modules, where another thread may still be importing it.
    code = "import lrviz.figures.style, sys; assert hasattr(sys.modules.get('pandas'), 'Series')"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("value", [1.0, -1.0, 0.5])
def test_the_scale_of_similarities_ends_where_cosines_do(value):
    found = colour_numbers(np.full(9, value), "lapaz", quantity="similarity", title="")
    assert -1 <= found.scale.low <= value <= found.scale.high <= 1
    assert found.scale.low < found.scale.high
