"""Pages in tests draw their overview once and do not refine it; tests in a browser see how it is refined."""

import pytest


@pytest.fixture(autouse=True)
def immediate_addresses(monkeypatch):
    """Nothing is under way between a page and a browser that is not there."""
    from lrviz.ui import state  # noqa: PLC0415

    monkeypatch.setattr(state, "_LATE", 0.0)


@pytest.fixture(autouse=True)
def coarse_overview(monkeypatch):
    from lrviz.ui import overview  # noqa: PLC0415  (the first import of Streamlit takes a second)

    monkeypatch.setattr(overview, "RESOLUTIONS", overview.RESOLUTIONS[:1])
