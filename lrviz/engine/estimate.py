"""How many regions a window holds and how long finding them takes, from changes along a few short lines."""

import math
import time

import numpy as np
import torch

from lrviz.devices import THREADS, choose_device, single_threaded
from lrviz.engine.arguments import check_scene
from lrviz.engine.find_pieces import count_changes
from lrviz.geometry.plane import Plane, Window
from lrviz.network.program import Program
from lrviz.results.estimate import Estimate

_NUM_LINES = 5
_NUM_STEPS = 16
_LONGEST = 1.0
_REGIONS_PER_SECOND = 60_000


@single_threaded()
def estimate_regions(
    program: Program, plane: Plane, window: Window, *, device: torch.device | str | None = None
) -> Estimate:
    """Estimate the number of regions in a window without finding them.

    What changes between successive points of a few lines is counted; what changes there and back is missed.

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
    program = program.to(choose_device(device))
    zeros = program.zeros(plane.references(window).to(program.device))
    starts, ends = _lines(window)
    points = np.linspace(starts, ends, _NUM_STEPS + 1, axis=1).reshape(-1, 2)
    inputs = torch.as_tensor(plane.embed(points), device=program.device)
    changes = count_changes(program, inputs, zeros, lambda: None).cpu().numpy()
    between_lines = np.arange(1, len(points)) % (_NUM_STEPS + 1) == 0
    nu = float(changes[~between_lines].sum() / np.linalg.norm(ends - starts, axis=1).sum())
    number = expected_regions(nu, window)
    return Estimate(
        num_regions=number,
        seconds=time.perf_counter() - began + number / (_REGIONS_PER_SECOND * THREADS),
        pieces_per_length=nu,
    )


def expected_regions(pieces_per_length: float, window: Window) -> float:
    """How many regions a window holds, given the pieces per unit of L2 distance on lines through it.

    With nu of these and a window of area A and perimeter P, a Poisson line process of that intensity has
    1 + nu P / 2 + pi nu^2 A / 4 cells on average.
    """
    nu = pieces_per_length
    return 1 + nu * window.perimeter / 2 + math.pi * nu**2 * window.area / 4


def expected_pieces_per_length(num_regions: float, window: Window) -> float:
    """The pieces per unit of L2 distance that a window suggests which holds so many regions.

    >>> window = Window.rectangle((0, 0), 2, 1)
    >>> round(expected_regions(expected_pieces_per_length(500, window), window), 9)
    500.0
    """
    half, area = window.perimeter / 4, math.pi * window.area / 4
    return (math.sqrt(half**2 + area * max(num_regions - 1, 0)) - half) / area


def _lines(window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Both ends (n, 2) of short lines at seeded random places in a window, in evenly spread directions."""
    half = min(window.radius / 2, _LONGEST / 2)
    angles = np.pi * (np.arange(_NUM_LINES) + 0.37) / _NUM_LINES
    centers = window.center + 0.7 * (window.random_points(_NUM_LINES) - window.center)
    steps = half * np.stack([np.cos(angles), np.sin(angles)], 1)
    return centers - steps, centers + steps
