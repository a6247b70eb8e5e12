"""Every epsilon, in one frozen place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """Where float64 stops telling numbers apart.

    Attributes:
        distance: A vertex closer than this to a unit's line lies on the line, as a fraction of the tile's radius.
        crossing: A unit's value below this fraction of the terms that it is summed from cannot split a cell.
        rounding: A unit's value below this fraction of the terms that it is summed from in the network is zero.
        cancelled: A slope below this fraction of the terms that it is summed from is zero.
        left: A layer whose largest value is below this fraction of the terms it is summed from keeps too few digits.
        doubtful: Outputs below this fraction of the terms that they are summed from may keep too few digits: what was
            found is checked.
        clear: Entries of a maximum that differ by less than this fraction of their terms in a whole window, and are not
            equal, meet at a line that is misplaced by some 1/1000 of the window.
        straight: Two sides of a polygon that bend by less than this, as a fraction of the window's radius, are one: a
            line that passes a vertex within `distance` goes through it, and may do so on one side of a cut only.
        joined: As `straight`, as a fraction of the polygon's area; cells fill the region that they join to as well.
        repeated: Vertices of several cells this close to each other, as a fraction of the window's radius, are one.
        touching: The ends of two sides this close to each other, likewise, are one.
        sliver: A region thinner than this, as a fraction of the window's radius, is none: its neighbours touch.
        twin: Two units whose normalised rows differ by less draw the same line.
        collinear: Three images whose triangle is flatter than this (area / longest side squared) span no plane.
        resolution: Smallest half extent of a window, as a fraction of its distance from the origin.
        dent: A polygon that is dented by less than this, as a fraction of the window's radius, is convex; `straight`
            lets a side bend by a tenth of it.
        cover: Areas, or lengths, that add up to a whole within this fraction fill it.
        orthonormal: Products of the basis vectors of a plane differ by less from 0 and 1.
        closest: Smallest part of a path that can be shown, as a fraction of its length.
        drawn: A region's area and that of its polygon, whose vertices are rounded, differ by less than this fraction.
        gap: The edges of a region add up to its perimeter within this fraction of the window's radius, as far apart as
            `touching` lets the two sides of an edge be.
        continuous: Neighbours agree at their edge within this fraction of the terms that their values add up.
        step: Largest relative difference of an affine step from f(x + y) + f(0) = f(x) + f(y), and of many rows at once
            from one by one.
        conversion: Largest relative difference between a program's output and its module's.
        direction: Largest relative difference between a program's derivative and what its module's output changes by.
        probe: Length of the step along a direction that shows what an output changes by, relative to the point's.
        probed: What rounding may add to such a change, relative to the terms that the output is summed from.
        flat: Measures that differ by a smaller fraction of themselves are equal, in a figure and among ranks.
    """

    distance: float = 1e-11
    crossing: float = 1e-13
    rounding: float = 4e-15
    cancelled: float = 3e-14
    left: float = 1e-9
    doubtful: float = 1e-6
    clear: float = 1e-11
    straight: float = 2e-11
    joined: float = 1e-7
    repeated: float = 1e-14
    touching: float = 1e-9
    sliver: float = 1e-10
    twin: float = 1e-12
    collinear: float = 1e-9
    resolution: float = 1e-12
    dent: float = 2e-10
    cover: float = 1e-9
    orthonormal: float = 1e-12
    closest: float = 1e-10
    drawn: float = 1e-6
    gap: float = 1e-9
    continuous: float = 1e-9
    step: float = 1e-11
    conversion: float = 1e-9
    direction: float = 1e-3
    probe: float = 1e-7
    probed: float = 1e-12
    flat: float = 1e-12


TOLERANCE = Tolerance()
