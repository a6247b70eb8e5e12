"""Files of networks that others made: which are opened, what is assumed of them, and what is remembered."""

import argparse
import pickle
import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import prune

from lrviz.errors import InvalidCheckpoint, InvalidNetwork, InvalidRequest, UnknownModel, UnsupportedOperation
from lrviz.models.architectures import build
from lrviz.models.blueprint import Blueprint
from lrviz.models.catalogue import changed_at, find_card, load_model, remember
from lrviz.models.description import PRESETS, Description
from lrviz.models.formats.tensors import find_tensors
from lrviz.models.guess import guess_architecture
from lrviz.models.images import load_image
from lrviz.models.multilayer import build_mlp
from lrviz.network.program import Program


def random_weights(module, seed=0):
    generator = torch.Generator("cpu").manual_seed(seed)
    for value in module.state_dict().values():
        if value.is_floating_point():
            value.copy_(0.5 * torch.rand(value.shape, generator=generator, device="cpu") + 0.1)
    return module.eval()


def mlp():
    return random_weights(nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3)))


WRAPS = {
    "bare": lambda state: state,
    "state_dict": lambda state: {"state_dict": state, "epoch": 3},
    "net with accuracy": lambda state: {"net": state, "acc": np.float64(94.2), "args": argparse.Namespace(lr=0.1)},
    "model beside an optimiser": lambda state: {
        "optimizer": {
            "state": {0: {"a": torch.ones(2), "b": torch.ones(2)}},
            "extra": {f"x{k}": torch.ones(1) for k in range(50)},
        },
        "model": state,
    },
    "list": lambda state: [{"lr": 0.1}, state],
    "tuple": lambda state: (state, 7),
    "data parallel": lambda state: {f"module.{name}": value for name, value in state.items()},
    "compiled in lightning": lambda state: {
        "state_dict": {f"model._orig_mod.{name}": value for name, value in state.items()}
    },
    "counted": lambda state: {**state, "total_ops": torch.zeros(1), "0.total_params": torch.zeros(1)},
    "part of something": lambda state: {
        **{f"student.{name}": value for name, value in state.items()},
        "loss.weight": torch.ones(3),
    },
    "half precision": lambda state: {name: value.half() for name, value in state.items()},
}


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".th", ".ckpt", ".pth.tar"])
def test_every_suffix_of_torch_save_opens(tmp_path, suffix):
    torch.save(mlp().state_dict(), tmp_path / f"net{suffix}")
    x = torch.rand(4, 2, device="cpu")
    torch.testing.assert_close(load_model(tmp_path / f"net{suffix}").module(x), mlp()(x))


def test_averages_over_a_training_are_left_out_and_named(tmp_path):
    averaged = torch.optim.swa_utils.AveragedModel(mlp())
    torch.save(averaged.state_dict(), tmp_path / "swa.pth")
    x = torch.rand(4, 2, device="cpu")
    torch.testing.assert_close(load_model(tmp_path / "swa.pth").module(x), mlp()(x))
    average = {f"ema_net.{name}": 2 * value for name, value in mlp().state_dict().items()}
    both = (
        average | {f"net.{name}": value for name, value in mlp().state_dict().items()} | {"loss.weight": torch.ones(3)}
    )
    torch.save({"state_dict": both}, tmp_path / "both.ckpt")
    model = load_model(tmp_path / "both.ckpt")
    torch.testing.assert_close(model.module(x), mlp()(x))
    assert any("the network 'net' of its file, and not 'ema_net'" in text for text in model.assumed)


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
@pytest.mark.parametrize("old", [False, True], ids=["zip", "old"])
def test_wrapped_state_dicts(tmp_path, wrap, old):
    path, module = tmp_path / "net.pth", build("cnn5", 2, 4, True, seed=3)
    content = wrap(module.state_dict())
    if old and not isinstance(content, list | tuple) and "acc" in content:
        content = {"net": content["net"], "acc": 94.2}
    torch.save(content, path, _use_new_zipfile_serialization=not old)
    loaded = load_model(path, architecture="cnn5(width=2, num_classes=4, batch_norm=True)")
    x = torch.rand(2, 3, 32, 32, device="cpu")
    torch.testing.assert_close(loaded.module(x), module(x), atol=2e-3, rtol=2e-3)


def test_the_usual_entry_goes_before_a_larger_one():
    one, many = {"a": torch.ones(1)}, {str(k): torch.ones(1) for k in range(9)}
    assert find_tensors({"ema": many, "state_dict": one}) == one
    assert find_tensors({"ema": many, "other": one}) == many
    with pytest.raises(InvalidCheckpoint, match="found none in the file"):
        find_tensors({"epoch": 3})


FAMILIES = [
    ("cnn5", 3, False, 32),
    ("vgg8", 1, True, 32),
    ("vgg8", 1, False, 64),
    ("resnet18", 2, False, 32),
    ("resnet18-stride", 2, True, 32),
    ("vgg11-head", 1, False, 32),
    ("vgg16", 1, True, 32),
]


@pytest.mark.parametrize(("family", "width", "batch_norm", "size"), FAMILIES)
def test_our_families_are_recognised(tmp_path, family, width, batch_norm, size):
    module = build(family, width, 7, batch_norm, image_size=size, seed=1)
    save_file(module.state_dict(), tmp_path / "net.safetensors")
    model = load_model(tmp_path / "net.safetensors")
    card = model.card
    assert (card.architecture, card.width, card.batch_norm, card.input_shape) == (
        family,
        width,
        batch_norm,
        (3, size, size),
    )
    x = torch.rand(1, 3, size, size, device="cpu")
    assert torch.equal(model.module(x), module(x))


@pytest.mark.parametrize(
    "name",
    ["resnet18", "vgg11_bn", "squeezenet1_1", "mobilenet_v2", "shufflenet_v2_x0_5", "mnasnet0_5", "regnet_x_400mf"],
)
def test_torchvision_s_models_are_recognised(name):
    tensors = torchvision.models.get_model(name, num_classes=7).state_dict()
    shuffled = {key: tensors[key] for key in sorted(tensors)}
    blueprint = guess_architecture(shuffled)
    assert str(blueprint) == f"torchvision:{name}(num_classes=7)"
    assert torch.equal(next(blueprint.load(shuffled).parameters()), next(iter(tensors.values())))


def test_layers_of_a_perceptron_are_ordered_by_their_numbers(tmp_path):
    module = random_weights(nn.Sequential(*[layer for _ in range(12) for layer in (nn.Linear(4, 4), nn.ReLU())][:-1]))
    save_file(module.state_dict(), tmp_path / "net.safetensors")
    x = torch.rand(3, 4, device="cpu")
    torch.testing.assert_close(load_model(tmp_path / "net.safetensors").module(x), module(x))
    with pytest.raises(InvalidCheckpoint, match="linear layers"):
        build_mlp({"0.weight": torch.ones(2, 3), "1.weight": torch.ones(2, 3)})


def test_double_precision_stays(tmp_path):
    torch.save(mlp().double().state_dict(), tmp_path / "net.pt")
    assert load_model(tmp_path / "net.pt").module.get_parameter("0.weight").dtype == torch.float64


def test_text_of_architectures():
    assert str(Blueprint.parse(" torchvision:resnet18 ( num_classes = 10 ) ")) == "torchvision:resnet18(num_classes=10)"
    assert Blueprint.parse("mynet.py:build").is_code
    for text in [
        "",
        "lenet",
        "cnn5(8)",
        "cnn5(width=",
        "cnn5(width=[1])",
        "cnn5(**{})",
        "cnn5(width=10**9)",
        "f()()",
        "torchvision:nothing",
        "cnn5(width=__import__('os'))",
        "cnn5(width=99999999)",
    ]:
        with pytest.raises(UnknownModel, match="Expected an architecture"):
            Blueprint.parse(text)


@pytest.mark.parametrize(
    "text",
    ["torchvision:resnet18(weights='DEFAULT')", "torchvision:resnet18(nonsense=1)", "cnn5(width=0)", "cnn5(colour=1)"],
)
def test_options_that_do_not_fit(text):
    with pytest.raises(UnknownModel, match="Expected"):
        Blueprint.parse(text).shapes()


def test_weights_of_another_architecture_are_named(tmp_path):
    torch.save(build("cnn5", 2, 10).state_dict(), tmp_path / "net.pt")
    with pytest.raises(InvalidCheckpoint, match=r"missing, such as .*unknown, such as"):
        load_model(tmp_path / "net.pt", architecture="torchvision:resnet18(num_classes=10)")
    with pytest.raises(
        InvalidCheckpoint, match=r"of another shape, such as '0.weight': \(2, 3, 3, 3\) in place of \(5, 3"
    ):
        load_model(tmp_path / "net.pt", architecture="cnn5(width=5)")


def test_what_is_not_said_is_assumed_and_named(tmp_path):
    path = tmp_path / "net.pt"
    torch.save(build("cnn5", 2, 10).state_dict(), path)
    model = load_model(path)
    assert model.mean == PRESETS["cifar10"].mean
    assert [words.partition(" ")[2] for words in model.assumed] == [
        "architecture cnn5(width=2, num_classes=10)",
        "input shape 3,32,32",
        "mean 0.4914,0.4822,0.4465 and std 0.247,0.2435,0.2616 (those of CIFAR-10)",
        "classes of CIFAR-10",
    ]
    said = load_model(
        path, architecture="cnn5", mean=[0.5], std=[0.5], classes=list("abcdefghij"), input_shape=(3, 32, 32)
    )
    assert (said.mean, said.classes[3], said.assumed) == ((0.5,) * 3, "d", ())
    assert load_model(path, dataset="cifar10", architecture="cnn5").card.data == "CIFAR-10"


def test_what_was_said_is_remembered(tmp_path):
    path = tmp_path / "net.pt"
    torch.save(build("cnn5", 2, 10).state_dict(), path)
    before = changed_at(path)
    said = load_model(path, mean=[0.25], std=[0.5], classes=list("abcdefghij"))
    assert remember(path, said) == tmp_path / "net.pt.json"
    again = load_model(path)
    assert (again.card.to_json(), again.assumed) == (said.card.to_json(), ())
    assert find_card(path).classes == tuple("abcdefghij")
    assert changed_at(path) != before
    assert load_model(path, std=[1.0]).mean == (0.25,) * 3


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"classes": ["a"]}, "as the network has outputs, 3, got 1"),
        ({"mean": [0.1, 0.2, 0.3]}, "one per channel"),
        ({"input_shape": (7,)}, "tried inputs of the shape 7"),
    ],
)
def test_what_is_said_has_to_fit(tmp_path, said, message):
    torch.save(mlp().state_dict(), tmp_path / "net.pt")
    with pytest.raises(InvalidCheckpoint, match=message):
        load_model(tmp_path / "net.pt", **said)


@pytest.mark.parametrize(
    "said",
    [
        {"input_shape": (0,)},
        {"input_shape": (1,) * 9},
        {"std": (0.0,)},
        {"std": (float("nan"),)},
        {"mean": (float("inf"),)},
        {"dataset": "svhn"},
    ],
)
def test_descriptions_outside_their_range(said):
    with pytest.raises(InvalidRequest, match="Expected"):
        Description(**said)


BUILDER = """
from torch import nn
import helper
def build(width=3):
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.ReLU(), nn.Flatten(), nn.Linear(width * 26 * 26, helper.CLASSES))
def broken():
    raise RuntimeError("no")
def nothing(): ...
"""


@pytest.fixture
def builder(tmp_path):
    (tmp_path / "mynet.py").write_text(BUILDER)
    (tmp_path / "helper.py").write_text("CLASSES = 4")
    module = random_weights(nn.Sequential(nn.Conv2d(1, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 26 * 26, 4)))
    torch.save(module.state_dict(), tmp_path / "net.pth")
    return tmp_path


def test_a_builder_in_a_python_file(builder):
    place = f"{builder / 'mynet.py'}:build(width=5)"
    with pytest.raises(InvalidCheckpoint, match="add --trust"):
        load_model(builder / "net.pth", architecture=place)
    model = load_model(builder / "net.pth", architecture=place, trust=True)
    assert model.input_shape == (1, 28, 28)
    assert model.normalise(load_image("samples:0")).shape == (1, 28, 28)
    for name, message in [("broken", "RuntimeError: no"), ("nothing", "got NoneType"), ("gone", "AttributeError")]:
        with pytest.raises(UnknownModel, match=message):
            load_model(builder / "net.pth", architecture=f"{builder / 'mynet.py'}:{name}", trust=True)
    with pytest.raises(UnknownModel, match="found none"):
        load_model(builder / "net.pth", architecture=f"{builder / 'gone.py'}:build", trust=True)


def test_what_a_builder_does_not_take_is_told_or_refused(builder):
    place = {"architecture": f"{builder / 'mynet.py'}:build(width=5)", "trust": True}
    state = torch.load(builder / "net.pth")
    torch.save({**state, "7.weight": torch.zeros(3)}, builder / "more.pth")
    assert "that '7.weight' beside the weights take no part" in load_model(builder / "more.pth", **place).assumed
    torch.save({**state, "0.weight": torch.ones_like(state["0.weight"], dtype=torch.int8)}, builder / "int8.pth")
    with pytest.raises(InvalidCheckpoint, match=r"got int8 in '0\.weight': the network is quantised"):
        load_model(builder / "int8.pth", **place)


def test_quantised_weights_are_no_real_ones(tmp_path):
    state = load_model("cnn5-w1-noise20").module.state_dict()
    name = next(iter(state))
    torch.save({**state, name: torch.ones_like(state[name], dtype=torch.int8)}, tmp_path / "net.pth")
    with pytest.raises(InvalidCheckpoint, match="the network is quantised"):
        load_model(tmp_path / "net.pth", architecture="cnn5")


def test_exported_programs_need_trust(tmp_path):
    module = mlp()
    torch.export.save(torch.export.export(module, (torch.zeros(1, 2, device="cpu"),)), tmp_path / "net.pt2")
    for name in ("net.pt2", "net.pt"):
        if name == "net.pt":
            (tmp_path / "net.pt2").rename(tmp_path / "net.pt")
        with pytest.raises(InvalidCheckpoint, match=r"can run code when it is opened.*torch.onnx.export.*--trust"):
            load_model(tmp_path / name)
    model = load_model(tmp_path / "net.pt", trust=True)
    x = torch.rand(1, 2, device="cpu")
    assert torch.equal(model.module(x), module(x))
    assert model.program().num_units == 13


class Never(nn.Module):
    """A network that says when its class is used."""

    def __init__(self):
        super().__init__()
        self.body = mlp()

    def __setstate__(self, state):
        raise AssertionError("it was built")


@pytest.mark.parametrize("wrap", [lambda network: network, lambda network: {"epoch": 3, "model": network}])
def test_of_a_network_that_was_saved_whole_the_weights_are_read_and_nothing_is_run(tmp_path, wrap):
    torch.save(wrap(Never()), tmp_path / "net.pt")
    model = load_model(tmp_path / "net.pt")
    x = torch.rand(1, 2, device="cpu")
    assert torch.equal(model.module(x), mlp()(x))
    assert "the architecture mlp" in model.assumed


def test_a_pickle_that_is_no_archive_is_not_run(tmp_path):
    (tmp_path / "net.pt").write_bytes(pickle.dumps(mlp()))
    with pytest.raises(InvalidCheckpoint, match="was not run"):
        load_model(tmp_path / "net.pt")


def test_layers_that_hold_each_other_end(tmp_path):
    inner = nn.Identity()
    for _ in range(40):
        inner = nn.Sequential(inner, inner)
    torch.save(inner, tmp_path / "net.pt")
    with pytest.raises(InvalidCheckpoint, match="at most 20,000 layers"):
        load_model(tmp_path / "net.pt")


def test_numbers_in_a_row_are_an_image_where_the_file_has_its_mean_for_every_channel(tmp_path):
    network = random_weights(nn.Sequential(nn.Linear(192, 4), nn.ReLU(), nn.Linear(4, 3)))
    beside = {"normalize.mean": torch.full((1, 3, 1, 1), 0.4), "normalize.std": torch.full((1, 3, 1, 1), 0.2)}
    torch.save(beside | network.state_dict(), tmp_path / "net.pth")
    opened = load_model(tmp_path / "net.pth")
    assert opened.card.input_shape == (3, 8, 8) and opened.card.std == pytest.approx([0.2] * 3)
    x = torch.rand(2, 3, 8, 8, device="cpu")
    torch.testing.assert_close(opened.module(x), network(x.flatten(1)))


def test_a_single_layer_takes_part(tmp_path):
    torch.save(nn.Linear(6, 3).state_dict(), tmp_path / "net.pth")
    assert not any("take no part" in words for words in load_model(tmp_path / "net.pth").assumed)


class Classifier(nn.Module):
    """The last of its layers sorts before the others."""

    def __init__(self, *sizes):
        super().__init__()
        self.sizes = sizes
        for k, (size, following) in enumerate(pairwise(sizes[:-1]), 1):
            self.add_module(f"fc{k}", nn.Linear(size, following))
        self.classifier = nn.Linear(*sizes[-2:])

    def forward(self, x):
        for k in range(1, len(self.sizes) - 1):
            x = torch.relu(self.get_submodule(f"fc{k}")(x))
        return self.classifier(x)


@pytest.mark.parametrize("sizes", [(6, 5, 3), (6, 4, 4, 4, 3), (4, 5, 7, 2)])
def test_a_classifier_is_the_last_layer_whatever_sorts_it_first(tmp_path, sizes):
    network = random_weights(Classifier(*sizes))
    save_file(network.state_dict(), tmp_path / "net.safetensors")
    x = torch.rand(3, sizes[0], device="cpu")
    torch.testing.assert_close(load_model(tmp_path / "net.safetensors").module(x), network(x))


@pytest.mark.filterwarnings("ignore")  # of what is deprecated: quantisation, and its tensors
def test_packed_weights_are_refused_as_what_they_are(tmp_path):
    quantised = torch.ao.quantization.quantize_dynamic(mlp(), {nn.Linear}, dtype=torch.qint8)
    torch.save(quantised.state_dict(), tmp_path / "net.pth")
    with pytest.raises(InvalidCheckpoint, match="the network is quantised"):
        load_model(tmp_path / "net.pth")
    with pytest.raises(InvalidNetwork, match=r"'0' \(Linear\) is quantised"):
        Program.from_module(quantised, torch.zeros(1, 2, device="cpu"))


@pytest.mark.filterwarnings("ignore")  # tracing is deprecated, and told that the batch is fixed
def test_a_script_that_was_traced_for_a_batch_says_so(tmp_path):
    class Viewed(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(8, 3)

        def forward(self, x):
            return self.linear(torch.relu(x).view(int(x.shape[0]), -1))

    torch.jit.save(torch.jit.trace(Viewed(), torch.zeros(4, 2, 2, 2, device="cpu")), tmp_path / "net.pt")
    with pytest.raises(InvalidCheckpoint, match=r"one input at a time \(a batch of 1\)\.") as caught:
        load_model(tmp_path / "net.pt", trust=True, input_shape=(2, 2, 2))
    assert "Say the shape" not in str(caught.value)


def test_masks_of_pruning_are_applied(tmp_path):
    network = mlp()
    for layer in network[::2]:
        prune.l1_unstructured(layer, "weight", 0.5)
    torch.save(network.state_dict(), tmp_path / "net.pth")
    x = torch.rand(1, 2, device="cpu")
    assert torch.equal(load_model(tmp_path / "net.pth").module(x), network(x))


KINDS = """
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm
class InOnePart(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3))
    def forward(self, x):
        return self.net(x)
def lazy():
    return nn.Sequential(nn.LazyLinear(3))
def normed():
    return nn.Sequential(weight_norm(nn.Linear(2, 8)), nn.ReLU(), nn.Linear(8, 3))
class Several(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.kind, self.value = nn.Linear(2, 8), nn.Linear(8, 3), nn.Linear(8, 1)
    def forward(self, x):
        hidden = self.body(x).relu()
        return {"kind": self.kind(hidden), "value": self.value(hidden)}
"""


@pytest.fixture
def kinds(tmp_path, monkeypatch):
    """A Python file of networks of several kinds, in this folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kinds.py").write_text(KINDS)
    return tmp_path


def build_kind(name):
    space = {}
    exec(KINDS, space)
    return random_weights(space[name]())


def test_weights_of_a_network_with_all_in_one_part_are_found(kinds):
    network = build_kind("InOnePart")
    x = torch.rand(1, 2, device="cpu")
    for state in (network.state_dict(), {f"module.{name}": value for name, value in network.state_dict().items()}):
        torch.save(state, "net.pth")
        model = load_model("net.pth", architecture="kinds.py:InOnePart", trust=True)
        assert torch.equal(model.module(x), network(x))


def test_the_input_of_normalised_weights_is_told_by_their_layer(kinds):
    torch.save(build_kind("normed").state_dict(), "net.pth")
    assert load_model("net.pth", architecture="kinds.py:normed", trust=True).input_shape == (2,)


def test_lazy_layers_are_refused(kinds):
    torch.save({"0.weight": torch.ones(3, 2), "0.bias": torch.ones(3)}, "net.pth")
    with pytest.raises(UnknownModel, match="lazy layers: call it once"):
        load_model("net.pth", architecture="kinds.py:lazy", trust=True)


def test_one_of_several_outputs_is_named(kinds):
    network = build_kind("Several")
    torch.save(network.state_dict(), "net.pth")
    options = {"architecture": "kinds.py:Several", "trust": True}
    x = torch.rand(1, 2, device="cpu")
    assert len(load_model("net.pth", **options).classes) == 3
    model = load_model("net.pth", **options, output="value")
    assert torch.equal(model.module(x), network(x)["value"])
    assert (len(model.classes), model.program().num_outputs) == (1, 1)
    remember("net.pth", model)
    assert len(load_model("net.pth", trust=True).classes) == 1
    with pytest.raises(InvalidNetwork, match=r"outputs, kind, value, got 'logits'"):
        load_model("net.pth", **options, output="logits")


def test_a_normalisation_beside_the_weights_is_used(tmp_path):
    state = torchvision.models.squeezenet1_1(num_classes=10).state_dict()
    beside = {"0.mean": torch.full((1, 3, 1, 1), 0.25), "0.std": torch.full((1, 3, 1, 1), 0.5)}
    torch.save({f"1.{name}": value for name, value in state.items()} | beside, tmp_path / "net.pth")
    model = load_model(tmp_path / "net.pth")
    assert model.card.architecture == "torchvision:squeezenet1_1(num_classes=10)"
    assert (model.mean, model.std) == ((0.25,) * 3, (0.5,) * 3)
    assert "that '0.mean', '0.std' beside the weights normalise its inputs" in model.assumed


class Viewed(nn.Module):
    """A network that holds the size of its batch as a constant when it is traced."""

    def __init__(self):
        super().__init__()
        self.convolution, self.norm, self.last = nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Linear(3 * 13 * 13, 4)

    def forward(self, x):
        x = torch.max_pool2d(self.norm(self.convolution(x)).relu(), 2)
        return self.last(x.view(x.shape[0], -1))


def script(module):
    """Its TorchScript, which PyTorch calls deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(module)


def trace(module):
    """Its TorchScript, from a run on zeros."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.trace(module, torch.zeros(1, 1, 28, 28, device="cpu"))


@pytest.mark.parametrize("make", [script, trace])
def test_torchscript_is_traced_again_where_it_is_trusted(tmp_path, make):
    network = random_weights(Viewed())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(make(network), tmp_path / "net.pt")
    with pytest.raises(InvalidCheckpoint, match=r"TorchScript program, which can run code.*--trust"):
        load_model(tmp_path / "net.pt")
    model = load_model(tmp_path / "net.pt", trust=True)
    assert (model.card.architecture, model.input_shape) == ("torchscript", (1, 28, 28))
    inputs = torch.rand(2, 1, 28, 28, dtype=torch.float64, device="cpu")
    program = model.program()
    assert program.num_units == 3 * 26 * 26 + 3 * 13 * 13 * 4
    torch.testing.assert_close(program.forward(inputs), network.double()(inputs), rtol=1e-9, atol=1e-9)


def test_networks_of_a_hundred_classes_name_them(tmp_path):
    torch.save(build("cnn5", 1, 100).state_dict(), tmp_path / "net.pth")
    for said in ({}, {"dataset": "cifar100"}):
        model = load_model(tmp_path / "net.pth", **said)
        assert model.classes == load_model("cnn5-w2-noise20-cifar100").classes
        assert model.mean == PRESETS["cifar100"].mean


class Recurrent(nn.Module):
    """A network whose first state is as large as its batch."""

    def __init__(self):
        super().__init__()
        self.cell, self.last = nn.RNNCell(2, 5, nonlinearity="relu"), nn.Linear(5, 3)

    def forward(self, x):
        state = x.new_zeros(x.shape[0], 5)
        for step in x.unbind(1):
            state = self.cell(step, state)
        return {"logits": self.last(state)}


def flat_cnn():
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 26 * 26, 4))


@pytest.mark.parametrize(
    ("make", "shape"), [(mlp, (2,)), (flat_cnn, (1, 28, 28)), (Viewed, (1, 28, 28)), (Recurrent, (4, 2))]
)
def test_programs_that_were_exported_for_several_inputs_take_one(tmp_path, make, shape):
    module = make().eval()
    x = torch.randn(3, *shape, device="cpu")
    torch.export.save(torch.export.export(module, (x,)), tmp_path / "net.pt2")
    model = load_model(tmp_path / "net.pt2", trust=True)
    assert model.input_shape == shape
    with torch.no_grad():
        expected = module(x)["logits"] if make is Recurrent else module(x)
    torch.testing.assert_close(model.program()(x.double()), expected.double(), rtol=1e-4, atol=1e-5)


class OverBatch(nn.Module):
    def forward(self, x):
        return x - x.mean(0)


def test_programs_that_mix_several_inputs_are_refused(tmp_path):
    torch.export.save(torch.export.export(OverBatch(), (torch.randn(3, 2, device="cpu"),)), tmp_path / "net.pt2")
    with pytest.raises(UnsupportedOperation, match=r"takes 3 at once.*export it in eval mode, for a batch of 1"):
        load_model(tmp_path / "net.pt2", trust=True)


class Two(nn.Module):
    def forward(self, x, y):
        return x + y


def test_exported_programs_and_torchscript_of_two_inputs_are_refused(tmp_path):
    x = torch.zeros(1, 3, device="cpu")
    torch.export.save(torch.export.export(Two(), (x, x)), tmp_path / "net.pt2")
    with pytest.raises(InvalidCheckpoint, match=r"exported program with one input, got 2 \('x', 'y'\): wrap it"):
        load_model(tmp_path / "net.pt2", trust=True)
    script(Two()).save(tmp_path / "net.pt")
    with pytest.raises(InvalidCheckpoint, match=r"TorchScript program with one input, got 2 \('x', 'y'\): wrap it"):
        load_model(tmp_path / "net.pt", trust=True)


def test_networks_of_two_inputs_of_a_builder_are_refused(tmp_path):
    (tmp_path / "net.py").write_text(
        "from torch import nn\nclass Two(nn.Module):\n    def forward(self, x, y, z=1): return x + y\nbuild = Two\n"
    )
    torch.save({"weight": torch.zeros(2, 2)}, tmp_path / "net.pth")
    with pytest.raises(InvalidCheckpoint, match=r"one input, got 2 \('x', 'y'\): wrap it"):
        load_model(tmp_path / "net.pth", architecture=f"{tmp_path}/net.py:build", trust=True, input_shape=(2,))
