"""Views that a user gave names to, in a file of the user's library."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from lrviz.errors import InvalidRequest, InvalidView, LrvizError
from lrviz.files import read_json, read_regular, shown, write_whole
from lrviz.models.library import Library
from lrviz.views.link import read_link
from lrviz.views.view import ADDRESSES, IMAGES, View

MAX_BOOKMARKS = 500
MAX_TITLE = 80
_MAX_BYTES = 16 * 2**20
_PATIENCE = 5.0
"""Seconds in which other sessions have written theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmarks:
    """Named views in a file.

    Attributes:
        path: The file.
    """

    path: Path

    @classmethod
    def of_user(cls) -> "Bookmarks":
        """Those in the user's library."""
        return cls(path=Library.of_user().folder / "bookmarks.json")

    def read(self) -> dict[str, View]:
        """The views by their names; none if there is no such file.

        Raises:
            InvalidRequest: The file is damaged.
        """
        return {name: _view_of(stored) for name, stored in self._stored().items()}

    def keep(self, name: str, view: View) -> None:
        """Give a view a name, in place of another one of that name.

        Raises:
            InvalidRequest: The name cannot be one, there are too many, or the file is damaged or cannot be written.
        """
        name = name.strip()
        if not (0 < len(name) <= MAX_TITLE and name.isprintable()):
            raise InvalidRequest(f"Expected a name of 1 to {MAX_TITLE} characters; got {shown(name)}. Choose another.")
        with self._alone():
            stored = {**self._stored(), name: {"page": view.page, **view.to_query()}}
            if len(stored) > MAX_BOOKMARKS:
                raise InvalidRequest(f"At most {MAX_BOOKMARKS} bookmarks can be kept. Delete some of them first.")
            self._write(stored)

    def delete(self, name: str) -> None:
        """Forget a name, if it is known."""
        with self._alone():
            self._write({other: stored for other, stored in self._stored().items() if other != name})

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One session at a time changes the file."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path.with_suffix(".lock"), timeout=_PATIENCE)
            lock.acquire()
        except (OSError, NotImplementedError) as error:  # a timeout is one as well
            raise InvalidRequest("The bookmarks cannot be written now: free some space, or try again.") from error
        try:
            yield
        finally:
            lock.release()

    def _stored(self) -> dict[str, dict[str, str]]:
        if not self.path.exists():
            return {}
        try:
            stored = read_json(read_regular(self.path, _MAX_BYTES).decode())
        except (LrvizError, ValueError) as error:
            raise InvalidRequest(f"The bookmarks in {self.path.name} cannot be read: move that file away.") from error
        if not isinstance(stored, dict) or not all(map(_is_link, stored.values())):
            raise InvalidRequest(f"The bookmarks in {self.path.name} are none: move that file away.")
        return stored

    def _write(self, stored: Mapping[str, Mapping[str, str]]) -> None:
        """Write the file whole or not at all."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.path, json.dumps(stored, indent=1).encode())
        except OSError as error:
            raise InvalidRequest(f"The bookmark cannot be written ({error.strerror}): free some space.") from error


def _is_link(stored: object) -> bool:
    return (
        isinstance(stored, dict)
        and stored.get("page") in ADDRESSES
        and all(isinstance(value, str) for value in stored.values())
    )


def _view_of(stored: Mapping[str, str]) -> View:
    """The view of a bookmark, without what cannot be read of it."""
    try:
        standing_in = View(models=(stored.get("model", "").strip() or "unknown",), images=IMAGES)
    except InvalidView:  # somebody wrote it by hand
        standing_in = View(models=("unknown",), images=IMAGES)
    return read_link(stored, standing_in.on(stored["page"])).view
