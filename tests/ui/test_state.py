"""When the browser went to another address, and when it only had not heard of the present one."""

import time
from types import SimpleNamespace

import pytest

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
