"""The work of the command that measures many models on many paths."""

import time
from pathlib import Path

import typer

from lrviz.cli.describer import tell_assumed
from lrviz.cli.finder import Run
from lrviz.cli.terminal import INTERRUPTED, cancel_on_interrupt, progress_bar, tell, written_whole
from lrviz.engine.workers import Workers
from lrviz.measures.sweeps import SUFFIXES, write_results
from lrviz.models.images import SHAPE
from lrviz.models.numbers import image_shape
from lrviz.models.opening import is_file
from lrviz.views.scene import load_program
from lrviz.views.selection import PathsSpec, find_models
from lrviz.views.survey import Survey, make_table
from lrviz.words import counted


def measure_all(
    models: list[str],
    paths: list[str],
    out: Path,
    *,
    num_anchors: int,
    radius: float | None,
    segments: int | None,
    snapshots: bool,
    gradients: bool,
    data: Path | None,
    how: Run,
    workers: Workers,
) -> None:
    """Measure every model on every path, write the table, and print a summary; Ctrl-C ends it with what is complete."""
    began = time.perf_counter()
    specs = [PathsSpec.parse(text, num_anchors=num_anchors, radius=radius, segments=segments) for text in paths]
    with written_whole(out, SUFFIXES) as target:
        found = find_models(models, snapshots=snapshots, access=how.access)
        for name in filter(is_file, found):
            tell_assumed(load_program(name, access=how.access, store=how.store)[0])
            shape = image_shape(found[name].input_shape)
            if shape not in (None, SHAPE):
                tell(f"{name}: images are resized to {shape[2]} x {shape[1]}{', in grey' * (shape[0] == 1)}.")
        survey = Survey.plan(found, specs, data, gradients=gradients, access=how.access)
        with cancel_on_interrupt() as cancelled, progress_bar() as progress:
            measured = survey.rows(
                how.store, workers=workers, device=how.device, progress=progress, cancelled=cancelled
            )
            rows = list(measured)
        if not rows:
            tell("cancelled before a path was finished; nothing was written.")
            raise typer.Exit(INTERRUPTED)
        table = make_table(rows)
        write_results(table, target)
    num_models, num_pieces = table["model"].nunique(), int(table["num_pieces"].sum())
    typer.echo(
        f"{counted(len(table), 'path')} of {counted(num_models, 'model')}, {counted(num_pieces, 'piece')}, "
        f"{time.perf_counter() - began:.2f} s: {out}"
    )
    if len(rows) < len(survey):
        done = "what is finished is stored and will not be computed again" if how.cache else "nothing was stored"
        tell(f"cancelled: {len(rows):,} of {len(survey):,} paths were measured; {done}.")
        raise typer.Exit(INTERRUPTED)
