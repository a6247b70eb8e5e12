"""Follow background work: how far it is, how long it will take, Cancel while it goes on, and Try again when it failed.

A page starts a job (`lrviz.ui.resources`), waits a moment with `job.wait(PATIENCE)`, and calls `follow([Task(...)])`
for what has not ended: the page runs again by itself when it has. `offer_again` starts anew what failed or was
cancelled. `soon` is for work of a moment, which large networks make longer.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import streamlit as st

from lrviz.ui import look, resources, state
from lrviz.ui.jobs import Job
from lrviz.ui.markdown import plain

PATIENCE = 1.5
"""Seconds that a page waits for what will mostly be there at once."""

_POLL_SECONDS = 0.4


class Task(NamedTuple):
    """A job with what it is called.

    Attributes:
        label: What is being done.
        job: The job.
        can_cancel: Whether what it has found so far is worth something.
    """

    label: str
    job: Job
    can_cancel: bool = True


def follow(tasks: Sequence[Task], *, is_news: Callable[[], bool] | None = None, pause: float = 0.0) -> None:
    """Bars that follow jobs; the page runs again when one of them ends.

    Args:
        tasks: The jobs.
        is_news: Tells of something else that the page runs again for.
        pause: Seconds that must have gone by until the page runs again for a part of the jobs.
    """
    began = time.monotonic()

    @st.fragment(run_every=_POLL_SECONDS)
    def bars() -> None:
        ended = [task.job.done for task in tasks]
        if all(ended) or (any(ended) and time.monotonic() - began > pause) or (is_news is not None and is_news()):
            state.rerun()
        for task in tasks:
            task.job.join()
            if not task.job.done and not (task.job.waiting and len(tasks) > 1):
                _show_bar(task)
        waiting = [task.label for task in tasks if task.job.waiting and not task.job.done]
        if waiting and len(tasks) > 1:
            st.caption(f"Waiting for their turn: {plain(', '.join(waiting))}")

    if tasks:
        with st.container(border=True):
            bars()


def soon(label: str, job: Job, patience: float = PATIENCE) -> Any | None:
    """What work of a moment found; while it goes on a bar in its place, and what went wrong if it failed: then None."""
    if not job.wait(patience):
        follow([Task(label, job, can_cancel=False)])
        return None
    if job.error:
        st.error(plain(job.error), icon=":material/error:")
        offer_again([job.key])
        return None
    return job.result


def _show_bar(task: Task) -> None:
    job = task.job
    bar, button = st.columns([6, 1], vertical_alignment="center")
    bar.progress(job.report.fraction, text=plain(f"{task.label}: {describe(job)}"))
    if task.can_cancel and button.button(
        "Cancel", key=f"cancel-{job.key}", icon=":material/stop_circle:", width="stretch"
    ):
        resources.cancel(job)


def describe(job: Job) -> str:
    """What a job is at, and how long it will still take, if that is known."""
    text = "waiting for other work" if job.waiting else job.report.text or "estimating how many regions there are"
    return f"{text}{_remaining(job)}"


def _remaining(job: Job) -> str:
    done = job.report.fraction
    if done < 0.02 or job.elapsed < 1:
        return ""
    return f", about {look.duration(job.elapsed * (1 - done) / done)} left"


def offer_again(keys: Sequence[str], label: str = "Try again") -> None:
    """A button that starts anew what failed or was cancelled."""
    st.button(label, key=f"again-{'-'.join(keys)}", on_click=_forget, args=(tuple(keys),), width="stretch")


def _forget(keys: tuple[str, ...]) -> None:
    for key in keys:
        resources.forget(key)
    st.session_state.is_own_run = True
