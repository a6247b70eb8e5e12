"""What sessions share: cancelled work and the results of cancelled work are nobody else's."""

import os
import shutil
import threading
from dataclasses import fields, replace

import pytest
import streamlit as st

from lrviz.models.assets import assets_folder
from lrviz.models.catalogue import models_folder
from lrviz.results.status import Status
from lrviz.ui import resources
from lrviz.ui.visit import files_changed_at
from lrviz.views.scene import resolve
from lrviz.views.view import View
from tests.pictures import regions

pytestmark = pytest.mark.usefixtures("empty_cache")


@pytest.fixture
def session(monkeypatch):
    """A stand-in for the session's state; `clear` makes it that of another session."""
    state = type("State", (dict,), {"__getattr__": dict.__getitem__, "__setattr__": dict.__setitem__})()
    monkeypatch.setattr(st, "session_state", state)
    return state


def until_cancelled(report, cancelled):
    while not cancelled():
        pass
    return "stump"


def test_what_one_session_cancelled_is_started_again_for_another(session):
    job = resources.submit("key", until_cancelled)
    resources.cancel(job)
    assert job.wait(10)
    assert resources.submit("key", until_cancelled) is job, "this session keeps what it found"
    session.clear()
    other = resources.submit("key", lambda *_: "whole")
    assert other is not job
    assert other.wait(10) and other.result == "whole"


def test_forgetting_starts_again(session):
    job = resources.submit("key", until_cancelled)
    resources.cancel(job)
    assert job.wait(10)
    resources.forget("key")
    again = resources.submit("key", lambda *_: "whole")
    assert again.wait(10) and again.result == "whole"


def test_surveys_do_not_keep_maps_waiting(session):
    surveys = [resources.submit(f"survey {k}", until_cancelled, resources.survey_pool()) for k in range(3)]
    short = resources.submit("map", lambda *_: "done")
    assert short.wait(10)
    for job in surveys:
        job.cancel()
    assert all(job.wait(10) for job in surveys)


def test_partial_and_whole_regions_have_their_own_colours_and_summary():
    whole = regions()
    part = first_regions(whole, 3)
    images = ("samples:0", "samples:1", "samples:4")
    view = View(models=("cnn5-w1-noise20",), images=images, center=(35.0, 18.0), half_width=0.1, colour="area")
    scene = resolve(view)
    for found in (part, whole, part):
        assert len(resources.colouring_of(view, scene, found).rgb) == len(found)
        assert resources.summary_of(view, scene, found).num_regions == len(found)


def first_regions(found, number):
    """The first regions of a result, without edges, as after a cancelled run."""
    values = {name: getattr(found, name)[:number] for name in ("pattern", "bias", "slope", "area", "centroid")}
    values |= {name: getattr(found, name)[:0] for name in edge_fields(found)}
    coordinates, offsets = found.coordinates[: found.offsets[number]], found.offsets[: number + 1]
    return replace(found, **values, coordinates=coordinates, offsets=offsets, status=Status.CANCELLED)


def edge_fields(found):
    return [field.name for field in fields(found) if field.name.startswith("edge_")]


def test_a_network_that_was_trained_again_is_loaded_again(session, tmp_path, monkeypatch):
    monkeypatch.setenv("LRVIZ_DATA_DIRS", str(tmp_path))
    path = tmp_path / "mine.safetensors"
    for name in ("cnn5-w1-noise20", "cnn5-w1-noise20-seed1"):
        for suffix in (".safetensors", ".json"):
            shutil.copy(models_folder() / f"{name}{suffix}", path.with_suffix(suffix))
        job = resources.model_job(str(path))
        assert job.wait(60)
        assert job.result[0].card.name == name


def test_a_file_that_is_older_than_the_one_before_is_another(session, tmp_path, monkeypatch):
    monkeypatch.setenv("LRVIZ_DATA_DIRS", str(tmp_path))
    for name in ("old", "new"):
        shutil.copy(models_folder() / "cnn5-w1-noise20.safetensors", tmp_path / f"{name}.safetensors")
        shutil.copy(assets_folder() / "screenshot.png", tmp_path / f"{name}.png")
    for path in tmp_path.glob("old*"):
        os.utime(path, ns=(0, 0))
    view = View(
        models=(str(tmp_path / "new.safetensors"),), images=(str(tmp_path / "new.png"), "samples:1", "samples:2")
    )
    found = [files_changed_at(view)]
    for suffix in (".safetensors", ".png"):
        (tmp_path / f"old{suffix}").rename(tmp_path / f"new{suffix}")
        found.append(files_changed_at(view))
    assert len(set(found)) == 3


def test_networks_of_equal_names_have_names_of_their_own_in_lists(session, tmp_path, monkeypatch):
    monkeypatch.setattr(
        resources,
        "own_cards",
        lambda: {
            f"upload:{digit * 32}.pth": replace(resources.cards()[0], name=name)
            for digit, name in (("a", resources.cards()[1].name), ("b", "net"), ("c", "net"), ("d", "mine"))
        },
    )
    names = resources.model_names()
    assert len(set(names.values())) == len(names)
    assert names[resources.cards()[1].name] == resources.cards()[1].name
    assert [names[f"upload:{digit * 32}.pth"] for digit in "bd"] == ["net (bbbbbb)", "mine"]


def test_what_a_session_does_not_wait_for_any_more_is_left(session):
    gate = threading.Event()
    jobs = [resources.submit(name, lambda report, cancelled: gate.wait(5)) for name in ("one", "other")]
    resources.wait_only_for(jobs)
    resources.wait_only_for(jobs[1:])
    assert [job._left is not None for job in jobs] == [True, False]
    gate.set()
