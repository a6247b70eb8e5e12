import numpy as np
import pytest
import torch

from lrviz.engine.find_pieces import find_path_pieces
from lrviz.errors import InvalidRequest
from lrviz.measures.curve import exact_curve, sample_curve, thin
from lrviz.measures.path import deviation
from tests.pictures import network


def points():
    generator = torch.Generator(device="cpu").manual_seed(4)
    return torch.randn(4, 6, generator=generator, device="cpu", dtype=torch.float64)


def path():
    return find_path_pieces(network(), points())


def test_an_exact_curve_has_one_knot_per_breakpoint_and_anchor():
    curve, pieces = exact_curve(path()), path()
    assert curve.num_pieces == len(pieces.pattern)
    assert curve.num_segments == 3
    assert (np.diff(curve.position) > 0).all()
    np.testing.assert_allclose(np.diff(curve.position[curve.anchors]), pieces.length, rtol=1e-14)
    for index in range(3):
        part, own = pieces.segment(index), slice(curve.anchors[index] + 1, curve.anchors[index + 1])
        np.testing.assert_array_equal(curve.unit[own], part.unit)
        np.testing.assert_array_equal(curve.layer[own], part.layer)
        np.testing.assert_array_equal(curve.values[own], part.values[1:-1])
        assert (curve.segment[own] == index).all()
        assert curve.segment[curve.anchors[index]] == index
    assert (curve.unit[curve.anchors] == -1).all()


def test_the_curve_is_the_network():
    curve, ends = exact_curve(path()), points()
    place = np.linspace(0, curve.length, 57)
    anchors = curve.position[curve.anchors]
    inputs = np.stack([np.interp(place, anchors, column) for column in ends.numpy().T], 1)
    expected = network()(torch.tensor(inputs, device="cpu")).numpy()
    for output in range(3):
        np.testing.assert_allclose(curve.at(place, output), expected[:, output], rtol=1e-9, atol=1e-12)


def test_the_area_between_curve_and_chord_is_the_deviation():
    curve, pieces = exact_curve(path()), path()
    place = np.unique(np.concatenate([np.linspace(0, curve.length, 200_001), curve.position]))
    for output in range(3):
        difference = np.abs(curve.at(place, output) - curve.chord_at(place, output))
        total = sum(deviation(segment)[output] for segment in pieces.segments())
        assert np.trapezoid(difference, place) == pytest.approx(total, rel=1e-6)


def test_a_sampled_curve_lies_on_the_exact_one():
    exact, sampled = exact_curve(path()), sample_curve(network(), points(), 10)
    assert not sampled.is_exact
    assert (len(sampled.position), sampled.num_segments) == (31, 3)
    np.testing.assert_allclose(sampled.position[sampled.anchors], exact.position[exact.anchors], rtol=1e-12)
    np.testing.assert_allclose(sampled.values[:, 1], exact.at(sampled.position, 1), rtol=1e-9, atol=1e-12)


def test_a_piece_holds_the_positions_between_its_knots():
    curve = exact_curve(path())
    middle = (curve.position[1:] + curve.position[:-1]) / 2
    np.testing.assert_array_equal(curve.piece_at(middle), np.arange(curve.num_pieces))
    np.testing.assert_array_equal(curve.piece_at(np.array([-1.0, curve.length + 1])), [0, curve.num_pieces - 1])


def test_knots_between_two_positions():
    curve = exact_curve(path())
    low, high = curve.position[5], curve.position[9]
    assert curve.knots_between(low, high) == slice(6, 9)


def test_thinning_keeps_first_lowest_highest_and_last_of_every_column():
    generator = np.random.default_rng(0)
    position = np.sort(generator.random(5000)) * 7 + 2
    values = generator.normal(size=5000)
    x, y = thin(position, values, 50)
    assert len(x) <= 200
    assert set(zip(x, y, strict=True)) <= set(zip(position, values, strict=True))
    assert (np.diff(x) > 0).all()
    share = (position - position[0]) / (position[-1] - position[0])
    own = (x - position[0]) / (position[-1] - position[0])
    for column in range(50):
        inside = values[np.minimum((share * 50).astype(int), 49) == column]
        kept = y[np.minimum((own * 50).astype(int), 49) == column]
        assert (kept.min(), kept.max(), kept[0], kept[-1]) == (inside.min(), inside.max(), inside[0], inside[-1])


def test_few_points_are_all_kept():
    position = np.linspace(0, 1, 200)
    x, _ = thin(position, np.sin(position), 50)
    assert x is position


def test_a_path_that_was_stopped_at_once_has_no_curve():
    stopped = find_path_pieces(network(), points(), cancelled=lambda: True)
    with pytest.raises(InvalidRequest, match="at least one segment"):
        exact_curve(stopped)
