"""The cells of one tile, by the compiled core where it is ready, else by PyTorch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lrviz.engine.compiled.ready import ready_core
from lrviz.engine.merge import Fragments
from lrviz.engine.subdivide import Subdivision, subdivide
from lrviz.engine.tiles import Tile
from lrviz.geometry.cells import Cells, measure_cells
from lrviz.geometry.plane import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The cells of one tile as numpy arrays: geometry in the window's local coordinates, maps in plane coordinates."""

    cells: Fragments
    bias: np.ndarray
    slope: np.ndarray

    def __len__(self) -> int:
        return len(self.bias)

    @classmethod
    def nothing(cls, num_outputs: int) -> "Found":
        """No cells at all."""
        none, points = np.zeros(0, dtype=np.int64), np.zeros((0, 2))
        ids = none.view(np.uint64)
        cells = Fragments(count=none, start=points, unit=none, flip=ids, pattern=ids, area=np.zeros(0), centroid=points)
        return cls(cells=cells, bias=np.zeros((0, num_outputs)), slope=np.zeros((0, num_outputs, 2)))


def solve_tile(tile: Tile, window: Window, chunk: int, check: Callable[[], None]) -> Found:
    """Find all cells of a tile.

    Args:
        tile: The tile, with the network restricted to it.
        window: The window that it is a part of.
        chunk: How many cells PyTorch splits at once.
        check: Called often; raises to stop.
    """
    device = tile.restriction.affine.device
    core = ready_core() if device.type == "cpu" else None
    if core is None:
        corners, labels = (torch.as_tensor(array, device=device) for array in (tile.corners, tile.labels))
        parts = subdivide(tile.restriction, Cells.polygon(corners, labels), chunk, check)
        return _concatenated([_to_window(part, tile, window) for part in parts])
    frame = np.array([*tile.center, tile.radius, *(window.center + window.radius * tile.center), window.radius])
    found = core.find_cells(tile.restriction, tile.corners, tile.labels, frame, check)
    return _concatenated([_of_cells(cells) for cells in found])


def _of_cells(cells: Any) -> Found:
    return Found(
        cells=Fragments(
            count=cells.num_vertices,
            start=cells.start,
            unit=cells.unit,
            flip=cells.flip.view(np.uint64),
            pattern=cells.pattern.view(np.uint64),
            area=cells.area,
            centroid=cells.centroid,
        ),
        bias=cells.bias,
        slope=cells.slope,
    )


def _to_window(part: Subdivision, tile: Tile, window: Window) -> Found:
    """From a tile's to the window's local coordinates, and to maps over plane coordinates."""
    area, centroid = measure_cells(part.cells)
    used = part.cells.used.T
    label = part.cells.edges.T[used]
    drawn = label >= 0
    safe = label.clamp(min=0)
    none = torch.zeros_like(label)
    unit = torch.where(drawn, tile.restriction.unit[safe], label) if len(tile.restriction.unit) else label
    flip = torch.where(drawn, part.flip[safe], none) if len(part.flip) else none
    center = torch.as_tensor(tile.center, device=area.device)
    start = center + tile.radius * part.cells.vertices.permute(2, 1, 0)[used]
    bias, slope = part.outputs[:, 0], part.outputs[:, 1:].transpose(1, 2) / (tile.radius * window.radius)
    plane_center = torch.as_tensor(window.center, device=center.device) + window.radius * center
    return Found(
        cells=Fragments(
            count=_numpy(part.cells.count),
            start=_numpy(start),
            unit=_numpy(unit),
            flip=_numpy(flip).view(np.uint64),
            pattern=_numpy(part.pattern).view(np.uint64),
            area=_numpy(area * tile.radius**2),
            centroid=_numpy(center + tile.radius * centroid.T),
        ),
        bias=_numpy(bias - slope @ plane_center),
        slope=_numpy(slope),
    )


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.contiguous().cpu().numpy()


def _concatenated(parts: list[Found]) -> Found:
    if len(parts) == 1:
        return parts[0]
    return Found(
        cells=Fragments.join([part.cells for part in parts]),
        bias=np.concatenate([part.bias for part in parts]),
        slope=np.concatenate([part.slope for part in parts]),
    )
