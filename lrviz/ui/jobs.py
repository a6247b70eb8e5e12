"""Long work in the background: bounded, shared between users, and started once for each key."""

import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from lrviz.errors import LrvizError

log = logging.getLogger("lrviz")

GRACE_SECONDS = 2.0
"""How long a job that somebody left goes on without anybody else."""


class Report:
    """How work tells how far it is.

    Attributes:
        fraction: How much is done, 0 to 1.
        text: A few words on what is going on.
        partial: What has been found so far, if that can be shown.
    """

    def __init__(self) -> None:
        self.fraction, self.text, self.partial = 0.0, "", None

    def __call__(self, fraction: float, text: str) -> None:
        """Say how much is done, in words as well."""
        self.fraction, self.text = min(max(fraction, 0.0), 1.0), text

    def show(self, partial: Any) -> None:
        """Give what has been found so far."""
        self.partial = partial


_LATEST = 4
"""So many results are kept however large they are: those of the maps that are being looked at."""

Work = Callable[[Report, Callable[[], bool]], Any]

_ENDING = "cannot schedule new futures"
"""What Python says when it ends, by Ctrl-C for example, while work goes on."""

CALM = "Something unexpected went wrong here; it was written to the server's log. Reload the page, or change the view."


class Job:
    """One piece of work and how far it is.

    Attributes:
        key: What it computes.
        report: How far it is.
    """

    def __init__(self, key: str) -> None:
        self.key, self.report = key, Report()
        self._future: Future[Any] = Future()
        self._cancelled = threading.Event()
        self._began: float | None = None
        self._left: float | None = None

    def run(self, work: Work) -> None:
        """Do the work and keep its result or its error."""
        self._began = time.monotonic()
        try:
            self._future.set_result(work(self.report, lambda: self.cancelled or self.abandoned))
        except BaseException as error:
            if not isinstance(error, LrvizError) and _ENDING not in str(error):
                log.exception("background work %s failed", self.key)
            self._future.set_exception(error)
        finally:
            self.report.partial = None

    def cancel(self) -> None:
        """Ask the work to stop; it ends with what it has."""
        self._cancelled.set()

    def leave(self) -> None:
        """Say that one who waited does not need it any more; it ends early unless another one joins soon."""
        self._left = self._left or time.monotonic()

    def join(self) -> None:
        """Say that somebody waits for it; to be said again and again where others may leave."""
        if not self.abandoned:
            self._left = None

    @property
    def abandoned(self) -> bool:
        """Whether everybody left, so that it ends, or ended, early."""
        return self._left is not None and time.monotonic() - self._left > GRACE_SECONDS

    def wait(self, seconds: float) -> bool:
        """Wait for the end, at most this long, and tell whether it came."""
        try:
            self._future.exception(timeout=seconds)
        except FutureTimeout:
            return False
        return True

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._future.done()

    @property
    def cancelled(self) -> bool:
        """Whether it was asked to stop."""
        return self._cancelled.is_set()

    @property
    def result(self) -> Any:
        """What the work returned; raises its error."""
        return self._future.result(timeout=0)

    @property
    def failure(self) -> BaseException | None:
        """What went wrong, if something did."""
        return self._future.exception(timeout=0) if self.done else None

    @property
    def error(self) -> str | None:
        """A sentence for the user if the work failed."""
        if self.failure is None:
            return None
        return str(self.failure) if isinstance(self.failure, LrvizError) else CALM

    @property
    def elapsed(self) -> float:
        """Seconds since the work began; 0 while it waits for its turn."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    @property
    def waiting(self) -> bool:
        """Whether it waits for other work to end."""
        return self._began is None


class JobPool:
    """Runs jobs in a few threads and remembers the last ones that ended.

    Args:
        max_running: How many run at a time; the others wait.
        max_kept: How many ended jobs are remembered.
        max_bytes: How much memory the results of those may take, but for the latest few.
        size_of: How much a result takes.
    """

    def __init__(
        self,
        max_running: int = 2,
        max_kept: int = 24,
        max_bytes: float = math.inf,
        size_of: Callable[[Any], int] = lambda _: 0,
    ) -> None:
        self._executor = ThreadPoolExecutor(max_running, thread_name_prefix="lrviz-job")
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._guard = threading.Lock()
        self._max_kept, self._max_bytes, self._size_of = max_kept, max_bytes, size_of

    def submit(self, key: str, work: Work) -> Job:
        """Start work, unless a job of the same key is known; `drop` one that failed or was cancelled to try again."""
        with self._guard:
            job = self._jobs.get(key)
            if job is not None and not job.abandoned:
                job.join()
                self._jobs.move_to_end(key)
                return job
            job = self._jobs[key] = Job(key)
            self._jobs.move_to_end(key)
            self._forget()
        self._executor.submit(job.run, work)
        return job

    @property
    def unfinished(self) -> tuple[Job, ...]:
        """The jobs that have not ended."""
        with self._guard:
            return tuple(job for job in self._jobs.values() if not job.done)

    def find(self, key: str) -> Job | None:
        """The job of a key, if it is known."""
        with self._guard:
            return self._jobs.get(key)

    def drop(self, key: str) -> None:
        """Forget a job that has ended, so that it can be started again."""
        with self._guard:
            if key in self._jobs and self._jobs[key].done:
                del self._jobs[key]

    def _forget(self) -> None:
        ended = [key for key, job in self._jobs.items() if job.done]
        for key in ended[: max(len(self._jobs) - self._max_kept, 0)]:
            del self._jobs[key]
        sizes = {key: self._size_of(job.result) for key, job in self._jobs.items() if job.done and not job.failure}
        total = sum(sizes.values())
        for key in list(sizes)[:-_LATEST]:
            if total > self._max_bytes:
                total -= sizes[key]
                del self._jobs[key]
