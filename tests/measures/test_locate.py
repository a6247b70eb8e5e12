import numpy as np
import torch

from lrviz.measures.locate import boundary_point, edges_of
from lrviz.network.gradient import input_slope
from tests.pictures import network, plane, regions


def test_edges_of_a_region_are_its_inner_ones():
    for region in (0, 7, len(regions()) - 1):
        edges = edges_of(regions(), region)
        assert (regions().edge_regions[edges] == region).any(1).all()
        assert (regions().edge_unit[edges] >= 0).all()
        assert (np.diff(regions().edge_length[edges]) <= 0).all()
        border = (regions().edge_regions == region).any(1) & (regions().edge_unit < 0)
        assert len(edges) + border.sum() == (regions().edge_regions == region).any(1).sum()


def test_two_classes_tie_at_a_boundary_point():
    point = boundary_point(network(), plane())
    assert point is not None
    top = network().forward(plane().embed(point[None]))[0].sort(descending=True).values
    assert float(top[0] - top[1]) < 1e-9
    assert plane().triangle().contains(point[None])[0]


def test_input_slope_projects_to_the_regions_slope():
    for region in (0, 5, 11):
        gradient = input_slope(network(), plane(), regions().centroid[region])
        np.testing.assert_allclose(gradient @ plane().basis.T, regions().slope[region], atol=1e-10)
    one = input_slope(network(), plane(), regions().centroid[0], [2])
    assert one.shape == (1, 6)
    assert torch.is_grad_enabled()
