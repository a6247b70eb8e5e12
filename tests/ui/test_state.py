"""When the browser went to another address, and when it only had not heard of the present one."""

import time
from types import SimpleNamespace

import pytest

from lrviz.errors import InvalidRequest
from lrviz.ui import state
from lrviz.views.view import IMAGES, View


@pytest.mark.parametrize(
    ("query", "seconds", "is_elsewhere"),
    [
        ({"colour": "jump"}, 0.1, False),  # the present address
        ({"colour": "slope"}, 0.1, False),  # the last one, sent before the browser heard of the present one
        ({"colour": "slope"}, 10.0, True),
        ({"colour": "area"}, 0.1, True),
        ({}, 0.1, True),  # the page's own link in the bar
    ],
)
def test_what_was_sent_before_an_address_changed_is_no_step_back(monkeypatch, query, seconds, is_elsewhere):
    session = SimpleNamespace(
        address={"colour": "jump"}, earlier=(), left=({"colour": "slope"},), left_at=time.monotonic() - seconds
    )
    monkeypatch.setattr(state, "_LATE", 1.0)  # none in the other tests
    monkeypatch.setattr(state, "st", SimpleNamespace(session_state=session))
    assert state._is_elsewhere(query) is is_elsewhere


class Session(dict):
    """A session as Streamlit has it."""

    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__


class Reran(Exception):
    """The page runs again."""


@pytest.mark.parametrize(("page", "wanted"), [("explore", "centroid"), ("compare", "centroid"), ("paths", None)])
def test_only_pages_of_maps_wait_for_a_window(monkeypatch, page, wanted):
    def rerun():
        raise Reran

    monkeypatch.setattr(state, "st", SimpleNamespace(session_state=Session(), rerun=rerun))
    with pytest.raises(Reran):
        images = IMAGES[:1] if page == "paths" else IMAGES
        state.open_with(View(page=page, models=("cnn5-w1-noise20",), images=images))
    assert state.wanted_window() == wanted


def test_what_goes_wrong_behind_a_button_is_told(monkeypatch):
    def fail(name):
        raise InvalidRequest(f"no room for {name}")

    monkeypatch.setattr(state, "st", SimpleNamespace(session_state=Session()))
    state.attempt(fail, "it")
    assert state.notices() == ("no room for it",)


def test_what_another_page_cannot_show_is_told_and_replaced(monkeypatch):
    session = Session(view=View(models=("/nets/a,b.pth",), images=IMAGES))
    monkeypatch.setattr(state, "st", SimpleNamespace(session_state=session))
    first = View(models=("cnn5-w1-noise20",), images=IMAGES)
    assert state._on("paths", lambda: first) == first.on("paths")
    assert "without a comma" in state.notices()[0]


def test_a_bookmark_of_the_sweeps_keeps_the_models_of_the_session(monkeypatch):
    def rerun():
        raise Reran

    shown = View(page="sweeps", models=("mine",), images=("samples:3", "samples:4", "samples:5"))
    session = Session(view=shown, shows_view=True)
    monkeypatch.setattr(state, "st", SimpleNamespace(session_state=session, rerun=rerun))
    with pytest.raises(Reran):
        state.go(View(page="sweeps", models=("unknown",), images=IMAGES, family="vgg11"))
    assert (session["view"].models, session["view"].images) == (shown.models, shown.images)
    assert session["view"].family == "vgg11"
