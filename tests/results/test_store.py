"""The memory store defines what a store does; the disk store must do the same, and survive its folder."""

import multiprocessing
import os
import pickle
import random
import shutil
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


@pytest.mark.parametrize("limit", [0, -5, 2**51, 10**30])
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


def damage_database(folder, change):
    """Change the closed database of a folder; what SQLite keeps beside it goes."""
    database = folder / "results" / "cache.db"
    content = change(bytearray(database.read_bytes()))
    for path in database.parent.glob("cache.db*"):
        path.unlink()
    database.write_bytes(content)


def flip(position, mask=0xFF):
    def change(content):
        content[position] ^= mask
        return content

    return change


def swap_pages(content):
    content[4096:8192], content[8192:12288] = content[8192:12288], content[4096:8192]
    return content


@pytest.mark.parametrize(
    "change",
    [
        lambda content: b"no database" * 1000,
        lambda content: content[: len(content) // 2],
        lambda content: content[:100],
        lambda content: content[:4096] + bytes(len(content) - 4096),
        lambda content: content.replace(b"size_limit", b"size_l\xffmit"),
        lambda content: content.replace(b"eviction_policy", b"disk_bad_policy"),
        lambda content: content.replace(b".val", b"\xffval"),
        lambda content: content.replace(b"CREATE TABLE Cache", b"CREATE TABLE C\xffche"),
        flip(18),
        flip(56),
        swap_pages,
    ],
    ids=["rubbish", "half", "header", "zeros", "setting", "unknown setting", "file name", "schema", "write version",
         "encoding", "pages"],
)  # fmt: skip
def test_a_damaged_database_starts_anew_with_one_warning(tmp_path, change):
    store = DiskStore(tmp_path)
    for key in "abc":
        store.put(key, b"value" * 100)
    store.close()
    damage_database(tmp_path, change)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        store = DiskStore(tmp_path)
        assert {store.get(key) for key in "abc"} <= {None, b"value" * 100}
        (store.size_bytes, len(store), store.entries())
        store.put("new", b"value")
        assert store.get("new") == DiskStore(tmp_path).get("new") == b"value"
        assert store.limit_bytes == DEFAULT_LIMIT
    assert len(caught) <= 1
    assert all("damaged" in str(warning.message) and "start anew" in str(warning.message) for warning in caught)


def test_any_flipped_byte_is_survived(tmp_path):
    store = DiskStore(tmp_path / "sound")
    values = {f"key {k}": bytes([k]) * 1000 * k for k in range(6)}
    for key, value in values.items():
        store.put(key, value)
    store.close()
    size = (tmp_path / "sound" / "results" / "cache.db").stat().st_size
    generator = random.Random(0)
    for trial in range(60):
        folder = tmp_path / str(trial)
        shutil.copytree(tmp_path / "sound", folder)
        damage_database(folder, flip(generator.randrange(size), 1 << generator.randrange(8)))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            store = DiskStore(folder)
            assert all(store.get(key) in (None, value) for key, value in values.items())
            store.put("new", b"value")
            assert store.get("new") == b"value"
            store.close()
        assert len(caught) <= 1


def test_a_database_that_is_damaged_while_it_is_open_starts_anew(tmp_path):
    store, other = DiskStore(tmp_path), DiskStore(tmp_path)
    store.put("a", b"value")
    with open(tmp_path / "results" / "cache.db", "r+b") as file:
        file.truncate(5000)
    with pytest.warns(StoreWarning, match="start anew"):
        store.put("b", b"value")
    other.put("c", b"value")
    assert [store.get(key) for key in "bc"] == [other.get(key) for key in "bc"] == [b"value"] * 2


def test_a_database_that_another_process_replaced_is_opened_again(tmp_path):
    store, other = DiskStore(tmp_path), DiskStore(tmp_path)
    store.put("a", b"value")
    damage_database(tmp_path, lambda content: b"rubbish")
    with pytest.warns(StoreWarning, match="start anew"):
        other.put("b", b"value")
    assert store.get("b") == b"value"
    store.put("c", b"value")
    assert other.get("c") == b"value"


def repair(folder, start, key):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start.wait()
        store = DiskStore(folder)
        store.put(key, b"value")
        assert store.get(key) == b"value"


def test_processes_and_threads_that_find_the_damage_together_lose_nothing(tmp_path):
    DiskStore(tmp_path).put("a", b"value")
    damage_database(tmp_path, lambda content: b"rubbish" * 2000)
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(4)
    workers = [context.Process(target=repair, args=(tmp_path, start, f"process {k}")) for k in range(2)]
    workers += [threading.Thread(target=repair, args=(tmp_path, start, f"thread {k}")) for k in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    store = DiskStore(tmp_path)
    assert all(store.get(f"{kind} {k}") == b"value" for kind in ("process", "thread") for k in range(2))


@pytest.mark.parametrize("name", ["cache.db", "cache.db-journal", "cache.db-wal"])
def test_a_folder_in_the_place_of_a_file_is_moved_aside_and_kept(tmp_path, name):
    DiskStore(tmp_path).put("a", b"value")
    place = tmp_path / "results" / name
    place.unlink(missing_ok=True)
    place.mkdir()
    (place / "precious").write_text("kept")
    with pytest.warns(StoreWarning, match="is not a file"):
        store = DiskStore(tmp_path)
    store.put("a", b"value")
    assert store.get("a") == b"value"
    assert [path.read_text() for path in tmp_path.rglob("precious")] == ["kept"]


@pytest.mark.parametrize("name", ["results", "locks"])
def test_a_file_in_the_place_of_a_folder_is_moved_aside_and_kept(tmp_path, name):
    (tmp_path / name).write_text("kept")
    store = DiskStore(tmp_path)
    store.put("a", b"value")
    assert store.get("a") == b"value"
    (aside,) = tmp_path.glob(f"aside-*-{name}")
    assert aside.read_text() == "kept"


def make_pipe(path):
    os.mkfifo(path)


def make_endless(path):
    path.symlink_to("/dev/zero")


def make_huge(path):
    with path.open("wb") as file:
        file.truncate(2**40)


@pytest.mark.parametrize("make", [make_pipe, make_endless, make_huge, os.mkdir])
def test_something_else_in_the_place_of_a_value_is_missing(tmp_path, make):
    store = DiskStore(tmp_path)
    store.put("a", b"value")
    path = tmp_path / "results" / value_file(store, "a")
    path.unlink()
    make(path)
    assert store.get("a") is None
    store.put("a", b"value")
    assert store.get("a") == b"value"


@pytest.mark.parametrize("name", ["../../outside", "/outside", "%s"])
def test_a_row_that_names_a_file_outside_is_missing_and_the_file_stays(tmp_path, name):
    outside = tmp_path / "outside"
    outside.write_bytes(seal("a", b"value"))
    store = DiskStore(tmp_path / "folder" / "cache")
    store.put("a", b"value")
    with closing(sqlite3.connect(store.folder / "results" / "cache.db")) as database:
        database.execute("UPDATE Cache SET filename = ?", (name.replace("%s", str(outside)),))
        database.commit()
    assert store.get("a") is None
    assert len(store) == 0
    assert outside.exists()


def test_damaged_counters_neither_count_nor_evict(tmp_path):
    store = DiskStore(tmp_path)
    store.put("a", b"value")
    with closing(sqlite3.connect(tmp_path / "results" / "cache.db")) as database:
        database.execute("UPDATE Settings SET value = 1000000000000 WHERE key IN ('size', 'count')")
        database.commit()
    store = DiskStore(tmp_path)
    store.put("b", b"value")
    assert (len(store), store.size_bytes) == (2, 2 * (FRAME + 5))
    assert store.get("a") == store.get("b") == b"value"


def test_a_log_of_an_earlier_version_is_taken_over(tmp_path):
    store = DiskStore(tmp_path)
    store.put("a", b"value")
    store.close()
    with closing(sqlite3.connect(tmp_path / "results" / "cache.db", isolation_level=None)) as database:
        assert database.execute("PRAGMA journal_mode = wal").fetchall() == [("wal",)]
        database.execute("UPDATE Settings SET value = 5000 WHERE key = 'size_limit'")
    store = DiskStore(tmp_path)
    assert (store.get("a"), store.limit_bytes) == (b"value", 5000)


def test_a_stray_log_beside_the_database_is_no_part_of_it(tmp_path):
    store = DiskStore(tmp_path)
    store.put("a", b"value")
    (tmp_path / "results" / "cache.db-wal").write_bytes(os.urandom(5000))
    assert store.get("a") == DiskStore(tmp_path).get("a") == b"value"


def test_a_database_in_use_gives_one_warning_and_stays(tmp_path, monkeypatch):
    monkeypatch.setattr("lrviz.results.database.BUSY_SECONDS", 0.05)
    DiskStore(tmp_path).put("a", b"value")
    with closing(sqlite3.connect(tmp_path / "results" / "cache.db", isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        with pytest.warns(StoreWarning, match="busy") as caught:
            store = DiskStore(tmp_path)
            assert store.get("a") is None
            store.put("b", b"value")
        assert len(caught) == 1
        database.execute("ROLLBACK")
    assert store.get("a") == b"value"


def test_a_database_of_another_program_is_replaced(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "theirs").write_text("kept")
    with closing(sqlite3.connect(tmp_path / "results" / "cache.db")) as database:
        database.execute("CREATE TABLE Cache (name TEXT)")
        database.commit()
    with pytest.warns(StoreWarning, match="start anew"):
        store = DiskStore(tmp_path)
    store.put("a", b"value")
    assert store.get("a") == b"value"
    assert (tmp_path / "results" / "theirs").read_text() == "kept"


def test_an_empty_database_is_a_new_one(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "cache.db").touch()
    store = DiskStore(tmp_path)
    store.put("a", b"value")
    assert (store.get("a"), store.limit_bytes) == (b"value", DEFAULT_LIMIT)


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


def test_a_lock_that_is_held_for_long_is_not_swept(tmp_path):
    with DiskStore(tmp_path).lock("plane"):
        for path in (tmp_path / "locks").glob("*.lock"):
            os.utime(path, (0, 0))
        with DiskStore(tmp_path).lock("plane", lambda: True) as held:
            assert not held
    for path in (tmp_path / "locks").glob("*.lock"):
        os.utime(path, (0, 0))
    DiskStore(tmp_path).put("a", b"value")
    assert not [path for path in (tmp_path / "locks").glob("*.lock") if path.stat().st_mtime == 0]


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
