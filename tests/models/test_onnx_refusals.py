"""ONNX graphs that are refused say all of it at once, and where in the network's code it is."""

import numpy as np
import pytest
import torch
from torch import nn

from lrviz.errors import UnsupportedOperation
from lrviz.models.catalogue import load_model
from lrviz.models.formats.onnx_curves import CURVES
from lrviz.models.formats.onnx_graph import read_onnx
from lrviz.models.formats.onnx_operators import OPERATORS
from lrviz.models.inspection import inspect_model
from lrviz.network.program import Program
from tests.models.test_onnx import branch, export, f32, graph, ints, node, read


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.act, self.linear = nn.LayerNorm(6), nn.GELU(), nn.Linear(6, 6)

    def forward(self, x):
        x = self.linear(self.act(self.norm(x)))
        return torch.tanh(torch.sort(x, -1)[0])


class Many(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4)
        self.blocks, self.last = nn.ModuleList([Block(), Block()]), nn.Linear(6, 3)

    def forward(self, x):
        x = self.norm(self.conv(x)).relu().mean(-1)
        for block in self.blocks:
            x = block(x)
        return self.last(torch.floor(x.mean(1))).softmax(-1)


def refusals(data):
    with pytest.raises(UnsupportedOperation) as caught:
        module = read_onnx(data)
        Program.from_module(module, torch.zeros(1, *module.input_shape, device="cpu"))
    return caught.value


@pytest.mark.parametrize("dynamo", [True, False])
def test_unknown_and_curved_operators_are_listed_together(dynamo):
    torch.manual_seed(0)
    options = {"dynamo": True, "verbose": False} if dynamo else {"dynamo": False, "opset_version": 20}
    error = refusals(export(Many().eval(), (3, 8, 8), **options))
    found = {refusal.operation for refusal in error.refusals}
    assert {"InstanceNormalization", "TopK", "LayerNormalization", "Gelu", "Tanh", "Floor"} == found
    places = {refusal.module for refusal in error.refusals if refusal.operation in ("LayerNormalization", "Gelu")}
    assert places == {"blocks.0.norm", "blocks.0.act", "blocks.1.norm", "blocks.1.act"}
    supported = str(error).partition("Supported are: ")[2].partition(". ")[0].split(", ")
    assert "relu" in supported
    assert not {"gelu", "Gelu", "elu", "Elu", "layer_norm", "LayerNormalization", "floor"}.intersection(supported)
    if dynamo:
        assert all(__file__ in refusal.line for refusal in error.refusals)
        assert {refusal.kind for refusal in error.refusals} == {"GroupNorm", "Block", "LayerNorm", "GELU", "Many"}


def test_what_comes_after_unknown_places_is_listed_as_well():
    nodes = [
        node("Tanh", "x", outputs=["t"]),
        node("ArgMax", "t", outputs=["i"], keepdims=0, axis=1),
        node("Gather", "w", "i", outputs=["g"]),
        node("Elu", "g", outputs=["e"]),
        node("Softmax", "e"),
    ]
    error = refusals(graph(nodes, (1, 4), [("w", f32(4, 3))]).SerializeToString())
    assert {refusal.operation for refusal in error.refusals} == {"Tanh", "ArgMax", "Elu"}


def test_operators_of_other_domains_have_stand_ins():
    nodes = [node("Gelu", "x", outputs=["a"]), node("Fancy", "a", outputs=["b"], domain="other"), node("Erf", "b")]
    error = refusals(graph(nodes, (1, 4)).SerializeToString())
    assert {refusal.operation for refusal in error.refusals} == {"Gelu", "Fancy", "Erf"}


def test_a_stand_in_is_never_larger_than_a_step_may_be():
    nodes = [node("OneHot", "x", "d", "v", outputs=["h"]), node("Relu", "h")]
    model = graph(nodes, (1, 10**5), [("d", ints(10**6)), ("v", f32(2))])
    with pytest.raises(UnsupportedOperation, match="OneHot"):
        read(model)


def test_a_choice_that_depends_on_the_input_is_refused():
    nodes = [
        node("ReduceMax", "x", outputs=["m"], keepdims=0),
        node("Cast", "m", outputs=["c"], to=9),
        node("If", "c", then_branch=branch([node("Relu", "x", outputs=["t"])], "t"),
             else_branch=branch([node("Neg", "x", outputs=["e"])], "e")),
    ]  # fmt: skip
    with pytest.raises(UnsupportedOperation, match=r"If in module.*which branch is taken depends on the input"):
        read(graph(nodes, (1, 3)))


def test_curves_are_none_of_the_operators_that_can_be_linear():
    assert CURVES.keys() < OPERATORS.keys()
    assert not CURVES.keys() & {"Relu", "Conv", "Gemm", "Clip", "MaxPool", "Where", "Abs"}


@pytest.mark.parametrize("options", [{"dynamo": True, "verbose": False}, {"dynamo": False}], ids=["new", "old"])
def test_the_table_of_layers_has_the_paths_that_the_file_tells(tmp_path, options):
    module = nn.Sequential(nn.Linear(2, 4), nn.Sequential(nn.ReLU(), nn.Linear(4, 4), nn.ReLU6()), nn.Linear(4, 2))
    (tmp_path / "net.onnx").write_bytes(export(module.eval(), (2,), **options))
    layers = inspect_model(load_model(tmp_path / "net.onnx")).program.layers
    assert list(dict.fromkeys(layer.name for layer in layers)) == ["1.0", "1.2"]


def test_nodes_of_other_exporters_are_named_by_themselves():
    nodes = [
        node("MatMul", "x", "w", outputs=["a"], name="model/dense/MatMul"),
        node("Elu", "a", name="model/dense/Elu"),
    ]
    error = refusals(graph(nodes, (1, 3), [("w", f32(3, 3))]).SerializeToString())
    assert [(refusal.operation, refusal.module) for refusal in error.refusals] == [("Elu", "model/dense/Elu")]


def test_nodes_that_tell_nothing_have_no_name():
    with pytest.raises(UnsupportedOperation, match=r"Det in module '\(without a name\)'\."):
        read(graph([node("Det", "x")], (1, 2, 2)))
    assert [name for name, _ in read(graph([node("Relu", "x")], (1, 3))).named_children()] == ["relu_0"]


NORM = [("s", f32(3)), ("b", f32(3)), ("m", f32(3)), ("v", f32(3, low=0.1))]


@pytest.mark.parametrize(
    ("nodes", "constants", "opset", "words"),
    [
        (
            [node("BatchNormalization", "x", "s", "b", "m", "v", outputs="ynopq")],
            NORM,
            9,
            "normalisation in training mode",
        ),
        (
            [node("BatchNormalization", "x", "s", "b", "m", "v", outputs="yno", training_mode=1)],
            NORM,
            17,
            "normalisation in training mode",
        ),
        (
            [node("Dropout", "x", "r", "t")],
            [("r", np.float32(0.5)), ("t", np.array(True))],
            17,
            "a dropout in training mode",
        ),
        (
            [node("Pad", "x", "p", mode="reflect")],
            [("p", ints(0, 1, 0, 0, 0, 0, 0, 0))],
            18,
            "padding by reflect along the axes of batch or channels",
        ),
    ],
)
def test_what_a_graph_does_in_training_only_is_refused(nodes, constants, opset, words):
    model = graph([*nodes, node("Relu", "y", outputs=["z"])], (1, 3, 4, 4), constants, outputs=("z",), opset=opset)
    assert words in str(refusals(model.SerializeToString()))
