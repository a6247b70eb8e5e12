"""The page that compares models, in its states, without a browser."""

from pathlib import Path

import pytest

from lrviz.ui import compare_jobs, resources
from lrviz.ui.compare import num_columns
from lrviz.ui.compare_models import family_of, group_families
from tests.apptest import control, linked, open_file, settle

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.usefixtures("empty_cache"),
]


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
    control(page.pills, "w-widths").set_value([1]).run()
    control(page.pills, "w-seeds").set_value([0, 2]).run()
    settle(page)
    assert page.session_state["view"].models == ("cnn5-w1-noise20", "cnn5-w1-noise20-seed2")
    assert page.dataframe[0].value["seed"].tolist() == [0, 2]
    assert page.session_state["view"].half_width == 0.05


def test_nothing_chosen_says_what_to_do():
    page = open_page(**LINK)
    control(page.pills, "w-widths").set_value([]).run()
    assert any("Choose one or more widths" in info.value for info in page.info)
    assert not page.get("plotly_chart")
    control(page.pills, "w-widths").set_value([2]).run()
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


def test_a_link_that_says_too_little_opens_the_default_comparison():
    page = open_file("pages/1_Compare_widths.py", a="samples:0")
    assert any("does not say" in warning.value for warning in page.warning)
    assert len(page.session_state["view"].models) == 3


def test_models_of_a_link_stay_when_its_images_are_missing():
    page = open_page(models="cnn5-w1-noise20", colour="area")
    assert any("does not say a, b, c" in warning.value for warning in page.warning)
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
    control(page.selectbox, "w-preset").set_value(compare_jobs.LARGEST).run()
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


def test_on_narrow_pages_rows_hold_equal_parts_of_a_seed():
    cards = max(group_families(resources.cards()).values(), key=len)
    grid = [card for card in cards if card.width in (1, 2, 3, 4) and card.seed in (0, 1)]
    assert [num_columns(grid, most) for most in (6, 4, 3, 2, 1)] == [4, 4, 2, 2, 1]
    assert [num_columns(grid[:1], most) for most in (6, 1)] == [1, 1]
