"""The bar of every page, and the guide, without a browser."""

import io

import pytest
import torch
from torch import nn

from lrviz.models.catalogue import load_model
from lrviz.models.inspection import default_images
from lrviz.models.library import Library
from lrviz.ui import guide
from lrviz.ui.visit import remember, visitor
from lrviz.views.bookmarks import Bookmarks
from lrviz.views.view import View
from tests.apptest import control, open_file, settle

PAGES = {
    "app.py": {
        "model": "cnn5-w1-noise20",
        "a": "samples:0",
        "b": "samples:1",
        "c": "samples:4",
        "u": "35",
        "v": "18",
        "half_width": "0.05",
    },
    "pages/1_Compare_widths.py": {"models": "cnn5-w1-noise20,cnn5-w2-noise20"},
    "pages/2_Paths.py": {"models": "cnn5-w1-noise20"},
    "pages/3_Double_descent.py": {},
    "pages/4_Models.py": {},
}

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.usefixtures("empty_cache"),
]


@pytest.fixture(autouse=True)
def library(tmp_path, monkeypatch):
    monkeypatch.setenv("LRVIZ_LIBRARY_DIR", str(tmp_path / "library"))


@pytest.mark.parametrize("name", PAGES)
def test_every_page_has_the_bar(name):
    page = settle(open_file(name, **PAGES[name]))
    names = {block.proto.popover.label for block in page.get("popover")}
    assert {"Bookmarks", "Share", "Help"} <= names
    has_view = name != "pages/4_Models.py"
    assert ("Export" in names) == has_view
    assert {button.label for button in page.button} >= ({"Undo", "Redo"} if has_view else set())
    help_text = " ".join(block.proto.body for block in page.get("html"))
    assert "<code>" in help_text and "logit" in help_text


def test_images_that_another_network_does_not_take_are_replaced():
    network = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 3))
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    own = Library.of_user().keep(file.getvalue(), ".pth")
    remember(own, load_model(own, access=visitor()), confirm=True)
    page = settle(open_file("app.py", **PAGES["app.py"]))
    control(page.selectbox, "w-model").set_value(own).run()
    assert settle(page).session_state["view"].images == default_images((2,))
    next(button for button in page.button if button.label == "Shuffle").click().run()
    assert all(name.startswith("noise:") for name in settle(page).session_state["view"].images)
    control(page.selectbox, "w-model").set_value("cnn5-w1-noise20").run()
    page = settle(page)
    assert not page.error and not page.exception


def test_the_models_page_opens_bookmarks_of_other_pages(monkeypatch):
    Bookmarks.of_user().keep("mine", View(models=("cnn5-w1-noise20",), images=("samples:0", "samples:1", "samples:4")))
    page = open_file("pages/4_Models.py")
    page.button(key="bookmark-open-mine").click().run()
    assert not page.exception
    assert page.session_state["view"].model == "cnn5-w1-noise20"


def test_the_guide_goes_through_its_steps_and_stays_closed():
    page = settle(open_file("app.py", **PAGES["app.py"]))
    titles = []
    for _ in guide.STEPS[1:]:
        titles.append(guide_title(page))
        page.button(key="guide-next").click().run()
    titles.append(guide_title(page))
    assert titles == [title for _, title, _ in guide.STEPS]
    page.button(key="guide-close").click().run()
    assert guide_title(page) is None
    assert any("max-age" in block.proto.body for block in page.get("html"))
    page.run()
    assert guide_title(page) is None
    page.button(key="guide-open").click().run()
    assert guide_title(page) == titles[0]


def guide_title(page):
    """What the open step of the guide is called."""
    written = " ".join(block.proto.body for block in page.get("html"))
    return next((title for _, title, _ in guide.STEPS if f'<span class="t">{title}</span>' in written), None)


def test_what_a_figure_shows_is_chosen():
    page = settle(open_file("app.py", **PAGES["app.py"]))
    (chosen,) = [element for element in page.get("button_group") if element.key == "w-panels"]
    assert chosen.value == ["map"]
    chosen.set_value(["map", "overview", "images", "histogram", "slope image"]).run()
    page.selectbox(key="w-suffix").set_value(".png").run()
    page.button(key="w-preview").click().run()
    assert not page.exception and not page.error
    assert len(page.get("image")) == 1
