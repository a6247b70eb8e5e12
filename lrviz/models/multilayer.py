"""Multilayer perceptrons from nothing but their weights: linear layers with a ReLU between each and the next."""

import re
from collections.abc import Iterable
from itertools import pairwise

import torch
from torch import Tensor, nn

from lrviz.errors import InvalidCheckpoint
from lrviz.files import shown
from lrviz.models.formats.tensors import Tensors, in_order

MLP = "mlp"
"""What this architecture is called."""


_DEEPEST = 32
"""Parts within parts that are looked at."""

_BESIDE = re.compile(
    r"(^|[._])(loss|criterion|metrics?|accuracy)\d*([._]|$)|(^|[._])(means?|mu|stds?|sds|sigma)$", re.IGNORECASE
)
"""What tensors are called that are no weights of a network beside which they stand."""


class Perceptron(nn.Module):
    """Linear layers under the names that their file has for them; all but the last one end in a ReLU.

    Attributes:
        order: The names of the layers, the first one first.
        is_numbered: Whether they differ in numbers only, so that their order is sure.
    """

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        self.order = tuple(layer.removesuffix(".") or "linear" for layer in _layers(tensors))
        self.is_numbered = _are_numbered(self.order)
        for layer, place in zip(_layers(tensors), self.order, strict=True):
            weight, bias = tensors[f"{layer}weight"], tensors.get(f"{layer}bias")
            kind = nn.Linear if place == self.order[-1] else _Rectified
            linear = kind(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
            state = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
            linear.load_state_dict(state, assign=True)
            _put(self, place, linear)

    def forward(self, x: Tensor) -> Tensor:
        """Its outputs for inputs of any shape, whose numbers are taken in a row."""
        x = x.flatten(1)
        for place in self.order:
            x = self.get_submodule(place)(x)
        return x


class _Rectified(nn.Linear):
    """A linear layer and a ReLU."""

    def forward(self, input: Tensor) -> Tensor:  # PyTorch calls it so
        return torch.relu(super().forward(input))


def find_mlp(tensors: Tensors) -> Tensors | None:
    """The weights and biases of linear layers that follow each other: all tensors, or those of a part with all weights.

    >>> list(find_mlp({"net.0.weight": torch.ones(3, 2), "loss.weight": torch.ones(3)}))
    ['net.0.weight']
    """
    others = {name: value for name, value in tensors.items() if not stands_beside(name)}
    parts: dict[str, Tensors] = {"": tensors, ".": others}
    for name, value in tensors.items():
        words = name.split(".")
        for end in range(1, min(len(words), _DEEPEST)):
            parts.setdefault(".".join(words[:end]), {})[name] = value
    matrices = {name for name, value in tensors.items() if value.numel() > max(value.shape, default=1)}
    fitting = (part for part in parts.values() if matrices <= part.keys() and _is_mlp(part))
    return max(fitting, key=len, default=None)


def stands_beside(name: str) -> bool:
    """Whether a tensor is, by its name, of a loss or a measure, or what is subtracted from inputs or divides them."""
    return bool(_BESIDE.search(name))


def build_mlp(tensors: Tensors) -> Perceptron:
    """The network of these weights, layer after layer in the order of the numbers in their names, or of the file.

    Raises:
        InvalidCheckpoint: There are no linear layers, or they do not follow each other.
    """
    found = find_mlp(tensors)
    if found is None:
        raise InvalidCheckpoint(
            "Expected the weights (and biases) of linear layers, each of which takes as many numbers as the one before "
            "gives, got other tensors: name another architecture."
        )
    try:
        return Perceptron(found)
    except KeyError as error:  # a name that no module can have
        raise InvalidCheckpoint(
            f"Expected names of layers in the file, got one that no module can have ({shown(str(error))}): rename it."
        ) from error


def _is_mlp(tensors: Tensors) -> bool:
    layers = _layers(tensors)
    known = {name for layer in layers for name in (f"{layer}weight", f"{layer}bias")}
    weights = [tensors[f"{layer}weight"] for layer in layers]
    return (
        bool(weights)
        and set(tensors) <= known
        and all(weight.dim() == 2 and weight.is_floating_point() for weight in weights)
        and not _breaks(weights)
        and all(
            tensors[f"{layer}bias"].shape == tensors[f"{layer}weight"].shape[:1]
            for layer in layers
            if f"{layer}bias" in tensors
        )
    )


def _layers(tensors: Tensors) -> list[str]:
    """What stands before "weight" in the names of layers: in their order in the file, or by number if it has none."""
    names = [name for name in tensors if name == "weight" or name.endswith(".weight")]
    if _are_numbered(names):
        names = in_order(names)
    elif names == sorted(names):  # as safetensors sorts them
        names = _with_last(in_order(names), tensors)
    return [name.removesuffix("weight") for name in names]


def _with_last(names: list[str], tensors: Tensors) -> list[str]:
    """Names in this order, but for a layer, such as a classifier, that follows the others if they do not follow it."""
    breaks = _breaks([tensors[name] for name in names])
    # Before the layer that is moved, and after it, all follow each other.
    orders = [
        [*(other for other in names if other != name), name] for place in breaks[:1] for name in names[place:][:2]
    ]
    chains = [order for order in orders if not _breaks([tensors[name] for name in order])]
    return chains[0] if len(chains) == 1 else names


def _breaks(weights: list[Tensor]) -> list[int]:
    """The layers whose next one does not take as many numbers as they give."""
    shapes = [tuple(weight.shape) if weight.dim() == 2 else (0, -1) for weight in weights]
    return [place for place, (before, after) in enumerate(pairwise(shapes)) if after[1] != before[0]]


def _are_numbered(names: Iterable[str]) -> bool:
    return len({re.sub(r"[0-9]+", "", name) for name in names}) == 1


def _put(module: nn.Module, place: str, layer: nn.Module) -> None:
    *above, name = place.split(".")
    for word in above:
        if word not in module._modules:
            module.add_module(word, nn.Module())
        module = module.get_submodule(word)
    module.add_module(name, layer)
