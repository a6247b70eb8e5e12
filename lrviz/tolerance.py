"""Every epsilon of the engine, in one frozen place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """Where float64 stops telling numbers apart.

    Attributes:
        distance: A vertex closer than this to a unit's line lies on the line, as a fraction of the tile's radius.
        crossing: A unit's value below this fraction of the terms that it is summed from cannot split a cell.
        rounding: A unit's value below this fraction of the largest in its layer is zero.
        twin: Two units whose normalised rows differ by less draw the same line.
        collinear: Three images whose triangle is flatter than this (area / longest side squared) span no plane.
        conversion: Largest relative difference between a program's output and its module's.
        flat: Measures that differ by a smaller fraction of themselves are drawn as equal.
    """

    distance: float = 1e-11
    crossing: float = 1e-13
    rounding: float = 4e-15
    twin: float = 1e-12
    collinear: float = 1e-9
    conversion: float = 1e-9
    flat: float = 1e-12


TOLERANCE = Tolerance()
