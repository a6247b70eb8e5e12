"""Edge subdivision in plain PyTorch: the method of Berzins (ICML 2023), written anew, unit by unit.

A unit is affine on every cell that earlier units left, so its signs at the corners tell which sides its line crosses.
Each of those gets a corner there, by linear interpolation, and each cell with two of them is cut between the two.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from tests.peers.networks import HALF_WIDTHS, Layers, dense_layers

OUTSIDE = -1


class Complex:
    """The cells of a square, and the values of a layer at their corners.

    Units must be in general position: a line through a corner, or two that coincide, are not told apart.

    Attributes:
        num_cells: Number of cells.
        sides: (m, 2) the corners that each side joins.
        cells: (m, 2) the cells that each side separates; `OUTSIDE` at the border of the square.

    Args:
        half_width: Half the side of the square, around the origin.
    """

    def __init__(self, half_width: float) -> None:
        corners = half_width * torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1]], dtype=torch.float64)
        self.num_cells = 1
        self.sides = torch.tensor([[0, 1], [1, 2], [2, 3], [3, 0]])
        self.cells = torch.tensor([[0, OUTSIDE]] * 4)
        self._table, self._num_corners = torch.cat([corners, corners], 1), len(corners)

    @property
    def corners(self) -> Tensor:
        """(n, 2) where all corners are, (u, v)."""
        return self._table[: self._num_corners, :2]

    @property
    def values(self) -> Tensor:
        """The values (n, units) of the present layer at all corners; at first, (u, v)."""
        return self._table[: self._num_corners, 2:]

    def apply(self, weight: Tensor, bias: Tensor) -> None:
        """Go on to the values of an affine map (after, before) of the present ones."""
        self._table = torch.cat([self.corners, self.values @ weight.T + bias], 1)

    def rectify(self) -> None:
        """Cut the cells along the lines on which units change their sign, then set negative values to zero."""
        for unit in range(self.values.shape[1]):
            self._cut_along(self.values[:, unit])
        self.values.clamp_(min=0)

    def _cut_along(self, value: Tensor) -> None:
        """Cut the cells where a unit, given by its values (n,), is zero."""
        positive = value > 0
        start, end = self.sides.T
        cut = (positive[start] != positive[end]).nonzero()[:, 0]
        if not len(cut):
            return
        start, end, beside = start[cut], end[cut], self.cells[cut]
        middle = self._add_corners(start, end, value[start] / (value[start] - value[end]))
        cell, chord = _join(beside, middle)
        other = torch.arange(self.num_cells + 1)  # what the negative side of each cell becomes
        other[cell], other[OUTSIDE] = self.num_cells + torch.arange(len(cell)), OUTSIDE
        self.num_cells += len(cell)
        self.sides[cut, 1] = middle
        sides = torch.cat([self.sides, torch.stack([middle, end], 1)])
        cells = torch.cat([self.cells, beside])
        kept = torch.cat([positive[self.sides[:, 0]], positive[end]])[:, None]
        self.sides = torch.cat([sides, chord])
        self.cells = torch.cat([torch.where(kept, cells, other[cells]), torch.stack([cell, other[cell]], 1)])

    def _add_corners(self, start: Tensor, end: Tensor, share: Tensor) -> Tensor:
        """Add a corner between each two others; their indices."""
        before, self._num_corners = self._num_corners, self._num_corners + len(share)
        if self._num_corners > len(self._table):
            room = torch.empty(2 * self._num_corners, self._table.shape[1], dtype=self._table.dtype)
            room[:before] = self._table[:before]
            self._table = room
        self._table[before : self._num_corners] = torch.lerp(self._table[start], self._table[end], share[:, None])
        return torch.arange(before, self._num_corners)


def _join(beside: Tensor, middle: Tensor) -> tuple[Tensor, Tensor]:
    """The cells (n,) that are cut, and the two corners (n, 2) between which each of them is.

    Args:
        beside: (sides, 2) the cells at both sides of all sides that are cut.
        middle: (sides,) the corners on them.
    """
    cell, order = beside.flatten().sort()
    inside = cell != OUTSIDE
    cell, corner = cell[inside], middle.repeat_interleave(2)[order[inside]]
    if len(cell) % 2 or not torch.equal(cell[::2], cell[1::2]) or (cell[2::2] == cell[:-2:2]).any():
        raise ArithmeticError(
            "A line crosses more or fewer than two sides of a cell: units are not in general position."
        )
    return cell[::2], corner.view(-1, 2)


def subdivide(layers: Layers, half_width: float) -> Complex:
    """The regions of a chain of linear layers that takes (u, v), in a square around the origin."""
    found = Complex(half_width)
    for weight, bias in layers[:-1]:
        found.apply(torch.as_tensor(weight), torch.as_tensor(bias))
        found.rectify()
    return found


def counter(name: str) -> Callable[[], int]:
    """Counts the regions of a network."""
    torch.set_num_threads(1)  # its many small steps are faster on one
    layers = dense_layers(name)
    return lambda: subdivide(layers, HALF_WIDTHS[name]).num_cells
