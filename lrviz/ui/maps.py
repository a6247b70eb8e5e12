"""The exact map of Explore: what it shows now, and what a visitor does on it.

Its regions are found in the background. Until they are there, and where they are too many, it shows samples; what was
shown before stays behind. The browser asks again while the message says that something is still being done.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from math import ceil, log10
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from jaxtyping import Float

from lrviz.engine.estimate import expected_pieces_per_length, expected_regions
from lrviz.engine.requests import Outcome, request_key, rounded_down
from lrviz.errors import BudgetExceeded
from lrviz.figures.colouring import colour_samples
from lrviz.figures.facts import fact_columns, sample_columns
from lrviz.geometry.plane import Window
from lrviz.results.regions import Regions
from lrviz.results.samples import Samples
from lrviz.results.status import Status
from lrviz.tolerance import TOLERANCE
from lrviz.ui import following, look, pins, resources, state
from lrviz.ui.exact_map import parts
from lrviz.ui.exact_map.component import Answer, Part, exact_map
from lrviz.ui.jobs import Job
from lrviz.views.scene import FARTHEST, Scene
from lrviz.views.view import View

KEY = "exact-map"
PATIENCE = 0.5
"""Seconds that a run of the page waits for the regions; then the browser asks again."""

_GLANCE = 0.05

SLOW = 0.6
"""Seconds after which a map that is still being computed is sampled meanwhile."""

RESOLUTIONS = (16, 32, 64, 128, 256)
"""Pixels of a sampled map, coarse to fine."""

LONG = 4.0
"""Seconds that sampling took after which it is not repeated with four times as many pixels."""


@dataclass(slots=True)
class Memory:
    """What a session remembers of its map.

    Attributes:
        name: Tells the map of this session from those of sessions before.
        jumps: How often the view changed by other means than a movement on the map.
        window: The window that the browser knows of: u0, u1, v0, v1.
        asked: The turn in which the browser asked for it.
        turn: The last turn of the browser that was answered.
        parts: What was shown last.
        mode: How.
        has_arrived: Whether the browser has answered.
        regions: The regions of it, if it is exact.
        plane: The network, and the plane that is shown of it.
        pieces_per_length: In that plane, as they were found last.
        jobs: What is computed for it.
        pinned: When the last pins were set or taken out, by the browser's clock.
    """

    name: str = field(default_factory=lambda: secrets.token_hex(4))
    jumps: int = 0
    window: tuple[float, ...] = ()
    asked: int = 0
    turn: int = 0
    parts: Mapping[str, Part] = field(default_factory=dict)
    mode: str = "sampled"
    has_arrived: bool = False
    regions: Regions | None = None
    plane: str = ""
    pieces_per_length: float | None = None
    jobs: tuple[Job, ...] = ()
    pinned: tuple[Any, ...] = ()

    def follow(self, jobs: tuple[Job, ...]) -> None:
        """Leave the jobs that are not needed any more."""
        for job in self.jobs:
            if job not in jobs and not job.done:
                job.leave()
        self.jobs = jobs


class Sampling(NamedTuple):
    """Samples of a window.

    Attributes:
        samples: The finest that are there.
        job: Makes finer ones, if they are on their way.
    """

    samples: Samples | None
    job: Job | None


class Content(NamedTuple):
    """What a map shows.

    Attributes:
        parts: For the browser.
        mode: "vector", "raster" or "sampled".
        num_regions: In the window, as far as that is known.
        words: The same in words.
    """

    parts: Mapping[str, Part]
    mode: str
    num_regions: int
    words: str


def find_job(view: View, scene: Scene, device: str | None) -> Job:
    """The job that finds what the map shows, after a moment in which it mostly ends."""
    memory = _memory()
    is_known = memory.plane == plane_name(view, scene)
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
    if _outcome_of(exact) is not None or (not exact.done and exact.elapsed < SLOW):
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
    memory, answer = _memory(), _answer()
    _place(memory, plane_name(view, scene), bounds_of(scene.window.corners))
    is_poll, memory.turn = answer.turn > memory.turn and answer.window is None, answer.turn
    memory.has_arrived |= answer.turn > 0 or st.context.url is None  # tests without a browser
    outcome = _outcome_of(job)
    if outcome is not None:
        content, memory.regions = _exact(view, scene, outcome), outcome.result
        if outcome.result.status == Status.COMPLETE:
            memory.pieces_per_length = expected_pieces_per_length(len(outcome.result), scene.window)
        if overview.job is not None and is_poll:
            _wait(overview.job)
    elif (samples := here.samples or (overview.samples if job.done else None)) is not None:
        content, memory.regions = _of_samples(view, scene, samples, job), None
    else:
        content = Content(memory.parts, memory.mode, 0, "")
    memory.follow(tuple(waiting for waiting in (job, here.job) if waiting is not None))
    memory.parts, memory.mode = content.parts, content.mode
    message = {
        "plane": memory.plane, "window": memory.window, "asked": memory.asked, "home": bounds_of(scene.plane.anchors),
        "revision": f"{memory.name}-{memory.jumps}", "limits": _limits(scene), "lit": lit_range(view),
        "mode": content.mode, "tag": "SAMPLED" if content.mode == "sampled" else "EXACT", "count": content.words,
        "num_regions": content.num_regions,
        "busy": not job.done or here.job is not None or overview.job is not None or not memory.has_arrived,
        **_marks(outcome), **_progress(job, outcome, scene, view, is_sampled=here.samples is not None),
    }  # fmt: skip
    exact_map(
        message, content.parts, answer, key=KEY, on_map_change=_moved, on_click_change=_clicked, on_pin_change=_pinned,
        on_cancel_change=partial(resources.cancel, job),
    )  # fmt: skip
    return outcome


def has_arrived() -> bool:
    """Whether the browser shows the map of this session; until then nothing is shown that would delay it."""
    return _memory().has_arrived


def plane_name(view: View, scene: Scene) -> str:
    """Names the network, and the plane that is shown of it."""
    return f"{scene.program.digest} {view.triplet}"


def bounds_of(corners: Float[np.ndarray, "corners 2"]) -> tuple[float, ...]:
    """u0, u1, v0, v1 of a window."""
    return tuple(float(bound) for bound in np.stack([corners.min(0), corners.max(0)]).T.ravel())


def _memory() -> Memory:
    return st.session_state.setdefault("map", Memory())


def _answer() -> Answer:
    return Answer.read(_told().get("map"))


def _told() -> Mapping[str, Any]:
    return st.session_state.get(KEY) or {}


def _place(memory: Memory, plane: str, window: tuple[float, ...]) -> None:
    if plane != memory.plane:
        memory.plane, memory.parts, memory.pieces_per_length = plane, {}, None
    if window != memory.window:
        memory.window, memory.jumps = window, memory.jumps + 1


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


# ---- what a visitor does ----


def _moved() -> None:
    """Make what is visible the window."""
    answer, memory = _answer(), _memory()
    if answer.window is None or answer.asked == memory.asked:
        return
    memory.asked = answer.asked
    u0, u1, v0, v1 = answer.window
    center, half_width, half_height = rounded_window((u0 + u1) / 2, (v0 + v1) / 2, (u1 - u0) / 2, (v1 - v0) / 2)
    state.change(center=center, half_width=half_width, half_height=half_height)
    state.forget_wanted_window()
    memory.window = bounds_of(Window.rectangle(center, half_width, half_height).corners)


def rounded_window(
    u: float, v: float, half_width: float, half_height: float
) -> tuple[tuple[float, float], float, float]:
    """Centre and half extents of a window with no more digits than one sees, so that links stay short."""
    digits = max(ceil(-log10(half_width)) + 4, 0)
    return (round(u, digits), round(v, digits)), float(f"{half_width:.4g}"), float(f"{half_height:.4g}")


def _clicked() -> None:
    """Open a region, or close it."""
    index, regions = _chosen(_told().get("click")), _memory().regions
    open_pattern(None if index is None or regions is None else f"{regions.pattern[index]:016x}")


def _pinned() -> None:
    """Pin what was clicked since the last time."""
    memory, told = _memory(), _told().get("pin")
    for pin in told if isinstance(told, list) else ():
        index = _chosen(pin)
        if index is not None and memory.regions is not None and pin.get("time") not in memory.pinned:
            memory.pinned = (*memory.pinned[-9:], pin.get("time"))
            pins.toggle(memory.plane, memory.regions, index)


def _chosen(told: Any) -> int | None:
    """The index of the region that was clicked, if it is one of those that are shown."""
    memory = _memory()
    match told:
        case {"picture": str(picture), "region": int(region)}:
            is_shown = "picture" in memory.parts and picture == memory.parts["picture"].key
            return region if is_shown and memory.regions is not None and 0 <= region < len(memory.regions) else None
    return None


def open_pattern(pattern: str | None) -> None:
    """Open a region by its id; None closes it."""
    state.change(region=pattern)


def open_region(regions: Regions) -> int | None:
    """Index of the region that the user opened, if the window holds it."""
    return _find(regions, state.current().region)


def _find(regions: Regions, pattern: str | None) -> int | None:
    if pattern is None:
        return None
    found = np.flatnonzero(regions.pattern == np.uint64(int(pattern, 16)))
    return int(found[0]) if len(found) else None


# ---- what is shown ----


def _outcome_of(job: Job) -> Outcome | None:
    """The regions that were found, if there are any."""
    return job.result if job.done and not job.error and len(job.result.result) else None


def _exact(view: View, scene: Scene, outcome: Outcome) -> Content:
    regions: Regions = outcome.result
    classes = scene.model.classes
    request = request_key(resources.regions_request(view, scene))
    name = f"{request[:20]} {regions.status} {len(regions)}"
    scheme = f"{view.colour} {view.class_index}"
    colouring = resources.colouring_of(request, regions, view.colour, view.class_index, classes)
    mode = parts.mode_of(regions)
    edges = "layer" if view.layer_edges else "thin"
    edges_of = name if view.layer_edges else ""
    layers = tuple(layer.name for layer in scene.program.layers)
    return Content(
        {
            "picture": Part(key=name, make=partial(parts.picture, regions)),
            "colours": Part(key=f"{name} {scheme}", make=partial(parts.colours, name, scheme, colouring)),
            "edges": Part(key=f"{edges} {edges_of}", make=partial(parts.edges, regions, edges)),
            "figure": Part(
                key=f"{name} {scheme} {edges} {view.boundary}", rank=1,
                make=partial(parts.figure, colouring, regions, edges, layers, boundary=view.boundary),
            ),
            "facts": Part(
                key=f"{name} {scheme}", rank=2,
                make=lambda: parts.facts(name, fact_columns(regions, colouring, classes)),
            ),
        },
        mode,
        len(regions),
        f"{len(regions):,} region{'s' * (len(regions) != 1)} in view",
    )  # fmt: skip


def _of_samples(view: View, scene: Scene, samples: Samples, job: Job) -> Content:
    classes = scene.model.classes
    name = f"{plane_name(view, scene)} {bounds_of(samples.window)} {samples.predicted.shape}"
    scheme = f"{view.colour} {view.class_index}"
    colouring = colour_samples(samples, view.colour, class_index=view.class_index, class_names=classes)
    number, count = 0, ""
    if isinstance(job.failure, BudgetExceeded):
        _memory().pieces_per_length = job.failure.pieces_per_length
        expected = rounded_down(expected_regions(job.failure.pieces_per_length, scene.window))
        number, count = round(expected), f"about {look.count(expected)} regions in view"
    return Content(
        {
            "picture": Part(key=name, make=partial(parts.sampled_picture, samples)),
            "colours": Part(key=f"{name} {scheme}", make=partial(parts.colours, name, scheme, colouring)),
            "edges": Part(key="none", make=partial(parts.edges, None, "none")),
            "figure": Part(key=f"{name} {scheme}", rank=1, make=partial(parts.figure, colouring)),
            "facts": Part(
                key=f"{name} {scheme}", rank=2,
                make=lambda: parts.facts(name, sample_columns(samples, colouring, classes)),
            ),
        },
        "sampled",
        number,
        count,
    )  # fmt: skip


def lit_range(view: View) -> list[float] | None:
    """The values that were brushed in the histogram of what is coloured; None for all."""
    scheme, values = st.session_state.get("lit", (None, None))
    return values if scheme == (view.colour, view.class_index) else None


def light(view: View, values: list[float] | None) -> None:
    """Light up the regions with values in a range; None for all."""
    st.session_state.lit = ((view.colour, view.class_index), values)


def _marks(outcome: Outcome | None) -> dict[str, Any]:
    """The region that is open and those that are pinned."""
    if outcome is None:
        return {"selected": None, "pinned": []}
    pinned = (_find(outcome.result, pin.pattern) for pin in pins.pins(_memory().plane))
    return {"selected": open_region(outcome.result), "pinned": [index for index in pinned if index is not None]}


def _progress(job: Job, outcome: Outcome | None, scene: Scene, view: View, *, is_sampled: bool) -> dict[str, Any]:
    """Status, the words beside the count, and what is to be said over the map."""
    size = " × ".join(f"{extent:.3g}" for extent in np.ptp(scene.window.corners, axis=0))
    if not job.done:
        return {"status": "computing", "text": following.describe(job), "fraction": job.fraction, "note": None}
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
