"""How many regions a window holds and how long finding them takes, from a few short exact lines."""

import math
import time

import numpy as np
import torch

from lrviz.devices import THREADS, single_threaded
from lrviz.engine.arguments import check_scene
from lrviz.engine.find_pieces import find_pieces
from lrviz.geometry.plane import Plane, Window
from lrviz.network.program import Program
from lrviz.results.estimate import Estimate

_NUM_LINES = 5
_LONGEST = 1.0
_REGIONS_PER_SECOND = 20_000


@single_threaded()
def estimate_regions(
    program: Program, plane: Plane, window: Window, *, device: torch.device | str | None = None
) -> Estimate:
    """Estimate the number of regions in a window without finding them.

    With nu pieces per unit length on lines through a window of area A and perimeter P, a Poisson line process of that
    intensity has 1 + nu P / 2 + pi nu^2 A / 4 cells on average.

    Args:
        program: The network.
        plane: The plane that holds the window.
        window: Where to look.
        device: Where to work; the GPU if there is one, else the CPU.

    Raises:
        InvalidPlane: The plane's inputs do not have the network's shape.
        InvalidRequest: An argument is of another kind.
    """
    check_scene(program, plane, window)
    began = time.perf_counter()
    crossings = length = 0.0
    for start, end in _lines(window):
        pieces = find_pieces(program, *plane.embed([start, end]), device=device)
        crossings, length = crossings + len(pieces) - 1, length + pieces.length
    restriction = (time.perf_counter() - began) / _NUM_LINES
    nu = crossings / length
    number = 1 + nu * window.perimeter / 2 + math.pi * nu**2 * window.area / 4
    return Estimate(
        num_regions=number,
        seconds=2 * restriction + number / (_REGIONS_PER_SECOND * THREADS),
        pieces_per_length=nu,
    )


def _lines(window: Window) -> list[tuple[np.ndarray, np.ndarray]]:
    """Short lines at seeded random places in a window, in evenly spread directions."""
    half = min(window.radius / 2, _LONGEST / 2)
    angles = np.pi * (np.arange(_NUM_LINES) + 0.37) / _NUM_LINES
    centers = window.center + 0.7 * (window.random_points(_NUM_LINES) - window.center)
    steps = half * np.stack([np.cos(angles), np.sin(angles)], 1)
    return [(center - step, center + step) for center, step in zip(centers, steps, strict=True)]
