"""Who may read which file: the user of the command line and of Python all of theirs, a visitor of the app very few."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lrviz.errors import UnreadableFile
from lrviz.files import open_regular
from lrviz.models.assets import assets_folder
from lrviz.models.library import Library, is_upload
from lrviz.results.diskstore import cache_folder

FOLDERS_VARIABLE = "LRVIZ_DATA_DIRS"
"""Environment variable with the folders whose files visitors of the app may name, separated as those of `PATH` are."""

TRUST_VARIABLE = "LRVIZ_TRUST_UPLOADS"
"""Environment variable; 1 if files that run code when they are opened may be opened for visitors of the app."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Which files a text may name, besides those of the library; regular ones only.

    Attributes:
        folders: Files below these, links followed, may be named; None for every file of the user's.
        trust: Whether files may be opened that run code when they are: exported programs, TorchScript.
    """

    folders: tuple[Path, ...] | None = None
    trust: bool = False

    @property
    def is_visitor(self) -> bool:
        """Whether the text comes from the app: what it names may not be told, and remedies are those of its pages."""
        return self.folders is not None

    def locate(self, name: str | Path, limit: int) -> Path:
        """The place of a file that may be read.

        Args:
            name: Its path, or what the library calls it.
            limit: Most bytes that it may have.

        Raises:
            UnreadableFile: There is no such file, or it may not be read; a visitor is not told which.
        """
        with self.open(name, limit) as file:
            return Path(file.name)

    def open(self, name: str | Path, limit: int) -> BinaryIO:
        """Open a file that may be read; arguments and errors as for `locate`."""
        if is_upload(str(name)):
            return open_regular(Library.of_user().path(str(name)), limit)
        if self.folders is None:
            return open_regular(name, limit)
        try:
            path = Path(os.path.realpath(name, strict=True))
        except (OSError, ValueError) as error:
            raise UnreadableFile("there is none") from error
        if not any(path.is_relative_to(os.path.realpath(folder)) for folder in self.folders):
            raise UnreadableFile("there is none")
        return open_regular(path, limit)


USER = Access()
"""The access of the command line and of Python."""


def visitor() -> Access:
    """The access of the app: what ships, uploads, and what lies below the folders of `LRVIZ_DATA_DIRS`."""
    named = os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)
    earlier_uploads = cache_folder() / "uploads"
    folders = assets_folder(), earlier_uploads, *(Path(name).expanduser() for name in named if name)
    return Access(folders=folders, trust=os.environ.get(TRUST_VARIABLE) == "1")
