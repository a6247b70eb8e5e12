"""Converted networks are kept in the store, by all that decides them, and never where code does."""

import warnings

import pytest
import torch
from torch import nn

from lrviz.models.catalogue import Model, load_model
from lrviz.models.converted import program_of
from lrviz.results.store import MemoryStore

MODEL = "cnn5-w1-noise20"


def test_a_converted_network_is_kept_in_the_store(monkeypatch):
    store, model = MemoryStore(), load_model(MODEL)
    program = program_of(model, store)
    with monkeypatch.context() as patch:
        patch.setattr(Model, "program", _refuse)
        assert program_of(load_model(MODEL), store).digest == program.digest
        with pytest.raises(AssertionError):
            program_of(load_model("cnn5-w2-noise20"), store)
    (entry,) = store.entries()
    store.put(entry.key, b"damaged")
    assert program_of(model, store).digest == program.digest
    assert len(store) == 1


def _refuse(model):
    raise AssertionError("It is converted again.")


def test_networks_that_code_builds_are_converted_each_time(tmp_path):
    (tmp_path / "net.py").write_text(
        "from torch import nn\ndef build():\n    return nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))\n"
    )
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    torch.save(module.state_dict(), tmp_path / "net.pth")
    store = MemoryStore()
    known = load_model(tmp_path / "net.pth")
    assert program_of(known, store).num_units == 3
    assert len(store) == 1
    by_code = load_model(tmp_path / "net.pth", architecture=f"{tmp_path / 'net.py'}:build", trust=True)
    assert by_code.digest == ""
    assert program_of(by_code, store).num_units == 3
    assert len(store) == 1


def test_what_decides_a_network_decides_its_digest(tmp_path):
    module = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (torch.zeros(1, 1, 8, 8, device="cpu"),), tmp_path / "net.onnx", input_names=["x"], dynamo=False,
            dynamic_axes={"x": {0: "batch", 2: "height", 3: "width"}},
        )  # fmt: skip
    small, large = (load_model(tmp_path / "net.onnx", input_shape=(1, side, side)) for side in (28, 32))
    assert "" not in (small.digest, large.digest)
    assert small.digest != large.digest
    assert program_of(small, MemoryStore()).input_shape == (1, 28, 28)
    renamed = load_model(tmp_path / "net.onnx", input_shape=(1, 28, 28), classes=("a", "b"))
    assert renamed.digest == small.digest
