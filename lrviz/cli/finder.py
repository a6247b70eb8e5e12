"""The work of the commands that find regions and pieces."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import typer

from lrviz.cli.describer import tell_assumed
from lrviz.cli.terminal import INTERRUPTED, cancel_on_interrupt, progress_bar, tell, written_whole
from lrviz.devices import choose_device
from lrviz.engine.requests import EstimateRequest, Outcome, PiecesRequest, RegionsRequest, Request, run
from lrviz.figures.data_files import write_archive, write_table
from lrviz.geometry.plane import Segment
from lrviz.measures.path import density
from lrviz.measures.tables import measure_regions
from lrviz.models.access import USER, Access
from lrviz.models.images import ImageRecord, load_image
from lrviz.results.diskstore import DiskStore
from lrviz.results.pieces import Pieces
from lrviz.results.regions import Regions
from lrviz.results.status import Status
from lrviz.results.store import MemoryStore, Store
from lrviz.views.scene import Scene, load_program, resolve
from lrviz.views.view import View
from lrviz.words import counted, duration


@dataclass(frozen=True, kw_only=True)
class Run:
    """How to answer requests.

    Attributes:
        device: Where to compute; None for the GPU if there is one.
        cache: Whether to use the store on disk.
        access: Which files may be opened.

    Raises:
        InvalidDevice: Torch cannot compute on the device.
    """

    device: str | None
    cache: bool
    access: Access = USER

    def __post_init__(self) -> None:
        choose_device(self.device)

    @cached_property
    def store(self) -> Store:
        """Where results are kept: on disk, or in memory."""
        return DiskStore() if self.cache else MemoryStore()

    @property
    def keeps(self) -> bool:
        """Whether something is stored that is there later."""
        return self.cache and self.store.size_bytes > 0

    def answer(self, request: Request) -> Outcome:
        """Answer with a progress bar; Ctrl-C ends it with what was found so far."""
        with cancel_on_interrupt() as cancelled, progress_bar() as progress:
            return run(request, self.store, device=self.device, progress=progress, cancelled=cancelled)


def make_view(
    model: str, images: tuple[str, str, str], window: tuple[float, float, float] | None, **options: Any
) -> View:
    """The view that a command's options describe.

    Raises:
        InvalidView: An option is outside its range.
    """
    center, half_width = (None, None) if window is None else (window[:2], window[2])
    return View(models=(model,), images=images, center=center, half_width=half_width, **options)


def print_estimate(view: View, how: Run) -> None:
    """Print how many regions to expect, and the time that finding them would take."""
    scene = open_scene(view, how)
    outcome = how.answer(EstimateRequest(program=scene.program, plane=scene.plane, window=scene.window))
    found = outcome.result
    number = min(found.num_regions, float(view.max_regions))
    typer.echo(
        f"about {counted(round(found.num_regions), 'region')}, area {scene.window.area:.6g}, "
        f"{found.pieces_per_length:.4g} pieces per unit length, {duration(found.seconds)} to find"
    )
    if number < found.num_regions:
        tell(f"that is above the budget of {view.max_regions:,} regions; raise --max-regions or shrink the window.")


def write_regions(view: View, how: Run, out: Path, csv: Path | None) -> None:
    """Find the regions of a view, write them, and print a summary."""
    with ExitStack() as files:
        target = files.enter_context(written_whole(out, (".npz",)))
        table = csv and files.enter_context(written_whole(csv, (".csv",)))
        scene, outcome = find_view(view, how)
        target.write_bytes(write_archive(outcome.result, description=view.to_json()))
        if table:
            measured = measure_regions(outcome.result, scene.model.classes)
            table.write_bytes(write_table(measured, description=view.to_json()))
    report(outcome, scene, view, out)


def write_pieces(model: str, start: str, end: str, how: Run, out: Path) -> None:
    """Find the pieces between two images, write them, and print a summary."""
    with written_whole(out, (".npz",)) as target:
        loaded, program = load_program(model, access=how.access, store=how.store)
        tell_assumed(loaded)
        ends = [loaded.normalise(_load(name, loaded.input_shape)) for name in (start, end)]
        segment = Segment.between(*ends)
        outcome = how.answer(PiecesRequest(program=program, start=ends[0], end=ends[1]))
        found = outcome.result
        _require_some(found)
        found.save(target)
    typer.echo(
        f"{counted(len(found), 'piece')}, length {segment.length:.6g}, {density(found):.4g} per unit length, "
        f"{_timing(outcome)}, {found.status}: {out}"
    )
    if found.status == Status.CANCELLED:
        tell(f"cancelled: the pieces do not reach the other end. {found.status.remedy}")
        raise typer.Exit(INTERRUPTED)


def open_scene(view: View, how: Run) -> Scene:
    """The objects that a view names; what was done to its images is told, and what is assumed of its network."""
    scene = resolve(view, access=how.access, store=how.store)
    tell_assumed(scene.model)
    _tell_notices(*scene.images)
    return scene


def _load(name: str, shape: tuple[int, ...]) -> ImageRecord:
    record = load_image(name, shape=shape)
    _tell_notices(record)
    return record


def _tell_notices(*images: ImageRecord) -> None:
    for record in images:
        if record.notice:
            tell(record.notice)


def find_view(view: View, how: Run) -> tuple[Scene, Outcome]:
    """The regions of a view, at least one."""
    scene = open_scene(view, how)
    request = RegionsRequest(
        program=scene.program, plane=scene.plane, window=scene.window, max_regions=view.max_regions
    )
    outcome = how.answer(request)
    _require_some(outcome.result)
    return scene, outcome


def _require_some(found: Regions | Pieces) -> None:
    if len(found) == 0:
        tell("cancelled before anything was found; nothing was written.")
        raise typer.Exit(INTERRUPTED)


def report(outcome: Outcome, scene: Scene, view: View, out: Path) -> None:
    """Print what was found and written."""
    found: Regions = outcome.result
    area = float(found.area.sum())
    typer.echo(
        f"{counted(len(found), 'region')}, area {area:.6g}, {len(found) / area:,.4g} per unit area, "
        f"{_timing(outcome)}, {found.status}: {out}"
    )
    share = f"the result covers {area / scene.window.area:.2%} of the window"
    if found.status == Status.MAX_REGIONS:
        tell(f"the budget of {view.max_regions:,} regions was hit: {share}. {found.status.remedy}")
    elif found.status == Status.CANCELLED:
        tell(f"cancelled: {share}. {found.status.remedy}")
        raise typer.Exit(INTERRUPTED)


def _timing(outcome: Outcome) -> str:
    return f"{outcome.seconds:.2f} s, {'from cache' if outcome.stored else 'computed'}"
