"""The work of the command that counts and measures a whole window."""

import math
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import typer

from lrviz.cli.finder import Run, open_scene
from lrviz.cli.terminal import INTERRUPTED, cancel_on_interrupt, progress_bar, tell, written_whole
from lrviz.engine.requests import EstimateRequest, run
from lrviz.engine.workers import Workers, answer_all
from lrviz.figures.paper import PRINTED
from lrviz.figures.plane_map import render_map, require_quantity
from lrviz.measures.class_map import num_sampled_areas
from lrviz.measures.plane_map import MapGrid, map_requests
from lrviz.results.plane_map import PlaneMap
from lrviz.views.view import View
from lrviz.words import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A figure of the map.

    Attributes:
        path: Where to write it; None for no figure.
        quantity: What it shows.

    Raises:
        InvalidRequest: There is no such quantity.
    """

    path: Path | None
    quantity: str

    def __post_init__(self) -> None:
        require_quantity(self.quantity)


def write_map(view: View, how: Run, out: Path, resolution: int, drawing: Drawing, workers: Workers) -> None:
    """Count and measure the regions of a view tile by tile, write the map, and print a summary."""
    began = time.perf_counter()
    with ExitStack() as files:
        target = files.enter_context(written_whole(out, (".npz",)))
        picture = drawing.path and files.enter_context(written_whole(drawing.path, PRINTED))
        scene = open_scene(view, how)
        request = EstimateRequest(program=scene.program, plane=scene.plane, window=scene.window)
        expected = run(request, how.store, device=how.device).result.num_regions
        grid = MapGrid.fit(scene.window, expected, resolution)
        requests = map_requests(scene.program, scene.plane, grid)
        with cancel_on_interrupt() as cancelled, progress_bar() as progress:
            progress(0.0, f"about {expected:,.0f} regions in {len(requests):,} tiles")
            answers = answer_all(
                requests, how.store, workers=workers, device=how.device, cancelled=cancelled,
                progress=lambda share, text: progress(share, f"tile {text}, about {expected:,.0f} regions"),
            )  # fmt: skip
            tiles = [tile for _, tile in sorted(answers, key=lambda answer: answer[0])]
        if len(tiles) < len(requests):
            kept = "they are stored, and the same command goes on there" if how.keeps else "nothing was stored"
            tell(f"cancelled: {len(tiles):,} of {len(requests):,} tiles were finished; {kept}.")
            raise typer.Exit(INTERRUPTED)
        found = PlaneMap.join(tiles, *grid.centres(), scene.window.corners, description=view.to_json())
        found.save(target)
        if picture:
            names = scene.model.classes
            picture.write_bytes(render_map(picture.suffix, found, drawing.quantity, class_names=names))
    areas, has_neighbours = num_sampled_areas(found.predicted), not math.isnan(found.mean_similarity)
    similarity = f"mean similarity {found.mean_similarity:.4g}" if has_neighbours else "no neighbours"
    typer.echo(
        f"{counted(found.num_regions, 'region')} in {counted(found.num_tiles, 'tile')}, area {found.area:.6g}, "
        f"{found.num_regions / found.area:,.4g} per unit area, mean slope {found.mean_slope:.4g}, {similarity}, "
        f"mean deviation {found.mean_deviation:.4g}, "
        f"{counted(areas, 'class area')} at {len(found.u)} x {len(found.v)} pixels, "
        f"{time.perf_counter() - began:.2f} s: {out}"
    )
