"""The Paths page in its states, without a browser."""

import time

import pytest

from lrviz.models.catalogue import load_model
from lrviz.models.images import load_image
from lrviz.ui import resources
from tests.apptest import control, open_file, settle

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.usefixtures("empty_cache"),
]
LINK = {"models": "cnn5-w1-noise20", "images": "samples:0", "num_anchors": "3"}


def open_page(**query):
    return settle(open_file("pages/2_Paths.py", **{**LINK, **query}))


def test_pieces_and_measures_are_shown():
    page = open_page()
    assert not page.error
    assert page.get("plotly_chart")
    models, segments, classes = (table.value for table in page.dataframe)
    assert models["model"].tolist() == ["cnn5-w1-noise20"]
    assert segments["segment"].tolist() == [1, 2, 3]
    assert segments["num_pieces"].sum() == models["num_pieces"].sum() > 300
    assert segments["deviation"].mean() == pytest.approx(models["deviation"].iloc[0])
    assert len(classes) == 10
    assert classes["deviation"].mean() == pytest.approx(models["deviation"].iloc[0])


def test_models_of_several_widths_are_laid_over_each_other():
    page = open_page(models="cnn5-w2-noise20,cnn5-w1-noise20")
    assert not page.error and not page.warning
    assert page.dataframe[0].value["width"].tolist() == [2, 1]
    control(page.selectbox, "p-focus").set_value("cnn5-w1-noise20").run()
    page = settle(page)
    assert page.dataframe[0].value["width"].tolist() == [1, 2]


def test_a_model_that_comes_late_is_waited_for(monkeypatch):
    monkeypatch.setattr("lrviz.ui.path_jobs._PATIENCE", 0.0)
    page = open_file("pages/2_Paths.py", **{**LINK, "models": "cnn5-w3-noise20,cnn5-w2-noise20,cnn5-w1-noise20"})
    deadline = time.monotonic() + 60
    while not page.dataframe or len(page.dataframe[0].value) < 3:
        assert time.monotonic() < deadline
        assert not page.error, "what is not loaded yet has not failed"
        for job in resources.pool().unfinished[:1]:
            job.wait(0.1)
        page.run()
    assert page.dataframe[0].value["width"].tolist() == [3, 2, 1]


def test_single_pieces_and_zooming_out_are_in_the_link():
    page = open_page()
    page.button(key="p-move-Show 12 pieces around the middle of the view").click().run()
    view = page.session_state["view"]
    assert view.baseline == "view"
    assert 0 < view.start < view.end
    assert {"start", "end", "baseline"} <= set(page.query_params)
    while not (wider := page.button(key="p-move-Three times as much")).disabled:
        wider.click().run()
    assert page.session_state["view"].start is None
    assert not page.exception and not page.error


@pytest.mark.parametrize("kind", ["open", "triplet", "images"])
def test_every_kind_of_path_is_shown(kind):
    page = open_page()
    control(page.selectbox, "p-kind").set_value(kind).run()
    page = settle(page)
    assert page.session_state["view"].kind == kind
    assert not page.error
    assert page.dataframe[0].value["num_pieces"].iloc[0] > 100


def test_clearing_the_part_shows_the_whole_path():
    page = open_page()
    control(page.selectbox, "p-part").set_value("segment 2").run()
    assert page.session_state["view"].start > 0
    control(page.selectbox, "p-part").set_value(None).run()
    assert page.session_state["view"].start is None
    assert not page.exception and not page.error


def test_the_predicted_class_is_that_of_the_image_itself():
    page = open_page(models="cnn5-w8-noise20", images="samples:2")
    model = load_model("cnn5-w8-noise20")
    logits = model.module(model.normalise(load_image("samples:2").image)[None])
    name = model.classes[int(logits.argmax())]
    assert f"predicted class ({name})" in control(page.selectbox, "p-output").options


def test_all_classes_and_the_chord_as_baseline():
    page = open_page(output="all", baseline="chord")
    assert control(page.selectbox, "p-output").value == "all"
    assert not page.error and not page.exception


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"models": "nonsense"}, "nonsense"),
        ({"images": "samples:999"}, "samples:999"),
        ({"kind": "images", "images": "samples:0,samples:0"}, "equal"),
    ],
    ids=["model", "image", "equal images"],
)
def test_what_is_wrong_is_said_in_a_sentence(query, words):
    page = open_page(**query)
    assert any(words in error.value for error in page.error)
    assert all("Something unexpected" not in error.value for error in page.error)


def test_a_link_that_cannot_be_read_opens_the_default_path():
    page = open_page(num_anchors="many")
    assert any("could not be read" in warning.value for warning in page.warning)
    assert page.dataframe
