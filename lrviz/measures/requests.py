"""The request for the measures of a path."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from lrviz.engine.find_pieces import find_path_pieces
from lrviz.engine.requests import Device, PointsRequest
from lrviz.measures.gradients import input_similarities
from lrviz.measures.path import measure_path
from lrviz.progress import Cancelled, Progress
from lrviz.results.pieces import PathMeasures
from lrviz.results.status import Status
from lrviz.results.store import Store

_FINDING = 0.3
"""About the share of the time that finding the pieces takes where gradients are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasureRequest(PointsRequest):
    """The measures of a path, for tables: its pieces themselves are not stored.

    Attributes:
        gradients: Whether the similarity of the gradients by the input is wanted, which takes much longer.
    """

    gradients: bool = False
    result_type: ClassVar[type[PathMeasures]] = PathMeasures

    def content(self) -> Iterator[bytes]:
        """What the result depends on."""
        yield from PointsRequest.content(self)
        if self.gradients:
            yield b"gradients"

    def compute(self, store: Store, device: Device, progress: Progress, cancelled: Cancelled) -> PathMeasures:
        """Find the pieces and measure them."""
        share = _FINDING if self.gradients else 1.0
        path = find_path_pieces(
            self.program,
            self.points,
            device=device,
            progress=lambda fraction, text: progress(share * fraction, text),
            cancelled=cancelled,
        )
        if not self.gradients or path.status != Status.COMPLETE:
            return measure_path(path)
        found = input_similarities(
            self.program,
            self.points,
            path,
            device=device,
            progress=lambda fraction, text: progress(share + (1 - share) * fraction, text),
            cancelled=cancelled,
        )
        measures = measure_path(path, found)
        return replace(measures, status=Status.CANCELLED) if found is None else measures
