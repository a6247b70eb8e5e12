"""Find a region's neighbours, and places in a triangle that are worth a look."""

import numpy as np
import torch
from jaxtyping import Float, Int

from lrviz.geometry.plane import Plane
from lrviz.network.program import Program
from lrviz.results.regions import Regions

_STEPS = 48
_BISECTIONS = 40


def edges_of(regions: Regions, region: int) -> Int[np.ndarray, " edges"]:
    """The edges between a region and its neighbours, longest first."""
    touching = (regions.edge_regions == region).any(1) & (regions.edge_regions >= 0).all(1)
    edges = np.flatnonzero(touching)
    return edges[np.argsort(-regions.edge_length[edges], kind="stable")]


def boundary_point(program: Program, plane: Plane) -> Float[np.ndarray, "2"] | None:
    """A point (u, v) of the triangle between two predicted classes, near its middle; None if it holds one class.

    Args:
        program: The network.
        plane: The plane of the triplet.
    """
    middle = plane.anchors.mean(0)
    targets = np.vstack([plane.anchors, (plane.anchors + np.roll(plane.anchors, -1, 0)) / 2])
    share = np.linspace(0, 1, _STEPS + 1)[:, None]
    lines = [middle + share * (target - middle) for target in targets]
    classes = _predict(program, plane, np.concatenate(lines)).reshape(len(targets), -1)
    changes = classes[:, 1:] != classes[:, :-1]
    if not changes.any():
        return None
    first = np.where(changes.any(1), changes.argmax(1), _STEPS + 1)
    line = int(first.argmin())
    low, high = lines[line][first[line]], lines[line][first[line] + 1]
    here = classes[line, first[line]]
    for _ in range(_BISECTIONS):
        half = (low + high) / 2
        same = _predict(program, plane, half[None])[0] == here
        low, high = (half, high) if same else (low, half)
    return (low + high) / 2


def _predict(program: Program, plane: Plane, points: Float[np.ndarray, "points 2"]) -> np.ndarray:
    with torch.no_grad():
        return program.forward(plane.embed(points).to(program.device)).argmax(1).cpu().numpy()
