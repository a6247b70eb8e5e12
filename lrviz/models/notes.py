"""Notes: what was said of a network, kept beside its file, or in the library for visitors of the app."""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

from lrviz.errors import InvalidCheckpoint, InvalidRequest, LrvizError, UnreadableFile
from lrviz.files import file_version, format_size, read_json, shown, write_whole
from lrviz.models.access import USER, Access
from lrviz.models.assets import assets_folder
from lrviz.models.card import MAX_CARD_BYTES, Card, is_card, read_value
from lrviz.models.description import NOTHING, Description
from lrviz.models.library import Library, shorten_hash

_ANY_SIZE = 2**62
_TEXTS = ("content", "name")
_LISTS = ("confirmed", "assumed")
_ABOUT = "what was said to lrviz of the network beside it; delete this file to say it anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What was said of a network.

    Attributes:
        said: By the user; nothing that was assumed.
        content: Digest of the file that it was said of.
        name: What to call the network; empty if its file tells.
        confirmed: What is assumed of this content and the user knows.
        found: Its card, so that the network need not be opened to list it; dropped when `said` was edited.
        assumed: What of `found` nobody said or confirmed.
    """

    said: Description = NOTHING
    content: str = ""
    name: str = ""
    confirmed: tuple[str, ...] = ()
    found: Card | None = None
    assumed: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return the note as the text of its file, without what is empty."""
        said = {name: value for name, value in asdict(self.said).items() if value is not None}
        known = {name: getattr(self, name) for name in (*_TEXTS, *_LISTS) if getattr(self, name)}
        card = None if self.found is None else json.loads(self.found.to_json())
        found = {} if card is None else {"found": {"of": self._key, "card": card}}
        return json.dumps({"lrviz": _ABOUT, "said": said} | known | found, indent=2) + "\n"

    @property
    def _key(self) -> str:
        """Tells what is said, of which content."""
        return shorten_hash(hashlib.sha256(repr((self.content, self.said)).encode()).hexdigest())

    @classmethod
    def from_values(cls, values: Mapping[str, Any], source: str) -> "Note":
        """Read the values of a file.

        Args:
            values: By name.
            source: How errors call the file.

        Raises:
            InvalidCheckpoint: A value is none that a note can have.
        """
        try:
            kinds = {field.name: get_args(field.type)[0] for field in fields(Description)}
            said = {name: read_value(value, kinds[name]) for name, value in values["said"].items()}
            texts = {name: read_value(values.get(name, ""), str) for name in _TEXTS}
            lists = {name: read_value(values.get(name, []), tuple[str, ...]) for name in _LISTS}
            note = cls(said=Description(**said), **texts, **lists)
        except (KeyError, ValueError, AttributeError, TypeError, LrvizError) as error:
            raise InvalidCheckpoint(
                f"Expected what was said of a network in {source}, got something else ({shown(str(error))}): correct "
                "or delete that file."
            ) from error
        found = values.get("found")
        if isinstance(found, dict) and found.get("of") == note._key:
            with suppress(LrvizError):  # the network is opened instead
                return replace(note, found=Card.from_json(json.dumps(found.get("card")), source))
        return note


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is known of a network before it is opened.

    Attributes:
        note: What was said of it; an empty one if nothing was.
        card: What `lrviz train`, or an earlier lrviz that kept no notes, wrote of it.
        source: What errors call the file of the note.
        notices: What the user should know of these files, in words such as "that a.json tells nothing of it".
    """

    note: Note = Note()
    card: Card | None = None
    source: str = ""
    notices: tuple[str, ...] = ()


def find_kept(path: Path, access: Access) -> Kept:
    """What is kept of a network's file.

    Raises:
        InvalidCheckpoint: A card or note is damaged, or may not be read.
    """
    if path.is_relative_to(assets_folder()):
        shipped = read_kept(path.with_suffix(".json"), access)
        return Kept(card=shipped if isinstance(shipped, Card) else None)
    ignored: list[str] = []
    place, found = _read_first(_all_places(path, access), access, ignored)
    trained = None
    if not isinstance(found, Card) and path.suffix == ".safetensors":
        trained = _read_first([path.with_suffix(".json")], access, ignored)[1]
    notices = [f"that {name}, which is no card of lrviz's, tells nothing of it" for name in ignored]
    card = found if isinstance(found, Card) else trained if isinstance(trained, Card) else None
    note, source = found if isinstance(found, Note) else Note(), place.name if place else ""
    if note.content and note.content != content_of(path):
        where = "" if access.is_visitor else f" ({source})"
        notices.append(f"that what was said of an earlier content of the file{where} still holds")
        note = replace(note, confirmed=(), found=None, assumed=())
    return Kept(note=note, card=card, source=source, notices=tuple(notices))


def keep_note(path: Path, note: Note, access: Access) -> Path:
    """Keep what was said of a network: beside its file; for a visitor, or where that cannot be written, in the library.

    Returns:
        Where it is.

    Raises:
        InvalidRequest: It cannot be written there, is too long, or files of somebody else's have its names.
    """
    note, text = _shorten(replace(note, content=content_of(path)))
    places = _places(path, access)
    if places[0].parent == Library.of_user().folder:
        if read_kept(places[0], USER) != note:
            Library.of_user().write(places[0].name, text)
        return places[0]
    place = next((free for free in places if not os.path.lexists(free) or read_kept(free, access)), None)
    if place is None:
        raise InvalidRequest(
            f"Expected to keep what was said of the network in {' or '.join(place.name for place in places)} beside "
            "it, but these are files of something else, so that it is not remembered: move one of them away."
        )
    elsewhere = _elsewhere(path)
    try:
        write_whole(place, text)
    except OSError:  # a folder that others share
        Library.of_user().write(elsewhere.name, text)
        return elsewhere
    elsewhere.unlink(missing_ok=True)
    return place


def _shorten(note: Note) -> tuple[Note, bytes]:
    """A note that is short enough to be read again, and the text of its file."""
    for shorter in (note, replace(note, found=None)):
        text = shorter.to_json().encode()
        if len(text) <= MAX_CARD_BYTES:
            return shorter, text
    raise InvalidRequest(
        f"Expected at most {format_size(MAX_CARD_BYTES)} that are said of a network, got {format_size(len(text))}: "
        "give shorter names of classes."
    )


def last_change(path: Path, access: Access) -> int:
    """A number that is another one once a file, or what is kept of it, was written or replaced."""
    kept = [place for place in (*_all_places(path, access), path.with_suffix(".json")) if place.is_file()]
    return file_version(path, *kept)


def read_kept(place: Path, access: Access) -> Note | Card | None:
    """The note or the card in a file; None if there is none, or it is a JSON file of somebody else's.

    Raises:
        InvalidCheckpoint: It is damaged, or may not be read.
    """
    if not os.path.lexists(place):
        return None
    try:
        with access.open(place, _ANY_SIZE) as file:
            data = file.read(MAX_CARD_BYTES + 1)
        text = data.decode("utf-8", errors="replace")
        is_whole = len(data) <= MAX_CARD_BYTES and text.encode() == data
    except (UnreadableFile, OSError) as error:
        raise _unreadable(place, access) from error
    try:
        values = read_json(text) if is_whole else None
    except ValueError:
        values = None
    if isinstance(values, dict) and "lrviz" in values and "said" in values:
        return Note.from_values(values, place.name)
    if not is_card(text) and (values is not None or not all(f'"{name}"' in text for name in ("lrviz", "said"))):
        return None
    if not is_whole:
        raise _unreadable(place, access)
    return Card.from_json(text, place.name)


def _unreadable(place: Path, access: Access) -> InvalidCheckpoint:
    remedy = "choose another model" if access.is_visitor else "fetch it again, or remove it"
    return InvalidCheckpoint(f"Expected a readable card {place.name} beside the checkpoint, got another: {remedy}.")


def _read_first(places: list[Path], access: Access, ignored: list[str]) -> tuple[Path | None, Note | Card | None]:
    """The first note or card in some places, and where it is; the names of files of somebody else's are added."""
    for place in filter(os.path.lexists, places):
        # What the library keeps are no uploads themselves.
        found = read_kept(place, USER if place.parent == Library.of_user().folder else access)
        if found is not None:
            return place, found
        ignored.append(place.name)
    return None, None


def _places(path: Path, access: Access) -> list[Path]:
    """Where what is said of a network may be kept, the place that is preferred first."""
    beside = path.with_name(f"{path.name}.json")
    if path.parent == Library.of_user().folder:
        return [beside]
    own = [beside, path.with_name(f"{path.name}.lrviz.json")]
    if access.is_visitor:
        own.insert(0, Library.of_user().folder / f"{content_of(path)}{path.suffix.lower()}.json")
    return own


def _all_places(path: Path, access: Access) -> list[Path]:
    """Where it may have been kept, the place that counts first."""
    return [*([] if access.is_visitor else [_elsewhere(path)]), *_places(path, access)]


def _elsewhere(path: Path) -> Path:
    """Where a user's own notes on a file are kept if nothing can be written beside it."""
    return Library.of_user().folder / f"own-{content_of(path)}.json"


def content_of(path: Path) -> str:
    """What tells a file's content from all others; what the library holds is named by it."""
    if path.parent == Library.of_user().folder:
        return path.stem
    status = path.stat()
    return _hash_file(path, status.st_mtime_ns, status.st_size, status.st_ino)


@lru_cache(maxsize=256)
def _hash_file(path: Path, changed: int, size: int, number: int) -> str:
    with path.open("rb") as file:
        return shorten_hash(hashlib.file_digest(file, "sha256").hexdigest())
