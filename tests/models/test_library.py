"""Uploads are kept by their content, found again by their reference, and bounded."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from lrviz.errors import InvalidRequest, UnreadableFile
from lrviz.models.library import FOLDER_VARIABLE, Library


@pytest.fixture
def library(tmp_path):
    return Library(folder=tmp_path / "library", max_bytes=100)


def test_a_file_is_found_by_its_reference_also_by_another_object(library):
    reference = library.keep(b"contents", ".png")
    assert Library(folder=library.folder).path(reference).read_bytes() == b"contents"
    assert library.references == (reference,)
    assert library.size_bytes == 8


def test_the_same_file_is_kept_once(library):
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: library.keep(b"contents", ".png"), range(32)))
    assert library.references == tuple(found)
    assert len(list(library.folder.iterdir())) == 1


def test_a_full_library_refuses_until_something_is_deleted(library):
    first = library.keep(bytes(60), ".png")
    with pytest.raises(InvalidRequest, match="delete some"):
        library.keep(bytes(61), ".png")
    assert library.keep(bytes(60), ".png") == first
    library.delete(first)
    library.keep(bytes(61), ".png")


@pytest.mark.parametrize(
    "reference", ["upload:", "upload:../../x.png", "upload:" + "a" * 32, "upload:" + "A" * 32 + ".png"]
)
def test_texts_that_are_no_reference(library, reference):
    with pytest.raises(UnreadableFile):
        library.path(reference)


def test_other_files_in_the_folder_are_no_uploads(library):
    library.folder.mkdir()
    (library.folder / "notes.txt").write_text("mine")
    assert (library.references, library.size_bytes) == ((), 0)


def test_a_folder_that_cannot_be_written_to_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InvalidRequest, match="cannot be written"):
        Library(folder=tmp_path / "file" / "library").keep(b"contents", ".png")


def test_the_folder_is_that_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert Library.of_user().folder == tmp_path
    monkeypatch.delenv(FOLDER_VARIABLE)
    assert "lrviz" in os.fspath(Library.of_user().folder)
