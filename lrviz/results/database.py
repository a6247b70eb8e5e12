"""The files of the store on disk: a diskcache that never unpickles, and what tells a damaged one from a busy one."""

import os
import re
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import diskcache
import filelock
from diskcache.core import DBNAME, DEFAULT_SETTINGS, MODE_BINARY, UNKNOWN

from lrviz.results.store import DEFAULT_LIMIT, Entry

BUSY_SECONDS = 10.0
"""How long to wait for another process that is busy with the store."""

_VALUE_FILE = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{28}\.val")

_SETTINGS = {
    **{name: value for name, value in DEFAULT_SETTINGS.items() if name != "size_limit"},
    "disk_min_file_size": 0,
    "eviction_policy": "least-recently-used",
    "cull_limit": 0,  # diskcache drops ten entries at a time; the store drops what it must
    # Nothing is mapped into memory, as a write-ahead log would be: files that are cut short would end the process.
    "sqlite_journal_mode": "delete",
    "sqlite_mmap_size": 0,
    "sqlite_synchronous": 0,  # a power cut may cost stored results, never a wrong one
}
"""All settings, so that none is taken from a database that may be damaged."""

_PASSING = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
}  # fmt: skip
"""Errors that tell about the moment or the disk: the database may be sound, and a new one would not help."""

_UNREADABLE = {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS}


class Damaged(Exception):
    """Something in the folder is not what a store puts there."""


class Failure(NamedTuple):
    """What an error means; the error itself is let go of, since its frames keep statements and their locks alive.

    Attributes:
        is_damage: Whether something else than a database of ours is there, so that only a new one helps.
        reason: A few words for the user.
    """

    is_damage: bool
    reason: str

    @classmethod
    def of(cls, error: Exception, folder: Path) -> "Failure":
        """What an error means that came from the database in a folder."""
        return cls(is_damage=_is_damage(error, folder), reason=_reason(error))


class _BytesDisk(diskcache.Disk):
    """Keeps bytes under text keys in files of its own; nothing is unpickled, and no other file read or removed."""

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

    def fetch(self, mode: int, filename: Any, value: Any, read: bool) -> bytes:
        """The bytes of a file of `value` bytes; empty for everything else."""
        if mode != MODE_BINARY or not _is_value_file(filename):
            return b""
        path = Path(self._directory) / filename
        with suppress(OSError):
            if path.is_file() and path.stat().st_size == value:
                return path.read_bytes()
        return b""

    def remove(self, file_path: Any) -> None:
        if _is_value_file(file_path):
            super().remove(file_path)

    def _write(self, full_path: str, iterator: Any, mode: str, encoding: str | None = None) -> int:
        try:
            return super()._write(full_path, iterator, mode, encoding)
        except BaseException:
            with suppress(OSError):
                os.remove(full_path)
            raise


class Database(diskcache.Cache):
    """The cache with what diskcache does not offer: it reads its rows itself, and unpickles none of their keys."""

    def read(self, key: str) -> bytes | None:
        """What was set under a key, which becomes the one used last; None if there is nothing."""
        select = "SELECT rowid, size, mode, filename FROM Cache WHERE key = ? AND raw = 1"
        for rowid, size, mode, filename in self._sql(select, (key,)).fetchall():
            with suppress(sqlite3.OperationalError):  # a store that is busy or read-only can still be read
                self._sql("UPDATE Cache SET access_time = ? WHERE rowid = ?", (time.time(), rowid))
            return self._disk.fetch(mode, filename, size, False)
        return None

    def entries(self) -> tuple[Entry, ...]:
        """All entries of ours, least recently used first."""
        select = "SELECT key, size, access_time FROM Cache WHERE raw = 1 AND typeof(key) = 'text' ORDER BY access_time"
        rows = self._sql(select).fetchall()
        return tuple(Entry(key=key, num_bytes=int(size), used=float(used)) for key, size, used in rows)

    def value_files(self) -> set[str]:
        """Paths of the files that hold values, relative to the folder."""
        return {name for (name,) in self._sql("SELECT filename FROM Cache WHERE filename IS NOT NULL").fetchall()}

    @property
    def num_entries(self) -> int:
        """Number of rows; diskcache's own counter may be damaged."""
        ((number,),) = self._sql("SELECT COUNT(*) FROM Cache").fetchall()
        return int(number)

    @property
    def num_bytes(self) -> int:
        """Bytes that the values take."""
        ((size,),) = self._sql("SELECT COALESCE(SUM(size), 0) FROM Cache").fetchall()
        return int(size)

    @property
    def limit(self) -> int:
        """Bytes that the values may take."""
        limit = self.reset("size_limit")
        if type(limit) is not int or limit < 1:
            raise Damaged(f"its size limit is {limit!r}")
        return limit


def open_database(folder: Path) -> Database:
    """Open the database of a folder, or make one there.

    Raises:
        Exception: Of any kind, where a damaged database, or no database, is there; `Failure.of` tells which.
    """
    make_folder(folder)
    _require_files(folder)
    path = folder / DBNAME
    if path.exists() and not _has_log(path):
        for suffix in ("-wal", "-shm"):
            path.with_name(DBNAME + suffix).unlink(missing_ok=True)  # SQLite would take it for the database's
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        # A database in use is noticed here; diskcache would wait for six times as long at every statement.
        connection.execute(f"PRAGMA journal_mode = {_SETTINGS['sqlite_journal_mode']}")
        connection.execute("BEGIN EXCLUSIVE")
        limit = {} if _has_limit(connection) else {"size_limit": DEFAULT_LIMIT}
    return Database(os.path.abspath(folder), timeout=BUSY_SECONDS, disk=_BytesDisk, **_SETTINGS, **limit)


def identify(folder: Path) -> tuple[int, int, bool] | None:
    """What changes when the database is replaced, or when a write-ahead log of something else lies beside it."""
    try:
        status = (folder / DBNAME).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, (folder / f"{DBNAME}-wal").exists()


def remove_database(folder: Path) -> None:
    """Remove a database and its values; what cannot be the store's own is only moved aside."""
    for path in (*folder.glob(f"{DBNAME}*"), *value_files(folder)):
        if path.is_dir():
            _move_aside(path)
        else:
            path.unlink(missing_ok=True)


def value_files(folder: Path) -> Iterator[Path]:
    """The files that hold values, known to the database or not."""
    return (path for path in folder.glob("??/??/*.val") if _is_value_file(path.relative_to(folder).as_posix()))


def make_folder(folder: Path) -> None:
    """Make a folder of the store's own; a file in its place is moved aside."""
    if folder.exists() and not folder.is_dir():
        _move_aside(folder)
    folder.mkdir(parents=True, exist_ok=True)


def _move_aside(path: Path) -> None:
    path.rename(path.with_name(f"aside-{uuid.uuid4().hex}-{path.name}"))


def _is_value_file(name: Any) -> bool:
    return type(name) is str and _VALUE_FILE.fullmatch(name) is not None


def _require_files(folder: Path) -> None:
    for path in folder.glob(f"{DBNAME}*"):
        if not path.is_file():
            raise Damaged(f"{path.name} is not a file")


def _has_log(path: Path) -> bool:
    """Whether the header of a database says that it has a write-ahead log, as those of earlier versions have."""
    with path.open("rb") as file:
        return file.read(20)[18:] == b"\x02\x02"


def _has_limit(connection: sqlite3.Connection) -> bool:
    """Whether the user's limit, or the first one, is known; diskcache's own default is another one."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'Settings'").fetchall():
        return False
    return "size_limit" in dict(connection.execute("SELECT key, value FROM Settings").fetchall())


def _is_damage(error: BaseException, folder: Path) -> bool:
    if isinstance(error, diskcache.Timeout) and isinstance(error.__context__, sqlite3.Error):
        error = error.__context__  # diskcache takes whatever keeps a transaction from beginning for a busy database
    code = _code(error)
    if code is None:
        return not isinstance(error, OSError | MemoryError | diskcache.Timeout)
    if code in _UNREADABLE or code & 0xFF not in _PASSING:
        return True
    try:
        _require_files(folder)
    except Damaged:
        return True
    # A database that may be written to, and says that it may not be, has a damaged header.
    return code == sqlite3.SQLITE_READONLY and all(os.access(path, os.W_OK) for path in (folder, folder / DBNAME))


def _code(error: BaseException) -> int | None:
    """The extended result code of an error of SQLite itself."""
    return getattr(error, "sqlite_errorcode", None) if isinstance(error, sqlite3.Error) else None


def _reason(error: Exception) -> str:
    is_busy = isinstance(error, diskcache.Timeout | filelock.Timeout) or _code(error) == sqlite3.SQLITE_BUSY
    return "its database is busy or read-only" if is_busy else str(error) or type(error).__name__
