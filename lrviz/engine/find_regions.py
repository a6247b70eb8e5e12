"""The exact linear regions of a network in a window of a plane."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from jaxtyping import Float

from lrviz.devices import choose_device, return_memory, single_threaded
from lrviz.engine.arguments import check_callbacks, check_number, check_scene
from lrviz.engine.merge import Fragments, merge_fragments
from lrviz.engine.neighbours import find_edges
from lrviz.engine.solve import Found, solve_tile
from lrviz.engine.tiles import CUT, Limits, Part, Tile, explore_tiles
from lrviz.errors import LostDigits
from lrviz.geometry.plane import Plane, Window
from lrviz.geometry.validity import area_faults
from lrviz.network.program import Program
from lrviz.progress import Cancelled, Progress, Stopped, ignore, never, stop_when
from lrviz.results.check import largest_terms, value_faults
from lrviz.results.regions import Regions
from lrviz.results.status import Status
from lrviz.tolerance import TOLERANCE

_PREVIEW_SECONDS = 0.5
"""From the beginning to the first preview, and at least from one to the next."""

_LATEST_PREVIEW = 0.9
"""Share of the area above which the result is so near that there are no previews any more."""

_SHARE_OF_SEARCH = 0.8
"""Of the time that finding regions takes; the rest goes into joining them."""

_MOST_PREVIEWED = 200_000
"""Above this number of regions there are no previews: each is assembled anew."""

_MANY = 200_000
"""Above this number of regions what was freed is given back to the system before they are joined."""


@single_threaded()
def find_regions(
    program: Program,
    plane: Plane,
    window: Window,
    *,
    max_regions: int = 200_000,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    preview: Callable[[Regions], None] | None = None,
) -> Regions:
    """Find every linear region of a network in a window, exactly up to float64 rounding.

    Args:
        program: The network.
        plane: The plane that holds the window.
        window: Where to look.
        max_regions: Stop with what was found after this many regions; the result's status says so.
        device: Where to work; the GPU if there is one, else the CPU.
        progress: Called with the fraction of the area that is done and a short text.
        cancelled: Asked often; when it returns true, what was found so far is returned.
        preview: Called now and then, for a small part of the time, with what would be returned if it stopped now.

    Returns:
        The regions, sorted by pattern.

    Raises:
        InvalidPlane: The plane's inputs do not have the network's shape.
        InvalidWindow: The window is too small for its place.
        InvalidRequest: An argument is of another kind, or the budget is below one.
        LostDigits: float64 cannot tell the network's values apart there.
    """
    began = time.perf_counter()
    check_scene(program, plane, window)
    plane.require_resolution(window)
    check_number(max_regions, "max_regions")
    check_callbacks(progress, cancelled, preview)
    program = program.to(choose_device(device))
    check = stop_when(cancelled or never)
    pace = _Pace(began)

    def on_part(found: list[Found], number: int, done: float) -> None:
        if progress is not None:
            progress(_SHARE_OF_SEARCH * done, f"{number:,} regions")
        if preview is not None and number <= _MOST_PREVIEWED and done < _LATEST_PREVIEW and pace.is_due:
            preview(_assemble(program, window, list(found), zeros[-1], Status.CANCELLED, max_regions, began))
            pace.rest()

    zeros = program.zeros(plane.references(window).to(program.device), spanning=True)
    found, status = _collect(program, plane, window, zeros, max_regions, on_part, check)
    if status != Status.COMPLETE:
        return _assemble(program, window, found, zeros[-1], status, max_regions, began)
    progress = progress or ignore
    progress(_SHARE_OF_SEARCH, "joining the regions of all parts")
    regions = _assemble(program, window, found, zeros[-1], status, max_regions, began)
    _require_filled(regions, window)
    _require_agreement(regions, zeros[-1])
    progress(1.0, f"{len(regions):,} regions")
    return regions


def _require_filled(regions: Regions, window: Window) -> None:
    """Refuse regions with gaps between them or that overlap, as where rounding misplaces lines or decides signs."""
    if faults := area_faults(regions.area, window.area, complete=True):
        raise LostDigits(
            f"{faults[0]} Values in the window differ by less than float64 can tell apart there: choose another "
            "window, or scale the network's weights so that less cancels."
        )


def _require_agreement(regions: Regions, zero: Float[torch.Tensor, "K"]) -> None:
    """Refuse maps that differ at the edges between them, as where outputs keep few digits of their terms."""
    terms = float(zero.max()) / TOLERANCE.rounding
    if largest_terms(regions) < TOLERANCE.doubtful * terms and (faults := value_faults(regions)):
        raise LostDigits(
            f"Expected outputs that float64 can tell apart, got regions of which {faults[0].removesuffix('.')}: the "
            f"outputs are left of terms up to {terms:.1g}. Scale the weights so that less cancels or saturates."
        )


class _Pace:
    """When previews are due: not at once, and at most for a fifth of the time.

    Args:
        began: When the work began, by `time.perf_counter`.
    """

    def __init__(self, began: float) -> None:
        self._due = self._began = began + _PREVIEW_SECONDS

    @property
    def is_due(self) -> bool:
        """Whether one is; it begins now then."""
        self._began = time.perf_counter()
        return self._began >= self._due

    def rest(self) -> None:
        """Say that it ended."""
        now = time.perf_counter()
        self._due = now + max(_PREVIEW_SECONDS, 4 * (now - self._began))


def _collect(
    program: Program,
    plane: Plane,
    window: Window,
    zeros: list[torch.Tensor],
    max_regions: int,
    on_part: Callable[[list[Found], int, float], None],
    check: Callable[[], None],
) -> tuple[list[Found], Status]:
    corners = (window.corners - window.center) / window.radius
    whole = Part(corners=corners, labels=-1 - np.arange(len(corners)))
    rows = plane.rows(window.center, window.radius).to(program.device)
    found: list[Found] = []

    def solve(tile: Tile) -> Found:
        return solve_tile(tile, window, Limits.of(program).chunk, check)

    counter, done, area = _Counter(), 0.0, window.area / window.radius**2
    try:
        for part in explore_tiles(program, rows, whole, zeros, solve, check):
            found.append(part)
            number, done = counter.add(part.cells), done + float(part.cells.area.sum()) / area
            on_part(found, number, min(done, 1.0))
            if number > max_regions or (number == max_regions and done < 1 - TOLERANCE.cover):
                return found, Status.MAX_REGIONS
    except Stopped:
        return found, Status.CANCELLED
    return found, Status.COMPLETE


class _Counter:
    """Counts the regions of tiles; those that reach beyond one tile are counted once."""

    def __init__(self) -> None:
        self.num_inside, self.across = 0, set[int]()

    def add(self, cells: Fragments) -> int:
        """Add the cells of a tile; the number of regions so far."""
        is_cut = np.zeros(len(cells.count), dtype=bool)
        is_cut[cells.owner[cells.unit == CUT]] = True
        across = np.unique(cells.pattern[is_cut])
        self.num_inside += len(np.setdiff1d(cells.pattern, across))
        self.across.update(across.tolist())
        return self.num_inside + len(self.across)


def _chosen_maps(maps: list[tuple[np.ndarray, np.ndarray]], chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The affine maps of the chosen cells; empties the list on the way, so that two copies never coexist."""
    bias = np.empty((len(chosen), maps[0][0].shape[1]))
    slope = np.empty((*bias.shape, 2))
    order = np.argsort(chosen)
    ends = np.cumsum([len(part) for part, _ in maps])
    places = np.split(order, np.searchsorted(chosen[order], ends[:-1]))
    while maps:
        (part_bias, part_slope), place = maps.pop(), places.pop()
        rows = chosen[place] - (ends[len(maps)] - len(part_bias))
        bias[place], slope[place] = part_bias[rows], part_slope[rows]
    return bias, slope


def _assemble(
    program: Program,
    window: Window,
    found: list[Found],
    zero: torch.Tensor,
    status: Status,
    max_regions: int,
    began: float,
) -> Regions:
    if not found:
        found = [Found.nothing(program.num_outputs)]
    fragments, maps = Fragments.join([part.cells for part in found]), [(part.bias, part.slope) for part in found]
    found.clear()
    merged, largest = _merge(fragments, max_regions)
    del fragments
    with ThreadPoolExecutor(1) as beside:
        chosen = beside.submit(_chosen_maps, maps, largest)
        if len(merged.count) > _MANY:
            chosen.result()  # one after the other takes less memory
            return_memory()
        edges = find_edges(merged)
        bias, slope = chosen.result()
    _clear_vanishing(bias, slope, merged, window, zero.cpu().numpy())
    area = merged.drawn_area * window.radius**2
    ends, unit = edges.ends, edges.unit
    arrays = {
        "coordinates": window.center + window.radius * merged.start,
        "offsets": merged.offsets,
        "pattern": merged.pattern,
        "bias": bias,
        "slope": slope,
        "area": area,
        "centroid": window.center + window.radius * merged.centroid,
        "edge_regions": edges.regions,
        "edge_unit": unit,
        "edge_layer": program.layer_of(unit),
        "edge_length": np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) * window.radius,
        "edge_coordinates": window.center + window.radius * ends,
        "rounding": zero.double().cpu().numpy().copy(),
    }
    return Regions(
        **{name: _sealed(array) for name, array in arrays.items()},
        window=window.corners,
        status=status,
        seconds=time.perf_counter() - began,
        device=program.device.type,
    )


def _merge(fragments: Fragments, max_regions: int) -> tuple[Fragments, np.ndarray]:
    """The regions, at most so many, the first ones; and which fragment is the largest of each."""
    merged, largest = merge_fragments(fragments)
    if len(merged.count) <= max_regions:
        return merged, largest
    patterns, first = np.unique(fragments.pattern, return_index=True)
    first = first[np.searchsorted(patterns, merged.pattern)]
    kept = np.sort(np.argsort(first)[:max_regions])
    return merged.take(kept), largest[kept]


def _clear_vanishing(bias: np.ndarray, slope: np.ndarray, merged: Fragments, window: Window, zero: np.ndarray) -> None:
    """Set outputs to 0 that are nowhere above their rounding errors (K,), which do not fit together at edges."""
    corners, owner = window.center + window.radius * merged.start, merged.owner
    first = bias[owner[:1]] + slope[owner[:1]] @ corners[0] if len(owner) else np.full((1, len(zero)), np.inf)
    for k in np.nonzero(np.abs(first[0]) <= zero)[0]:
        values = bias[owner, k] + (slope[owner, k] * corners).sum(1)
        if (np.abs(values) <= zero[k]).all():
            bias[:, k], slope[:, k] = 0.0, 0.0


def _sealed(array: np.ndarray) -> np.ndarray:
    """Make an array of our own read-only, so that the result need not copy it."""
    array.setflags(write=False)
    return array
