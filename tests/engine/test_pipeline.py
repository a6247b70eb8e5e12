"""Requests are answered once, from the store after that; their keys are their content."""

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lrviz.engine import requests as requests_module
from lrviz.engine.estimate import fitting_half_width
from lrviz.engine.find_regions import find_regions
from lrviz.engine.requests import (
    EstimateRequest,
    PathRequest,
    PiecesRequest,
    RegionsRequest,
    SamplesRequest,
    request_key,
    run,
)
from lrviz.engine.tiles import peak_bytes
from lrviz.errors import BudgetExceeded, InvalidRequest, LrvizError
from lrviz.geometry.plane import Plane, Window
from lrviz.measures.path import deviation
from lrviz.measures.requests import MeasureRequest
from lrviz.network.program import Program
from lrviz.results.diskstore import DiskStore
from lrviz.results.regions import Regions
from lrviz.results.store import MemoryStore, seal

ROOT = Path(__file__).parents[2]
WINDOW = Window.rectangle((0.0, 0.0), 2.0)


def make_program(seed=0):
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(4, 30), nn.ReLU(), nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 3))
    return Program.from_module(module, torch.zeros(1, 4))


def make_plane():
    return Plane.through(*torch.randn(3, 4, generator=torch.Generator().manual_seed(1)))


def print_keys():
    content = {"program": make_program(), "plane": make_plane(), "window": Window.rectangle((-0.0, 0.0), 2.0)}
    for request in requests(content):
        print(request_key(request))


@pytest.fixture(scope="module")
def content():
    return {"program": make_program(), "plane": make_plane(), "window": WINDOW}


@pytest.fixture(params=["memory", "disk"])
def store(request, tmp_path):
    return MemoryStore() if request.param == "memory" else DiskStore(tmp_path)


def requests(content):
    start, end = content["plane"].embed([[0.0, 0], [1, 1]])
    return [
        RegionsRequest(**content),
        EstimateRequest(**content),
        SamplesRequest(**content, resolution=8),
        PiecesRequest(program=content["program"], start=start, end=end),
        PathRequest(program=content["program"], points=torch.stack([start, end, start])),
        MeasureRequest(program=content["program"], points=torch.stack([start, end, start])),
    ]


def assert_same(first, second):
    assert type(first) is type(second)
    for name in type(first).__slots__:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)


@pytest.mark.parametrize("kind", range(6), ids=["regions", "estimate", "samples", "pieces", "path", "measures"])
def test_the_second_answer_is_the_first_from_the_store(content, store, kind):
    request = requests(content)[kind]
    first, second = run(request, store), run(requests(content)[kind], store)
    assert (first.stored, second.stored) == (False, True)
    assert_same(first.result, second.result)


def test_the_answer_is_what_the_engine_finds(content):
    outcome = run(RegionsRequest(**content), MemoryStore())
    expected = find_regions(**content)
    assert len(outcome.result) == len(expected) > 50
    np.testing.assert_array_equal(outcome.result.pattern, expected.pattern)
    assert outcome.seconds >= outcome.result.seconds > 0


def test_the_measures_of_a_path_are_those_of_its_pieces(content, store):
    *_, path, measures = requests(content)
    found, pieces = run(measures, store).result, run(path, store).result.segments()
    assert found.num_pieces.tolist() == [len(segment) for segment in pieces]
    np.testing.assert_array_equal(found.deviation, [deviation(segment) for segment in pieces])
    stopped = run(measures, MemoryStore(), cancelled=lambda: True).result
    assert (stopped.status, len(stopped), stopped.deviation.shape) == ("cancelled", 0, (0, 3))


def test_equal_content_has_equal_keys_in_another_process(content):
    code = "from tests.engine.test_pipeline import print_keys; print_keys()"
    output = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert output.split() == [request_key(request) for request in requests(content)]


def test_other_content_has_another_key(content, monkeypatch):
    base = RegionsRequest(**content)
    plane = content["plane"]
    start, end = plane.embed([[0.0, 0], [1, 1]])
    others = [
        replace(base, program=make_program(1)),
        replace(base, plane=replace(plane, origin=plane.origin + 1e-12)),
        replace(base, plane=replace(plane, basis=-plane.basis)),
        replace(base, window=Window.rectangle((0.0, 1e-12), 2.0)),
        replace(base, max_regions=199_999),
        EstimateRequest(**content),
        SamplesRequest(**content),
        SamplesRequest(**content, resolution=255),
        PiecesRequest(program=content["program"], start=start, end=end),
        PiecesRequest(program=content["program"], start=end, end=start),
        PathRequest(program=content["program"], points=torch.stack([start, end])),
        PathRequest(program=content["program"], points=torch.stack([start, end, start])),
        MeasureRequest(program=content["program"], points=torch.stack([start, end])),
    ]
    keys = {request_key(request) for request in (base, *others)}
    for place, name in ((requests_module, "ENGINE_VERSION"), (Regions, "schema")):
        with monkeypatch.context() as change:
            change.setattr(place, name, 99)
            keys.add(request_key(base))
    assert len(keys) == len(others) + 3


def test_where_the_anchors_are_does_not_matter(content):
    plane = content["plane"]
    other = replace(plane, anchors=plane.anchors + 1)
    assert request_key(RegionsRequest(**content)) == request_key(RegionsRequest(**{**content, "plane": other}))


def test_a_cancelled_result_is_returned_and_not_stored(content, store):
    request = RegionsRequest(**content)
    outcome = run(request, store, cancelled=lambda: True)
    assert outcome.result.status == "cancelled"
    assert len(store) == 0
    assert run(request, store).result.status == "complete"


def test_a_budget_that_was_hit_is_stored_under_its_budget(content, store):
    small, large = RegionsRequest(**content, max_regions=100), RegionsRequest(**content)
    assert run(small, store).result.status == "max_regions"
    again = run(small, store)
    assert (again.stored, again.result.status, len(again.result)) == (True, "max_regions", 100)
    assert run(large, store).result.status == "complete"


def test_a_hopeless_window_is_refused_with_one_that_fits(content):
    content = {**content, "window": Window.rectangle((0.5, -0.25), 2.0)}
    estimate = run(EstimateRequest(**content), MemoryStore()).result
    budget = int(estimate.num_regions / 20)
    with pytest.raises(BudgetExceeded, match=rf"holds about .* regions, and the budget is {budget}\.") as caught:
        run(RegionsRequest(**content, max_regions=budget), MemoryStore())
    assert "one around (0.5, -0.25) with half width" in str(caught.value)
    suggested = float(str(caught.value).split("half width ")[1].split(",")[0])
    half = fitting_half_width(estimate.pieces_per_length, budget)
    assert 0.9 * half <= suggested <= half
    fitting = RegionsRequest(**{**content, "window": Window.rectangle((0.5, -0.25), suggested)}, max_regions=budget)
    assert len(run(fitting, MemoryStore()).result) > 0


def test_a_budget_of_one_region_is_refused_with_a_window_as_well(content):
    content = {**content, "window": Window.rectangle((0.5, -0.25), 2.0)}
    with pytest.raises(BudgetExceeded, match=r"the budget is 1\. .* with half width 0\.\d"):
        run(RegionsRequest(**content, max_regions=1), MemoryStore())


def test_a_window_beyond_the_memory_is_refused(content, monkeypatch):
    monkeypatch.setattr(requests_module, "memory_bytes", lambda: peak_bytes(content["program"]) + 1300 * 20)
    with pytest.raises(BudgetExceeded, match="the memory is enough for 20"):
        run(RegionsRequest(**content), MemoryStore())


def test_a_network_beyond_the_memory_is_refused(content, monkeypatch):
    monkeypatch.setattr(requests_module, "memory_bytes", lambda: 1000)
    with pytest.raises(InvalidRequest, match=r"takes [\d.]+ KB of memory, more than this machine has"):
        run(RegionsRequest(**content), MemoryStore())


def test_the_half_width_that_fits_holds_that_many_regions():
    for nu, number in ((3.0, 100.0), (250.0, 200_000.0)):
        half = fitting_half_width(nu, number)
        window = Window.rectangle((0.0, 0.0), half)
        expected = 1 + nu * window.perimeter / 2 + np.pi * nu**2 * window.area / 4
        assert expected == pytest.approx(number)


@pytest.mark.parametrize("rubbish", [b"", b"no archive", b"PK\x03\x04 cut"], ids=["empty", "text", "cut"])
def test_a_stored_value_that_is_no_result_is_computed_again(content, store, rubbish):
    request = EstimateRequest(**content)
    store.put(request_key(request), rubbish)
    assert not run(request, store).stored
    assert run(request, store).stored


def test_a_result_of_another_kind_is_computed_again(content):
    store, (regions, estimate, *_) = MemoryStore(), requests(content)
    run(estimate, store)
    value = store.get(request_key(estimate))
    store._sealed[request_key(regions)] = seal(request_key(regions), value), 0.0
    outcome = run(regions, store)
    assert (outcome.stored, len(outcome.result) > 50) == (False, True)


def test_threads_that_want_the_same_compute_it_once(content, store, monkeypatch):
    calls = []

    def count(*args, **options):
        calls.append(1)
        return find_regions(*args, **options)

    monkeypatch.setattr(requests_module, "find_regions", count)
    outcomes = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(run(RegionsRequest(**content), store))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert sorted(outcome.stored for outcome in outcomes) == [False, True, True]


def test_waiting_for_another_can_be_cancelled(content, store):
    request = RegionsRequest(**content)
    with store.lock(request_key(request)):
        results = []
        thread = threading.Thread(target=lambda: results.append(run(request, store, cancelled=lambda: True)))
        thread.start()
        thread.join(20)
    assert results[0].result.status == "cancelled"


def test_progress_starts_with_the_estimate_and_ends_whole(content):
    seen = []
    run(RegionsRequest(**content), MemoryStore(), progress=lambda fraction, text: seen.append((fraction, text)))
    fractions = [fraction for fraction, _ in seen]
    assert seen[0][1].startswith("about ")
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)


def test_numbers_out_of_range_are_refused(content):
    with pytest.raises(InvalidRequest, match="at least one region"):
        RegionsRequest(**content, max_regions=0)
    for resolution in (0, 100_000):
        with pytest.raises(InvalidRequest, match="resolution from 1"):
            SamplesRequest(**content, resolution=resolution)


def test_an_error_of_the_engine_passes_and_leaves_the_key_free(content):
    flat = Plane(origin=np.zeros(5), basis=np.eye(2, 5), input_shape=(5,))
    request, store = RegionsRequest(**{**content, "plane": flat}), MemoryStore()
    with pytest.raises(LrvizError):
        run(request, store)
    with store.lock(request_key(request), lambda: True) as held:
        assert held


def test_a_network_without_units_has_one_region():
    program = Program.from_module(nn.Linear(4, 2), torch.zeros(1, 4))
    outcome = run(RegionsRequest(program=program, plane=make_plane(), window=WINDOW), MemoryStore())
    assert len(outcome.result) == 1
