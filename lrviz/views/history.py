"""The views that a session has shown, and where among them it is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lrviz.views.view import View

MAX_ENTRIES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Views in the order in which they were shown.

    Attributes:
        entries: The views.
        position: Index of the one that is shown; -1 if there is none.
    """

    entries: tuple[View, ...] = ()
    position: int = -1

    @property
    def current(self) -> View | None:
        """The view that is shown."""
        return self.entries[self.position] if self.entries else None

    def visit(self, view: View, *, instead: bool = False) -> "History":
        """Show a view: a new entry after the current one, in place of those that were undone, unless it is that one.

        Args:
            view: What is shown.
            instead: Whether it takes the place of the current entry, which was shown for the time being.
        """
        if self.current is not None and (instead or self.current.to_link() == view.to_link()):
            changed = (*self.entries[: self.position], view, *self.entries[self.position + 1 :])
            return replace(self, entries=changed)
        entries = (*self.entries[: self.position + 1], view)[-MAX_ENTRIES:]
        return History(entries=entries, position=len(entries) - 1)

    def step(self, by: int) -> View | None:
        """The view that many entries further, if there is one of the same page."""
        place = self.position + by
        if self.current is None or not 0 <= place < len(self.entries):
            return None
        return self.entries[place] if self.entries[place].page == self.current.page else None

    def move(self, by: int) -> "History":
        """Go that many entries further, if `step` has something there."""
        return self if self.step(by) is None else replace(self, position=self.position + by)

    def find(self, page: str, query: Mapping[str, str]) -> "History | None":
        """Go to the nearest entry with this link; None if there is none."""
        found = [k for k, view in enumerate(self.entries) if view.page == page and view.to_query() == query]
        if not found:
            return None
        return replace(self, position=min(found, key=lambda k: abs(k - self.position)))

    def first_of(self, page: str) -> View | None:
        """The first view that was shown of a page."""
        return next((view for view in self.entries if view.page == page), None)
