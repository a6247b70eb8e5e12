"""The background work of the Paths page: models, a first look at f, and the exact pieces."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st

from lrviz.engine.requests import PathRequest, request_key
from lrviz.errors import UnknownModel
from lrviz.measures.curve import Curve, exact_curve, sample_curve
from lrviz.measures.path import measure_path
from lrviz.models.catalogue import Model
from lrviz.models.paths import Path
from lrviz.network.program import Program
from lrviz.results.pieces import PathMeasures, PathPieces
from lrviz.results.status import Status
from lrviz.ui import following, missing, resources, state
from lrviz.ui.following import Task
from lrviz.ui.jobs import Job
from lrviz.ui.markdown import plain

_PATIENCE = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A model on the path, as far as it has got.

    Attributes:
        name: The model's name.
        job: What is being done for it, or was.
        failure: What went wrong; empty if nothing did.
        model: The model, once it is loaded.
        program: Its network.
        curve: Its outputs along the path: exact, or sampled while the pieces are being found.
        pieces: Its pieces, once they are found.
        measures: Their measures.
        stored: Whether they came from the store.
    """

    name: str
    job: Job
    failure: str = ""
    model: Model | None = None
    program: Program | None = None
    curve: Curve | None = None
    pieces: PathPieces | None = None
    measures: PathMeasures | None = None
    stored: bool = False

    @property
    def label(self) -> str:
        """What it is called: a network of the library by its card."""
        return self.model.card.name if self.model else self.name

    @property
    def running(self) -> bool:
        """Whether more will come."""
        return not self.failure and self.pieces is None


def follow_models(names: Sequence[str], path: Path, device: str | None) -> tuple[Track, ...]:
    """What is known of each model; starts what is missing, first looks before pieces."""
    loading = [resources.model_job(name) for name in names]
    loading[0].wait(_PATIENCE)
    loaded = {job.key: job.result for job in loading if job.done and not job.error}
    first: Model | None = next((model for model, _ in loaded.values()), None)
    works = {}
    for job in loading:
        if first is not None and job.key in loaded and loaded[job.key][0].card.shares_plane(first.card):
            model, program = loaded[job.key]
            request = PathRequest(program=program, points=model.normalise(path.points))
            works[job.key] = model, program, request, _first_look(request)
    jobs = {key: resources.request_job(work[2], device) for key, work in works.items()}
    resources.wait_only_for([*jobs.values(), *(look_job for *_, look_job in works.values())])
    for job in list(jobs.values())[:1]:
        job.wait(_PATIENCE)
    return tuple(
        _found(name, jobs[job.key], *works[job.key])
        if job.key in jobs
        else _not_started(name, job, first if job.key in loaded else None)
        for name, job in zip(names, loading, strict=True)
    )


def _first_look(request: PathRequest) -> Job:
    def work(report, cancelled) -> Curve | None:  # type: ignore[no-untyped-def]
        return None if cancelled() else sample_curve(request.program, request.points)

    return resources.submit(f"first look {request_key(request)}", work)


def _not_started(name: str, job: Job, other: Model | None) -> Track:
    """A model that is not loaded yet, could not be, or was but does not go with another one."""
    failure = job.error or ""
    if other is not None:
        failure = (
            f"Its classes, or how its inputs are normalised, are others than those of {other.name}, so that their "
            "paths differ. Show it alone."
        )
    return Track(name=name, job=job, failure=failure)


def _found(name: str, job: Job, model: Model, program: Program, request: PathRequest, look_job: Job) -> Track:
    made = partial(Track, name=name, job=job, model=model, program=program)
    if job.error:
        return made(failure=job.error)
    if not job.done:
        return made(curve=look_job.result if look_job.done and not look_job.error else None)
    pieces: PathPieces = job.result.result
    if len(pieces) == 0:
        return made(failure="Cancelled before the first segment was finished.")
    key = f"{request_key(request)} {pieces.status} {len(pieces)}"
    curve, measures = curve_of(key, pieces), measures_of(key, pieces)
    return made(curve=curve, pieces=pieces, measures=measures, stored=job.result.stored)


@st.cache_resource(show_spinner=False, max_entries=12)
def curve_of(key: str, _pieces: PathPieces) -> Curve:
    """The curve of the pieces of a finished job."""
    return exact_curve(_pieces)


@st.cache_resource(show_spinner=False, max_entries=64)
def measures_of(key: str, _pieces: PathPieces) -> PathMeasures:
    """Measures of the pieces of a finished job."""
    return measure_path(_pieces)


def show_progress(tracks: Sequence[Track]) -> None:
    """Follow the models; the page runs again when one has got further."""
    running = [track for track in tracks if track.running]
    without_look = [track for track in running if track.curve is None]
    following.follow(
        [Task(track.label, track.job, can_cancel=track.program is not None) for track in running],
        is_news=lambda: any(map(_look_is_there, without_look)),
    )


def _look_is_there(track: Track) -> bool:
    look_job = resources.pool().find(f"first look {track.job.key}")
    return look_job is not None and look_job.done and not look_job.error


def show_failures(tracks: Sequence[Track]) -> None:
    """What went wrong, or was cancelled, with a button to try again."""
    for track in tracks:
        if track.failure:
            st.error(plain(f"{track.label}: {track.failure}"), icon=":material/error:")
        elif track.pieces is not None and track.pieces.status != Status.COMPLETE:
            st.warning(
                f"{plain(track.label)}: cancelled after {len(track.pieces)} segments; figure and numbers are those of "
                "these.",
                icon=":material/stop_circle:",
            )
    unknown = {track.name for track in tracks if isinstance(track.job.failure, UnknownModel)}
    again = [track for track in tracks if track.failure or (track.pieces and track.pieces.status != Status.COMPLETE)]
    if any(track.name not in unknown for track in again):
        following.offer_again([track.job.key for track in again])
    if unknown:
        missing.offer_others(state.current(), state.default_view)
