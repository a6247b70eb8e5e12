"""What users uploaded: files in a folder of their own, named by their content, so that links to them keep working."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from lrviz.errors import InvalidRequest, UnreadableFile
from lrviz.files import write_whole

FOLDER_VARIABLE = "LRVIZ_LIBRARY_DIR"
"""Environment variable that names the folder of the library."""

MAX_BYTES = 2 * 2**30
"""Bytes that all uploads together may take."""

UPLOAD = "upload:"
"""What references to files of the library begin with."""

_HASH_DIGITS = 32
_REFERENCE = re.compile(rf"{UPLOAD}([0-9a-f]{{{_HASH_DIGITS}}}\.[a-z0-9]{{1,12}})")


def is_upload(reference: str) -> bool:
    """Whether a text is what the library calls a file, there or not."""
    return reference.startswith(UPLOAD)


def shorten_hash(digits: str) -> str:
    """What the library calls a content, by the digits of its SHA-256."""
    return digits[:_HASH_DIGITS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """A folder of uploads.

    Attributes:
        folder: Where it is.
        max_bytes: Bytes that all uploads together may take.
    """

    folder: Path
    max_bytes: int = MAX_BYTES

    @classmethod
    def of_user(cls) -> "Library":
        """The library in the folder of the environment variable `LRVIZ_LIBRARY_DIR`, or the user's data folder."""
        return cls(folder=Path(os.environ.get(FOLDER_VARIABLE) or Path(platformdirs.user_data_dir("lrviz"), "library")))

    def keep(self, data: bytes, suffix: str) -> str:
        """Keep a file, and return its reference.

        Args:
            data: Its contents.
            suffix: What it ends in, such as ".png".

        Raises:
            InvalidRequest: The library is full, or its folder cannot be written to.
        """
        name = f"{shorten_hash(hashlib.sha256(data).hexdigest())}{suffix}"
        path = self.folder / name
        if not path.is_file():
            if self.size_bytes + len(data) > self.max_bytes:
                raise InvalidRequest(
                    f"Expected uploads of {self.max_bytes / 2**20:,.0f} MB in all at most, and this one of "
                    f"{len(data) / 2**20:,.1f} MB does not fit in: delete some of them first."
                )
            self.write(name, data)
        return f"upload:{name}"

    def path(self, reference: str) -> Path:
        """Where the file of a reference is, if it is there.

        Raises:
            UnreadableFile: The text is no reference.
        """
        match = _REFERENCE.fullmatch(reference)
        if match is None:
            raise UnreadableFile("there is none")
        return self.folder / match[1]

    @property
    def references(self) -> tuple[str, ...]:
        """What is there, the oldest first."""
        files = sorted(self._files(), key=lambda path: path.stat().st_mtime)
        return tuple(f"upload:{path.name}" for path in files)

    @property
    def size_bytes(self) -> int:
        """Bytes that all uploads take."""
        return sum(path.stat().st_size for path in self._files())

    def delete(self, reference: str) -> None:
        """Remove a file and what was said of it, if it is there.

        Raises:
            InvalidRequest: It cannot be removed.
        """
        path = self.path(reference)
        try:
            for file in (path, path.with_name(f"{path.name}.json")):
                file.unlink(missing_ok=True)
        except OSError as error:
            raise InvalidRequest(
                f"Expected to remove {reference} from the library, but it cannot be ({error.strerror}): ask who runs "
                "this server."
            ) from error

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole or not at all.

        Raises:
            InvalidRequest: It cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(self.folder / name, data)
        except OSError as error:
            raise InvalidRequest(
                f"Expected to keep this in the library, but it cannot be written ({error.strerror}): ask who runs "
                f"this server to free some space, or to set {FOLDER_VARIABLE} to another folder."
            ) from error

    def _files(self) -> list[Path]:
        return [path for path in self.folder.glob("*") if _REFERENCE.fullmatch(f"upload:{path.name}")]
