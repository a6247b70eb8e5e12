"""What a visitor of the app may name, and that everything else reads as if it were not there."""

import ast
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

import lrviz.ui
from lrviz.errors import InvalidImage, LrvizError, UnknownModel, UnreadableFile
from lrviz.models.access import FOLDERS_VARIABLE, USER, visitor
from lrviz.models.catalogue import find_card, load_model, models_folder
from lrviz.models.images import DATA_VARIABLE, load_image
from lrviz.models.library import FOLDER_VARIABLE, Library

MODEL = "cnn5-w1-noise20"


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """A folder that visitors may read, one that they may not, and a library."""
    allowed, secret = tmp_path / "allowed", tmp_path / "secret"
    for folder in (allowed, secret):
        folder.mkdir()
        Image.new("RGB", (32, 32), "red").save(folder / "image.png")
        for suffix in (".safetensors", ".json"):
            shutil.copy(models_folder() / f"{MODEL}{suffix}", folder / f"model{suffix}")
    monkeypatch.setenv(FOLDERS_VARIABLE, f"{allowed}{os.pathsep}")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "library"))
    monkeypatch.setenv("LRVIZ_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    monkeypatch.chdir(secret)
    return allowed, secret


def test_a_visitor_reads_what_ships_what_was_uploaded_and_what_the_operator_allowed(folders):
    allowed, _ = folders
    assert load_image("samples:3", access=visitor()).label == "airplane"
    assert load_image(str(allowed / "image.png"), access=visitor()).image[0, 0, 0] == 255
    assert load_model(MODEL, access=visitor()).name == MODEL
    assert load_model(str(allowed / "model.safetensors"), access=visitor()).name == MODEL
    reference = Library.of_user().keep((allowed / "image.png").read_bytes(), ".png")
    assert load_image(reference, access=visitor()).image[0, 0, 0] == 255
    assert load_image(reference).image[0, 0, 0] == 255


def test_the_user_reads_all_files(folders):
    _, secret = folders
    assert load_image("image.png").image[0, 0, 0] == 255
    assert load_model(secret / "model.safetensors").name == MODEL


def hostile(allowed, secret):
    """Names that a visitor may not use, there or not; no two of them may be told apart."""
    (allowed / "link.png").symlink_to(secret / "image.png")
    (allowed / "folder").symlink_to(secret)
    os.mkfifo(allowed / "pipe.png")
    os.mkfifo(secret / "pipe.png")
    return [
        str(secret / "image.png"), str(secret / "missing.png"), "image.png", "./image.png", "missing.png",
        str(allowed / ".." / "secret" / "image.png"), str(allowed / "link.png"), str(allowed / "folder" / "image.png"),
        str(allowed / "missing.png"), str(allowed), str(allowed / "pipe.png"), str(secret / "pipe.png"),
        "/dev/zero", "/dev/stdin", "/proc/self/environ", "/etc/passwd", "~/image.png", "", ".", "/",
        "file:///etc/passwd", "upload:" + "0" * 32 + ".png", "upload:../secret/image.png", "a\0b", "x" * 5000,
    ]  # fmt: skip


def test_what_is_not_there_and_what_is_not_allowed_look_the_same(folders):
    sentences = set()
    for name in hostile(*folders):
        with pytest.raises(InvalidImage) as caught:
            load_image(name, access=visitor())
        sentences.add(str(caught.value).partition(", got ")[0])
        assert str(caught.value).endswith(": choose one from the gallery, or upload it there.")
    assert sentences == {"Expected an image that this server has"}


def test_models_that_are_not_there_and_that_are_not_allowed_look_the_same(folders):
    allowed, secret = folders
    (allowed / "link.safetensors").symlink_to(secret / "model.safetensors")
    os.mkfifo(allowed / "pipe.safetensors")
    names = [secret / "model.safetensors", secret / "missing.safetensors", "model.safetensors", "gone.safetensors",
             allowed / "link.safetensors", allowed / "pipe.safetensors", allowed / "missing.safetensors",
             secret / "model.json", secret, "????"]  # fmt: skip
    sentences = set()
    for name in names:
        for load in (load_model, find_card):
            with pytest.raises(UnknownModel) as caught:
                load(str(name), access=visitor())
            sentences.add(str(caught.value).replace(repr(str(name)), "NAME"))
    assert len({sentence.partition(", got ")[0] for sentence in sentences}) == 1
    assert all(sentence.endswith("choose one of the list.") for sentence in sentences)


def test_a_card_that_leads_outside_is_not_read(folders):
    allowed, secret = folders
    (allowed / "model.json").unlink()
    (allowed / "model.json").symlink_to(secret / "model.json")
    with pytest.raises(LrvizError, match="choose another model"):
        load_model(str(allowed / "model.safetensors"), access=visitor())


@pytest.mark.parametrize("name", ["cifar10:test:0", "cifar10:test:99999999", "cifar100:train:1"])
def test_a_data_set_that_is_not_there_tells_nothing_of_the_server(folders, monkeypatch, name):
    for value in (None, str(folders[1]), "/nowhere"):
        if value:
            monkeypatch.setenv(DATA_VARIABLE, value)
        with pytest.raises(InvalidImage) as caught:
            load_image(name, access=visitor())
        assert str(caught.value) == (
            f"Expected an image of a data set that this server has, got {name!r}: choose one from the gallery, or "
            "upload it there."
        )


def test_no_folder_is_allowed_by_default(folders, monkeypatch):
    monkeypatch.delenv(FOLDERS_VARIABLE)
    for name in (folders[0] / "image.png", "image.png"):
        with pytest.raises(InvalidImage):
            load_image(str(name), access=visitor())


def test_the_size_limit_holds_for_everybody(folders):
    allowed, _ = folders
    for access in (USER, visitor()):
        with pytest.raises(UnreadableFile, match="at most 10 B"):
            access.open(str(allowed / "image.png"), 10)


FORBIDDEN = {"load_image", "load_model", "load_program", "find_card", "changed_at", "resolve", "find_models", "open",
             "read_bytes", "read_text"}  # fmt: skip


@pytest.mark.parametrize("path", sorted(Path(lrviz.ui.__path__[0]).glob("*.py")), ids=lambda path: path.name)
def test_pages_reach_files_only_with_a_visitor_s_access(path):
    if path.name == "visit.py":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("lrviz.models", "lrviz.views")):
            assert not {alias.name for alias in node.names} & FORBIDDEN, f"{path.name}:{node.lineno}"
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert called not in {"open", "read_bytes", "read_text"}, f"{path.name}:{node.lineno}"
