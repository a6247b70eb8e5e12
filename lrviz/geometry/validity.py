"""Whether geometry is what it claims to be, and what is wrong with it where it is not.

Every check is a function of plain arrays that returns sentences: none of them where all is well.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from lrviz.errors import InvalidGeometry
from lrviz.geometry.cells import Cells
from lrviz.geometry.polygons import Offsets, PerPolygon, Vertices, dents, largest, signed_areas
from lrviz.tolerance import TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """The outcome of a check; true where everything holds.

    Attributes:
        faults: A sentence on each kind of thing that does not hold.
    """

    faults: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return not self.faults

    def __str__(self) -> str:
        return " ".join(self.faults) or "Everything holds."

    def require(self) -> None:
        """Raise InvalidGeometry unless everything holds."""
        if self.faults:
            raise InvalidGeometry(f"{self} Compute it again, and report it if it comes back.")


def check_cells(cells: Cells) -> Validity:
    """Check that cells are convex polygons of positive area, in their own frame of about unit size."""
    used = cells.used.T.cpu().numpy()
    coordinates = cells.vertices.permute(2, 1, 0).cpu().numpy()[used]
    offsets = np.concatenate([[0], np.cumsum(cells.count.cpu().numpy())])
    return Validity(faults=tuple(polygon_faults(coordinates, offsets, 1.0)))


def polygon_faults(coordinates: Vertices, offsets: Offsets, radius: float) -> list[str]:
    """What is wrong with ragged polygons that should be convex, counter-clockwise and of positive area.

    Args:
        coordinates: (N, 2) vertices.
        offsets: (P + 1,) where each polygon starts.
        radius: Half the extent of what they lie in; a dent is measured against it.
    """
    if offsets[0] != 0 or offsets[-1] != len(coordinates) or (np.diff(offsets) < 0).any():
        return ["The offsets do not lead from 0 to the number of vertices."]
    if not np.isfinite(coordinates).all():
        return ["Vertices are not finite."]
    dent = largest(dents(coordinates, offsets), offsets, 0.0)
    wrong = {
        "have fewer than three vertices": np.diff(offsets) < 3,
        "are clockwise or enclose nothing": signed_areas(coordinates, offsets) <= 0,
        "are not convex": dent > TOLERANCE.dent * radius + rounding(coordinates),
    }
    return count_faults("polygons", wrong)


def rounding(coordinates: Vertices) -> float:
    """How far off coordinates may be that are rounded to float64."""
    return 4 * float(np.finfo(float).eps * np.abs(coordinates).max(initial=0.0))


def area_faults(area: PerPolygon, whole: float, *, complete: bool) -> list[str]:
    """What is wrong with the areas of polygons that cover a whole, or a part of it where they are not complete."""
    covered = float(area.sum()) / whole
    if abs(covered - 1) <= TOLERANCE.cover or (covered < 1 and not complete):
        return []
    return [f"The areas add up to {covered:.12g} of the window's; expected {'' if complete else 'at most '}1."]


def count_faults(things: str, wrong: dict[str, Bool[np.ndarray, "n"]]) -> list[str]:
    """For each kind of fault that there is, a sentence that counts what has it and names the first.

    >>> count_faults("edges", {"have no end": np.array([False, True, True]), "are bent": np.array([False])})
    ['2 of 3 edges have no end, such as 1.']
    """
    return [
        f"{int(has.sum()):,} of {len(has):,} {things} {what}, such as {int(has.argmax())}."
        for what, has in wrong.items()
        if has.any()
    ]
