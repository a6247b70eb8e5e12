"""Stepping by 1e-6, as the paper's code does, finds nothing that is not found exactly, and misses thin pieces."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from lrviz.engine.find_pieces import find_pieces
from lrviz.models.images import load_image
from lrviz.network.program import Program
from lrviz.views.scene import load_program
from tests.cases import CASE
from tests.stepping import EPSILON, pre_activations, step_along


def assert_nothing_new(module, program, start, end):
    exact, stepped = find_pieces(program, start, end).breakpoints, step_along(module, start, end)
    assert len(stepped) + 2 <= len(exact)
    assert np.abs(exact[:, None] - stepped).min(0).max(initial=0) < 2 * EPSILON
    return exact, stepped


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "name", ["mlp-50-50", "mlp-one-layer", "mlp-deep", "mlp-16-inputs", "dead-units", "twin-units"]
)
def test_stepping_finds_no_more(name, seed):
    case = CASE[name]
    start, end = case.plane().embed(case.window().random_points(2, seed=seed))
    exact, stepped = assert_nothing_new(case.module, case.program, start, end)
    wide = (np.diff(exact) > 3 * EPSILON).all()
    assert not wide or len(stepped) + 2 == len(exact)


def test_stepping_finds_no_more_on_a_trained_network():
    model, program = load_program("cnn5-w1-noise20")
    start, end = (model.normalise(load_image(f"samples:{index}").image).double() for index in (0, 1))
    exact, stepped = assert_nothing_new(copy.deepcopy(model.module).double(), program, start, end)
    assert len(stepped) > 0.9 * len(exact)


def test_a_thin_piece_is_missed_by_stepping_only():
    """Two units change half a step from each other: the second is jumped over."""
    module = nn.Sequential(nn.Linear(1, 3), nn.ReLU(), nn.Linear(3, 1)).double()
    with torch.no_grad():
        module[0].weight[:] = 1.0
        module[0].bias[:] = torch.tensor([-0.25, -0.25 - EPSILON / 2, -0.75], dtype=torch.float64)
    program = Program.from_module(module, torch.zeros(1, 1, dtype=torch.float64))
    ends = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    exact, stepped = assert_nothing_new(module, program, *ends)
    assert exact == pytest.approx([0, 0.25, 0.25 + EPSILON / 2, 0.75, 1], abs=1e-12)
    assert stepped == pytest.approx([0.25, 0.75], abs=1e-12)


def test_the_rates_of_the_oracle_are_differences():
    case = CASE["mlp-16-inputs"]
    start, end = case.plane().embed(case.window().random_points(2, seed=0))
    values, rates = pre_activations(case.module, start[None], (end - start)[None])
    moved, _ = pre_activations(case.module, (start + 1e-7 * (end - start))[None], (end - start)[None])
    torch.testing.assert_close((moved - values) / 1e-7, rates, rtol=1e-5, atol=1e-5)
