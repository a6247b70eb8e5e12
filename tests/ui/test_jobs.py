import threading
import time

from lrviz.errors import InvalidView
from lrviz.ui import jobs as jobs_module
from lrviz.ui.jobs import CALM, JobPool


def test_equal_keys_share_one_job():
    pool, calls, gate = JobPool(), [], threading.Event()

    def work(report, cancelled):
        calls.append(1)
        gate.wait(5)
        return 42

    jobs = [pool.submit("a", work) for _ in range(3)]
    gate.set()
    assert jobs[0].wait(5)
    assert jobs[0] is jobs[1] is jobs[2] is pool.submit("a", work)
    assert jobs[0].result == 42
    assert len(calls) == 1


def test_only_two_run_at_a_time():
    pool, gate, running = JobPool(max_running=2), threading.Event(), []

    def work(report, cancelled):
        running.append(1)
        gate.wait(5)

    jobs = [pool.submit(str(k), work) for k in range(4)]
    deadline = time.monotonic() + 5
    while len(running) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(running) == 2
    assert jobs[3].waiting
    gate.set()
    assert all(job.wait(5) for job in jobs)
    assert len(running) == 4


def test_cancel_reaches_the_work_and_progress_reaches_the_user():
    pool = JobPool()

    def work(report, cancelled):
        report(0.25, "a quarter")
        while not cancelled():
            time.sleep(0.005)
        return "partial"

    job = pool.submit("a", work)
    assert not job.wait(0.05)
    assert (job.report.fraction, job.report.text) == (0.25, "a quarter")
    job.cancel()
    assert job.wait(5)
    assert job.result == "partial"


def test_errors_on_purpose_are_told_and_others_are_calm(caplog):
    pool = JobPool()

    def refuse(report, cancelled):
        raise InvalidView("Expected this, got that. Do so.")

    def fail(report, cancelled):
        raise ZeroDivisionError("secret detail")

    told, calm = pool.submit("a", refuse), pool.submit("b", fail)
    assert told.wait(5)
    assert calm.wait(5)
    assert told.error == "Expected this, got that. Do so."
    assert calm.error == CALM
    assert "secret detail" in caplog.text


def test_a_failed_job_is_tried_again_only_when_dropped():
    pool, calls = JobPool(), []

    def work(report, cancelled):
        calls.append(1)
        raise InvalidView("no")

    assert pool.submit("a", work).wait(5)
    pool.submit("a", work)
    assert len(calls) == 1
    pool.drop("a")
    assert pool.submit("a", work).wait(5)
    assert len(calls) == 2


def test_old_jobs_are_forgotten():
    pool = JobPool(max_kept=3)
    for key in range(8):
        assert pool.submit(str(key), lambda report, cancelled: None).wait(5)
    assert pool.find("0") is None
    assert pool.find("7") is not None


def patient_work(report, cancelled):
    """Work until cancelled, or for five seconds."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if cancelled():
            return "left alone"
        time.sleep(0.005)
    return "finished"


def test_a_job_that_everybody_left_ends_and_is_started_anew_when_needed(monkeypatch):
    monkeypatch.setattr(jobs_module, "GRACE_SECONDS", 0.02)
    pool = JobPool()
    job = pool.submit("a", patient_work)
    job.leave()
    assert job.wait(4)
    assert job.result == "left alone"
    again = pool.submit("a", lambda report, cancelled: "anew")
    assert again.wait(4)
    assert again.result == "anew"


def test_a_job_goes_on_while_somebody_waits_for_it(monkeypatch):
    monkeypatch.setattr(jobs_module, "GRACE_SECONDS", 1.0)
    pool = JobPool()
    job = pool.submit("a", patient_work)
    job.leave()
    assert pool.submit("a", patient_work) is job
    assert not job.wait(1.5)
    assert not job.abandoned
    job.cancel()
    assert job.wait(4)


def test_large_results_are_forgotten_first_but_for_the_latest():
    pool = JobPool(max_kept=20, max_bytes=10, size_of=lambda result: result)
    for name in "abcdefg":
        assert pool.submit(name, lambda report, cancelled: 3).wait(5)
    pool.submit("h", lambda report, cancelled: 0).wait(5)
    assert [name for name in "abcdefgh" if pool.find(name)] == list("defgh")
