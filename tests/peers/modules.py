"""The networks of the comparison as PyTorch modules in float64."""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from tests.peers.networks import Layers, layers_of, slice_of


def build(name: str) -> nn.Sequential:
    """A network as its users would write it, with convolutions."""
    return chain(layers_of(name))


def chain(layers: Layers) -> nn.Sequential:
    """Linear layers and convolutions with ReLUs in between; images are flattened before the first linear layer."""
    modules = [_affine(*layers[0])]
    for (before, _), (weight, bias) in pairwise(layers):
        modules += [nn.ReLU(), *([nn.Flatten()] if weight.ndim < before.ndim else []), _affine(weight, bias)]
    return nn.Sequential(*modules)


def _affine(weight: np.ndarray, bias: np.ndarray) -> nn.Module:
    after, before = weight.shape[:2]
    layer = nn.Conv2d(before, after, 3, padding=1) if weight.ndim > 2 else nn.Linear(before, after)
    layer.weight, layer.bias = nn.Parameter(torch.tensor(weight)), nn.Parameter(torch.tensor(bias))
    return layer


def embed(name: str, points: Tensor) -> Tensor:
    """The inputs (n, ...) of a network at points (n, 2) of its plane."""
    plane = slice_of(name)
    return (torch.tensor(plane.origin) + points @ torch.tensor(plane.basis)).view(-1, *plane.input_shape)
