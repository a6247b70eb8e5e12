"""A layer: one ReLU call of a program, or one call that takes maxima."""

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One ReLU call of a program, or one call that takes maxima.

    Attributes:
        name: Path of the module that it came from.
        shape: Shape of its results for one input.
        first_unit: Index of its first unit among all units of the program.
        num_entries: Entries of each maximum; 0 for ReLUs. Then each entry of each maximum counts as a unit: it has an
            index and a key of its own.
    """

    name: str
    shape: tuple[int, ...]
    first_unit: int
    num_entries: int = 0

    @property
    def kind(self) -> str:
        """What its units are, in words."""
        return f"maximum of {self.num_entries}" if self.num_entries else "ReLU"

    @property
    def num_results(self) -> int:
        """Number of ReLUs or of maxima."""
        return prod(self.shape)

    @property
    def num_units(self) -> int:
        """Number of ReLUs, or of all entries of all maxima."""
        return self.num_results * max(self.num_entries, 1)

    @property
    def units(self) -> slice:
        """Where its units are among all units of the program."""
        return slice(self.first_unit, self.first_unit + self.num_units)
