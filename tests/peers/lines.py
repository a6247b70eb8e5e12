"""Regions met on parallel lines, each stepped along from one crossing to the next; those in between are missed."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from tests.peers.modules import build, embed
from tests.peers.networks import HALF_WIDTHS, Layers, dense_layers
from tests.stepping import step_along

NUM_LINES = 200


def patterns_on_line(name: str, module: nn.Module, layers: Layers, v: float) -> set[bytes]:
    """The activation patterns met on the line through a network's square at a height v."""
    ends = np.array([[-1, v], [1, v]]) * [HALF_WIDTHS[name], 1]
    places = np.concatenate([[0], step_along(module, *embed(name, torch.tensor(ends))), [1]])
    middles = (places[:-1] + places[1:]) / 2
    return patterns(layers, ends[0] + middles[:, None] * (ends[1] - ends[0]))


def patterns(layers: Layers, values: np.ndarray) -> set[bytes]:
    """The activation patterns at points (n, 2) of the plane."""
    active = []
    for weight, bias in layers[:-1]:
        values = values @ weight.T + bias
        active.append(values > 0)
        values = np.maximum(values, 0)
    return {row.tobytes() for row in np.packbits(np.concatenate(active, 1), axis=1)}


def counter(name: str) -> Callable[[], int]:
    """Counts the regions of a network that lines at equal distances meet."""
    torch.set_num_threads(1)  # its many small steps are faster on one
    module, layers, half_width = build(name), dense_layers(name), HALF_WIDTHS[name]
    heights = half_width * (2 * np.arange(NUM_LINES) + 1 - NUM_LINES) / NUM_LINES
    return lambda: len(set().union(*(patterns_on_line(name, module, layers, v) for v in heights)))
