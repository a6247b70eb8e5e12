"""Measuring many models on many paths; what is finished is in the store, so that a stopped survey goes on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from lrviz import __version__
from lrviz.engine.requests import ENGINE_VERSION, Device
from lrviz.engine.workers import HERE, Workers, answer_all
from lrviz.errors import LrvizError, OnRefusal, stop_at_refusal
from lrviz.measures.requests import MeasureRequest
from lrviz.measures.sweeps import COLUMNS, ERRORS, summarise_path
from lrviz.models.access import USER, Access
from lrviz.models.attack import Attack
from lrviz.models.card import Card
from lrviz.progress import Cancelled, Progress, ignore, never
from lrviz.results.pieces import PathMeasures
from lrviz.results.store import Store
from lrviz.views.scene import load_program
from lrviz.views.selection import NamedPath, PathsSpec, find_paths

DIGEST_DIGITS = 12
"""Digits of a program's digest that a table shows."""

Task = tuple[str, Card, NamedPath]
"""What `lrviz.load_model` takes, the model's card, and a path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Models and the paths to measure each of them on.

    Attributes:
        tasks: Every model with every path.
        gradients: Whether gradients by the input are compared as well.
        access: Which files may be opened.
    """

    tasks: tuple[Task, ...]
    gradients: bool = False
    access: Access = USER

    @classmethod
    def plan(
        cls,
        models: Mapping[str, Card],
        specs: Sequence[PathsSpec],
        data_path: Path | str | None = None,
        *,
        gradients: bool = False,
        access: Access = USER,
        refused: OnRefusal = stop_at_refusal,
    ) -> "Survey":
        """Load the images of all paths, each once, so that what is missing is noticed before the work starts.

        Args:
            models: As from `lrviz.views.selection.find_models`.
            specs: Which paths.
            data_path: Where the data sets are, as for `lrviz.views.selection.find_paths`.
            gradients: Whether gradients by the input are compared as well, which takes much longer.
            access: Which files may be opened.
            refused: Called with what `lrviz.load_model` takes, and the error that names an image, where the images of a
                model form no path; raises it if not given.
        """
        tasks: dict[tuple, Task] = {}
        for name, card in models.items():

            def refuse(_: object, error: LrvizError, name: str = name) -> None:
                refused(name, error)

            for path in (path for spec in specs for path in find_paths(spec, card, data_path, refuse)):
                tasks[name, path.path.kind, *path[2:]] = name, card, path
        return cls(tasks=tuple(tasks.values()), gradients=gradients, access=access)

    def __len__(self) -> int:
        return len(self.tasks)

    def rows(
        self,
        store: Store,
        *,
        workers: Workers = HERE,
        device: Device = None,
        progress: Progress = ignore,
        cancelled: Cancelled = never,
        refused: OnRefusal = stop_at_refusal,
    ) -> Iterator[dict[str, Any]]:
        """Measure: path by path here, or all at once on workers; ends with the paths that were finished when cancelled.

        Args:
            store: Where measures are found, or kept as soon as they are known.
            workers: Who measures.
            device: Where to compute; the GPU if there is one, else the CPU.
            progress: Called with a fraction of the work and a short text; a path's work grows with its segments and
                with the parameters of the network.
            cancelled: Asked often.
            refused: Called with a model and a path that cannot be measured, and the error; raises it if not given.

        Yields:
            The rows of the table, as in `lrviz.measures.sweeps.COLUMNS`, in the order of the paths.
        """
        if not workers.are_this_process:
            yield from self._rows_of(
                self.tasks, refused, store, workers=workers, device=device, progress=progress, cancelled=cancelled
            )
            return
        work = np.array([card.num_parameters * _num_segments(path) for _, card, path in self.tasks], float)
        shares = np.concatenate([[0.0], np.cumsum(work / work.sum())])
        for index, task in enumerate(self.tasks):
            text = f"{task[1].name}, {task[2].path.kind} {task[2].images} ({index + 1:,} of {len(self):,} paths)"

            def show(fraction: float, _: str, index: int = index, text: str = text) -> None:
                progress(float(np.interp(fraction, [0, 1], shares[index : index + 2])), text)

            show(0.0, "")
            if cancelled():
                return
            yield from self._rows_of([task], refused, store, device=device, within=show, cancelled=cancelled)

    def _rows_of(self, tasks: Sequence[Task], refused: OnRefusal, store: Store, **how: Any) -> Iterator[dict[str, Any]]:
        """The rows of those of some paths that are finished; options as of `answer_all`."""
        planned = list(self._planned(tasks, refused, store))
        owners = [place for place, (*_, requests) in enumerate(planned) for _ in requests]
        told: set[int] = set()

        def refuse(index: int, error: LrvizError) -> None:
            if owners[index] not in told:  # of a path's segments the first one that fails is enough
                told.add(owners[index])
                refused(planned[owners[index]][0], error)

        everything = [request for *_, requests in planned for request in requests]
        answers, number = dict(answer_all(everything, store, refused=refuse, **how)), count()
        for (_, card, path), points, requests in planned:
            parts = [answers[index] for index in islice(number, len(requests)) if index in answers]
            if len(parts) == len(requests):
                yield _row(card, path, points, PathMeasures.join(parts), requests[0].program.digest)

    def _planned(
        self, tasks: Sequence[Task], refused: OnRefusal, store: Store
    ) -> Iterator[tuple[Task, torch.Tensor, list[MeasureRequest]]]:
        """Of every path that can be measured its points, and what is asked."""
        for task in tasks:
            name, _, path = task
            try:
                yield task, *self._requests(name, path, store)
            except LrvizError as error:
                refused(task, error)

    def _requests(self, name: str, path: NamedPath, store: Store) -> tuple[torch.Tensor, list[MeasureRequest]]:
        """The points of a path in a model's inputs, and what is asked of the model along it."""
        model, program = load_program(name, access=self.access, store=store)
        whole = path.path.on(model, program) if isinstance(path.path, Attack) else path.path
        points = model.normalise(whole.points)
        return points, [
            MeasureRequest(program=program, points=part, gradients=self.gradients)
            for part in _parts(points, path.segments)
        ]


def _num_segments(path: NamedPath) -> int:
    """How many segments of a path are measured."""
    return path.path.num_segments if path.segments is None else len(path.segments)


def _parts(points: torch.Tensor, segments: tuple[int, ...] | None) -> Iterator[torch.Tensor]:
    """The points of the whole path, or of each segment that was chosen."""
    if segments is None:
        yield points
    for segment in segments or ():
        yield points[segment : segment + 2]


def make_table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The rows as a table with the columns and types of `lrviz.measures.sweeps.COLUMNS`."""
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _row(card: Card, path: NamedPath, points: torch.Tensor, measures: PathMeasures, digest: str) -> dict[str, Any]:
    lengths = points.double().diff(dim=0).flatten(1).norm(dim=1)
    path_length = float(measures.length.sum()) if path.segments is None else float(lengths.sum())
    training = ("width", "batch_norm", "data", "num_train_images", "label_noise", "seed", "epochs", "is_snapshot")
    return {
        "model": card.name,
        "family": card.family,
        **{name: getattr(card, name) for name in (*training, "sparsity", *ERRORS)},
        "path": path.path.kind,
        **{name: getattr(path, name) for name in ("image_kind", "images", "image_index", "num_anchors", "radius")},
        "num_segments": len(measures),
        "path_segments": path.path.num_segments,
        "length": float(measures.length.sum()),
        "path_length": path_length,
        "num_pieces": int(measures.num_pieces.sum()),
        **summarise_path(measures, path.path.num_segments, path_length),
        "status": measures.status,
        "seconds": measures.seconds,
        "lrviz_version": __version__,
        "engine_version": ENGINE_VERSION,
        "program": digest[:DIGEST_DIGITS],
    }
