"""Many requests, here and on workers: the same answers, nothing twice, and a lost worker loses no answer."""

import os
import pickle
import signal
import sys

import pytest
from distributed import Client, LocalCluster

from lrviz.engine import workers
from lrviz.engine.workers import Workers, answer_all
from lrviz.errors import (
    BudgetExceeded,
    InvalidPlane,
    InvalidRequest,
    LostDigits,
    Refusal,
    UnsupportedOperation,
)
from lrviz.measures.plane_map import MapGrid, map_requests
from lrviz.measures.requests import MeasureRequest
from lrviz.results.plane_map import PlaneMap
from lrviz.results.store import MemoryStore
from tests.cases import CASE

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::UserWarning")


@pytest.fixture
def requests():
    case = CASE["mlp-50-50"]
    return map_requests(case.program, case.plane(), MapGrid(window=case.window(), resolution=9, block=3))


def test_answers_here_are_stored_and_found_again(requests, monkeypatch):
    store = MemoryStore()
    first = dict(answer_all(requests, store, device="cpu"))
    assert sorted(first) == list(range(len(requests)))
    monkeypatch.setattr(workers, "run", None)
    assert dict(answer_all(requests, store, device="cpu")) == first


def test_what_was_finished_before_a_stop_is_kept(requests):
    store, done = MemoryStore(), []
    stopped = list(
        answer_all(
            requests,
            store,
            device="cpu",
            progress=lambda share, text: done.append(share),
            cancelled=lambda: len(done) > 2,
        )
    )
    assert len(stopped) == 3 < len(requests)
    reports = []
    rest = list(answer_all(requests, store, device="cpu", progress=lambda share, text: reports.append(share)))
    assert len(rest) == len(requests)
    assert len(reports) == len(requests) - len(stopped)
    assert reports[-1] == 1.0


def test_a_cluster_gives_the_same_answers_though_a_worker_is_killed(requests):
    alone = [tile for _, tile in sorted(answer_all(requests, MemoryStore(), device="cpu"), key=lambda pair: pair[0])]
    store, found = MemoryStore(), {}
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs="CRITICAL") as cluster:
        there = Workers(scheduler=cluster.scheduler_address)
        with Client(cluster) as client:
            process = next(iter(client.run(os.getpid).values()))
            for index, tile in answer_all(requests, store, workers=there, device="cpu"):
                if not found:
                    os.kill(process, signal.SIGKILL)
                found[index] = tile
    assert [found[index] for index in range(len(requests))] == alone
    grid = requests[0].grid
    whole = PlaneMap.join(list(found.values()), *grid.centres(), grid.window.corners)
    assert whole.num_regions > 100
    assert len(list(answer_all(requests, store, workers=Workers(scheduler="tcp://nowhere:1"), device="cpu"))) == 9


@pytest.mark.parametrize("number", [0, 1])
def test_what_cannot_be_answered_is_told_and_the_rest_is_answered(number):
    case = CASE["mlp-50-50"]
    path = case.plane().embed([[0.0, 0.0], [1.0, 0.0]])
    wanted = [MeasureRequest(program=case.program, points=points) for points in (path, path[[0, 0]], path.flip(0))]
    refusals = {}
    found = dict(answer_all(wanted, MemoryStore(), workers=Workers(number=number), refused=refusals.__setitem__))
    assert sorted(found) == [0, 2]
    assert {index: type(error) for index, error in refusals.items()} == {1: InvalidPlane}
    with pytest.raises(InvalidPlane):
        list(answer_all(wanted, MemoryStore(), workers=Workers(number=number)))


def test_errors_come_back_whole_from_other_processes():
    refusal = Refusal(operation="gelu", module="0", kind="GELU", reason="", line="")
    for error in (
        BudgetExceeded("Too many.", reason="Too many", pieces_per_length=3.0),
        UnsupportedOperation("No gelu.", (refusal,)),
        LostDigits("None is left."),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_bad_workers_are_refused_in_a_sentence(requests, monkeypatch):
    with pytest.raises(InvalidRequest, match="Give one of them"):
        Workers(number=2, scheduler="tcp://here:8786")
    with pytest.raises(InvalidRequest, match="Give one of them"):
        Workers(number=-1)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InvalidRequest, match=r"lrviz\[cluster\]"):
        list(answer_all(requests, MemoryStore(), workers=Workers(number=1)))
