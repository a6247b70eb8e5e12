"""The work of the command that measures many models on many paths."""

import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import typer

from lrviz.cli.describer import tell_assumed
from lrviz.cli.finder import Run
from lrviz.cli.terminal import INTERRUPTED, REFUSED, cancel_on_interrupt, progress_bar, tell, written_whole
from lrviz.devices import choose_device
from lrviz.engine.workers import Workers
from lrviz.errors import LrvizError
from lrviz.measures.sweeps import SUFFIXES, write_results
from lrviz.models.card import Card
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
    """Measure every model on every path, write the table, and print a summary.

    Ctrl-C ends it with what is complete. What cannot be measured is left out, and told at the end.
    """
    began = time.perf_counter()
    if workers.are_this_process:
        choose_device(how.device)
    specs = [PathsSpec.parse(text, num_anchors=num_anchors, radius=radius, segments=segments) for text in paths]
    with written_whole(out, SUFFIXES) as target:
        unusable: dict[str, LrvizError] = {}
        found = find_models(models, snapshots=snapshots, access=how.access, refused=unusable.__setitem__)
        _check_files(found, how, unusable)
        usable = {name: card for name, card in found.items() if name not in unusable}
        failures: dict[str, list[LrvizError]] = defaultdict(list)
        survey = Survey.plan(
            usable, specs, data, gradients=gradients, access=how.access,
            refused=lambda name, error: failures[name].append(error),
        )  # fmt: skip
        if failures and not len(survey):
            raise next(iter(failures.values()))[0]
        num_planned = len(survey) + sum(map(len, failures.values()))
        with cancel_on_interrupt() as cancelled, progress_bar() as progress:
            measured = survey.rows(
                how.store, workers=workers, device=how.device, progress=progress, cancelled=cancelled,
                refused=lambda task, error: failures[task[0]].append(error),
            )  # fmt: skip
            rows = list(measured)
        _tell_failures(unusable, failures)
        num_left = num_planned - len(rows) - sum(map(len, failures.values()))
        if not rows:
            why = "cancelled before a path was finished" if num_left else "nothing could be measured"
            tell(f"{why}; nothing was written.")
            raise typer.Exit(INTERRUPTED if num_left else REFUSED)
        table = make_table(rows)
        write_results(table, target)
    typer.echo(f"{_summary(table)}, {time.perf_counter() - began:.2f} s: {out}")
    if num_left:
        done = "what is finished is stored and will not be computed again" if how.keeps else "nothing was stored"
        tell(f"cancelled: {len(rows):,} of {len(survey):,} paths were measured; {done}.")
        raise typer.Exit(INTERRUPTED)
    if unusable or failures:
        raise typer.Exit(REFUSED)


def _summary(table: pd.DataFrame) -> str:
    """How much was measured."""
    num_models, num_pieces = table["model"].nunique(), int(table["num_pieces"].sum())
    return f"{counted(len(table), 'path')} of {counted(num_models, 'model')}, {counted(num_pieces, 'piece')}"


def _check_files(found: Mapping[str, Card], how: Run, unusable: dict[str, LrvizError]) -> None:
    """Say what is assumed of the files among some models, and add why some cannot be used.

    Raises:
        LrvizError: There is but one, and it cannot be used.
    """
    num_files = len(found) + len(unusable)
    for name in filter(is_file, found):
        try:
            tell_assumed(load_program(name, access=how.access, store=how.store)[0])
        except LrvizError as error:
            unusable[name] = error
            continue
        shape = image_shape(found[name].input_shape)
        if shape not in (None, SHAPE):
            tell(f"{name}: images are resized to {shape[2]} x {shape[1]}{', in grey' * (shape[0] == 1)}.")
    if unusable and num_files == 1:
        raise next(iter(unusable.values()))


def _tell_failures(unusable: Mapping[str, LrvizError], failures: Mapping[str, list[LrvizError]]) -> None:
    """Say of every model why it, or some of its paths, were left out."""
    for name, error in unusable.items():
        tell(f"{name} was left out: {error}")
    for name, errors in failures.items():
        tell(f"{counted(len(errors), 'path')} of {name} left out: {errors[0]}")
