"""What was said of a network is kept without guesses, for the content it was said of, and never in others' files."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from lrviz.errors import InvalidCheckpoint, InvalidNetwork, InvalidRequest, UnknownModel
from lrviz.models import notes
from lrviz.models.access import Access
from lrviz.models.card import Card
from lrviz.models.catalogue import find_card, list_checkpoints, load_model, remember, remembered
from lrviz.models.inspection import inspect_model
from lrviz.models.notes import Note


def save(path, outputs=3, hidden=8):
    torch.manual_seed(outputs)
    torch.save(nn.Sequential(nn.Linear(2, hidden), nn.ReLU(), nn.Linear(hidden, outputs)).state_dict(), path)
    return path


def test_only_what_was_said_is_kept_as_said(tmp_path):
    path = save(tmp_path / "net.pt")
    place = remember(path, load_model(path, classes=["x", "y", "z"]))
    assert json.loads(place.read_text())["said"] == {"classes": ["x", "y", "z"]}
    assert load_model(path).assumed == ()
    assert load_model(path, mean=[0.5]).said.classes == ("x", "y", "z")


def test_what_no_longer_fits_names_the_file_that_says_it(tmp_path):
    path = save(tmp_path / "net.pt")
    remember(path, load_model(path, classes=["x", "y", "z"], architecture="mlp"))
    save(path, outputs=5)
    with pytest.raises(
        InvalidCheckpoint, match=r"got 3: correct --classes; this comes from net\.pt\.json: say what is"
    ):
        load_model(path)
    assert len(load_model(path, classes=list("abcde")).classes) == 5
    torch.save({"w": torch.ones(3, 2, 2)}, path)
    with pytest.raises(InvalidCheckpoint, match=r"net\.pt\.json"):
        load_model(path)
    path.write_bytes(b"damaged")
    with pytest.raises(InvalidCheckpoint) as caught:
        load_model(path)
    assert "net.pt.json" not in str(caught.value)


def test_guesses_are_made_anew_and_what_was_said_of_an_earlier_content_is_told(tmp_path):
    path = save(tmp_path / "net.pt")
    remember(path, load_model(path, mean=[0.5]))
    assert load_model(path).assumed == ()
    save(path, outputs=4)
    model = load_model(path)
    assert (model.mean, len(model.classes)) == ((0.5, 0.5), 4)
    assert "that what was said of an earlier content of the file (net.pt.json) still holds" in model.assumed
    assert "the architecture mlp" in model.assumed
    assert len(find_card(path).classes) == 4


def test_a_note_that_was_edited_holds(tmp_path):
    path = save(tmp_path / "net.pt")
    place = remember(path, load_model(path, classes=["x", "y", "z"]))
    place.write_text(place.read_text().replace('"x"', '"new"', 1))
    assert find_card(path).classes == load_model(path).classes == ("new", "y", "z")


OTHERS = {
    "object": b'{"lr": 0.1}',
    "list": b"[1, 2]",
    "not finite": b'{"loss": NaN}',
    "no JSON": b"lr: 0.1\n",
    "lines": b'{"a": 1}\n{"a": 2}\n',
    "empty": b"",
    "comments": b'{\n  // the rate\n  "lr": 0.1\n}',
    "not UTF-8": '{"name": "M\u00fcller"}'.encode("latin-1"),
    "long": b'{"a": [' + b"0, " * 2_000_000 + b"0]}",
}


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_json_files_of_others_are_left_alone(tmp_path, text, suffix):
    path = tmp_path / f"net{suffix}"
    state = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3)).state_dict()
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    others = [tmp_path / f"net{suffix}.json", tmp_path / "net.json"][: 2 if suffix == ".safetensors" else 1]
    for other in others:
        other.write_bytes(text)
    model = load_model(path)
    for other in others:
        assert f"that {other.name}, which is no card of lrviz's, tells nothing of it" in model.assumed
    place = remember(path, load_model(path, classes=["x", "y", "z"]))
    assert place.name == f"net{suffix}.lrviz.json"
    assert load_model(path).classes == ("x", "y", "z")
    assert [other.read_bytes() for other in others] == [text] * len(others)
    assert list(list_checkpoints(tmp_path)) == [path]


def test_what_cannot_be_kept_beside_files_of_others_is_said(tmp_path):
    path = save(tmp_path / "net.pt")
    for name in ("net.pt.json", "net.pt.lrviz.json"):
        (tmp_path / name).write_text('{"lr": 0.1}')
    with pytest.raises(InvalidRequest, match=r"net\.pt\.json or net\.pt\.lrviz\.json .* not remembered: move one"):
        remember(path, load_model(path, mean=[0.5]))


def test_notes_stay_short_enough_to_be_read(tmp_path):
    path = save(tmp_path / "net.pt", outputs=240_000, hidden=2)
    model = load_model(path, mean=[0.5])
    place = remember(path, model)
    assert place.stat().st_size < 10_000
    assert load_model(path).mean == (0.5, 0.5)
    for number in range(100):
        remember(path, replace(model, assumed=(f"assumption {number}", "another")))
    assert len(remembered(path).confirmed) <= 50
    assert {"assumption 99", "another"} <= {*remembered(path).confirmed}
    with pytest.raises(InvalidRequest, match=r"at most 4 MB that are said .*, got .* MB: give shorter names"):
        remember(path, load_model(path, classes=[f"a long name of a class {number}" for number in range(240_000)]))
    assert load_model(path).mean == (0.5, 0.5)


@pytest.mark.parametrize("card", [5, None, {"name": "net"}])
def test_a_card_in_a_note_that_cannot_be_read_is_found_anew(tmp_path, card):
    path = save(tmp_path / "net.pt")
    place = remember(path, load_model(path, mean=[0.5]))
    values = json.loads(place.read_text())
    values["found"]["card"] = card
    place.write_text(json.dumps(values))
    assert find_card(path).mean == load_model(path).mean == (0.5, 0.5)


@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda data: data.replace(b"net", b"n\xfct")])
def test_notes_that_are_damaged_are_not_taken_for_files_of_others(tmp_path, damage):
    path = save(tmp_path / "net.pt")
    place = remember(path, load_model(path, mean=[0.5]))
    place.write_bytes(damage(place.read_bytes()))
    with pytest.raises(InvalidCheckpoint, match=r"net\.pt\.json.*: fetch it again, or remove it"):
        load_model(path)


@pytest.mark.parametrize(
    "said", [5, {"classes": 5}, {"mean": ["a"]}, {"std": [0.0]}, {"surprise": 1}, {"input_shape": [0]}]
)
def test_damaged_notes_name_their_file(tmp_path, said):
    path = save(tmp_path / "net.pt")
    (tmp_path / "net.pt.json").write_text(json.dumps({"lrviz": "", "said": said}))
    with pytest.raises(InvalidCheckpoint, match=r"in net\.pt\.json, got .*: correct or delete that file"):
        load_model(path)


def test_cards_of_earlier_versions_are_read_and_become_notes(tmp_path):
    path = save(tmp_path / "net.pt")
    card = Card(
        name="mine", architecture="mlp", mean=(0.5,) * 2, std=(2.0,) * 2, classes=("x", "y", "z"), input_shape=(2,)
    )
    (tmp_path / "net.pt.json").write_text(card.to_json())
    model = load_model(path)
    assert (model.name, model.classes, model.assumed) == ("mine", card.classes, ())
    remember(path, load_model(path, mean=[0.25]))
    assert isinstance(Note.from_values(json.loads((tmp_path / "net.pt.json").read_text()), "net.pt.json"), Note)
    again = load_model(path)
    assert (again.name, again.classes, again.mean, again.std) == ("mine", card.classes, (0.25,) * 2, (2.0,) * 2)


EXITS = """
import sys
from torch import nn
def build():
    sys.exit(3)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 3)
    def forward(self, x):
        sys.exit(3)
"""


def test_code_that_ends_the_program_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bld.py").write_text(EXITS)
    torch.save({"layer.weight": torch.ones(3, 2), "layer.bias": torch.ones(3)}, "net.pt")
    for place in ("bld.py:build", "bld.py:Net"):
        with pytest.raises((InvalidNetwork, UnknownModel), match=r"ends the program \(with 3\): take sys.exit out"):
            load_model("net.pt", architecture=place, trust=True)


class Late(nn.Module):
    """It ends the program when it is traced."""

    def forward(self, x):
        raise SystemExit(3)


def test_code_that_ends_the_program_later_is_a_sentence(tmp_path):
    model = replace(load_model(save(tmp_path / "net.pt")), module=Late())
    for work in (model.program, lambda: inspect_model(model)):
        with pytest.raises(InvalidNetwork, match="ends the program"):
            work()


def test_what_is_said_of_a_file_in_a_folder_of_others_is_kept_in_the_library(tmp_path, monkeypatch):
    monkeypatch.setenv("LRVIZ_LIBRARY_DIR", str(tmp_path / "library"))
    path = save(tmp_path / "net.pt")
    write = notes.write_whole

    def refuse(place, data):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(notes, "write_whole", refuse)
    place = remember(path, load_model(path, classes=["x", "y", "z"]))
    assert place.parent == tmp_path / "library"
    assert load_model(path).classes == ("x", "y", "z")
    assert load_model(path, access=Access(folders=(tmp_path,))).classes == ("0", "1", "2")
    monkeypatch.setattr(notes, "write_whole", write)
    assert remember(path, load_model(path, mean=[0.5])).parent == tmp_path
    model = load_model(path)
    assert (model.classes, model.mean) == (("x", "y", "z"), (0.5, 0.5))
    assert not place.exists()
