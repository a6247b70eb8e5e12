"""How a window is cut into tiles."""

import gc
import weakref

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lrviz.engine import tiles
from lrviz.engine.find_regions import find_regions
from lrviz.geometry.plane import Plane, Window
from lrviz.geometry.polygons import signed_areas
from lrviz.geometry.validity import polygon_faults
from lrviz.network.program import Program
from tests.cases import CASE


def test_cuts_that_settle_no_units_are_soon_given_up(monkeypatch):
    torch.manual_seed(1)
    pools = [nn.Conv2d(2, 12, 1), nn.MaxPool2d(3, 1, 1), nn.Conv2d(12, 12, 1), nn.MaxPool2d(3, 1, 1)]
    program = Program.from_module(nn.Sequential(*pools, nn.Flatten(), nn.Linear(48, 3)), torch.zeros(1, 2, 2, 2))
    plane = Plane.through(*torch.randn(3, 2, 2, 2, generator=torch.Generator().manual_seed(1)))
    window = Window.rectangle((0.0, 0.0), 0.1)
    expected = find_regions(program, plane, window)
    restrict_part, restricted = tiles._restrict_part, []

    def restrict_and_count(*arguments):
        restricted.append(arguments[2].parent is None)
        return restrict_part(*arguments)

    monkeypatch.setattr(tiles, "_restrict_part", restrict_and_count)
    few = tiles.Limits(tile_units=4, program_units=24, chunk=4096, workers=1)
    monkeypatch.setattr(tiles.Limits, "of", lambda _: few)
    regions = find_regions(program, plane, window)
    assert 1 < sum(restricted) <= 1 + 2 + 4 + 8
    assert np.array_equal(np.sort(regions.pattern), np.sort(expected.pattern))


def test_a_network_that_takes_much_memory_is_restricted_once_at_a_time(monkeypatch):
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(6, 96), nn.ReLU(), nn.Linear(96, 64), nn.ReLU(), nn.Linear(64, 3))
    program = Program.from_module(module, torch.zeros(1, 6))
    plane = Plane.through(*torch.randn(3, 6, generator=torch.Generator().manual_seed(1)))
    window = Window.rectangle((0.0, 0.0), 0.5)
    expected = find_regions(program, plane, window)
    restrict, inside, most = tiles.restrict, [], []

    def restrict_and_count(*arguments):
        inside.append(1)
        most.append(len(inside))
        try:
            return restrict(*arguments)
        finally:
            inside.pop()

    monkeypatch.setattr(tiles, "restrict", restrict_and_count)
    large = tiles.Limits(tile_units=16, program_units=20, chunk=4096, workers=4, is_large=True)
    monkeypatch.setattr(tiles.Limits, "of", lambda _: large)
    regions = find_regions(program, plane, window)
    assert len(most) > 4 and set(most) == {1}
    assert np.array_equal(np.sort(regions.pattern), np.sort(expected.pattern))


def test_the_memory_of_a_network_grows_with_its_largest_layer():
    def program(size):
        torch.manual_seed(0)
        return Program.from_module(nn.Sequential(nn.Linear(2, size), nn.ReLU(), nn.Linear(size, 2)), torch.zeros(1, 2))

    small, large = (tiles.peak_bytes(program(size)) for size in (10, 100))
    assert large == 10 * small


def test_what_a_refused_restriction_worked_on_is_freed_at_once(monkeypatch):
    case = CASE["mlp-50-50"]
    few = tiles.Limits(tile_units=4, program_units=30, chunk=4096, workers=1)
    monkeypatch.setattr(tiles.Limits, "of", lambda _: few)
    restrict, worked_on = tiles.restrict, []

    def restrict_with_an_array(*arguments):
        array = torch.zeros(1)
        worked_on.append(weakref.ref(array))
        return restrict(*arguments)

    monkeypatch.setattr(tiles, "restrict", restrict_with_an_array)
    held = []
    gc.disable()
    try:
        find_regions(case.program, case.plane(), case.window(), progress=lambda *_: held.append(num_alive(worked_on)))
    finally:
        gc.enable()
    assert len(worked_on) > 10
    assert max(held) <= 1  # what is worked on now


def num_alive(references):
    return sum(reference() is not None for reference in references)


@settings(max_examples=50)
@given(st.integers(0, 10_000))
def test_the_halves_of_a_part_are_convex_and_make_up_the_whole(seed: int) -> None:
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 9)))
    corners = np.stack([np.cos(angles), rng.choice([1.0, 1e-6]) * np.sin(angles)], 1)
    halves = tiles.Part(corners=corners, labels=-1 - np.arange(len(corners))).halves()
    areas = []
    for half in halves:
        offsets = np.array([0, len(half.corners)])
        areas.append(signed_areas(half.corners, offsets)[0])
        assert not polygon_faults(half.corners, offsets, 1.0)
        assert (half.labels == tiles.CUT).sum() == 1
        assert set(half.labels) <= {tiles.CUT, *(-1 - np.arange(len(corners)))}
    assert abs(sum(areas) - signed_areas(corners, np.array([0, len(corners)]))[0]) < 1e-14
    ends = [
        half.corners[[place, place - len(half.corners) + 1]]
        for half in halves
        for place in np.flatnonzero(half.labels == tiles.CUT)
    ]
    assert np.array_equal(ends[0], ends[1][::-1])
