"""Measures of segments against closed forms and quadrature."""

import numpy as np
import pytest
import torch
from cases import CASE
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from lrviz.engine.find_pieces import find_pieces
from lrviz.measures import path as piecewise
from lrviz.results.pieces import Pieces


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


@pytest.mark.parametrize("name", ["mlp-16-inputs", "residual", "branches", "twin-filters", "no-relu"])
def test_deviation_equals_quadrature_on_real_networks(name: str) -> None:
    case = CASE[name]
    pieces = find_pieces(case.program, *case.plane().embed(case.plane().anchors[:2]))
    np.testing.assert_allclose(piecewise.deviation(pieces), integrate_densely(pieces), rtol=1e-5, atol=1e-9)
    summary = piecewise.summarise(pieces)
    assert summary.num_pieces == len(pieces)
    assert (summary.variation >= np.abs(pieces.values[-1] - pieces.values[0]) * (1 - 1e-12)).all()


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
@settings(max_examples=60, deadline=None)
def test_deviation_equals_quadrature(steps: list[tuple[float, float]], length: float) -> None:
    widths, heights = np.array(steps).T
    positions = np.concatenate([[0], np.cumsum(widths[1:]) / widths[1:].sum()])
    positions[-1] = 1.0
    pieces = polyline(positions.tolist(), heights[:, None].tolist(), length)
    np.testing.assert_allclose(piecewise.deviation(pieces), integrate_densely(pieces, 20_001), atol=1e-2 * length)
    published = piecewise.deviation_as_published(pieces)
    assert (published >= piecewise.deviation(pieces) - 1e-9).all()
