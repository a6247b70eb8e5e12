"""Many requests at once: one after the other here, or on the workers of a dask cluster, on this machine or others.

Without workers nothing of dask is imported. Every answer is in the store as soon as it is known, so that a run that was
stopped or killed computes nothing twice; a worker that is lost loses what it was at, which another one does again.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from typing import Any

from lrviz.engine.requests import Device, Request, keep, look_up, pack, request_key, run
from lrviz.errors import InvalidRequest, LrvizError, OnRefusal, stop_at_refusal
from lrviz.network.prepare import first_line
from lrviz.progress import Cancelled, Progress, ignore, never
from lrviz.results.status import Status
from lrviz.results.store import MemoryStore, Store

_RETRIES = 3
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Who answers.

    Attributes:
        number: That many processes here; 0 for this process alone.
        scheduler: Address of the scheduler of a dask cluster, as tcp://host:8786, instead.

    Raises:
        InvalidRequest: Both are given, or the number is negative.
    """

    number: int = 0
    scheduler: str = ""

    def __post_init__(self) -> None:
        if self.number < 0 or (self.number and self.scheduler):
            raise InvalidRequest(
                f"Expected a number of workers or the address of a scheduler; got {self.number} and "
                f"{self.scheduler!r}. Give one of them."
            )

    @property
    def are_this_process(self) -> bool:
        """Whether there are none beside this process."""
        return not (self.number or self.scheduler)


HERE = Workers()
"""This process alone."""


def answer_all(
    requests: Sequence[Request],
    store: Store,
    *,
    workers: Workers = HERE,
    device: Device = None,
    progress: Progress = ignore,
    within: Progress = ignore,
    cancelled: Cancelled = never,
    refused: OnRefusal = stop_at_refusal,
) -> Iterator[tuple[int, Any]]:
    """Answer requests, in any order, each as soon as it is known; ends early when it is cancelled.

    Args:
        requests: What is asked for.
        store: Where answers are found and kept.
        workers: Who answers what is not found there.
        device: Where to compute; the GPU if there is one, else the CPU.
        progress: Called with the fraction of the requests that is answered, and a short text.
        within: Called with the fraction of the work while a request is answered in this process, and a short text.
        cancelled: Asked often.
        refused: Called with the index of a request that cannot be answered, and the error; raises it if not given.

    Yields:
        The index of a request and its result.

    Raises:
        InvalidRequest: Dask is not installed, or there is no scheduler at the address.
    """
    missing, done = [], 0

    def report(fraction: float, text: str) -> None:
        within((done + fraction) / len(requests), text)

    for index, request in enumerate(requests):
        if cancelled():
            return
        found = look_up(request, request_key(request), store)
        if found is None:
            missing.append(index)
        else:
            done += 1
            yield index, found
    if workers.are_this_process:
        answers = _answer_here(requests, missing, store, device, report, cancelled, refused)
    else:
        answers = _answer_there(requests, missing, store, workers, device, cancelled, refused)
    for index, result in answers:
        done += 1
        progress(done / len(requests), f"{done:,} of {len(requests):,}")
        yield index, result


def _answer_here(
    requests: Sequence[Request],
    missing: list[int],
    store: Store,
    device: Device,
    progress: Progress,
    cancelled: Cancelled,
    refused: OnRefusal,
) -> Iterator[tuple[int, Any]]:
    for index in missing:
        try:
            result = run(requests[index], store, device=device, progress=progress, cancelled=cancelled).result
        except LrvizError as error:
            refused(index, error)
            continue
        if cancelled() or getattr(result, "status", Status.COMPLETE) == Status.CANCELLED:
            return
        yield index, result


def _answer_there(
    requests: Sequence[Any],
    missing: list[int],
    store: Store,
    workers: Workers,
    device: Device,
    cancelled: Cancelled,
    refused: OnRefusal,
) -> Iterator[tuple[int, Any]]:
    """Send every network once to every worker, and the requests without it; collect bytes."""
    if not missing:
        return
    with _cluster(workers) as client:
        from distributed import as_completed  # noqa: PLC0415

        programs: dict[str, Any] = {}
        for index in missing:
            program = requests[index].program
            if program.digest not in programs:
                programs[program.digest] = client.scatter(program, broadcast=True)
        where = None if device is None else str(device)
        asked = {}
        for index in missing:
            kind, parts, program = type(requests[index]), _without_program(requests[index]), requests[index].program
            future = client.submit(_answer, kind, parts, programs[program.digest], where, pure=False, retries=_RETRIES)
            asked[future] = index
        waiting = as_completed(asked)
        while not waiting.is_empty():
            if cancelled():
                client.cancel(list(asked))
                return
            future = _next(waiting)
            if future is not None:
                index = asked.pop(future)
                try:
                    value = future.result()
                except LrvizError as error:
                    refused(index, error)
                    continue
                except Exception as error:
                    refused(index, _lost(error))
                    continue
                request = requests[index]
                result = request.result_type.load(io.BytesIO(value))
                keep(result, request_key(request), store)
                yield index, result


def _lost(error: Exception) -> InvalidRequest:
    """What to say of an answer that dask gave up; what is wrong with the work itself is raised."""
    if not type(error).__module__.startswith("distributed"):
        raise error
    return InvalidRequest(
        f"Expected an answer from the workers, but they were lost over it again and again ({first_line(error)}): they "
        "may need more memory. What is finished is stored, and the same command goes on there."
    )


def _next(waiting: Any) -> Any:
    """The next finished future; None after a while without one, so that somebody can cancel."""
    waiting.timeout = _POLL_SECONDS
    try:
        return next(waiting)
    except TimeoutError:
        return None


def _without_program(request: Request) -> dict[str, Any]:
    return {item.name: getattr(request, item.name) for item in fields(request) if item.name != "program"}  # type: ignore[arg-type]


def _answer(kind: Any, parts: dict[str, Any], program: Any, device: str | None) -> bytes:
    """Answer on a worker: the result as the bytes of an npz file."""
    return pack(run(kind(program=program, **parts), MemoryStore(), device=device).result)


@contextmanager
def _cluster(workers: Workers) -> Iterator[Any]:
    """A client of the cluster; one of processes here ends with it."""
    try:
        from distributed import Client, LocalCluster  # noqa: PLC0415
    except ImportError as error:
        raise InvalidRequest(
            "Workers need dask, which is not installed here. Install it with: pip install 'lrviz[cluster]'."
        ) from error
    with ExitStack() as opened:
        if workers.scheduler:
            try:
                client = Client(workers.scheduler, timeout=10)
            except (OSError, ValueError) as error:
                raise InvalidRequest(
                    f"No scheduler answers at {workers.scheduler!r}. Start one with: dask scheduler."
                ) from error
        else:
            cluster = LocalCluster(
                n_workers=workers.number, threads_per_worker=1, processes=True, dashboard_address=None,
                silence_logs="ERROR",
            )  # fmt: skip
            opened.enter_context(cluster)
            client = Client(cluster)
        yield opened.enter_context(client)
