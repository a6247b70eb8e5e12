"""Networks of state dicts, and those that were saved whole: which they are, and what stands beside their weights."""

import dataclasses
from dataclasses import dataclass
from typing import BinaryIO

from torch import Tensor, nn

from lrviz.errors import InvalidCheckpoint
from lrviz.files import shown, some_shown
from lrviz.models.access import Access
from lrviz.models.blueprint import Blueprint
from lrviz.models.formats.pickles import pickled_layers
from lrviz.models.formats.tensors import averages, read_safetensors
from lrviz.models.formats.trusted import build_from_file
from lrviz.models.guess import LAST_LAYERS, guess_architecture
from lrviz.models.multilayer import MLP, Perceptron, find_mlp
from lrviz.models.saved import Saved, build_whole, contradicts_perceptron, read_saved
from lrviz.models.weights import fill, unused

SEQUENTIAL = "sequential"
"""What cards call the architecture of a network that was saved whole, and is nothing but layers of PyTorch's."""

_MEANS, _STDS = ("mean", "mu", "means"), ("std", "sigma", "stds", "sds")
"""What layers call the numbers that normalise images."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """A module, and what its file tells of it.

    Attributes:
        module: The module.
        architecture: As cards call it.
        blueprint: Its architecture, if the file does not hold it.
        input_shape: Of its inputs, if the file tells.
        mean: What is subtracted from its inputs, if the file tells, and `std` what they are divided by.
        std: See `mean`.
        assumed: What of it nobody said, such as its architecture.
    """

    module: nn.Module
    architecture: str
    blueprint: Blueprint | None = None
    input_shape: tuple[int, ...] | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    assumed: tuple[str, ...] = ()


def read_weights(file: BinaryIO, blueprint: Blueprint | None, access: Access, *, safe: bool) -> Network:
    """Read the network of a state dict, or one that was saved whole.

    Args:
        file: Of safetensors, or of `torch.save`.
        blueprint: Its architecture, if that is said.
        access: Whose errors these are.
        safe: Whether it is a file of safetensors.

    Raises:
        InvalidCheckpoint: It is damaged, or does not fit the architecture.
        UnknownModel: There is no such architecture.
    """
    layers = frozenset[str]() if safe else pickled_layers(file)
    saved = Saved(tensors=read_safetensors(file)) if safe else read_saved(file)
    saved = _without_averages(saved)
    tensors = saved.tensors
    if blueprint is not None and blueprint.is_code:
        module = build_from_file(blueprint.name, blueprint.options)
        state = module.state_dict()
        fill(state, tensors, blueprint)
        module.load_state_dict(state)
        network = Network(module=module.cpu(), architecture=str(blueprint), blueprint=blueprint)
        return _tell_others(_look_beside(network, unused(tensors, state), tensors), saved)
    network = _build(blueprint, saved, layers, access)
    if network.blueprint is not None:
        used = find_mlp(tensors) if network.architecture == MLP else None
        names = [name for name in tensors if name not in used] if used else unused(tensors, network.blueprint.shapes())
        network = _look_beside(network, names, tensors)
    return _tell_others(network, saved)


def _build(said: Blueprint | None, saved: Saved, layers: frozenset[str], access: Access) -> Network:
    """The network of a state dict, or one that was saved whole."""
    contradiction = contradicts_perceptron(saved.whole) if saved.whole else ""
    whole = build_whole(saved.whole) if saved.whole and said is None else None
    if said is not None:
        blueprint = _complete(said, saved.tensors)
    elif whole is not None and (contradiction or layers & LAST_LAYERS or find_mlp(saved.tensors) is None):
        return Network(module=whole, architecture=SEQUENTIAL)
    else:
        blueprint = guess_architecture(saved.tensors, layers, access)
    if blueprint.name == MLP and contradiction:
        raise InvalidCheckpoint(
            f"Expected linear layers with a ReLU between each and the next, got a network with the layers "
            f"{contradiction} in the file: export it by torch.onnx.export, or save the state dict alone if the layers "
            "beside those of the perceptron take no part."
        )
    module = blueprint.load(saved.tensors)
    order = module.order if isinstance(module, Perceptron) and not module.is_numbered else ()
    told = f" of the layers {some_shown(order)} in this order" if order else ""
    assumed = () if said is not None else (f"the architecture {blueprint}{told}",)
    return Network(module=module, architecture=str(blueprint), blueprint=blueprint, assumed=assumed)


def _without_averages(saved: Saved) -> Saved:
    """The same without averages of a network over its training, as they stand beside it."""
    dropped = averages(saved.tensors)
    if not dropped:
        return saved
    kept = {name: value for name, value in saved.tensors.items() if name.partition(".")[0] not in dropped}
    return dataclasses.replace(
        saved, tensors=kept, name=saved.name or min(dropped.values()), others=(*saved.others, *sorted(dropped))
    )


def _tell_others(network: Network, saved: Saved) -> Network:
    """The same network; if its file has others, that is said."""
    if not saved.others:
        return network
    others = some_shown(saved.others)
    taken = f"that it is the network {shown(saved.name)} of its file, and not {others}"
    return dataclasses.replace(network, assumed=(*network.assumed, taken))


def _look_beside(network: Network, names: list[str], tensors: dict[str, Tensor]) -> Network:
    """What tensors beside those of the architecture say: a normalisation in front of it, or nothing."""

    def find(words: tuple[str, ...]) -> tuple[float, ...]:
        found = (tensors[name] for name in names if name.rpartition(".")[2] in words)
        return next((tuple(value.flatten().tolist()) for value in found if value.numel() in (1, 3)), ())

    mean, std = find(_MEANS), find(_STDS)
    said = f"that {some_shown(names)} beside the weights " if names else ""
    if mean and std and min(std) > 0:
        return dataclasses.replace(
            network, mean=mean, std=std, assumed=(*network.assumed, f"{said}normalise its inputs")
        )
    return dataclasses.replace(network, assumed=(*network.assumed, *([f"{said}take no part"] if names else [])))


def _complete(blueprint: Blueprint, tensors: dict[str, Tensor]) -> Blueprint:
    """Take options that are not said, such as the width and the number of classes, from the shapes."""
    try:
        guess = guess_architecture(tensors)
    except InvalidCheckpoint:
        return blueprint
    return blueprint.given(**guess.options) if guess.name == blueprint.name else blueprint
