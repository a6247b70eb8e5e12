"""What is said of one region equals what is measured of all, and begins with what is coloured."""

import numpy as np
import pytest

from lrviz.errors import InvalidRequest
from lrviz.figures.colouring import colour_regions
from lrviz.figures.facts import card_facts
from lrviz.figures.overview import OVERVIEW_QUANTITIES, overview
from lrviz.measures.locate import edges_of
from lrviz.measures.region import REGION_QUANTITIES, measure_region, neighbourhood
from lrviz.measures.window import QUANTITIES, colour_values
from lrviz.results.regions import Regions
from tests.pictures import NAMES, regions, samples


@pytest.mark.parametrize("class_index", [None, 2])
def test_measures_of_a_region_are_those_of_all_regions(class_index):
    expected = {name: colour_values(regions(), name, class_index) for name in REGION_QUANTITIES}
    for region in range(0, len(regions()), 7):
        for name, value in measure_region(regions(), region, class_index).items():
            np.testing.assert_allclose(value, expected[name][region], rtol=1e-9, err_msg=name)


def test_a_neighbourhood_holds_a_region_its_neighbours_and_the_edges_between():
    near = neighbourhood(regions(), 5)
    edges = edges_of(regions(), 5)
    np.testing.assert_array_equal(near.edge_unit, regions().edge_unit[edges])
    assert near.pattern[0] == regions().pattern[5]
    others = {int(k) for k in regions().edge_regions[edges].ravel()} - {5}
    assert set(near.pattern[1:]) == {regions().pattern[k] for k in others}
    np.testing.assert_array_equal(near.polygon(0), regions().polygon(5))


@pytest.mark.parametrize("region", [-1, 10**6])
@pytest.mark.parametrize("ask", [measure_region, neighbourhood, Regions.polygon])
def test_a_region_that_is_not_there_is_refused(ask, region):
    with pytest.raises(InvalidRequest, match="numbered from 0 to"):
        ask(regions(), region)


@pytest.mark.parametrize("class_index", [None, 1])
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_the_card_begins_with_what_is_coloured_and_every_number_has_its_unit(quantity, class_index):
    colouring = colour_regions(regions(), quantity, class_index=class_index, class_names=NAMES)
    facts = card_facts(regions(), 3, colouring, NAMES)
    if quantity != "region":
        assert facts[0].name.startswith(QUANTITIES[quantity].label)
    for fact in facts:
        known = next(known for known in QUANTITIES.values() if fact.name.startswith(known.label) and known.label)
        assert (f" of {NAMES[1]}" in fact.name) == (known.per_class and class_index is not None)
        assert fact.unit == known.unit
    assert len({fact.name for fact in facts}) == len(facts)


@pytest.mark.parametrize("quantity", OVERVIEW_QUANTITIES)
def test_the_tooltip_of_the_overview_begins_with_what_is_coloured(quantity):
    (hover,) = [trace for trace in overview(samples(), quantity, class_names=NAMES).data if trace.type == "heatmap"]
    begin = {"class": "<b>predicted class %{text}</b>", "slope": "<b>slope of", "margin": "<b>margin of"}[quantity]
    assert hover.hovertemplate.startswith(begin)
    assert "logit" in hover.hovertemplate
