"""The small figures beside the maps."""

from dataclasses import replace

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


def test_classes_beyond_ten_keep_their_own_share_and_colour():
    few = regions()
    bias, slope = (np.repeat(part[:, :1], 12, 1) for part in (few.bias - 1e3, few.slope))
    middle = few.bias + (few.slope @ few.centroid.mean(0))
    bias[:, [0, 10]], slope[:, [0, 10]] = (few.bias - np.median(middle, 0))[:, :2], few.slope[:, :2]
    many = replace(few, rounding=np.zeros(0), bias=bias, slope=slope)
    (bars,) = histogram(many, colour_regions(many, "class")).data
    assert sum(bars.x) == pytest.approx(1) and len(bars.x) == 2 and len(set(bars.marker.color)) == 2
    whole = regions().area.sum()
    assert sorted(bars.x) == pytest.approx(sorted(regions().area[many.predicted == k].sum() / whole for k in (0, 10)))


def test_slope_image_has_zero_in_the_middle_of_its_scale():
    slope = np.random.default_rng(0).normal(size=(3, 8, 8))
    (heatmap,) = slope_image(slope).data
    assert heatmap.zmin == -heatmap.zmax
    np.testing.assert_allclose(heatmap.z, slope.sum(0))


def test_the_networks_outputs_have_names():
    assert network().num_outputs == len(NAMES)
