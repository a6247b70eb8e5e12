"""Edge subdivision, the baseline of the comparison, finds the same cells as the engine."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from lrviz.engine.find_regions import find_regions
from lrviz.geometry.plane import Plane, Window
from lrviz.network.program import Program
from tests.cases import flat_plane
from tests.peers.edges import OUTSIDE, Complex, subdivide
from tests.peers.modules import chain
from tests.peers.networks import CNN, Layers, dense_layers, he_normal, layers_of, slice_of


def random_layers(*sizes: int, seed: int) -> Layers:
    rng = np.random.default_rng(seed)
    return [he_normal(rng, after, before) for before, after in pairwise(sizes)]


def areas(found: Complex) -> np.ndarray:
    """Areas (num_cells,) in ascending order: triangles between each side and the mean of its cell's corners."""
    sides = found.corners.numpy()[found.sides.numpy()]
    cells = found.cells.numpy()
    number, total, area = np.zeros(found.num_cells), np.zeros((found.num_cells, 2)), np.zeros(found.num_cells)
    for cell in cells.T:
        inside = cell != OUTSIDE
        np.add.at(number, cell[inside], 2)
        np.add.at(total, cell[inside], sides[inside].sum(1))
    for cell in cells.T:
        inside = cell != OUTSIDE
        (x, y), (x1, y1) = (sides[inside] - (total / number[:, None])[cell[inside], None]).transpose(1, 2, 0)
        np.add.at(area, cell[inside], np.abs(x * y1 - y * x1) / 2)
    return np.sort(area)


def assert_same(found: Complex, program: Program, plane: Plane, half_width: float) -> None:
    regions = find_regions(program, plane, Window.rectangle((0, 0), half_width))
    assert found.num_cells == len(regions)
    assert areas(found) == pytest.approx(np.sort(regions.area), abs=1e-9 * half_width**2)
    assert len(found.corners) - len(found.sides) + found.num_cells == 1  # Euler's formula, without the outside


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sizes", [(2, 30, 2), (2, 16, 16, 3), (2, 12, 12, 12, 12, 1)])
def test_the_cells_of_an_mlp_are_its_regions(sizes: tuple[int, ...], seed: int) -> None:
    layers = random_layers(*sizes, seed=seed)
    program = Program.from_module(chain(layers), torch.zeros(1, 2, dtype=torch.float64, device="cpu"))
    assert_same(subdivide(layers, 1.0), program, flat_plane(), 1.0)


def test_the_cells_of_a_cnn_in_dense_matrices_are_its_regions() -> None:
    plane = slice_of(CNN)
    example = torch.zeros(1, *plane.input_shape, dtype=torch.float64, device="cpu")
    program = Program.from_module(chain(layers_of(CNN)), example)
    own = Plane(origin=plane.origin, basis=plane.basis, input_shape=plane.input_shape)
    assert_same(subdivide(dense_layers(CNN), 0.7), program, own, 0.7)


def test_one_unit_cuts_the_square_in_two() -> None:
    """The line u = 1 / 4."""
    found = subdivide([(np.array([[4.0, 0]]), np.array([-1.0])), (np.ones((1, 1)), np.zeros(1))], 1.0)
    assert found.num_cells == 2
    assert sorted(found.corners[4:].tolist()) == [[0.25, -1], [0.25, 1]]
    assert areas(found) == pytest.approx([1.5, 2.5])
    assert sorted(found.values[:, 0].tolist()) == pytest.approx([0, 0, 0, 0, 3, 3])


def test_a_line_outside_the_square_cuts_nothing() -> None:
    found = subdivide([(np.array([[1.0, 0]]), np.array([2.0])), (np.ones((1, 1)), np.zeros(1))], 1.0)
    assert (found.num_cells, len(found.corners), len(found.sides)) == (1, 4, 4)


def test_a_cell_with_four_crossed_sides_is_refused() -> None:
    found = Complex(1.0)
    with pytest.raises(ArithmeticError, match="general position"):
        found._cut_along(torch.tensor([1.0, -1, 1, -1], dtype=torch.float64, device="cpu"))
