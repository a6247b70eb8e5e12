"""A view survives every way of writing it down, and what it writes down makes it again."""

import json
import shlex

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lrviz.errors import InvalidView
from lrviz.views.reproduce import command_line, python_lines, recipes
from lrviz.views.view import COLOURS, MAX_BUDGET, View

TRIPLET = ("samples:0", "samples:1", "samples:2")
names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)
numbers = st.floats(-1e6, 1e6)
halves = st.floats(1e-12, 1e6)


@st.composite
def views(draw):
    """Arguments of a view; the type checker of the tests looks at random parts of what it is given."""
    is_triangle = draw(st.booleans())
    return dict(
        models=(draw(names),),
        images=draw(st.tuples(names, names, names)),
        center=None if is_triangle else draw(st.tuples(numbers, numbers)),
        half_width=None if is_triangle else draw(halves),
        half_height=None if is_triangle else draw(st.none() | halves),
        colour=draw(st.sampled_from(COLOURS)),
        class_index=draw(st.none() | st.integers(0, 999)),
        layer_edges=draw(st.booleans()),
        boundary=draw(st.booleans()),
        max_regions=draw(st.integers(1, MAX_BUDGET)),
    )


@settings(suppress_health_check=[HealthCheck.too_slow])  # how long values take to make says nothing of links
@example({"models": ("0",), "images": ("0", "0", ",")})
@given(views())
def test_a_link_gives_the_view_back(values):
    view = View(**values)
    query = view.to_query()
    assert all(isinstance(value, str) for value in query.values())
    assert View.from_query({**query, "unknown": "ignored"}) == view


@given(views())
def test_json_gives_the_view_back(values):
    view = View(**values)
    assert View.from_json(view.to_json()) == view
    assert View.from_json(json.dumps({**json.loads(view.to_json()), "unknown": "1"})) == view


@given(views())
def test_the_command_line_quotes_its_words(values):
    view = View(**values)
    words = shlex.split(command_line(view))
    assert words[:4] == ["lrviz", "figure", "--model", view.model]
    start = words.index("--images", 4) + 1
    assert tuple(words[start : start + 3]) == view.images
    assert "\n" not in command_line(view)


@given(views())
def test_the_python_lines_compile(values):
    view = View(**values)
    assert compile(python_lines(view), "<view>", "exec")


def test_a_link_leaves_out_what_is_the_default():
    view = View(models=("cnn5",), images=TRIPLET)
    assert view.to_query() == {"model": "cnn5", "a": "samples:0", "b": "samples:1", "c": "samples:2"}


def test_the_command_line_names_everything():
    view = View(models=("my net",), images=("a b.png", "b.png", "c.png"), center=(-0.5, 1e-7), half_width=0.25,
                    half_height=0.125, colour="jump", class_index=3, layer_edges=True, boundary=True,
                    max_regions=5)  # fmt: skip
    assert command_line(view) == (
        "lrviz figure --model 'my net' --images 'a b.png' b.png c.png --window -0.5 1e-07 0.25 --half-height 0.125 "
        "--colour jump --class 3 --layer-edges --boundary --max-regions 5 --out figure.pdf"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": ""}, "The link has no model"),
        ({"b": ""}, "The link has no b"),
        ({"u": "left", "v": "0", "half_width": "1"}, "u must be a number"),
        ({"u": "1", "half_width": "1"}, "v must be a number"),
        ({"u": "nan", "v": "0", "half_width": "1"}, "finite"),
        ({"u": "0", "v": "inf", "half_width": "1"}, "finite"),
        ({"u": "0", "v": "0"}, "half width"),
        ({"half_width": "1"}, "centre"),
        ({"half_height": "1"}, "half width"),
        ({"u": "0", "v": "0", "half_width": "0"}, "positive"),
        ({"u": "0", "v": "0", "half_width": "-1"}, "positive"),
        ({"u": "0", "v": "0", "half_width": "1", "half_height": "nan"}, "positive"),
        ({"colour": "pink"}, "one of region, class"),
        ({"class_index": "cat"}, "whole number"),
        ({"class_index": "-1"}, "from 0"),
        ({"layer_edges": "maybe"}, "yes or no"),
        ({"max_regions": "1e5"}, "whole number"),
        ({"max_regions": "0"}, "from 1 to"),
        ({"max_regions": str(MAX_BUDGET + 1)}, "from 1 to"),
        ({"model": "a\nb"}, "names of a model"),
    ],
)
def test_a_bad_link_is_refused_with_a_sentence(change, message):
    query = {**View(models=("cnn5",), images=TRIPLET).to_query(), **change}
    with pytest.raises(InvalidView, match=message):
        View.from_query(query, "explore")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "no json", '{"model": 5, "a": "a", "b": "b", "c": "c"}', '{"model": "a", "a": "a"}', "[" * 9],
)
def test_stored_text_that_is_no_view_is_refused(text):
    with pytest.raises(InvalidView):
        View.from_json(text)


def test_numbers_of_numpy_become_numbers_of_python():
    view = View(models=("a",), images=TRIPLET, center=(np.float64(0.5), np.float64(1)), half_width=np.float64(2))
    assert view.to_query()["u"] == "0.5"
    assert "np." not in python_lines(view) + command_line(view)


def test_of_a_sampled_view_the_recipes_find_all_regions_or_the_same_samples():
    view = View(models=("cnn5-w8-noise20",), images=("samples:0", "samples:1", "samples:2"), colour="area")
    ways = recipes(view, is_sampled=True)
    (command, lines) = (text for _, text in ways.values())
    assert command == (
        "lrviz map --model cnn5-w8-noise20 --images samples:0 samples:1 samples:2 --out map.npz --figure map.pdf "
        "--colour density"
    )
    assert "lrviz.sample_plane(program, plane, window)" in lines and "find_regions" not in lines


def test_every_map_of_a_comparison_has_a_file_of_its_own():
    view = View(page="compare", models=("a", "b"), images=("samples:0", "samples:1", "samples:2"))
    ((_, text),) = recipes(view).values()
    assert [line.split()[-1] for line in text.splitlines()] == ["figure-1.pdf", "figure-2.pdf"]
