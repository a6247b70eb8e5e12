"""How many regions a window holds and how long finding them takes, from what changes around a few of its points."""

import math
import time

import numpy as np
import torch
from jaxtyping import Float

from lrviz.devices import THREADS, choose_device, single_threaded
from lrviz.engine.arguments import check_scene
from lrviz.geometry.plane import Plane, Window
from lrviz.network.maxima import DEAD, features_at, find_winners
from lrviz.network.program import Program
from lrviz.results.estimate import Estimate
from lrviz.tolerance import TOLERANCE

_NUM_POINTS = 6
_LONGEST = 0.5
_MOST_CHANGES = 12
"""On a line, to either side together: the nearest ones tell enough, and farther ones depend on these."""

_SAME = 1e-9
"""Places of a line that are nearer to each other than this share of its length are the same."""

_ROUNDING = 10 * TOLERANCE.rounding
"""Changes smaller than this share of the largest value of a layer are none."""

_REGIONS_PER_SECOND = 60_000


@single_threaded()
def estimate_regions(
    program: Program, plane: Plane, window: Window, *, device: torch.device | str | None = None
) -> Estimate:
    """Estimate the number of regions in a window without finding them.

    At a few points, the network's derivatives in two directions tell how far away every unit changes its sign, if
    nothing else changes before. The changes nearby are counted.

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
    reach = min(window.radius / 2, _LONGEST)
    changes = _distances(program, _frames(plane, window).to(program.device), reach)
    nu = _per_length(changes, reach)
    number = expected_regions(nu, window)
    return Estimate(
        num_regions=number,
        seconds=time.perf_counter() - began + number / (_REGIONS_PER_SECOND * THREADS),
        pieces_per_length=nu,
    )


def _frames(plane: Plane, window: Window) -> Float[torch.Tensor, "rows ..."]:
    """The inputs at some points of a window, then a direction at each of them, then another one across it."""
    points = window.center + 0.7 * (window.random_points(_NUM_POINTS) - window.center)
    angles = np.pi * (np.arange(_NUM_POINTS) + 0.37) / _NUM_POINTS
    turns = np.concatenate([angles, angles + np.pi / 2])
    directions = np.stack([np.cos(turns), np.sin(turns)], 1) @ plane.basis
    return torch.cat([plane.embed(points), torch.as_tensor(directions, device="cpu").view(-1, *plane.input_shape)])


def _distances(program: Program, rows: Float[torch.Tensor, "rows ..."], reach: float) -> Float[np.ndarray, " changes"]:
    """How far away units change, along lines through points, up to a reach; all lines together, in ascending order.

    Units that change at the same place of a line, as twins do and all pixels of a flat image, count once.
    """
    lines, places = list[torch.Tensor](), list[torch.Tensor]()

    def collect(gap: torch.Tensor, rate: torch.Tensor, zero: torch.Tensor) -> None:
        """Where a gap, changing at a rate, closes; rates that are rounding errors count as none."""
        place = -gap / rate
        near = (place.abs() <= reach) & (reach * rate.abs() > zero)
        lines.append(near.nonzero()[:, 0])
        places.append(place[near])

    def on_layer(layer: int, z: torch.Tensor) -> torch.Tensor:
        entries, zero = program.entries(layer), _ROUNDING * z[:_NUM_POINTS].abs().max().expand(z.shape[1])
        points, directions = z[:_NUM_POINTS].repeat(2, 1), z[_NUM_POINTS:]
        if entries is None:
            collect(points, directions, zero)
        else:
            _, place, winner = find_winners(points, entries, zero)
            best = features_at(place, entries)
            for column in entries.T:
                gap = points[:, column] - points.gather(1, best)
                rate = (directions[:, column] - directions.gather(1, best)).masked_fill(winner == DEAD, 0.0)
                collect(gap, rate, zero[column] + zero[best])
        return program.differentiate(layer, z, _NUM_POINTS)

    program.propagate(rows, _NUM_POINTS, on_layer)
    if not places:
        return np.zeros(0)
    line, place = torch.cat(lines).cpu().numpy(), torch.cat(places).cpu().numpy()
    order = np.lexsort([place, line])
    line, place = line[order], place[order]
    is_other = (np.diff(line, prepend=-1) > 0) | (np.diff(place, prepend=-np.inf) > _SAME * reach)
    return np.sort(np.abs(place[is_other]))


def _per_length(distances: Float[np.ndarray, " changes"], reach: float) -> float:
    """Changes per unit of length, given how far away those within a reach are."""
    num_lines, most = 2 * _NUM_POINTS, 2 * _NUM_POINTS * _MOST_CHANGES
    if len(distances) > most:
        distances, reach = distances[:most], float(distances[most]) or reach
    return len(distances) / (num_lines * 2 * reach)


def expected_regions(pieces_per_length: float, window: Window) -> float:
    """How many regions a window holds, given the pieces per unit of L2 distance on lines through it.

    With nu of these and a window of area A and perimeter P, a Poisson line process of that intensity has
    1 + nu P / 2 + pi nu^2 A / 4 cells on average.
    """
    nu = pieces_per_length
    return 1 + nu * window.perimeter / 2 + math.pi * nu**2 * window.area / 4


def fitting_half_width(pieces_per_length: float, num_regions: float) -> float:
    """Half the width of a square window that holds some number of regions.

    Solves num_regions = 1 + nu P / 2 + pi nu^2 A / 4 for a square of perimeter P = 8 h and area A = 4 h^2.

    Args:
        pieces_per_length: nu, pieces per unit of L2 distance.
        num_regions: How many regions it is to hold.

    >>> round(fitting_half_width(10.0, 1 + 10 * 8 / 2 + math.pi * 100 * 4 / 4), 12)
    1.0
    """
    return (math.sqrt(4 + math.pi * max(num_regions - 1, 0)) - 2) / (math.pi * pieces_per_length)


def rounded_down(value: float) -> float:
    """Rounded down to two digits."""
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.floor(value / step) * step


def expected_pieces_per_length(num_regions: float, window: Window) -> float:
    """The pieces per unit of L2 distance that a window suggests which holds so many regions.

    >>> window = Window.rectangle((0, 0), 2, 1)
    >>> round(expected_regions(expected_pieces_per_length(500, window), window), 9)
    500.0
    """
    half, area = window.perimeter / 4, math.pi * window.area / 4
    return (math.sqrt(half**2 + area * max(num_regions - 1, 0)) - half) / area
