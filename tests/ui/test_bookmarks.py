"""Named views are kept in a file of the library and come back as they were."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from lrviz.errors import InvalidRequest
from lrviz.models.library import FOLDER_VARIABLE
from lrviz.views.bookmarks import MAX_BOOKMARKS, MAX_TITLE, Bookmarks
from lrviz.views.view import View

EXPLORE = View(
    models=("cnn5",), images=("samples:0", "samples:1", "samples:2"), center=(0.1 + 0.2, -4.0), half_width=1 / 3,
    colour="jump", region="00ff",
)  # fmt: skip
COMPARE = View(page="compare", models=("a", "b"), images=EXPLORE.images, boundary=True)
PATHS = View(page="paths", models=("a", "b"), images=("samples:3",), radius=2.5, start=0.5, end=1.0)
SWEEPS = View(page="sweeps", models=("unknown",), images=("samples:0", "samples:1", "samples:4"), family="vgg11")


@pytest.fixture
def bookmarks(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "library"))
    return Bookmarks.of_user()


def test_views_of_all_pages_come_back(bookmarks):
    views = {"mine": EXPLORE, "zwei": COMPARE, "a path": PATHS, "double": SWEEPS}
    assert bookmarks.read() == {}
    for name, view in views.items():
        bookmarks.keep(f" {name} ", view)
    assert Bookmarks.of_user().read() == views
    bookmarks.keep("mine", PATHS)
    bookmarks.delete("zwei")
    bookmarks.delete("nobody's")
    assert bookmarks.read() == {"mine": PATHS, "a path": PATHS, "double": SWEEPS}
    assert {path.name for path in bookmarks.path.parent.iterdir()} == {"bookmarks.json", "bookmarks.lock"}


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * (MAX_TITLE + 1)])
def test_what_cannot_be_a_name_is_refused(bookmarks, name):
    with pytest.raises(InvalidRequest, match="Expected a name"):
        bookmarks.keep(name, EXPLORE)


def test_there_is_a_limit(bookmarks):
    stored = {str(k): {"page": "explore"} for k in range(MAX_BOOKMARKS)}
    bookmarks._write(stored)
    with pytest.raises(InvalidRequest, match="Delete some"):
        bookmarks.keep("one more", EXPLORE)
    bookmarks.keep("7", EXPLORE)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a": 1}', '{"a": {"page": "attic"}}', '{"a": {"page": 1}}', "[" * 99]
)
def test_a_damaged_file_is_told_and_kept(bookmarks, text):
    bookmarks.path.parent.mkdir(parents=True)
    bookmarks.path.write_text(text)
    for use in (bookmarks.read, lambda: bookmarks.keep("a", EXPLORE), lambda: bookmarks.delete("a")):
        with pytest.raises(InvalidRequest, match="move that file away"):
            use()
    assert bookmarks.path.read_text() == text


def test_what_cannot_be_read_of_a_view_is_left_out(bookmarks):
    bookmarks._write({"old": {"page": "explore", **EXPLORE.to_query(), "colour": "pink"}})
    assert bookmarks.read()["old"].colour == "slope"
    assert bookmarks.read()["old"].center == EXPLORE.center


def test_sessions_that_keep_views_at_once_lose_none(bookmarks):
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda k: bookmarks.keep(f"view {k}", EXPLORE), range(40)))
    assert len(bookmarks.read()) == 40
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda k: bookmarks.delete(f"view {k}"), range(40)))
    assert bookmarks.read() == {}


def test_one_that_somebody_wrote_by_hand_does_not_lose_the_others(bookmarks):
    bookmarks.keep("mine", EXPLORE)
    bookmarks._write({**bookmarks._stored(), "odd": {"page": "explore", "model": "a\u0007b"}})
    assert bookmarks.read()["mine"] == EXPLORE
