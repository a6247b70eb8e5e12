"""The store on disk: shared by processes, never unpickling, surviving whatever happens to its folder."""

import os
import sqlite3
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import diskcache
import filelock
import platformdirs
from diskcache.core import DBNAME, MODE_BINARY, UNKNOWN

from lrviz.progress import Cancelled
from lrviz.results.store import DEFAULT_LIMIT, POLL_SECONDS, Entry, check_limit, seal, unseal

FOLDER_VARIABLE = "LRVIZ_CACHE_DIR"
"""Environment variable that names the folder of the store."""

_LEFTOVER_SECONDS = 3600.0
_FAILURES = (OSError, sqlite3.Error, diskcache.Timeout)

T = TypeVar("T")


class StoreWarning(UserWarning):
    """The store cannot be used; results are computed but not kept."""


def cache_folder() -> Path:
    """The folder of the store: that of the environment variable `LRVIZ_CACHE_DIR`, or the user's cache folder."""
    return Path(os.environ.get(FOLDER_VARIABLE) or platformdirs.user_cache_dir("lrviz"))


class _BytesDisk(diskcache.Disk):
    """Keeps bytes under text keys; whatever else a folder holds reads as empty bytes and is never unpickled."""

    def put(self, key: Any) -> tuple[Any, bool]:
        if type(key) is not str:
            raise TypeError(f"A key must be text; got {type(key).__name__}.")
        return key, True

    def get(self, key: Any, raw: bool) -> str:
        return key if raw and type(key) is str else ""

    def store(self, value: Any, read: bool, key: Any = UNKNOWN) -> tuple[int, int, str | None, Any]:
        if type(value) is not bytes or read:
            raise TypeError(f"A value must be bytes; got {type(value).__name__}.")
        return super().store(value, False, key)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> bytes:
        if mode != MODE_BINARY or type(filename) is not str:
            return b""
        try:
            return (Path(self._directory) / filename).read_bytes()
        except OSError:
            return b""

    def _write(self, full_path: str, iterator: Any, mode: str, encoding: str | None = None) -> int:
        try:
            return super()._write(full_path, iterator, mode, encoding)
        except BaseException:
            with suppress(OSError):
                os.remove(full_path)
            raise


class _Files(diskcache.Cache):
    """The cache with what diskcache does not offer: its rows without their keys being unpickled."""

    def entries(self) -> tuple[Entry, ...]:
        """All entries of ours, least recently used first."""
        select = "SELECT key, size, access_time FROM Cache WHERE raw = 1 AND typeof(key) = 'text' ORDER BY access_time"
        return tuple(Entry(key=key, num_bytes=size, used=used) for key, size, used in self._sql(select))

    def value_files(self) -> set[str]:
        """Paths of the files that hold values, relative to the folder."""
        return {name for (name,) in self._sql("SELECT filename FROM Cache WHERE filename IS NOT NULL")}


class DiskStore:
    """A store in a folder, shared by all processes that open it.

    Whatever goes wrong with the folder costs one warning and the stored results, never a result.

    Args:
        folder: Where it is; `cache_folder()` if None.
        limit_bytes: New size limit; the one that the folder remembers, or 2 GiB, if None.
    """

    def __init__(self, folder: Path | str | None = None, limit_bytes: int | None = None) -> None:
        self.folder = Path(folder) if folder is not None else cache_folder()
        self._results, self._locks = self.folder / "results", self.folder / "locks"
        self._files: _Files | None = None
        self._guard = threading.Lock()
        self._warned = False
        if limit_bytes is not None:
            self.limit_bytes = limit_bytes
        self._attempt(self._sweep, None)

    def get(self, key: str) -> bytes | None:
        """See `Store`."""
        sealed = self._attempt(lambda files: files.get(key), None)
        if sealed is None:
            return None
        value = unseal(key, sealed)
        if value is None:
            self.discard(key)
        return value

    def put(self, key: str, value: bytes) -> None:
        """See `Store`."""
        sealed = seal(key, value)

        def write(files: _Files) -> None:
            if len(sealed) <= files.reset("size_limit"):
                files.set(key, sealed)
                self._evict(files)

        self._attempt(write, None)

    def discard(self, key: str) -> None:
        """See `Store`."""
        self._attempt(lambda files: files.delete(key), None)

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
        return self._attempt(lambda files: int(files.reset("size")), 0)

    @property
    def limit_bytes(self) -> int:
        """See `Store`; the folder remembers it."""
        return self._attempt(lambda files: int(files.reset("size_limit")), DEFAULT_LIMIT)

    @limit_bytes.setter
    def limit_bytes(self, limit: int) -> None:
        limit = check_limit(limit)

        def write(files: _Files) -> None:
            files.reset("size_limit", limit)
            self._evict(files)

        self._attempt(write, None)

    def entries(self) -> tuple[Entry, ...]:
        """See `Store`."""
        return self._attempt(_Files.entries, ())

    def clear(self) -> None:
        """See `Store`."""
        self._attempt(lambda files: files.clear(), 0)

    def __len__(self) -> int:
        return self._attempt(len, 0)

    def close(self) -> None:
        """Close the database connection of this thread; the next use opens it again."""
        with self._guard:
            if self._files is not None:
                self._files.close()
            self._files = None

    def _attempt(self, action: Callable[[_Files], T], fallback: T) -> T:
        """Do something with the folder; if that fails open it anew, then warn and go on without."""
        for is_last in (False, True):
            try:
                return action(self._open())
            except _FAILURES as error:
                self.close()
                if is_last:
                    self._warn(error)
                elif _is_damage(error):
                    self._remove_database()
        return fallback

    def _open(self) -> _Files:
        with self._guard:
            is_new = not (self._results / DBNAME).exists()
            if self._files is None or is_new:
                self._files = _Files(
                    str(self._results),
                    timeout=10,
                    disk=_BytesDisk,
                    disk_min_file_size=0,
                    eviction_policy="least-recently-used",
                    cull_limit=0,  # diskcache drops ten entries at a time; `_evict` drops what it must
                    **({"size_limit": DEFAULT_LIMIT} if is_new else {}),
                )
            return self._files

    def _evict(self, files: _Files) -> None:
        excess = int(files.reset("size")) - int(files.reset("size_limit"))
        for entry in files.entries() if excess > 0 else ():
            if excess > 0:
                files.delete(entry.key)
                excess -= entry.num_bytes

    def _sweep(self, files: _Files) -> None:
        """Remove what killed writers left behind; younger files may belong to a writer that lives."""
        known, oldest = files.value_files(), time.time() - _LEFTOVER_SECONDS
        values = [
            path for path in self._results.glob("??/??/*.val") if str(path.relative_to(self._results)) not in known
        ]
        for path in (*values, *self._locks.glob("*.lock")):
            with suppress(OSError):
                if path.stat().st_mtime < oldest:
                    path.unlink()

    def _remove_database(self) -> None:
        for path in self._results.glob(f"{DBNAME}*"):
            with suppress(OSError):
                path.unlink()

    def _acquire(self, lock: filelock.BaseFileLock, cancelled: Cancelled | None) -> bool:
        try:
            self._locks.mkdir(parents=True, exist_ok=True)
            while True:
                with suppress(filelock.Timeout):
                    lock.acquire(timeout=4 * POLL_SECONDS, poll_interval=POLL_SECONDS)
                    os.utime(lock.lock_file)
                    return True
                if cancelled and cancelled():
                    return False
        except (OSError, NotImplementedError) as error:
            self._warn(error)
            return False

    def _warn(self, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"Results cannot be stored in {self.folder} ({_reason(error)}): computing goes on without storing. "
                f"Free some space, or set {FOLDER_VARIABLE} to a folder that can be written to.",
                StoreWarning,
                stacklevel=4,
            )


def _reason(error: Exception) -> str:
    return "its database is busy or read-only" if isinstance(error, diskcache.Timeout) else str(error)


def _is_damage(error: Exception) -> bool:
    """Whether the database is not one, or not ours, so that only a new one helps."""
    if isinstance(error, sqlite3.OperationalError):
        return str(error).startswith("no such")
    return isinstance(error, sqlite3.DatabaseError)
