"""The Paths page, without a browser."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lrviz.ui import resources

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LRVIZ_CACHE_DIR", str(tmp_path))
    resources.store.clear()
    resources.pool.clear()
    yield
    resources.store.clear()
    resources.pool.clear()


def open_page(**query):
    page = AppTest.from_file(str(ROOT / "pages" / "2_Paths.py"), default_timeout=60)
    page.query_params.update(query)
    page.run()
    for _ in range(40):
        jobs = [job for job in resources.pool()._jobs.values() if not job.done]
        if not jobs:
            return page.run()
        jobs[0].wait(30)
        page.run()
    raise AssertionError("the page does not come to rest")


def test_pieces_and_measures_are_shown():
    page = open_page(models="cnn5-w1-noise20", images="samples:0")
    assert [error.value for error in page.error] == []
    assert not page.exception
    assert page.get("plotly_chart")
    assert page.dataframe
    assert page.session_state["path_view"].models == ("cnn5-w1-noise20",)


def test_an_unknown_model_is_said_in_a_sentence():
    page = open_page(models="nonsense", images="samples:0")
    shown = [*page.error, *page.warning]
    assert any("nonsense" in message.value for message in shown)
    assert not page.exception
