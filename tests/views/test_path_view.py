from dataclasses import replace

import numpy as np
import pytest

from lrviz.errors import InvalidView
from lrviz.models.images import load_image
from lrviz.views.reproduce import python_lines
from lrviz.views.scene import view_path
from lrviz.views.view import MAX_MODELS, View

VIEW = View(page="paths", models=("cnn5-w8-noise20",), images=("samples:0",))
FULL = View(
    page="paths", models=("cnn5-w1-noise20", "cnn5-w2-noise20"), kind="images",
    images=("samples:0", "samples:1", "a file.png"), num_anchors=4, radius=2.5, output="3", baseline="chord",
    start=1.25, end=1e-7 + 1.25,
)  # fmt: skip


@pytest.mark.parametrize("view", [VIEW, FULL], ids=["default", "full"])
def test_a_link_gives_the_view_back(view):
    assert View.from_query({**view.to_query(), "unknown": "x"}) == view


def test_a_link_leaves_out_what_is_default():
    assert VIEW.to_query() == {"models": "cnn5-w8-noise20", "images": "samples:0"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"models": ()}, "one to"),
        ({"models": tuple(f"m{k}" for k in range(MAX_MODELS["paths"] + 1))}, "one to"),
        ({"models": ("a", "a")}, "different"),
        ({"images": ("x,y.png",)}, "comma"),
        ({"kind": "spiral"}, "spiral"),
        ({"kind": "triplet"}, "takes 3 images; got 1"),
        ({"num_anchors": 1}, "anchors"),
        ({"radius": float("nan")}, "radius"),
        ({"output": "-1"}, "output"),
        ({"baseline": "mean"}, "baseline"),
        ({"start": 1.0}, "both or none"),
        ({"start": 2.0, "end": 2.0}, "end after"),
    ],
)
def test_bad_values_are_refused_in_words(change, words):
    with pytest.raises(InvalidView, match=words):
        replace(VIEW, **change)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"models": "a"}, "The link has no images"),
        ({"models": "a", "images": "b", "radius": "far"}, "radius must be a number; got 'far'"),
        ({"models": "a", "images": "b", "num_anchors": "4.5"}, "num_anchors"),
    ],
)
def test_bad_links_are_refused_in_words(query, words):
    with pytest.raises(InvalidView, match=words):
        View.from_query(query, "paths")


@pytest.mark.parametrize(("kind", "num_images", "num_points"), [("closed", 1, 5), ("triplet", 3, 4), ("images", 2, 2)])
def test_makes_its_path(kind, num_images, num_points):
    images = list(np.random.default_rng(0).random((num_images, 3, 8, 8)))
    view = replace(VIEW, kind=kind, images=("x",) * num_images, num_anchors=4, radius=2.0)
    path = view_path(view, images)
    assert (path.kind, len(path.points)) == (kind, num_points)


@pytest.mark.parametrize(
    ("kind", "images"),
    [
        ("closed", ("samples:0",)),
        ("open", ("samples:0",)),
        ("triplet", ("samples:0", "samples:1", "samples:2")),
        ("images", ("samples:3", "samples:1")),
    ],
)
def test_the_python_lines_make_the_same_path(kind, images):
    view = replace(VIEW, kind=kind, images=images, num_anchors=4, radius=1.0)
    names: dict = {}
    exec(python_lines(view).partition("for name in ['cnn5")[0], names)
    expected = view_path(view, [load_image(name).image for name in images])
    np.testing.assert_array_equal(names["path"].points, expected.points)
