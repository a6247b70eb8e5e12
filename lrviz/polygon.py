"""The exact linear regions of a network in a window of a plane."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from lrviz.devices import choose_device
from lrviz.merge import Fragments, find_edges, merge_fragments
from lrviz.partition import Cells, measure_cells
from lrviz.plane import Plane, Window
from lrviz.program import Program
from lrviz.regions import Regions
from lrviz.subdivide import Subdivision, subdivide
from lrviz.tiles import Limits, Tile, cut_window

Progress = Callable[[float, str], None]


class _Stopped(Exception):
    """The caller asked to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The cells of one tile as numpy arrays: geometry in the window's local coordinates, maps in plane coordinates."""

    cells: Fragments
    bias: np.ndarray
    slope: np.ndarray

    def __len__(self) -> int:
        return len(self.bias)


def find_regions(
    program: Program,
    plane: Plane,
    window: Window,
    *,
    max_regions: int = 200_000,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Regions:
    """Find every linear region of a network in a window, exactly up to float64 rounding.

    Args:
        program: The network.
        plane: The plane that holds the window.
        window: Where to look.
        max_regions: Stop with what was found after this many cells; the result's status says so.
        device: Where to work; the GPU if there is one, else the CPU.
        progress: Called with the fraction of the area that is done and a short text.
        cancelled: Asked often; when it returns true, what was found so far is returned.

    Returns:
        The regions, sorted by pattern.

    Raises:
        InvalidPlane: The plane's inputs do not have the network's shape.
    """
    began = time.perf_counter()
    plane.require_shape(program.input_shape)
    program = program.to(choose_device(device))

    def check() -> None:
        if cancelled is not None and cancelled():
            raise _Stopped

    found, status = _collect(program, plane, window, max_regions, progress or (lambda *_: None), check)
    return _assemble(program, window, found, status, began)


def _collect(
    program: Program, plane: Plane, window: Window, max_regions: int, progress: Progress, check: Callable[[], None]
) -> tuple[list[_Found], str]:
    limits = Limits.of(program)
    cell = _window_cell(window, program.device)
    tiles = cut_window(program, plane.rows(window.center, window.radius).to(program.device), cell, limits, check)
    found: list[_Found] = []
    total = area = 0.0
    whole = float(measure_cells(cell)[0])
    try:
        for part in _subdivide_all(tiles, window, limits, check):
            found.append(part)
            total, area = total + len(part), area + float(part.cells.area.sum())
            progress(min(area / whole, 1.0), f"{int(total):,} regions")
            if total >= max_regions and area < whole * (1 - 1e-9):
                return _first_cells(found, max_regions), "max_regions"
    except _Stopped:
        return found, "cancelled"
    if total > max_regions:
        return _first_cells(found, max_regions), "max_regions"
    return found, "complete"


def _subdivide_all(
    tiles: Iterator[Tile], window: Window, limits: Limits, check: Callable[[], None]
) -> Iterator[_Found]:
    """Subdivide tiles as they come, several at once on a processor's cores, and yield them in order."""
    if limits.workers == 1:
        yield from (_subdivide_tile(tile, window, limits, check) for tile in tiles)
        return
    with ThreadPoolExecutor(limits.workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        waiting: deque[Future[_Found]] = deque()
        try:
            for tile in tiles:
                waiting.append(pool.submit(_subdivide_tile, tile, window, limits, check))
                while waiting and (len(waiting) > 2 * limits.workers or waiting[0].done()):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _subdivide_tile(tile: Tile, window: Window, limits: Limits, check: Callable[[], None]) -> _Found:
    check()
    parts = [_to_window(part, tile, window) for part in subdivide(tile.restriction, tile.local_cell, limits.chunk, check)]
    return _concatenated(parts)


def _to_window(part: Subdivision, tile: Tile, window: Window) -> _Found:
    """From a tile's to the window's local coordinates, and to maps over plane coordinates."""
    area, centroid = measure_cells(part.cells)
    used = part.cells.used.T
    label = part.cells.edges.T[used]
    drawn = label >= 0
    safe = label.clamp(min=0)
    none = torch.zeros_like(label)
    unit = torch.where(drawn, tile.restriction.unit[safe], label) if len(tile.restriction.unit) else label
    flip = torch.where(drawn, part.flip[safe], none) if len(part.flip) else none
    center = tile.center
    start = center + tile.radius * part.cells.vertices.permute(2, 1, 0)[used]
    bias, slope = part.outputs[:, 0], part.outputs[:, 1:].transpose(1, 2) / (tile.radius * window.radius)
    plane_center = torch.as_tensor(window.center, device=center.device) + window.radius * center
    return _Found(
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


def _concatenated(parts: list[_Found]) -> _Found:
    if len(parts) == 1:
        return parts[0]
    names = ("count", "start", "unit", "flip", "pattern", "area", "centroid")
    return _Found(
        cells=Fragments(**{name: np.concatenate([getattr(part.cells, name) for part in parts]) for name in names}),
        bias=np.concatenate([part.bias for part in parts]),
        slope=np.concatenate([part.slope for part in parts]),
    )


def _first_cells(found: list[_Found], number: int) -> list[_Found]:
    """The first cells of what was found, at most this many."""
    everything = _concatenated(found)
    cells = everything.cells
    vertices = cells.offsets[min(number, len(everything))]
    return [
        _Found(
            cells=Fragments(
                count=cells.count[:number],
                start=cells.start[:vertices],
                unit=cells.unit[:vertices],
                flip=cells.flip[:vertices],
                pattern=cells.pattern[:number],
                area=cells.area[:number],
                centroid=cells.centroid[:number],
            ),
            bias=everything.bias[:number],
            slope=everything.slope[:number],
        )
    ]


def _window_cell(window: Window, device: torch.device) -> Cells:
    corners = torch.as_tensor((window.corners - window.center) / window.radius, device=device)
    return Cells.polygon(corners, -1 - torch.arange(len(corners), device=device))


def _assemble(program: Program, window: Window, found: list[_Found], status: str, began: float) -> Regions:
    if not found:
        found = [_nothing(program.num_outputs)]
    everything = _concatenated(found)
    found.clear()
    merged, largest = merge_fragments(everything.cells)
    edges = find_edges(merged)
    ends = np.stack([merged.start[edges.index], merged.end[edges.index]], 1)
    unit = np.maximum(merged.unit[edges.index], -1)
    return Regions(
        coordinates=window.center + window.radius * merged.start,
        offsets=merged.offsets,
        pattern=merged.pattern,
        bias=everything.bias[largest],
        slope=everything.slope[largest],
        area=merged.area * window.radius**2,
        centroid=window.center + window.radius * merged.centroid,
        edge_regions=edges.regions,
        edge_unit=unit,
        edge_layer=program.layer_of(unit),
        edge_length=np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) * window.radius,
        edge_coordinates=window.center + window.radius * ends,
        window=window.corners,
        status=status,
        seconds=time.perf_counter() - began,
        device=program.device.type,
    )


def _nothing(num_outputs: int) -> _Found:
    none = np.zeros(0, dtype=np.int64)
    return _Found(
        cells=Fragments(
            count=none, start=np.zeros((0, 2)), unit=none, flip=none.view(np.uint64), pattern=none.view(np.uint64),
            area=np.zeros(0), centroid=np.zeros((0, 2)),
        ),
        bias=np.zeros((0, num_outputs)),
        slope=np.zeros((0, num_outputs, 2)),
    )
