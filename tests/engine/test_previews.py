"""While regions are being found, those that are there already can be seen, from the middle outwards."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lrviz.engine import find_regions as module
from lrviz.engine import tiles
from lrviz.engine.find_regions import find_regions
from lrviz.engine.tiles import Limits, work_off
from lrviz.geometry.plane import Window
from lrviz.network.program import Program
from lrviz.results.check import check
from tests.cases import mlp, random_plane

WINDOW = Window.rectangle((0.0, 0.0), 1.5)


@pytest.fixture
def found_and_seen(monkeypatch):
    """The regions of a window in small tiles, and a preview after each of these."""
    few = Limits(tile_units=40, program_units=1024, chunk=4096, workers=1)
    monkeypatch.setattr(tiles.Limits, "of", lambda _: few)
    monkeypatch.setattr(module, "_PREVIEW_SECONDS", 0.0)
    monkeypatch.setattr(module._Pace, "rest", lambda self: None)
    network, shape = mlp(6, 96, 64, 3, seed=1)()
    program, seen = Program.from_module(network, torch.zeros(1, *shape)), []
    return find_regions(program, random_plane(6)(), WINDOW, preview=seen.append), seen


def test_previews_grow_to_what_is_found(found_and_seen):
    found, seen = found_and_seen
    assert len(seen) > 8
    assert {regions.status for regions in seen} == {"cancelled"}
    areas = [regions.area.sum() for regions in seen]
    assert areas == sorted(areas)
    for regions in seen:
        check(regions)
        place = np.searchsorted(found.pattern, regions.pattern)
        assert (found.pattern[place] == regions.pattern).all()
        assert (regions.area <= found.area[place] * (1 + 1e-9) + 1e-15).all()


def test_the_middle_is_seen_first(found_and_seen):
    found, seen = found_and_seen
    half = next(regions for regions in seen if regions.area.sum() > WINDOW.area / 2)
    inner, outer = (np.abs(regions.centroid).max(1) < 0.6 for regions in (half, found))
    assert half.area.sum() < 0.8 * WINDOW.area
    assert half.area[inner].sum() > 0.95 * found.area[outer].sum()


def test_previews_take_a_fifth_of_the_time_at_most(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    pace, shown = module._Pace(0.0), 0.0
    while now[0] < 100:
        if pace.is_due:
            now[0] += 2.0
            shown += 2.0
            pace.rest()
        now[0] += 0.1
    assert 10 < shown <= 21


def test_tasks_of_a_lower_rank_come_first():
    order = []

    def step(task):
        order.append(task)
        return ([1, 5, 3] if task == 0 else []), [task]

    assert sorted(work_off([0, 9], step, 1, lambda task: task)) == [0, 1, 3, 5, 9]
    assert order == [0, 1, 3, 5, 9]


def test_among_equals_the_newest_come_first():
    order = []

    def step(task):
        order.append(task)
        return (["c", "d"] if task == "b" else []), []

    list(work_off(["a", "b"], step, 1))
    assert order == ["b", "d", "c", "a"]
