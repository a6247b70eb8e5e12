"""The pages in their states, without a browser."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from torch import nn

from lrviz.engine import requests as requests_module
from lrviz.figures.paper import Paper
from lrviz.figures.sheet import Panel, render_sheet
from lrviz.measures.window import QUANTITIES
from lrviz.models.access import FOLDERS_VARIABLE
from lrviz.results.status import Status
from lrviz.ui import exports, pins, resources
from lrviz.ui.state import DEFAULT_MODEL
from lrviz.views.scene import resolve
from tests.apptest import control, linked, open_file, settle
from tests.messages import unpack

LINK = {"model": DEFAULT_MODEL, "a": "samples:0", "b": "samples:1", "c": "samples:4"}
WINDOW = {"u": "35.0", "v": "18.0", "half_width": "0.05"}

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.usefixtures("empty_cache"),
]


def open_page(**query):
    page = open_file("app.py", **query)
    for _ in range(12):
        if "regions per unit area" in written(page) or page.error or page.info:
            break
        for job in (*resources.pool().unfinished, *resources.quick_pool().unfinished):
            job.wait(30)
        page.run()
    assert not page.exception
    return page


def written(page):
    return " ".join(block.proto.body for block in page.get("html"))


def test_opens_on_the_default_view():
    page = open_page()
    assert page.session_state["view"].model == DEFAULT_MODEL
    assert page.session_state["view"].half_width > 0
    assert "regions per unit area" in written(page)
    assert linked(page, "model") == DEFAULT_MODEL


def test_a_link_is_reproduced():
    page = open_page(**LINK, **WINDOW, colour="jump", class_index="3", layer_edges="yes")
    view = page.session_state["view"]
    assert (view.center, view.half_width, view.colour, view.class_index) == ((35.0, 18.0), 0.05, "jump", 3)
    assert control(page.selectbox, "w-colour").value == "jump"
    assert control(page.selectbox, "w-class").value == 3
    assert control(page.number_input, "w-u").value == 35.0
    assert control(page.toggle, "w-edges").value


def told(page):
    """What the page tells its exact map."""
    (component,) = page.get("bidi_component")
    return unpack(component.proto.bytes)


def test_the_map_is_told_what_it_shows():
    message = told(settle(open_page(**{**LINK, **WINDOW, "model": "cnn5-w1-noise20"})))
    assert (message["status"], message["mode"], message["tag"]) == ("complete", "vector", "EXACT")
    assert message["window"] == pytest.approx([34.95, 35.05, 17.95, 18.05])
    assert message["count"].startswith(f"{message['num_regions']:,} region")
    assert message["parts"]["picture"]["content"]["numLabels"] == message["num_regions"]


def test_regions_that_were_found_are_shown_while_others_are_computed(monkeypatch):
    find_regions, released = requests_module.find_regions, threading.Event()

    def find_slowly(*scene, preview=None, **options):
        whole = find_regions(*scene, **options)
        some = replace(whole, status=Status.CANCELLED)
        if preview is not None:
            preview(some)
            released.wait(30)
        return whole

    monkeypatch.setattr(requests_module, "find_regions", find_slowly)
    page = open_file("app.py", **{**LINK, **WINDOW, "model": "cnn5-w1-noise20"})
    for _ in range(200):
        if any(job.report.partial for job in resources.pool().unfinished):
            break
        for job in (*resources.pool().unfinished, *resources.quick_pool().unfinished):
            job.wait(0.1)
        page.run()
    message = told(page.run())
    assert (message["status"], message["mode"], message["tag"]) == ("computing", "vector", "EXACT")
    assert message["count"].endswith("shown")
    assert message["parts"]["picture"]["content"]["numLabels"] == message["num_regions"] > 0
    released.set()
    done = told(settle(page))
    assert done["status"] == "complete"
    assert done["parts"]["picture"]["key"] != message["parts"]["picture"]["key"]


def test_what_holds_too_many_regions_is_sampled():
    page = open_page(**{**LINK, "model": "cnn5-w1-noise20", "u": "40", "v": "20", "half_width": "20"}, max_regions="20")
    message = told(settle(page))
    assert (message["status"], message["mode"], message["tag"]) == ("max_regions", "sampled", "SAMPLED")
    assert message["num_regions"] > 200
    assert message["count"].startswith("about ")
    assert "sampled picture" in message["note"]


def test_controls_change_the_view_and_the_link():
    page = open_page(**LINK, **WINDOW)
    control(page.selectbox, "w-colour").set_value("class").run()
    control(page.number_input, "w-v").set_value(18.1).run()
    view = page.session_state["view"]
    assert (view.colour, view.center) == ("class", (35.0, 18.1))
    assert linked(page, "colour") == "class"
    assert not page.exception


def test_presets_move_the_window():
    page = open_page(**LINK, **WINDOW)
    settle(control(page.selectbox, "w-preset").set_value("image A").run())
    assert page.session_state["view"].center == (0.0, 0.0)
    settle(control(page.selectbox, "w-preset").set_value("decision boundary").run())
    assert page.session_state["view"].center != (0.0, 0.0)
    assert not page.error


def test_another_model_keeps_a_window_that_suits_it():
    page = open_page(**LINK, **WINDOW)
    other = next(card.name for card in resources.cards() if card.width == 4)
    control(page.selectbox, "w-model").set_value(other).run()
    resources.pool().find(f"model {other}").wait(30)
    settle(page)
    assert page.session_state["view"].model == other
    assert not page.error


def test_epochs_of_a_training_are_gone_through():
    page = open_page(**{**LINK, "model": "cnn5-w16-noise20-epoch5"}, **WINDOW)
    assert control(page.selectbox, "w-model").value == "cnn5-w16-noise20"
    slider = control(page.select_slider, "w-epoch")
    assert slider.value == 5
    assert len(slider.options) == 5
    slider.set_value(1).run()
    assert page.session_state["view"].model == "cnn5-w16-noise20-epoch1"
    assert linked(page, "model") == "cnn5-w16-noise20-epoch1"
    control(page.selectbox, "w-model").set_value("cnn5-w1-noise20").run()
    page = settle(page)
    assert len(page.select_slider) == 1 and control(page.select_slider, "w-half")
    assert not page.error


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({**LINK, "model": "nonsense"}, "nonsense"),
        ({**LINK, "b": "samples:0"}, "triangle"),
        ({**LINK, "c": "samples:999"}, "samples:999"),
        ({**LINK, **WINDOW, "half_width": "20"}, "smaller window"),
        ({**LINK, **WINDOW, "u": "1e9"}, "closer"),
    ],
    ids=["model", "equal images", "image", "budget", "far away"],
)
def test_what_is_wrong_is_said_in_a_sentence(query, words):
    page = open_page(**query)
    assert any(words in said.value for said in (*page.error, *page.info))


def test_a_link_that_says_too_little_opens_the_default_view():
    page = open_file("app.py", model=DEFAULT_MODEL, a="samples:0")
    assert any("does not say" in warning.value for warning in page.warning)


@pytest.mark.parametrize(("key", "text"), [("class_index", "77"), ("b", ""), ("half_width", "wide")])
def test_a_link_with_one_bad_parameter_keeps_the_rest(key, text):
    narrow = {**LINK, **WINDOW, "model": "cnn5-w1-noise20"}
    whole = {**narrow, "colour": "jump", "class_index": "3", "layer_edges": "yes", "max_regions": "50000"}
    page = settle(open_page(**{**whole, key: text}))
    assert not page.error
    (said,) = page.warning
    assert ("could not be read" if text else "does not say b:") in said.value
    assert key in said.value or "classes" in said.value
    kept = {name: value for name, value in whole.items() if name != key}
    assert kept.items() <= {name: linked(page, name) for name in page.query_params}.items()
    assert page.session_state["view"].half_width < 10
    page.run()
    assert [warning.value for warning in page.warning] == [said.value], "it stays"
    page.button(key="close-notice-0").click().run()
    assert not page.warning


def test_changes_are_undone_and_redone_and_the_browser_goes_back():
    page = open_page(**{**LINK, **WINDOW, "model": "cnn5-w1-noise20"})
    assert page.button(key="step-Undo").disabled
    control(page.selectbox, "w-colour").set_value("class").run()
    control(page.toggle, "w-edges").set_value(True).run()
    addresses = [dict(page.query_params)]
    page.button(key="step-Undo").click().run()
    addresses.append(dict(page.query_params))
    view = page.session_state["view"]
    assert (view.colour, view.layer_edges) == ("class", False)
    page.button(key="step-Redo").click().run()
    assert page.session_state["view"].layer_edges
    assert page.button(key="step-Redo").disabled
    for key in list(page.query_params):
        del page.query_params[key]
    for key, value in addresses[1].items():  # as the browser's Back does
        page.query_params[key] = value
    page.run()
    assert page.session_state["view"] == view
    assert control(page.selectbox, "w-colour").value == "class" and not control(page.toggle, "w-edges").value
    page.button(key="step-Redo").click().run()
    assert page.session_state["view"].layer_edges
    assert linked(page, "layer_edges") == "yes"


def test_a_view_is_kept_by_a_name_and_opened_again():
    page = open_page(**{**LINK, **WINDOW, "model": "cnn5-w1-noise20"}, colour="area")
    page.text_input(key="bookmark-name").set_value("mine")
    page.button(key="bookmark-keep").click().run()
    control(page.selectbox, "w-colour").set_value("class").run()
    page.button(key="bookmark-open-mine").click().run()
    assert page.session_state["view"].colour == "area"
    assert linked(page, "colour") == "area"
    page.button(key="bookmark-delete-mine").click().run()
    assert "bookmark-open-mine" not in {button.key for button in page.button}
    assert not page.error and not page.exception


def test_names_and_messages_are_shown_as_they_are():
    page = open_page(**LINK, **WINDOW)
    page.text_input(key="bookmark-name").set_value("*mine* :red[x]")
    page.button(key="bookmark-keep").click().run()
    assert page.button(key="bookmark-open-*mine* :red[x]").label == r"\*mine\* \:red\[x\]"
    page.session_state["notices"] = ("no model *mine*",)
    page.run()
    assert r"no model \*mine\*" in {warning.value for warning in page.warning}


def test_two_pinned_regions_can_be_exported():
    page = settle(open_page(**{**LINK, **WINDOW, "model": "cnn5-w1-noise20"}))
    assert "pinned regions" not in control(page.button_group, "w-panels").options
    regions, plane = page.session_state["map"].regions, page.session_state["map"].plane
    found = [
        pins.Pin(f"{regions.pattern[k]:016x}", tuple(regions.centroid[k].tolist()), regions.slope[k], 0) for k in (0, 1)
    ]
    page.session_state["pins"] = {plane: tuple(found)}
    settle(page.run())
    assert "pinned regions" in control(page.button_group, "w-panels").options
    control(page.button_group, "w-panels").set_value(["map", "pinned regions"]).run()
    page.button(key="w-preview").click().run()
    assert not page.error and not page.exception
    view = page.session_state["view"]
    draw = exports._pins_printer(view, resolve(view), *found)
    with ThreadPoolExecutor(1) as threads:  # a download is made outside of the page and its session
        contents = threads.submit(render_sheet, ".png", [Panel(draw=draw, inches=2.0)], view, Paper()).result()
    assert contents.startswith(b"\x89PNG")


def go_to(page, name):
    """Another page by its link in the bar at the top."""
    for key in list(page.query_params):
        del page.query_params[key]
    return page.switch_page(name).run()


def test_pages_take_over_models_images_and_window():
    triplet = {"a": "samples:2", "b": "samples:3", "c": "samples:5"}
    page = open_page(model="cnn5-w1-noise20", **triplet, **WINDOW, colour="area")
    page = go_to(page, "pages/2_Paths.py")
    view = page.session_state["view"]
    assert (view.page, view.models, view.path_images) == ("paths", ("cnn5-w1-noise20",), ("samples:2",))
    control(page.selectbox, "p-kind").set_value("triplet").run()
    assert page.session_state["view"].path_images == tuple(triplet.values())
    page = go_to(page, "pages/4_Models.py")
    assert not page.exception
    page = go_to(page, "app.py")
    view = page.session_state["view"]
    assert (view.page, view.colour, view.kind) == ("explore", "area", "triplet")
    assert view.triplet == tuple(triplet.values()) and view.center == (35.0, 18.0)
    assert not page.error and not page.warning


def test_an_unknown_model_offers_close_ones_and_the_default_view():
    page = open_page(**{**LINK, **WINDOW, "model": "cnn5-w1-noise2"})
    assert "cnn5-w1-noise2" in page.error[0].value
    page.button(key="instead-cnn5-w1-noise20").click().run()
    page = settle(page)
    assert page.session_state["view"].model == "cnn5-w1-noise20"
    assert page.session_state["view"].center == (35.0, 18.0)
    assert not page.error
    page = open_page(**{**LINK, **WINDOW, "model": "nonsense"})
    page.button(key="default-view").click().run()
    assert settle(page).session_state["view"].model == DEFAULT_MODEL
    assert not page.error


@pytest.mark.parametrize("page_file", ["app.py", "pages/1_Compare_widths.py", "pages/2_Paths.py"])
def test_a_network_that_does_not_take_the_inputs_of_a_link_is_offered_those_that_it_takes(
    page_file, tmp_path, monkeypatch
):
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path))
    toy = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 3))
    torch.save(toy.state_dict(), tmp_path / "toy.pth")
    name = "model" if page_file == "app.py" else "models"
    page = settle(open_file(page_file, **{name: str(tmp_path / "toy.pth")}))
    assert "Expected numbers for a network whose inputs are 2" in page.error[0].value
    page.button(key="fitting-inputs").click().run()
    page = settle(page)
    assert not page.error and not page.exception
    assert page.session_state["view"].images == ("point:-1:-1", "point:1:-1", "point:0:1")
    assert "default-view" not in {button.key for button in page.button}


def test_the_smaller_window_is_the_one_that_the_message_advises():
    page = open_page(**{**LINK, "u": "30", "v": "15", "model": "cnn5-w1-noise20", "half_width": "90"}, max_regions="90")
    advised = float(re.search(r"half width ([\d.e+-]+),", page.info[0].value)[1])
    next(button for button in page.button if button.label == "Smaller window here").click().run()
    view = page.session_state["view"]
    assert (view.center, view.half_width) == ((30.0, 15.0), advised)


def test_no_work_of_the_background_reaches_what_belongs_to_a_session(monkeypatch):
    def guarded(function):
        def call(*arguments, **options):
            assert not threading.current_thread().name.startswith("lrviz-job")
            return function(*arguments, **options)

        return call

    for name in ("store", "pool", "quick_pool", "survey_pool", "devices", "cards", "checkpoints", "submit"):
        monkeypatch.setattr(resources, name, guarded(getattr(resources, name)))
    page = settle(open_page(**{**LINK, "model": "cnn5-w1-noise20"}, u="35", v="18", half_width="wide"))
    assert not page.error and page.session_state["view"].half_width > 0


def test_a_failure_nobody_expected_is_calm(monkeypatch):
    def fail(*arguments):
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("lrviz.ui.explore.resolve", fail)
    page = open_page(**LINK, **WINDOW)
    assert len(page.error) == 1
    assert "secret" not in page.error[0].value


def test_models_page_lists_the_models_and_clears_the_cache():
    resources.store().put("0" * 64, b"something")
    page = open_file("pages/4_Models.py")
    assert not page.exception
    assert len(page.dataframe[0].value) == len(resources.cards())
    page.button(key="clear-cache").click().run()
    assert len(resources.store()) == 0


ONE_REGION = {**LINK, "u": "30", "v": "15", "half_width": "1e-3"}


def test_a_window_inside_one_region_is_shown_in_every_colour():
    page = settle(open_page(**ONE_REGION, class_index="5", layer_edges="yes"))
    for colour in QUANTITIES:
        control(page.selectbox, "w-colour").set_value(colour).run()
        page = settle(page)
        assert page.session_state["view"].colour == colour
        assert not page.error
        text = written(page)
        assert "not defined" in text
        assert "no neighbour" in " ".join(caption.value for caption in page.caption)
        assert len(page.get("plotly_chart")) == 3


@pytest.mark.parametrize(("colour", "first"), [("slope", "slope of dog"), ("class", "predicted class")])
def test_the_region_card_begins_with_the_coloured_quantity_of_the_same_output(colour, first):
    page = settle(open_page(**LINK, **WINDOW, colour=colour, class_index="5"))
    facts = re.findall(r'<div class="lr-fact"[^>]*><span class="n">(.*?)</span>', written(page))
    assert facts[0] == first
    assert {"slope of dog", "jump of the slope of dog", "similarity to neighbours of dog", "area"} <= set(facts)
    assert "jump of dog" in page.dataframe[0].value
    assert any(box.value == 5 for box in page.selectbox if str(box.key).startswith("slope-"))
