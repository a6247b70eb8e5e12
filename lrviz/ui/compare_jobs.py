"""The background work of a comparison: a window that suits the widest network, and the map of every model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from lrviz.engine.requests import Outcome, run
from lrviz.errors import BudgetExceeded
from lrviz.figures.comparison.data import Panel, make_panel
from lrviz.measures.boundary import find_boundary
from lrviz.measures.summary import summary
from lrviz.models.card import Card
from lrviz.results.status import Status
from lrviz.ui import following, resources, state
from lrviz.ui.compare_models import label
from lrviz.ui.following import Task
from lrviz.ui.jobs import Job
from lrviz.ui.visit import files_changed_at, resolve
from lrviz.views.comparison import Member
from lrviz.views.presets import HERE, PLACES, Aim
from lrviz.views.view import View

TARGET_REGIONS = 40_000
"""Regions of the widest network in a window that a preset chooses."""

LARGEST = "largest within the budget"
PRESETS = {name: name for name in PLACES} | {LARGEST: HERE}
_NOTHING = "Cancelled before a region was found."
_MARGIN = 0.5
"""Share of the budget that an estimate may promise; those of narrow networks can be off by a third."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is known of a model's window.

    Attributes:
        panel: Its map.
        member: Its measures.
    """

    panel: Panel
    member: Member


Slot = Found | Job | str
"""A model's place in the comparison: its map, the job that makes it, or what went wrong."""


def fill_slots(view: View, cards: Sequence[Card], device: str) -> tuple[Slot, ...]:
    """Start what is missing, the widest network first, since it takes longest; keep what has ended for the session."""
    kept: dict[str, Slot] = st.session_state.get("slots", {})
    views = view.each
    keys = [_key(each, card, device) for each, card in zip(views, cards, strict=True)]
    slots: dict[str, Slot] = {}
    for index in sorted(range(len(cards)), key=lambda index: index != widest(cards)):
        key = keys[index]
        slots[key] = kept.get(key) or _ended(_start(key, views[index], cards[index], device))
    resources.wait_only_for(slot for slot in slots.values() if isinstance(slot, Job))
    st.session_state.slots = {key: slots[key] for key in keys if not isinstance(slots[key], Job)}
    return tuple(slots[key] for key in keys)


def widest(cards: Sequence[Card]) -> int:
    """Index of the first of the widest models."""
    return max(range(len(cards)), key=lambda index: cards[index].width)


def _key(view: View, card: Card, device: str) -> str:
    return f"panel {view.to_json()} {device} {card.to_json()} {files_changed_at(view)}"


def _start(key: str, view: View, card: Card, device: str) -> Job:
    store = resources.store()

    def work(report: Callable[[float, str], None], cancelled: Callable[[], bool]) -> Found | str:
        if cancelled():
            return _NOTHING
        report(0.0, "reading and tracing the network")
        scene = resolve(view, store)
        request = resources.regions_request(view, scene)
        outcome = run(request, store, device=device, progress=report, cancelled=cancelled)
        return _describe(view, card, outcome, scene.model.classes)

    return resources.submit(key, work)


def _describe(view: View, card: Card, outcome: Outcome, classes: tuple[str, ...]) -> Found | str:
    if len(outcome.result) == 0:
        return _NOTHING
    boundary = find_boundary(outcome.result)
    return Found(
        panel=make_panel(outcome.result, view.colour, class_index=view.class_index, class_names=classes),
        member=Member(
            model=card.name,
            width=card.width,
            seed=card.seed if card.is_own else None,
            train_error=card.train_error,
            test_error=card.test_error,
            summary=summary(outcome.result, boundary),
            boundary=boundary,
        ),
    )


def _ended(job: Job) -> Slot:
    if not job.done:
        return job
    if isinstance(job.failure, BudgetExceeded):
        return f"{job.failure.reason} Choose a smaller window, or raise the budget."
    return job.error or job.result


def try_again() -> None:
    """Forget what failed or was cancelled, so that it is started again."""
    for key, slot in list(st.session_state.get("slots", {}).items()):
        if isinstance(slot, str) or slot.member.summary.status == Status.CANCELLED:
            del st.session_state.slots[key]
            resources.forget(key)


def show_progress(slots: Sequence[Slot], cards: Sequence[Card]) -> None:
    """Follow the maps; the page shows finished ones when that does not make it draw all the time."""
    tasks = [Task(label(card, cards), slot) for card, slot in zip(cards, slots, strict=True) if isinstance(slot, Job)]
    following.follow(tasks, pause=3 * st.session_state.get("drawing_seconds", 0.0))


def aim(view: View) -> Aim:
    """How large a window is, such that the widest network stays within its budget."""
    budget = _MARGIN * view.max_regions
    target = budget if state.wanted_window() == HERE else min(float(TARGET_REGIONS), budget)
    return Aim(num_regions=target, fewest=0, most=budget)
