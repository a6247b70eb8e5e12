"""The Models page takes networks of the user's own, and the other pages show them."""

import io
import warnings
from dataclasses import replace

import pytest
import streamlit as st
import torch
from torch import nn

from lrviz.errors import InvalidCheckpoint, InvalidRequest
from lrviz.models.access import FOLDERS_VARIABLE
from lrviz.models.catalogue import load_model, remember
from lrviz.models.description import FIELDS, read_description
from lrviz.models.library import FOLDER_VARIABLE, Library
from lrviz.results import diskstore
from lrviz.results.store import MemoryStore
from lrviz.ui import visit
from lrviz.ui.own_networks import view_of
from lrviz.views.view import View
from tests.apptest import control, open_file, settle


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "library"))
    monkeypatch.setenv(diskstore.FOLDER_VARIABLE, str(tmp_path / "cache"))
    st.cache_resource.clear()
    st.cache_data.clear()
    return tmp_path


def toy(hidden, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, hidden), nn.ReLU(), nn.Linear(hidden, 3))


def saved(module):
    buffer = io.BytesIO()
    torch.save(module.state_dict(), buffer)
    return buffer.getvalue()


def bring(module, name):
    """Put a network into the library, as the page does."""
    reference = Library.of_user().keep(saved(module), ".pth")
    remember(reference, replace(load_model(reference), name=name))
    return reference


def texts(page):
    return " ".join(
        str(element.value) for kind in ("markdown", "caption", "error", "info") for element in getattr(page, kind)
    )


def chosen(page, name, title):
    """The Models page after an upload; the tests of Streamlit have no uploads."""
    page.session_state["own-network"], page.session_state["own-title"] = name, title
    return settle(page.run())


def test_the_page_reports_on_a_network_and_lists_it(folders):
    buffer = io.BytesIO()
    torch.save(toy(8).state_dict(), buffer)
    reference = Library.of_user().keep(buffer.getvalue(), ".pth")
    page = chosen(open_file("pages/4_Models.py"), reference, "mine")
    assert not page.exception
    assert "**mine**" in texts(page)
    assert "the architecture mlp; the input shape 2" in texts(page)
    layers = next(table.value for table in page.dataframe if "kind" in table.value)
    assert layers.to_dict("records") == [{"layer": "0", "shape": "8", "units": 8, "kind": "ReLU"}]
    assert (folders / "library" / f"{reference.removeprefix('upload:')}.json").exists()
    page.button(key=f"own-delete-{reference}").click().run()
    assert "**mine**" not in texts(page)
    assert not any((folders / "library").iterdir())


def test_what_is_not_supported_is_a_table_in_colour(folders):
    module = nn.Sequential(nn.Linear(2, 4), nn.GELU(), nn.Linear(4, 3)).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (torch.zeros(1, 2, device="cpu"),), folders / "net.onnx", dynamo=False)
    reference = Library.of_user().keep((folders / "net.onnx").read_bytes(), ".onnx")
    page = chosen(open_file("pages/4_Models.py"), reference, "curved")
    assert "because of: Gelu in module '1'" in texts(page)
    refused = next(table.value for table in page.dataframe if "use instead" in table.value)
    assert refused["use instead"].tolist() == ["relu, leaky_relu"]
    assert "1 other upload: images" in page.expander[-1].label
    page.button(key=f"own-delete-{reference}").click().run()
    assert not any((folders / "library").iterdir())


@pytest.mark.parametrize(
    ("content", "suffix", "message"),
    [(b"nonsense", ".pth", "one that is damaged"), (b"PK", ".pt2", "can run code when it is opened")],
)
def test_files_that_are_refused_end_in_a_sentence(content, suffix, message):
    page = chosen(open_file("pages/4_Models.py"), Library.of_user().keep(content, suffix), "bad")
    assert message in texts(page)
    assert not page.exception


def test_a_path_outside_the_allowed_folders_is_not_told(folders):
    torch.save(toy(4).state_dict(), folders / "net.pth")
    page = open_file("pages/4_Models.py")
    for path in (folders / "net.pth", folders / "missing.pth"):
        page.text_input(key="own-path").set_value(str(path)).run()
        settle(page)
        assert "Expected a model that this server has" in texts(page)


def test_a_network_of_two_numbers_opens_in_explore():
    reference = bring(toy(8), "mine")
    view = view_of("explore", reference, load_model(reference).card)
    page = settle(open_file("app.py", **view.to_query()))
    assert not page.exception
    assert not page.error, page.error[0].value
    assert "mine" in control(page.selectbox, "w-model").options


@pytest.fixture
def opened_folder(folders, monkeypatch):
    """A folder that the operator opened to visitors."""
    folder = folders / "data"
    folder.mkdir()
    monkeypatch.setenv(FOLDERS_VARIABLE, str(folder))
    return folder


def look(page, path, **said):
    """Look at the network of a path, and again with what is said in the fields."""
    page.text_input(key="own-path").set_value(str(path)).run()
    page = settle(page)
    for name, text in said.items():
        page.text_input(key=f"own-{name}").set_value(text)
    button = next(button for button in page.button if "Look again" in button.label)
    return settle(button.click().run())


def test_what_is_said_of_a_path_holds_on_all_pages_and_nothing_is_written_beside_the_file(opened_folder):
    path = opened_folder / "net.pth"
    torch.save(toy(8).state_dict(), path)
    page = look(open_file("pages/4_Models.py"), path, mean="0.4", std="0.2", classes="a,b,c")
    assert "assumed" in texts(page)
    assert "the mean" not in texts(page)
    model = visit.load_model(str(path))
    assert (model.mean, model.std, model.classes) == ((0.4,) * 2, (0.2,) * 2, ("a", "b", "c"))
    assert visit.find_card(str(path)).classes == ("a", "b", "c")
    assert [file.name for file in opened_folder.iterdir()] == ["net.pth"]
    assert load_model(path).classes == ("0", "1", "2")  # who runs the server is told nothing by visitors
    torch.save(toy(9).state_dict(), path)
    assert visit.load_model(str(path)).classes == ("0", "1", "2")


def test_a_graph_of_open_sizes_opens_everywhere_once_they_are_said(opened_folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            nn.ReLU(), (torch.zeros(1, 2, device="cpu"),), opened_folder / "open.onnx", dynamo=False,
            input_names=["x"], dynamic_axes={"x": {0: "batch", 1: "channels"}},
        )  # fmt: skip
    page = look(open_file("pages/4_Models.py"), opened_folder / "open.onnx", input_shape="2")
    assert not page.error
    assert visit.load_program(str(opened_folder / "open.onnx"), MemoryStore())[1].num_units == 2


def test_what_is_assumed_stays_so_until_it_is_confirmed():
    reference = Library.of_user().keep(saved(toy(8)), ".pth")
    page = chosen(open_file("pages/4_Models.py"), reference, "mine")
    st.cache_resource.clear()  # as a restart does
    assert visit.load_model(reference).assumed
    page = settle(open_file("pages/4_Models.py"))
    assert "Assumed, and not confirmed: the architecture mlp" in texts(page)
    page = settle(page.button(key=f"own-look-{reference}").click().run())
    assert "so these are assumed: the architecture mlp" in texts(page)
    page = settle(page.button(key="own-confirm").click().run())
    assert "are assumed" not in texts(page)
    assert "not confirmed" not in texts(page)
    assert visit.load_model(reference).assumed == ()


def test_errors_of_pages_name_fields_and_not_options(opened_folder):
    path = opened_folder / "net.pth"
    torch.save({"a": torch.ones(3, 2, 2), "b": torch.ones(3)}, path)
    with pytest.raises(InvalidCheckpoint, match="“architecture” on the Models page") as caught:
        visit.load_model(str(path))
    assert "--" not in str(caught.value)
    torch.save(toy(8).state_dict(), path)
    for said in ({"classes": ["a"]}, {"mean": [0.0] * 3}, {"input_shape": (7,)}):
        with pytest.raises(InvalidCheckpoint, match="on the Models page") as caught:
            visit.load_model(str(path), **said)
        assert "--" not in str(caught.value)


def test_own_networks_with_the_same_inputs_are_compared():
    names = (bring(toy(6), "narrow"), bring(toy(9, seed=1), "wide"))
    view = View(page="compare", models=names, images=view_of("explore", names[0], load_model(names[0]).card).images,
                center=(0.0, 0.0), half_width=0.5)  # fmt: skip
    page = settle(open_file("pages/1_Compare_widths.py", **view.to_query()))
    assert not page.exception
    assert not page.error
    table = next(table.value for table in page.dataframe if "num_regions" in table.value)
    assert table["model"].tolist() == ["narrow", "wide"]
    assert not {"width", "seed"} & {*table}


def test_networks_with_other_inputs_are_not_compared():
    names = (bring(toy(6), "flat"), "cnn5-w1-noise20")
    view = View(
        page="compare", models=names, images=("samples:0", "samples:1", "samples:2"), center=(0.0, 0.0), half_width=1.0
    )
    page = settle(open_file("pages/1_Compare_widths.py", **view.to_query()))
    assert any(
        "the same inputs, normalisation and classes; got flat and cnn5-w1-noise20" in error.value
        for error in page.error
    )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [("input_shape", "3,big", "an input shape such as 3,32,32"), ("std", "", "numbers such as 0.247,0.2435,0.2616")],
)
def test_a_text_that_does_not_describe_is_named(name, text, message):
    with pytest.raises(InvalidRequest, match=message) as error:
        read_description({name: text})
    assert f"correct the {FIELDS[name].label}" in str(error.value)


class Dropped:
    """What Streamlit hands out for a file that was dropped."""

    file_id = "1"

    def __init__(self, data, name):
        self.data, self.name = data, name

    def getvalue(self):
        return self.data


@pytest.mark.parametrize("page_file", ["app.py", "pages/1_Compare_widths.py", "pages/2_Paths.py"])
def test_a_link_to_a_network_that_is_not_here_takes_its_file(monkeypatch, page_file):
    name = bring(toy(6), "narrow")
    card = load_model(name).card
    data = Library.of_user().path(name).read_bytes()
    Library.of_user().delete(name)
    page_name = {"app.py": "explore", "pages/2_Paths.py": "paths"}.get(page_file, "compare")
    view = replace(
        view_of(page_name, name, card), **({} if page_name == "paths" else {"center": (0.0, 0.0), "half_width": 0.5})
    )
    page = settle(open_file(page_file, **view.to_query()))
    assert f"Expected a model that this server has, got '{name}': upload its file." in texts(page)
    monkeypatch.setattr(st, "file_uploader", lambda *_, **__: Dropped(data, "net.pth"))
    page = settle(page.run())
    assert not page.error
    assert page.session_state["view"].models == (name,)
    assert Library.of_user().path(name).is_file()
