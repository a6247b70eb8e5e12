"""The store on disk: shared by processes, surviving whatever happens to its folder."""

import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import filelock
import platformdirs

from lrviz.progress import Cancelled
from lrviz.results.database import (
    BUSY_SECONDS,
    Database,
    Failure,
    identify,
    make_folder,
    open_database,
    remove_database,
    value_files,
)
from lrviz.results.store import DEFAULT_LIMIT, POLL_SECONDS, Entry, check_limit, seal, unseal

FOLDER_VARIABLE = "LRVIZ_CACHE_DIR"
"""Environment variable that names the folder of the store."""

_LEFTOVER_SECONDS = 3600.0

T = TypeVar("T")


class StoreWarning(UserWarning):
    """Stored results were damaged and dropped, or cannot be kept; what is computed is right all the same."""


def cache_folder() -> Path:
    """The folder of the store: that of the environment variable `LRVIZ_CACHE_DIR`, or the user's cache folder."""
    return Path(os.environ.get(FOLDER_VARIABLE) or platformdirs.user_cache_dir("lrviz"))


class DiskStore:
    """A store in a folder, shared by all processes that open it.

    Whatever goes wrong with the folder costs one warning and the stored results, never a result: what is damaged is
    dropped and storing starts anew, and where that does not help, nothing is stored.

    Args:
        folder: Where it is; `cache_folder()` if None.
        limit_bytes: New size limit; the one that the folder remembers, or 2 GiB, if None.
    """

    def __init__(self, folder: Path | str | None = None, limit_bytes: int | None = None) -> None:
        self.folder = Path(folder) if folder is not None else cache_folder()
        self._results, self._locks = self.folder / "results", self.folder / "locks"
        self._opening = filelock.FileLock(self._locks / "opening.lock", timeout=BUSY_SECONDS)
        self._database: Database | None = None
        self._identity: tuple[int, int, bool] | None = None
        self._guard = threading.RLock()
        self._warned: set[str] = set()
        if limit_bytes is not None:
            self.limit_bytes = limit_bytes
        self._attempt(self._sweep, None)

    def get(self, key: str) -> bytes | None:
        """See `Store`."""
        sealed = self._attempt(lambda database: database.read(key), None)
        if sealed is None:
            return None
        value = unseal(key, sealed)
        if value is None:
            self.discard(key)
        return value

    def put(self, key: str, value: bytes) -> None:
        """See `Store`."""
        sealed = seal(key, value)

        def write(database: Database) -> None:
            if len(sealed) <= database.limit:
                database.set(key, sealed)
                self._evict(database)

        self._attempt(write, None)

    def discard(self, key: str) -> None:
        """See `Store`."""
        self._attempt(lambda database: database.delete(key), None)

    @contextmanager
    def lock(self, key: str, cancelled: Cancelled | None = None) -> Iterator[bool]:
        """See `Store`. The operating system releases the lock of a process that dies."""
        lock = filelock.FileLock(self._locks / f"{key}.lock")
        held = self._acquire(lock, cancelled)
        try:
            yield held
        finally:
            lock.release()

    @property
    def size_bytes(self) -> int:
        """See `Store`."""
        return self._attempt(lambda database: database.num_bytes, 0)

    @property
    def limit_bytes(self) -> int:
        """See `Store`; the folder remembers it."""
        return self._attempt(lambda database: database.limit, DEFAULT_LIMIT)

    @limit_bytes.setter
    def limit_bytes(self, limit: int) -> None:
        limit = check_limit(limit)

        def write(database: Database) -> None:
            database.reset("size_limit", limit)
            self._evict(database)

        self._attempt(write, None)

    def entries(self) -> tuple[Entry, ...]:
        """See `Store`."""
        return self._attempt(Database.entries, ())

    def clear(self) -> None:
        """See `Store`."""
        self._attempt(lambda database: database.clear(), 0)

    def __len__(self) -> int:
        return self._attempt(lambda database: database.num_entries, 0)

    def close(self) -> None:
        """Close the database connection of this thread; the next use opens it again."""
        with self._guard:
            if self._database is not None:
                self._database.close()
            self._database = None

    def _attempt(self, action: Callable[[Database], T], fallback: T) -> T:
        """Do something with the folder; if that fails start anew, and if that fails too, go on without it."""
        try:
            return action(self._open())
        except Exception as error:  # a damaged database fails in many ways, UnicodeDecodeError is one of them
            failure = Failure.of(error, self._results)
        if failure.is_damage:
            try:
                with self._alone():
                    result, damage = self._start_anew(action)
            except Exception as error:
                failure = Failure.of(error, self._results)
            else:
                if damage is not None:
                    text = f"The results stored in {self.folder} were damaged ({damage.reason}): they start anew."
                    self._warn("damage", text)
                return result
        self.close()
        self._warn_unusable(failure.reason)
        return fallback

    def _start_anew(self, action: Callable[[Database], T]) -> tuple[T, Failure | None]:
        """Do something with a new database, unless another thread or process has begun one meanwhile.

        Returns:
            What came of it, and what was wrong with the old database if this call replaced it.
        """
        self.close()
        try:
            return action(self._open()), None
        except Exception as error:
            damage = Failure.of(error, self._results)
            if not damage.is_damage:
                raise
        self.close()
        remove_database(self._results)
        return action(self._open()), damage

    def _open(self) -> Database:
        """The database, opened once, and again when another process has replaced it."""
        with self._guard:
            if self._database is None or self._identity != identify(self._results):
                with self._alone():
                    self._database = open_database(self._results)
                    self._identity = identify(self._results)
            return self._database

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One thread of one process at a time opens, or replaces, the database."""
        with self._guard:
            make_folder(self._locks)
            with self._opening:
                yield

    def _evict(self, database: Database) -> None:
        excess = database.num_bytes - database.limit
        for entry in database.entries() if excess > 0 else ():
            if excess > 0:
                database.delete(entry.key)
                excess -= entry.num_bytes

    def _sweep(self, database: Database) -> None:
        """Remove what killed writers left behind; younger files may belong to a writer that lives."""
        known, oldest = database.value_files(), time.time() - _LEFTOVER_SECONDS
        for path in value_files(self._results):
            with suppress(OSError):
                if str(path.relative_to(self._results)) not in known and path.stat().st_mtime < oldest:
                    path.unlink()
        for path in self._locks.glob("*.lock"):
            with suppress(OSError, filelock.Timeout):
                if path.stat().st_mtime < oldest:
                    with filelock.FileLock(path, blocking=False):  # nobody computes what it guards
                        path.unlink()

    def _acquire(self, lock: filelock.BaseFileLock, cancelled: Cancelled | None) -> bool:
        try:
            make_folder(self._locks)
            while True:
                with suppress(filelock.Timeout):
                    lock.acquire(timeout=4 * POLL_SECONDS, poll_interval=POLL_SECONDS)
                    os.utime(lock.lock_file)
                    return True
                if cancelled and cancelled():
                    return False
        except (OSError, NotImplementedError) as error:
            self._warn_unusable(Failure.of(error, self._results).reason)
            return False

    def _warn_unusable(self, reason: str) -> None:
        self._warn(
            "unusable",
            f"Results cannot be stored in {self.folder} ({reason}): computing goes on without storing. "
            f"Free some space, or set {FOLDER_VARIABLE} to a folder that can be written to.",
        )

    def _warn(self, kind: str, text: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            warnings.warn(text, StoreWarning, stacklevel=5)
