"""What finding the regions of a window would give and cost."""

from dataclasses import dataclass, field

from lrviz.results.archive import Archive, require
from lrviz.words import counted, duration


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Estimate(Archive):
    """What finding the regions of a window would give and cost.

    Attributes:
        num_regions: Expected number of regions, from what changes around a few points.
        seconds: Expected time to find them.
        pieces_per_length: Pieces per unit of L2 distance on lines through these.
    """

    num_regions: float
    seconds: float = field(compare=False)
    pieces_per_length: float

    def _facts(self) -> tuple[str, ...]:
        return (
            f"about {counted(round(self.num_regions), 'region')}",
            f"{duration(self.seconds)} to find",
            f"{self.pieces_per_length:.4g} pieces per unit length",
        )

    def _check(self) -> None:
        require(self.num_regions >= 1, f"A window holds at least one region; got {self.num_regions}.")
