"""The exact map of Explore.

Its regions are found in the background. Until they are there, and where they are too many, it shows samples; what was
shown before stays behind. The browser asks again while the message says that something is still being done.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from lrviz.engine.estimate import expected_pieces_per_length
from lrviz.engine.requests import Outcome
from lrviz.errors import BudgetExceeded
from lrviz.results.regions import Regions
from lrviz.results.samples import Samples
from lrviz.results.status import Status
from lrviz.tolerance import TOLERANCE
from lrviz.ui import following, look, map_memory, pins, resources
from lrviz.ui.exact_map.component import exact_map
from lrviz.ui.jobs import Job
from lrviz.ui.map_content import Content, of_regions, of_samples
from lrviz.views.scene import FARTHEST, Scene
from lrviz.views.view import View

PATIENCE = 0.5
"""Seconds that a run of the page waits for the regions; then the browser asks again."""

_GLANCE = 0.05

SLOW = 0.6
"""Seconds after which a map that is still being computed is sampled meanwhile."""

RESOLUTIONS = (16, 32, 64, 128, 256)
"""Pixels of a sampled map, coarse to fine."""

LONG = 4.0
"""Seconds that sampling took after which it is not repeated with four times as many pixels."""


class Sampling(NamedTuple):
    """Samples of a window.

    Attributes:
        samples: The finest that are there.
        job: Makes finer ones, if they are on their way.
    """

    samples: Samples | None
    job: Job | None


def find_job(view: View, scene: Scene, device: str | None) -> Job:
    """The job that finds what the map shows, after a moment in which it mostly ends."""
    memory = map_memory.recall()
    is_known = memory.plane == scene.digest
    nu = memory.pieces_per_length if is_known else None
    job = resources.map_job(view, scene, device, nu)
    _wait(job)
    if job.done and not job.error and not len(job.result.result) and not resources.is_cancelled(job):
        resources.forget(job.key)  # it was left by all who waited, and is wanted again
        job = resources.map_job(view, scene, device, nu)
    return job


def _wait(job: Job) -> None:
    """Wait a moment for a job, unless the visitor goes on: whatever is shown lets Streamlit begin another run."""
    place = st.empty()
    for _ in range(round(PATIENCE / _GLANCE)):
        if job.wait(_GLANCE):
            return
        place.empty()


def find_samples(scene: Scene, device: str | None, exact: Job) -> Sampling:
    """What the map shows while its regions are not found, and where they are too many."""
    is_early = not exact.done and exact.elapsed < SLOW
    if is_early or _outcome_of(exact) is not None or preview_of(exact) is not None:
        return Sampling(None, None)
    best = None
    for resolution in RESOLUTIONS if exact.done else RESOLUTIONS[:2]:
        job = resources.samples_job(scene, scene.window, resolution, device)
        assert job is not None
        if best is None:
            _wait(job)
        if not job.done:
            return Sampling(best, job)
        if job.error:
            return Sampling(best, None)
        best = job.result.result
        if best.seconds > LONG:
            return Sampling(best, None)
    return Sampling(best, None)


def show_map(view: View, scene: Scene, job: Job, here: Sampling, overview: Sampling) -> Outcome | None:
    """Show the map; its regions, once they are there.

    Args:
        view: What is shown.
        scene: Its objects.
        job: From `find_job`.
        here: From `find_samples`.
        overview: What the rest of the page shows and waits for.
    """
    memory, answer = map_memory.recall(), map_memory.last_answer()
    memory.place(scene.digest, map_memory.bounds_of(scene.window.corners))
    is_poll, memory.turn = answer.turn > memory.turn and answer.window is None, answer.turn
    memory.has_arrived |= answer.turn > 0 or st.context.url is None  # tests without a browser
    is_done = job.done  # it may end while this is shown; the browser asks again then
    outcome = _outcome_of(job) if is_done else None
    if outcome is not None:
        content, memory.regions = of_regions(view, scene, outcome.result), outcome.result
        if outcome.result.status == Status.COMPLETE:
            memory.pieces_per_length = expected_pieces_per_length(len(outcome.result), scene.window)
        if overview.job is not None and is_poll:
            _wait(overview.job)
    elif not is_done and (regions := preview_of(job)) is not None:
        content, memory.regions = of_regions(view, scene, regions, more_to_come=True), regions
    elif (samples := here.samples or (overview.samples if is_done else None)) is not None:
        nu = job.failure.pieces_per_length if isinstance(job.failure, BudgetExceeded) else None
        memory.pieces_per_length = nu or memory.pieces_per_length
        content, memory.regions = of_samples(view, scene, samples, nu), None
    else:
        content = Content(memory.parts, memory.mode, 0, "")
    resources.wait_only_for(filter(None, (job, here.job)))
    memory.parts, memory.mode = content.parts, content.mode
    message = {
        "plane": memory.plane, "window": memory.window, "asked": memory.asked,
        "home": map_memory.bounds_of(scene.plane.anchors), "revision": f"{memory.name}-{memory.jumps}",
        "limits": _limits(scene), "lit": map_memory.lit_range(view), "mode": content.mode,
        "tag": "SAMPLED" if content.mode == "sampled" else "EXACT", "count": content.words,
        "num_regions": content.num_regions,
        "busy": not is_done or here.job is not None or overview.job is not None or not memory.has_arrived,
        **_marks(outcome),
        **_progress(job, outcome, scene, view, is_done=is_done, is_sampled=here.samples is not None),
    }  # fmt: skip
    exact_map(
        message, content.parts, answer, key=map_memory.KEY, on_map_change=map_memory.moved,
        on_click_change=map_memory.clicked, on_pin_change=map_memory.pinned,
        on_cancel_change=partial(resources.cancel, job),
    )  # fmt: skip
    return outcome


def preview_of(job: Job) -> Regions | None:
    """The regions that were found so far, if there are any to show."""
    regions = None if job.done else job.report.partial
    return regions if regions is not None and len(regions) else None


def _marks(outcome: Outcome | None) -> dict[str, Any]:
    """The region that is open and those that are pinned."""
    if outcome is None:
        return {"selected": None, "pinned": []}
    pinned = pins.pins(map_memory.recall().plane)
    return {
        "selected": map_memory.open_region(outcome.result),
        "pinned": [
            {"region": map_memory.find_region(outcome.result, pin.pattern), "place": list(pin.point)} for pin in pinned
        ],
    }


def _progress(
    job: Job, outcome: Outcome | None, scene: Scene, view: View, *, is_done: bool, is_sampled: bool
) -> dict[str, Any]:
    """Status, the words beside the count, and what is to be said over the map."""
    size = " × ".join(f"{extent:.3g}" for extent in np.ptp(scene.window.corners, axis=0))
    if not is_done:
        return {"status": "computing", "text": following.describe(job), "fraction": job.report.fraction, "note": None}
    if outcome is None:
        is_waiting = isinstance(job.failure, BudgetExceeded) and not is_sampled
        told = {"text": f"window {size}", "fraction": None, **_refusal(job)}
        return {**told, "status": "computing"} if is_waiting else told
    regions: Regions = outcome.result
    words = f"{regions.status.reason or 'complete'}, {look.duration(regions.seconds)}, {regions.device.upper()}"
    words = f"{words}, {'stored' if outcome.stored else 'computed'}, window {size}"
    share = float(regions.area.sum()) / scene.window.area
    notes = {
        Status.MAX_REGIONS: f"The budget of {view.max_regions:,} regions was hit: the map covers {share:.0%} of the "
        f"window. {regions.status.remedy}",
        Status.CANCELLED: f"Cancelled: the map covers {share:.0%} of the window.",
    }
    return {"status": str(regions.status), "text": words, "fraction": None, "note": notes.get(regions.status)}


def _refusal(job: Job) -> dict[str, Any]:
    if isinstance(job.failure, BudgetExceeded):
        note = f"{job.failure.reason} This is a sampled picture; zoom in, and its exact regions appear."
        return {"status": "max_regions", "note": note}
    if job.error:
        return {"status": "failed", "note": job.error}
    return {"status": "cancelled", "note": "Cancelled before a region was found."}


def _limits(scene: Scene) -> dict[str, float]:
    """How far away and how small a window may be, a little within what is refused."""
    triangle = scene.plane.triangle()
    u, v = (float(x) for x in triangle.center)
    farthest = max(float(np.abs(scene.window.center).max()), float(np.abs(scene.plane.origin).max()), 1.0)
    return {
        "u": u,
        "v": v,
        "reach": 0.9 * FARTHEST * triangle.radius,
        "smallest": 1e3 * TOLERANCE.resolution * farthest,
    }


def _outcome_of(job: Job) -> Outcome | None:
    """The regions that were found, if there are any."""
    return job.result if job.done and not job.error and len(job.result.result) else None
