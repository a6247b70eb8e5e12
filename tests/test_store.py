"""The memory store defines what a store does; the disk store must do the same, and survive its folder."""

import multiprocessing
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from contextlib import closing

import diskcache
import pytest

from lrviz.errors import InvalidRequest
from lrviz.results.diskstore import FOLDER_VARIABLE, DiskStore, StoreWarning, cache_folder
from lrviz.results.store import DEFAULT_LIMIT, MemoryStore, seal, unseal

FRAME = len(seal("", b""))


@pytest.fixture(params=["memory", "disk"])
def store(request, tmp_path):
    return MemoryStore() if request.param == "memory" else DiskStore(tmp_path)


def tamper(store, key, change):
    """Change the sealed bytes of an entry behind the store's back."""
    if isinstance(store, MemoryStore):
        sealed, used = store._sealed[key]
        store._sealed[key] = change(sealed), used
    else:
        path = store.folder / "results" / value_file(store, key)
        path.write_bytes(change(path.read_bytes()))


def value_file(store, key):
    with closing(sqlite3.connect(store.folder / "results" / "cache.db")) as database:
        return database.execute("SELECT filename FROM Cache WHERE key = ?", (key,)).fetchone()[0]


def test_returns_what_was_put(store):
    assert store.get("a") is None
    store.put("a", b"one")
    store.put("b", b"")
    store.put("a", b"two" * 50_000)
    assert store.get("a") == b"two" * 50_000
    assert store.get("b") == b""
    assert len(store) == 2


def test_entries_are_listed_by_last_use_with_their_sizes(store):
    for key in "abc":
        store.put(key, key.encode() * 10)
        time.sleep(0.002)
    store.get("a")
    assert [entry.key for entry in store.entries()] == ["b", "c", "a"]
    assert sum(entry.num_bytes for entry in store.entries()) == store.size_bytes == 3 * (FRAME + 10)
    assert all(abs(entry.used - time.time()) < 60 for entry in store.entries())


def test_discard_and_clear_drop_entries(store):
    for key in "abc":
        store.put(key, b"value")
    store.discard("a")
    store.discard("never there")
    assert store.get("a") is None
    assert len(store) == 2
    store.clear()
    assert (len(store), store.size_bytes, store.entries()) == (0, 0, ())


@pytest.mark.parametrize(
    "change",
    [
        lambda sealed: sealed[:-1],
        lambda sealed: sealed[:10],
        lambda sealed: b"",
        lambda sealed: sealed + b"x",
        lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]),
        lambda sealed: bytes([sealed[0] ^ 1]) + sealed[1:],
        lambda sealed: sealed[:5] + b"\x00\x63" + sealed[7:],
        lambda sealed: seal("another key", b"value"),
        lambda sealed: pickle.dumps("value"),
    ],
    ids=["cut", "frame cut", "empty", "longer", "bit", "magic", "version", "other key", "foreign"],
)
def test_a_changed_entry_is_missing_dropped_and_replaced(store, change):
    store.put("a", b"value")
    tamper(store, "a", change)
    assert store.get("a") is None
    assert len(store) == 0
    store.put("a", b"value")
    assert store.get("a") == b"value"


def test_least_recently_used_entries_are_dropped_first(store):
    store.limit_bytes = 3 * (FRAME + 100)
    for key in "abc":
        store.put(key, bytes(100))
        time.sleep(0.002)
    store.get("a")
    store.put("d", bytes(100))
    assert [store.get(key) is not None for key in "abcd"] == [True, False, True, True]
    store.limit_bytes = FRAME + 100
    assert len(store) == 1
    assert store.size_bytes <= store.limit_bytes


def test_a_value_above_the_limit_is_not_kept_and_drops_nothing(store):
    store.limit_bytes = FRAME + 100
    store.put("a", bytes(100))
    store.put("b", bytes(101))
    assert store.get("a") == bytes(100)
    assert store.get("b") is None


@pytest.mark.parametrize("limit", [0, -5])
def test_a_limit_below_one_byte_is_refused(store, limit):
    with pytest.raises(InvalidRequest, match="at least one byte"):
        store.limit_bytes = limit
    assert store.limit_bytes == DEFAULT_LIMIT


def test_a_lock_holds_threads_apart(store):
    inside, most = [], []

    def work():
        with store.lock("a") as held:
            inside.append(held)
            most.append(len(inside))
            time.sleep(0.02)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1]


def test_locks_of_other_keys_are_free(store):
    with store.lock("a") as first, store.lock("b") as second:
        assert first and second


def test_waiting_for_a_lock_can_be_cancelled(store):
    results = []

    def wait():
        with store.lock("a", lambda: True) as held:
            results.append(held)

    with store.lock("a"):
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(5)
    assert results == [False]


def test_a_lock_is_released_after_an_error(store):
    with pytest.raises(ZeroDivisionError), store.lock("a"):
        raise ZeroDivisionError
    with store.lock("a", lambda: True) as held:
        assert held


def test_seal_binds_key_and_value():
    sealed = seal("key", b"value")
    assert unseal("key", sealed) == b"value"
    assert unseal("other", sealed) is None
    assert unseal("key", b"") is None


def test_the_folder_is_that_of_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine" == DiskStore().folder
    monkeypatch.delenv(FOLDER_VARIABLE)
    assert cache_folder().name == "lrviz"


def test_a_new_process_finds_entries_and_limit(tmp_path):
    store = DiskStore(tmp_path)
    store.put("a", b"value")
    store.limit_bytes = 12_345
    store = f"from lrviz.results.diskstore import DiskStore; store = DiskStore({str(tmp_path)!r})"
    code = f"{store}; print(store.get('a'), store.limit_bytes)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.split() == ["b'value'", "12345"]


def test_the_default_limit_is_two_gibibytes(tmp_path):
    assert DiskStore(tmp_path).limit_bytes == 2 * 2**30 == MemoryStore().limit_bytes
    assert DiskStore(tmp_path / "other", limit_bytes=1000).limit_bytes == 1000


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("min_file_size", [0, 2**20], ids=["in a file", "in the database"])
def test_foreign_pickles_are_never_unpickled(tmp_path, min_file_size):
    DiskStore(tmp_path).put("mine", b"value")
    marker = tmp_path / "unpickled"
    with diskcache.Cache(str(tmp_path / "results"), disk_min_file_size=min_file_size) as foreign:
        foreign.set("a", Bomb(marker))
        foreign.set(("a", "tuple"), "key that is pickled")
        foreign.set("text", "a text")
        foreign.set("number", 17)
        foreign.set(b"bytes", b"value")
    store = DiskStore(tmp_path)
    assert [store.get(key) for key in ("a", "text", "number", "mine")] == [None, None, None, b"value"]
    assert [entry.key for entry in store.entries()] == ["mine"]
    store.limit_bytes = 1
    store.clear()
    assert not marker.exists()
    assert len(store) == 0


def test_only_bytes_are_written(tmp_path):
    store = DiskStore(tmp_path)
    for value in ("text", 5, {"a": 1}):
        with pytest.raises(TypeError):
            store._open().set("a", value)
    with pytest.raises(TypeError):
        store._open().set(("a",), b"value")
    assert len(store) == 0


@pytest.mark.parametrize("content", [b"no database" * 1000, b""], ids=["rubbish", "empty"])
def test_a_damaged_database_is_replaced(tmp_path, content):
    store = DiskStore(tmp_path)
    store.put("a", b"value")
    store.close()
    for path in (tmp_path / "results").glob("cache.db*"):
        path.unlink()
    (tmp_path / "results" / "cache.db").write_bytes(content)
    store = DiskStore(tmp_path)
    assert store.get("a") is None
    store.put("a", b"value")
    assert store.get("a") == b"value"


def test_a_database_of_another_program_is_replaced(tmp_path):
    (tmp_path / "results").mkdir()
    with closing(sqlite3.connect(tmp_path / "results" / "cache.db")) as database:
        database.execute("CREATE TABLE Cache (name TEXT)")
        database.commit()
    store = DiskStore(tmp_path)
    store.put("a", b"value")
    assert store.get("a") == b"value"


def test_a_folder_that_vanishes_is_made_again(tmp_path):
    store = DiskStore(tmp_path / "cache")
    store.put("a", b"value")
    (tmp_path / "cache").rename(tmp_path / "gone")
    assert store.get("a") is None
    store.put("a", b"value")
    assert store.get("a") == DiskStore(tmp_path / "cache").get("a") == b"value"


def test_a_value_file_that_vanishes_is_missing(tmp_path):
    store = DiskStore(tmp_path)
    store.put("a", b"value")
    (tmp_path / "results" / value_file(store, "a")).unlink()
    assert store.get("a") is None
    assert len(store) == 0


def test_an_unwritable_folder_gives_one_warning(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        store = DiskStore(tmp_path / "file" / "cache")
        store.put("a", b"value")
        with store.lock("a"):
            assert store.get("a") is None
        assert (len(store), store.size_bytes, store.entries()) == (0, 0, ())
        store.limit_bytes = 100
        store.clear()
    assert [warning.category for warning in caught] == [StoreWarning]
    assert "computing goes on without storing" in str(caught[0].message)
    assert FOLDER_VARIABLE in str(caught[0].message)


def test_a_full_disk_gives_one_warning_and_leaves_nothing(tmp_path, monkeypatch):
    store = DiskStore(tmp_path)

    def fill(disk, path, iterator, mode, encoding=None):
        with open(path, "wb") as file:
            file.write(b"half")
        raise OSError(28, "No space left on device")

    (tmp_path / "results" / "aa" / "bb").mkdir(parents=True)
    monkeypatch.setattr(diskcache.Disk, "_write", fill)
    monkeypatch.setattr(diskcache.Disk, "filename", lambda disk, *_: ("aa/bb/c.val", f"{disk._directory}/aa/bb/c.val"))
    with pytest.warns(StoreWarning, match="No space left on device"):
        store.put("a", b"value")
    store.put("a", b"value")
    assert store.get("a") is None
    assert not list((tmp_path / "results").rglob("*.val"))


def compute_once(folder, log):
    store = DiskStore(folder)
    with store.lock("plane"):
        if store.get("plane") is None:
            with open(log, "a") as file:
                file.write("computed\n")
            time.sleep(0.1)
            store.put("plane", b"value")


def hold_and_wait(folder, ready):
    with DiskStore(folder).lock("plane"):
        ready.set()
        time.sleep(60)


def test_processes_that_want_the_same_compute_it_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=compute_once, args=(tmp_path, tmp_path / "log")) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert (tmp_path / "log").read_text() == "computed\n"


def test_a_killed_holder_releases_its_lock(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=hold_and_wait, args=(tmp_path, ready))
    holder.start()
    assert ready.wait(30)
    store = DiskStore(tmp_path)
    with store.lock("plane", lambda: True) as held:
        assert not held
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with store.lock("plane", lambda: True) as held:
        assert held


WRITER = """
import os, signal, sys
import diskcache
from lrviz.results.diskstore import DiskStore

def write(disk, path, iterator, mode, encoding=None):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(b"half of the value")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

store = DiskStore(sys.argv[1])
diskcache.Disk._write = write
store.put("a", b"value")
"""


def test_a_killed_writer_leaves_no_entry_and_its_file_is_swept(tmp_path):
    done = subprocess.run([sys.executable, "-c", WRITER, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = (tmp_path / "results").rglob("*.val")
    store = DiskStore(tmp_path)
    assert (store.get("a"), len(store), store.size_bytes) == (None, 0, 0)
    assert left.exists()
    store.put("b", b"value")
    kept = tmp_path / "results" / value_file(store, "b")
    for path in (left, kept):
        os.utime(path, (0, 0))
    assert DiskStore(tmp_path).get("b") == b"value"
    assert not left.exists()
