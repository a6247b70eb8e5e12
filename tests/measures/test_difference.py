"""Units that tell inputs apart, against the ids of patterns."""

import numpy as np
import pytest

from lrviz.network.difference import differing_units
from tests.cases import CASE, CASES


@pytest.mark.parametrize("case", [case for case in CASES if not case.degenerate], ids=lambda case: case.name)
def test_the_keys_of_differing_relus_lead_from_one_pattern_to_the_other(case):
    program, (u, v) = case.program, case.window().center
    inputs = case.plane().embed(np.array([[u, v], [u + 0.3, v - 0.2]]))
    units = differing_units(program, inputs)
    one, other = program.patterns(inputs)
    if any(program.entries(layer) is not None for layer in range(len(program.layers))):
        assert (len(units) > 0) == (one != other)
        return
    assert np.bitwise_xor.reduce(program.keys()[units], initial=np.uint64(0)) == one ^ other
    assert len(np.unique(units)) == len(units)


def test_an_input_does_not_differ_from_itself():
    case = CASE["mlp-50-50"]
    inputs = case.plane().embed(np.array([case.window().center] * 2))
    assert len(differing_units(case.program, inputs)) == 0
