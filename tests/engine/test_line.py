"""The pieces of segments, against dense evaluation and bisection."""

import numpy as np
import pytest
import torch

from lrviz.engine import find_pieces as line
from lrviz.engine.find_pieces import find_path_pieces, find_pieces
from lrviz.errors import InvalidPlane
from lrviz.measures.path import density, deviation, deviation_as_published, variation
from lrviz.results.pieces import Pieces
from tests.cases import CASE, CASES, Case

ALL = [case.name for case in CASES]
GENERIC = [case.name for case in CASES if not case.degenerate]


def ends_of(case: Case) -> np.ndarray:
    return case.window().random_points(2, seed=11)


def pieces_of(case: Case) -> Pieces:
    return find_pieces(case.program, *case.plane().embed(ends_of(case)))


def at(case: Case, position: np.ndarray) -> torch.Tensor:
    start, end = ends_of(case)
    return case.plane().embed(start + np.asarray(position)[:, None] * (end - start))


@pytest.mark.parametrize("name", ALL)
def test_the_network_is_affine_on_every_piece(name: str) -> None:
    case = CASE[name]
    pieces = pieces_of(case)
    share = np.array([0.25, 0.5, 0.9])
    width = np.diff(pieces.breakpoints)
    position = pieces.breakpoints[:-1, None] + width[:, None] * share
    expected = case.program(at(case, position.ravel())).numpy().reshape(len(pieces), 3, -1)
    low, high = pieces.values[:-1, None], pieces.values[1:, None]
    scale = max(np.abs(expected).max(), 1e-3)
    assert np.abs(low + share[:, None] * (high - low) - expected).max() < 1e-9 * scale


@pytest.mark.parametrize("name", GENERIC)
def test_every_change_of_pattern_is_found(name: str) -> None:
    """Bisect between neighbours of a dense grid wherever the pattern changes, down to 1e-9."""
    case = CASE[name]
    pieces = pieces_of(case)
    grid = np.linspace(0, 1, 2001)
    patterns = case.program.patterns(at(case, grid))
    assert np.isin(patterns[1:-1], pieces.pattern).all()
    low, high = (grid[i] for i in (np.flatnonzero(np.diff(patterns)), np.flatnonzero(np.diff(patterns)) + 1))
    left = case.program.patterns(at(case, low))
    for _ in range(25):
        middle = (low + high) / 2
        same = case.program.patterns(at(case, middle)) == left
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    distance = np.abs(pieces.breakpoints - low[:, None]).min(1)
    assert distance.max(initial=0) < 1e-8


@pytest.mark.parametrize("name", GENERIC)
def test_the_pattern_of_every_piece_is_that_of_its_middle(name: str) -> None:
    case = CASE[name]
    pieces = pieces_of(case)
    middle = (pieces.breakpoints[1:] + pieces.breakpoints[:-1]) / 2
    wide = np.diff(pieces.breakpoints) > 1e-8
    assert (case.program.patterns(at(case, middle[wide])) == pieces.pattern[wide]).all()


@pytest.mark.parametrize("name", ["mlp-50-50", "residual", "twin-filters", "black-image"])
def test_the_whole_segment_is_covered_in_order(name: str) -> None:
    pieces = pieces_of(CASE[name])
    assert pieces.breakpoints[0] == 0
    assert pieces.breakpoints[-1] == pytest.approx(1, abs=1e-15)
    assert (np.diff(pieces.breakpoints) > 0).all()
    assert (pieces.unit >= 0).all()
    assert (pieces.layer == CASE[name].program.layer_of(pieces.unit)).all()


def test_cancelling_returns_no_piece_and_the_first_value() -> None:
    case = CASE["mlp-50-50"]
    inputs = case.plane().embed(ends_of(case))
    pieces = find_pieces(case.program, *inputs, cancelled=lambda: True)
    assert (pieces.status, len(pieces)) == ("cancelled", 0)
    assert pieces.values[0] == pytest.approx(case.program(inputs[:1])[0].numpy())


def test_equal_ends_are_refused() -> None:
    case = CASE["mlp-50-50"]
    point = case.plane().embed(ends_of(case))[0]
    with pytest.raises(InvalidPlane, match="two different inputs"):
        find_pieces(case.program, point, point)


def test_a_path_is_its_segments_one_after_the_other() -> None:
    case = CASE["residual"]
    points = case.plane().embed(case.window().random_points(4, seed=5))
    path = find_path_pieces(case.program, points)
    assert len(path) == 3
    for index in range(3):
        one, alone = path.segment(index), find_pieces(case.program, points[index], points[index + 1])
        assert (one.pattern == alone.pattern).all()
        assert (one.unit == alone.unit).all()
        assert one.breakpoints == pytest.approx(alone.breakpoints, abs=1e-12)
        assert one.values == pytest.approx(alone.values, abs=1e-9)
        assert one.length == pytest.approx(alone.length)


def test_a_cancelled_path_holds_no_unfinished_segment() -> None:
    case = CASE["mlp-50-50"]
    points = case.plane().embed(case.window().random_points(3, seed=5))
    path = find_path_pieces(case.program, points, cancelled=lambda: True)
    assert (path.status, len(path), path.values.shape) == ("cancelled", 0, (0, case.program.num_outputs))


@pytest.mark.parametrize("name", ["mlp-deep", "residual", "branches", "cnn"])
@pytest.mark.parametrize("max_knots", [3, 20])
def test_cutting_into_stretches_changes_nothing(name: str, max_knots: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With small plans there are many stretches, and some must be halved."""
    case = CASE[name]
    points = case.plane().embed(case.window().random_points(4, seed=7))
    expected = find_path_pieces(case.program, points)
    monkeypatch.setattr(line, "_max_knots", lambda program: max_knots)
    monkeypatch.setattr(line, "_SURPLUS", 2)
    received = find_path_pieces(case.program, points)
    assert received.starts.tolist() == expected.starts.tolist()
    assert received.pattern.tolist() == expected.pattern.tolist()
    assert received.unit.tolist() == expected.unit.tolist()
    assert received.breakpoints == pytest.approx(expected.breakpoints, abs=1e-9)
    assert received.values == pytest.approx(expected.values, abs=1e-9 * np.abs(expected.values).max())


def test_cancelling_later_keeps_what_leads_up_to_the_first_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASE["mlp-deep"]
    ends = case.plane().embed(ends_of(case))
    whole = find_pieces(case.program, *ends)
    monkeypatch.setattr(line, "_max_knots", lambda program: 4)
    reached: list[float] = []
    part = find_pieces(
        case.program,
        *ends,
        progress=lambda fraction, text: reached.append(fraction),
        cancelled=lambda: bool(reached) and reached[-1] > 0.3,
    )
    assert part.status == "cancelled"
    assert 0 < len(part) < len(whole)
    assert part.breakpoints[-1] < 1
    assert part.breakpoints[:-1] == pytest.approx(whole.breakpoints[: len(part)], abs=1e-9)
    assert part.pattern.tolist() == whole.pattern[: len(part)].tolist()
    here = case.plane().embed(ends_of(case))
    reached = find_pieces(case.program, here[0], torch.lerp(here[0], here[1], part.breakpoints[-1]))
    for measure in (density, deviation, variation, deviation_as_published):
        assert measure(part) == pytest.approx(measure(reached), rel=1e-6)
    assert np.isnan(density(find_pieces(case.program, *ends, cancelled=lambda: True)))


def test_a_path_needs_two_points() -> None:
    case = CASE["mlp-50-50"]
    with pytest.raises(InvalidPlane, match="at least two points"):
        find_path_pieces(case.program, case.plane().embed(ends_of(case))[:1])
