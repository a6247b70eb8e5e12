"""What all sessions share: the store, the background pool, and results that are costly to derive."""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
import torch
from jaxtyping import Float, Int

from lrviz.arrays import array_bytes
from lrviz.devices import memory_bytes
from lrviz.engine.estimate import expected_regions
from lrviz.engine.requests import HOPELESS_FACTOR, Outcome, RegionsRequest, Request, SamplesRequest, request_key, run
from lrviz.errors import LrvizError
from lrviz.figures.colouring import Colouring, colour_regions
from lrviz.geometry.plane import Window
from lrviz.measures.summary import Summary, summary
from lrviz.models.card import Card
from lrviz.models.catalogue import Model, list_models
from lrviz.models.library import UPLOAD, Library
from lrviz.models.opening import is_file
from lrviz.network.program import Program
from lrviz.results.diskstore import DiskStore
from lrviz.results.regions import Regions
from lrviz.ui.jobs import Job, JobPool, Report, Work
from lrviz.ui.visit import changed_at, find_card, image_changed_at, load_image, load_program, remembered
from lrviz.views.scene import Scene
from lrviz.views.view import View


class OwnNote(NamedTuple):
    """What is known of a network of the user's own.

    Attributes:
        card: Its card.
        assumed: What of it nobody said or confirmed.
    """

    card: Card
    assumed: tuple[str, ...]


Point = tuple[float, float]
Triplet = tuple[str, ...]

MOST_OF_A_PART = 100_000.0
"""Where more regions than the budget are expected, and more than these, a part of them is not worth the time."""


@st.cache_resource(show_spinner=False)
def store() -> DiskStore:
    """The results on disk."""
    return DiskStore()


@st.cache_resource(show_spinner=False)
def pool() -> JobPool:
    """The background pool of this server."""
    return JobPool(max_running=2, max_bytes=memory_bytes() // 8, size_of=array_bytes)


@st.cache_resource(show_spinner=False)
def quick_pool() -> JobPool:
    """A pool of its own for work of a moment that a page waits for, so that it never waits for maps."""
    return JobPool(max_running=2, max_kept=64)


@st.cache_resource(show_spinner=False)
def survey_pool() -> JobPool:
    """A pool of its own for work that takes many minutes, so that maps never wait for it."""
    return JobPool(max_running=1)


def submit(key: str, work: Work, jobs: JobPool | None = None) -> Job:
    """Start work in a pool, or join it; what another session cancelled is started again for this one."""
    jobs = jobs or pool()
    job = jobs.submit(key, work)
    if job.done and job.cancelled and key not in st.session_state.get("cancelled", ()):
        jobs.drop(key)
        job = jobs.submit(key, work)
    return job


def cancel(job: Job) -> None:
    """Stop work; this session keeps what it has found until it is started again."""
    st.session_state.cancelled = {*st.session_state.get("cancelled", ()), job.key}
    job.cancel()


def wait_only_for(jobs: Iterable[Job]) -> None:
    """Say what this session waits for; it leaves what it waited for before and does not need any more."""
    needed = tuple(jobs)
    for job in st.session_state.get("awaited_jobs", ()):
        if job not in needed and not job.done:
            job.leave()
    st.session_state.awaited_jobs = needed


def is_cancelled(job: Job) -> bool:
    """Whether this session stopped it."""
    return job.key in st.session_state.get("cancelled", ())


def forget(key: str) -> None:
    """Let work that failed or was cancelled be started again."""
    st.session_state.cancelled = {*st.session_state.get("cancelled", ())} - {key}
    for jobs in (pool(), quick_pool(), survey_pool()):
        jobs.drop(key)


@st.cache_resource(show_spinner=False, ttl=30)
def _all_cards() -> tuple[Card, ...]:
    return list_models()


def cards() -> tuple[Card, ...]:
    """Cards of the shipped models, without the snapshots of one training."""
    return tuple(card for card in _all_cards() if not card.is_snapshot)


def own_notes() -> dict[str, OwnNote]:
    """What is known of the networks in the user's library that were looked at, by what the library calls them."""
    library = Library.of_user()
    found = {}
    for reference in library.references:
        path = library.path(reference)
        if is_file(reference) and path.with_name(f"{path.name}.json").is_file():
            with suppress(LrvizError):
                note = remembered(reference)
                found[reference] = OwnNote(note.found or find_card(reference), note.assumed)
    return found


def own_cards() -> dict[str, Card]:
    """The cards of these networks."""
    return {reference: note.card for reference, note in own_notes().items()}


def model_names() -> dict[str, str]:
    """What all models are called, each differently: the shipped ones by their name, and those of the user's library."""
    own = {reference: card.name for reference, card in own_cards().items()}
    shipped = {card.name: card.name for card in cards()}
    number = Counter([*shipped, *own.values()])
    return shipped | {
        reference: name if number[name] == 1 else f"{name} ({reference.removeprefix(UPLOAD)[:6]})"
        for reference, name in own.items()
    }


def checkpoints() -> dict[str, tuple[Card, ...]]:
    """The shipped checkpoints of every training, by epoch; the last one has the training's name."""
    found: dict[str, list[Card]] = {}
    for card in sorted(_all_cards(), key=lambda card: card.epochs):
        found.setdefault(card.training, []).append(card)
    return {name: tuple(members) for name, members in found.items()}


def model_job(name: str) -> Job:
    """Load and trace a model in the background."""
    place = store()

    def work(report, cancelled):  # type: ignore[no-untyped-def]
        report(0.0, "reading and tracing the network")
        return load_program(name, place)

    changed = changed_at(name)
    return submit(f"model {name} {changed}" if changed else f"model {name}", work)


def regions_request(view: View, scene: Scene) -> RegionsRequest:
    """What the exact map of a view needs."""
    return RegionsRequest(program=scene.program, plane=scene.plane, window=scene.window, max_regions=view.max_regions)


def map_job(view: View, scene: Scene, device: str | None, pieces_per_length: float | None) -> Job:
    """Find the regions that the exact map of a view shows, unless they are so many that samples show more.

    Args:
        view: What is shown.
        scene: Its objects.
        device: Where to compute.
        pieces_per_length: As they are nearby, if that is known.
    """
    most = max(float(view.max_regions), min(HOPELESS_FACTOR * view.max_regions, MOST_OF_A_PART))
    if pieces_per_length is not None and most / 3 < expected_regions(pieces_per_length, scene.window) < 3 * most:
        pieces_per_length = None
    request = replace(regions_request(view, scene), most_expected=most, pieces_per_length=pieces_per_length)
    return request_job(request, device, with_previews=True)


def samples_job(scene: Scene, window: Window, resolution: int, device: str | None, *, start: bool = True) -> Job | None:
    """Sample a window in the background; without `start`, only if that was begun before."""
    request = SamplesRequest(program=scene.program, plane=scene.plane, window=window, resolution=resolution)
    return request_job(request, device) if start else pool().find(request_key(request))


def request_job(request: Request, device: str | None, *, with_previews: bool = False) -> Job:
    """Answer a request in the background; the job's result is an `Outcome`, and its previews are regions."""
    place = store()

    def work(report: Report, cancelled: Callable[[], bool]) -> Outcome:
        asked = replace(request, preview=report.show) if with_previews else request  # type: ignore[type-var]
        return run(asked, place, device=device, progress=report, cancelled=cancelled)

    return submit(request_key(request), work)


def regions_name(view: View, scene: Scene, regions: Regions) -> str:
    """Tells regions that were found for a view from all others, also from what was found until a moment before."""
    key = request_key(regions_request(view, scene))
    return f"{key[:20]} {regions.status} {len(regions)} {regions.seconds}"


def colouring_of(view: View, scene: Scene, regions: Regions) -> Colouring:
    """Regions that were found for a view, in its colours."""
    name, classes = regions_name(view, scene, regions), scene.model.classes
    return _colouring_of(name, regions, view.colour, view.class_index, classes)


@st.cache_resource(show_spinner=False, max_entries=24)
def _colouring_of(
    key: str, _regions: Regions, colour: str, class_index: int | None, class_names: tuple[str, ...]
) -> Colouring:
    return colour_regions(_regions, colour, class_index=class_index, class_names=class_names)


def summary_of(view: View, scene: Scene, regions: Regions) -> Summary:
    """Measures of regions that were found for a view."""
    return _summary_of(regions_name(view, scene, regions), regions)


@st.cache_resource(show_spinner=False, max_entries=24)
def _summary_of(key: str, _regions: Regions) -> Summary:
    return summary(_regions)


def input_slopes_job(scene: Scene, points: tuple[Point, ...]) -> Job:
    """Slopes in the input space at points of the plane: for each an array (classes, *input_shape)."""
    from lrviz.network.gradient import input_slope  # noqa: PLC0415

    def slopes() -> list[Float[np.ndarray, "classes ..."]]:
        return [input_slope(scene.program, scene.plane, np.array(point)) for point in points]

    return _quick_job(f"slopes {scene.digest} {points}", slopes)


def differing_units_job(scene: Scene, points: tuple[Point, Point]) -> Job:
    """Units that tell two points of the plane apart: their numbers (units,)."""
    from lrviz.network.difference import differing_units  # noqa: PLC0415

    def units() -> Int[np.ndarray, " units"]:
        return differing_units(scene.program, scene.plane.embed(np.array(points)).to(scene.program.device))

    return _quick_job(f"units {scene.digest} {points}", units)


@st.cache_resource(show_spinner=False)
def devices() -> tuple[str, ...]:
    """Where the engine can work here, the default first."""
    return ("cuda", "cpu") if torch.cuda.is_available() else ("cpu",)


def predictions_job(references: tuple[str, ...], model: Model, program: Program) -> Job:
    """The classes that a network predicts for images, as a list of numbers."""

    def classes() -> list[int]:
        inputs = [model.normalise(load_image(reference, model.input_shape)) for reference in references]
        return [int(program.forward(x[None].to(program.device, torch.float64)).argmax()) for x in inputs]

    files = [image_changed_at(reference) for reference in references]
    return _quick_job(f"classes {program.digest} {model.mean} {model.std} {references} {files}", classes)


def _quick_job(key: str, compute: Callable[[], Any]) -> Job:
    """Work of a moment that neither tells how far it is nor can be stopped."""
    return submit(key, lambda report, cancelled: compute(), quick_pool())
