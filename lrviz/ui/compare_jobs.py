"""The background work of a comparison: a window that suits the widest network, and the map of every model."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from lrviz.engine.requests import Outcome, run
from lrviz.errors import InvalidData
from lrviz.figures.comparison import Panel, make_panel
from lrviz.measures.summary import summary
from lrviz.models.card import Card
from lrviz.results.status import Status
from lrviz.ui import maps, resources, state
from lrviz.ui.jobs import Job
from lrviz.ui.visit import resolve
from lrviz.views.comparison import CompareSpec, Member
from lrviz.views.view import ViewSpec

TARGET_REGIONS = 40_000
"""Regions of the widest network in a window that a preset chooses."""

LARGEST = "largest within the budget"
PRESETS = (*state.PRESETS, LARGEST)
_NOTHING = "Cancelled before a region was found."
_POLL_SECONDS = 0.4
_MARGIN = 0.5
"""Share of the budget that an estimate may promise; those of narrow networks can be off by a third."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is known of a model's window.

    Attributes:
        panel: its map.
        member: its measures.
        seconds: time that finding the regions took.
        stored: whether they came from the store.
    """

    panel: Panel
    member: Member
    seconds: float
    stored: bool


Slot = Found | Job | str
"""A model's place in the comparison: its map, the job that makes it, or what went wrong."""


def fill_slots(spec: CompareSpec, cards: Sequence[Card], device: str) -> tuple[Slot, ...]:
    """Start what is missing, the widest network first, since it takes longest; keep what has ended for the session."""
    kept: dict[str, Slot] = st.session_state.get("slots", {})
    keys = [_key(view, card, device) for view, card in zip(spec.views, cards, strict=True)]
    _leave(st.session_state.get("awaited", set()) - set(keys))
    slots: dict[str, Slot] = {}
    for index in sorted(range(len(cards)), key=lambda index: index != widest(cards)):
        key = keys[index]
        slots[key] = kept.get(key) or _ended(_start(key, spec.views[index], cards[index], device))
    st.session_state.awaited = {key for key, slot in slots.items() if isinstance(slot, Job)}
    st.session_state.slots = {key: slots[key] for key in keys if key not in st.session_state.awaited}
    return tuple(slots[key] for key in keys)


def _leave(keys: set[str]) -> None:
    """Let go of maps that the page does not show any more; another session may still wait for them."""
    for job in filter(None, map(resources.pool().find, keys)):
        job.leave()


def widest(cards: Sequence[Card]) -> int:
    """Index of the first of the widest models."""
    return max(range(len(cards)), key=lambda index: cards[index].width)


def _key(view: ViewSpec, card: Card, device: str) -> str:
    return f"panel {view.to_json()} {device} {card.to_json()}"


def _start(key: str, view: ViewSpec, card: Card, device: str) -> Job:
    store = resources.store()

    def work(report: Callable[[float, str], None], cancelled: Callable[[], bool]) -> Found:
        if cancelled():
            raise InvalidData(_NOTHING)
        report(0.0, "reading and tracing the network")
        scene = resolve(view)
        request = resources.regions_request(view, scene)
        outcome = run(request, store, device=device, progress=report, cancelled=cancelled)
        return _describe(view, card, outcome, scene.model.classes)

    return resources.submit(key, work)


def _describe(view: ViewSpec, card: Card, outcome: Outcome, classes: tuple[str, ...]) -> Found:
    if len(outcome.result) == 0:
        raise InvalidData(_NOTHING)
    return Found(
        panel=make_panel(outcome.result, view.colour, class_index=view.class_index, class_names=classes),
        member=Member(
            model=card.name,
            width=card.width,
            seed=card.seed,
            train_error=card.train_error,
            test_error=card.test_error,
            summary=summary(outcome.result),
        ),
        seconds=outcome.result.seconds,
        stored=outcome.stored,
    )


def _ended(job: Job) -> Slot:
    if not job.done:
        return job
    return job.error or job.result


def try_again() -> None:
    """Forget what failed or was cancelled, so that it is started again."""
    for key, slot in list(st.session_state.get("slots", {}).items()):
        if isinstance(slot, str) or slot.member.summary.status == Status.CANCELLED:
            del st.session_state.slots[key]
            resources.forget(key)


def show_progress(slots: Sequence[Slot], cards: Sequence[Card]) -> None:
    """A bar for every running job; the page runs again when maps are finished, but not all the time."""
    jobs = [(card, slot) for card, slot in zip(cards, slots, strict=True) if isinstance(slot, Job)]
    began = time.monotonic()

    @st.fragment(run_every=_POLL_SECONDS)
    def follow() -> None:
        ended = sum(job.done for _, job in jobs)
        if ended == len(jobs) or (ended and time.monotonic() - began > st.session_state.get("drawing_seconds", 0) * 3):
            st.rerun()
        for card, job in jobs:
            job.join()
            if not job.done and not job.waiting:
                _show_bar(card, job)
        waiting = [f"k = {card.width}" for card, job in jobs if job.waiting and not job.done]
        if waiting:
            st.caption(f"Waiting for their turn: {', '.join(waiting)}")

    if jobs:
        with st.container(border=True):
            follow()


def _show_bar(card: Card, job: Job) -> None:
    bar, button = st.columns([6, 1], vertical_alignment="center")
    text = job.text or "counting on a few lines"
    bar.progress(job.fraction, text=f"k = {card.width}, seed {card.seed}: {text}{maps.remaining(job)}")
    if button.button("Cancel", key=f"cancel-{card.name}", icon=":material/stop_circle:", width="stretch"):
        resources.cancel(job)


def settle(spec: CompareSpec, cards: Sequence[Card]) -> bool:
    """Choose a window where one is due; tells whether there is one."""
    preset = st.session_state.get("fit")
    if preset is None and spec.view.center is not None:
        return True
    preset = preset or "centroid"
    view = spec.views[widest(cards)]
    job = resources.submit(f"window {preset} {view.to_json()}", lambda *_: find_window(view, preset))
    if not job.wait(0.2):
        maps.show_progress(job, "Choosing a window that suits the widest network", can_cancel=False)
        return False
    st.session_state.pop("fit", None)
    if job.error or job.result is None:
        st.error(job.error or state.NO_BOUNDARY, icon=":material/error:")
        resources.forget(job.key)
        return spec.view.center is not None and job.error is None
    if job.result != (spec.view.center, spec.view.half_width):
        state.set_window(*job.result)
    return True


def find_window(view: ViewSpec, preset: str) -> tuple[tuple[float, float], float] | None:
    """Centre and half width of a preset's window, such that the widest network stays within its budget.

    With "check" a window stays as it is unless it holds too much.
    """
    scene = resolve(view)
    budget = _MARGIN * view.max_regions
    center, half_width = view.center, view.half_width
    if preset == "check" and center and half_width and state.estimate(scene, scene.window).num_regions <= budget:
        return center, half_width
    if preset == LARGEST:
        preset, target = "check", budget
    else:
        target = min(float(TARGET_REGIONS), budget)
    center = state.preset_center(scene, preset)
    return None if center is None else (center, state.fitted_half_width(scene, center, target))
