"""Addresses that somebody made up: every page answers with a sentence that tells nothing of the server."""

import os

import pytest

from lrviz.ui.jobs import CALM
from tests.apptest import open_file, settle

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.usefixtures("empty_cache"),
]

EXPLORE, COMPARE, PATHS = "app.py", "pages/1_Compare_widths.py", "pages/2_Paths.py"
VIEW = {"model": "cnn5-w1-noise20", "a": "samples:0", "b": "samples:1", "c": "samples:4", "u": "35", "v": "18",
        "half_width": "0.05"}  # fmt: skip
PATH = {"models": "cnn5-w1-noise20", "images": "samples:0", "num_anchors": "3"}
LONG = "9" * 5000


def messages(page):
    return {message.value for message in (*page.error, *page.warning)}


@pytest.mark.parametrize(
    ("page", "query", "words"),
    [
        (EXPLORE, {**VIEW, "a": "PIPE"}, "an image that this server has"),
        (EXPLORE, {**VIEW, "a": "/dev/zero"}, "an image that this server has"),
        (EXPLORE, {**VIEW, "a": "/etc/passwd"}, "an image that this server has"),
        (EXPLORE, {**VIEW, "a": "/nowhere"}, "an image that this server has"),
        (EXPLORE, {**VIEW, "a": "cifar10:test:3"}, "a data set that this server has"),
        (EXPLORE, {**VIEW, "a": "x" * 100_000}, "names"),
        (EXPLORE, {**VIEW, "model": "/etc/passwd"}, "a model that this server has"),
        (EXPLORE, {**VIEW, "model": "/nowhere.safetensors"}, "a model that this server has"),
        (EXPLORE, {**VIEW, "u": "1e400"}, "finite"),
        (EXPLORE, {**VIEW, "u": "1e9", "v": "-1e9"}, "closer"),
        (EXPLORE, {**VIEW, "half_width": "1e-300"}, "window"),
        (EXPLORE, {**VIEW, "class_index": LONG}, "whole number"),
        (EXPLORE, {**VIEW, "max_regions": "٣"}, "whole number"),
        (EXPLORE, {**VIEW, "region": "f" * 100_000}, None),
        (COMPARE, {**VIEW, "models": ",".join(f"m{k}" for k in range(1000))}, "models"),
        (COMPARE, {**VIEW, "models": "/etc/passwd,/nowhere.safetensors"}, "a model that this server has"),
        (COMPARE, {**VIEW, "models": "cnn5-w8-noise2,cnn5-w8-noise200"}, "a model that this server has"),
        (PATHS, {**PATH, "models": "cnn5-w8-noise2,cnn5-w8-noise200"}, "a model that this server has"),
        (PATHS, {**PATH, "output": LONG}, "output"),
        (PATHS, {**PATH, "images": "/dev/zero"}, "an image that this server has"),
        (PATHS, {**PATH, "models": "/etc/passwd"}, "a model that this server has"),
        (PATHS, {**PATH, "radius": "1e308"}, "radius"),
        (PATHS, {**PATH, "num_anchors": "1000000000"}, "anchors"),
        (PATHS, {**PATH, "start": "1e8", "end": "1e9"}, None),
    ],
)
def test_a_made_up_address_ends_in_a_sentence(page, query, words, empty_cache, monkeypatch):
    monkeypatch.delenv("LRVIZ_DATA_DIR", raising=False)
    pipe = empty_cache / "pipe.png"
    os.mkfifo(pipe)
    query = {key: str(pipe) if value == "PIPE" else value for key, value in query.items()}
    opened = open_file(page, **query)
    said = messages(opened)  # some go away by themselves after a while
    said |= messages(settle(opened))
    assert CALM not in said
    assert words is None or any(words in text for text in said)
    for text in said:
        assert len(text) < 600
        for inside in ("0x", "Traceback", "--", "lrviz train", "lrviz models", "site-packages"):
            assert inside not in text
