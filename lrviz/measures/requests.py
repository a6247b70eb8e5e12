"""The request for the measures of a path."""

from dataclasses import dataclass
from typing import ClassVar

from lrviz.engine.find_pieces import find_path_pieces
from lrviz.engine.requests import Device, PointsRequest
from lrviz.measures.path import measure_path
from lrviz.progress import Cancelled, Progress
from lrviz.results.pieces import PathMeasures
from lrviz.results.store import Store


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasureRequest(PointsRequest):
    """The measures of a path, for tables: its pieces themselves are not stored."""

    result_type: ClassVar[type[PathMeasures]] = PathMeasures

    def compute(self, store: Store, device: Device, progress: Progress, cancelled: Cancelled) -> PathMeasures:
        """Find the pieces and measure them."""
        return measure_path(
            find_path_pieces(self.program, self.points, device=device, progress=progress, cancelled=cancelled)
        )
