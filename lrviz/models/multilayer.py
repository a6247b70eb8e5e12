"""Multilayer perceptrons from nothing but their weights: linear layers with a ReLU between each and the next."""

from itertools import pairwise

from torch import nn

from lrviz.errors import InvalidCheckpoint
from lrviz.models.formats.tensors import Tensors, in_order

MLP = "mlp"
"""What this architecture is called."""


def is_mlp(tensors: Tensors) -> bool:
    """Whether tensors are the weights and biases of linear layers that follow each other."""
    layers = _layers(tensors)
    known = {name for layer in layers for name in (f"{layer}weight", f"{layer}bias")}
    weights = [tensors[f"{layer}weight"] for layer in layers]
    return (
        bool(weights)
        and set(tensors) <= known
        and all(weight.dim() == 2 and weight.is_floating_point() for weight in weights)
        and all(after.shape[1] == before.shape[0] for before, after in pairwise(weights))
        and all(
            tensors[f"{layer}bias"].shape == tensors[f"{layer}weight"].shape[:1]
            for layer in layers
            if f"{layer}bias" in tensors
        )
    )


def build_mlp(tensors: Tensors) -> nn.Sequential:
    """The network of these weights, layer after layer in the order of the numbers in their names.

    Raises:
        InvalidCheckpoint: They are no linear layers, or do not follow each other.
    """
    if not is_mlp(tensors):
        raise InvalidCheckpoint(
            "Expected the weights (and biases) of linear layers, each of which takes as many numbers as the one before "
            "gives, got other tensors: name another architecture."
        )
    module = nn.Sequential(nn.Flatten())
    for layer in _layers(tensors):
        weight, bias = tensors[f"{layer}weight"], tensors.get(f"{layer}bias")
        linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
        linear.load_state_dict({"weight": weight} if bias is None else {"weight": weight, "bias": bias}, assign=True)
        module.extend([linear, nn.ReLU()])
    return module[:-1]


def _layers(tensors: Tensors) -> list[str]:
    """What stands before "weight" in the names of layers."""
    names = [name for name in in_order(tensors) if name == "weight" or name.endswith(".weight")]
    return [name.removesuffix("weight") for name in names]
