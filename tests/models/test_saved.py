"""Files of torch.save: a network that was saved whole is the same function, and of several one is named."""

from argparse import Namespace
from contextlib import suppress

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import prune

from lrviz.errors import InvalidCheckpoint, InvalidNetwork, LrvizError, UnsupportedOperation
from lrviz.models.catalogue import load_model
from lrviz.models.multilayer import build_mlp


class Own(nn.Module):
    """A class of the user's, whose code is not in the file."""

    def __init__(self, **parts):
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)


def linear(*sizes):
    return nn.Linear(*sizes)


def layers(*middle, last=()):
    return nn.Sequential(linear(2, 8), *middle, linear(8, 3), *last).eval()


def saved(tmp_path, content):
    torch.save(content, tmp_path / "net.pt")
    return tmp_path / "net.pt"


WHOLE = {
    "perceptron": lambda: layers(nn.ReLU()),
    "linear only": layers,
    "ReLU at the end": lambda: layers(nn.ReLU(), last=[nn.ReLU()]),
    "leaky": lambda: layers(nn.LeakyReLU(0.3)),
    "softmax inside a nest": lambda: nn.Sequential(layers(nn.ReLU(), nn.Dropout()), nn.Softmax(1)).eval(),
    "nest that begins": lambda: nn.Sequential(nn.Sequential(linear(2, 8), nn.ReLU()), linear(8, 2)),
    "batch norm": lambda: layers(nn.BatchNorm1d(8), nn.ReLU()),
    "half precision": lambda: layers(nn.ReLU(), last=[nn.Hardtanh()]).half().float(),
    "convolution": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU6(), nn.MaxPool2d(2), nn.Flatten(), linear(1024, 10)
    ),
}


@pytest.mark.parametrize("make", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("wrap", [lambda network: network, lambda network: {"epoch": 3, "model": network}])
def test_layers_of_pytorch_in_a_sequence_are_the_same_function(tmp_path, make, wrap):
    torch.manual_seed(0)
    module = make()
    model = load_model(saved(tmp_path, wrap(module)))
    x = torch.randn(5, *model.input_shape, device="cpu")
    assert torch.equal(model.module(x), module(x))


class ReLU(nn.Module):
    """Another function than PyTorch's layer of this name."""

    def forward(self, x):
        return torch.tanh(x)


class IdentityOf(ReLU):
    """Another function than PyTorch's layer of nearly this name."""


def double(module, inputs, output):
    return 2 * output


def hooked(module, *, before=False):
    if before:
        module.register_forward_pre_hook(double)
    else:
        module.register_forward_hook(double)
    return module


def with_forward(module):
    module.forward = double
    return module


OTHER = {
    "hook of the network": lambda: hooked(layers(nn.ReLU())),
    "hook of a layer": lambda: layers(hooked(nn.ReLU())),
    "hook before a layer that does nothing": lambda: layers(nn.ReLU(), hooked(nn.Dropout(), before=True)),
    "hook of a network of the user's": lambda: hooked(Own(net=layers(nn.ReLU()))),
    "forward of its own": lambda: with_forward(layers(nn.ReLU())),
    "forward of a layer": lambda: layers(with_forward(nn.ReLU())),
    "called like PyTorch's": lambda: layers(ReLU()),
    "called nearly like PyTorch's": lambda: layers(nn.ReLU(), IdentityOf()),
    "no ReLU": lambda: Own(net=layers()),
    "ReLU at the end": lambda: Own(net=layers(nn.ReLU(), last=[nn.ReLU()])),
    "ReLU at the start": lambda: Own(net=nn.Sequential(nn.ReLU(), *layers(nn.ReLU()))),
    "pool": lambda: Own(net=nn.Sequential(linear(2, 8), nn.ReLU(), nn.MaxPool1d(3, 1, 1), linear(8, 3))),
    "softmax inside": lambda: Own(net=layers(nn.Softmax(1))),
    "activation of the user's": lambda: Own(first=linear(2, 8), curve=Own(), last=linear(8, 3)),
}


@pytest.mark.parametrize("make", OTHER.values(), ids=OTHER)
@pytest.mark.parametrize("said", [{}, {"architecture": "mlp"}], ids=["guessed", "said"])
def test_what_the_file_shows_to_be_no_perceptron_is_refused(tmp_path, make, said):
    with pytest.raises(InvalidCheckpoint, match=r"a ReLU between each and the next, got .*: export it by"):
        load_model(saved(tmp_path, make()), **said)


@pytest.mark.parametrize(
    "network",
    [
        Own(first=linear(2, 8), last=linear(8, 3), relu=nn.ReLU(), loss=nn.CrossEntropyLoss()),
        Own(body=nn.Sequential(linear(2, 8), nn.ReLU()), head=linear(8, 3)),
        Own(net=layers(nn.ReLU())),
    ],
)
def test_the_order_of_the_user_s_code_is_assumed(tmp_path, network):
    model = load_model(saved(tmp_path, network))
    assert "the architecture mlp" in model.assumed[0]
    assert model.program().num_units == 8


def test_pruned_layers_are_multiplied_by_their_masks(tmp_path):
    module = layers(nn.ReLU())
    prune.l1_unstructured(module[0], "weight", 0.5)
    x = torch.randn(5, 2, device="cpu")
    assert torch.equal(load_model(saved(tmp_path, module)).module(x), module(x))


def self_containing():
    values = []
    values.append(values)
    return values


ODD = [
    {"_parameters": 5},
    {"_buffers": torch.ones(3)},
    {"_modules": torch.ones(3)},
    {"odd": self_containing()},
    {"my_hooks": torch.ones(3)},
    {"_forward_hooks": torch.ones(3)},
]


@pytest.mark.parametrize("attributes", ODD, ids=lambda odd: next(iter(odd)))
@pytest.mark.parametrize("place", ["ReLU", "network"])
def test_odd_attributes_end_in_no_other_error(tmp_path, attributes, place):
    module = layers(nn.ReLU(), last=[nn.LeakyReLU()])
    (module[1] if place == "ReLU" else module).__dict__.update(attributes)
    with suppress(LrvizError):
        load_model(saved(tmp_path, module))


def test_other_activations_than_an_architecture_has_are_not_taken_for_its_own(tmp_path):
    import torchvision  # noqa: PLC0415

    network = torchvision.models.squeezenet1_1(num_classes=7)
    assert load_model(saved(tmp_path, network)).card.architecture.startswith("torchvision:squeezenet1_1")
    network.features[1] = nn.ELU()
    with pytest.raises(InvalidCheckpoint, match="say which it is by --architecture"):
        load_model(saved(tmp_path, network))


def test_what_a_whole_network_has_that_is_curved_is_named(tmp_path):
    with pytest.raises(UnsupportedOperation, match="tanh"):
        load_model(saved(tmp_path, layers(nn.Tanh()))).program()


def test_a_perceptron_is_found_beside_other_tensors(tmp_path):
    module = layers(nn.ReLU())
    state = {f"model.{name}": value for name, value in module.state_dict().items()}
    x = torch.randn(5, 2, device="cpu")
    for beside, said in [("criterion.weight", {}), ("scale.weight", {"architecture": "mlp"})]:
        model = load_model(saved(tmp_path, {"state_dict": state | {beside: torch.ones(3)}}), **said)
        assert torch.equal(model.module(x), module(x))
        assert f"that '{beside}' beside the weights take no part" in model.assumed
    with pytest.raises(InvalidCheckpoint, match="say which it is"):  # it may be the scale of a normalisation
        load_model(saved(tmp_path, {"state_dict": state | {"scale.weight": torch.ones(3)}}))


@pytest.mark.parametrize("whole", [False, True])
def test_of_several_networks_it_is_said_which_is_taken(tmp_path, whole):
    one, other = layers(nn.ReLU()), layers(nn.ReLU())
    content = {"generator": one, "discriminator": other, "optimizer": {"state": {0: {"a": torch.ones(2)}}}}
    if not whole:
        content |= {"generator": one.state_dict(), "discriminator": other.state_dict()}
    model = load_model(saved(tmp_path, content))
    assert "that it is the network 'generator' of its file, and not 'discriminator'" in model.assumed


@pytest.mark.parametrize("key", ["model", "best_model"])
def test_what_stands_beside_a_network_is_not_called_another_one(tmp_path, key):
    module = layers(nn.ReLU())
    content = {"state_dict": module.state_dict(), "args": Namespace(lr=0.1), "best": np.float64(0.5), key: module}
    assert not any("its file" in words for words in load_model(saved(tmp_path, content)).assumed)


def test_a_network_that_shares_weights_with_another_is_another_one(tmp_path):
    body = nn.Sequential(linear(2, 8), nn.ReLU(), linear(8, 8))
    content = {"state_dict": nn.Sequential(*body, nn.ReLU(), linear(8, 3)).state_dict(), "model": body}
    assert (
        "that it is the network 'state_dict' of its file, and not 'model'"
        in load_model(saved(tmp_path, content)).assumed
    )


def test_layers_follow_each_other_as_in_the_file_and_the_order_is_said(tmp_path):
    module = nn.Sequential()
    for name, layer in [("up", linear(2, 4)), ("a", nn.ReLU()), ("down", linear(4, 2))]:
        module.add_module(name, layer)
    x = torch.randn(5, 2, device="cpu")
    model = load_model(saved(tmp_path, module.state_dict()))
    assert torch.equal(model.module(x), module(x))
    assert model.assumed[0] == "the architecture mlp of the layers 'up', 'down' in this order"
    save_file(module.state_dict(), tmp_path / "net.safetensors")  # keeps no order
    assert load_model(tmp_path / "net.safetensors").assumed[0].endswith("of the layers 'down', 'up' in this order")


def test_a_weight_is_called_as_in_the_file(tmp_path):
    state = layers(nn.ReLU()).state_dict()
    state["2.weight"][0, 0] = torch.nan
    for prefix in ("", "model."):
        named = {f"{prefix}{name}": value for name, value in state.items()} | ({"loss.weight": torch.ones(3)})
        with pytest.raises(InvalidNetwork, match=f"'{prefix}2.weight' is not finite"):
            load_model(saved(tmp_path, named)).program()


@pytest.mark.parametrize("name", ["training", "forward", "a..b", "order"])
def test_names_that_no_module_can_have_end_in_a_sentence(name):
    with pytest.raises(InvalidCheckpoint, match="rename it"):
        build_mlp({f"{name}.weight": torch.ones(3, 2)})
