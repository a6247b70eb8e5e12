"""`regioncam` (Rust, float32), which takes chains of linear layers on a square around the origin."""

from collections.abc import Callable

import numpy as np

from tests.peers.networks import HALF_WIDTHS, Layers, dense_layers


def count_faces(layers: Layers, half_width: float) -> int:
    """Its number of regions; layers are (weight (after, before), bias) and take (u, v)."""
    import regioncam  # noqa: PLC0415  who does without this tool can import all else here

    camera = regioncam.Regioncam(size=half_width)
    for index, (weight, bias) in enumerate(layers):
        if index:
            camera.add(regioncam.nn.ReLU())
        camera.add(regioncam.nn.Linear(weight=weight.T, bias=bias))
    return camera.num_faces


def counter(name: str) -> Callable[[], int]:
    """Counts the regions of a network."""
    layers = [(weight.astype(np.float32), bias.astype(np.float32)) for weight, bias in dense_layers(name)]
    return lambda: count_faces(layers, HALF_WIDTHS[name])
