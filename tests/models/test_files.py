"""Files that others wrote: what is not a file, too large, or lies about its contents ends in a sentence."""

import io
import json
import os
import socket
import zipfile

import numpy as np
import pytest

from lrviz.errors import UnreadableFile
from lrviz.files import read_arrays, read_json, read_regular, shown


def test_the_contents_of_a_file_or_of_a_link_to_one(tmp_path):
    (tmp_path / "file").write_bytes(b"contents")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "file", 8) == read_regular(str(tmp_path / "link"), 100) == b"contents"


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(path.parent)
        listener.bind(path.name)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "there is none"),
        (lambda path: path.symlink_to("nowhere"), "there is none"),
        (lambda path: path.symlink_to(path.name), "too many levels"),
        (os.mkdir, "folder"),
        (os.mkfifo, "pipe"),
        (make_socket, "socket"),
        (lambda path: path.symlink_to("/dev/zero"), "device"),
        (lambda path: path.symlink_to("/dev/null"), "device"),
        (lambda path: path.write_bytes(bytes(11)), "it has 11 B, and at most 10 B are read"),
    ],
)  # fmt: skip
def test_what_is_no_file_or_too_large_is_refused_at_once(tmp_path, monkeypatch, make, reason):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "name")
    with pytest.raises(UnreadableFile, match=reason):
        read_regular(tmp_path / "name", 10)


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc")
def test_files_that_say_that_they_are_empty_are_read_up_to_the_limit():
    with pytest.raises(UnreadableFile, match="more than 10 B"):
        read_regular("/proc/self/status", 10)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 5000])
def test_names_that_no_file_can_have(name):
    with pytest.raises(UnreadableFile):
        read_regular(name, 10)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a":' * 100_000, "NaN", "[Infinity]", "-Infinity", "1e400", "9" * 5000, "", "\x00", "{'a': 1}"],
)
def test_texts_that_are_no_json_of_finite_numbers(text):
    with pytest.raises(ValueError):
        read_json(text)


def test_json_of_finite_numbers():
    assert read_json('{"a": [1, 2.5, "NaN", null]}') == {"a": [1, 2.5, "NaN", None]}


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    buffer.seek(0)
    return buffer


def test_arrays_come_back():
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array("text"), "c": np.zeros((0, 4), np.uint8)}
    found = read_arrays(npz(**arrays))
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def zipped(content, name="a.npy"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    buffer.seek(0)
    return buffer


def npy_header(shape, descr="<f8"):
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (io.BytesIO(b""), "no npz"),
        (io.BytesIO(b"PK\x03\x04" + bytes(100)), "no npz"),
        (io.BytesIO(npz(a=np.arange(1000)).getvalue()[:-100]), "no npz"),
        (zipped(bytes(300 * 2**20)), "would take 300 MB"),
        (zipped(npy_header((10**12,))), "fewer numbers than it says"),
        (zipped(npy_header((2**62, 2**62))), "fewer numbers than it says"),
        (zipped(npy_header((-1,)) + bytes(8)), None),
        (zipped(npy_header((1,), "|O") + bytes(8)), "Python objects"),
        (zipped(b"\x93NUMPY\x01\x00" + (9000).to_bytes(2, "little") + b"(" * 9000), None),
        (zipped(b"no array"), None),
    ],
    ids=["empty", "junk", "cut", "bomb", "long", "overflow", "negative", "objects", "nested", "no array"],
)
def test_archives_that_lie_are_refused(file, reason):
    with pytest.raises(ValueError, match=reason):
        read_arrays(file)


def test_an_archive_above_the_limit_is_refused():
    with pytest.raises(ValueError, match="more than such a file should"):
        read_arrays(npz(a=np.zeros(1000)), limit=1000)


def test_values_are_shown_shortly_and_without_addresses():
    assert len(shown("x" * 10**6)) <= 110
    assert len(shown([json] * 1000)) < 200
    assert shown("a\nb") == r"'a\nb'"
