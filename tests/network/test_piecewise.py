"""Measures of segments against closed forms and quadrature."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from torch import nn

from lrviz.engine.find_pieces import find_path_pieces, find_pieces
from lrviz.engine.requests import request_key, run
from lrviz.measures import gradients
from lrviz.measures import path as piecewise
from lrviz.measures.gradients import input_similarities
from lrviz.measures.requests import MeasureRequest
from lrviz.network.program import Program
from lrviz.results.pieces import Pieces
from lrviz.results.store import MemoryStore
from tests.cases import CASE, dense


def polyline(positions: list[float], values: list[list[float]], length: float = 1.0) -> Pieces:
    inner = len(positions) - 2
    return Pieces(
        breakpoints=np.array(positions, float), values=np.array(values, float),
        pattern=np.arange(inner + 1, dtype=np.uint64), unit=np.zeros(inner, int), layer=np.zeros(inner, int),
        length=length,
    )  # fmt: skip


def integrate_densely(pieces: Pieces, points: int = 200_001) -> np.ndarray:
    """Integral (K,) of |f - chord| by the midpoint rule."""
    t = (np.arange(points) + 0.5) / points
    f = np.stack([np.interp(t, pieces.breakpoints, column) for column in pieces.values.T], 1)
    chord = (1 - t[:, None]) * pieces.values[0] + t[:, None] * pieces.values[-1]
    return pieces.length * np.abs(f - chord).mean(0)


def test_a_tent() -> None:
    """0, 1, 0 and its negative: a triangle of base 3 and height 1."""
    pieces = polyline([0, 0.5, 1], [[0, 0], [1, -1], [0, 0]], length=3.0)
    assert piecewise.deviation(pieces).tolist() == [1.5, 1.5]
    assert piecewise.variation(pieces).tolist() == [2, 2]
    assert piecewise.density(pieces) == 2 / 3


def test_a_difference_that_changes_its_sign() -> None:
    """0, 1, -1, 0 at 0, 1/4, 3/4, 1: four triangles of base 1/4 and height 1."""
    pieces = polyline([0, 0.25, 0.75, 1], [[0], [1], [-1], [0]])
    assert piecewise.deviation(pieces) == pytest.approx([0.5])
    assert piecewise.variation(pieces).tolist() == [4]


def test_the_published_sum_is_larger_where_terms_cancel() -> None:
    """On the tent's second side the difference 2 - 2 t counts as 2 + 2 t: 1 + 3 / 4 in place of 1 / 4."""
    pieces = polyline([0, 0.5, 1], [[0], [1], [0]])
    assert piecewise.deviation(pieces) == pytest.approx([0.5])
    assert piecewise.deviation_as_published(pieces) == pytest.approx([0.25 + 1 + 0.75])


def test_a_straight_line_deviates_nowhere() -> None:
    pieces = polyline([0, 0.25, 1], [[1, 5], [2, 5], [5, 5]], length=2.0)
    np.testing.assert_allclose(piecewise.deviation(pieces), 0, atol=1e-15)
    assert piecewise.variation(pieces).tolist() == [4, 0]


def test_slopes_of_a_polyline() -> None:
    """Slopes 2, 1, -1, 0 on 1/2, 1/4, 1/8, 1/8 of a segment of length 2; the second output is flat."""
    pieces = polyline([0, 0.5, 0.75, 0.875, 1], [[0, 3], [2, 3], [2.5, 3], [2.25, 3], [2.25, 3]], length=2.0)
    np.testing.assert_allclose(piecewise.slopes(pieces), [[2, 0], [1, 0], [-1, 0], [0, 0]])
    np.testing.assert_allclose(piecewise.slope(pieces), [np.sqrt(4 / 2 + 1 / 4 + 1 / 8), 0])
    np.testing.assert_allclose(piecewise.jump(pieces), [(1 + 2 + 1) / 3, 0])
    np.testing.assert_allclose(piecewise.similarity(pieces), [(1 - 1 + 0) / 3, 1])
    assert piecewise.joint_similarity(pieces) == pytest.approx((1 - 1 + 0) / 3)


def test_joint_similarity_is_the_cosine_of_all_slopes() -> None:
    """From (1, 0) to (1, 1) to (0, 2) to (-3, 0): 45 degrees, 45 degrees, 90 degrees."""
    pieces = polyline([0, 0.25, 0.5, 0.75, 1], [[0, 0], [1, 0], [2, 1], [2, 3], [-1, 3]])
    assert piecewise.joint_similarity(pieces) == pytest.approx(np.sqrt(2) / 3)


def test_a_single_piece_has_a_slope_but_no_breakpoint() -> None:
    pieces = polyline([0, 1], [[0, 1], [4, 1]], length=2.0)
    assert piecewise.slope(pieces).tolist() == [2, 0]
    for measure in (piecewise.jump, piecewise.similarity, piecewise.joint_similarity):
        assert np.isnan(measure(pieces)).all()


def network(last_bias: float, *, twins: bool) -> nn.Module:
    """Constant where x < 0, because all last units are off there or, as twins, because their terms cancel."""
    hidden, last = nn.Linear(2, 3), nn.Linear(3, 2)
    with torch.no_grad():
        hidden.weight.copy_(dense([[1.0, 0.3], [1.0, 0.1], [-0.7, 0.9]]))
        hidden.bias.copy_(dense([0.0, 0.0, 0.1]))
        last.weight.copy_(dense([[0.3, 0.2, 0.0], [-0.1, 0.7, 0.0]]))
        last.bias.fill_(last_bias)
    module = nn.Sequential(hidden, nn.ReLU(), last).double()
    if not twins:
        return module
    split, join = nn.Linear(2, 4), nn.Linear(4, 2)
    with torch.no_grad():
        split.weight.copy_(dense([[0.1, 0.3], [0.3, -0.2], [0.1, 0.3], [0.3, -0.2]]))
        split.bias.copy_(dense([0.7, 0.9, 0.7, 0.9]))
        join.weight.copy_(dense([[0.1, 0.7, -0.1, -0.7], [0.3, 0.9, -0.3, -0.9]]))
        join.bias.zero_()
    return nn.Sequential(split, nn.ReLU(), join).double()


@pytest.mark.parametrize("twins", [False, True])
@pytest.mark.parametrize("last_bias", [0.0, 0.1])
def test_slopes_that_are_rounding_errors_are_zero(last_bias: float, twins: bool) -> None:
    program = Program.from_module(network(last_bias, twins=twins), torch.zeros(1, 2, device="cpu"))
    path = find_path_pieces(program, dense([[-5.0, 0.1], [-4.0, 3.0], [3.0, 0.2], [3.0, 0.8]]))
    for pieces, start in zip(path.segments(), (-5.0, -4.0, 3.0), strict=True):
        middle = (pieces.breakpoints[1:] + pieces.breakpoints[:-1]) / 2
        ends = {-5.0: (-5.0, -4.0), -4.0: (-4.0, 3.0), 3.0: (3.0, 3.0)}[start]
        flat = np.full(len(middle), twins) | (ends[0] + middle * (ends[1] - ends[0]) < -1.2)
        found = piecewise.slopes(pieces)
        assert (found[flat] == 0).all()
        if not twins and start == 3.0:
            assert (found != 0).all()


def test_an_offset_far_larger_than_all_changes_takes_their_digits() -> None:
    """1e9 and its neighbours among float64 numbers: what differs by an ulp is constant."""
    values = 1e9 + np.array([[0.0], [np.spacing(1e9)], [0.0], [1.0]])
    assert piecewise.slopes(polyline([0, 0.25, 0.5, 1], values.tolist())).ravel().tolist() == [0, 0, 2]


def test_similarity_of_constant_pieces() -> None:
    """relu(relu(x) - 1) where x comes and goes: flat pieces side by side are alike, a flat and a steep one are not."""
    first, second, last = nn.Linear(1, 2), nn.Linear(2, 1), nn.Linear(1, 1)
    with torch.no_grad():
        first.weight.copy_(dense([[1.0], [1.0]]))
        first.bias.copy_(dense([0.0, -0.5]))
        second.weight.copy_(dense([[1.0, 1e-9]]))
        second.bias.fill_(-1.0)
        last.weight.fill_(0.3)
        last.bias.fill_(0.7)
    program = Program.from_module(
        nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last), torch.zeros(1, 1, device="cpu")
    )
    pieces = find_pieces(program, dense([-1.0]), dense([2.0]))
    assert len(pieces) == 4  # x < 0, up to 1/2, up to 1 and beyond
    assert piecewise.similarity(pieces).tolist() == pytest.approx([(1 + 1 + 0) / 3])


@pytest.mark.parametrize("name", ["mlp-16-inputs", "residual", "branches", "saturating", "black-image"])
def test_slopes_are_the_networks_derivatives(name: str) -> None:
    """Along the path by finite differences within the pieces, and in the whole input space by autograd, one by one."""
    case = CASE[name]
    start, end = case.plane().embed(case.window().random_points(2, seed=5))
    path = find_path_pieces(case.program, torch.stack([start, end]))
    (pieces,) = path.segments()
    direction = (end - start) / pieces.length
    middle = torch.as_tensor((pieces.breakpoints[1:] + pieces.breakpoints[:-1]) / 2)
    rows = []
    for share in middle:
        x = torch.lerp(start, end, share)[None].requires_grad_()
        output = case.module(x).flatten()
        rows.append(torch.stack([torch.autograd.grad(y, x, retain_graph=True)[0].flatten() for y in output]))
    gradient = torch.stack(rows).numpy()
    expected = gradient @ direction.flatten().numpy()
    np.testing.assert_allclose(piecewise.slopes(pieces), expected, rtol=1e-5, atol=1e-8)
    received = input_similarities(case.program, torch.stack([start, end]), path)
    size = np.linalg.norm(gradient, axis=2)
    both = (size[1:] == 0) & (size[:-1] == 0)
    with np.errstate(invalid="ignore"):
        cosine = np.nan_to_num((gradient[1:] * gradient[:-1]).sum(2) / (size[1:] * size[:-1]))
    np.testing.assert_allclose(received, np.where(both, 1, cosine).mean(0)[None], rtol=1e-9)


def test_gradients_are_compared_at_some_of_many_breakpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each breakpoint with the same chance: over many choices the mean is that of all of them."""
    case = CASE["mlp-16-inputs"]
    points = case.plane().embed(case.plane().anchors[:2])
    path = find_path_pieces(case.program, points)
    every = input_similarities(case.program, points, path)
    assert 10 < len(path.unit) < gradients.MOST_BREAKPOINTS
    monkeypatch.setattr(gradients, "MOST_BREAKPOINTS", 4)
    chosen = gradients._choose(len(path.unit))
    assert len(set(chosen.tolist())) == 4 and (np.diff(chosen) > 0).all()
    found = []
    for seed in range(60):
        monkeypatch.setattr(gradients, "_SEED", seed)
        found.append(input_similarities(case.program, points, path))
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - every) < 4 * error).all()


def test_gradients_are_cancelled_and_told_of() -> None:
    case = CASE["mlp-16-inputs"]
    points = case.plane().embed(case.plane().anchors)
    whole = MeasureRequest(program=case.program, points=points, gradients=True)
    plain = MeasureRequest(program=case.program, points=points)
    assert request_key(whole) != request_key(plain)
    seen: list[float] = []
    store = MemoryStore()
    measures = run(whole, store, progress=lambda fraction, text: seen.append(fraction)).result
    assert seen == sorted(seen) and seen[-1] == pytest.approx(1)
    assert np.isfinite(measures.input_similarity).all()
    np.testing.assert_array_equal(measures.similarity, run(plain, store).result.similarity)
    found = find_path_pieces(case.program, points)
    assert input_similarities(case.program, points, found, cancelled=lambda: True) is None


@pytest.mark.parametrize("name", ["mlp-16-inputs", "residual", "branches", "twin-filters", "no-relu"])
def test_deviation_equals_quadrature_on_real_networks(name: str) -> None:
    case = CASE[name]
    pieces = find_pieces(case.program, *case.plane().embed(case.plane().anchors[:2]))
    np.testing.assert_allclose(piecewise.deviation(pieces), integrate_densely(pieces), rtol=1e-5, atol=1e-9)
    assert (piecewise.variation(pieces) >= np.abs(pieces.values[-1] - pieces.values[0]) * (1 - 1e-12)).all()


@pytest.mark.parametrize("name", ["mlp-16-inputs", "residual", "branches"])
def test_deviation_equals_adaptive_quadrature_of_the_network(name: str) -> None:
    """The network itself is integrated, told only where its pieces meet."""
    case = CASE[name]
    start, end = case.plane().embed(case.window().random_points(2, seed=11))
    pieces = find_pieces(case.program, start, end)
    with torch.inference_mode():
        first, last = (case.module(point[None])[0, 0].item() for point in (start, end))

    def difference(t: float) -> float:
        with torch.inference_mode():
            value = case.module((start + t * (end - start))[None])[0, 0].item()
        return abs(value - (1 - t) * first - t * last)

    inner = pieces.breakpoints[1:-1]
    mean, _ = integrate.quad(difference, 0, 1, points=inner, limit=10 * len(pieces), epsabs=1e-10, epsrel=1e-9)
    assert piecewise.deviation(pieces)[0] == pytest.approx(pieces.length * mean, rel=1e-8)


@given(st.lists(st.tuples(st.floats(0.01, 1), st.floats(-10, 10)), min_size=2, max_size=8), st.floats(0.1, 10))
@settings(max_examples=60)
def test_deviation_equals_quadrature(steps: list[tuple[float, float]], length: float) -> None:
    widths, heights = np.array(steps).T
    positions = np.concatenate([[0], np.cumsum(widths[1:]) / widths[1:].sum()])
    positions[-1] = 1.0
    pieces = polyline(positions.tolist(), heights[:, None].tolist(), length)
    np.testing.assert_allclose(piecewise.deviation(pieces), integrate_densely(pieces, 20_001), atol=1e-2 * length)
    published = piecewise.deviation_as_published(pieces)
    assert (published >= piecewise.deviation(pieces) - 1e-9).all()
