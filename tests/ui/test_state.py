"""When the browser went to another address, and when it only had not heard of the present one."""

import time
from types import SimpleNamespace

import pytest

from lrviz.ui import state


@pytest.mark.parametrize(
    ("query", "went_back", "seconds", "is_elsewhere"),
    [
        ({"colour": "jump"}, False, 0.1, False),  # the present address
        ({"colour": "slope"}, False, 0.1, False),  # the last one, sent before the browser heard of the present one
        ({"colour": "slope"}, True, 0.1, True),
        ({"colour": "slope"}, False, 10.0, True),
        ({"colour": "area"}, False, 0.1, True),
        ({}, False, 0.1, True),  # the page's own link in the bar
    ],
)
def test_what_was_sent_before_an_address_changed_is_no_step_back(monkeypatch, query, went_back, seconds, is_elsewhere):
    session = SimpleNamespace(
        address={"colour": "jump"}, earlier=(), left=({"colour": "slope"},), left_at=time.monotonic() - seconds
    )
    monkeypatch.setattr(state, "st", SimpleNamespace(session_state=session, context=SimpleNamespace(url="http://here")))
    monkeypatch.setattr(state, "get_script_run_ctx", lambda: SimpleNamespace(is_history_navigation=went_back))
    assert state._is_elsewhere(query) is is_elsewhere
