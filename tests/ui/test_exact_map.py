"""What the exact map's browser part is sent, and how it is sent."""

import json

import numpy as np
import pytest

from lrviz.figures.colouring import colour_regions, colour_samples
from lrviz.figures.facts import fact_columns, sample_columns
from lrviz.figures.style import class_colours
from lrviz.measures.region import measure_region
from lrviz.ui.exact_map import parts
from lrviz.ui.exact_map.codec import pack
from lrviz.ui.exact_map.component import Answer, Part, to_send
from lrviz.ui.map_memory import rounded_window
from tests.messages import unpack
from tests.pictures import regions, samples


def expand(picture, name="labels"):
    return np.repeat(picture[name], picture["lengths"]).reshape(picture["height"], picture["width"])


def test_a_message_survives_packing():
    arrays = {
        "a": np.arange(3, dtype=np.uint8),
        "b": np.linspace(0, 1, 5, dtype=np.float32),
        "c": np.zeros(0, np.uint32),
    }
    found = unpack(pack({"text": "größer", "nested": [arrays, None], "number": 1.5}))
    assert (found["text"], found["number"], found["nested"][1]) == ("größer", 1.5, None)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found["nested"][0][name], array)


def test_a_message_holds_no_other_objects():
    with pytest.raises(TypeError, match="JSON and arrays"):
        pack({"set": {1, 2}})


def test_polygons_are_those_of_the_regions():
    picture = parts.picture(regions())
    assert picture["mode"] == "vector"
    back = picture["coordinates"].astype(float) * picture["unit"] + picture["origin"]
    np.testing.assert_allclose(back, regions().coordinates, atol=2e-7 * picture["unit"])
    assert np.abs(picture["coordinates"]).max() <= 1 + 1e-6
    assert len(picture["ends"]) == len(picture["layers"]) == (regions().edge_unit >= 0).sum()


def test_labelled_pixels_cover_as_much_as_their_regions(monkeypatch):
    monkeypatch.setattr(parts, "MAX_VECTOR_REGIONS", 1)
    picture = parts.picture(regions())
    assert picture["mode"] == "raster"
    labels = expand(picture).astype(np.int32)
    u0, u1, v0, v1 = picture["bounds"]
    pixel = (u1 - u0) * (v1 - v0) / labels.size
    covered = np.bincount(labels[labels >= 0], minlength=len(regions())) * pixel
    assert covered.sum() == pytest.approx(regions().area.sum(), rel=1e-3)
    np.testing.assert_allclose(covered, regions().area, atol=0.002 * regions().area.sum())


def test_pixels_of_edges_carry_their_layer(monkeypatch):
    monkeypatch.setattr(parts, "MAX_VECTOR_REGIONS", 1)
    picture, edges = parts.picture(regions()), parts.edges(regions(), "layer")
    layers = np.repeat(edges["runs"], edges["lengths"]).reshape(picture["height"], picture["width"])
    assert set(np.unique(layers)) == {0, *(np.unique(regions().edge_layer[regions().edge_unit >= 0]) + 1)}
    assert "runs" not in parts.edges(regions(), "thin")


def test_colours_carry_the_values_of_a_continuous_quantity():
    by_slope = parts.colours("picture", "slope", colour_regions(regions(), "slope"))
    assert by_slope["rgba"].shape == (len(regions()), 4)
    assert len(by_slope["values"]) == len(regions())
    assert parts.colours("picture", "class", colour_regions(regions(), "class"))["values"] is None


@pytest.mark.parametrize("quantity", ["slope", "area", "class", "region", "density"])
def test_facts_are_every_quantity_the_coloured_one_first(quantity):
    columns = fact_columns(regions(), colour_regions(regions(), quantity, class_index=1), ())
    assert columns[0].name.startswith({"class": "predicted class", "density": "log10 density"}.get(quantity, quantity))
    expected = measure_region(regions(), 5, 1)
    told = {column.name.partition(" of output")[0]: column.values[5] for column in columns if column.names is None}
    for key, name in {"slope": "slope", "jump": "jump of the slope", "area": "area"}.items():
        assert told[name] == pytest.approx(expected[key], rel=1e-9)
    assert all(len(column.values) == len(regions()) for column in columns)


def test_samples_are_pixels_of_their_own_and_nothing_outside_the_window():
    picture = parts.sampled_picture(samples())
    labels = expand(picture)
    inside = samples().predicted >= 0
    np.testing.assert_array_equal(labels < picture["numLabels"], inside)
    np.testing.assert_array_equal(labels[inside], np.flatnonzero(inside))


def test_samples_are_coloured_by_what_a_pixel_tells():
    by_class = colour_samples(samples(), "class")
    predicted = samples().predicted.ravel()
    np.testing.assert_array_equal(
        by_class.rgb[predicted >= 0], class_colours(samples().values.shape[2])[predicted[predicted >= 0]]
    )
    by_jump = colour_samples(samples(), "jump", class_index=2)
    assert by_jump.quantity == "slope"
    inside = predicted >= 0
    expected = np.linalg.norm(samples().slope[:, :, 2], axis=2).ravel()
    np.testing.assert_allclose(by_jump.values[inside], expected[inside])
    assert [column.names is None for column in sample_columns(samples(), by_jump, ())] == [True, False]


def test_a_figure_is_plain_json_with_a_bar_as_high_as_the_map():
    content = parts.figure(colour_regions(regions(), "slope"), regions(), "layer", ("first",), boundary=True)
    json.dumps(content, allow_nan=False)
    bars = [trace["marker"]["colorbar"] for trace in content["data"] if "colorbar" in trace.get("marker", {})]
    assert [(bar["lenmode"], bar["len"]) for bar in bars] == [("fraction", 1)]
    names = {trace.get("name") for trace in content["data"] if trace.get("legend") == "legend2"}
    assert {"decision boundary", "layer 1 (first)", "layer 2"} == names


def test_parts_are_sent_once_and_facts_last():
    made = []

    def part(name, **more):
        return Part(key=f"{name}-1", make=lambda: made.append(name) or {"name": name}, **more)

    shown = {"facts": part("facts", rank=2), "picture": part("picture"), "figure": part("figure", rank=1)}
    first = to_send(shown, {})
    assert (first["picture"]["content"], first["facts"]["content"]) == ({"name": "picture"}, None)
    assert to_send(shown, {"picture": "picture-1"})["figure"]["content"] == {"name": "figure"}
    assert to_send(shown, {"picture": "picture-1", "figure": "figure-1"})["facts"]["content"] == {"name": "facts"}
    have = {name: found.key for name, found in shown.items()}
    assert all(told["content"] is None for told in to_send(shown, have).values())
    assert made == ["picture", "figure", "facts"]


@pytest.mark.parametrize("told", [None, {}, {"turn": "x"}, {"turn": 1, "asked": 1, "have": {}, "window": [1, "a"]}])
def test_what_no_browser_of_ours_would_say_counts_as_nothing(told):
    assert Answer.read(told) == Answer()


def test_an_answer_is_read():
    answer = Answer.read({"turn": 3, "asked": 2, "have": {"picture": "p"}, "window": [0, 1, 2, 3]})
    assert (answer.turn, answer.window, answer.have["picture"]) == (3, (0.0, 1.0, 2.0, 3.0), "p")


def test_a_window_keeps_as_many_digits_as_one_sees():
    center, width, height = rounded_window(35.123456789012, -18.0000123456, 2.34567891e-5, 1.5e-5)
    assert center == (35.123456789, -18.000012346)
    assert (width, height) == (2.346e-5, 1.5e-5)
    assert rounded_window(1234.5678, 0.0, 400.0, 300.0) == ((1234.57, 0.0), 400.0, 300.0)
