"""The two sides of every edge between two cells, found by the pattern that a unit's key predicts."""

from typing import no_type_check

import numpy as np

from lrviz.engine.compiled.jit import SOURCES, entry, inner


@inner
@no_type_check
def table_of(pattern):
    """A hash table of cells by pattern: ids are random, so that their last bits tell the place; -1 where it is free."""
    size = 16
    while size < 2 * len(pattern):
        size *= 2
    table = np.full(size, -1)
    for cell in range(len(pattern)):
        place = np.int64(pattern[cell] & np.uint64(size - 1))
        while table[place] >= 0:
            place = (place + 1) & (size - 1)
        table[place] = cell
    return table


@inner
@no_type_check
def look_up(table, pattern, wanted):
    """The cell of a pattern, or -1."""
    place = np.int64(wanted & np.uint64(len(table) - 1))
    while table[place] >= 0 and pattern[table[place]] != wanted:
        place = (place + 1) & (len(table) - 1)
    return table[place]


@inner
@no_type_check
def following(offsets, cell, side):
    """The vertex at the end of a side."""
    return side + 1 if side + 1 < offsets[cell + 1] else offsets[cell]


@inner
@no_type_check
def distance(start, one, two):
    """How far apart two vertices are."""
    return np.hypot(start[one, 0] - start[two, 0], start[one, 1] - start[two, 1])


def _enclosing(sources):
    @entry
    @no_type_check
    def find_partners(pattern, offsets, start, flip, is_known, tolerance):
        """For every side the side that lies on it, -1 if it is not found.

        Args:
            pattern: (N,) uint64 of each cell, all different.
            offsets: (N + 1,) where its sides start.
            start: (M, 2) where each side starts.
            flip: (M,) uint64, by how much the pattern changes across each side.
            is_known: (M,) where that is known.
            tolerance: How far apart the ends of the two may be.
        """
        sources  # noqa: B018
        table, partner = table_of(pattern), np.full(len(start), -1)
        for cell in range(len(pattern)):
            for side in range(offsets[cell], offsets[cell + 1]):
                if not is_known[side] or partner[side] >= 0:
                    continue
                other = look_up(table, pattern, pattern[cell] ^ flip[side])
                if other <= cell:
                    continue
                end = following(offsets, cell, side)
                for back in range(offsets[other], offsets[other + 1]):
                    if is_known[back] and partner[back] < 0 and pattern[other] ^ flip[back] == pattern[cell]:
                        far = following(offsets, other, back)
                        if max(distance(start, side, far), distance(start, end, back)) <= tolerance:
                            partner[side], partner[back] = back, side
                            break
        return partner

    return find_partners


find_partners = _enclosing(SOURCES)
