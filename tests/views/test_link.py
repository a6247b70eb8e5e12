"""A link with something wrong in it loses that, and says so; nothing else is lost."""

import pytest

from lrviz.views.link import read_link
from lrviz.views.view import View

WHOLE = {
    "model": "cnn5", "a": "samples:5", "b": "samples:6", "c": "samples:7", "u": "1.5", "v": "-2.0",
    "half_width": "0.25", "half_height": "0.5", "colour": "jump", "class_index": "3", "layer_edges": "yes",
    "boundary": "yes", "max_regions": "1000", "region": "00ff",
}  # fmt: skip
STANDING_IN = View(models=("other",), images=("samples:0", "samples:1", "samples:2"), colour="area", num_anchors=5)


def test_a_sound_link_is_read_whole():
    view, problems, missing, window = read_link(WHOLE, STANDING_IN)
    assert view.to_query() == WHOLE
    assert (problems, missing, window) == ((), (), None)
    assert view.num_anchors == 5, "what other pages show is kept"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("half_height", "-1"),
        ("colour", "pink"),
        ("class_index", "cat"),
        ("layer_edges", "maybe"),
        ("boundary", "1"),
        ("max_regions", "0"),
        ("max_regions", "٣"),
        ("region", "xyz"),
        ("region", "f" * 100_000),
    ],
)
def test_one_bad_parameter_loses_itself_only(key, text):
    view, problems, missing, window = read_link({**WHOLE, key: text}, STANDING_IN)
    assert view.to_query() == {name: value for name, value in WHOLE.items() if name != key}
    (problem,) = problems
    assert key in problem and len(problem) < 400
    assert (missing, window) == ((), None)


@pytest.mark.parametrize("text", ["", None, "a\nb"])
@pytest.mark.parametrize(("key", "stands_in"), [("model", "other"), ("a", "samples:0"), ("c", "samples:2")])
def test_a_missing_name_is_stood_in_for(key, stands_in, text):
    query = {**WHOLE, key: text} if text is not None else {k: v for k, v in WHOLE.items() if k != key}
    view, problems, missing, _ = read_link(query, STANDING_IN)
    assert view.to_query() == {**WHOLE, key: stands_in}
    if text:
        assert len(problems) == 1 and key in problems[0] and not missing
    else:
        assert (problems, missing) == ((), (key,))


def test_what_a_window_lacks_is_named_once():
    query = {key: text for key, text in WHOLE.items() if key != "v"}
    empty = read_link({"u": "", "v": ""}, STANDING_IN)
    assert empty.view.center is None and {"u", "v"} <= set(empty.missing)
    assert read_link(query, STANDING_IN).missing == read_link({**query, "v": ""}, STANDING_IN).missing == ("v",)


@pytest.mark.parametrize(
    ("change", "window"),
    [
        ({"u": "left"}, (None, -2.0, 0.25)),
        ({"v": "nan"}, (1.5, None, 0.25)),
        ({"half_width": "wide"}, (1.5, -2.0, None)),
        ({"half_width": "0"}, (1.5, -2.0, None)),
        ({"u": "1e400", "half_width": "-1"}, (None, -2.0, None)),
    ],
)
def test_what_is_known_of_a_window_is_kept(change, window):
    view, problems, missing, found = read_link({**WHOLE, **change}, STANDING_IN)
    assert (missing, found) == ((), window)
    assert len(problems) == len(change)
    assert view.center is None and view.colour == "jump" and view.region == "00ff"


def test_a_window_with_parts_missing_is_one_to_choose():
    query = {key: value for key, value in WHOLE.items() if key != "half_width"}
    _, problems, missing, window = read_link(query, STANDING_IN)
    assert (problems, missing, window) == ((), ("half_width",), (1.5, -2.0, None))


def test_zeros_are_values():
    zeros = {"u": "0.0", "v": "0.0", "class_index": "0"}
    view, problems, missing, window = read_link({**WHOLE, **zeros}, STANDING_IN)
    assert (view.center, view.class_index, problems, missing, window) == ((0.0, 0.0), 0, (), (), None)


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"num_anchors": "many"}, {"num_anchors"}),
        ({"radius": "1e308x"}, {"radius"}),
        ({"kind": "triplet"}, {"kind"}),
        ({"output": "9" * 5000}, {"output"}),
        ({"start": "2.0", "end": "1.0"}, {"start", "end"}),
        ({"end": ""}, {"start", "end"}),
    ],
)
def test_paths_lose_what_is_wrong_only(change, kept):
    query = {
        "models": "a,b", "images": "samples:4", "kind": "open", "num_anchors": "3", "radius": "2.0", "output": "all",
        "baseline": "chord", "start": "0.5", "end": "1.0",
    }  # fmt: skip
    view, problems, _, _ = read_link({**query, **change}, STANDING_IN.on("paths"))
    assert view.to_query() == {name: value for name, value in query.items() if name not in kept}
    assert problems


def test_models_of_a_comparison_stay_when_its_images_are_missing():
    view, problems, missing, _ = read_link({"models": "a,b"}, STANDING_IN.on("compare"))
    assert (view.models, view.images) == (("a", "b"), STANDING_IN.images)
    assert (problems, missing) == ((), ("a", "b", "c"))


@pytest.mark.parametrize(("page", "number"), [("explore", 3), ("compare", 3), ("paths", 1), ("sweeps", 3)])
def test_a_view_goes_to_another_page_and_back(page, number):
    view = View.from_query(WHOLE)
    there = view.on(page)
    assert there.models == ("cnn5",) and there.images == view.images
    assert there.on("explore") == view
    assert there.to_link().startswith("/")


def test_a_page_with_more_images_is_given_some():
    path = View(page="paths", models=("a",), images=("samples:1",))
    assert path.on("explore").images == ("samples:1", "samples:0", "samples:4")


@pytest.mark.parametrize(
    ("named", "images"),
    [
        ({"a": "samples:1"}, ("samples:1", "samples:0", "samples:2")),
        ({"b": "samples:0"}, ("samples:1", "samples:0", "samples:2")),
        ({"c": "samples:0", "a": "samples:1"}, ("samples:1", "samples:2", "samples:0")),
    ],
)
def test_no_image_stands_in_that_is_named_already(named, images):
    query = {name: text for name, text in WHOLE.items() if name not in "abc"}
    assert read_link({**query, **named}, STANDING_IN).view.images == images
