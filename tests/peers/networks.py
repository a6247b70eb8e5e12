"""The networks that all tools take, as plain arrays: a process then loads what its own tool needs and nothing else."""

from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np

Layers = list[tuple[np.ndarray, np.ndarray]]
"""Weights (after, before, ...) and biases (after,) of linear layers, or of convolutions, with ReLUs in between."""

MLPS = {
    "2-64x4-10": (2, 64, 64, 64, 64, 10),
    "2-128x3-10": (2, 128, 128, 128, 10),
    "2-256x3-10": (2, 256, 256, 256, 10),
}
CNN = "small CNN"
IMAGE, CHANNELS, CLASSES = (1, 8, 8), 4, 10
"""What the CNN takes, the channels of both its 3 x 3 convolutions, and the outputs of its linear layer."""

HALF_WIDTHS = dict.fromkeys(MLPS, 1.0) | {CNN: 3.0}
"""Of the square window around the origin of the plane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A plane of inputs.

    Attributes:
        origin: (D,) the input at (0, 0), flattened.
        basis: (2, D) orthonormal rows.
        input_shape: Shape of one input.
    """

    origin: np.ndarray
    basis: np.ndarray
    input_shape: tuple[int, ...]


def slice_of(name: str) -> Slice:
    """All inputs of an MLP; a random plane of the CNN's."""
    if name in MLPS:
        return Slice(origin=np.zeros(2), basis=np.eye(2), input_shape=(2,))
    rng, size = np.random.default_rng(1), prod(IMAGE)
    basis, _ = np.linalg.qr(rng.normal(size=(size, 2)))
    return Slice(origin=rng.normal(size=size), basis=basis.T, input_shape=IMAGE)


def layers_of(name: str) -> Layers:
    """A network with random weights; those of convolutions are kernels (after, before, 3, 3)."""
    rng = np.random.default_rng(0)
    if name in MLPS:
        return [he_normal(rng, after, before) for before, after in pairwise(MLPS[name])]
    kernels = [he_normal(rng, CHANNELS, before, 3, 3) for before in (IMAGE[0], CHANNELS)]
    return [*kernels, he_normal(rng, CLASSES, CHANNELS * prod(IMAGE[1:]))]


def he_normal(rng: np.random.Generator, *shape: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights N(0, 2 / inputs) of some shape and biases 0.5 N(0, 1)."""
    return rng.normal(size=shape) * np.sqrt(2 / prod(shape[1:])), 0.5 * rng.normal(size=shape[0])


def dense_layers(name: str) -> Layers:
    """A network of (u, v) in linear layers only: convolutions are matrices, and the plane is part of the first one."""
    (weight, bias), *others = [dense_convolution(*layer) if layer[0].ndim > 2 else layer for layer in layers_of(name)]
    plane = slice_of(name)
    return [(weight @ plane.basis.T, weight @ plane.origin + bias), *others]


def dense_convolution(kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The matrix and the biases of a convolution (after, before, 3, 3) of images padded by a row of zeros."""
    height, width = IMAGE[1:]
    matrix = sum(
        np.kron(kernel[:, :, row, column], np.kron(np.eye(height, k=row - 1), np.eye(width, k=column - 1)))
        for row in range(3)
        for column in range(3)
    )
    return np.asarray(matrix), np.repeat(bias, height * width)
