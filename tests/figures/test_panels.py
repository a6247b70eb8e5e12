"""The small figures beside the maps."""

import numpy as np
import pytest

from lrviz.figures.colouring import colour_regions
from lrviz.figures.panels import histogram, slope_image
from tests.pictures import NAMES, network, regions


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
