"""The Models page takes networks of the user's own, and the other pages show them."""

import io
import warnings
from dataclasses import replace

import pytest
import streamlit as st
import torch
from torch import nn

from lrviz.errors import InvalidRequest
from lrviz.models.catalogue import load_model, remember
from lrviz.models.description import FIELDS, read_description
from lrviz.models.library import FOLDER_VARIABLE, Library
from lrviz.results import diskstore
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


def bring(module, name):
    """Put a network into the library, as the page does."""
    buffer = io.BytesIO()
    torch.save(module.state_dict(), buffer)
    reference = Library.of_user().keep(buffer.getvalue(), ".pth")
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
    assert layers.to_dict("records") == [{"layer": "2", "shape": "8", "units": 8, "kind": "ReLU"}]
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


def test_own_networks_with_the_same_inputs_are_compared():
    names = (bring(toy(6), "narrow"), bring(toy(9, seed=1), "wide"))
    view = View(page="compare", models=names, images=view_of("explore", names[0], load_model(names[0]).card).images,
                center=(0.0, 0.0), half_width=0.5)  # fmt: skip
    page = settle(open_file("pages/1_Compare_widths.py", **view.to_query()))
    assert not page.exception
    assert not page.error
    table = next(table.value for table in page.dataframe if "num_regions" in table.value)
    assert table["model"].tolist() == ["narrow", "wide"]


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
