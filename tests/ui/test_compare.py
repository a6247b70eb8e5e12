"""The figures of a comparison, and the page in its states, without a browser."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lrviz.engine.find_regions import find_regions
from lrviz.figures import comparison as compare_module
from lrviz.figures.comparison import Cell, comparison_map, make_panel, panel_picture, share_scale, vector_panels
from lrviz.figures.map import window_bounds
from lrviz.figures.widths import STRIPS, width_curves
from lrviz.geometry.plane import Window
from lrviz.results.status import Status
from lrviz.ui import compare_jobs, resources
from lrviz.ui.compare import num_columns
from lrviz.ui.compare_models import family_of, group_families
from tests.apptest import linked, open_file, settle
from tests.pictures import NAMES, network, plane, regions
from tests.views.test_comparison import member

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.usefixtures("empty_cache"),
]


BOUNDS = window_bounds(regions())


def other_regions():
    """The regions of a network of another width in the same window."""
    return find_regions(network(10), plane(), Window.rectangle((2.4, 0.6), 1.5, 1.0))


def cells(quantity="slope", **values):
    panels = [make_panel(found, quantity, class_names=NAMES) for found in (regions(), other_regions())]
    return [
        Cell(title=f"k = {k}", detail=f"{len(panel.colouring.rgb)} regions", panel=panel, **values)
        for k, panel in zip((2, 8), panels, strict=True)
    ]


def draw(shown):
    return comparison_map(shown, BOUNDS, columns=2)


def bars(figure):
    return [trace.marker for trace in figure.data if trace.marker and trace.marker.showscale]


def test_all_panels_share_one_scale_and_one_bar_with_its_unit():
    panels = share_scale([cell.panel for cell in cells()])
    assert panels[0].colouring.scale == panels[1].colouring.scale
    (bar,) = bars(draw(cells()))
    assert (bar.cmin, bar.cmax) == (panels[0].colouring.scale.low, panels[0].colouring.scale.high)
    assert bar.colorbar.title.text == "slope (logit per unit of L2 distance)"


def test_the_scale_counts_area_and_not_regions():
    one = make_panel(regions(), "slope")
    few, many = np.full(len(regions()), 1.0), np.full(len(regions()), 2.0)
    colourings = [replace(one.colouring, values=values) for values in (few, many)]
    tiny = np.zeros_like(one.labels)
    panels = share_scale([replace(one, colouring=colourings[0], labels=tiny), replace(one, colouring=colourings[1])])
    assert (panels[0].colouring.scale.low, panels[0].colouring.scale.high) == (1.0, 2.0)


def test_panels_zoom_together_and_have_equal_scales():
    layout = draw(cells()).layout
    assert (layout.xaxis2.matches, layout.yaxis2.matches) == ("x", "y")
    assert layout.yaxis.scaleanchor == "x"
    assert layout.xaxis.title.text == "u (L2 distance)"
    assert layout.yaxis.title.text == "v (L2 distance)"
    assert layout.yaxis2.title.text is None


def test_every_panel_is_named_and_linked_in_its_place():
    notes = draw(cells(link="./?model=x", notice="budget hit")).layout.annotations
    assert [note.xref for note in notes] == ["x domain", "x2 domain"]
    for note, k, found in zip(notes, (2, 8), (regions(), other_regions()), strict=True):
        assert f"k = {k}" in note.text
        assert f"{len(found)} regions" in note.text
        assert 'href="./?model=x"' in note.text
        assert "budget hit" in note.text


def test_a_missing_panel_says_why():
    waiting = Cell(title="k = 24", notice="not there yet")
    figure = draw([*cells(), waiting])
    assert figure.layout.annotations[-1].text == "not there yet"
    assert figure.layout.annotations[-1].xref == "x3 domain"
    assert {trace.xaxis for trace in figure.data} >= {"x", "x2", "x3"}
    assert "x4" not in {trace.xaxis for trace in figure.data}
    alone = draw([waiting])
    assert alone.layout.annotations[-1].text == "not there yet"
    assert alone.layout.xaxis.range == tuple(BOUNDS[:, 0])


def test_large_panels_are_pixels_in_the_colours_of_the_scale(monkeypatch):
    monkeypatch.setattr(compare_module, "MAX_VECTOR_REGIONS", 3)
    figure = draw(cells())
    assert [image.xref for image in figure.layout.images] == ["x", "x2"]
    assert not [trace for trace in figure.data if trace.name == "fill"]
    panel = share_scale([cell.panel for cell in cells()])[1]
    image = panel_picture(panel)
    largest = int(np.bincount(panel.labels.ravel()).argmax())
    inside = np.argwhere((panel.labels[::2, ::2] == largest) & (panel.labels[1::2, 1::2] == largest))
    colours = image[tuple(inside.T)][:, :3].astype(int)
    assert (np.abs(colours - panel.colouring.rgb[largest]).max(1) <= 1).mean() > 0.5


def test_the_smallest_panels_become_polygons_first():
    panels = [cell.panel for cell in cells()]
    sizes = [len(panel.polygons) for panel in panels]
    assert vector_panels(panels, sum(sizes)) == {0, 1}
    assert vector_panels(panels, sum(sizes) - 1) == {int(np.argmin(sizes))}
    assert vector_panels(panels, min(sizes) - 1) == set()


def test_classes_of_all_panels_are_in_one_legend():
    figure = draw(cells("class"))
    names = [trace.name for trace in figure.data if trace.marker.symbol == "square"]
    present = {NAMES[k] for found in (regions(), other_regions()) for k in found.predicted}
    assert sorted(names) == sorted(present)
    assert not bars(figure)


def test_curves_share_the_width_axis_with_the_test_error_first():
    members = [member(2), member(8), member(8, seed=1, status=Status.MAX_REGIONS)]
    figure = width_curves(members)
    assert STRIPS[0].measure == "test_error"
    titles = [note.text for note in figure.layout.annotations]
    assert "test error" in titles[0]
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert all(line.x.tolist() == [2, 8] for line in lines)
    (train_error,) = [line for line in lines if line.name == "train_error"]
    assert train_error.error_y.array[1] == pytest.approx(np.std([0, 0.1], ddof=1))
    axes = [figure.layout[name] for name in figure.layout if name.startswith("xaxis")]
    assert all(axis.type == "log" and axis.ticktext == ("2", "8") for axis in axes)
    assert sum(axis.matches is not None for axis in axes) == len(STRIPS) - 1
    dots = [trace for trace in figure.data if trace.mode == "markers"]
    hollow = {trace.name: [colour == "white" for colour in trace.marker.color] for trace in dots}
    assert hollow["mean_slope"] == [False, False, True]
    assert hollow["test_error"] == [False, False, False]


# --- the page ---------------------------------------------------------------------------------------------------------

LINK = {
    "models": "cnn5-w1-noise20,cnn5-w2-noise20", "a": "samples:0", "b": "samples:1", "c": "samples:4",
    "u": "35.0", "v": "18.0", "half_width": "0.05",
}  # fmt: skip


def open_page(**query):
    return settle(open_file("pages/1_Compare_widths.py", **query))


def test_a_link_is_reproduced_and_fills_table_and_maps():
    page = open_page(**LINK, colour="jump")
    assert page.session_state["view"].models == ("cnn5-w1-noise20", "cnn5-w2-noise20")
    view = page.session_state["view"]
    assert (view.center, view.half_width, view.colour) == ((35.0, 18.0), 0.05, "jump")
    assert page.dataframe[0].value["width"].tolist() == [1, 2]
    assert len(page.get("plotly_chart")) == 2
    assert linked(page, "models") == LINK["models"]
    assert linked(page, "colour") == "jump"
    assert not page.error


def test_widths_and_seeds_choose_the_models():
    page = open_page(**LINK)
    page.pills(key="w-widths").set_value([1]).run()
    page.pills(key="w-seeds").set_value([0, 2]).run()
    settle(page)
    assert page.session_state["view"].models == ("cnn5-w1-noise20", "cnn5-w1-noise20-seed2")
    assert page.dataframe[0].value["seed"].tolist() == [0, 2]
    assert page.session_state["view"].half_width == 0.05


def test_nothing_chosen_says_what_to_do():
    page = open_page(**LINK)
    page.pills(key="w-widths").set_value([]).run()
    assert any("Choose one or more widths" in info.value for info in page.info)
    assert not page.get("plotly_chart")
    page.pills(key="w-widths").set_value([2]).run()
    assert settle(page).session_state["view"].models == ("cnn5-w2-noise20",)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"models": "cnn5-w1-noise20,nonsense"}, "nonsense"),
        ({"b": "samples:0"}, "triangle"),
        ({"c": "samples:999"}, "samples:999"),
        ({"half_width": "40", "max_regions": "10"}, "budget"),
        ({"u": "1e9"}, "closer"),
        ({"models": "cnn5-w2-noise20,cnn5-w2-noise20-cifar100"}, "the same inputs, normalisation and classes"),
    ],
    ids=["model", "equal images", "image", "budget", "far away", "families"],
)
def test_what_is_wrong_is_said_in_a_sentence(change, words):
    page = open_page(**{**LINK, **change})
    assert any(words in error.value for error in page.error)


def test_a_link_that_cannot_be_read_opens_the_default_comparison():
    page = open_file("pages/1_Compare_widths.py", a="samples:0")
    assert any("could not be read" in warning.value for warning in page.warning)
    assert len(page.session_state["view"].models) == 3


def test_models_of_a_link_stay_when_its_images_are_missing():
    page = open_page(models="cnn5-w1-noise20", colour="area")
    assert any("could not be read" in warning.value for warning in page.warning)
    assert page.session_state["view"].models == ("cnn5-w1-noise20",)
    assert page.session_state["view"].colour == "area"
    assert page.dataframe


def test_a_partial_map_says_so():
    page = open_page(**{**LINK, "half_width": "0.7", "max_regions": "600"})
    assert any("a part of the window" in warning.value for warning in page.warning)
    assert not page.error
    next(button for button in page.button if "suits the widest" in button.label).click().run()
    settle(page)
    assert not page.warning
    assert page.session_state["view"].half_width < 1.2


def test_a_preset_suits_the_widest_network():
    page = open_page(**LINK, max_regions="2000")
    page.selectbox(key="w-preset").set_value(compare_jobs.LARGEST).run()
    settle(page)
    numbers = page.dataframe[0].value["num_regions"]
    assert 500 < numbers[1] < 2000
    assert page.session_state["view"].center == (35.0, 18.0)


def test_families_hold_models_that_differ_in_width_and_seed_only():
    families = group_families(resources.cards())
    for family, cards in families.items():
        assert {family_of(card) for card in cards} == {family}
        assert len({card.width for card in cards}) > 1
    one = next(iter(families.values()))[0]
    assert group_families([one]) == {}
    assert len({family.label for family in families}) == len(families)


def test_grids_have_a_row_for_every_seed():
    cards = max(group_families(resources.cards()).values(), key=len)
    assert num_columns([card for card in cards if card.width in (1, 2, 3)]) == 3
    assert num_columns([card for card in cards if card.seed == 0][:4]) == 4
    assert num_columns([card for card in cards if card.seed == 0][:7]) == 4
    assert num_columns(cards[:1]) == 1
