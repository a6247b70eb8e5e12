"""How far a result got, and what to do where that is not far enough."""

from enum import StrEnum


class Status(StrEnum):
    """How far a result got; a member is its text as well, as in files and tables.

    >>> Status("max_regions").remedy
    'Raise the budget or choose a smaller window.'
    """

    COMPLETE = "complete"
    MAX_REGIONS = "max_regions"
    CANCELLED = "cancelled"

    @property
    def reason(self) -> str:
        """Why it got no further, in a few words; empty if it is complete."""
        return {"complete": "", "max_regions": "budget hit", "cancelled": "cancelled"}[self]

    @property
    def remedy(self) -> str:
        """What to do to get the rest, as a sentence; empty if nothing is missing."""
        return {
            "complete": "",
            "max_regions": "Raise the budget or choose a smaller window.",
            "cancelled": "Start again to find the rest.",
        }[self]
