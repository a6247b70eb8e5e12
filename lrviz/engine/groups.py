"""The maxima of a layer over a window: which of their rows may win, and which maxima are settled."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int

BLOCK = 2**22
"""Numbers that are worked on at once where many maxima are compared."""


@runtime_checkable
class Bounded(Protocol):
    """What comparing rows needs to know of a window."""

    def bounds(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The least and the largest value of each column of rows in the window."""

    def is_affine(self, rows: torch.Tensor, zero: torch.Tensor) -> torch.Tensor:
        """Which columns of rows have no remainders but change over the window."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a layer.

    Attributes:
        values: (D, n) a column for each row of the restriction: its coordinates and its share of every remainder.
        owner: (n,) the ReLU or maximum that each belongs to, ascending.
        unit: (n,) its index among all units of the network.
        key: (n,) its key.
        zero: (n,) values up to here are rounding errors.
    """

    values: torch.Tensor
    owner: torch.Tensor
    unit: torch.Tensor
    key: torch.Tensor
    zero: torch.Tensor

    def __getitem__(self, index: torch.Tensor) -> "Rows":
        parts = (getattr(self, name)[index] for name in ("owner", "unit", "key", "zero"))
        return Rows(self.values[:, index], *parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """What is known of G maxima over a window, given their rows.

    Attributes:
        table: (G, n) the rows of each maximum, the first one repeated where there are fewer.
        wins: (G, n) which of them may win.
        is_candidate: (rows,) the same for each row.
        reference: (G,) the row that each maximum is measured from: the one that is largest in the middle.
        reach: (G,) how far the maximum may lie above its reference.
        is_certain: (G,) whether the reference wins everywhere, and is zero on no cell.
        is_dead: (G,) whether the maximum is zero in the whole window.
    """

    table: Int[torch.Tensor, "G n"]
    wins: Bool[torch.Tensor, "G n"]
    is_candidate: Bool[torch.Tensor, "rows"]
    reference: Int[torch.Tensor, "G"]
    reach: Float[torch.Tensor, "G"]
    is_certain: Bool[torch.Tensor, "G"]
    is_dead: Bool[torch.Tensor, "G"]

    @classmethod
    def of(cls, layer: Rows, window: Bounded) -> "Groups":
        """Compare the rows of every maximum with each other over the window."""
        table, is_first = group_table(layer.owner)
        low, high = window.bounds(layer.values)
        vanishes = (low >= -layer.zero) & (high <= layer.zero)
        covers = (low >= -layer.zero) & ~vanishes
        idle = ~is_first | (vanishes[table] & covers[table].any(1, keepdim=True))
        place = torch.arange(table.shape[1], device=table.device)
        middle = (low + high)[table].masked_fill(idle, -torch.inf)
        reference = table.gather(1, middle.argmax(1, keepdim=True))
        below, above = _bound_differences(layer.values, table, reference, window)
        slack = layer.zero[table] + layer.zero[reference]
        same = (below >= -slack) & (above <= slack) & ~idle
        earliest = torch.where(same, place, table.shape[1]).amin(1, keepdim=True)
        wins = ~idle & ~(above < -slack) & ~(same & (place != earliest))
        is_candidate = torch.zeros_like(vanishes)
        is_candidate[table[wins]] = True
        reference = table.gather(1, earliest)[:, 0]
        single, own = wins.sum(1) == 1, layer.zero[reference]
        moves = window.is_affine(layer.values[:, reference], own)
        never_zero = (low[reference] > own) | (high[reference] < -own) | moves
        return cls(
            table=table,
            wins=wins,
            is_candidate=is_candidate,
            reference=reference,
            reach=torch.where(single, 0.0, above.masked_fill(~wins, 0.0).amax(1).clamp(min=0)),
            is_certain=single & never_zero,
            is_dead=single & vanishes[reference],
        )

    @property
    def is_settled(self) -> Bool[torch.Tensor, "G"]:
        """(G,) whether the reference is the maximum in the whole window, and the pattern the same."""
        return self.is_certain | self.is_dead

    @property
    def count(self) -> Int[torch.Tensor, "G"]:
        """(G,) how many rows of each maximum may win."""
        return self.wins.sum(1)

    def first_two(self, groups: Int[torch.Tensor, "P"]) -> tuple[torch.Tensor, torch.Tensor]:
        """The first two rows that may win, of some maxima."""
        order = torch.argsort((~self.wins[groups]).to(torch.int8), dim=1, stable=True)[:, :2]
        one, two = self.table[groups].gather(1, order).T if len(groups) else self.table.new_zeros(2, 0)
        return one, two


def group_table(owner: Int[torch.Tensor, "rows"]) -> tuple[Int[torch.Tensor, "G n"], Bool[torch.Tensor, "G n"]]:
    """The rows of every maximum (G, n), given the maximum of every row, ascending; short ones repeat their first row.

    Also returns (G, n) where a row stands for the first time.
    """
    count = torch.bincount(owner)
    start = count.cumsum(0) - count
    place = torch.arange(int(count.max()) if len(count) else 1, device=owner.device)
    is_first = place < count[:, None]
    return torch.where(is_first, start[:, None] + place, start[:, None]), is_first


def _bound_differences(
    values: torch.Tensor, table: torch.Tensor, reference: torch.Tensor, window: Bounded
) -> tuple[torch.Tensor, torch.Tensor]:
    """The least and the largest difference (G, n) of each row of some maxima from the maximum's reference (G, 1)."""
    size = max(1, BLOCK // (len(values) * table.shape[1]))
    bounds = [
        window.bounds((values[:, rows] - values[:, first]).flatten(1))
        for rows, first in zip(table.split(size), reference.split(size), strict=True)
    ]
    low, high = (
        torch.cat(parts).view(table.shape) if parts else values.new_zeros(table.shape)
        for parts in zip(*bounds, strict=True)
    )
    return low, high
