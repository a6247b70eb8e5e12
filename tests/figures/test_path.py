from dataclasses import replace

import numpy as np
import pytest
import torch

from lrviz.engine.find_pieces import find_path_pieces
from lrviz.figures.path import breakpoints
from lrviz.figures.path.breakpoints import count_breakpoints
from lrviz.figures.path.data import Line, PathDrawing, Stretch, class_lines, image_at, line_points
from lrviz.figures.path.screen import hover_trace, path_figure
from lrviz.figures.style import MODEL_COLOURS, layer_colour
from lrviz.measures.curve import exact_curve, sample_curve
from lrviz.measures.path import deviation
from lrviz.models.architectures import build
from lrviz.network.program import Program
from tests.pictures import NAMES, network

LAYERS = ("1", "3")


def points():
    generator = torch.Generator(device="cpu").manual_seed(4)
    return torch.randn(4, 6, generator=generator, device="cpu", dtype=torch.float64)


def pieces():
    return find_path_pieces(network(), points())


CURVE = exact_curve(pieces())
WHOLE = Stretch(low=0.0, high=CURVE.length)
IMAGES = [np.full((3, 4, 4), shade, np.uint8) for shade in (0, 100, 200, 250)]


def model_lines(curves, output):
    return tuple(
        Line(name=name, colour=colour, curve=curve, output=output, layer_names=LAYERS, unit_name=network().unit_name)
        for (name, curve), colour in zip(curves, MODEL_COLOURS, strict=False)
    )


def drawing(stretch=WHOLE, curves=(("one", CURVE),), output=1, **options):
    return PathDrawing(stretch=stretch, **{"lines": model_lines(curves, output), "images": IMAGES, **options})


def draw(*arguments, **options):
    return path_figure(drawing(*arguments, **options))


def named(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


def test_the_line_goes_through_every_knot_and_the_chord_through_every_anchor():
    figure = draw()
    line, chord = named(figure, "one"), named(figure, "chord")
    np.testing.assert_array_equal(line.x, CURVE.position)
    np.testing.assert_array_equal(line.y, CURVE.values[:, 1])
    np.testing.assert_array_equal(chord.y[CURVE.anchors], CURVE.values[CURVE.anchors, 1])


def test_the_shaded_area_is_the_deviation():
    figure = draw()
    line, chord = named(figure, "one"), named(figure, "chord")
    assert line.fill == "tonexty"
    assert list(figure.data).index(line) == list(figure.data).index(chord) + 1
    place = np.linspace(0, CURVE.length, 100_001)
    between = np.abs(np.interp(place, line.x, line.y) - np.interp(place, chord.x, chord.y))
    total = sum(deviation(segment)[1] for segment in pieces().segments())
    assert np.trapezoid(between, place) == pytest.approx(total, rel=1e-5)


def test_subtracting_the_chord_leaves_zero_at_the_anchors_and_the_line_of_the_view_at_its_ends():
    (line,) = model_lines([("one", CURVE)], 0)
    position, values = line_points(line, Stretch(low=0.0, high=CURVE.length, baseline="chord"))
    np.testing.assert_allclose(values[np.isin(position, CURVE.position[CURVE.anchors])], 0, atol=1e-12)
    view = Stretch(low=0.3, high=1.1, baseline="view")
    position, values = line_points(line, view)
    np.testing.assert_allclose(np.interp([0.3, 1.1], position, values), 0, atol=1e-12)
    assert not [trace for trace in draw(view).data if trace.name == "chord"]


def test_axes_have_names_units_and_the_views_range():
    stretch = Stretch(low=0.5, high=1.5)
    figure = draw(stretch)
    assert figure.layout.xaxis3.title.text == "L2 distance along the path"
    assert figure.layout.yaxis2.title.text == "f (logit)"
    for axis in (figure.layout.xaxis, figure.layout.xaxis2, figure.layout.xaxis3):
        assert axis.range == tuple(stretch.range)
        assert (axis.range[0] < stretch.low, stretch.high < axis.range[1]) == (True, True)
    line = named(figure, "one")
    assert figure.layout.yaxis2.range[0] <= min(line.y) <= max(line.y) <= figure.layout.yaxis2.range[1]


def test_ticks_of_a_deep_zoom_differ():
    digits = int(draw(Stretch(low=1.0, high=1.0 + 1e-6)).layout.xaxis3.tickformat[1:-1])
    assert f"{1.0:.{digits}f}" != f"{1.0 + 1e-7:.{digits}f}"


def test_several_models_have_one_line_each_and_one_shaded_deviation():
    figure = draw(curves=(("one", CURVE), ("two", sample_curve(network(), points()))))
    assert named(figure, "one").fill == "tonexty"
    assert named(figure, "two").fill == "none"
    assert named(figure, "one").line.color != named(figure, "two").line.color
    assert len([trace for trace in figure.data if trace.name == "chord"]) == 1


def test_models_of_different_sizes_name_their_own_units():
    wide = build("cnn5", 2, 10, seed=0)
    program = Program.from_module(wide, torch.zeros(1, 3, 32, 32, device="cpu"))
    ends = torch.rand(2, 3, 32, 32, generator=torch.Generator("cpu").manual_seed(0), device="cpu").double()
    curve = exact_curve(find_path_pieces(program, ends))
    (line,) = model_lines([("wide", curve)], 1)
    line = replace(line, layer_names=tuple(layer.name for layer in program.layers), unit_name=program.unit_name)
    figure = draw(lines=(*model_lines([("one", CURVE)], 1), line))
    hovers = {trace.name: trace for trace in figure.data if trace.hoverinfo == "text" and trace.mode == "markers"}
    assert program.unit_name(int(curve.unit[1])) in hovers["wide"].hovertext[0]
    assert len([t for t in figure.data if t.name.startswith("layer")]) == len(LAYERS)


def test_all_classes_have_a_line_and_a_chord_each():
    figure = draw(lines=class_lines(model_lines([("one", CURVE)], 0)[0], NAMES), all_chords=True)
    for output, name in enumerate(NAMES):
        np.testing.assert_array_equal(named(figure, name).y, CURVE.values[:, output])
        assert named(figure, name).fill == "none"
    assert len([trace for trace in figure.data if trace.name == "chord"]) == len(NAMES)


def test_hover_tells_every_pieces_number_length_and_switching_units():
    stretch = Stretch(low=0.4, high=0.9)
    (line,) = model_lines([("one", CURVE)], 1)
    points_ = hover_trace(line, stretch)
    told = {int(text.split("piece ")[1].split(" of")[0].replace(",", "")) for text in points_.hovertext}
    low, high = CURVE.piece_at(np.array(stretch.range))
    assert told == set(range(max(low, 0) + 1, high + 2))
    for x, y, text in list(zip(points_.x, points_.y, points_.hovertext, strict=True))[::61]:
        piece = int(CURVE.piece_at(np.array([x]))[0])
        assert y == pytest.approx(CURVE.at(np.array([x]), 1)[0])
        assert f"piece {piece + 1:,} of {CURVE.num_pieces:,}, segment {CURVE.segment[piece] + 1}" in text
        assert f"length {CURVE.position[piece + 1] - CURVE.position[piece]:.4g}" in text
        for word, knot in (("from", piece), ("to", piece + 1)):
            unit = CURVE.unit[knot]
            anchor = int(np.searchsorted(CURVE.anchors, knot))
            expected = f"layer {CURVE.layer[knot] + 1}, unit {network().unit_name(int(unit))}"
            assert f"{word} {expected if unit >= 0 else f'anchor {anchor}'}" in text


@pytest.mark.parametrize(
    ("baseline", "name"), [("zero", "f"), ("chord", "f − chord"), ("view", "f − line of the view")]
)
def test_hover_begins_with_what_is_drawn_and_its_unit(baseline, name):
    (line,) = model_lines([("one", CURVE)], 1)
    hover = hover_trace(line, Stretch(low=0.4, high=0.9, baseline=baseline))
    for x, y, text in list(zip(hover.x, hover.y, hover.hovertext, strict=True))[::61]:
        assert text.startswith(f"<b>one: {name} = {y:.5g}</b> logit")
        assert f"f = {CURVE.at(np.array([x]), 1)[0]:.5g}" in text


def test_a_sampled_curve_tells_that_it_is_sampled_and_shows_no_breakpoints():
    figure = draw(curves=(("one", sample_curve(network(), points())),))
    hover = next(trace for trace in figure.data if trace.hoverinfo == "text" and trace.mode == "markers")
    assert "sampled" in hover.hovertext[0]
    assert not any(len(trace.x) for trace in figure.data if trace.name.startswith("layer"))


def test_few_breakpoints_are_ticks_in_the_lane_and_colour_of_their_layer():
    figure = draw()
    for layer in range(2):
        trace = named(figure, f"layer {layer + 1}")
        np.testing.assert_array_equal(trace.x, CURVE.position[CURVE.layer == layer])
        assert set(trace.y) == {layer + 1}
        assert trace.marker.line.color == layer_colour(layer)
        assert network().unit_name(int(CURVE.unit[CURVE.layer == layer][0])) in trace.hovertext[0]


def test_many_breakpoints_are_counted_on_one_scale(monkeypatch):
    monkeypatch.setattr(breakpoints, "MAX_TICKS", 3)
    lanes = [trace for trace in draw().data if trace.type == "heatmap"]
    assert [np.sum(lane.z) for lane in lanes] == [np.sum(CURVE.layer == layer) for layer in range(2)]
    assert {(lane.zmin, lane.zmax) for lane in lanes} == {(0, max(np.max(lane.z) for lane in lanes))}


def test_counts_are_those_of_a_histogram():
    edges = np.linspace(0.2, 1.3, 8)
    counts = count_breakpoints(CURVE, edges, 2)
    for layer in range(2):
        expected, _ = np.histogram(CURVE.position[CURVE.layer == layer], edges)
        np.testing.assert_array_equal(counts[layer], expected)


def test_images_stand_at_their_anchors_and_at_the_ends_of_a_close_view():
    whole = draw()
    assert [image.x for image in whole.layout.images] == CURVE.position[CURVE.anchors].tolist()
    assert [note.text for note in whole.layout.annotations[:4]] == [f"anchor {k}" for k in range(4)]
    close = draw(Stretch(low=0.1, high=0.2))
    assert [image.x for image in close.layout.images] == [0.1, 0.2]


def test_an_image_between_anchors_is_their_mixture():
    anchors = np.array([0.0, 2.0, 3.0])
    assert np.unique(image_at(anchors, IMAGES[:3], 0.5)).tolist() == [25]
    assert np.unique(image_at(anchors, IMAGES[:3], 3.0)).tolist() == [200]


def test_nothing_to_draw_is_an_empty_frame():
    figure = draw(Stretch(low=0.0, high=1.0), lines=())
    assert not figure.data
    assert figure.layout.xaxis3.title.text == "L2 distance along the path"


def test_a_network_without_breakpoints_has_an_empty_lane():
    module = torch.nn.Linear(6, 3, device="cpu", dtype=torch.float64)
    straight = Program.from_module(module, torch.zeros(1, 6, device="cpu", dtype=torch.float64))
    curve = exact_curve(find_path_pieces(straight, points()))
    line = Line(name="one", colour=MODEL_COLOURS[0], curve=curve, output=1, layer_names=())
    stretch = Stretch(low=0.0, high=curve.length)
    figure = path_figure(PathDrawing(stretch=stretch, lines=(line,), images=IMAGES))
    assert any("0 breakpoints" in str(note.text) for note in figure.layout.annotations)
