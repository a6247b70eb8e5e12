"""Measuring many models on many paths; what is finished is in the store, so that a stopped survey goes on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lrviz import __version__
from lrviz.engine.requests import ENGINE_VERSION, Device, run
from lrviz.measures.requests import MeasureRequest
from lrviz.measures.sweeps import COLUMNS, summarise_path
from lrviz.models.card import Card
from lrviz.results.pieces import PathMeasures
from lrviz.results.status import Status
from lrviz.results.store import Store
from lrviz.views.scene import load_program
from lrviz.views.selection import NamedPath, PathsSpec, find_paths

DIGEST_DIGITS = 12
"""Digits of a program's digest that a table shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Models and the paths to measure each of them on.

    Attributes:
        tasks: Every model, by what `lrviz.load_model` takes, with its card and a path.
        gradients: Whether gradients by the input are compared as well.
    """

    tasks: tuple[tuple[str, Card, NamedPath], ...]
    gradients: bool = False

    @classmethod
    def plan(
        cls,
        models: Mapping[str, Card],
        specs: Sequence[PathsSpec],
        data_path: Path | str | None = None,
        *,
        gradients: bool = False,
    ) -> "Survey":
        """Load the images of all paths, each once, so that what is missing is noticed before the work starts.

        Args:
            models: As from `lrviz.views.selection.find_models`.
            specs: Which paths.
            data_path: Where the data sets are, as for `lrviz.views.selection.find_paths`.
            gradients: Whether gradients by the input are compared as well, which takes several times longer.
        """
        tasks = {
            (name, path.path.kind, path.images, path.num_anchors, path.radius): (name, card, path)
            for name, card in models.items()
            for spec in specs
            for path in find_paths(spec, card, data_path)
        }
        return cls(tasks=tuple(tasks.values()), gradients=gradients)

    def __len__(self) -> int:
        return len(self.tasks)

    def rows(
        self,
        store: Store,
        *,
        device: Device = None,
        progress: Callable[[float, str], None],
        cancelled: Callable[[], bool],
    ) -> Iterator[dict[str, Any]]:
        """Measure, path by path; ends after the last path that was finished when it is cancelled.

        Args:
            store: Where measures are found, or kept as soon as a path is finished.
            device: Where to compute; the GPU if there is one, else the CPU.
            progress: Called with a fraction of the work and a short text; a path's work grows with its segments and
                with the parameters of the network.
            cancelled: Asked often.

        Yields:
            The rows of the table, as in `lrviz.measures.sweeps.COLUMNS`.
        """
        work = np.array([card.num_parameters * (len(path.path.points) - 1) for _, card, path in self.tasks], float)
        shares = np.concatenate([[0.0], np.cumsum(work / work.sum())])
        for index, (name, card, path) in enumerate(self.tasks):
            text = f"{card.name}, {path.path.kind} {path.images} ({index + 1:,} of {len(self):,} paths)"

            def show(fraction: float, _: str, index: int = index, text: str = text) -> None:
                progress(float(np.interp(fraction, [0, 1], shares[index : index + 2])), text)

            show(0.0, "")
            if cancelled():
                return
            model, program = load_program(name)
            points = model.normalise(path.path.points)
            request = MeasureRequest(program=program, points=points, gradients=self.gradients)
            measures = run(request, store, device=device, progress=show, cancelled=cancelled).result
            if measures.status != Status.COMPLETE:
                return
            yield _row(card, path, measures, program.digest)


def make_table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The rows as a table with the columns and types of `lrviz.measures.sweeps.COLUMNS`."""
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _row(card: Card, path: NamedPath, measures: PathMeasures, digest: str) -> dict[str, Any]:
    same = ("width", "batch_norm", "data", "num_train_images", "label_noise", "seed", "epochs", "is_snapshot")
    return {
        "model": card.name,
        "family": card.family,
        **{name: getattr(card, name) for name in (*same, "train_error", "test_error")},
        "path": path.path.kind,
        **{name: getattr(path, name) for name in ("image_kind", "images", "image_index", "num_anchors", "radius")},
        "num_segments": len(measures),
        "path_segments": len(measures),
        "length": float(measures.length.sum()),
        "path_length": float(measures.length.sum()),
        "num_pieces": int(measures.num_pieces.sum()),
        **summarise_path(measures),
        "status": measures.status,
        "seconds": measures.seconds,
        "lrviz_version": __version__,
        "engine_version": ENGINE_VERSION,
        "program": digest[:DIGEST_DIGITS],
    }
