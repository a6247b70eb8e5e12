"""Ragged polygons against shapely, empty ones among them."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from lrviz.geometry.polygons import (
    dents,
    every_other,
    largest,
    next_vertex,
    polygon_of,
    previous_vertex,
    side_lengths,
    signed_areas,
    smallest,
    total,
)


@st.composite
def ragged(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Some convex polygons, and empty ones before, between and behind them."""
    counts = draw(st.lists(st.sampled_from([0, 0, 3, 4, 7]), min_size=1, max_size=8))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    rounds = [np.sort(rng.choice(360, count, replace=False)) * np.pi / 180 for count in counts]
    polygons = [rng.normal(size=2) + rng.uniform(0.1, 9) * np.stack([np.cos(a), np.sin(a)], 1) for a in rounds]
    return np.concatenate(polygons).reshape(-1, 2), np.concatenate([[0], np.cumsum(counts)])


def split(coordinates: np.ndarray, offsets: np.ndarray) -> list[np.ndarray]:
    return np.split(coordinates, offsets[1:-1])


@given(ragged())
def test_every_number_is_that_of_the_single_polygon(polygons: tuple[np.ndarray, np.ndarray]) -> None:
    parts = [shapely.Polygon(part) for part in split(*polygons)]
    np.testing.assert_allclose(signed_areas(*polygons), [part.area for part in parts], atol=1e-12)
    np.testing.assert_allclose(total(side_lengths(*polygons), polygons[1]), [part.length for part in parts])
    assert not dents(*polygons).any()


@given(ragged())
def test_vertices_follow_each_other_around_their_polygon(polygons: tuple[np.ndarray, np.ndarray]) -> None:
    coordinates, offsets = polygons
    rolled = [np.roll(part, -1, 0) for part in split(coordinates, offsets)]
    np.testing.assert_array_equal(coordinates[next_vertex(offsets)], np.concatenate(rolled))
    np.testing.assert_array_equal(next_vertex(offsets)[previous_vertex(offsets)], np.arange(len(coordinates)))
    owners = [np.full(len(part), index) for index, part in enumerate(split(coordinates, offsets))]
    np.testing.assert_array_equal(polygon_of(offsets), np.concatenate(owners))
    extremes = [(part[:, 0].min(), part[:, 0].max()) if len(part) else (-1.0, 1.0) for part in split(*polygons)]
    np.testing.assert_array_equal(smallest(coordinates[:, 0], offsets, -1.0), [low for low, _ in extremes])
    np.testing.assert_array_equal(largest(coordinates[:, 0], offsets, 1.0), [high for _, high in extremes])


@given(ragged(), st.integers(0, 1000))
def test_every_other_one_of_some_vertices_leaves_no_two_neighbours_and_not_none(
    polygons: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    coordinates, offsets = polygons
    chosen = np.random.default_rng(seed).random(len(coordinates)) < 0.7
    result = every_other(chosen, offsets)
    assert not (result & ~chosen).any()
    assert not (result & result[next_vertex(offsets)]).any()
    beside = result | result[next_vertex(offsets)] | result[previous_vertex(offsets)]
    assert beside[chosen].all()


@pytest.mark.parametrize("offsets", [[0], [0, 0], [0, 0, 0]])
def test_nothing_at_all_is_fine(offsets: list[int]) -> None:
    none, starts = np.zeros((0, 2)), np.array(offsets)
    assert len(next_vertex(starts)) == len(previous_vertex(starts)) == len(polygon_of(starts)) == 0
    assert signed_areas(none, starts).tolist() == [0.0] * (len(offsets) - 1)
    assert len(dents(none, starts)) == 0


def test_a_dent_is_as_deep_as_it_is() -> None:
    dart = np.array([[0.0, 0], [2, 0], [1, 0.25], [0, 2]])
    deep = dents(dart, np.array([0, 4]))
    chord = np.array([-2.0, 2]) / np.sqrt(8)
    assert deep[[0, 1, 3]].tolist() == [0, 0, 0]
    assert deep[2] == pytest.approx(abs(chord[0] * 0.25 - chord[1] * -1.0))


def test_a_clockwise_polygon_has_a_negative_area() -> None:
    assert signed_areas(np.array([[0.0, 0], [0, 1], [1, 0]]), np.array([0, 3])).tolist() == [-0.5]
