"""What a store of results is: bytes by content key, checked when read, bounded in size."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from lrviz.errors import InvalidRequest
from lrviz.progress import Cancelled

DEFAULT_LIMIT = 2 * 2**30
"""Size limit of a new store, in bytes."""

MAX_LIMIT = 2**50
"""Largest size limit, in bytes."""

FRAME_VERSION = 1
_MAGIC = b"lrviz" + FRAME_VERSION.to_bytes(2, "big")
_CHECKSUM_BYTES = hashlib.sha256().digest_size
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One stored result.

    Attributes:
        key: Its content key.
        num_bytes: Bytes that it takes.
        used: When it was last read or written, in seconds since 1970.
    """

    key: str
    num_bytes: int
    used: float


@runtime_checkable
class Store(Protocol):
    """Bytes by key. A value that is not exactly what was put is treated as missing."""

    def get(self, key: str) -> bytes | None:
        """The value that was put, or None."""

    def put(self, key: str, value: bytes) -> None:
        """Keep a value, and drop the least recently used ones if the limit asks for it."""

    def discard(self, key: str) -> None:
        """Drop a value, if it is there."""

    def lock(self, key: str, cancelled: Cancelled | None = None) -> AbstractContextManager[bool]:
        """Hold a key alone among all threads and processes; yields false if `cancelled` ended the wait."""

    @property
    def size_bytes(self) -> int:
        """Bytes that the entries take."""

    @property
    def limit_bytes(self) -> int:
        """Bytes that the entries may take; setting it drops what is too much."""

    @limit_bytes.setter
    def limit_bytes(self, limit: int) -> None: ...

    def entries(self) -> tuple[Entry, ...]:
        """What is stored, least recently used first."""

    def clear(self) -> None:
        """Drop everything."""

    def __len__(self) -> int: ...


def seal(key: str, value: bytes) -> bytes:
    """Frame a value with the version of the frame and a checksum of key and value."""
    return _MAGIC + _checksum(key, value) + value


def unseal(key: str, sealed: bytes) -> bytes | None:
    """The value that `seal` framed under this key, or None for anything else."""
    start = len(_MAGIC) + _CHECKSUM_BYTES
    value = sealed[start:]
    if sealed[: len(_MAGIC)] != _MAGIC or sealed[len(_MAGIC) : start] != _checksum(key, value):
        return None
    return value


def _checksum(key: str, value: bytes) -> bytes:
    digest = hashlib.sha256(key.encode() + b"\0")
    digest.update(value)
    return digest.digest()


def check_limit(limit: int) -> int:
    """The limit as a whole number of bytes; raises InvalidRequest below one and above `MAX_LIMIT`."""
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidRequest(
            f"The store needs a limit of at least one byte and at most {MAX_LIMIT >> 40:,} TB; got {limit:,} bytes. "
            "Give another one."
        )
    return int(limit)


class MemoryStore:
    """A store that lives as long as the object; it defines what `DiskStore` must do."""

    def __init__(self, limit_bytes: int = DEFAULT_LIMIT) -> None:
        self._sealed: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._limit = check_limit(limit_bytes)
        self._guard = threading.RLock()
        self._locks: dict[str, threading.Lock] = {}

    def get(self, key: str) -> bytes | None:
        """See `Store`."""
        with self._guard:
            sealed, _ = self._sealed.get(key, (b"", 0.0))
            value = unseal(key, sealed)
            if value is None:
                self._sealed.pop(key, None)
            else:
                self._sealed[key] = sealed, time.time()
                self._sealed.move_to_end(key)
            return value

    def put(self, key: str, value: bytes) -> None:
        """See `Store`."""
        sealed = seal(key, value)
        with self._guard:
            if len(sealed) <= self._limit:
                self._sealed[key] = sealed, time.time()
                self._sealed.move_to_end(key)
                self._evict()

    def discard(self, key: str) -> None:
        """See `Store`."""
        with self._guard:
            self._sealed.pop(key, None)

    @contextmanager
    def lock(self, key: str, cancelled: Cancelled | None = None) -> Iterator[bool]:
        """See `Store`."""
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        held = lock.acquire(timeout=POLL_SECONDS)
        while not held and not (cancelled and cancelled()):
            held = lock.acquire(timeout=POLL_SECONDS)
        try:
            yield held
        finally:
            if held:
                lock.release()

    @property
    def size_bytes(self) -> int:
        """See `Store`."""
        with self._guard:
            return sum(len(sealed) for sealed, _ in self._sealed.values())

    @property
    def limit_bytes(self) -> int:
        """See `Store`."""
        return self._limit

    @limit_bytes.setter
    def limit_bytes(self, limit: int) -> None:
        with self._guard:
            self._limit = check_limit(limit)
            self._evict()

    def entries(self) -> tuple[Entry, ...]:
        """See `Store`."""
        with self._guard:
            return tuple(
                Entry(key=key, num_bytes=len(sealed), used=used) for key, (sealed, used) in self._sealed.items()
            )

    def clear(self) -> None:
        """See `Store`."""
        with self._guard:
            self._sealed.clear()

    def __len__(self) -> int:
        return len(self._sealed)

    def _evict(self) -> None:
        while self.size_bytes > self._limit:
            self._sealed.popitem(last=False)
