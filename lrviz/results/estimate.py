"""What finding the regions of a window would give and cost."""

from dataclasses import dataclass

from lrviz.results.archive import Archive, require


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate(Archive):
    """What finding the regions of a window would give and cost.

    Attributes:
        num_regions: Expected number of regions, from the pieces on a few exact lines.
        seconds: Expected time to find them.
        pieces_per_length: Pieces per unit of L2 distance on those lines.
    """

    num_regions: float
    seconds: float
    pieces_per_length: float

    def _check(self) -> None:
        require(self.num_regions >= 1, f"A window holds at least one region; got {self.num_regions}.")
