"""A restricted network equals the network, at the window's points and in every pattern."""

import numpy as np
import pytest
import torch

from lrviz.engine.restrict import Restriction, TooManyUnits, restrict
from lrviz.engine.twins import group_twins
from lrviz.network.patterns import xor_active
from tests.cases import CASE, CASES

ALL = [case.name for case in CASES]
SQUARE = [[1.0, -1, -1], [1, 1, -1], [1, 1, 1], [1, -1, 1]]


def corners() -> torch.Tensor:
    return torch.tensor(SQUARE, dtype=torch.float64, device="cpu")


def zeros(name: str) -> list[torch.Tensor]:
    window, plane = CASE[name].window(), CASE[name].plane()
    return CASE[name].program.zeros(plane.embed(np.vstack([window.corners, window.center])))


def restriction_of(name: str, share: float = 0.7) -> tuple[Restriction, torch.Tensor]:
    case = CASE[name]
    rows = case.plane().rows(case.window().center, share * case.window().radius)
    return restrict(case.program, rows, corners(), zeros(name)), rows


def run(restriction: Restriction, x: torch.Tensor) -> tuple[torch.Tensor, int, bool]:
    """Outputs and pattern id at local coordinates (3,), and whether all remainders are in their range."""
    e, on = torch.zeros_like(restriction.reach), torch.zeros(restriction.num_units, dtype=torch.bool, device="cpu")
    for stage in restriction.stages:
        z = restriction.affine[stage.rows] @ x + restriction.coupling[stage.rows] @ e
        zero = (restriction.zero + 4e-15 * restriction.terms)[stage.rows]
        wins = torch.zeros_like(on[stage.rows]) if stage.is_maximum else z > zero
        for owner in range(stage.remainders.start, stage.remainders.stop) if stage.is_maximum else ():
            own = (restriction.owner[stage.rows] == owner).nonzero()[:, 0]
            wins[own[z[own] >= z[own].max() - 2 * zero[own]][0]] = True
        mixed = (wins.to(z.dtype) - restriction.mix[stage.rows]) * z
        e.index_add_(0, restriction.owner[stage.rows], mixed)
        on[stage.rows] = wins & (z.abs() > zero)
    within = bool(((e >= -1e-12) & (e <= restriction.reach + 1e-9)).all())
    pattern = int(restriction.base) ^ int(xor_active(on[:, None], restriction.key)[0])
    return restriction.output_affine @ x + restriction.output_coupling @ e, pattern % 2**64, within


@pytest.mark.parametrize("name", ALL)
def test_the_restriction_and_its_restriction_equal_the_network(name: str) -> None:
    case = CASE[name]
    restriction, rows = restriction_of(name)
    frame = torch.tensor([[1, 0, 0], [0.3, 0.5, 0], [-0.2, 0, 0.5]], dtype=torch.float64, device="cpu")
    smaller = restriction.shrink(frame, corners())
    assert smaller.num_units <= restriction.num_units
    rng = np.random.default_rng(0)
    for uv in rng.uniform(-1, 1, (20, 2)):
        local = torch.tensor([1.0, *uv], dtype=torch.float64, device="cpu")
        outside = frame @ local
        inputs = torch.einsum("i,i...->...", outside, rows)[None]
        expected = case.program(inputs)[0]
        scale = max(float(expected.abs().max()), 1e-3)
        for network, x in ((restriction, outside), (smaller, local)):
            output, pattern, within = run(network, x)
            assert float((output - expected).abs().max()) < 1e-10 * scale
            assert within
            if not case.degenerate:
                assert pattern == case.program.patterns(inputs)[0]


@pytest.mark.parametrize("name", ["mlp-50-50", "residual", "cnn"])
def test_only_units_that_can_change_sign_remain(name: str) -> None:
    case = CASE[name]
    small, _ = restriction_of(name, 0.05)
    large, _ = restriction_of(name, 0.7)
    assert small.num_units < large.num_units < case.program.num_units


def test_twins_are_found_whatever_their_factor() -> None:
    restriction, _ = restriction_of("twin-units")
    twin = group_twins(restriction).numpy()
    assert (twin < np.arange(len(twin))).any()
    for unit, first in enumerate(twin):
        if first != unit:
            rows = restriction.affine[[unit, int(first)]].numpy()
            assert abs(rows[0, 1] * rows[1, 2] - rows[0, 2] * rows[1, 1]) < 1e-9


def test_a_generic_network_has_no_twins() -> None:
    restriction, _ = restriction_of("mlp-50-50")
    assert group_twins(restriction).tolist() == list(range(restriction.num_units))


def test_too_many_units_are_reported() -> None:
    case = CASE["mlp-50-50"]
    with pytest.raises(TooManyUnits):
        restrict(case.program, case.plane().rows(case.window().center, 1.0), corners(), zeros("mlp-50-50"), max_units=3)
