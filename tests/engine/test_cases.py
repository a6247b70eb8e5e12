"""The shared networks are what their list says."""

import numpy as np
import pytest
import torch
from torch import nn

from lrviz.engine.find_regions import find_regions
from tests.cases import CASE, CASES, Case


def test_names_are_different() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_is_the_same_every_time(case: Case) -> None:
    again, shape = case.build()
    assert shape == case.program.input_shape
    for one, two in zip(case.module.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, two)
    np.testing.assert_array_equal(case.plane().basis, case.plane().basis)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_window_holds_few_regions(case: Case) -> None:
    regions = find_regions(case.program, case.plane(), case.window())
    assert 1 <= len(regions) <= 3000
    assert regions.status == "complete"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_only_plain_chains_are_called_mlps(case: Case) -> None:
    plain = isinstance(case.module, nn.Sequential) and all(isinstance(m, nn.Linear | nn.ReLU) for m in case.module)
    assert case.mlp == (plain and any(isinstance(m, nn.ReLU) for m in case.module))


def test_a_flat_background_leaves_units_that_are_exactly_zero() -> None:
    assert count_zeros(CASE["black-image"]) > 50


def count_zeros(case: Case) -> int:
    """Number of units whose pre-activation is exactly zero at several inner points."""
    found = 0

    def on_layer(layer: int, z: torch.Tensor) -> torch.Tensor:
        nonlocal found
        found += int((z == 0).all(0).sum())
        return case.program.activate(layer, z)

    case.program.propagate(case.plane().embed(case.window().random_points(5)), 5, on_layer)
    return found
